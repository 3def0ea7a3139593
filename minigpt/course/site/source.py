"""Show the package's own source as pages, and find the modules that a lesson uses."""

import ast
from html import escape
from pathlib import Path

from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename

import minigpt
from minigpt.paths import PACKAGE

LIGHT, DARK = "friendly", "github-dark"


def source_files() -> list[Path]:
    """Return all modules, Python's and JavaScript's, below the package's folder."""
    found = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("web/*.js")]
    return sorted(path.relative_to(PACKAGE) for path in found)


def source_html(path: Path) -> str:
    """Return a module as HTML with a number, and an anchor, for each line."""
    formatter = HtmlFormatter(linenos="inline", lineanchors="line", anchorlinenos=True)
    text = (PACKAGE / path).read_text(encoding="utf-8")
    return highlight(text, get_lexer_for_filename(path.name), formatter)


def source_page(path: Path) -> str:
    """Return the name of a module's page: `source-course-lessons.py.html`."""
    return f"source-{'-'.join(path.parts)}.html"


def summary(path: Path) -> str:
    """Return the first sentence of a module, in HTML."""
    text = (PACKAGE / path).read_text(encoding="utf-8")
    if path.suffix == ".py":
        first = (ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0]
    else:
        comment = text.lstrip().splitlines()[0]
        first = comment.removeprefix("//").strip() if comment.startswith("//") else ""
    return escape(" ".join(first.split()), quote=False)


def styles() -> str:
    """Return the colours of highlighted code, for light and dark."""
    light, dark = (
        HtmlFormatter(style=style).get_style_defs(".highlight")
        for style in (LIGHT, DARK)
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def modules_of(notebook: NotebookNode) -> list[Path]:
    """Return the files of the modules that a lesson's cells import."""
    found = set()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.ImportFrom) and node.module:
                    for alias in node.names:
                        found.add(_file_of(node.module, alias.name))
    return sorted(path for path in found if path is not None)


def _file_of(module: str, name: str) -> Path | None:
    """Return the file that `from module import name` reads, None if not of minigpt."""
    first, *rest = module.split(".")
    if first != "minigpt":
        return None
    if not rest and name in minigpt._MODULE_OF:
        rest = [minigpt._MODULE_OF[name]]
    for parts in ([*rest, name], rest):
        stem = Path(*parts)
        for path in (stem.with_suffix(".py") if parts else stem, stem / "__init__.py"):
            if (PACKAGE / path).is_file():
                return path
    return None

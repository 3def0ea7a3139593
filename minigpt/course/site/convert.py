"""Turn a notebook into HTML that fetches nothing, with nbconvert."""

import base64
import re
from collections.abc import Callable
from copy import deepcopy
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, pass_context
from latex2mathml.converter import convert as to_mathml
from nbconvert.exporters import HTMLExporter, SlidesExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from minigpt.course.lessons import headings, slug

TEMPLATES = Path(__file__).parent / "templates"
PAGES = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)

Address = Callable[[str], str]  # of a link or picture in a lesson, its address here


class Renderer(IPythonRenderer):
    """Markdown as HTML: formulas as MathML, which browsers draw by themselves."""

    def __init__(self, address: Address) -> None:
        super().__init__(escape=False)
        self.address = address

    def heading(self, text: str, level: int, **_: Any) -> str:
        """Give each heading an anchor."""
        anchor = slug(re.sub(r"<[^>]+>", "", text))
        return f'<h{level} id="{anchor}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Let a link lead to the page of the notebook that it names."""
        return super().link(text, self.address(url), title)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Show the static picture of a panel."""
        shown = super().image(text, self.address(url), title)
        return shown.replace("<img ", '<img class="panel" loading="lazy" ')

    def inline_math(self, body: str) -> str:
        """Return a formula within a line."""
        return to_mathml(body)

    def block_math(self, body: str) -> str:
        """Return a formula on a line of its own, which scrolls if it is too wide."""
        return f'<span class="scroll">{to_mathml(body, display="block")}</span>'


def render_markdown(source: str, address: Address = str) -> str:
    """Return markdown as HTML."""
    html = MarkdownWithMath(renderer=Renderer(address)).render(source)
    return re.sub(
        r"(<table>.*?</table>)", r'<div class="scroll">\1</div>', html, flags=re.S
    )


class LessonExporter(HTMLExporter):
    """The cells of a lesson as HTML, without a page around them."""

    layout = "lesson"

    def __init__(self, address: Address) -> None:
        self.address = address
        super().__init__(
            template_name=self.layout,
            extra_template_basedirs=[str(TEMPLATES)],
            extra_template_paths=[str(TEMPLATES)],
        )

    @pass_context
    def markdown2html(self, _: Any, source: str) -> str:
        """Render a markdown cell."""
        return render_markdown(source, self.address)


class LessonSlidesExporter(LessonExporter, SlidesExporter):
    """The cells of a lesson as sections, one for each slide."""

    layout = "slides"


def lesson_to_html(
    notebook: NotebookNode, address: Address, folder: str
) -> tuple[str, dict[str, bytes]]:
    """Return the cells of a lesson as HTML, and its figures by their names.

    Args:
        address: gives the address on the page for a link or picture in the notebook.
        folder: where the page finds the figures.
    """
    return _convert(LessonExporter(address), notebook, folder)


def lesson_to_slides(notebook: NotebookNode, address: Address) -> str:
    """Return the slides of a lesson as HTML, with its figures within."""
    html, figures = _convert(LessonSlidesExporter(address), notebook, "figures")
    for name, picture in figures.items():
        html = html.replace(f'src="{name}"', f'src="{as_address(picture)}"')
    return html


def as_address(picture: bytes) -> str:
    """Return a PNG as an address that has the whole picture in it."""
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")


def _convert(
    exporter: HTMLExporter, notebook: NotebookNode, folder: str
) -> tuple[str, dict[str, bytes]]:
    notebook, figures = described(notebook), {}
    for cell in notebook.cells:
        for number, output in enumerate(cell.get("outputs", [])):
            if "image/png" in output.get("data", {}):
                name = f"{folder}/{cell.id}{f'-{number}' if number else ''}.png"
                figures[name] = base64.b64decode(output.data.pop("image/png"))
                output.data["image/png"] = ""  # the page has its name
                output.metadata.filename = name
    return exporter.from_notebook_node(notebook)[0], figures


def described(notebook: NotebookNode) -> NotebookNode:
    """Return a copy in which each figure has a text for those who cannot see it.

    A panel is told whether a picture of it stands in the cell before it.
    """
    notebook = deepcopy(notebook)
    section = before = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            before = cell.source
            section = next((t for _, t in reversed(headings(before))), section)
        for output in cell.get("outputs", []):
            if "data" in output:
                output.metadata.alt = f"Figure in “{section}”; the text explains it."
                output.metadata.pictured = "panels/" in before
    return notebook


def read_template(name: str) -> str:
    """Return a file of the templates, such as a style sheet."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def plain(heading: str) -> str:
    """Return the heading of a markdown cell in HTML, without emphasis or code."""
    return escape(re.sub(r"[`*]", "", heading), quote=False)

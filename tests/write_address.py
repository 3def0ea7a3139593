"""Copy the repository's address from pyproject.toml to where readers meet it.

    python tests/write_address.py

The README gets it in its links to Colab and Binder and in the command that clones the
course. Each lesson gets it in its first code cell, which this script inserts where it
is missing: the cell installs the course where it is not installed, as on Colab, and is
on no slide.
"""

import re
import tomllib
from copy import deepcopy
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from notebook_tools import INSTALL

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS, README = ROOT / "notebooks", ROOT / "README.md"
# `git clone` and the links to Colab and to Binder, up to the address.
BEFORE_IT = (
    r"git clone https://github\.com/",
    r"\(https://colab\.research\.google\.com/github/",
    r"\(https://mybinder\.org/v2/gh/",
)
CELL = """\
from importlib.util import find_spec
from pathlib import Path

if find_spec("minigpt") is None:  # as on Colab: install the course
    wheels = [path.resolve().as_uri() for path in Path().glob("minigpt-*.whl")]
    source = (wheels or ["git+{address}"])[0]
    get_ipython().run_line_magic("pip", f'install -q "minigpt[colab] @ {{source}}"')"""


def address() -> str:
    """Return the repository's address, https://github.com/OWNER/NAME."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["urls"]["Repository"]


def with_address(page: str) -> str:
    """Return the README with the address wherever another one stood."""
    repository = address().removeprefix("https://github.com/")
    place = rf"(?P<before>{'|'.join(BEFORE_IT)})[\w.-]+/[\w.-]+"
    return re.sub(place, rf"\g<before>{repository}", page)


def with_install_cell(notebook: NotebookNode) -> NotebookNode:
    """Return a lesson with the cell that installs the course as its first code cell."""
    changed = deepcopy(notebook)
    changed.cells = [cell for cell in changed.cells if cell.id != INSTALL]
    first = [cell.cell_type for cell in changed.cells].index("code")
    source = CELL.format(address=address())
    cell = nbformat.v4.new_code_cell(
        source, id=INSTALL, metadata={"tags": [INSTALL, "skip"]}
    )
    changed.cells.insert(first, cell)
    number(changed)
    return changed


def number(notebook: NotebookNode) -> None:
    """Count the code cells, as if they had been run from top to bottom."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, 1):
        cell.execution_count = count
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count


if __name__ == "__main__":
    page = README.read_text(encoding="utf-8")
    README.write_text(with_address(page), encoding="utf-8")
    for path in sorted(NOTEBOOKS.rglob("*.ipynb")):
        nbformat.write(with_install_cell(nbformat.read(path, as_version=4)), path)

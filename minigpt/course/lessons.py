"""Read the notebooks of the course, and write what is made from them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from minigpt.paths import ASSETS, NOTEBOOKS

# Those of the clone that the package runs from, or else the learner's own.
_CLONED = ASSETS / "notebooks"
LESSONS = _CLONED if _CLONED.is_dir() else NOTEBOOKS
HEADING = re.compile(r"^(#{1,4}) (.+)", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Lesson:
    """A notebook of the course and its place below the folder of the notebooks."""

    path: Path
    place: Path
    notebook: NotebookNode

    @property
    def number(self) -> str:
        """What its name begins with: "02" of `02_attention.ipynb`."""
        return self.path.stem.partition("_")[0]

    @property
    def title(self) -> str:
        """Its first heading."""
        heading = HEADING.search(self.notebook.cells[0].source)
        return heading[2] if heading else self.path.stem

    @property
    def minutes(self) -> str:
        """How long it takes, as its first cell says; "" if it does not."""
        found = re.search(r"(\d+) minutes", self.notebook.cells[0].source)
        return found[1] if found else ""


def read_lessons(folder: Path) -> list[Lesson]:
    """Return the numbered notebooks of a folder, then those in its `beyond/`.

    Raises:
        ValueError: there are none, or one of them is no notebook.
    """
    paths = [*folder.glob("[0-9]*.ipynb"), *folder.glob("beyond/*.ipynb")]
    if not paths:
        raise ValueError(
            f"there are no lessons in {folder}: run this in a clone of the course"
        )
    lessons = []
    for path in sorted(paths, key=lambda path: (path.parent, path.name)):
        try:
            notebook = nbformat.read(path, as_version=4)
        except Exception as error:  # JSON that is not a notebook fails in many ways
            raise ValueError(f"{path}: this is no notebook") from error
        lessons.append(Lesson(path, path.relative_to(folder), notebook))
    return lessons


def headings(source: str) -> list[tuple[int, str]]:
    """Return the level and the text of each heading in a markdown cell."""
    found = HEADING.findall(FENCED.sub("", source))
    return [(len(marks), text.strip()) for marks, text in found]


def slug(text: str) -> str:
    """Return the anchor of a heading: "Bits per character" is `bits-per-character`."""
    return re.sub(r"\W+", "-", text.lower()).strip("-")


def panel_pictures(folder: Path) -> Iterator[Path]:
    """Yield the static pictures of the panels, which the lessons show."""
    yield from sorted(folder.glob("panels/*.png"))

"""Make editions of the lessons: for learners, for teachers, and as slides.

All are made from the same notebooks, so that there is one text to look after.
"""

import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from minigpt.course.lessons import Lesson, headings, panel_pictures, read_lessons

FOLDED = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
HELD_BACK = "<details><summary>Solution</summary>\n\nYour teacher has it.\n\n</details>"
# The notes on a lesson begin with its title: "**00 Can a laptop learn to write?**".
NOTES = re.compile(
    r"^\*\*(?:\d\d|Beyond:) ([^*]+)\*\*(.*?)(?=^\*\*(?:\d\d|Beyond:) |^## )",
    re.MULTILINE | re.DOTALL,
)
TEACHING = "TEACHING.md"
# A tag of a cell decides over what the slides would make of it, in nbconvert's words.
SLIDE_TYPES = "slide", "subslide", "fragment", "skip"
NEW_TERMS = "\n\n**New terms.**"


def learner_edition(folder: Path) -> dict[str, bytes]:
    """Return the notebooks without the solutions of their exercises; hints stay."""

    def held_back(found: re.Match[str]) -> str:
        return HELD_BACK if found[1] == "Solution" else found[0]

    return _notebooks(folder, lambda lesson: _refolded(lesson.notebook, held_back))


def teacher_edition(folder: Path) -> dict[str, bytes]:
    """Return the notebooks with solutions and answers in sight, and a teacher's notes.

    Raises:
        ValueError: the notes are not there.
    """
    try:
        page = (folder / TEACHING).read_text(encoding="utf-8")
    except OSError:
        raise ValueError(f"there is no {TEACHING} in {folder}") from None
    notes = {title: text.strip() for title, text in NOTES.findall(page)}

    def unfolded(found: re.Match[str]) -> str:
        hint = found[1].startswith("Hint")
        return found[0] if hint else f"**{found[1]}**\n\n{found[2].strip()}"

    def taught(lesson: Lesson) -> NotebookNode:
        notebook = _refolded(lesson.notebook, unfolded)
        if lesson.title in notes:
            text = f"**For the teacher.** {notes[lesson.title]}"
            quoted = "\n".join(f"> {line}".rstrip() for line in text.splitlines())
            cell = nbformat.v4.new_markdown_cell(quoted, id="for-the-teacher")
            notebook.cells.insert(1, cell)
        return notebook

    return _notebooks(folder, taught) | {TEACHING: page.encode()}


def slides_edition(folder: Path) -> dict[str, bytes]:
    """Return a page of slides for each lesson, which has all that it shows in it."""
    from minigpt.course.site.slides import slides_page

    return {
        f"{lesson.path.stem}.html": slides_page(lesson, as_slides(lesson.notebook))
        for lesson in read_lessons(folder)
    }


def as_slides(notebook: NotebookNode) -> NotebookNode:
    """Return a copy whose cells say, as nbconvert reads it, what slide they are on.

    A heading begins a new slide, a passage and a figure one below it; code stands on
    the slide of the passage before it. Hints, solutions and imports are left out, and
    so is what the last cell says after what was built.
    """
    notebook = deepcopy(notebook)
    closing = notebook.cells[-1]
    closing.source = closing.source.partition(NEW_TERMS)[0]
    before = ""
    for cell in notebook.cells:
        tags = set(SLIDE_TYPES).intersection(cell.metadata.get("tags", []))
        chosen = min(tags, default="") or _slide_type(cell, before)
        cell.metadata.slideshow = {"slide_type": chosen}
        if cell.cell_type == "code" and _shows_picture(cell):
            cell.metadata.transient = {"remove_source": True}
        if "exercises.check(" in cell.source:
            cell.outputs = []
        before = cell.cell_type
    return notebook


def _slide_type(cell: NotebookNode, before: str) -> str:
    if "<details>" in cell.source or "plots.use_house_style()" in cell.source:
        return "skip"
    if cell.cell_type == "markdown":
        return "slide" if headings(cell.source) else "subslide"
    return "subslide" if _shows_picture(cell) or before == "code" else "-"


def _shows_picture(cell: NotebookNode) -> bool:
    outputs = cell.get("outputs", [])
    return any("image/png" in output.get("data", {}) for output in outputs)


def _refolded(
    notebook: NotebookNode, change: Callable[[re.Match[str]], str]
) -> NotebookNode:
    """Return a copy with everything changed that is folded in its text."""
    notebook = deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = FOLDED.sub(change, cell.source)
    return notebook


def _notebooks(
    folder: Path, change: Callable[[Lesson], NotebookNode]
) -> dict[str, bytes]:
    """Return changed notebooks by their names, and the pictures that they show."""
    files = {f"panels/{p.name}": p.read_bytes() for p in panel_pictures(folder)}
    for lesson in read_lessons(folder):
        text = nbformat.writes(change(lesson))
        files[lesson.place.as_posix()] = f"{text}\n".encode()
    return files


EDITIONS: dict[str, Callable[[Path], dict[str, bytes]]] = {
    "learner": learner_edition,
    "teacher": teacher_edition,
    "slides": slides_edition,
}

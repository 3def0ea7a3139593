"""Show how far a class has come: `minigpt progress`."""

import re
import sys
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path

from minigpt.course.exercises import exercise_names
from minigpt.course.exercises.progress import Learner, class_of, stumbling_blocks
from minigpt.course.exercises.verdict import lesson_of
from minigpt.paths import NOTEBOOKS

MOST_BLOCKS = 5
LESSON = re.compile(
    "00_start_here|01_tokenization|02_attention|03_block|04_training|05_sampling"
    r"|06_train_and_play|looking_inside"
    r"|\(\d+\)|-Copy\d*"  # a second download, a duplicate
)
BEYOND = "beyond"  # the folder of the notebooks that follow the course


def run(folder: Path | None) -> None:
    """Print a row for each learner; say on standard error what could not be read."""
    folder = NOTEBOOKS if folder is None else folder
    notebooks = {path: owner(path, folder) for path in notebooks_in(folder)}
    if not notebooks:
        raise ValueError(f"there are no notebooks in {folder}")
    learners, problems = class_of(notebooks)
    for line in report(learners):
        print(line)
    for problem in problems:
        print(f"minigpt: {problem}", file=sys.stderr)


def notebooks_in(folder: Path) -> Iterator[Path]:
    """Yield the notebooks below a folder, except those in hidden folders."""
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    for path in folder.rglob("*.ipynb"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


def owner(notebook: Path, folder: Path) -> str:
    """Return whose notebook it is: the name of the first folder on the way to it.

    Without one it is what the file's name adds to the lesson's, as in
    "anna_02_attention.ipynb", or else the name of the folder itself.
    """
    parts = notebook.relative_to(folder).parts
    first, *rest = [part for part in parts if part != BEYOND]
    if rest:
        return first
    name = LESSON.sub("", notebook.stem).strip(" _-")
    return name or folder.resolve().name


def report(learners: list[Learner]) -> Iterator[str]:
    """Yield the lines of the table, and of where the class is stuck."""
    exercises = exercise_names()
    lessons = [list(names) for _, names in groupby(exercises, lesson_of)]
    width = max(len("learner"), *(len(learner.name) for learner in learners))
    heads = [lesson_of(names[0]).ljust(len(names)) for names in lessons]
    yield "  ".join(["learner".ljust(width), *heads, "solved"])
    for learner in learners:
        marks = ["".join(map(learner.mark, names)) for names in lessons]
        solved = f"{learner.solved(exercises)} of {len(exercises)}"
        yield "  ".join([learner.name.ljust(width), *marks, solved])
    yield ""
    yield "✓ right  ✗ wrong  ○ not started  · no verdict in the file"
    blocks = islice(stumbling_blocks(learners), MOST_BLOCKS)
    for exercise, wrong, verdict, times in blocks:
        yield f"{exercise}: wrong for {wrong}; {times} of them read {verdict}"

"""Read from learners' notebooks how far they have come."""

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from minigpt.course.exercises.verdict import exercise_names

NO_VERDICT = "·"
CHECK = re.compile(r"""exercises\.check\(\s*["']([\w.]+)["']""")
VERDICT = re.compile(r"[○✓✗]")


@dataclass
class Learner:
    """A learner's verdicts: the text that stands below each exercise, by its name."""

    name: str
    verdicts: dict[str, str] = field(default_factory=dict)

    def mark(self, exercise: str) -> str:
        """Return ✓ or ✗, ○ if it was not started, · if there is no verdict."""
        return self.verdicts.get(exercise, NO_VERDICT)[0]

    def solved(self, exercises: Iterable[str]) -> int:
        """Return how many of the exercises are right."""
        return sum(self.mark(exercise) == "✓" for exercise in exercises)


def verdicts(notebook: Path) -> dict[str, str]:
    """Return the verdict that stands below each exercise of a saved notebook.

    Nothing is run. Of several verdicts on one exercise the last counts, or one that is
    right: lesson 00 shows a wrong answer before it asks for one.

    Raises:
        ValueError: it is no notebook.
        OSError: it cannot be read.
    """
    found: dict[str, str] = {}
    try:
        for exercise, verdict in _in_cells(notebook):
            if found.get(exercise, NO_VERDICT)[0] != "✓":
                found[exercise] = verdict
    # subtle: JSON that is no notebook can fail nbformat in any of these ways.
    except (
        ValueError,
        AttributeError,
        TypeError,
        KeyError,
        nbformat.ValidationError,
    ) as error:
        raise ValueError(f"{notebook}: this is no notebook") from error
    return found


def _in_cells(notebook: Path) -> Iterator[tuple[str, str]]:
    with warnings.catch_warnings(action="ignore"):  # an older Jupyter's has no ids
        cells = nbformat.read(notebook, as_version=4).cells
    for cell in cells:
        checked = CHECK.search(cell.source) if cell.cell_type == "code" else None
        if checked is None:
            continue
        texts = [
            output.data["text/plain"]
            for output in cell.outputs
            if "text/plain" in output.get("data", {})
        ]
        yield checked[1], next(filter(VERDICT.match, texts), NO_VERDICT)


def better(a: str, b: str) -> str:
    """Return the one of two verdicts that is further along."""
    return max(a, b, key=lambda verdict: "·○✗✓".index(verdict[0]))


def class_of(notebooks: Mapping[Path, str]) -> tuple[list[Learner], list[str]]:
    """Return the learners by their names, and what could not be read, a line each.

    Args:
        notebooks: whose each of the files is.
    """
    learners: dict[str, Learner] = {}
    problems = []
    for path, name in sorted(notebooks.items()):
        try:
            for exercise, verdict in verdicts(path).items():
                learner = learners.setdefault(name, Learner(name))
                known = learner.verdicts.get(exercise, NO_VERDICT)
                learner.verdicts[exercise] = better(verdict, known)
        except ValueError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
    return sorted(learners.values(), key=lambda one: one.name.casefold()), problems


def in_course_order(learners: Iterable[Learner]) -> list[str]:
    """Return all exercises of the course as they follow each other in the notebooks."""
    seen = [exercise for learner in learners for exercise in learner.verdicts]
    known = exercise_names()
    named = dict.fromkeys([*(name for name in seen if name in known), *known])
    return sorted(named, key=lambda exercise: exercise[:2])


def stumbling_blocks(
    learners: Iterable[Learner],
) -> Iterator[tuple[str, int, str, int]]:
    """Yield the exercises that were tried and are wrong, most often wrong first.

    With each comes how many learners have it wrong, the verdict that most of them
    read, and how many they are.
    """
    wrong: dict[str, Counter[str]] = {}
    for learner in learners:
        for exercise, verdict in learner.verdicts.items():
            if verdict[0] == "✗":
                wrong.setdefault(exercise, Counter())[verdict] += 1
    for exercise, said in sorted(wrong.items(), key=lambda item: -item[1].total()):
        [(verdict, times)] = said.most_common(1)
        yield exercise, said.total(), verdict, times

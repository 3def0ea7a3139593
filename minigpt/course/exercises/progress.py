"""Read from learners' notebooks how far they have come."""

import ast
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from minigpt.course.exercises.verdict import exercise_names

NO_VERDICT = "·"
VERDICT = re.compile(r"[○✓✗] [^○✓✗]*")
NAMES = frozenset(exercise_names())
NAME = re.compile(r"""["'](\w+\.\w+)["']""")
MAGIC = re.compile(r"^[%!].*", re.MULTILINE)


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
    """Return the verdict below each exercise that a saved notebook checks, or "·".

    Nothing is run. Of several verdicts on one exercise the last counts, or one that is
    right: lesson 00 shows a wrong answer before it asks for one.

    Raises:
        ValueError: it is not a notebook.
        OSError: it cannot be read.
    """
    found: dict[str, str] = {}
    try:
        with warnings.catch_warnings(action="ignore"):  # older notebooks have no ids
            cells = nbformat.read(notebook, as_version=4).cells
        for cell in (cell for cell in cells if cell.cell_type == "code"):
            for name, verdict in _pairs(cell.source, cell.outputs):
                known = found.setdefault(name, verdict)
                if verdict != NO_VERDICT and known[0] != "✓":
                    found[name] = verdict
    except OSError:
        raise
    except Exception as error:  # JSON that is not a notebook fails in many ways
        raise ValueError(f"{notebook}: this is no notebook") from error
    return found


def _pairs(source: str, outputs: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield the exercises that a cell checks, each with "·" and with what it shows."""
    names = _checked(source)
    yield from ((name, NO_VERDICT) for name in names)
    results = _texts(o for o in outputs if o.output_type == "execute_result")
    printed = _texts(o for o in outputs if o.output_type != "execute_result")
    # Of results, Jupyter shows the last one, or by a setting all. A learner's own lines
    # come before what is printed, and an error prevents the last of it.
    several = max(len(names) - len(results), 0)
    yield from zip(names[several:], results[-len(names) :], strict=False)
    yield from zip(names[:several], printed[-several:], strict=False)


def _checked(source: str) -> list[str]:
    """Return the names of exercises in a cell's code, not in its comments."""
    try:
        tree = ast.parse(MAGIC.sub("", source))
    except (SyntaxError, ValueError, RecursionError):
        return [name for name in NAME.findall(source) if name in NAMES]
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    strings.sort(key=lambda node: (node.lineno, node.col_offset))
    return [str(node.value) for node in strings if node.value in NAMES]


def _texts(outputs: Iterable[Any]) -> list[str]:
    """Return the verdicts in outputs, in their order."""
    found: list[str] = []
    for output in outputs:
        text = output.get("text", output.get("data", {}).get("text/plain", ""))
        for line in text.splitlines():
            inside = [one.strip(" '\"),]") for one in VERDICT.findall(line)]
            found += [line] if VERDICT.match(line) else inside
    return found


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
                best = learners.setdefault(name, Learner(name)).verdicts
                both = best.get(exercise, NO_VERDICT), verdict
                best[exercise] = max(both, key=lambda one: "·○✗✓".index(one[0]))
        except ValueError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
    return sorted(learners.values(), key=lambda one: one.name.casefold()), problems


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

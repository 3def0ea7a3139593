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
NAME = re.compile(r"""["'](\d\d\.\w+)["']""")
MAGIC = re.compile(r"^[%!].*", re.MULTILINE)
Held = dict[str, list[str]]


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
    held: Held = {}
    try:
        with warnings.catch_warnings(action="ignore"):  # older notebooks have no ids
            cells = nbformat.read(notebook, as_version=4).cells
        for cell in (cell for cell in cells if cell.cell_type == "code"):
            for name, verdict in _pairs(cell.source, cell.outputs, held):
                known = found.setdefault(name, verdict)
                if verdict != NO_VERDICT and known[0] != "✓":
                    found[name] = verdict
    except OSError:
        raise
    except Exception as error:  # JSON that is not a notebook fails in many ways
        raise ValueError(f"{notebook}: this is no notebook") from error
    return found


def _pairs(source: str, outputs: list[Any], held: Held) -> Iterator[tuple[str, str]]:
    """Yield the exercises that a cell checks, each with "·" and with what it shows.

    `held` has the exercises whose verdicts are in a variable, and is updated.
    """
    try:
        body = ast.parse(MAGIC.sub("", source)).body
    except (SyntaxError, ValueError, RecursionError):
        yield from ((name, NO_VERDICT) for name in NAMES & {*NAME.findall(source)})
        return
    printed: list[str] = []
    shown: list[str] = []
    for statement in body:
        yield from ((name, NO_VERDICT) for name in _named(statement, held))
        calls = sorted(filter(_prints, ast.walk(statement)), key=_position)
        for call in calls:
            printed += _named(call, held)
        if isinstance(statement, ast.Expr) and not calls:
            shown += _named(statement, held)
        if isinstance(statement, ast.Assign):
            held.update(_assigned(statement.targets[0], statement.value, held))
    results = _texts(o for o in outputs if o.output_type == "execute_result")
    others = _texts(o for o in outputs if o.output_type != "execute_result")
    # A learner's own lines come before a printed verdict, and an error prevents the
    # later ones. Of results, Jupyter shows the last, or by a setting all.
    yield from zip(printed, others[-len(printed) :], strict=False)
    yield from zip(reversed(shown), reversed(results), strict=False)


def _assigned(target: Any, value: Any, held: Held) -> Held:
    """Return the exercises whose verdicts an assignment puts into each variable."""
    several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
    pairs = zip(target.elts, value.elts, strict=False) if several else [(target, value)]
    return {a.id: _named(b, held) for a, b in pairs if isinstance(a, ast.Name)}


def _named(node: ast.AST, held: Held) -> list[str]:
    """Return the exercises whose verdicts are in an expression, in its order."""
    found: list[str] = []
    for part in sorted(ast.walk(node), key=_position):
        if isinstance(part, ast.Constant) and part.value in NAMES:
            found.append(str(part.value))
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            found += held.get(part.id, [])
    return found


def _position(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _prints(node: ast.AST) -> bool:
    function = node.func if isinstance(node, ast.Call) else None
    return isinstance(function, ast.Name) and function.id in ("print", "display")


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

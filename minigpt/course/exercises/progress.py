"""Read from learners' notebooks how far they have come."""

import ast
import re
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from minigpt.course.exercises.verdict import exercise_names

NO_VERDICT = "·"
VERDICT = re.compile(r"[○✓✗] [^○✓✗]*")
KNOWN = frozenset(exercise_names())
PRINTERS = ("print", "display")
# For cells that are not Python, because of a typing error or of IPython's magics.
CHECK = re.compile(r"""^[^#\n]*\bcheck\(\s*(?:name\s*=\s*)?["']([\w.]+)["']""", re.M)


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
        ValueError: it is not a notebook.
        OSError: it cannot be read.
    """
    found: dict[str, str] = {}
    try:
        with warnings.catch_warnings(action="ignore"):  # older notebooks have no ids
            cells = nbformat.read(notebook, as_version=4).cells
        reader = _Reader()
        for cell in cells:
            if cell.cell_type != "code":
                continue
            for exercise, verdict in reader.read(cell.source, cell.outputs):
                known = found.setdefault(exercise, verdict)
                if verdict != NO_VERDICT and known[0] != "✓":
                    found[exercise] = verdict
    # subtle: JSON that is not a notebook can fail nbformat in any of these ways.
    except (
        ValueError,
        AttributeError,
        TypeError,
        KeyError,
        nbformat.ValidationError,
    ) as error:
        raise ValueError(f"{notebook}: this is no notebook") from error
    return found


class _Reader:
    """Pair the checks in the cells of one notebook with the verdicts below them."""

    def __init__(self) -> None:
        self.aliases = {"check"}  # what the function is called in this notebook
        self.holds: dict[str, list[str]] = {}  # the exercises of verdicts in variables

    def read(self, source: str, outputs: Iterable[Any]) -> Iterator[tuple[str, str]]:
        """Yield each exercise that a cell checks, with its verdict or `NO_VERDICT`."""
        results = [o for o in outputs if o.output_type == "execute_result"]
        others = [o for o in outputs if o.output_type != "execute_result"]
        try:
            checked, printed, shown = self._follow(ast.parse(source).body)
        except (SyntaxError, ValueError, RecursionError):
            checked, printed, results = [], [], [*others, *results]
            shown = [name if name in KNOWN else "" for name in CHECK.findall(source)]
        pairs = [(exercise, NO_VERDICT) for exercise in [*checked, *shown]]
        # A learner's own lines come before a printed verdict, and an error prevents the
        # later ones. Of results, Jupyter shows the last, or by a setting all.
        pairs += zip(printed, _texts(others)[-len(printed) :], strict=False)
        pairs += zip(reversed(shown), reversed(_texts(results)), strict=False)
        yield from (pair for pair in pairs if pair[0])

    def _follow(self, body: list[ast.stmt]) -> tuple[list[str], list[str], list[str]]:
        """Return the exercises that are checked, printed, and shown as the result."""
        checked: list[str] = []
        printed: list[str] = []
        shown: list[str] = []
        for statement in body:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef):
                continue
            self._remember(statement)
            checked += self._exercises(statement)
            calls = [one for one in ast.walk(statement) if _calls(one, PRINTERS)]
            for call in sorted(calls, key=_position):
                printed += self._exercises(call)
            if isinstance(statement, ast.Expr) and not calls:
                shown += self._exercises(statement)
        return checked, printed, shown

    def _remember(self, statement: ast.stmt) -> None:
        """Learn other names for `check`, and which variables hold verdicts."""
        for node in ast.walk(statement):
            if isinstance(node, ast.ImportFrom):
                new = [a.asname or a.name for a in node.names if a.name == "check"]
                self.aliases.update(new)
            elif isinstance(node, ast.Assign):
                for target, value in _assigned(node.targets[0], node.value):
                    if isinstance(value, ast.Attribute) and value.attr == "check":
                        self.aliases.add(target)
                    self.holds[target] = self._exercises(value)

    def _exercises(self, node: ast.AST) -> list[str]:
        """Return the exercises whose verdicts are in an expression, in its order."""
        found: list[str] = []
        for part in sorted(ast.walk(node), key=_position):
            if isinstance(part, ast.Call) and _calls(part, self.aliases):
                given = [k.value for k in part.keywords if k.arg == "name"] + part.args
                name = getattr(given[0], "value", "") if given else ""
                found.append(name if isinstance(name, str) and name in KNOWN else "")
            elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
                found += self.holds.get(part.id, [])
        return found


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for pair in zip(target.elts, value.elts, strict=False):
            yield from _assigned(*pair)
    elif isinstance(target, ast.Name):
        yield target.id, value


def _position(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _calls(node: ast.AST, names: Collection[str]) -> bool:
    """Whether it calls a function, or the method of any object, of such a name."""
    if not isinstance(node, ast.Call):
        return False
    return getattr(node.func, "id", getattr(node.func, "attr", None)) in names


def _texts(outputs: Iterable[Any]) -> list[str]:
    """Return the verdicts in outputs, in their order."""
    found: list[str] = []
    for output in outputs:
        text = output.get("text", output.get("data", {}).get("text/plain", ""))
        for line in text.splitlines():
            inside = [one.strip(" '\"),]") for one in VERDICT.findall(line)]
            found += [line] if VERDICT.match(line) else inside
    return found


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

"""Run a learner's answer safely and turn what happens into one line.

An exercise is a function decorated with `@exercise`. It gets the answer, tries it,
and raises `Mistake` with a sentence about what is wrong; if it returns, the answer is
right.
"""

import ctypes
import dis
import importlib
import pkgutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

TIME_LIMIT_SECONDS = 10.0


class Mistake(Exception):
    """What is wrong with an answer, in one sentence for the learner."""


class _TimeUp(BaseException):
    """Thrown into an answer that does not end."""


@dataclass(frozen=True)
class Verdict:
    """What the check of an answer found; shows as its text.

    Attributes:
        text: one line that starts with ○ (not started), ✓ or ✗.
    """

    text: str

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.text.startswith("✓")

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class _Exercise:
    test: Callable[[Any], None]
    praise: str


_EXERCISES: dict[str, _Exercise] = {}


def exercise(
    name: str, praise: str
) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Register a test of answers under a name such as "02.mask".

    Args:
        praise: what the learner has shown, said after the ✓.
    """

    def register(test: Callable[[Any], None]) -> Callable[[Any], None]:
        _EXERCISES[name] = _Exercise(test, praise)
        return test

    return register


def exercise_names() -> list[str]:
    """Return the names of all exercises of the course, sorted."""
    package = importlib.import_module("minigpt.course.exercises")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("lesson"):
            importlib.import_module(f"minigpt.course.exercises.{module.name}")
    return sorted(_EXERCISES)


def check(name: str, answer: Any) -> Verdict:
    """Return the verdict on an answer: ○ not started, ✓ right, or ✗ and what is wrong.

    It never raises because of the answer, and stops one that does not end.

    Raises:
        ValueError: there is no exercise of that name.
    """
    if name not in exercise_names():
        raise ValueError(f"there is no exercise {name!r}")
    if _not_started(answer):
        return Verdict("○ not started")
    problem = _run(_EXERCISES[name].test, answer)
    return Verdict(f"✗ {problem}" if problem else f"✓ {_EXERCISES[name].praise}")


def _not_started(answer: Any) -> bool:
    """Whether it is an untouched stub: `...`, a function whose body is `...`, or a
    dict with `...` for every answer."""
    if isinstance(answer, dict) and answer:
        return all(value is ... for value in answer.values())
    if not isinstance(answer, FunctionType):
        return answer is ... or answer is None
    empty = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    does = {i.opname for i in dis.get_instructions(answer)}
    returned = [i.argval for i in dis.get_instructions(answer) if "CONST" in i.opname]
    return does <= empty and all(value in (None, ...) for value in returned)


def _run(test: Callable[[Any], None], answer: Any) -> str | None:
    """Return what is wrong with the answer in one line, or None."""
    problems: list[str | None] = []
    ended = threading.Event()

    def work() -> None:
        try:
            test(answer)
            problems.append(None)
        except Mistake as mistake:
            problems.append(str(mistake))
        except _TimeUp:
            pass
        # An answer may raise anything, SystemExit and KeyboardInterrupt included.
        except BaseException as error:
            problems.append(_describe(error))
        finally:
            ended.set()

    # A thread can be given up on; and it can be made to raise, on every system.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        ended.wait(TIME_LIMIT_SECONDS)
    finally:  # also if it is the learner whose patience has ended
        for _ in range(20):
            if ended.is_set():
                break
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_TimeUp)
            )
            ended.wait(0.1)
    if not problems:
        return "it did not finish: is there a loop that never ends?"
    return " ".join(problems[0].split()) if problems[0] else None


def _describe(error: BaseException) -> str:
    said = str(error).strip().splitlines()
    return f"it raised {type(error).__name__}" + (f": {said[0]}" if said else "")

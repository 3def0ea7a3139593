"""Run a learner's answer safely and turn what happens into a one-line verdict.

Each lesson's module registers its tests here. A test receives the answer and raises
`Mistake` with a sentence about what is wrong; if it returns, the answer is right.
"""

import ctypes
import difflib
import dis
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import FunctionType
from typing import Any

TIME_LIMIT_SECONDS = 10.0

# In the order of the notebooks. The modules that have the exercises load PyTorch, and
# this list does not.
_LESSONS = {
    "00": "next_letter followers likeliest write",
    "01": "encode decode_bytes count_pairs merge bpe_step bits_per_character split",
    "02": "averages mask weights scores attention split_heads",
    "03": "embed layer_norm gelu block forward parameters start_loss",
    "04": "batch cross_entropy step schedule clip museum",
    "05": "penalty draw temperature entropy top_k top_p choose until attend",
    "06": "distance cast hottest",
    "inside": "previous lens adds attribute ablate patch restored steer",
}


class Mistake(Exception):
    """What is wrong with an answer, in a sentence for the learner."""


class _TimeUp(BaseException):
    """Raised inside an answer that does not end."""


@dataclass(frozen=True)
class Verdict:
    """The result of checking an answer: a line that starts with ○, ✓ or ✗."""

    text: str

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.text.startswith("✓")

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Exercise:
    """A registered exercise.

    Attributes:
        praise: what the learner has shown, printed after the ✓.
        test: raises `Mistake` unless the answer is right.
        task: the `judge.Task` if the answer is a function, else None.
    """

    praise: str
    test: Callable[[Any], None]
    task: Any = None


EXERCISES: dict[str, Exercise] = {}


def lesson_of(exercise: str) -> str:
    """Return the key of the lesson that an exercise is in: "02" for "02.mask"."""
    return exercise.partition(".")[0]


def module_of(lesson: str) -> str:
    """Return the module of a lesson's exercises: "lesson02" for "02", or "inside"."""
    return f"lesson{lesson}" if lesson.isdigit() else lesson


def exercise_names() -> list[str]:
    """Return the names of all exercises, in the order of the notebooks."""
    return [f"{n}.{word}" for n, words in _LESSONS.items() for word in words.split()]


def find_exercise(name: str) -> Exercise:
    """Return the exercise of that name, such as "02.mask".

    Raises:
        ValueError: there is none; the message suggests the nearest name.
    """
    if not isinstance(name, str):
        raise ValueError('the name of the exercise comes first: check("02.mask", ...)')
    if name not in exercise_names():
        near = difflib.get_close_matches(name, exercise_names(), n=1, cutoff=0.5)
        advice = f'did you mean "{near[0]}"?' if near else 'names look like "02.mask"'
        raise ValueError(f"there is no exercise {name!r}: {advice}")
    import_module(f"minigpt.course.exercises.{module_of(lesson_of(name))}")
    return EXERCISES[name]


def check(name: str, answer: Any) -> Verdict:
    """Return the verdict on an answer: ○ not started, ✓ right, or ✗ and what is wrong.

    An answer that fails or never ends gets a verdict, too. The random generators, the
    thread count and the default dtype are left as they were.

    Raises:
        ValueError: there is no exercise of that name.
    """
    exercise = find_exercise(name)
    if _not_started(answer):
        return Verdict("○ not started")
    if exercise.task and not callable(answer):
        return Verdict(
            "✗ Pass the function itself, not its result: write its name without "
            "parentheses."
        )
    with _state_kept():
        problem = _run(exercise.test, answer)
    return Verdict(f"✗ {problem}" if problem else f"✓ {exercise.praise}")


def working(name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
    """Return the answer if it passes, and otherwise a right one from the course.

    A lesson that goes on with a learner's function can then be run at any time.

    Raises:
        ValueError: there is no exercise of that name.
    """
    passed = check(name, answer).passed
    right: Callable[..., Any] = EXERCISES[name].task.right
    return answer if passed else right


def _not_started(answer: Any) -> bool:
    """Whether it is `...`, a function with that body, or a dict of nothing else."""
    if isinstance(answer, dict) and answer:
        return all(value is ... for value in answer.values())
    if not isinstance(answer, FunctionType):
        return answer is ... or answer is None
    empty = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    does = {i.opname for i in dis.get_instructions(answer)}
    returned = [i.argval for i in dis.get_instructions(answer) if "CONST" in i.opname]
    return does <= empty and all(value in (None, ...) for value in returned)


@contextmanager
def _state_kept() -> Iterator[None]:
    """Restore what an answer may change for the process; its thread has the rest."""
    import numpy as np
    import torch

    python, numpy = random.getstate(), np.random.get_state()
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)


def _run(test: Callable[[Any], None], answer: Any) -> str | None:
    """Return what is wrong with the answer in one line, or None."""
    problem = ["Your function did not finish. Is there a loop that never ends?"]
    ended = threading.Event()  # Thread.is_alive is wrong after an interrupted join

    def work() -> None:
        try:
            test(answer)
            problem.clear()
        except Mistake as mistake:
            problem[:] = str(mistake).split()
        except _TimeUp:
            pass
        # An answer may raise anything, SystemExit and KeyboardInterrupt included.
        except BaseException as error:
            said = f"Your function raised {type(error).__name__}: {error}"
            problem[:] = [said.splitlines()[0].removesuffix(": ")]
        finally:
            ended.set()

    # A thread can be abandoned, and it can be made to raise on every system.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        ended.wait(TIME_LIMIT_SECONDS)
    finally:  # also if the learner interrupts the check
        for _ in range(20):
            if ended.is_set():
                break
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_TimeUp)
            )
            ended.wait(0.1)
    return " ".join(problem) or None

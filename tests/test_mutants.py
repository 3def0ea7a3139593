"""No verdict lets a wrong answer pass: every solution, changed in one place at a time.

Nine of ten verdicts also say what is wrong: a sentence about it, the type or the shape,
or Python's own error. The others only show what was given, expected and got. The
answers that are wrong by hand are in the tests of the lessons and only counted here.
"""

import ast
import random
import re
from functools import cache
from importlib import import_module
from typing import Any

import pytest
from mutant_tools import constants, differs, mutants, remember_outcomes
from notebook_tools import BEYOND, COURSE, exercise_cells, first_code, key_of, solutions

from minigpt.course.exercises import check, exercise_names, verdict
from minigpt.course.exercises.verdict import find_exercise, lesson_of, module_of

NAMES = exercise_names()
LEAST, MOST, LEAST_IN_ALL = 12, 90, 450
counted: dict[str, int] = {}
examples: dict[str, int] = {}  # of them, those whose verdict is an example alone


@cache
def scope_of(lesson: str) -> dict[str, Any]:
    """Return what the lesson's first cell imports."""
    scope: dict[str, Any] = {"__name__": "__answer__"}
    exec(compile(first_code(lesson), "imports", "exec"), scope)
    return scope


def answer_from(name: str, code: str) -> Any:
    """Return what a learner who wrote this code would hand to the check."""
    scope = dict(scope_of(lesson_of(name)))
    exec(compile(code, "mutant", "exec"), scope)
    call = exercise_cells(lesson_of(name))[name].source.splitlines()[-1]
    asked = ast.parse(call, mode="eval").body.args[1]
    return eval(compile(ast.Expression(asked), "answer", "eval"), scope)


def answers(name: str):
    """Yield mutants of the solution: what was changed, its code, the answer."""
    task = find_exercise(name).task
    made = list(mutants(solutions(lesson_of(name))[name]))
    for said, code in random.Random(name).sample(made, min(MOST, len(made))):
        try:
            yield said, code, answer_from(name, code)
        except Exception:
            continue  # not even a function: the cell fails before the check
    for said, answer in constants(task) if task else ():
        yield said, said, answer


@pytest.mark.filterwarnings("ignore")  # that a mutant is odd is its purpose
@pytest.mark.parametrize("name", NAMES)
def test_no_mutant_passes(name, monkeypatch):
    task, passed = find_exercise(name).task, []
    solution = answer_from(name, solutions(lesson_of(name))[name])
    assert check(name, solution).passed  # in the usual time, for PyTorch loads modules
    monkeypatch.setattr(verdict, "TIME_LIMIT_SECONDS", 0.25)
    counted[name] = examples[name] = 0
    if task:
        remember_outcomes(task, monkeypatch)
    for said, code, answer in answers(name):
        found = check(name, answer)
        assert "\n" not in found.text
        if not found.passed:
            counted[name] += 1
            examples[name] += is_example(found.text, task.otherwise if task else "")
        elif task and (how := differs(answer, solution, task)):
            passed.append(f"{said}\n{code}\n{how}\n")
    assert not passed, "\n" + "\n".join(passed)
    assert counted[name] >= LEAST


def is_example(text: str, otherwise: str) -> bool:
    """Whether a verdict says no more than what was given, expected and got."""
    said = text.removeprefix("✗ ").removeprefix(otherwise).strip()
    return bool(re.match(r"For .* should (be|have)", said))


def by_hand(name: str) -> int:
    """Return how many wrong answers the lesson's own test has for an exercise."""
    ways = import_module(f"test_{module_of(lesson_of(name))}").WRONG.get(name, [])
    return len(ways[-1] if isinstance(ways, tuple) else ways)


def test_wrong_answers_are_many(tried):
    if len(counted) < len(NAMES):
        pytest.skip("only some of the exercises were tried")
    for lesson in sorted(set(map(lesson_of, NAMES))):
        parts = [
            f"{name.partition('.')[2]} {counted[name]} + {by_hand(name)}"
            for name in NAMES
            if lesson_of(name) == lesson
        ]
        tried(f"wrong answers of {lesson}, made + by hand: {', '.join(parts)}")
    made, ours = sum(counted.values()), sum(map(by_hand, NAMES))
    tried(f"{made} mutants and {ours} wrong answers by hand, none of them passes")
    alone = sum(examples.values())
    tried(f"{1 - alone / made:.0%} of the mutants are told what is wrong")
    assert alone <= 0.1 * made
    assert all(by_hand(name) + counted[name] >= LEAST for name in NAMES)
    assert made + ours >= LEAST_IN_ALL
    assert set(map(key_of, COURSE + BEYOND)) >= set(map(lesson_of, NAMES))

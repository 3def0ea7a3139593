"""What holds for every exercise, and what `check` does with answers of any kind."""

import random
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import torch
from notebook_tools import BEYOND, COURSE, NOTEBOOKS, exercise_cells

from minigpt.course.exercises import check, exercise_names
from minigpt.course.exercises.explain import Raised, difference, text
from minigpt.course.exercises.judge import Task, judge
from minigpt.course.exercises.verdict import Mistake, find_exercise

NAMES = exercise_names()
TASKS = {name: task for name in NAMES if (task := find_exercise(name).task)}
WAYS = [(name, said) for name, task in TASKS.items() for said in task.wrong_ways]


@cache
def verdict_on_way(name, said):
    return check(name, TASKS[name].wrong_ways[said]).text


def result_of(function, case):
    try:
        return function(*case)
    except Exception as error:
        return type(error)


def test_exercises_are_those_of_the_notebooks_in_their_order():
    lessons = [*COURSE, *BEYOND]
    assert [name for lesson in lessons for name in exercise_cells(lesson)] == NAMES


@pytest.mark.parametrize("name", TASKS)
def test_the_right_function_is_right_and_can_be_called(name):
    task = TASKS[name]
    judge(task.right, Task(**{**vars(task), "by_hand": ()}))
    cases = [*task.cases, *(case for cases in task.edges.values() for case in cases)]
    assert not any(isinstance(result_of(task.right, case), type) for case in cases)


@pytest.mark.parametrize(("name", "said"), WAYS)
def test_each_known_mistake_is_named(name, said):
    verdict = verdict_on_way(name, said)
    if name == "00.followers" and "each follower once" in said:
        said = verdict[2:].split(".")[0]  # a set may happen to keep the order
        assert "each follower once" in said
    assert verdict.startswith(f"✗ {said}") and "\n" not in verdict
    assert len(verdict) < 300


def test_known_mistakes_are_many():
    assert len(WAYS) > 250
    assert all(said.endswith(".") for _, said in WAYS)
    assert all(find_exercise(name).praise.endswith((".", "!")) for name in NAMES)


def test_most_mistakes_are_shown_with_input_expected_and_got():
    shown = ["should be" in verdict_on_way(*way) for way in WAYS]
    assert sum(shown) / len(shown) > 0.85


CONSTANTS = [0, 1.0, "", "a", [], [1], {}, (), (1, 2), True, object(), float("nan")]
CONSTANTS += [torch.zeros(2), torch.tensor(1.0), np.ones(2), lambda: None, [[]]]


@pytest.mark.parametrize("name", TASKS)
def test_no_constant_passes_or_upsets_the_judge(name):
    for constant in CONSTANTS:
        verdict = check(name, lambda *_, result=constant: result).text
        assert verdict.startswith("✗") and "raised" not in verdict, verdict


# What a toy exercise says of answers


def double(numbers):
    return numbers * 2


ONE_TO_THREE = torch.tensor([1.0, 2.0, 3.0])


def said_of(answer, **options):
    task = Task(double, **{"cases": [(ONE_TO_THREE,), (ONE_TO_THREE + 1,)]} | options)
    try:
        judge(answer, task)
    except Mistake as mistake:
        return str(mistake).strip()
    return None


def test_example_has_input_expected_and_got():
    assert said_of(lambda x: 4 / 3 + x * x) == (
        "For numbers = [1, 2, 3] the result should be [2, 4, 6], "
        "not [2.333, 5.333, 10.333]."
    )


def test_mistake_is_named_only_if_it_explains_every_case():
    ways = {"You squared.": lambda x: x**2}
    assert said_of(lambda x: x**2, wrong_ways=ways).startswith("You squared. For ")
    fits_one = said_of(lambda x: x**2 if x[0] == 1 else x, wrong_ways=ways)
    assert fits_one.startswith("For numbers = ")
    of_another_kind = said_of(lambda x: (x**2).long(), wrong_ways=ways)
    assert "holds integers" in of_another_kind


def test_first_wrong_place_of_a_long_result_is_shown():
    case = torch.zeros(40)
    said = said_of(lambda x: x.index_fill(0, torch.tensor([7]), 1), cases=[(case,)])
    assert said == "For numbers of shape (40,) the result at [7] should be 0, not 1."


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (lambda x: x.mul_(2), "Your function changed numbers, which it was given"),
        (lambda x: (x * 2).tolist(), "the result has type list, not Tensor"),
        (lambda x: (x * 2)[:2], "the result has shape (2,), not (3,)"),
        (lambda x: (x * 2).long(), "holds integers, not floating-point numbers"),
        (lambda x: None, "your function returned nothing"),
        (lambda x: x / y, "your function raised NameError: name 'y' is not defined"),  # noqa: F821
        (lambda x: torch.tensor([2.0, 4.0, 6.0]), "should be [4, 6, 8], not [2, 4, 6]"),
    ],
)
def test_unusable_results_are_refused_with_the_input(answer, part):
    assert part in said_of(answer)


def test_gradients_are_asked_for_where_they_matter():
    cut = [
        lambda x: (x * 2).detach(),
        lambda x: torch.tensor((x * 2).tolist()),
        lambda x: x + x.detach(),
    ]
    for answer in cut:
        assert said_of(answer) is None
        assert "no gradient flows back" in said_of(answer, gradients=True)
    for answer in (double, lambda x: x.double() + x):
        assert said_of(answer, gradients=True) is None


def test_change_in_place_that_breaks_the_gradients_is_named():
    def answer(x):
        y = x + 0
        nothing = 0 * y.square()
        y *= 2
        return y + nothing

    assert said_of(answer) is None
    assert "you changed a tensor in place" in said_of(answer, gradients=True)


def test_shortcuts_are_refused_wherever_they_are_written():
    def inside(x):
        def helper(y):
            return torch.add(y, y)

        return helper(x)

    for answer in (inside, lambda x: torch.add(x, x)):
        assert said_of(answer) is None
        assert "add did the work" in said_of(answer, by_hand=("add",))
    assert "Twice did the work" in said_of(Twice(), by_hand=("Twice",))


class Twice:
    def __call__(self, x):
        return x * 2


def test_numbers_are_shown_as_far_as_they_differ():

    assert text((0.5, [1.0, -0.0001, float("inf")])) == "(0.5, [1, 0, inf])"
    assert difference(0.33333, 0.3333) == (
        "the result should be 0.3333, not 0.33333",
        True,
    )
    assert difference(Raised("ValueError", ""), 1.0) == ("", False)


# Names, functions, state


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("02.msk", 'did you mean "02.mask"?'),
        ("mask", 'did you mean "02.mask"?'),
        ("01.encoded", 'did you mean "01.encode"?'),
        ("xyz", 'names look like "02.mask"'),
    ],
)
def test_a_mistyped_name_suggests_the_nearest(name, advice):
    with pytest.raises(ValueError) as raised:
        check(name, len)
    assert str(raised.value) == f"there is no exercise {name!r}: {advice}"


def test_name_and_answer_the_wrong_way_round_is_said():
    with pytest.raises(ValueError, match="name of the exercise comes first"):
        check(len, "02.mask")


@pytest.mark.parametrize("name", TASKS)
def test_a_result_in_place_of_the_function_is_refused(name):
    for result in (torch.ones(4, 4).tril().bool(), [1], "b", 3.0):
        assert "Pass the function itself" in check(name, result).text
    assert check(name, None).text == check(name, ...).text == "○ not started"


def test_an_answer_leaves_global_state_as_it_was():
    def answer(T):
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)
        torch.set_num_threads(3)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        return torch.ones(T, T, dtype=torch.bool).tril()

    before = state()
    assert check("02.mask", answer).passed
    assert all(map(np.array_equal, state(), before))


def state():
    return (
        random.getstate()[1],
        np.random.get_state()[1],
        torch.get_rng_state(),
        torch.get_num_threads(),
        str(torch.get_default_dtype()),
        torch.is_grad_enabled(),
    )


def test_names_of_exercises_and_progress_need_no_torch():
    code = (
        "import sys; from minigpt.cli import main; main(['progress', sys.argv[1]]); "
        "sys.exit('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(NOTEBOOKS)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

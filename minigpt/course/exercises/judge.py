"""Judge a learner's function by running it beside the right one and known wrong ones.

An exercise is its right answer, decorated:

    @exercise("You forgot ...", wrong_way, cases=[...], praise="Well done.")
    def temperature(logits, temperature):
        return (logits / temperature).softmax(dim=0)
"""

import dis
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from types import CodeType
from typing import Any

import torch
from torch import Tensor

from minigpt.course.exercises import explain
from minigpt.course.exercises.explain import Raised, arguments, misfit, same
from minigpt.course.exercises.relations import changed_arguments, relation
from minigpt.course.exercises.verdict import EXERCISES, Exercise, Mistake

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]
Case = tuple[Any, ...]


@dataclass(frozen=True)
class Task:
    """What a learner's function is compared with.

    Attributes:
        right: the right function.
        cases: the arguments of each call, such that no two wrong ways agree on all.
        also_right: other functions whose results are right, too.
        wrong_ways: wrong functions by the sentence that names their mistake.
        errors: sentences for exceptions, by a part of "Type: message".
        types: sentences for results of a wrong type.
        parts: what the results are called, if there are several.
        accept: converts results that are also right in another form.
        otherwise: said before the example if no known wrong way gives the results.
        edges: cases by the sentence that states their rule, tried after all others.
        gradients: whether gradients must flow back to the arguments.
        by_hand: names of functions that would do the work for the learner.
        alone: whether a wrong answer is told which of the notebook's values it reads.
        then: one more test, if all else is right.
    """

    right: Function
    cases: Sequence[Case]
    also_right: Sequence[Function] = ()
    wrong_ways: Mapping[str, Function] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[Any, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    accept: Callable[[Any], Any] | None = None
    otherwise: str = ""
    edges: Mapping[str, Sequence[Case]] = field(default_factory=dict)
    gradients: bool = False
    by_hand: tuple[str, ...] = ()
    alone: bool = False
    then: Callable[[Any], None] | None = None


@dataclass(frozen=True)
class Outcome:
    """What a call returned or raised, and its arguments as they were afterwards."""

    result: Any
    given: Case

    def same(self, other: "Outcome") -> bool:
        """Whether results and arguments are equal."""
        return same(self.result, other.result) and same(self.given, other.given)

    def is_right(self, right: "Outcome") -> bool:
        """Whether it is the right outcome; the message of an exception is free."""
        if isinstance(right.result, Raised) and isinstance(self.result, Raised):
            return self.result.name == right.result.name
        return self.same(right) and not misfit(self.result, right.result)


def exercise(*mistakes: Any, praise: str, **options: Any) -> Decorator:
    """Register the decorated function as the right answer of an exercise.

    The exercise has the names of the module and the function: `mask` in lesson02.py is
    "02.mask", and `lens` in inside.py is "inside.lens". Each sentence that names a
    mistake is followed by a function that makes it; `options` are further attributes of
    the `Task`.
    """

    def register(right: Function) -> Function:
        wrong_ways = dict(zip(mistakes[::2], mistakes[1::2], strict=True))
        task = Task(right, wrong_ways=wrong_ways, **options)
        module = right.__module__.rpartition(".")[2].removeprefix("lesson")
        name = f"{module}.{right.__name__}"
        EXERCISES[name] = Exercise(praise, lambda it: judge(it, task), task=task)
        return right

    return register


def noise(*shape: int, seed: int, below: int | None = None) -> Tensor:
    """Return random numbers: normal ones, or integers from 0 to `below` - 1."""
    generator = torch.Generator().manual_seed(seed)
    if below is None:
        return torch.randn(shape, generator=generator)
    return torch.randint(below, shape, generator=generator)


def number(result: Any) -> Any:
    """Return a tensor without dimensions as a number, anything else as it is."""
    return result.item() if isinstance(result, Tensor) and not result.shape else result


def judge(answer: Function, task: Task) -> None:
    """Raise Mistake unless the answer does what the right function does.

    The answer runs on copies of every case. Its mistake is named if in all cases it
    does what a known wrong way does. Otherwise the verdict says how its results are
    related to the right ones, if a relation is found, and shows a wrong case.
    """
    try:
        _compare(answer, task)
        for rule, cases in task.edges.items():
            _compare(answer, replace(task, cases=cases, wrong_ways={}), rule)
    except Mistake:
        if task.alone and (name := _borrowed(answer)):
            raise Mistake(
                f"Your function reads {name} from the notebook, where another cell "
                "made it for other inputs. Work it out from what the function is "
                f"given: {', '.join(inspect.signature(task.right).parameters)}."
            ) from None
        raise
    if task.gradients and not all(
        map(_near, _gradients(answer, task), _gradients(task.right, task))
    ):
        raise Mistake(
            "The numbers are right, but no gradient flows back, so a model could not "
            "learn: leave out .item(), .detach(), .data and torch.tensor()."
        )
    if shortcuts := _names_used(answer) & {*task.by_hand}:
        raise Mistake(
            f"The result is right, but {min(shortcuts)} did the work; this exercise "
            "asks you to write it yourself."
        )
    if task.then:
        task.then(answer)


def _compare(answer: Function, task: Task, rule: str = "") -> None:
    """Raise Mistake if an outcome is wrong; say the rule then, if there is one."""
    outcomes = [_outcome_of_answer(answer, task, case) for case in task.cases]
    for function in (*task.also_right, task.right):
        rights = [_outcome(function, case) for case in task.cases]
        wrong = [n for n, right in enumerate(rights) if not outcomes[n].is_right(right)]
        if not wrong:
            return
    examples = [_example(task, task.cases[n], outcomes[n], rights[n]) for n in wrong]
    short = min((line for line, fits in examples if fits), key=len, default="")
    for sentence, way in task.wrong_ways.items():
        ways = (_outcome(way, case) for case in task.cases)
        if all(map(Outcome.same, outcomes, ways)):
            raise Mistake(f"{sentence} {short}")
    for n in wrong:
        if n == wrong[0] or not isinstance(outcomes[n].result, Raised):
            _refuse(task, task.cases[n], outcomes[n], rights[n], rule)
    clue = (
        rule or f"{_relation(answer, task, outcomes, rights, wrong)} {task.otherwise}"
    )
    raise Mistake(f"{clue} {short or examples[0][0]}")


def _relation(
    answer: Function,
    task: Task,
    outcomes: list[Outcome],
    rights: list[Outcome],
    wrong: list[int],
) -> str:
    """Return how the results are related to the right ones, "" if it is not known."""
    got, right = [o.result for o in outcomes], [o.result for o in rights]
    names = list(inspect.signature(task.right).parameters)
    if any(map(misfit, got, right)):
        return ""
    if clue := relation(got, right, task.cases, names):
        return clue
    for said, change in changed_arguments(names, task.cases[0]):
        changed = partial(_after, change, task.right)
        results = (_outcome(changed, case).result for case in task.cases)
        if all(map(same, got, results)):
            return f"Your result would be right for {said}."
    if name := _unused(task.right, answer):
        return f"Your function never uses {name}."
    got, right, cases = ([of[n] for n in wrong] for of in (got, right, task.cases))
    if clue := relation(got, right, cases, names):
        return (
            f"Some results are right. Where they are not, {clue[0].lower()}{clue[1:]}"
        )
    return ""


def _after(change: Callable[[Case], Case], function: Function, *case: Any) -> Any:
    return function(*change(case))


def _unused(right: Function, answer: Function) -> str:
    """Return an argument that the right function reads and the answer does not."""
    if not hasattr(answer, "__code__"):  # not a Python function
        return ""
    names = [list(inspect.signature(f).parameters) for f in (right, answer)]
    codes = [getattr(f, "__code__", None) for f in (right, answer)]
    read = [_names_read(code, "LOAD_FAST", "LOAD_DEREF") for code in codes]
    for name, own in zip(*names, strict=False):
        if name in read[0] and own not in read[1]:
            return own
    return ""


def _outcome(function: Function, case: Case) -> Outcome:
    given = deepcopy(case)
    try:
        return Outcome(function(*given), given)
    except Mistake:
        raise
    except Exception as error:
        message = str(error).strip().partition("\n")[0]
        return Outcome(Raised(type(error).__name__, message), given)


def _outcome_of_answer(answer: Function, task: Task, case: Case) -> Outcome:
    """Return the outcome in a form that is comparable, or raise Mistake about it."""
    outcome = _outcome(answer, case)
    result = None if outcome.result is ... else outcome.result
    for kind, sentence in task.types.items():
        if isinstance(result, kind) and not isinstance(result, bool):
            raise Mistake(sentence)
    if result is None:
        raise Mistake(
            f"For {arguments(task.right, case)} your function returned nothing. Does "
            "every path through it end in a return?"
        )
    if task.accept and not isinstance(result, Raised):
        return Outcome(task.accept(result), outcome.given)
    return outcome


def _example(
    task: Task, case: Case, outcome: Outcome, right: Outcome
) -> tuple[str, bool]:
    """Return what should have come out, and whether the line shows all in full."""
    words, in_full = explain.difference(outcome.result, right.result, parts=task.parts)
    in_full &= all(explain.is_code(one) or explain.is_short(one) for one in case)
    return f"For {arguments(task.right, case)} {words}.", in_full


def _refuse(
    task: Task, case: Case, outcome: Outcome, right: Outcome, rule: str
) -> None:
    """Raise Mistake about an exception, a changed argument, a wrong type or shape."""
    call = f"For {arguments(task.right, case)}"
    names = list(inspect.signature(task.right).parameters)
    if isinstance(outcome.result, Raised):
        if outcome.result.name == "IndexError" and case[0] in ("", []):
            raise Mistake(
                f"Your function raised IndexError for {names[0]} = {case[0]!r}, which "
                "has no first element."
            )
        for part, sentence in task.errors.items():
            if part in str(outcome.result):
                raise Mistake(sentence)
        said = rule or task.otherwise
        raise Mistake(f"{said} {call} your function raised {outcome.result}")
    for name, before, after in zip(names, case, outcome.given, strict=True):
        if not same(before, after):
            raise Mistake(
                f"Your function changed {name}, which it was given. Work on a copy, "
                "because the caller may still need the original."
            )
    if words := misfit(outcome.result, right.result, parts=task.parts):
        raise Mistake(f"{call} {words}.")


def _gradients(function: Function, task: Task) -> list[Tensor | None]:
    """Return the gradient of a weighted sum of the result for each tensor given."""
    given = deepcopy(task.cases[0])
    tensors = [one for one in given if isinstance(one, Tensor)]
    for one in tensors:
        one.requires_grad_(one.is_floating_point())
    with torch.enable_grad():  # an answer may have switched it off
        result = function(*given)
    if isinstance(result, Tensor) and result.requires_grad:
        try:
            (result * noise(*result.shape, seed=0)).sum().backward()
        except RuntimeError as error:
            if "inplace operation" not in str(error):
                raise
            raise Mistake(
                "The numbers are right, but you changed a tensor in place, and the "
                "gradient needs its old values: write x = x + y, not x += y or "
                "x.add_(y)."
            ) from None
    return [one.grad for one in tensors]


def _near(a: Tensor | None, b: Tensor | None) -> bool:
    if a is None or b is None:
        return a is b
    # Loose, because a result may be right in another form; a cut is coarser than this.
    return bool((a - b).norm() <= 0.05 * b.norm())


def _borrowed(answer: Any) -> str:
    """Return a number, tensor or list of the notebook that an answer reads, or ""."""
    scope = getattr(answer, "__globals__", {})
    kinds = (int, float, list, tuple, Tensor)
    names = _names_read(getattr(answer, "__code__", None), "LOAD_GLOBAL")
    found = (n for n in names if isinstance(scope.get(n), kinds))
    # `from math import inf` hands over no value of the notebook.
    return min((n for n in found if scope[n] is not vars(math).get(n)), default="")


def _names_read(code: CodeType | None, *operations: str) -> set[str]:
    """Return the names that a function reads, its inner functions included."""
    if code is None:
        return set()
    read: set[str] = set()
    for one in dis.get_instructions(code):
        if one.opname.startswith(operations):  # one may read two names
            read |= {*(one.argval if isinstance(one.argval, tuple) else (one.argval,))}
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return read.union(*(_names_read(one, *operations) for one in inner))


def _names_used(answer: Any) -> set[str]:
    """Return the names of all functions that an answer could call, and its own type."""
    code = answer if isinstance(answer, CodeType) else getattr(answer, "__code__", None)
    if code is None:
        return {getattr(answer, "__name__", type(answer).__name__)}
    inner = [_names_used(one) for one in code.co_consts if isinstance(one, CodeType)]
    return {*code.co_names}.union(*inner)

"""Find out how wrong results are related to the right ones, whatever the exercise is.

A relation is reported only if it holds in every case: all numbers are twice the right
ones, or the last element is always missing. It is often the mistake itself. Results of
a wrong type or shape are refused before.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from minigpt.course.exercises.explain import is_short, same, text

Case = tuple[Any, ...]
Results = Sequence[Any]
ENOUGH = 3  # numbers or elements that have to agree, because two may do so by chance


def relation(
    got: Results, right: Results, cases: Sequence[Case], names: Sequence[str]
) -> str:
    """Return a sentence about the results that is true in all cases, "" without one.

    Args:
        got, right: the wrong and the right result of each case.
        cases: the arguments of each.
        names: what the arguments are called.
    """
    if _all_same(got) and not _all_same(right):
        what = text(got[0]) if is_short(got[0]) else "the same"
        return f"Your function returns {what} for every input."
    for name, given in zip(names, zip(*cases, strict=True), strict=True):
        if all(map(same, got, given)):
            return f"You returned {name} unchanged."
    if sum(map(_size, right)) < ENOUGH:
        return ""
    for said, holds in _ARRANGED.items():
        if all(_try(holds, g, r) for g, r in zip(got, right, strict=True)):
            return f"Your result {said}."
    if said := _calculated(got, right, cases, names):
        return f"Your numbers are {said}" + ("" if said.endswith("?") else ".")
    return ""


def changed_arguments(
    names: Sequence[str], case: Case
) -> Iterator[tuple[str, Callable[[Case], Case]]]:
    """Yield ways to change the arguments of an exercise, each with what it is called.

    Two of the same type change places, or a number becomes another one.
    """
    for i, k in combinations(range(len(case)), 2):
        if type(case[i]) is type(case[k]):
            yield f"{names[i]} and {names[k]} swapped", partial(_swapped, i, k)
    for i, value in enumerate(case):
        if isinstance(value, int | float) and not isinstance(value, bool):
            for said, number in _OTHER_NUMBERS.items():
                yield said.format(names[i]), partial(_with, i, number)


_OTHER_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "{} + 1": lambda n: n + 1,
    "{} - 1": lambda n: n - 1,
    "-{}": lambda n: -n,
    "1 / {}": lambda n: 1 / n,
}


def _swapped(i: int, k: int, case: Case) -> Case:
    changed = list(case)
    changed[i], changed[k] = case[k], case[i]
    return tuple(changed)


def _with(i: int, number: Callable[[Any], Any], case: Case) -> Case:
    return *case[:i], number(case[i]), *case[i + 1 :]


def _all_same(results: Results) -> bool:
    return all(same(results[0], one) for one in results)


def _try(function: Callable[..., Any], *given: Any) -> Any:
    """Return what a function returns, or None where it does not apply."""
    try:
        return function(*given)
    except Exception:
        return None


def _size(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.numel()
    return len(value) if isinstance(value, list | tuple | dict | str) else 1


def _cut(it: Any, start: int | None, stop: int | None) -> list[Any]:
    """Return the slice of a sequence, or of a tensor along each of its dimensions."""
    if not isinstance(it, Tensor):
        return [it[start:stop]]
    every = slice(None)
    return [it[(every,) * d + (slice(start, stop),)] for d in range(it.ndim)]


def _is_slice(a: Any, b: Any, start: int | None, stop: int | None) -> bool:
    return any(same(a, part) for part in _cut(b, start, stop))


def _moved(got: Any, right: Any) -> bool:
    """Whether everything stands one place earlier or later, along some dimension."""
    return any(
        _size(a) > 1 and same(a, b)
        for one, other in ((got, right), (right, got))
        for a, b in zip(_cut(one, 1, None), _cut(other, None, -1), strict=True)
    )


def _reversed(got: Any, right: Any) -> bool:
    if isinstance(right, Tensor):
        return any(same(got, right.flip(d)) for d in range(right.ndim))
    return same(got, right[::-1])


def _transposed(got: Tensor, right: Tensor) -> bool:
    pairs = combinations(range(right.ndim), 2)
    return any(same(got, right.transpose(*pair)) for pair in pairs)


def _in_another_order(got: Any, right: Any) -> bool:
    if isinstance(right, Tensor):
        return got.shape == right.shape and same(
            got.flatten().sort().values, right.flatten().sort().values
        )
    kinds = list, tuple, str
    same_kind = isinstance(right, kinds) and type(got) is type(right)
    return same_kind and same(sorted(got), sorted(right))


# Whether a list, a text or a tensor is arranged like this instead.
_ARRANGED: dict[str, Callable[[Any, Any], bool]] = {
    "is in reverse order": _reversed,
    "has two of its dimensions swapped": _transposed,
    "lacks its first element": lambda got, right: _is_slice(got, right, 1, None),
    "lacks its last element": lambda got, right: _is_slice(got, right, None, -1),
    "has one element too many, its first": lambda g, r: _is_slice(r, g, 1, None),
    "has one element too many, its last": lambda g, r: _is_slice(r, g, None, -1),
    "has only its first element": lambda got, right: _is_slice(got, right, None, 1),
    "has one pair of brackets too many": lambda g, r: same([*g], [r]),
    "is shifted by one place": _moved,
    "has everything twice": lambda got, right: same(got, [*right, *right]),
    "has keys and values swapped": lambda g, r: g == {v: k for k, v in r.items()},
    "has the right elements in another order": _in_another_order,
}


def _calculated(
    got: Results, right: Results, cases: Sequence[Case], names: Sequence[str]
) -> str:
    """Return what the numbers are instead of the right ones, or ""."""
    pairs = [
        (_try(_numbers, g), _try(_numbers, r)) for g, r in zip(got, right, strict=True)
    ]
    if any(g is None or r is None or g.shape != r.shape for g, r in pairs):
        return ""
    g, r = (torch.cat([pair[i].flatten() for pair in pairs]) for i in (0, 1))
    if _near(g, r):  # it is something else that is wrong
        return ""
    if g.isnan().any() and not r.isnan().any():
        return "nan (not a number) in some places: is there 0 / 0, or inf - inf?"
    for said, function in _FUNCTIONS.items():
        if _near(g, function(r)):
            return said
    factor, more = float(g @ r / (r @ r)), float((g - r).mean())
    if abs(factor) > 1e-3 and _near(g, factor * r):
        if abs(1 / factor - round(1 / factor)) < 1e-3:
            return f"the right ones divided by {round(1 / factor)}"
        return f"{text(factor)} times the right ones"
    if _near(g, r + more):
        return f"{text(abs(more))} too {'large' if more > 0 else 'small'}"
    if all(r.ndim and _near(g / g.sum(-1, keepdim=True), r) for g, r in pairs):
        return "in the right proportions, but do not sum to 1"
    factors = torch.stack([(g * r).sum() / (r * r).sum() for g, r in pairs])
    if all(_near(g, f * r) for f, (g, r) in zip(factors, pairs, strict=True)):
        for name, sizes in _sizes(cases, names):
            if _near(factors, sizes):
                return f"the right ones times {name}"
            if _near(factors * sizes, torch.ones_like(factors)):
                return f"the right ones divided by {name}"
    return ""


_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "the right ones with the wrong sign": torch.neg,
    "the right ones without their signs": torch.abs,
    "the reciprocals of the right ones: a fraction is upside down": torch.reciprocal,
    "rounded down, as // does; / does not": torch.floor,
    "rounded": torch.round,
    "the squares of the right ones": torch.square,
    "the square roots of the right ones": torch.sqrt,
    "the logarithms of the right ones": torch.log,
    "e to the power of the right ones": torch.exp,
}


def _numbers(value: Any) -> Tensor:
    """Return numbers, alone or in a list, as a tensor; raise TypeError for a bool."""
    tensor = value if isinstance(value, Tensor) else torch.tensor(value)
    if tensor.dtype == torch.bool:
        raise TypeError
    return tensor.detach().double()


def _near(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True)


def _sizes(cases: Sequence[Case], names: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
    """Yield sizes of the arguments, each with its name and its value in each case."""
    for i, name in enumerate(names):
        values = [case[i] for case in cases]
        if all(isinstance(one, int | float) for one in values):
            yield name, torch.tensor(values, dtype=torch.double)
        elif all(isinstance(one, list | str | tuple) for one in values):
            yield f"the length of {name}", torch.tensor([*map(len, values)]).double()
        elif all(isinstance(one, Tensor) for one in values):
            for d in range(min(one.ndim for one in values)):
                sizes = [one.shape[d] for one in values]
                yield f"{name}.shape[{d}]", torch.tensor(sizes).double()

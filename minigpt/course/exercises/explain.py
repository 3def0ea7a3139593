"""Put into words what a function was given, what it returned and what was expected."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

LONGEST = 56


@dataclass(frozen=True)
class Raised:
    """An exception that came instead of a result."""

    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name


def same(a: Any, b: Any) -> bool:
    """Whether two values have the same kind and are equal, numbers to within 1e-4."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return (
            a.shape == b.shape
            and _numbers(a) == _numbers(b)
            and torch.allclose(a.double(), b.double(), atol=1e-4, equal_nan=True)
        )
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) or isinstance(b, float):
        numbers = isinstance(a, float | int) and isinstance(b, float | int)
        return numbers and same(torch.tensor(float(a)), torch.tensor(float(b)))
    return type(a) is type(b) and bool(a == b)


def text(value: Any, digits: int = 3) -> str:
    """Return a value as a learner would write it: "[0.667, 0.333, 0]" for a tensor."""
    if isinstance(value, Tensor):
        return text(value.tolist(), digits)
    if isinstance(value, float):
        number = f"{value:.{digits}f}".rstrip("0").rstrip(".")
        return "0" if number == "-0" else number
    if isinstance(value, list | tuple):
        inside = ", ".join(text(one, digits) for one in value)
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    return repr(value)


def is_short(value: Any) -> bool:
    """Whether a value is shown in full; else its shape, its length or a part is."""
    return len(text(value)) <= LONGEST


def is_code(value: Any) -> bool:
    """Whether a value is a function or a list of functions, which is never shown."""
    functions = isinstance(value, list) and value and all(map(callable, value))
    return callable(value) or bool(functions)


def arguments(function: Callable[..., Any], case: tuple[Any, ...]) -> str:
    """Return the arguments that are no code: "logits = [2, 1, 0] and k = 2"."""
    parts = []
    for name, value in zip(inspect.signature(function).parameters, case, strict=True):
        if is_code(value):
            continue
        if is_short(value):
            parts.append(f"{name} = {text(value)}")
        elif isinstance(value, Tensor):
            parts.append(f"{name} of shape {tuple(value.shape)}")
        else:
            parts.append(f"{name} of length {len(value)}")
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts)


def misfit(
    got: Any, right: Any, what: str = "the result", parts: tuple[str, ...] = ()
) -> str:
    """Return what is wrong with the type or shape of a result, "" if nothing is.

    The result is called `what`, and if it is a tuple, its elements `parts`.
    """
    if isinstance(right, Raised):
        return f"your function should raise {right.name}, not return {text(got)}"
    if isinstance(right, tuple):
        if not isinstance(got, tuple | list) or len(got) != len(right):
            of_what = ": " + " and ".join(parts) if parts else ""
            return f"your function should return {len(right)} things{of_what}"
        found = map(misfit, got, right, parts or [f"every part of {what}"] * len(right))
        return next(filter(None, found), "")
    kind: Any = float | int if isinstance(right, float) else type(right)
    flag = isinstance(got, bool) and kind is not bool
    if flag or not isinstance(got, kind):
        return f"{what} has type {type(got).__name__}, not {type(right).__name__}"
    if isinstance(right, Tensor) and got.shape != right.shape:
        return f"{what} has shape {tuple(got.shape)}, not {tuple(right.shape)}"
    if isinstance(right, Tensor) and _numbers(got) != _numbers(right):
        return f"{what} holds {_numbers(got)}, not {_numbers(right)}"
    return ""


def _numbers(tensor: Tensor) -> str:
    if tensor.dtype == torch.bool:
        return "True and False"
    return "floating-point numbers" if tensor.is_floating_point() else "integers"


def difference(
    got: Any, right: Any, what: str = "the result", parts: tuple[str, ...] = ()
) -> tuple[str, bool]:
    """Return how a result differs from the right one, and whether both are in full.

    Both have the same type and shape, or are short; otherwise the first is "".
    """
    if isinstance(got, Raised) or isinstance(right, Raised):
        return "", False
    if isinstance(right, tuple) and isinstance(got, tuple | list):
        if parts and len(got) == len(right):
            wrong = [n for n in range(len(right)) if not same(got[n], right[n])] or [0]
            return difference(got[wrong[0]], right[wrong[0]], parts[wrong[0]])
        got, right = list(got), list(right)
    for digits in (3, 6, 12):
        a, b = text(right, digits), text(got, digits)
        if a != b:
            break
    if len(a) <= LONGEST and len(b) <= LONGEST:
        return f"{what} should be {a}, not {b}", a != b
    if misfit(got, right):
        return "", False
    if not isinstance(right, Tensor) and len(got) != len(right):
        return f"{what} should have length {len(right)}, not {len(got)}", False
    found = _items(got)
    for place, value in _items(right).items():
        if not same(found.get(place), value):
            return difference(found.get(place), value, f"{what} at [{place}]")[0], False
    return "", False


def _items(value: Any) -> dict[Any, Any]:
    if isinstance(value, Tensor):
        places = product(*map(range, value.shape))
        return {", ".join(map(str, place)): value[place].item() for place in places}
    return value if isinstance(value, dict) else dict(enumerate(value))

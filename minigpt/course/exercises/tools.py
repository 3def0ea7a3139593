"""Compare a learner's result with the right one and with the known wrong ones."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from minigpt.course.exercises.verdict import Mistake


def want_tensor(result: Any, shape: tuple[int, ...], what: str = "it") -> Tensor:
    """Return the result as a tensor of that shape, or raise Mistake about it."""
    if result is None or result is ...:
        raise Mistake(f"{what} returned nothing: does it end in a return?")
    if not isinstance(result, Tensor):
        raise Mistake(f"{what} returned {_kind(result)}, not a tensor")
    if tuple(result.shape) != shape:
        raise Mistake(f"{what} has shape {tuple(result.shape)}, not {shape}")
    return result


def want_type(result: Any, kind: type, what: str = "it") -> Any:
    """Return the result if it is of that type, or raise Mistake saying what it is."""
    if result is None or result is ...:
        raise Mistake(f"{what} returned nothing: does it end in a return?")
    if not isinstance(result, kind) or (kind is int and isinstance(result, bool)):
        raise Mistake(f"{what} returned {_kind(result)}, not {_a(kind.__name__)}")
    return result


def same(a: Any, b: Any) -> bool:
    """Whether two results are equal; tensors up to 1e-4 and regardless of dtype."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and torch.allclose(
            a.double(), b.double(), atol=1e-4, equal_nan=True
        )
    if isinstance(a, float) or isinstance(b, float):
        return isinstance(a, int | float) and abs(a - b) < 1e-4
    return type(a) is type(b) and bool(a == b)


def compare(
    result: Any, right: Any, mistakes: Mapping[str, Any], otherwise: str
) -> None:
    """Raise Mistake unless the result is the right one.

    Args:
        mistakes: what to say, for each known wrong result. Tried in order.
        otherwise: what to say of any other wrong result.
    """
    if same(result, right):
        return
    for sentence, wrong in mistakes.items():
        if same(result, wrong):
            raise Mistake(sentence)
    raise Mistake(otherwise)


def try_cases(
    answer: Callable[..., Any],
    right: Callable[..., Any],
    mistakes: Mapping[str, Callable[..., Any]],
    cases: Sequence[tuple[Any, ...]],
    take: Callable[[Any], Any],
) -> None:
    """Raise Mistake unless the answer gives what the right function gives.

    A mistake is named if the answer does in every case what that wrong function does,
    so the cases together must tell the mistakes apart; else the first case that went
    wrong is shown.

    Args:
        mistakes: what to say, for each known wrong function. Tried in order.
        cases: the arguments of each call.
        take: makes results comparable, or raises Mistake about their type.
    """
    results = []
    for case in cases:
        given = deepcopy(case)
        try:
            results.append(take(answer(*given)))
        except IndexError:
            if case[0] in ("", []):
                raise Mistake(
                    "it raised IndexError for an empty one, which has no first element"
                ) from None
            raise
        if given != case:
            raise Mistake(
                "your function changed the list it was given: build a new one"
            )
    rights = [right(*deepcopy(case)) for case in cases]
    wrong_cases = [n for n, r in enumerate(results) if not same(r, rights[n])]
    if not wrong_cases:
        return
    for sentence, wrong in mistakes.items():
        wrongs = [wrong(*deepcopy(case)) for case in cases]
        if all(map(same, results, wrongs)):
            raise Mistake(sentence)
    n = wrong_cases[0]
    # A function's repr differs from run to run.
    call = ", ".join(getattr(one, "__name__", repr(one)) for one in cases[n])
    raise Mistake(
        f"for ({_short(call)}) it gave {_short(repr(results[n]))}, "
        f"not {_short(repr(rights[n]))}"
    )


def _short(text: str, most: int = 90) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _kind(result: Any) -> str:
    return _a(type(result).__name__)


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"

"""Check the exercises of lesson 05: how a model writes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from minigpt.course.exercises.tools import compare, same, want_tensor
from minigpt.course.exercises.verdict import Mistake, exercise
from minigpt.sampling import next_token_probabilities

HAND_LOGITS = torch.tensor([2.0, 1.0, 0.0])
HAND_PROBABILITIES = torch.tensor([0.125, 0.5, 0.0, 0.25, 0.125])


def _drawn(V: int, seed: int) -> Tensor:
    """Return logits (V,) that nobody could have written into an answer by hand."""
    return 2 * torch.randn(V, generator=torch.Generator().manual_seed(seed))


def _ask(answer: Any, given: Tensor, *settings: Any, what: str) -> Any:
    """Return the answer's result, or raise Mistake if it changed what it was given."""
    copy = given.clone()
    result = answer(copy, *settings)
    if not torch.equal(copy, given):
        raise Mistake(
            f"your function changed the {what} it was given: work on a copy, others "
            "still need them"
        )
    return result


@exercise("05.temperature", "one division sharpens or flattens the choice")
def temperature(answer: Any) -> None:
    """`answer(logits, temperature)` gives the probabilities (V,)."""
    cases = [(_drawn(63, 2), 1.7), (_drawn(9, 1), 0.3)]
    cases += [(HAND_LOGITS, 0.5), (HAND_LOGITS, 2.0), (HAND_LOGITS, 1.0)]
    for logits, t in cases:
        result = _ask(answer, logits, t, what="logits")
        compare(
            want_tensor(result, tuple(logits.shape), "your function"),
            (logits / t).softmax(dim=0),
            _wrong_temperatures(logits, t),
            "the probabilities are not softmax(logits / temperature)",
        )


def _wrong_temperatures(logits: Tensor, t: float) -> dict[str, Tensor]:
    plain = logits.softmax(dim=0)
    return {
        "you multiplied by the temperature: divide by it, so that a low one sharpens": (
            (logits * t).softmax(dim=0)
        ),
        "those are logits still: a softmax makes them probabilities": logits / t,
        "those are logarithms: softmax, not log_softmax": (logits / t).log_softmax(
            dim=0
        ),
        "you divided the probabilities, so they no longer sum to 1: divide the "
        "logits, before the softmax": plain / t,
        "the temperature changed nothing: divide the logits, before the softmax": plain,
        "you took the softmax of probabilities: divide the logits, then one softmax": (
            (plain / t).softmax(dim=0)
        ),
    }


@exercise("05.draw", "each character is drawn as often as its probability says")
def draw(answer: Any) -> None:
    """`answer(probabilities, u)` gives the id whose stretch of [0, 1) holds u."""
    cases = [
        (_drawn(9, 3).softmax(dim=0).tolist(), [i / 37 + 0.001 for i in range(37)]),
        ([0.5, 0.25, 0.25], [0.1, 0.3, 0.6, 0.9]),
        ([0.125, 0.125, 0.5, 0.25], [0.05, 0.2, 0.3, 0.7, 0.8, 0.999]),
        ([0.0, 0.75, 0.25, 0.0], [0.1, 0.7, 0.8, 0.99]),
    ]
    for numbers, us in cases:
        probabilities = torch.tensor(numbers, dtype=torch.float64)
        compare(
            [_as_id(_ask(answer, probabilities, u, what="probabilities")) for u in us],
            [_segment(probabilities, u) for u in us],
            _wrong_draws(probabilities, us),
            "u does not lie in the stretch of the id that came back",
        )
    borders = torch.tensor([0.0, 0.5, 0.25, 0.25], dtype=torch.float64)
    if [_as_id(answer(borders.clone(), u)) for u in (0.0, 0.5, 0.75)] != [1, 2, 3]:
        raise Mistake(
            "on a border: a u equal to a cumulative sum belongs to the next id, or "
            "u = 0 could draw what has no probability"
        )


def _segment(probabilities: Tensor, u: float) -> int:
    return int((probabilities.cumsum(dim=0) <= u).sum())


def _wrong_draws(probabilities: Tensor, us: Sequence[float]) -> dict[str, list[int]]:
    right = [_segment(probabilities, u) for u in us]
    V = len(probabilities)
    above = [(probabilities > u).nonzero().flatten().tolist() for u in us]
    first = "you want the first id whose cumulative sum is above u"
    return {
        "it always gives the most probable id: that is greedy, u has no say": (
            [int(probabilities.argmax())] * len(us)
        ),
        f"one id too high: {first}": [i + 1 for i in right],
        f"one id too low: {first}": [i - 1 for i in right],
        "every id came as if all were equally probable": [int(u * V) for u in us],
        "you summed from the last id: start at id 0": [
            V - 1 - _segment(probabilities.flip(0), u) for u in us
        ],
        "you compared u with each probability: compare it with their cumulative sum": [
            ids[0] if ids else 0 for ids in above
        ],
    }


def _as_id(result: Any) -> int:
    """Return the result as an int; a tensor of one whole number will do."""
    if result is None or result is ...:
        raise Mistake(
            "your function returned nothing for some u: is u compared with the "
            "cumulative sum, and is there a return?"
        )
    if isinstance(result, Tensor):
        if result.numel() != 1:
            raise Mistake("your function returned several numbers: one id is drawn")
        result = result.item()
    if isinstance(result, bool) or not hasattr(result, "__index__"):
        raise Mistake(f"an id is a whole number, not a {type(result).__name__}")
    return int(result)


@exercise("05.entropy", "undecided characters count, impossible ones do not")
def entropy(answer: Any) -> None:
    """`answer(probabilities)` gives the entropy in nats, a float."""
    cases = [_drawn(9, 4).softmax(dim=0), torch.tensor([0.5, 0.25, 0.25])]
    cases += [torch.full((8,), 0.125), torch.tensor([0.9, 0.1])]
    for probabilities in cases:
        _check_entropy(answer, probabilities)
    for probabilities in (HAND_PROBABILITIES, torch.tensor([0.0, 1.0])):
        result = _as_number(_ask(answer, probabilities, what="probabilities"))
        if math.isnan(result):
            raise Mistake(
                "a probability of 0 gave NaN: 0 times the logarithm of 0 counts as 0, "
                "leave it out of the sum"
            )
        _check_entropy(answer, probabilities)


def _check_entropy(answer: Any, probabilities: Tensor) -> None:
    result = _as_number(_ask(answer, probabilities, what="probabilities"))
    p = probabilities.double()
    p = p[p > 0]
    right = float(-(p * p.log()).sum())
    compare(
        result,
        right,
        {
            "the sign is missing: logarithms of probabilities are negative": -right,
            "that is in bits, from log2: in nats take the natural logarithm": right
            / math.log(2),
            "that is in base 10: take the natural logarithm": right / math.log(10),
            "that is a mean: sum over the characters, each weighed by its p": right
            / len(probabilities),
            "that is the perplexity: the entropy is its logarithm": math.exp(right),
            "each logarithm must be weighed by its own p": float(-p.log().sum()),
            "each logarithm must be weighed by its p: sum, do not take the mean": (
                float(-p.log().mean())
            ),
        },
        "the sum of p times the natural logarithm of 1 / p comes out differently",
    )


def _as_number(result: Any) -> float:
    if result is None or result is ...:
        raise Mistake("your function returned nothing: does it end in a return?")
    if isinstance(result, Tensor):
        if result.numel() != 1:
            raise Mistake("that is one number per character: sum them up")
        result = result.item()
    if isinstance(result, bool) or not hasattr(result, "__float__"):
        raise Mistake(f"an entropy is a number, not a {type(result).__name__}")
    return float(result)


def _cut_to(logits: Tensor, kept: Tensor, fill: float = -math.inf) -> Tensor:
    """Return the logits with all but those of the kept ids replaced."""
    cut = torch.full_like(logits, fill)
    cut[kept] = logits[kept]
    return cut


@exercise("05.top_k", "exactly k remain, and they share all of the probability")
def top_k(answer: Any) -> None:
    """`answer(logits, k)` gives the probabilities (V,) with k of them above 0."""
    cases = [(_drawn(63, 6), 10), (_drawn(9, 5), 3), (HAND_LOGITS, 2)]
    cases += [(_drawn(9, 7), 1), (_drawn(9, 8), 9)]
    for logits, k in cases:
        result = _ask(answer, logits, k, what="logits")
        if isinstance(result, Tensor) and tuple(result.shape) == (k,) != logits.shape:
            raise Mistake(
                "only k numbers came back: the result has a place for every character, "
                "with 0 for those that were cut"
            )
        compare(
            want_tensor(result, tuple(logits.shape), "your function"),
            next_token_probabilities(logits, top_k=k),
            _wrong_top_k(logits, k),
            "those are not the probabilities of the k highest logits",
        )
    if not same(answer(HAND_LOGITS.clone(), 50), HAND_LOGITS.softmax(dim=0)):
        raise Mistake("a k above the number of characters must change nothing")
    _check_ties(answer)


def _wrong_top_k(logits: Tensor, k: int) -> dict[str, Tensor]:
    plain = logits.softmax(dim=0)
    order = logits.sort(descending=True, stable=True).indices
    cut = _cut_to(logits, order[:k])
    return {
        "one too many: k + 1 characters remain": _cut_to(
            logits, order[: k + 1]
        ).softmax(dim=0),
        "one too few: k - 1 characters remain": _cut_to(logits, order[: k - 1]).softmax(
            dim=0
        ),
        "a logit of 0 is a score like any other: what is cut needs -inf": _cut_to(
            logits, order[:k], fill=0.0
        ).softmax(dim=0),
        "those kept no longer sum to 1: cut the logits first, then the softmax": (
            plain * torch.isfinite(cut)
        ),
        "you kept the k lowest: sort from the highest": _cut_to(
            logits, order[-k:]
        ).softmax(dim=0),
        "those are logits still: a softmax makes them probabilities": cut,
        "nothing was cut: all characters kept their probability": plain,
    }


def _check_ties(answer: Any) -> None:
    """Of equal logits, too, only k may remain, whichever they are."""
    result = answer(torch.tensor([1.0, 3.0, 1.0, 1.0, 0.0]), 2)
    values = want_tensor(result, (5,), "your function").double()
    if int((values > 0).sum()) > 2:
        raise Mistake(
            "with equal logits more than k remained: cut by rank, not by comparing "
            "with the k-th value"
        )
    right = next_token_probabilities(torch.tensor([1.0, 3.0, 1.0, 1.0, 0.0]), top_k=2)
    if not same(values.sort().values, right.sort().values):
        raise Mistake("with equal logits something else than k of them remained")


@exercise("05.top_p", "as few as can be remain, many only where the model is unsure")
def top_p(answer: Any) -> None:
    """`answer(probabilities, p)` keeps the fewest that together reach p."""
    cases = [(_drawn(63, 10).softmax(dim=0), 0.4), (_drawn(9, 9).softmax(dim=0), 0.8)]
    cases += [(HAND_PROBABILITIES, 0.7), (HAND_PROBABILITIES, 0.4)]
    cases += [(torch.tensor([0.1, 0.6, 0.3]), 0.65)]
    for probabilities, p in cases:
        result = want_tensor(
            _ask(answer, probabilities, p, what="probabilities"),
            tuple(probabilities.shape),
            "your function",
        )
        compare(
            result,
            next_token_probabilities(probabilities.log(), top_p=p),
            _wrong_top_p(probabilities, p),
            "those kept are not the fewest that reach p",
        )
    if not same(answer(HAND_PROBABILITIES.clone(), 1.0), HAND_PROBABILITIES):
        raise Mistake("p = 1 must change nothing")
    exact = answer(torch.tensor([0.25, 0.5, 0.125, 0.125]), 0.75)
    if not same(exact, torch.tensor([1 / 3, 2 / 3, 0.0, 0.0])):
        raise Mistake("a sum that reaches p exactly is enough: you kept one more")


def _nucleus(
    probabilities: Tensor,
    stays: Callable[[Tensor, Tensor], Tensor],
    order: Tensor | None = None,
) -> Tensor:
    """Return those that stay, renormalised.

    `stays` gets the cumulative sums in the order of rank, and what each of them adds.
    """
    if order is None:
        order = probabilities.sort(descending=True, stable=True).indices
    ranked = probabilities.double()[order]
    kept = torch.where(stays(ranked.cumsum(dim=0), ranked), ranked, 0.0)
    result = torch.zeros_like(ranked)
    result[order] = kept / kept.sum()
    return result


def _wrong_top_p(probabilities: Tensor, p: float) -> dict[str, Tensor]:
    def reach(sums: Tensor, added: Tensor) -> Tensor:
        return sums - added < p

    plain = probabilities.double()
    right = _nucleus(probabilities, reach)
    rank = torch.arange(len(plain))
    return {
        "the character that crosses p was dropped: without it the sum falls short": (
            _nucleus(probabilities, lambda sums, _: sums < p)
        ),
        "nothing was cut: all characters kept their probability": plain,
        "those kept no longer sum to 1: divide by their sum": plain * (right > 0),
        "you summed in the order of the ids: sort first, the most probable in front": (
            _nucleus(probabilities, reach, order=rank)
        ),
        "you summed from the least probable: sort the other way": _nucleus(
            probabilities, reach, order=probabilities.sort(stable=True).indices
        ),
        "the result is still sorted: put each probability back to its id": (
            right.sort(descending=True).values
        ),
        "p is a share of the probability, not of the number of characters": _nucleus(
            probabilities, lambda *_: rank < max(round(p * len(rank)), 1)
        ),
        "you kept one more than it takes to reach p": _nucleus(
            probabilities, lambda *both: rank <= reach(*both).sum()
        ),
    }

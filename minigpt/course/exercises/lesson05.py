"""The exercises of lesson 05: how a model writes."""

import math
from types import NoneType
from typing import Any

import torch
from torch import Tensor, tensor

from minigpt.course.exercises.explain import same, text
from minigpt.course.exercises.judge import exercise, noise, number
from minigpt.course.exercises.verdict import Mistake
from minigpt.sampling import next_token_probabilities

LOGITS, PROBABILITIES = tensor([2.0, 1, 0]), tensor([0.125, 0.5, 0, 0.25, 0.125])
QUARTERS = tensor([0.25, 0.5, 0.125, 0.125])
ZEROS = [(PROBABILITIES,), (tensor([0.0, 1.0]),)]


def _logits(V: int, seed: int) -> Tensor:
    return 2 * noise(V, seed=seed)


def _ps(V: int, seed: int) -> Tensor:
    return _logits(V, seed).softmax(dim=0)


@exercise(
    "You multiplied by the temperature; divide by it, so that a low one sharpens.",
    lambda logits, t: (logits * t).softmax(dim=0),
    "Those are still logits; a softmax makes them probabilities.",
    lambda logits, t: logits / t,
    "Those are logarithms; use softmax, not log_softmax.",
    lambda logits, t: (logits / t).log_softmax(dim=0),
    "You divided the probabilities, which no longer sum to 1; divide the logits.",
    lambda logits, t: logits.softmax(dim=0) / t,
    "The temperature changed nothing; divide the logits, before the softmax.",
    lambda logits, t: logits.softmax(dim=0),
    "You took the softmax of probabilities; divide the logits, then take one softmax.",
    lambda logits, t: (logits.softmax(dim=0) / t).softmax(dim=0),
    cases=[
        *[(_logits(63, seed=2), 1.7), (_logits(9, seed=1), 0.3)],
        *[(LOGITS, 0.5), (LOGITS, 2.0), (LOGITS, 1.0)],
    ],
    praise="One division sharpens or flattens the choice.",
)
def temperature(logits: Tensor, temperature: float) -> Tensor:
    return (logits / temperature).softmax(dim=0)


def _drawn(numbers: list[float], *us: float) -> list[tuple[Tensor, float]]:
    return [(tensor(numbers, dtype=torch.float64), u) for u in us]


BORDERS = _drawn([0.0, 0.5, 0.25, 0.25], 0.0, 0.5, 0.75)


@exercise(
    "You always return the most probable id; that is greedy, and u has no say.",
    lambda ps, u: int(ps.argmax()),
    "Your id is one too high; return the first whose cumulative sum is above u.",
    lambda ps, u: draw(ps, u) + 1,
    "Your id is one too low; return the first whose cumulative sum is above u.",
    lambda ps, u: draw(ps, u) - 1,
    "You chose among the ids as if all were equally probable.",
    lambda ps, u: int(u * len(ps)),
    "You added up from the last id; start at id 0.",
    lambda ps, u: len(ps) - 1 - draw(ps.flip(0), u),
    "You returned several numbers; draw one id.",
    lambda ps, u: ps.cumsum(dim=0) <= u,
    "You compared u with each probability; compare it with their cumulative sum.",
    lambda ps, u: int((ps > u).int().argmax()),
    cases=[
        *_drawn(_ps(9, seed=3).tolist(), *(i / 37 + 0.001 for i in range(37))),
        *_drawn([0.5, 0.25, 0.25], 0.1, 0.3, 0.6, 0.9),
        *_drawn([0.125, 0.125, 0.5, 0.25], 0.05, 0.2, 0.3, 0.7, 0.8, 0.999),
        *_drawn([0.0, 0.75, 0.25, 0.0], 0.1, 0.7, 0.8, 0.99),
    ],
    praise="Each character is drawn as often as its probability says.",
    types={NoneType: "For some u you return nothing: compare it with cumulative sums."},
    accept=number,
    otherwise="u does not lie in the stretch of the id that you returned.",
    edges={"Where u equals a cumulative sum, the next id is drawn.": BORDERS},
)
def draw(probabilities: Tensor, u: float) -> int:
    return int((probabilities.cumsum(dim=0) <= u).sum())


@exercise(
    "The sign is missing; logarithms of probabilities are negative.",
    lambda ps: -entropy(ps),
    "That is in bits, from log2; for nats take the natural logarithm.",
    lambda ps: entropy(ps) / math.log(2),
    "That is in base 10; take the natural logarithm.",
    lambda ps: entropy(ps) / math.log(10),
    "That is a mean; the entropy is the sum, each term weighted by its p.",
    lambda ps: entropy(ps) / len(ps),
    "That is the perplexity; the entropy is its logarithm.",
    lambda ps: math.exp(entropy(ps)),
    "That is one number for each character; add them up.",
    lambda ps: -ps * ps.log(),
    "You did not weight each logarithm by its own p.",
    lambda ps: float(-ps.log().sum()),
    "You took the mean of the logarithms; weight each by its p, and add up.",
    lambda ps: float(-ps.log().mean()),
    cases=[(_ps(9, seed=4),), (QUARTERS,), (torch.ones(8) / 8,), (tensor([0.9, 0.1]),)],
    praise="Undecided characters count, impossible ones do not.",
    accept=number,
    edges={"0 · ln 0 counts as 0, but a computer makes it NaN; leave it out.": ZEROS},
)
def entropy(probabilities: Tensor) -> float:
    return float(-torch.xlogy(probabilities.double(), probabilities.double()).sum())


def _kept(logits: Tensor, ids: Any, fill: float = -math.inf) -> Tensor:
    """Return the logits of these ranks, and another number in place of the others."""
    order = logits.sort(descending=True, stable=True).indices[ids]
    return torch.full_like(logits, fill).scatter(0, order, logits[order])


def _check_ties(answer: Any) -> None:
    """Of equal logits, too, only k may remain, whichever they are."""
    logits = tensor([1.0, 3.0, 1.0, 1.0, 0.0])
    result = answer(logits.clone(), 2)
    if not same(result.sort().values, top_k(logits, 2).sort().values):
        raise Mistake(
            "Exactly k must remain, even if logits are equal; cut by rank, not value. "
            f"For logits = {text(logits)} and k = 2 you returned {text(result)}."
        )


@exercise(
    "You kept one too many: k + 1 characters remain.",
    lambda logits, k: top_k(logits, k + 1),
    "You kept one too few: k - 1 characters remain.",
    lambda logits, k: _kept(logits, slice(k - 1)).softmax(dim=0),
    "A logit of 0 is a score like any other; set what you cut to -inf.",
    lambda logits, k: _kept(logits, slice(k), fill=0.0).softmax(dim=0),
    "What remains no longer sums to 1; cut the logits first, then take the softmax.",
    lambda logits, k: logits.softmax(dim=0) * (top_k(logits, k) > 0),
    "You kept the k lowest; sort from the highest.",
    lambda logits, k: _kept(logits, slice(-k, None)).softmax(dim=0),
    "Those are still logits; a softmax makes them probabilities.",
    lambda logits, k: _kept(logits, slice(k)),
    "You cut nothing; all characters kept their probability.",
    lambda logits, k: logits.softmax(dim=0),
    "You returned only k numbers; return one for every character, 0 for those cut.",
    lambda logits, k: logits.sort(descending=True).values[:k].softmax(dim=0),
    cases=[
        *[(_logits(63, seed=6), 10), (_logits(9, seed=5), 3), (LOGITS, 2)],
        *[(_logits(9, seed=7), 1), (_logits(9, seed=8), 9)],
    ],
    praise="Exactly k remain, and they share all of the probability.",
    edges={"A k above the number of characters must change nothing.": [(LOGITS, 50)]},
    then=_check_ties,
)
def top_k(logits: Tensor, k: int) -> Tensor:
    return next_token_probabilities(logits, top_k=k)


def _nucleus(ps: Tensor, p: float, order: Any = None, before: bool = True) -> Tensor:
    """Return those up to p, renormalised, with the one that crosses p or without."""
    order = ps.sort(descending=True, stable=True).indices if order is None else order
    ranked = ps.double()[order]
    kept = ranked * (ranked.cumsum(dim=0) - before * ranked < p)
    return torch.zeros_like(ranked).scatter(0, order, kept / kept.sum())


@exercise(
    "You dropped the character that crosses p; without it the sum falls short.",
    lambda ps, p: _nucleus(ps, p, before=False),
    "You cut nothing; all characters kept their probability.",
    lambda ps, p: ps,
    "What remains no longer sums to 1; divide by its sum.",
    lambda ps, p: ps * (top_p(ps, p) > 0),
    "You added up in the order of the ids; sort first, most probable first.",
    lambda ps, p: _nucleus(ps, p, torch.arange(len(ps))),
    "You added up from the least probable; sort the other way.",
    lambda ps, p: _nucleus(ps, p, ps.sort(stable=True).indices),
    "Your result is still sorted; put each probability back at its id.",
    lambda ps, p: top_p(ps, p).sort(descending=True).values,
    "p is a share of the probability, not of the number of characters.",
    lambda ps, p: top_k(ps.log(), max(round(p * len(ps)), 1)),
    "You kept one more than it takes to reach p.",
    lambda ps, p: top_k(ps.log(), int((top_p(ps, p) > 0).sum()) + 1),
    cases=[
        *[(_ps(63, seed=10), 0.4), (_ps(9, seed=9), 0.8), (PROBABILITIES, 0.7)],
        *[(PROBABILITIES, 0.4), (tensor([0.1, 0.6, 0.3]), 0.65)],
    ],
    praise="As few as possible remain, and many only where the model is unsure.",
    edges={
        "p = 1 must change nothing.": [(PROBABILITIES, 1.0)],
        "Stop when the sum reaches p exactly; you kept one more.": [(QUARTERS, 0.75)],
    },
)
def top_p(probabilities: Tensor, p: float) -> Tensor:
    return _nucleus(probabilities, p)

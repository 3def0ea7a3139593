"""The exercises of lesson 05: how a model writes."""

import math
from collections.abc import Callable
from types import NoneType
from typing import Any

import torch
from torch import Tensor

from minigpt.course.exercises.explain import same, text
from minigpt.course.exercises.judge import draw, exercise, number
from minigpt.course.exercises.verdict import Mistake
from minigpt.sampling import next_token_probabilities

LOGITS = torch.tensor([2.0, 1.0, 0.0])
Stays = Callable[[Tensor, Tensor], Tensor]
PROBABILITIES = torch.tensor([0.125, 0.5, 0.0, 0.25, 0.125])


def _logits(V: int, seed: int) -> Tensor:
    return 2 * draw(V, seed=seed)


@exercise(
    "05.temperature",
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
    """Return the probabilities (V,) of logits (V,) at a temperature."""
    return (logits / temperature).softmax(dim=0)


SKEWED = _logits(9, seed=3).softmax(dim=0).tolist()


def _drawn(numbers: list[float], *us: float) -> list[tuple[Tensor, float]]:
    return [(torch.tensor(numbers, dtype=torch.float64), u) for u in us]


@exercise(
    "05.draw",
    "You always return the most probable id; that is greedy, and u has no say.",
    lambda ps, u: int(ps.argmax()),
    "Your id is one too high; return the first whose cumulative sum is above u.",
    lambda ps, u: draw_id(ps, u) + 1,
    "Your id is one too low; return the first whose cumulative sum is above u.",
    lambda ps, u: draw_id(ps, u) - 1,
    "You chose among the ids as if all were equally probable.",
    lambda ps, u: int(u * len(ps)),
    "You added up from the last id; start at id 0.",
    lambda ps, u: len(ps) - 1 - draw_id(ps.flip(0), u),
    "You returned several numbers; one id is drawn.",
    lambda ps, u: ps.cumsum(dim=0) <= u,
    "You compared u with each probability; compare it with their cumulative sum.",
    lambda ps, u: int((ps > u).int().argmax()),
    cases=[
        *_drawn(SKEWED, *(i / 37 + 0.001 for i in range(37))),
        *_drawn([0.5, 0.25, 0.25], 0.1, 0.3, 0.6, 0.9),
        *_drawn([0.125, 0.125, 0.5, 0.25], 0.05, 0.2, 0.3, 0.7, 0.8, 0.999),
        *_drawn([0.0, 0.75, 0.25, 0.0], 0.1, 0.7, 0.8, 0.99),
    ],
    praise="Each character is drawn as often as its probability says.",
    types={NoneType: "For some u you return nothing: compare it with cumulative sums."},
    accept=number,
    otherwise="u does not lie in the stretch of the id that you returned.",
    edges={
        "On a border, where u equals a cumulative sum, the next id is drawn.": _drawn(
            [0.0, 0.5, 0.25, 0.25], 0.0, 0.5, 0.75
        )
    },
)
def draw_id(probabilities: Tensor, u: float) -> int:
    """Return the id whose stretch of [0, 1) holds u."""
    return int((probabilities.cumsum(dim=0) <= u).sum())


@exercise(
    "05.entropy",
    "The sign is missing; logarithms of probabilities are negative.",
    lambda ps: -entropy(ps),
    "That is in bits, from log2; for nats take the natural logarithm.",
    lambda ps: entropy(ps) / math.log(2),
    "That is in base 10; take the natural logarithm.",
    lambda ps: entropy(ps) / math.log(10),
    "That is a mean; add up over the characters, each weighted by its p.",
    lambda ps: entropy(ps) / len(ps),
    "That is the perplexity; the entropy is its logarithm.",
    lambda ps: math.exp(entropy(ps)),
    "That is one number for each character; add them up.",
    lambda ps: -ps * ps.log(),
    "You did not weight each logarithm by its own p.",
    lambda ps: float(-ps.log().sum()),
    "You took the mean of the logarithms; weight each by its p, and add up.",
    lambda ps: float(-ps.log().mean()),
    cases=[
        *[(_logits(9, seed=4).softmax(dim=0),), (torch.tensor([0.5, 0.25, 0.25]),)],
        *[(torch.full((8,), 0.125),), (torch.tensor([0.9, 0.1]),)],
    ],
    praise="Undecided characters count, impossible ones do not.",
    accept=number,
    edges={
        "0 · ln 0 counts as 0, but a computer makes it NaN; leave it out of the sum.": [
            *[(PROBABILITIES,), (torch.tensor([0.0, 1.0]),)]
        ]
    },
)
def entropy(probabilities: Tensor) -> float:
    """Return the entropy in nats."""
    return float(-torch.xlogy(probabilities.double(), probabilities.double()).sum())


def _kept(logits: Tensor, ids: Any, fill: float = -math.inf) -> Tensor:
    """Return the logits with all but those of the kept ids replaced."""
    cut = torch.full_like(logits, fill)
    order = logits.sort(descending=True, stable=True).indices[ids]
    cut[order] = logits[order]
    return cut


def _check_ties(answer: Any) -> None:
    """Of equal logits, too, only k may remain, whichever they are."""
    logits = torch.tensor([1.0, 3.0, 1.0, 1.0, 0.0])
    result = answer(logits.clone(), 2)
    if not same(result.sort().values, top_k(logits, 2).sort().values):
        raise Mistake(
            "With equal logits, too, exactly k remain; cut by rank, not by comparing "
            f"with the k-th value. For logits = {text(logits)} and k = 2 you returned "
            f"{text(result)}."
        )


@exercise(
    "05.top_k",
    "You kept one too many: k + 1 characters remain.",
    lambda logits, k: top_k(logits, k + 1),
    "You kept one too few: k - 1 characters remain.",
    lambda logits, k: _kept(logits, slice(k - 1)).softmax(dim=0),
    "A logit of 0 is a score like any other; what you cut needs -inf.",
    lambda logits, k: _kept(logits, slice(k), fill=0.0).softmax(dim=0),
    "Those kept no longer sum to 1; cut the logits first, then take the softmax.",
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
    """Return the probabilities (V,), all but the k highest 0."""
    return next_token_probabilities(logits, top_k=k)


def _nucleus(
    probabilities: Tensor,
    stays: Stays,
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


def _reach(p: float) -> Stays:
    return lambda sums, added: sums - added < p


def _ids(probabilities: Tensor) -> Tensor:
    return torch.arange(len(probabilities))


@exercise(
    "05.top_p",
    "You dropped the character that crosses p; without it the sum falls short.",
    lambda ps, p: _nucleus(ps, lambda sums, _: sums < p),
    "You cut nothing; all characters kept their probability.",
    lambda ps, p: ps,
    "Those kept no longer sum to 1; divide by their sum.",
    lambda ps, p: ps * (top_p(ps, p) > 0),
    "You added up in the order of the ids; sort first, the most probable in front.",
    lambda ps, p: _nucleus(ps, _reach(p), _ids(ps)),
    "You added up from the least probable; sort the other way.",
    lambda ps, p: _nucleus(ps, _reach(p), ps.sort(stable=True).indices),
    "Your result is still sorted; put each probability back at its id.",
    lambda ps, p: top_p(ps, p).sort(descending=True).values,
    "p is a share of the probability, not of the number of characters.",
    lambda ps, p: _nucleus(
        ps, lambda sums, _: _ids(sums) < max(round(p * len(sums)), 1)
    ),
    "You kept one more than it takes to reach p.",
    lambda ps, p: _nucleus(ps, lambda *both: _ids(ps) <= _reach(p)(*both).sum()),
    cases=[
        (_logits(63, seed=10).softmax(dim=0), 0.4),
        (_logits(9, seed=9).softmax(dim=0), 0.8),
        *[(PROBABILITIES, 0.7), (PROBABILITIES, 0.4)],
        (torch.tensor([0.1, 0.6, 0.3]), 0.65),
    ],
    praise="As few as possible remain, and many only where the model is unsure.",
    edges={
        "p = 1 must change nothing.": [(PROBABILITIES, 1.0)],
        "A sum that reaches p exactly is enough; you kept one more.": [
            (torch.tensor([0.25, 0.5, 0.125, 0.125]), 0.75)
        ],
    },
)
def top_p(probabilities: Tensor, p: float) -> Tensor:
    """Return the fewest that together reach p, renormalised, and 0 for the others."""
    return _nucleus(probabilities, _reach(p))

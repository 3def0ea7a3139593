"""The exercises of lesson 05: how a model writes."""

import math
from collections.abc import Callable, Iterator
from types import NoneType
from typing import Any

import torch
from torch import Tensor, tensor

from minigpt.course.exercises.explain import same, text
from minigpt.course.exercises.judge import exercise, noise, number
from minigpt.course.exercises.verdict import Mistake
from minigpt.sampling import next_token_probabilities, penalize_repetition

LOGITS, PROBABILITIES = tensor([2.0, 1, 0]), tensor([0.125, 0.5, 0, 0.25, 0.125])
QUARTERS = tensor([0.25, 0.5, 0.125, 0.125])
ZEROS = [(PROBABILITIES,), (tensor([0.0, 1.0]),)]


def _logits(V: int, seed: int) -> Tensor:
    return 2 * noise(V, seed=seed)


def _ps(V: int, seed: int) -> Tensor:
    return _logits(V, seed).softmax(dim=0)


def _each_time(logits: Tensor, ids: list[int], penalty: float) -> Tensor:
    for i in ids:
        logits = penalize_repetition(logits, [i], penalty)
    return logits


_PENALTY_CASES = [
    *[(tensor([2.0, -1, 3, -4]), [0, 1], 2.0), (tensor([2.0, -1, 3, -4]), [3], 2.0)],
    *[(noise(9, seed=12), [7, 2, 2, 0, 3], 1.3), (noise(9, seed=13), [5, 5, 5], 4.0)],
    (tensor([1.0, -1, 2]), [], 2.0),
]


@exercise(
    "You divided negative logits, too; that raises them. Multiply those.",
    lambda logits, ids, r: logits.index_put((tensor(ids).long(),), logits[ids] / r),
    "You multiplied positive logits, too; that raises them. Divide those.",
    lambda logits, ids, r: logits.index_put((tensor(ids).long(),), logits[ids] * r),
    "You have the two cases the wrong way round: divide positive logits.",
    lambda logits, ids, r: logits.index_put(
        (tensor(ids).long(),), torch.where(logits > 0, logits * r, logits / r)[ids]
    ),
    "You subtracted the penalty; divide positive logits by it, multiply negative ones.",
    lambda logits, ids, r: logits.index_put((tensor(ids).long(),), logits[ids] - r),
    "Positive logits have not changed; divide them.",
    lambda logits, ids, r: logits.minimum(penalize_repetition(logits, ids, r)).where(
        logits < 0, logits
    ),
    "Negative logits have not changed; multiply them.",
    lambda logits, ids, r: penalize_repetition(logits, ids, r).where(
        logits > 0, logits
    ),
    "You penalised a token once for each time it has occurred; once is enough.",
    _each_time,
    "You changed all logits; leave those of tokens that have not occurred.",
    lambda logits, ids, r: penalize_repetition(logits, range(len(logits)), r),
    "You changed nothing; the tokens in ids should become less likely.",
    lambda logits, ids, r: logits,
    "You penalised only the last token; every token in ids has occurred.",
    lambda logits, ids, r: penalize_repetition(logits, ids[-1:], r),
    "You penalised only the first token; every token in ids has occurred.",
    lambda logits, ids, r: penalize_repetition(logits, ids[:1], r),
    "You cut those tokens altogether; make them less likely, not impossible.",
    lambda logits, ids, r: logits.index_fill(0, tensor(ids).long(), -math.inf),
    "You set those logits to 0; divide positive ones, multiply negative ones.",
    lambda logits, ids, r: logits.index_fill(0, tensor(ids).long(), 0.0),
    "Those are probabilities; return the changed logits, before any softmax.",
    lambda logits, ids, r: penalize_repetition(logits, ids, r).softmax(dim=0),
    "You returned only the logits of ids; return one logit for every token.",
    lambda logits, ids, r: penalize_repetition(logits, ids, r)[ids],
    "You penalised the tokens that have not occurred; it is those in ids.",
    lambda logits, ids, r: penalize_repetition(
        logits, {*range(len(logits))} - {*ids}, r
    ),
    "The penalty is always 2 in your function; use the number that is given.",
    lambda logits, ids, r: penalize_repetition(logits, ids, 2.0),
    cases=_PENALTY_CASES,
    praise="What was said becomes less likely, and so a circle breaks.",
    by_hand=("penalize_repetition", "next_token_probabilities"),
)
def penalty(logits: Tensor, ids: list[int], penalty: float) -> Tensor:
    return penalize_repetition(logits, ids, penalty)


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
    "Your numbers no longer sum to 1; divide them by their sum.",
    lambda logits, t: logits.softmax(dim=0) ** (1 / t),
    "Those are powers of e, which do not sum to 1 yet; divide them by their sum.",
    lambda logits, t: (logits / t).exp(),
    "You multiplied the probabilities; divide the logits, before the softmax.",
    lambda logits, t: logits.softmax(dim=0) * t,
    "The temperature is always 0.5 in your function; use the number that is given.",
    lambda logits, t: (logits / 0.5).softmax(dim=0),
    "The temperature is always 2 in your function; use the number that is given.",
    lambda logits, t: (logits / 2).softmax(dim=0),
    "You divided by the temperature twice; once is enough.",
    lambda logits, t: (logits / t / t).softmax(dim=0),
    "You returned the most probable id; return the probabilities (V,).",
    lambda logits, t: int(logits.argmax()),
    cases=[
        *[(_logits(63, seed=2), 1.7), (_logits(9, seed=1), 0.3)],
        *[(LOGITS, 0.5), (LOGITS, 2.0), (LOGITS, 1.0)],
    ],
    praise="One division sharpens or flattens the choice.",
    by_hand=("next_token_probabilities",),
)
def temperature(logits: Tensor, temperature: float) -> Tensor:
    return (logits / temperature).softmax(dim=0)


def _drawn(numbers: list[float], *us: float) -> list[tuple[Tensor, float]]:
    return [(tensor(numbers, dtype=torch.float64), u) for u in us]


def _plain(result: Any) -> Any:
    """Return an id as it is; raise Mistake about a tensor."""
    if isinstance(result, Tensor) and result.numel() != 1:
        raise Mistake(f"You returned several numbers, {text(result)}; draw one id.")
    if isinstance(result, Tensor):
        raise Mistake("You returned a tensor; int(...) makes a plain number of it.")
    return result


def _draw_sorted(ps: Tensor, u: float) -> int:
    return int((ps.sort(descending=True).values.cumsum(dim=0) <= u).sum())


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
    "You compared u with each probability; compare it with their cumulative sum.",
    lambda ps, u: int((ps > u).int().argmax()),
    "You counted the probabilities below u; count the cumulative sums instead.",
    lambda ps, u: int((ps <= u).sum()),
    "You counted the stretches that end after u; count those that end before it.",
    lambda ps, u: int((ps.cumsum(dim=0) >= u).sum()),
    "You took the last stretch that ends before u; u lies in the one after it.",
    lambda ps, u: max(draw(ps, u) - 1, 0),
    "You took the nearest cumulative sum; take the first that is above u.",
    lambda ps, u: int((ps.cumsum(dim=0) - u).abs().argmin()),
    "You took the probability nearest to u; compare u with the cumulative sum.",
    lambda ps, u: int((ps - u).abs().argmin()),
    "You sorted the probabilities, so your result is a rank and not an id.",
    _draw_sorted,
    "You laid the stretches out by size; lay them out in the order of the ids.",
    lambda ps, u: int(ps.argsort(descending=True)[min(_draw_sorted(ps, u), 8)]),
    "You used a u of 0.62 of your own; use the one that is given.",
    lambda ps, u: draw(ps, 0.62),
    "You used the probabilities of the example; use those that are given.",
    lambda ps, u: draw(tensor([0.5, 0.3, 0.2]), u),
    "Your id does not depend on u; take the id on whose stretch u falls.",
    lambda ps, u: 0,
    cases=[
        *_drawn(_ps(9, seed=3).tolist(), *(i / 37 + 0.001 for i in range(37))),
        *_drawn([0.5, 0.25, 0.25], 0.1, 0.3, 0.6, 0.9),
        *_drawn([0.125, 0.125, 0.5, 0.25], 0.05, 0.2, 0.3, 0.7, 0.8, 0.999),
        *_drawn([0.0, 0.75, 0.25, 0.0], 0.1, 0.7, 0.8, 0.99),
    ],
    praise="Each token is drawn as often as its probability says.",
    types={
        NoneType: "For some u you return nothing: make sure that you always reach "
        "a return, and compare u with the cumulative sums."
    },
    accept=_plain,
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
    "That is one number for each token; add them up.",
    lambda ps: -ps * ps.log(),
    "You did not weight each logarithm by its own p.",
    lambda ps: float(-ps.log().sum()),
    "You took the mean of the logarithms; weight each by its p, and add up.",
    lambda ps: float(-ps.log().mean()),
    "You weighted 1 - p instead of its logarithm; the surprise is -ln p.",
    lambda ps: float((ps * (1 - ps)).sum()),
    "That is the surprise of the most probable token; average over all of them.",
    lambda ps: float(-ps.max().log()),
    "Your result is always 0: take the logarithm of each probability, then add up.",
    lambda ps: float(-(ps * ps.sum().log()).sum()),
    "You weighted by the logarithm twice; each term is -p ln p.",
    lambda ps: float((ps * ps.log() ** 2).sum()),
    "That is the entropy of equally probable tokens; weight each by its own p.",
    lambda ps: math.log(len(ps)),
    "Those are probabilities already; take their logarithm, without a softmax.",
    lambda ps: float(-(ps.softmax(dim=0) * ps.log_softmax(dim=0)).sum()),
    "You took log(1 + p); the surprise is -ln p.",
    lambda ps: float(-(ps * ps.log1p()).sum()),
    cases=[(_ps(9, seed=4),), (QUARTERS,), (torch.ones(8) / 8,), (tensor([0.9, 0.1]),)],
    praise="Undecided tokens count, impossible ones do not.",
    accept=number,
    errors={
        "math domain error": "ln 0 does not exist; leave the zeros out of the sum."
    },
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
    "You kept one too many: k + 1 tokens remain.",
    lambda logits, k: top_k(logits, k + 1),
    "You kept one too few: k - 1 tokens remain.",
    lambda logits, k: _kept(logits, slice(k - 1)).softmax(dim=0),
    "A logit of 0 is a score like any other; set what you cut to -inf.",
    lambda logits, k: _kept(logits, slice(k), fill=0.0).softmax(dim=0),
    "A logit of -1 is a score like any other; set what you cut to -inf.",
    lambda logits, k: _kept(logits, slice(k), fill=-1.0).softmax(dim=0),
    "You always keep 2; use the k that is given.",
    lambda logits, k: top_k(logits, 2),
    "You kept the first k ids; keep the k highest logits.",
    lambda logits, k: logits.index_fill(
        0, torch.arange(len(logits))[k:], -math.inf
    ).softmax(dim=0),
    "Your result is still sorted; put each probability back at its id.",
    lambda logits, k: top_k(logits, k).sort(descending=True).values,
    "You took order for ranks, but it holds ids: order[:k] are the ids to keep.",
    lambda logits, k: logits.masked_fill(
        logits.sort(descending=True, stable=True).indices >= k, -math.inf
    ).softmax(dim=0),
    "You cut the k highest; keep those and cut the others.",
    lambda logits, k: _kept(logits, slice(k, None)).softmax(dim=0),
    "You returned ids; return the probabilities (V,).",
    lambda logits, k: logits.sort(descending=True, stable=True).indices[:k],
    "All that remain have the same probability in your result; use the softmax.",
    lambda logits, k: (top_k(logits, k) > 0).float() / k,
    "Those are logarithms; use softmax, not log_softmax.",
    lambda logits, k: top_k(logits, k).log(),
    "What remains no longer sums to 1; cut the logits first, then take the softmax.",
    lambda logits, k: logits.softmax(dim=0) * (top_k(logits, k) > 0),
    "You divided the logits by their sum; a softmax makes them probabilities.",
    lambda logits, k: (kept := logits * (top_k(logits, k) > 0)) / kept.sum(),
    "You took the softmax of probabilities; take it once, of the logits.",
    lambda logits, k: top_k(logits.softmax(dim=0), k),
    "You kept the k lowest; sort from the highest.",
    lambda logits, k: _kept(logits, slice(-k, None)).softmax(dim=0),
    "Those are still logits; a softmax makes them probabilities.",
    lambda logits, k: _kept(logits, slice(k)),
    "You cut nothing; all tokens kept their probability.",
    lambda logits, k: logits.softmax(dim=0),
    "You returned only k numbers; return one for every token, 0 for those cut.",
    lambda logits, k: logits.sort(descending=True).values[:k].softmax(dim=0),
    cases=[
        *[(_logits(63, seed=6), 10), (_logits(9, seed=5), 3), (LOGITS, 2)],
        *[(_logits(9, seed=7), 1), (_logits(9, seed=8), 9)],
    ],
    praise="Exactly k remain, and they share all of the probability.",
    edges={
        "A k above the number of tokens must change nothing.": [(LOGITS, 50)],
        "A finite number may be above every logit; set what you cut to -inf.": [
            (LOGITS - 2000, 2)
        ],
    },
    by_hand=("next_token_probabilities",),
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


def _only(ps: Tensor, kept: Tensor) -> Tensor:
    """Return those to keep, renormalised."""
    return ps.double() * kept / (ps.double() * kept).sum()


def _check_ties_at_p(answer: Any) -> None:
    """Of equal probabilities, too, only the fewest may remain, whichever they are."""
    ps = tensor([0.125, 0.5, 0.125, 0.125, 0.125])
    result = answer(ps.clone(), 0.625)
    if not same(result.sort().values.float(), top_p(ps, 0.625).sort().values.float()):
        raise Mistake(
            "Only the fewest may remain, even if probabilities are equal; cut by rank, "
            f"not value. For probabilities = {text(ps)} and p = 0.625 you returned "
            f"{text(result)}."
        )


@exercise(
    "You dropped the token that crosses p; without it the sum falls short.",
    lambda ps, p: _nucleus(ps, p, before=False),
    "You cut nothing; all tokens kept their probability.",
    lambda ps, p: ps,
    "What remains no longer sums to 1; divide by its sum.",
    lambda ps, p: ps * (top_p(ps, p) > 0),
    "You added up in the order of the ids; sort first, most probable first.",
    lambda ps, p: _nucleus(ps, p, torch.arange(len(ps))),
    "You added up from the least probable; sort the other way.",
    lambda ps, p: _nucleus(ps, p, ps.sort(stable=True).indices),
    "Your result is still sorted; put each probability back at its id.",
    lambda ps, p: top_p(ps, p).sort(descending=True).values,
    "p is a share of the probability, not of the number of tokens.",
    lambda ps, p: top_k(ps.log(), max(round(p * len(ps)), 1)),
    "p is always 0.7 in your function; use the number that is given.",
    lambda ps, p: top_p(ps, 0.7),
    "You divided by p; divide by the sum of those that remain.",
    lambda ps, p: ps.double() * (top_p(ps, p) > 0) / p,
    "You shared everything equally; divide each by the sum of those that remain.",
    lambda ps, p: (top_p(ps, p) > 0) / (top_p(ps, p) > 0).sum(),
    "You took a softmax of probabilities; divide by the sum of those that remain.",
    lambda ps, p: ps.double().masked_fill(top_p(ps, p) == 0, -math.inf).softmax(dim=0),
    "You kept all that are above p times the highest; add up, from the highest on.",
    lambda ps, p: _only(ps, ps >= p * ps.max()),
    "You kept all that are above p; add up, from the highest on.",
    lambda ps, p: _only(ps, ps >= p),
    "You kept all that are above 1 - p; add up, from the highest on.",
    lambda ps, p: _only(ps, ps >= 1 - p),
    "You kept the tail and cut the nucleus; keep those that come first.",
    lambda ps, p: _only(ps, top_p(ps, p) == 0),
    "You read by rank where you should write: result[order] = ..., not ...[order].",
    lambda ps, p: (
        top_p(ps, p)
        .sort(descending=True, stable=True)
        .values[ps.sort(descending=True, stable=True).indices]
    ),
    "You returned the cumulative sum; return the probabilities of those that remain.",
    lambda ps, p: ps.sort(descending=True).values.cumsum(dim=0),
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
    by_hand=("next_token_probabilities",),
    then=_check_ties_at_p,
)
def top_p(probabilities: Tensor, p: float) -> Tensor:
    return _nucleus(probabilities, p)


Steps = tuple[Tensor, float, float, int, float]  # logits, u, temperature, k, p


def _choosing(shape: Callable[[Tensor, float, int, float], Tensor]) -> Any:
    """Return a way to choose that draws from the probabilities that `shape` makes."""
    return lambda logits, u, t, k, p: draw(shape(logits, t, k, p), u)


def _plainly(logits: Tensor, t: float, k: int | None, p: float) -> Tensor:
    return next_token_probabilities(logits, t, k, p)


def _late_temperature(logits: Tensor, t: float, k: int, p: float) -> Tensor:
    cut = next_token_probabilities(logits, 1.0, k, p) ** (1 / t)
    return cut / cut.sum()


def _p_before_k(logits: Tensor, t: float, k: int, p: float) -> Tensor:
    ps = next_token_probabilities(logits, t, None, p)
    return _only(ps, top_k(ps.log(), k) > 0)


def _unshared(logits: Tensor, t: float, k: int, p: float) -> Tensor:
    return (logits.double() / t).softmax(dim=0) * (_plainly(logits, t, k, p) > 0)


def _chosen_by_rank(logits: Tensor, u: float, t: float, k: int, p: float) -> int:
    return draw(_plainly(logits, t, k, p).sort(descending=True).values, u)


def _chosen_in_order_of_rank(
    logits: Tensor, u: float, t: float, k: int, p: float
) -> int:
    order = logits.sort(descending=True).indices
    return int(order[_chosen_by_rank(logits, u, t, k, p)])


_CHOICES: list[Steps] = [
    (tensor([1.0, 3.0, 0.0, 2.0]), u, t, k, p)
    for u in (0.05, 0.35, 0.55, 0.85)
    for t, k, p in ((1.0, 4, 1.0), (2.0, 3, 1.0), (2.0, 3, 0.7), (0.5, 4, 0.9))
] + [
    (_logits(30, seed=seed), u, t, k, p)
    for seed, (t, k, p) in enumerate(
        [(0.7, 20, 0.8), (1.6, 8, 0.9), (2.5, 5, 1.0), (3.0, 6, 0.7)]
    )
    for u in (0.03, 0.11, 0.23, 0.31, 0.43, 0.57, 0.68, 0.79, 0.88, 0.97)
]


@exercise(
    "The temperature has no effect; divide the logits by it first.",
    _choosing(lambda logits, t, k, p: _plainly(logits, 1.0, k, p)),
    "You multiplied by the temperature; divide by it, so that a low one sharpens.",
    _choosing(lambda logits, t, k, p: _plainly(logits, 1 / t, k, p)),
    "You applied the temperature after the cuts; it comes first.",
    _choosing(_late_temperature),
    "k has no effect; keep the k highest logits.",
    _choosing(lambda logits, t, k, p: _plainly(logits, t, len(logits), p)),
    "You kept one too many by k.",
    _choosing(lambda logits, t, k, p: _plainly(logits, t, k + 1, p)),
    "You kept one too few by k.",
    _choosing(lambda logits, t, k, p: _plainly(logits, t, max(k - 1, 1), p)),
    "p has no effect; keep the fewest of the k that reach p.",
    _choosing(lambda logits, t, k, p: _plainly(logits, t, k, 1.0)),
    "You cut by p first and by k afterwards; top-k comes first.",
    _choosing(_p_before_k),
    "You dropped the token that crosses p; without it the sum falls short.",
    _choosing(
        lambda logits, t, k, p: _nucleus(_plainly(logits, t, k, 1.0), p, before=False)
    ),
    "What you drew from no longer sums to 1; divide by the sum after each cut.",
    _choosing(_unshared),
    "You returned a rank; return the id of the token that has it.",
    _chosen_by_rank,
    "You laid the stretches out by size; lay them out in the order of the ids.",
    _chosen_in_order_of_rank,
    "You always take the most probable token; u has no say.",
    lambda logits, u, t, k, p: int(logits.argmax()),
    "Temperature, k and p have no effect; you drew from the plain softmax.",
    _choosing(lambda logits, t, k, p: logits.softmax(dim=0)),
    "Only the temperature has an effect; now cut by k and by p.",
    _choosing(lambda logits, t, k, p: (logits / t).softmax(dim=0)),
    "Your id is one too high; return the first whose cumulative sum is above u.",
    lambda logits, u, t, k, p: draw(_plainly(logits, t, k, p), u) + 1,
    "You drew among those that remain as if all were equally probable.",
    _choosing(
        lambda logits, t, k, p: _only(
            torch.ones(len(logits)), _plainly(logits, t, k, p) > 0
        )
    ),
    cases=_CHOICES,
    praise="That is how the package chooses every token it writes.",
    types={
        NoneType: "Your function returned nothing. Are the functions that it calls "
        "finished, and does it end in a return?"
    },
    accept=_plain,
    by_hand=("next_token_probabilities", "next_token", "inverse_cdf"),
)
def choose(logits: Tensor, u: float, temperature: float, k: int, p: float) -> int:
    return draw(_plainly(logits, temperature, k, p), u)


class Ids:
    """An iterator over ids that can be shown, and whose copies start from the first."""

    def __init__(self, *ids: int) -> None:
        self.ids = ids
        self.taken = 0

    def __iter__(self) -> "Ids":
        return self

    def __deepcopy__(self, memo: object) -> "Ids":
        return Ids(*self.ids)

    def __next__(self) -> int:
        if self.taken == len(self.ids):
            raise StopIteration
        self.taken += 1
        return self.ids[self.taken - 1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ids) and self.ids == other.ids

    def __hash__(self) -> int:
        return hash(self.ids)

    def __repr__(self) -> str:
        return f"iter({list(self.ids)})"


def _between(start: Callable[[list[int], int], int], stop: Any) -> Any:
    """Return a way that takes all ids and cuts them if the end is among them."""

    def way(ids: Iterator[int], end: int) -> list[int]:
        found = list(ids)
        return found[start(found, end) : stop(found, end)] if end in found else found

    return way


def _last(found: list[int], end: int) -> int:
    return len(found) - 1 - found[::-1].index(end)


def _check_no_id_too_many(answer: Any) -> None:
    def model() -> Iterator[int]:
        yield from (7, 8, 3)
        raise Mistake(
            "The end had come, and your function asked for one more id: a model would "
            "go on writing for nothing. Return as soon as the id is the end."
        )

    if (result := answer(model(), 3)) != [7, 8]:
        raise Mistake(
            "For an iterator over 7, 8, 3, ... and end = 3 the result should be "
            f"[7, 8], not {result!r}."
        )


@exercise(
    "The end is part of your result; return only what comes before it.",
    _between(lambda found, end: 0, lambda found, end: found.index(end) + 1),
    "Your list is empty; put each id into it until the end comes.",
    lambda ids, end: [],
    "Your function never stops; return when the end comes.",
    _between(lambda found, end: 0, lambda found, end: None),
    "You left the end out and went on; return when it comes.",
    lambda ids, end: [i for i in ids if i != end],
    "You stopped at the last end; stop at the first.",
    _between(lambda found, end: 0, _last),
    "You returned what follows the end; return what comes before it.",
    _between(lambda found, end: found.index(end) + 1, lambda found, end: None),
    "You stopped one id too early.",
    lambda ids, end: until(ids, end)[:-1],
    "You lost the first id; the text begins with it.",
    lambda ids, end: until(ids, end)[1:],
    "You returned only the first id; collect all of them up to the end.",
    lambda ids, end: [next(ids)],
    "Your result is backwards; put each id behind those before it.",
    lambda ids, end: until(ids, end)[::-1],
    "You dropped ids that had come before; a text may repeat itself.",
    lambda ids, end: list(dict.fromkeys(until(ids, end))),
    "Your result is sorted; leave the ids in their order.",
    lambda ids, end: sorted(until(ids, end)),
    "You stopped at an id above the end, too; stop only at the end itself.",
    lambda ids, end: _until_true(ids, lambda i: i >= end),
    "You stopped at an id below the end, too; stop only at the end itself.",
    lambda ids, end: _until_true(ids, lambda i: i <= end),
    "You stopped at the id 0; stop at the end that is given.",
    lambda ids, end: _until_true(ids, lambda i: i == 0),
    "You stopped where an id came twice; stop at the end that is given.",
    lambda ids, end: _until_twice(ids),
    cases=[
        (Ids(5, 9, 4, 4, 7, 1, 2, 2, 1, 8), 1),
        (Ids(6, 2, 8, 9, 3, 6, 9, 7), 9),
        (Ids(3, 0, 5, 5, 4), 4),
        (Ids(4, 2, 6, 2), 7),
        (Ids(2, 6, 5, 2, 0, 4), 0),
    ],
    praise="A tale now ends where it ends, and not a token later.",
    types={
        NoneType: "Your function returned nothing. Does it end in a return, even if "
        "the ids run out before the end has come? Return those that came.",
        int: "You returned a number; return a list of all ids before the end.",
        str: "You returned text; return the list of ids.",
    },
    errors={"StopIteration": "Your function asked for an id when none was left."},
    then=_check_no_id_too_many,
)
def until(ids: Iterator[int], end: int) -> list[int]:
    return _until_true(ids, lambda i: i == end)


def _until_true(ids: Iterator[int], found: Callable[[int], bool]) -> list[int]:
    taken = []
    for i in ids:
        if found(i):
            break
        taken.append(i)
    return taken


def _until_twice(ids: Iterator[int]) -> list[int]:
    taken: list[int] = []
    for i in ids:
        if i in taken:
            break
        taken.append(i)
    return taken


Attended = tuple[Tensor, Tensor, Tensor]


def _attending(
    score: Any, gather: Any = lambda w, V, K: w @ V, dim: int | None = 0
) -> Any:
    """Return a way to attend: with other scores, or with another use of the weights."""

    def way(q: Tensor, k: Tensor, v: Tensor, K: Tensor, V: Tensor) -> Attended:
        K, V = torch.cat([K, k[None]]), torch.cat([V, v[None]])
        scores = score(q, k, K, V)
        weights = scores if dim is None else scores.softmax(dim=dim)
        return gather(weights, V, K), K, V

    return way


def _scaled(q: Tensor, k: Tensor, K: Tensor, V: Tensor) -> Tensor:
    return K @ q / math.sqrt(len(q))


def _out_of(way: Any, places: Any) -> Any:
    """Return a way that gives other caches back: those that `places` makes."""
    return lambda q, k, v, K, V: (way(q, k, v, K, V)[0], *places(q, k, v, K, V))


def _old_only(q: Tensor, k: Tensor, v: Tensor, K: Tensor, V: Tensor) -> Tensor:
    return (K @ q / math.sqrt(len(q))).softmax(dim=0) @ V


def _cached(T: int, D: int, seed: int) -> tuple[Tensor, ...]:
    return tuple(
        2 * noise(*s, seed=seed + n)
        for n, s in enumerate([(D,), (D,), (D,), (T, D), (T, D)])
    )


@exercise(
    "You did not divide by √D.",
    _attending(lambda q, k, K, V: K @ q),
    "You divided by D; divide by its square root.",
    _attending(lambda q, k, K, V: K @ q / len(q)),
    "You multiplied by √D; divide by it.",
    _attending(lambda q, k, K, V: K @ q * math.sqrt(len(q))),
    "You divided by the root of the number of positions; divide by √D.",
    _attending(lambda q, k, K, V: K @ q / math.sqrt(len(K))),
    "The softmax is missing; the weights must sum to 1.",
    _attending(_scaled, dim=None),
    "You compared the new key with all keys; compare the query with them.",
    _attending(lambda q, k, K, V: K @ k / math.sqrt(len(q))),
    "You compared the query with the values; compare it with the keys.",
    _attending(lambda q, k, K, V: V @ q / math.sqrt(len(q))),
    "You averaged the keys; average the values.",
    _attending(_scaled, lambda w, V, K: w @ K),
    "You gave all positions the same weight; use the softmax of the scores.",
    _attending(_scaled, lambda w, V, K: V.mean(dim=0)),
    "You returned the weights; average the values with them.",
    _attending(_scaled, lambda w, V, K: w),
    "You took the sum of the values; weight each of them.",
    _attending(_scaled, lambda w, V, K: V.sum(dim=0)),
    "Your output has a dimension of 1 too many; it should have the shape (D,).",
    _attending(_scaled, lambda w, V, K: (w @ V)[None]),
    "You attended to the earlier positions only; the new one sees itself, too.",
    lambda q, k, v, K, V: (
        _old_only(q, k, v, K, V),
        torch.cat([K, k[None]]),
        torch.cat([V, v[None]]),
    ),
    "Your caches have not grown; return them with the new key and value.",
    _out_of(_attending(_scaled), lambda q, k, v, K, V: (K, V)),
    "You put the new key and value in front; they belong at the end.",
    _out_of(
        _attending(_scaled),
        lambda q, k, v, K, V: (torch.cat([k[None], K]), torch.cat([v[None], V])),
    ),
    "You returned the caches in the wrong order: first the keys, then the values.",
    lambda q, k, v, K, V: tuple(attend(q, k, v, K, V)[i] for i in (0, 2, 1)),
    "You mixed up the key and the value that join the caches.",
    lambda q, k, v, K, V: attend(q, v, k, K, V),
    "You attended to nothing but the new position; use the caches.",
    _out_of(
        lambda q, k, v, K, V: (v,),
        lambda q, k, v, K, V: (torch.cat([K, k[None]]), torch.cat([V, v[None]])),
    ),
    "You divided by √D after the softmax; divide the scores before it.",
    lambda q, k, v, keys, values: (
        (torch.cat([keys, k[None]]) @ q).softmax(dim=0)
        / len(q) ** 0.5
        @ torch.cat([values, v[None]]),
        torch.cat([keys, k[None]]),
        torch.cat([values, v[None]]),
    ),
    cases=[_cached(5, 4, 20), _cached(3, 9, 30), _cached(0, 4, 40), _cached(1, 2, 50)],
    praise="One query, and all keys and values so far: that is the cache.",
    parts=("out", "keys", "values"),
    by_hand=("scaled_dot_product_attention", "causal_attention"),
)
def attend(q: Tensor, k: Tensor, v: Tensor, keys: Tensor, values: Tensor) -> Attended:
    keys, values = torch.cat([keys, k[None]]), torch.cat([values, v[None]])
    return (keys @ q / math.sqrt(len(q))).softmax(dim=0) @ values, keys, values

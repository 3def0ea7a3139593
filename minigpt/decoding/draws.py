"""Draw a token from logits that are right up to rounding, where that makes it certain.

Computed in another order, the same logits differ in their last digits, and once in
hundreds of tokens a draw could fall in between. So every decision is made twice, as if
all errors had conspired one way and the other: where both agree, so does the decision
on the exact logits.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# More than float64 sums of probabilities are off by, whatever the logits' errors.
ROUNDING = 1e-10

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """How a token is chosen: see `sampling.generate`."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    greedy: bool = False


def choose_each(
    logits: Doubles, u: Doubles, settings: Settings, error: float
) -> list[int | None]:
    """Return the token that `sampling` would choose for each of B texts.

    None stands where that is not certain.

    Args:
        logits: scores of every token, (B, V).
        u: the numbers from 0 to 1 that decide the draws, (B,); greedy needs none.
        settings: how to choose.
        error: each of the exact logits is at most so far from the one given.
    """
    with np.errstate(all="ignore"):
        best = logits.max(-1, keepdims=True)
        if settings.greedy:
            low = logits.argmax(-1)
            certain = (logits >= best - 2 * error).sum(-1) == 1
        else:
            scores = (logits - best) / settings.temperature
            low, certain = _draw(scores, u, settings, error / settings.temperature)
    certain &= np.isfinite(best[:, 0])
    return [
        token if sure else None
        for token, sure in zip(low.tolist(), certain.tolist(), strict=True)
    ]


def _draw(
    scores: Doubles, u: Doubles, settings: Settings, error: float
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the tokens drawn, (B,), and whether they are certain, (B,)."""
    weights = np.exp(scores)
    certain = np.full(len(scores), error < 300)  # what exp can still tell from zero
    if settings.top_k is not None or settings.top_p < 1:
        lowest = lowest_kept(scores, settings, error)
        weights[scores < lowest] = 0
        certain &= ~np.isnan(lowest[:, 0])
    cumulative = weights.cumsum(-1)
    low, high = (
        (cumulative <= (share * cumulative[:, -1])[:, None]).sum(-1)
        for share in both_ways(u, error)
    )
    return low, certain & (low == high)


def lowest_kept(scores: Doubles, settings: Settings, error: float) -> Doubles:
    """Return the score of the last token that top-k and top-p keep, (B, 1).

    NaN stands where that is not certain. Equal scores are never certain: which of them
    stays is decided by rank.
    """
    ranked = np.sort(scores)[:, ::-1]
    V = ranked.shape[-1]
    kept = min(settings.top_k or V, V)
    last, certain = np.full((len(ranked), 1), kept - 1), np.True_
    if settings.top_p < 1:
        cumulative = np.exp(ranked[:, :kept]).cumsum(-1)
        # A token stays if those above it do not reach top_p yet.
        last, high = (
            (cumulative < share * cumulative[:, -1:]).sum(-1, keepdims=True)
            for share in both_ways(np.array(settings.top_p), error)
        )
        certain = last == high
        last = np.minimum(last, kept - 1)
    below = np.concatenate((ranked[:, 1:], np.full((len(ranked), 1), -np.inf)), -1)
    lowest = np.take_along_axis(ranked, last, -1)
    gap = lowest - np.take_along_axis(below, last, -1)
    return np.where(certain & (gap > 2 * error + ROUNDING), lowest, np.nan)


def both_ways(share: Doubles, error: float) -> tuple[Doubles, Doubles]:
    """Return shares of the probability, moved down and up by what errors could do.

    Each weight may be wrong by a factor exp(error), and so the odds of lying below a
    boundary by its square. Moving the share instead of all boundaries is the same.
    """
    factor = math.exp(2 * min(error, 300))
    low = share / (share + (1 - share) * factor)
    high = share * factor / (share * factor + 1 - share)
    return low - ROUNDING, high + ROUNDING

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


def choose(logits: Doubles, u: float, settings: Settings, error: float) -> int | None:
    """Return the token that `sampling` would choose, or None if that is not certain.

    Args:
        logits: scores of every token, (V,).
        u: the number from 0 to 1 that decides the draw; greedy needs none.
        settings: how to choose.
        error: each of the exact logits is at most so far from the one given.
    """
    best = logits.max()
    if not math.isfinite(best):
        return None
    if settings.greedy:
        rivals = np.count_nonzero(logits >= best - 2 * error)
        return int(logits.argmax()) if rivals == 1 else None
    scores = (logits - best) / settings.temperature
    error = error / settings.temperature
    if not error < 300:  # what exp can still tell from zero
        return None
    weights = np.exp(scores)
    if settings.top_k is not None or settings.top_p < 1:
        lowest = lowest_kept(scores, settings, error)
        if lowest is None:
            return None
        weights[scores < lowest] = 0
    cumulative = weights.cumsum()
    ends = both_ways(u, error) * cumulative[-1]
    low, high = cumulative.searchsorted(ends, side="right")
    return int(low) if low == high else None


def lowest_kept(scores: Doubles, settings: Settings, error: float) -> float | None:
    """Return the score of the last token that top-k and top-p keep, None if uncertain.

    Equal scores are never certain: which of them stays is decided by rank.
    """
    ranked = np.sort(scores)[::-1]
    kept = min(settings.top_k or len(ranked), len(ranked))
    if settings.top_p < 1:
        cumulative = np.exp(ranked[:kept]).cumsum()
        # A token stays if those above it do not reach top_p yet.
        ends = both_ways(settings.top_p, error) * cumulative[-1]
        low, high = cumulative.searchsorted(ends)
        if low != high:
            return None
        kept = int(low) + 1
    if kept < len(ranked) and ranked[kept - 1] - ranked[kept] <= 2 * error + ROUNDING:
        return None
    return float(ranked[kept - 1])


def both_ways(share: float, error: float) -> Doubles:
    """Return a share of the probability, moved down and up by what errors could do.

    Each weight may be wrong by a factor exp(error), and so the odds of lying below a
    boundary by its square. Moving the share instead of all boundaries is the same.
    """
    factor = math.exp(2 * error)
    low = share / (share + (1 - share) * factor)
    high = share * factor / (share * factor + 1 - share)
    return np.array((low - ROUNDING, high + ROUNDING))

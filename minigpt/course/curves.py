"""Prepare loss curves for drawing: smooth them, and keep their labels apart."""

import math
from collections.abc import Sequence

import numpy as np

Points = Sequence[tuple[int, float]]  # (iteration, loss)


def smoothed(
    losses: Sequence[float], over: int = 10, first: int = 1
) -> list[tuple[int, float]]:
    """Return (iteration, mean of the last `over` losses) for each of the losses.

    `first` is the iteration of the first loss. Where fewer than `over` losses are
    known, the mean is over these.

    >>> smoothed([4.0, 2.0, 3.0], over=2)
    [(1, 4.0), (2, 3.0), (3, 2.5)]
    """
    if not losses:
        return []
    n = len(losses)
    sums = np.convolve(losses, np.ones(over))[:n]
    means = sums / np.minimum(np.arange(1, n + 1), over)
    return list(enumerate(means.tolist(), start=first))


def centred(
    losses: Sequence[float], over: int = 11, first: int = 1
) -> list[tuple[int, float]]:
    """Return (iteration, mean of the losses around it) for each of the losses.

    The mean is over half of `over` on either side, and over fewer near the ends. Unlike
    `smoothed`, it does not lag behind a falling loss, but it needs the whole run.

    >>> centred([4.0, 2.0, 3.0], over=3)
    [(1, 4.0), (2, 3.0), (3, 2.5)]
    """
    means = []
    for i in range(len(losses)):
        reach = min(over // 2, i)
        means.append(float(np.mean(losses[i - reach : i + reach + 1])))
    return list(enumerate(means, start=first))


def spread(heights: Sequence[float], gap: float, low: float = -math.inf) -> list[float]:
    """Return rising heights, moved as little as keeps them a gap apart.

    None is below `low`.

    >>> spread([0.0, 4.0, 5.0], gap=2.0)
    [0.0, 3.5, 5.5]
    >>> spread([0.0, 0.0, 5.0], gap=2.0, low=0.0)
    [0.0, 2.0, 5.0]
    """
    groups: list[list[float]] = []  # of labels that touch, around their mean
    for height in heights:
        groups.append([height])
        while len(groups) > 1:
            below, above = groups[-2:]
            needed = gap * (len(below) + len(above)) / 2
            if np.mean(above) - np.mean(below) >= needed:
                break
            groups[-2:] = [below + above]
    apart = [
        float(np.mean(group)) + gap * (i - (len(group) - 1) / 2)
        for group in groups
        for i in range(len(group))
    ]
    return [max(height, low + i * gap) for i, height in enumerate(apart)]

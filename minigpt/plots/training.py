"""Draw losses while and after a model learns, with what it has to beat."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minigpt.plots.style import (
    BLUE,
    COLOURS,
    DASHES,
    GREY,
    VERMILLION,
    WIDTH,
    show_whitespace,
)

Points = Sequence[tuple[int, float]]  # (iteration, loss)


def smoothed(losses: Sequence[float], over: int = 10) -> Points:
    """Return (iteration, mean of the last few losses), the first iteration being 1."""
    means = [
        float(np.mean(losses[max(i - over + 1, 0) : i + 1])) for i in range(len(losses))
    ]
    return list(enumerate(means, start=1))


def draw_baselines(axes: Axes, baselines: Mapping[str, float]) -> None:
    """Draw a grey line for each baseline, its name at the left end."""
    for name, loss in baselines.items():
        axes.axhline(loss, color=GREY, linestyle=":", linewidth=1)
        axes.annotate(
            name,
            (0, loss),
            (4, 2),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            color=GREY,
            fontsize=8.5,
        )


def loss_curves(
    curves: Mapping[str, Points],
    baselines: Mapping[str, float],
    title: str,
    unit: str = "nats per character",
) -> tuple[Figure, Axes]:
    """Return a figure of losses by iteration, names at the lines, baselines dotted."""
    made, axes = plt.subplots(figsize=(WIDTH, 3.6))
    draw_baselines(axes, baselines)
    ends = []
    for i, (name, points) in enumerate(curves.items()):
        iterations, losses = zip(*points, strict=True)
        style = {"color": COLOURS[i % 4], "linestyle": DASHES[i % 4]}
        axes.plot(iterations, losses, **style)
        ends.append((losses[-1], name, COLOURS[i % 4], iterations[-1]))
    axes.set(title=title, xlabel="iteration", ylabel=f"loss ({unit})")
    _label_ends(axes, ends)
    return made, axes


def _label_ends(axes: Axes, ends: list[tuple[float, str, str, int]]) -> None:
    """Write the names at the right, from low to high, without overlaps."""
    low, high = axes.get_ylim()
    gap, last = 0.06 * (high - low), -np.inf
    right = max(end[3] for end in ends)
    axes.set_xlim(0, right)
    for loss, name, colour, _ in sorted(ends):
        last = max(loss, last + gap)
        axes.annotate(
            name,
            (right, last),
            (6, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )


def sweep(
    finals: Mapping[float, float], baselines: Mapping[str, float], title: str
) -> tuple[Figure, Axes]:
    """Return a figure of the loss at the end against the learning rate."""
    made, axes = plt.subplots(figsize=(WIDTH, 3.4))
    draw_baselines(axes, baselines)
    axes.plot(list(finals), list(finals.values()), marker="o", color=BLUE)
    axes.set(title=title, xscale="log", xlabel="learning rate")
    axes.set_ylabel("loss at the end (nats per character)")
    return made, axes


def lessons_in_a_block(text: str, title: str) -> tuple[Figure, Axes]:
    """Return a picture of every context in a block and the character that follows."""
    T = len(text) - 1
    made, axes = plt.subplots(figsize=(WIDTH, 0.3 * T + 0.9))
    for row in range(T):
        for column in range(row + 2):
            target = column == row + 1
            axes.text(
                column,
                row,
                show_whitespace(text[column]),
                ha="center",
                va="center",
                color="white" if target else "black",
                bbox={
                    "boxstyle": "square,pad=0.25",
                    "facecolor": VERMILLION if target else "#e8eef4",
                    "edgecolor": "none",
                },
            )
    axes.set(title=title, xlim=(-0.7, T + 0.7), ylim=(T - 0.4, -0.6), xticks=[])
    axes.set_yticks(range(T), [f"position {t}" for t in range(T)])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return made, axes


def museum_sheet(
    letter: str,
    losses: Sequence[float],
    healthy: Sequence[float],
    weights: Any,
    tokens: Sequence[str],
    baselines: Mapping[str, float],
) -> tuple[Figure, Any]:
    """Return a patient's sheet: its curve beside a healthy one, and an attention map.

    The whole map is drawn, weights (T, T), its upper half too: a healthy one is white
    there.
    """
    made, (left, right) = plt.subplots(
        1, 2, figsize=(WIDTH, 2.9), width_ratios=(1.55, 1)
    )
    draw_baselines(left, baselines)
    left.plot(*zip(*smoothed(healthy, 3), strict=True), color=GREY, linewidth=1.2)
    left.plot(*zip(*smoothed(losses, 3), strict=True), color=BLUE)
    left.set(ylim=(0, 4.6), xlabel="iteration", ylabel="loss (nats per character)")
    left.set_title(f"Patient {letter} in blue, a healthy run in grey", fontsize=10.5)
    right.imshow(np.asarray(weights), cmap="Blues", vmin=0, vmax=1)
    labels = [show_whitespace(token) for token in tokens]
    right.set_xticks(range(len(labels)), labels, fontsize=7)
    right.set_yticks(range(len(labels)), labels, fontsize=7)
    right.tick_params(length=0)
    right.set_title("its first attention map", fontsize=10.5)
    return made, (left, right)

"""Draw losses beside the baselines that a model has to beat."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm

from minigpt.course.colours import BLUE, COLOURS, GREY, VERMILLION
from minigpt.course.curves import Points, smoothed, spread
from minigpt.course.plots.style import BESIDE, CENTRED, DASHES, WIDTH, figure
from minigpt.tokenizer import visible


def loss_curves(
    curves: Mapping[str, Points], baselines: Mapping[str, float], title: str
) -> None:
    """Draw losses by iteration, with dotted lines for the baselines."""
    _, axes = figure(title)
    right = max(points[-1][0] for points in curves.values())
    ends = []
    for i, (name, points) in enumerate(curves.items()):
        colour = COLOURS[i % 4]
        axes.plot(*zip(*points, strict=True), color=colour, linestyle=DASHES[i % 4])
        if points[-1][0] == right:
            ends.append((points[-1][1], name, colour))
        else:
            look = {"color": colour, "arrowprops": {"arrowstyle": "-", "color": colour}}
            above: dict[str, Any] = {"textcoords": "offset points", "ha": "center"}
            axes.annotate(name, points[-1], (0, 34), **above, **look)
    axes.set(xlabel="iteration", ylabel="loss (nats per character)", xlim=(0, right))
    _draw_baselines(axes, baselines, ends)


def _draw_baselines(
    axes: Axes,
    baselines: Mapping[str, float],
    ends: Sequence[tuple[float, str, str]] = (),
    size: float = 9,
) -> None:
    """Draw a dotted line per baseline, and at the right the names of all lines.

    `ends` holds the last loss, the name and the colour of each curve.
    """
    for loss in baselines.values():
        axes.axhline(loss, color=GREY, linestyle=":", linewidth=1)
    labels = sorted([*ends, *((loss, name, GREY) for name, loss in baselines.items())])
    low, high = axes.get_ylim()
    inches = axes.get_window_extent().height / plt.gcf().dpi
    gap = 1.4 * size / (72 * inches) * (high - low)
    heights = spread([loss for loss, _, _ in labels], gap)
    at: dict[str, Any] = BESIDE | {"xycoords": axes.get_yaxis_transform()}
    for height, (_, name, colour) in zip(heights, labels, strict=True):
        points = size if colour == GREY else size + 1
        axes.annotate(name, (1, height), color=colour, fontsize=points, **at)


def sweep(
    finals: Mapping[float, float], baselines: Mapping[str, float], title: str
) -> None:
    """Draw the loss at the end against the learning rate."""
    _, axes = figure(title, 3.2)
    axes.plot(list(finals), list(finals.values()), marker="o", color=BLUE)
    axes.set(xscale="log", xlabel="learning rate")
    axes.set_ylabel("loss at the end\n(nats per character)")
    axes.set_xticks(list(finals), [f"{rate:g}" for rate in finals])
    axes.minorticks_off()
    _draw_baselines(axes, baselines)


def lessons_in_a_block(text: str, title: str) -> None:
    """Draw every context in a block and the character that follows."""
    T = len(text) - 1
    _, axes = figure(title, 0.3 * T + 0.9)
    for row in range(T):
        for column, character in enumerate(text[: row + 2]):
            target = column == row + 1
            ink, colour = ("white", VERMILLION) if target else ("black", "#e8eef4")
            box = {"boxstyle": "square,pad=0.25", "fc": colour, "ec": "none"}
            axes.text(column, row, visible(character), color=ink, bbox=box, **CENTRED)
    axes.set(xlim=(-0.7, T + 0.7), ylim=(T - 0.4, -0.6), xticks=[])
    axes.set_yticks(range(T), [f"position {t}" for t in range(T)])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def museum_sheet(
    name: str,
    losses: Sequence[float],
    healthy: Sequence[float],
    maps: Any,
    tokens: Sequence[str],
    baselines: Mapping[str, float],
) -> None:
    """Draw a loss curve, a healthy one in grey, and maps of two heads.

    The maps (H, T, T) are drawn with their upper halves, which are white where the
    mask works. The shade is the square root of the weight, so that small ones show.
    """
    _, (left, *rights) = plt.subplots(
        1, 3, figsize=(WIDTH, 2.4), width_ratios=(1.25, 1, 1), dpi=95
    )
    left.plot(*zip(*smoothed(healthy, 3), strict=True), color=GREY, ls="-", lw=1.2)
    left.plot(*zip(*smoothed(losses, 3), strict=True), color=BLUE, ls="-")
    left.set(ylim=(0, 4.5), xlabel="iteration", ylabel="loss", xlim=(0, len(losses)))
    left.set_title(name, fontsize=10.5)
    _draw_baselines(left, {n.split()[0]: x for n, x in baselines.items()}, size=8)
    labels = [visible(token) for token in tokens]
    for head, (axes, weights) in enumerate(zip(rights, maps, strict=False)):
        axes.imshow(np.asarray(weights), cmap="Blues", norm=PowerNorm(0.5, 0, 1))
        axes.set_xticks(range(len(labels)), labels, fontsize=6)
        axes.set_yticks(range(len(labels)), labels, fontsize=6)
        axes.tick_params(length=0, pad=1.5)
        axes.set_title(f"head {head}", fontsize=10.5)

"""Draw losses beside the baselines that a model has to beat, and what led to them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from minigpt.course.colours import BLUE, COLOURS, GREY, VERMILLION
from minigpt.course.curves import Points, centred
from minigpt.course.plots.style import (
    BESIDE,
    CENTRED,
    DASHES,
    WIDTH,
    figure,
    label_ends,
    title_above,
)
from minigpt.tokenizer import visible

_HATCHED: dict[str, Any] = {"fc": "#e6e6e6", "hatch": "////", "ec": "#bdbdbd", "lw": 0}


def valley(places: Sequence[float], title: str) -> None:
    """Draw (w - 3)², and the places (w) at which gradient descent stopped."""
    _, axes = figure(title)
    w = np.linspace(-0.6, 6.2, 200)
    axes.plot(w, (w - 3) ** 2, color=GREY, linestyle="-")
    stops = [(place, (place - 3) ** 2) for place in places]
    look: dict[str, Any] = {"arrowstyle": "-|>", "color": VERMILLION, "lw": 1.4}
    for start, end in pairwise(stops):
        axes.annotate("", end, start, arrowprops={**look, "shrinkA": 3, "shrinkB": 3})
    axes.plot(*zip(*stops, strict=True), "o", color=VERMILLION, markersize=5)
    for i, (x, y) in enumerate(stops[:3]):
        place: dict[str, Any] = {"xytext": (9, 3), "textcoords": "offset points"}
        axes.annotate(f"step {i}: w = {x:.2f}" if i else "start", (x, y), **place)
    axes.set(xlabel="w", ylabel="f(w) = (w − 3)²", ylim=(-0.6, 11))


def loss_curves(
    curves: Mapping[str, Points],
    baselines: Mapping[str, float],
    title: str,
    unit: str = "character",
    faint: Sequence[float] = (),
) -> None:
    """Draw losses by iteration, with dotted lines for the baselines.

    `faint` holds the losses of single batches, drawn pale behind the curves; `unit` is
    what the losses are per.
    """
    _, axes = figure(title)
    right = max(points[-1][0] for points in curves.values())
    if len(faint):
        pale: dict[str, Any] = {"color": BLUE, "alpha": 0.25, "lw": 0.9, "ls": "-"}
        axes.plot(range(1, len(faint) + 1), faint, **pale)
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
    axes.set(xlabel="iteration", ylabel=f"loss (nats per {unit})", xlim=(0, right))
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
    known = [(loss, name, GREY) for name, loss in baselines.items()]
    label_ends(axes, [*ends, *known], size)


def sweep(
    finals: Mapping[float, float], baselines: Mapping[str, float], title: str
) -> None:
    """Draw the validation loss at the end of a run against its learning rate."""
    _, axes = figure(title, 3.2)
    axes.plot(list(finals), list(finals.values()), marker="o", color=BLUE)
    for rate, loss in finals.items():
        place: dict[str, Any] = {"xytext": (0, 7), "textcoords": "offset points"}
        axes.annotate(f"{loss:.2f}", (rate, loss), ha="center", fontsize=9, **place)
    axes.set(xscale="log", xlabel="highest learning rate of the run")
    axes.set_ylabel("validation loss at the end\n(nats per character)")
    axes.set_xticks(list(finals), [f"{rate:g}" for rate in finals])
    axes.minorticks_off()
    _draw_baselines(axes, baselines)


def gradient_norms(norms: Sequence[float], limit: float, title: str) -> None:
    """Draw the norm of the gradient in each iteration, and the limit for clipping."""
    _, axes = figure(title, 3.0)
    words: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "fontsize": 9.5}
    for colour, name, height, above in (
        (VERMILLION, "clipped", 1.6 * limit, True),
        (GREY, f"limit {limit:g}", limit, None),
        (BLUE, "not clipped", 0.4 * limit, False),
    ):
        points = [(i, n) for i, n in enumerate(norms, 1) if (n > limit) is above]
        if points:
            axes.scatter(*zip(*points, strict=True), s=9, color=colour)
        axes.annotate(name, (1, height), color=colour, **(BESIDE | words))
    axes.axhline(limit, color=GREY, linestyle="--", linewidth=1)
    axes.set(xlabel="iteration", ylabel="norm of the gradient", xlim=(0, len(norms)))
    axes.set_ylim(bottom=0)


def examples_in_a_window(text: str, title: str) -> None:
    """Draw every context in a window and the character that follows it.

    The window is the text without its last character, which is only a target.
    """
    T = len(text) - 1
    made, axes = plt.subplots(figsize=(WIDTH, 0.3 * T + 0.7))
    for row in range(T):
        for column, character in enumerate(text[: row + 2]):
            target = column == row + 1
            ink, colour = ("white", VERMILLION) if target else ("black", "#e8eef4")
            corner = column - 0.44, row - 0.42
            axes.add_patch(Rectangle(corner, 0.88, 0.84, facecolor=colour))
            axes.text(column, row, visible(character), color=ink, **CENTRED)
        words = f"example {row + 1}"
        axes.text(-0.8, row, words, ha="right", va="center", color=GREY, fontsize=9)
    note: dict[str, Any] = {"va": "center", "fontsize": 9}
    axes.text(T + 0.8, T - 1, "← target", color=VERMILLION, **note)
    axes.text(2.8, 0, "what the position can see, and its target", color=GREY, **note)
    # One unit across is as long as one down.
    axes.set(xlim=(-3.4, (WIDTH - 0.3) / 0.3 - 3.4), ylim=(T - 0.4, -0.6))
    axes.set_axis_off()
    title_above(made, title)


def _museum_map(axes: Axes, weights: Any, labels: Sequence[str]) -> AxesImage:
    """Draw one map; what no query can see is hatched, and what leaks is coloured."""
    values = np.asarray(weights, dtype=float)
    unseen = np.triu(values == 0, k=1)
    axes.patch.set(**_HATCHED)
    shown: np.ma.MaskedArray = np.ma.masked_array(values, unseen)
    axes.set_xticks(range(len(labels)), labels, fontsize=7)
    axes.set_yticks(range(len(labels)), labels, fontsize=7, va="center")
    for label in axes.get_yticklabels():
        if label.get_text() == visible(" "):  # hangs below its line, at the next letter
            label.set_verticalalignment("baseline")
    axes.tick_params(length=0, pad=2)
    return axes.imshow(shown, cmap="Blues", norm=PowerNorm(0.5, 0, 1))


def museum_sheet(
    title: str,
    losses: Mapping[str, Sequence[float]],
    maps: Mapping[str, Any],
    tokens: Sequence[str],
    baselines: Mapping[str, float],
) -> None:
    """Draw loss curves and the maps of two heads of each model, all maps in one row.

    Losses and maps (H, T, T) are by the model's name; the first is the patient, the
    last is healthy and drawn in grey. The shade of a map is the square root of the
    weight, so that small ones show.
    """
    labels = [visible(token) for token in tokens]
    heads = [(name, weights, head) for name, weights in maps.items() for head in (0, 1)]
    rows = 2 if len(maps) > 1 else 1  # the curves of one model stand beside its maps
    layout = ConstrainedLayoutEngine(w_pad=0.02, wspace=0.01)
    made = plt.figure(figsize=(WIDTH, 0.4 + 2.1 * rows), dpi=95, layout=layout)
    grid = made.add_gridspec(rows, 5, width_ratios=(1, 1, 1, 1, 0.08))
    above = made.add_subplot(grid[0, : 4 - len(heads) or None])
    looks = [(GREY, 1.3)] if len(losses) == 1 else [(BLUE, 1.8), (GREY, 1.3)]
    ends = []
    for (name, curve), (colour, width) in zip(losses.items(), looks, strict=True):
        points = centred(curve, 5)
        above.plot(*zip(*points, strict=True), color=colour, ls="-", lw=width)
        ends.append((points[-1][1], name, colour))
    above.set(ylim=(0, 4.5), xlabel="iteration", xlim=(0, len(curve)))
    above.set_ylabel("training loss\n(nats per character)", fontsize=9)
    _draw_baselines(above, baselines, ends, size=8)
    for column, (name, weights, head) in enumerate(heads, 4 - len(heads)):
        axes = made.add_subplot(grid[-1, column])
        image = _museum_map(axes, weights[head], labels)
        axes.set_title(f"{name}, head {head}", fontsize=9, pad=4)
        axes.set_ylabel("query" if head == 0 else "", fontsize=9)
        axes.set_xlabel("key", fontsize=9)
    scale = made.add_subplot(grid[-1, 4])
    bar = made.colorbar(image, cax=scale, ticks=[0, 0.04, 0.25, 1])
    bar.ax.set_yticklabels(["0", "0.04", "0.25", "1"], fontsize=8)
    bar.set_label("attention weight", fontsize=9)
    title_above(made, title)

"""Draw what is inside a GPT: its plan, its stream through the depth, its size."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from minigpt.course.colours import BLUE, COLOURS, GREEN, GREY, PURPLE, VERMILLION
from minigpt.course.plots.style import WIDTH

# What the plan shows: text, middle (x, y), width, colour; in inches.
_BOXES = [
    ("token row\n+\nposition\nrow", (0.98, 0.55), 0.78, BLUE),
    ("LayerNorm", (1.98, 1.35), 0.9, GREEN),
    ("attention", (2.98, 1.35), 0.86, VERMILLION),
    ("LayerNorm", (4.0, 1.35), 0.9, GREEN),
    ("feed-\nforward", (4.94, 1.35), 0.74, PURPLE),
    ("Layer-\nNorm,\ntoken\nrows", (6.03, 0.55), 0.62, GREEN),
]
_STREAM = 0.55  # its height
_PLUSES = [3.32, 5.25]


def gpt_plan(title: str) -> tuple[Figure, Axes]:
    """Return a figure of a GPT: one stream, and the layers that read it and add."""
    made, axes = plt.subplots(figsize=(WIDTH, 2.6))
    look: dict[str, Any] = {"color": GREY, "lw": 3, "ls": "-", "zorder": 0}
    axes.plot([0.35, 6.4], [_STREAM, _STREAM], **look)
    look = {"facecolor": GREY + "14", "edgecolor": GREY, "linestyle": "--"}
    axes.add_patch(_rounded((3.48, 1.0), 4.06, 1.66, **look))
    axes.text(1.53, 2.0, "one block; a GPT stacks N of them", color=GREY, fontsize=9.5)
    for text, middle, width, colour in _BOXES:
        height = 0.95 if middle[1] == _STREAM else 0.6
        patch = _rounded(
            middle, width, height, facecolor="white", edgecolor=colour, linewidth=1.5
        )
        axes.add_patch(patch)
        axes.text(*middle, text, ha="center", va="center", fontsize=9)
    _branch(axes, 1.62, 1.98, 2.98, _PLUSES[0])
    _branch(axes, 3.64, 4.0, 4.94, _PLUSES[1])
    for x, text in ((0.2, "ids"), (6.68, "scores")):
        axes.text(x, _STREAM, text, ha="center", va="center")
    axes.text(4.3, 0.4, "the stream", ha="center", va="top", color=GREY, fontsize=9.5)
    axes.set(xlim=(0, WIDTH), ylim=(-0.02, 2.2))
    axes.set_axis_off()
    axes.set_title(title)
    return made, axes


def _rounded(
    middle: tuple[float, float], width: float, height: float, **look: Any
) -> FancyBboxPatch:
    corner = (middle[0] - width / 2, middle[1] - height / 2)
    style = "round,pad=0,rounding_size=0.08"
    return FancyBboxPatch(corner, width, height, boxstyle=style, **look)


def _branch(axes: Axes, leaves: float, norm: float, layer: float, plus: float) -> None:
    """Draw one way off the stream, through two boxes and back."""
    top = 1.35
    arrow = {"arrowstyle": "-|>", "color": GREY, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    look: dict[str, Any] = {"color": GREY, "lw": 1.2, "ls": "-", "zorder": 0}
    axes.plot([leaves, leaves, norm], [_STREAM, 0.92, 0.92], **look)
    axes.annotate("", (norm, top - 0.3), (norm, 0.92), arrowprops=arrow)
    axes.plot([norm, layer], [top, top], **look)
    axes.plot([layer, layer, plus], [top, 0.92, 0.92], **look)
    axes.annotate("", (plus, _STREAM + 0.1), (plus, 0.92), arrowprops=arrow)
    axes.text(
        plus,
        _STREAM,
        "+",
        ha="center",
        va="center",
        fontsize=12,
        bbox={"boxstyle": "circle,pad=0.12", "facecolor": "white", "edgecolor": GREY},
    )


def order_stripes(
    outputs: Mapping[str, ArrayLike], channels: Sequence[str], title: str
) -> Figure:
    """Return a figure of named tables side by side, each row one order of the past.

    Negative numbers are orange, positive ones purple, the larger the darker.
    """
    made, row = plt.subplots(1, len(outputs), figsize=(WIDTH, 3.6), sharey=True)
    limit = max(np.abs(np.asarray(values)).max() for values in outputs.values())
    for axes, (name, values) in zip(row, outputs.items(), strict=True):
        cells = np.asarray(values)
        image = axes.imshow(cells, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
        axes.set_title(name, loc="center", fontsize=10.5)
        axes.set_xticks(range(len(channels)), channels)
        axes.set_xlabel("channel")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    row[0].set_ylabel("order of the words before it")
    made.colorbar(image, ax=row, shrink=0.8, label="number in the last output")
    made.suptitle(title, x=0.01, ha="left", fontsize=12)
    return made


def through_depth(
    measures: Mapping[str, Mapping[str, Sequence[float]]], title: str
) -> tuple[Figure, list[Axes]]:
    """Return a figure with one chart for each measure, one line for each model.

    Args:
        measures: for each measure's name, the models' values: before the first block,
            then after each block. The scale is logarithmic.
    """
    made, row = plt.subplots(
        1, len(measures), figsize=(WIDTH, 3.5), squeeze=False, sharex=True
    )
    for axes, (name, lines) in zip(row[0], measures.items(), strict=True):
        for values in lines.values():
            axes.plot(range(len(values)), values)
        axes.set(yscale="log", xlabel="blocks passed")
        axes.set_ylabel(name)
        axes.minorticks_off()
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    names = list(next(iter(measures.values())))
    made.legend(row[0][0].lines, names, loc="outside lower center", ncols=len(names))
    made.suptitle(title, x=0.01, ha="left", fontsize=12)
    return made, list(row[0])


def parameter_shares(
    models: Mapping[str, Mapping[str, int]], title: str
) -> tuple[Figure, Axes]:
    """Return a figure of where the parameters of models sit, a bar for each model.

    Args:
        models: for each model's name, the parameters of its parts, all alike named.
    """
    made, axes = plt.subplots(figsize=(WIDTH, 1.5 + 0.55 * len(models)))
    parts = list(next(iter(models.values())))
    left, drawn = np.zeros(len(models)), []
    colours = [*COLOURS, GREY]
    for part, colour in zip(parts, colours, strict=False):
        counts = np.array([model[part] for model in models.values()])
        shares = 100 * counts / [sum(model.values()) for model in models.values()]
        bars = axes.barh(range(len(models)), shares, left=left, color=colour)
        texts = [f"{share:.0f} %" if share > 6 else "" for share in shares]
        ink = "black" if colour == PURPLE else "white"
        axes.bar_label(bars, texts, label_type="center", color=ink)
        left += shares
        drawn.append(bars)
    axes.set_yticks(range(len(models)), list(models))
    axes.invert_yaxis()
    axes.set(xlim=(0, 100), xlabel="share of all parameters (percent)")
    axes.tick_params(axis="y", length=0)
    handles = [container[0] for container in drawn]
    made.legend(handles, parts, loc="outside lower center", ncols=len(parts))
    axes.set_title(title)
    return made, axes

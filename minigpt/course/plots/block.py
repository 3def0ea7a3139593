"""Draw the inside of a GPT: its plan, its residual stream, its parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from minigpt.course.colours import BLUE, COLOURS, GREEN, GREY, PURPLE, VERMILLION
from minigpt.course.plots.style import CENTRED, WIDTH, figure, figure_row, rounded_box

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


def gpt_plan(title: str) -> None:
    """Draw a GPT: the residual stream, and the layers that add to it."""
    _, axes = figure(title, 2.6)
    look: dict[str, Any] = {"color": GREY, "lw": 3, "ls": "-", "zorder": 0}
    axes.plot([0.35, 6.4], [_STREAM, _STREAM], **look)
    look = {"facecolor": GREY + "14", "edgecolor": GREY, "linestyle": "--"}
    rounded_box(axes, (3.48, 1.0), (4.06, 1.66), **look)
    axes.text(1.53, 2.0, "one block; a GPT stacks N of them", color=GREY, fontsize=9.5)
    for text, middle, width, colour in _BOXES:
        height = 0.95 if middle[1] == _STREAM else 0.6
        look = {"facecolor": "white", "edgecolor": colour, "linewidth": 1.5}
        rounded_box(axes, middle, (width, height), **look)
        axes.text(*middle, text, fontsize=9, **CENTRED)
    _branch(axes, 1.62, 1.98, 2.98, _PLUSES[0])
    _branch(axes, 3.64, 4.0, 4.94, _PLUSES[1])
    for x, text in ((0.2, "ids"), (6.68, "scores")):
        axes.text(x, _STREAM, text, **CENTRED)
    axes.text(
        4.3, 0.4, "the residual stream", ha="center", va="top", color=GREY, fontsize=9.5
    )
    axes.set(xlim=(0, WIDTH), ylim=(-0.02, 2.2))
    axes.set_axis_off()


def _branch(axes: Axes, leaves: float, norm: float, layer: float, plus: float) -> None:
    """Draw the path that leaves the stream, runs through two boxes and comes back."""
    top = 1.35
    arrow = {"arrowstyle": "-|>", "color": GREY, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    look: dict[str, Any] = {"color": GREY, "lw": 1.2, "ls": "-", "zorder": 0}
    axes.plot([leaves, leaves, norm], [_STREAM, 0.92, 0.92], **look)
    axes.annotate("", (norm, top - 0.3), (norm, 0.92), arrowprops=arrow)
    axes.plot([norm, layer], [top, top], **look)
    axes.plot([layer, layer, plus], [top, 0.92, 0.92], **look)
    axes.annotate("", (plus, _STREAM + 0.1), (plus, 0.92), arrowprops=arrow)
    disc = {"boxstyle": "circle,pad=0.12", "facecolor": "white", "edgecolor": GREY}
    axes.text(plus, _STREAM, "+", fontsize=12, bbox=disc, **CENTRED)


def order_stripes(
    outputs: Mapping[str, ArrayLike], channels: Sequence[str], title: str
) -> None:
    """Draw tables side by side; each row is one order of the past words.

    Negative numbers are orange and positive ones purple; larger ones are darker.
    """
    made, row = figure_row(title, outputs, 3.6, sharey=True)
    limit = max(np.abs(np.asarray(values)).max() for values in outputs.values())
    look: dict[str, Any] = {"cmap": "PuOr", "vmin": -limit, "vmax": limit}
    for axes, values in zip(row, outputs.values(), strict=True):
        image = axes.imshow(np.asarray(values), aspect="auto", **look)
        axes.set_xticks(range(len(channels)), channels)
        axes.set_xlabel("channel")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    row[0].set_ylabel("order of the words before it")
    made.colorbar(image, ax=row, shrink=0.8, label="number in the last output")


def through_depth(
    measures: Mapping[str, Mapping[str, Sequence[float]]], title: str
) -> None:
    """Draw one logarithmic chart per measure, one line per model.

    Args:
        measures: by the name of the measure, then of the model: the values before
            the first block and after each block.
    """
    made, row = figure_row(title, [""] * len(measures), 3.5, sharex=True)
    for axes, (name, lines) in zip(row, measures.items(), strict=True):
        for values in lines.values():
            axes.plot(range(len(values)), values)
        axes.set(yscale="log", xlabel="blocks passed")
        axes.set_ylabel(name)
        axes.minorticks_off()
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    names = list(next(iter(measures.values())))
    made.legend(row[0].lines, names, loc="outside lower center", ncols=len(names))


def parameter_shares(models: Mapping[str, Mapping[str, int]], title: str) -> None:
    """Draw how the parameters are divided up, one bar per model.

    Args:
        models: by the name of the model, then of its part: how many parameters it has.
            All models have the same parts.
    """
    made, axes = figure(title, 1.5 + 0.55 * len(models))
    parts = list(next(iter(models.values())))
    totals = [sum(model.values()) for model in models.values()]
    left, handles = np.zeros(len(models)), []
    for part, colour in zip(parts, [*COLOURS, GREY], strict=False):
        counts = np.array([model[part] for model in models.values()])
        percent = 100 * counts / totals
        bars = axes.barh(range(len(models)), percent, left=left, color=colour)
        texts = [f"{value:.0f} %" if value > 6 else "" for value in percent]
        ink = "black" if colour == PURPLE else "white"
        axes.bar_label(bars, texts, label_type="center", color=ink)
        left += percent
        handles.append(bars[0])
    axes.set_yticks(range(len(models)), list(models))
    axes.invert_yaxis()
    axes.set(xlim=(0, 100), xlabel="percentage of all parameters")
    axes.tick_params(axis="y", length=0)
    made.legend(handles, parts, loc="outside lower center", ncols=len(parts))

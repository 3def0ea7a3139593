"""Draw the inside of a GPT: its plan, its residual stream, its parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from minigpt.course.colours import BLUE, COLOURS, GREEN, GREY, PURPLE, VERMILLION
from minigpt.course.plots.style import (
    CENTRED,
    DASHES,
    WIDTH,
    figure,
    figure_row,
    label_line,
    rounded_box,
)
from minigpt.tokenizer import visible

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
    outputs: Mapping[str, ArrayLike], orders: Sequence[str], title: str, every: int = 4
) -> None:
    """Draw tables side by side; each row is one order of the past words.

    Args:
        outputs: by the name of the table: the output (C,) of each order, all of them
            positive or zero.
        orders: the orders in words, of which every fourth is written, or every
            `every`-th.
    """
    made, row = figure_row(title, outputs, 3.6, sharey=True)
    limit = max(np.asarray(values).max() for values in outputs.values())
    look: dict[str, Any] = {"cmap": "Purples", "vmin": 0, "vmax": limit}
    for axes, values in zip(row, outputs.values(), strict=True):
        image = axes.imshow(np.asarray(values), aspect="auto", **look)
        axes.set_xticks(range(np.shape(values)[1]))
        axes.set_xlabel("channel")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    shown = range(0, len(orders), every)
    row[0].set_yticks(shown, [orders[i] for i in shown], fontsize=9)
    made.colorbar(image, ax=row, shrink=0.8, label="output at the full stop")


def through_depth(
    measures: Mapping[str, Mapping[str, Sequence[float]]], title: str, hero: str
) -> None:
    """Draw one chart per measure, one line per model.

    Args:
        measures: by the name of the measure, then of the model: the values before the
            first block and after each block. A measure whose name ends in "(%)" is
            drawn from 0 to 100, any other on a logarithmic scale.
        hero: the model to be drawn strongest.
    """
    made, row = figure_row(title, [""] * len(measures), 3.5, sharex=True)
    names = list(next(iter(measures.values())))
    # The hero's line is solid, the first of the house style.
    looks = dict(zip([hero, *(n for n in names if n != hero)], COLOURS, strict=False))
    for axes, (measure, lines) in zip(row, measures.items(), strict=True):
        for name, dash in zip(looks, DASHES, strict=False):
            values = lines[name]
            width = 3.2 if name == hero else 1.8
            look: dict[str, Any] = {"color": looks[name], "ls": dash, "lw": width}
            axes.plot(range(len(values)), values, label=name, **look)
        if measure.endswith("(%)"):
            axes.set_ylim(-2, 102)
        else:
            axes.set_yscale("log")
            axes.minorticks_off()
        axes.set_xlabel("blocks passed")
        axes.set_ylabel(measure)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=3))
    handles = row[0].get_lines()
    made.legend(handles=handles, loc="outside lower center", ncols=len(names))


def similarity_lines(lines: Mapping[str, Sequence[float]], title: str) -> None:
    """Draw a named line each: a similarity before the first block and after each."""
    _, axes = figure(title)
    for name, values in lines.items():
        label_line(axes, axes.plot(range(len(values)), values)[0], name)
    axes.set(xlabel="blocks passed", ylabel="similarity to the start")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def token_bars(
    distributions: Mapping[str, ArrayLike],
    tokens: Sequence[str],
    title: str,
    count: int = 10,
) -> None:
    """Draw probabilities (V,) of the next token side by side, a row for each token.

    All charts show the `count` tokens that are likeliest in the last distribution, and
    a hatched bar that sums the others.
    """
    _, row = figure_row(title, distributions, 0.9 + 0.24 * (count + 1), sharey=True)
    last = np.asarray(list(distributions.values())[-1])
    order = np.argsort(-last, kind="stable")[:count]
    names, longest = [*(visible(tokens[i]) for i in order), "all others"], 0.0
    for axes, values in zip(row, distributions.values(), strict=True):
        numbers = np.asarray(values)
        shown = numbers[order]
        widths = [*shown, max(numbers.sum() - shown.sum(), 0)]
        bars = axes.barh(names, widths, color=BLUE, height=0.75)
        bars[-1].set(facecolor="white", hatch="////", edgecolor=BLUE)
        axes.bar_label(bars, [_percent(w) for w in widths], padding=4, fontsize=9)
        longest = max(longest, *widths)
        axes.set_xlabel("probability")
        axes.tick_params(axis="y", length=0)
    for axes in row:
        axes.set_xlim(0, min(1.2 * longest, 1))
        if longest > 0.5:
            axes.set_xticks([0, 0.5, 1])
    row[0].invert_yaxis()  # shared by all


def _percent(part: float) -> str:
    return f"{part:.0%}" if part >= 0.01 else f"{part:.2%}"


def lens_table(
    guesses: ArrayLike,
    chances: ArrayLike,
    read: Sequence[str],
    following: Sequence[str],
    tokens: Sequence[str],
    title: str,
) -> None:
    """Draw which token each reading of the stream expects next, a row per reading.

    Args:
        guesses: ids (N + 1, T) of the likeliest tokens after 0, 1, ..., N blocks.
        chances: the probabilities (N + 1, T) of these tokens, which shade the cells.
        read: the T tokens that the model reads.
        following: the T tokens that really come next; a cell that names its own is
            framed.
        tokens: the vocabulary.
    """
    guesses, shades = np.asarray(guesses), np.asarray(chances)
    rows, T = guesses.shape
    made, axes = figure(title, 1.5 + 0.42 * rows)
    image = axes.imshow(shades, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, t), guess in np.ndenumerate(guesses):
        name = visible(tokens[guess])
        ink = "white" if shades[row, t] > 0.6 else "black"
        axes.text(t, row, name, color=ink, fontsize=8.5, **CENTRED)
        if tokens[guess] == following[t]:
            look: dict[str, Any] = {"fill": False, "edgecolor": VERMILLION, "lw": 2.2}
            axes.add_patch(Rectangle((t - 0.46, row - 0.44), 0.92, 0.88, **look))
    axes.set_xticks(range(T), [visible(one) for one in read], fontsize=9)
    axes.set_yticks(range(rows), range(rows))
    axes.set(xlabel="the token that was just read", ylabel="blocks passed")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    made.colorbar(image, ax=axes, shrink=0.9, label="probability")


def parameter_shares(models: Mapping[str, Mapping[str, int]], title: str) -> None:
    """Draw how the parameters are divided up, one bar per model beside its total.

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
        texts = [f"{value:.0f}%" if value > 6 else "" for value in percent]
        ink = "black" if colour == PURPLE else "white"
        axes.bar_label(bars, texts, label_type="center", color=ink)
        left += percent
        handles.append(bars[0])
    names = [f"{name}\n{n:,}" for name, n in zip(models, totals, strict=True)]
    axes.set_yticks(range(len(models)), names)
    axes.invert_yaxis()
    axes.set(xlim=(0, 100), xlabel="percentage of all parameters")
    axes.tick_params(axis="y", length=0)
    made.legend(handles, parts, loc="outside lower center", ncols=len(parts))

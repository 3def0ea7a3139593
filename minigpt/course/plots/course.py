"""Draw the machine that the lessons build together, and what writers have written."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from minigpt.course.colours import BLUE, GREEN, GREY, PURPLE, VERMILLION
from minigpt.course.plots.style import CENTRED, WIDTH, figure, rounded_box
from minigpt.tokenizer import visible

# Lesson, what it builds, middle (x, y), size, colour: in inches.
_PARTS = [
    ("01", "tokenizer", (1.12, 1.3), (1.05, 0.8), BLUE),
    ("03", "", (3.35, 1.3), (2.3, 1.3), VERMILLION),
    ("02", "attention", (2.9, 1.2), (1.15, 0.75), VERMILLION),
    ("05", "sampling", (5.65, 1.3), (1.05, 0.8), GREEN),
    ("04", "training", (3.35, 2.75), (2.3, 0.6), PURPLE),
]


def course_map(title: str) -> None:
    """Draw the machine that the lessons build, part by part."""
    _, axes = figure(title, 3.9)
    for number, name, (x, y), (width, height), colour in _PARTS:
        look: dict[str, Any] = {"fc": colour + "22", "ec": colour, "lw": 1.5}
        rounded_box(axes, (x, y), (width, height), **look)
        place = (x - width / 2 + 0.08, y + height / 2 - 0.16)
        axes.text(*place, number, color=colour, va="center", weight="bold")
        axes.text(x, y - 0.08, name, **CENTRED)
    _label_parts(axes)
    _draw_arrows(axes)
    axes.set(xlim=(0, WIDTH), ylim=(-0.25, 3.2))
    axes.set_axis_off()


def _label_parts(axes: Axes) -> None:
    axes.text(3.65, 1.79, "GPT: many blocks", **CENTRED)
    axes.text(4.0, 1.2, "+ feed\nforward", fontsize=9, **CENTRED)
    for x, y, text in (
        (1.12, 0.62, "text to numbers"),
        (5.65, 0.62, "one is drawn"),
        (1.92, 1.47, "ids"),
        (4.81, 1.5, "proba-\nbilities"),
        (3.4, -0.12, "write the token down, and start over"),
        (1.15, 2.75, "the right token"),
    ):
        axes.text(x, y, text, fontsize=9, color=GREY, **CENTRED)
    for x, text in ((0.24, "The\nfox"), (6.65, "and")):
        axes.text(x, 1.3, text, family="DejaVu Sans Mono", **CENTRED)


def _draw_arrows(axes: Axes) -> None:
    paths = [
        [(0.42, 1.3), (0.58, 1.3)],
        [(1.68, 1.3), (2.17, 1.3)],
        [(4.53, 1.3), (5.09, 1.3)],
        [(6.2, 1.3), (6.52, 1.3)],
        [(6.65, 1.12), (6.65, 0.05), (0.24, 0.05), (0.24, 1.0)],
        [(1.75, 2.75), (2.17, 2.75)],
        [(4.81, 1.76), (4.81, 2.75), (4.53, 2.75)],
        [(3.35, 2.42), (3.35, 1.98)],
    ]
    for path in paths:
        *corners, last, end = path
        axes.plot(*zip(*corners, last, strict=True), color=GREY, lw=1.2, ls="-")
        look = {"arrowstyle": "-|>", "color": GREY, "lw": 1.2, "shrinkA": 0}
        axes.annotate("", end, last, arrowprops=look)
    axes.text(3.43, 2.2, "nudges each weight", va="center", fontsize=9, color=GREY)


def text_cards(texts: Mapping[str, str], title: str, lines: int = 4) -> None:
    """Draw texts one below the other, each under its name.

    A text is wrapped, and cut after that many lines.
    """
    wrapped = {}
    for name, text in texts.items():
        shown = textwrap.wrap(" ".join(text.split()), 92)
        cut = " …" if len(shown) > lines else ""
        wrapped[name] = "\n".join(shown[:lines]) + cut
    rows = sum(text.count("\n") + 2.6 for text in wrapped.values())
    made, axes = figure(title)
    made.set_size_inches(WIDTH, 0.185 * rows + 0.45)
    y = 0.0
    colours = (BLUE, VERMILLION, GREEN, PURPLE)
    for n, (name, text) in enumerate(wrapped.items()):
        height = text.count("\n") + 1.0
        colour = colours[n % len(colours)]
        axes.text(0.012, y, name, color=colour, weight="bold", fontsize=9.5, va="top")
        style: dict[str, Any] = {"fontsize": 9, "va": "top", "linespacing": 1.35}
        axes.text(0.012, y + 1.05, text, parse_math=False, **style)
        axes.plot([0, 0], [y, y + height + 0.95], color=colour, lw=3, ls="-")
        y += height + 1.6
    axes.set(xlim=(-0.005, 1), ylim=(y, -0.2))
    axes.set_axis_off()


def hesitation_bars(choices: Mapping[str, float], title: str) -> None:
    """Draw between how many tokens each writer hesitates, on a logarithmic scale."""
    _, axes = figure(title, 2.4)
    bars = axes.barh(list(choices), list(choices.values()), color=BLUE, height=0.6)
    bars[-1].set(facecolor="white", hatch="////", edgecolor=BLUE)
    for bar, value in zip(bars, choices.values(), strict=True):
        text = f"{value:,.0f}" if value > 10 else f"{value:.2f}"
        place = (value * 1.08, bar.get_y() + bar.get_height() / 2)
        axes.text(*place, text, va="center")
    axes.set_xscale("log")
    axes.set_xlim(1, max(choices.values()) * 2)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("tokens it hesitates between (logarithmic)")


def likely_words(
    probabilities: ArrayLike, tokens: Sequence[str], title: str, count: int = 10
) -> None:
    """Draw the most probable tokens as bars, and all others together, hatched."""
    values = np.asarray(probabilities)
    order = np.argsort(-values, kind="stable")[:count]
    shown = values[order]
    _, axes = figure(title, 3.2)
    labels = [*(visible(tokens[i]) for i in order), "all others"]
    heights = [*shown, max(1 - shown.sum(), 0)]
    bars = axes.barh(labels, heights, color=BLUE, height=0.7)
    bars[-1].set(facecolor="white", hatch="////", edgecolor=BLUE)
    for bar, value in zip(bars, heights, strict=True):
        place = (value + 0.003, bar.get_y() + bar.get_height() / 2)
        text = f"{value:.2f}" if value >= 0.01 else f"{value:.1g}"  # not 0.00
        axes.text(*place, text, va="center", fontsize=9)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("probability")

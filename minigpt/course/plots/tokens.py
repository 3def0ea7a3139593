"""Draw texts cut into tokens, characters as bytes, and what vocabularies cost."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from minigpt.course.colours import BLUE, GREY, VERMILLION
from minigpt.course.plots.style import (
    CENTRED,
    WIDTH,
    figure,
    figure_row,
    label_line,
    rounded_box,
)
from minigpt.tokenizer import visible

# Pale colours on which black reads. Tokens that are equal have the same one.
TINTS = ["#cfe3f2", "#f8d9c4", "#c9e8dd", "#f2dcea", "#f3ecc0", "#dcd9f0", "#e3e3e3"]
# The second font is asked for what the first lacks.
FONTS = ["DejaVu Sans Mono", "DejaVu Sans"]
CHARACTER, GAP, LINE = 0.105, 0.05, 0.52  # inches


def token_rows(
    rows: Sequence[tuple[str, Sequence[str], Sequence[int] | None]],
    title: str,
    newest: Sequence[str] = (),
) -> None:
    """Draw texts in coloured boxes, one box per token.

    Equal tokens have the same colour, wherever they stand in the figure.

    Args:
        rows: for each text its name, its tokens, and the ids to write below them or
            None. Long texts are wrapped.
        newest: for each row a token whose boxes stand out, while all others are grey.
    """
    made, axes = figure(title)
    tints: dict[str, str] = {}
    y = 0.0
    for n, (label, tokens, ids) in enumerate(rows):
        for k, token in enumerate(tokens):
            tints.setdefault(token, _tint(tints, tokens[max(k - 1, 0) : k + 2]))
        colours = [tints[token] for token in tokens]
        if newest:
            colours = [
                VERMILLION if token == newest[n] else TINTS[-1] for token in tokens
            ]
        axes.text(0, y + 0.16, label, fontsize=10, color=GREY, va="center")
        y = _draw_row(axes, tokens, ids, colours, y + (0.3 if label else 0.0))
    made.set_size_inches(WIDTH, y + 0.5)
    _finish(axes, y)


def _tint(tints: Mapping[str, str], neighbours: Sequence[str]) -> str:
    """Return the next tint that none of the neighbours has."""
    taken = [tints.get(token) for token in neighbours]
    order = (TINTS[(len(tints) + n) % len(TINTS)] for n in range(len(TINTS)))
    return next(tint for tint in order if tint not in taken)


def _draw_row(
    axes: Axes,
    tokens: Sequence[str],
    ids: Sequence[int] | None,
    colours: Sequence[str],
    y: float,
) -> float:
    """Draw the boxes of one text from y down, and return where they end."""
    line, depth = (0.66 * LINE, 0.5) if ids is None else (LINE, 0.32)
    height, x = line - 0.1, 0.0
    for n, token in enumerate(map(visible, tokens)):
        number = "" if ids is None else str(ids[n])
        width = CHARACTER * max(len(token), 0.75 * len(number), 1) + 0.1
        if x and x + width > WIDTH - 0.25:
            x, y = 0.0, y + line
        _box(axes, (x, y), (width, height), colours[n])
        middle, below = x + width / 2, y + 0.76 * height
        ink = "white" if colours[n] == VERMILLION else "black"
        axes.text(middle, y + depth * height, token, family=FONTS, color=ink, **CENTRED)
        axes.text(middle, below, number, fontsize=7.5, color="#444444", **CENTRED)
        x += width + GAP
    return y + line


def byte_rows(text: str, title: str) -> None:
    """Draw the text's characters above the bytes of their UTF-8."""
    _, axes = figure(title, 1.75)
    total = len(text.encode("utf-8"))
    unit = min(0.62, (WIDTH - 1.05) / total)
    x = 0.8
    for n, character in enumerate(text):
        values = character.encode("utf-8")
        tint = TINTS[n % len(TINTS)]
        width = unit * len(values) - GAP
        _box(axes, (x, 0.05), (width, 0.45), tint)
        shown = visible(character)
        axes.text(x + width / 2, 0.28, shown, fontsize=14, family=FONTS, **CENTRED)
        for k, value in enumerate(values):
            _box(axes, (x + k * unit, 0.6), (unit - GAP, 0.4), tint)
            axes.text(x + (k + 0.46) * unit, 0.8, str(value), fontsize=9, **CENTRED)
        x += unit * len(values)
    for y, label in ((0.28, "character"), (0.8, "bytes")):
        axes.text(0, y, label, color=GREY, va="center")
    _finish(axes, 1.05)


def _box(
    axes: Axes, where: tuple[float, float], size: tuple[float, float], colour: str
) -> None:
    middle = (where[0] + size[0] / 2, where[1] + size[1] / 2)
    rounded_box(axes, middle, size, 0.05, facecolor=colour, linewidth=0)


def _finish(axes: Axes, height: float) -> None:
    axes.set(xlim=(-0.02, WIDTH - 0.2), ylim=(height, 0))
    axes.set_axis_off()


def character_bars(counts: Sequence[tuple[str, int]], title: str) -> None:
    """Draw how often characters occur, from (character, count) in the given order."""
    _, axes = figure(title)
    places = range(len(counts))
    axes.bar(places, [n / 1000 for _, n in counts])
    axes.set_xticks(places, [visible(c) for c, _ in counts], family=FONTS)
    axes.tick_params(axis="x", length=0)
    axes.set(xlabel="character", ylabel="occurrences (thousands)")
    axes.margins(x=0.01)


def word_ranks(counts: Iterable[int], title: str, rare: int = 2) -> None:
    """Draw word counts by rank, beside how words and the text divide by frequency.

    Args:
        counts: how often each distinct word occurs, in any order.
        title: what both charts show.
        rare: words that occur at most this often are shaded on the left.
    """
    ranked = np.sort(np.fromiter(counts, dtype=np.int64))[::-1]
    _, (left, right) = figure_row(title, ["", ""], 3.4)
    left.loglog(np.arange(1, len(ranked) + 1), ranked)
    first_rare = int((ranked > rare).sum()) + 1
    left.axvspan(first_rare, len(ranked), color=VERMILLION, alpha=0.25, linewidth=0)
    note = f"once or twice:\nranks {first_rare:,} to {len(ranked):,}"
    left.text(
        0.8 * first_rare, 0.5 * ranked[0], note, color=VERMILLION, ha="right", va="top"
    )
    left.set(xlabel="rank of the word (1 is the most frequent)", ylabel="occurrences")

    ends = [0, rare, 20, 200, np.inf]
    names = [f"1 to {rare}", f"{rare + 1} to 20", "21 to 200", "over 200"]
    groups = [(ranked > low) & (ranked <= high) for low, high in pairwise(ends)]
    of_words = [group.mean() for group in groups]
    of_text = [ranked[group].sum() / ranked.sum() for group in groups]
    shares = {"of the distinct words": of_words, "of the text": of_text}
    for n, (name, values) in enumerate(shares.items()):
        places = np.arange(len(names)) + 0.4 * n
        bars = right.bar(places, values, 0.38, color=(VERMILLION, BLUE)[n], label=name)
        right.bar_label(bars, [f"{value:.0%}" for value in values], fontsize=8.5)
    right.set_xticks(np.arange(len(names)) + 0.2, names, fontsize=9)
    right.set(xlabel="occurrences of the word", ylabel="share", ylim=(0, 1))
    right.legend(loc="upper left")


def surprise_curve(marked: Mapping[float, str], title: str) -> None:
    """Draw -ln p for probabilities p from 0 to 1, and mark some of them.

    Args:
        marked: what to write beside the point of each probability.
    """
    _, axes = figure(title)
    p = np.linspace(0.004, 1, 400)
    axes.plot(p, -np.log(p))
    for value, label in marked.items():
        height = -math.log(value)
        axes.plot(value, height, "o", color=VERMILLION, clip_on=False, zorder=3)
        # The last one would lie on the curve, which is nearly level there.
        shift = (2, 16) if value > 0.8 else (9, 6)
        where: dict[str, Any] = {"xytext": shift, "textcoords": "offset points"}
        text = f"{label}: {abs(height):.2f} nats"
        where["ha"] = "right" if value > 0.8 else "left"
        axes.annotate(text, (value, height), color=VERMILLION, **where)
    axes.set(xlabel="probability p that the model gave to the token that came next")
    axes.set(ylabel="surprise, −ln p (nats)", xlim=(0, 1.02), ylim=(0, 5.6))


def by_vocabulary(
    lines: Mapping[str, Sequence[float]],
    sizes: Sequence[int],
    title: str,
    ylabel: str,
    separate: bool = False,
) -> None:
    """Draw values against the vocabulary size, whose axis is logarithmic.

    Args:
        lines: a value for each of `sizes`, by the name of the line.
        sizes: the vocabulary sizes V.
        title: what the lines show.
        ylabel: what the values are; if `separate`, it is the name of each line.
        separate: whether each line has axes of its own.
    """
    if separate:
        _, row = figure_row(title, [""] * len(lines), 3.4)
    else:
        row = [figure(title)[1]] * len(lines)
    for n, (axes, (name, values)) in enumerate(zip(row, lines.items(), strict=True)):
        (line,) = axes.plot(sizes, values, marker="o", markersize=4)
        line.set(color=(BLUE, VERMILLION)[n % 2], linestyle=("-", "--")[n % 2])
        if separate:
            for at in (0, -1):
                spot = (sizes[at], values[at])
                rises_from_here = at == 0 and values[0] < values[-1]
                beside: dict[str, Any] = {
                    "xytext": (4, -14) if rises_from_here else (0, 7),
                    "textcoords": "offset points",
                }
                axes.annotate(f"{values[at]:.2f}", spot, ha="center", **beside)
        else:
            label_line(axes, line, name)
        axes.set_xscale("log", base=2)
        ticks = [V for V in sizes if not math.log2(V) % 1 or V == sizes[-1]]
        axes.set_xticks(ticks, [f"{V:,}" for V in ticks])
        axes.minorticks_off()
        axes.set(xlabel="vocabulary size V", ylabel=name if separate else ylabel)
        axes.set_ylim(0, 1.15 * max(map(max, [values] if separate else lines.values())))
        axes.margins(x=0.1)

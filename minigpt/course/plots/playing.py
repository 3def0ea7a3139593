"""Draw what lesson 06 shows: a run between ceilings and floor, and what it wrote."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from minigpt.course.colours import BLUE, COLOURS, GREEN, GREY, VERMILLION
from minigpt.course.curves import Points
from minigpt.course.plots.sampling import draw_next_bars
from minigpt.course.plots.style import (
    BESIDE,
    DASHES,
    WIDTH,
    figure,
    label_ends,
    title_above,
)
from minigpt.tokenizer import visible

PER_TOKEN = "loss (nats per token)"
# What a tale is measured by: the names of `sense.Sense`, and what is shown instead.
PROPERTIES = {
    "words": "the word exists",
    "ends": "complete, with a moral",
    "speakers": "the speaker was introduced",
    "animals": "the title's animals appear",
    "thing": "the thing stays the same",
    "moral": "the moral fits the plot",
    "new": "the story is a new one",
}


def loss_levels(
    levels: Mapping[str, float],
    title: str,
    guess: float | None = None,
    unit: str = PER_TOKEN,
) -> None:
    """Draw losses as bars, the highest first, and a guess as a line.

    Args:
        levels: by name; "entropy" is the floor, "your model" is drawn in blue.
    """
    made, axes = figure("", height=2.2 + 0.2 * (len(levels) > 4))
    title_above(made, title)
    levels = dict(sorted(levels.items(), key=lambda item: -item[1]))
    names = ["floor" if name == "entropy" else name for name in levels]
    colours = [{"floor": GREEN, "your model": BLUE}.get(name, GREY) for name in names]
    bars = axes.barh(names, list(levels.values()), color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=4, fontsize=9)
    axes.set_ylim(len(names) - 0.5, -0.5)
    if guess is not None:
        axes.axvline(guess, color=VERMILLION, linestyle="--")
        axes.annotate("your guess", (guess, -0.65), color=VERMILLION, **BESIDE)
        axes.set_ylim(len(names) - 0.5, -0.9)
    axes.set(xlabel=unit, xlim=(0, 1.1 * max(levels.values())))
    axes.tick_params(axis="y", length=0)


def loss_between(
    curves: Mapping[str, Points],
    levels: Mapping[str, float | None],
    title: str,
    practice: int = 0,
) -> None:
    """Draw losses by iteration between ceilings and, if "entropy" is known, a floor.

    Args:
        curves: points (iteration, nats per token) by their names.
        levels: the losses of the baselines by name; None is left out.
        practice: number of iterations at the beginning to be shaded.
    """
    _, axes = figure(title, height=3.8)
    known = {name: loss for name, loss in levels.items() if loss is not None}
    floor = known.get("entropy")
    right = max(points[-1][0] for points in curves.values())
    labels = [
        (loss, "floor" if name == "entropy" else name, GREEN if loss == floor else GREY)
        for name, loss in known.items()
    ]
    for loss, _, colour in labels:
        axes.axhline(loss, color=colour, linestyle=":", linewidth=1.2)
    for i, (name, points) in enumerate(curves.items()):
        look: dict[str, Any] = {"color": COLOURS[i % 4], "linestyle": DASHES[i % 4]}
        axes.plot(*zip(*points, strict=True), **look)
        labels.append((points[-1][1], name, COLOURS[i % 4]))
    top = 1.05 * max([*known.values(), *(y for p in curves.values() for _, y in p)])
    if 0 < practice < right:
        axes.axvspan(0, practice, color=GREY, alpha=0.12, linewidth=0)
        look = {"color": GREY, "fontsize": 9, "va": "top", "rotation": 90}
        axes.text(0.35 * practice, 0.97 * top, "practises copying", **look)
    axes.set(xlabel="iteration", ylabel=PER_TOKEN, xlim=(0, right), ylim=(0, top))
    label_ends(axes, [(loss, f"{name} {loss:.2f}", hue) for loss, name, hue in labels])


def mention_bars(means: Sequence[float], chance: float, title: str) -> None:
    """Draw the mean loss of a name by how often the tale has already mentioned it.

    Args:
        means: in nats; the first mention, the second and so on. The last is the mean
            of all later mentions, too.
        chance: the loss of guessing one of all names, drawn as a dotted line.
    """
    _, axes = figure(title, height=3.0)
    places = np.arange(len(means))
    bars = axes.bar(places, means, color=[VERMILLION] + [BLUE] * (len(means) - 1))
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=9)
    axes.axhline(chance, color=GREY, linestyle=":", linewidth=1.2)
    at = (len(means) - 0.5, chance)
    axes.annotate("a pure guess", at, color=GREY, fontsize=9, **BESIDE)
    ordinals = ["1st", "2nd", "3rd", *(f"{n}th" for n in range(4, len(means) + 1))]
    ordinals[len(means) - 1] += "+"
    axes.set_xticks(places, ordinals[: len(means)])
    axes.tick_params(axis="x", length=0)
    axes.set(xlabel="mention of the name in its tale", ylabel="loss (nats)")
    axes.set(xlim=(-0.6, len(means) - 0.5), ylim=(0, 1.15 * max([*means, chance])))


def sense_dots(writers: Mapping[str, Mapping[str, float]], title: str) -> None:
    """Draw what share of each writer's tales, words or mentions is right, as dots.

    Args:
        writers: by the name of the writer, fractions by the names of `PROPERTIES`. The
            last writer is the yardstick and is drawn as circles around the others.
    """
    made, axes = figure("", height=3.8)
    title_above(made, title)
    rows = np.arange(len(PROPERTIES))
    looks = [(GREY, "s", 34), (BLUE, "o", 46), (GREEN, "o", 130)]
    for (name, found), (colour, marker, size) in zip(
        writers.items(), looks[-len(writers) :], strict=True
    ):
        shares = [100 * found[name] for name in PROPERTIES]
        last = size == looks[-1][2]
        face = "none" if last else colour
        look: dict[str, Any] = {"marker": marker, "edgecolors": colour, "color": face}
        axes.scatter(shares, rows, s=size, linewidths=1.8, zorder=3, label=name, **look)
    axes.hlines(rows, 0, 100, color=GREY, alpha=0.3, linewidth=0.8, linestyle="-")
    axes.set_yticks(rows, list(PROPERTIES.values()))
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(-3, 103), xlabel="right (%)")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=3, handletextpad=0.2)


def sense_by_temperature(
    measured: Mapping[float, Mapping[str, float]], title: str
) -> None:
    """Draw how much is right at each temperature, one line for each property.

    Args:
        measured: by temperature, fractions by the names of `PROPERTIES`.
    """
    _, axes = figure(title, height=3.6)
    temperatures = list(measured)
    shown = ["words", "speakers", "thing", "moral"]
    ends = []
    for i, name in enumerate(shown):
        shares = [100 * np.nan_to_num(found[name]) for found in measured.values()]
        look: dict[str, Any] = {"color": COLOURS[i], "linestyle": DASHES[i]}
        axes.plot(temperatures, shares, marker="o", markersize=4, clip_on=False, **look)
        ends.append((shares[-1], PROPERTIES[name], COLOURS[i]))
    axes.set(ylim=(0, 104), xlabel="temperature", ylabel="right (%)")
    axes.set_xlim(right=temperatures[-1])
    axes.set_xticks(temperatures)
    label_ends(axes, ends)


def behind_a_token(
    before: ArrayLike,
    after: ArrayLike,
    weights: ArrayLike,
    context: Sequence[str],
    tokens: Sequence[str],
    title: str,
) -> None:
    """Draw what the playground shows of one place of a text.

    Args:
        before, after: the probabilities (V,) without and with the settings.
        weights: the attention weights (T,) of the last token of the context.
        context: the T tokens.
        tokens: all V tokens.
    """
    made = plt.figure(figsize=(WIDTH, 3.2))
    left, right = made.subplots(1, 2, width_ratios=(1.25, 1))
    order = np.argsort(-np.asarray(before), kind="stable")[:8]
    draw_next_bars(left, after, tokens, order, before)
    left.set_xticks(left.get_xticks(), left.get_xticklabels(), rotation=90, fontsize=9)
    left.set_ylabel("probability")
    left.set_title("What could come next", loc="center", fontsize=10.5)
    _weight_bars(right, np.asarray(weights), context)
    right.set_title("Where the head looks", loc="center", fontsize=10.5)
    title_above(made, title)


def _weight_bars(axes: Axes, weights: np.ndarray, context: Sequence[str]) -> None:
    """Draw the largest weights in the order of the text, each beside its token."""
    places = np.sort(np.argsort(-weights, kind="stable")[:8])
    rows = np.arange(len(places))
    axes.barh(rows, weights[places], color=BLUE)
    names = [f"{visible(context[t])}, {_back(len(context) - 1 - t)}" for t in places]
    axes.set_yticks(rows, names, fontsize=9)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 1), xlabel="attention weight")


def _back(tokens: int) -> str:
    if tokens < 2:
        return "1 token back" if tokens else "the last token"
    return f"{tokens} tokens back"


def two_texts(
    texts: Mapping[str, str], title: str, width: int = 44, longest: int = 26
) -> None:
    """Draw two texts side by side; what they have in common at the start is grey.

    Args:
        width: characters in a line.
        longest: lines that are drawn of each text at most.
    """
    texts = {name: "".join(map(_printable, text)) for name, text in texts.items()}
    common = 0
    for characters in zip(*texts.values(), strict=False):
        if len(set(characters)) > 1:
            break
        common += 1
    columns = [_wrapped(text, width)[:longest] for text in texts.values()]
    made = plt.figure(figsize=(WIDTH, 0.19 * max(map(len, columns)) + 0.9))
    row = made.subplots(1, len(texts))
    for axes, name, lines, colour in zip(row, texts, columns, COLOURS, strict=False):
        axes.set_title(name, loc="left", fontsize=10.5, color=colour)
        axes.set(xlim=(0, width), ylim=(max(map(len, columns)), 0))
        axes.axis("off")
        look: dict[str, Any] = {"family": "DejaVu Sans Mono", "fontsize": 7.4}
        for y, (line, start) in enumerate(lines):
            shared = line[: max(common - start, 0)]
            axes.text(0, y + 0.5, shared, color=GREY, **look)
            rest = " " * len(shared) + line[len(shared) :]
            axes.text(0, y + 0.5, rest, color=colour, **look)
    title_above(made, title)


def _printable(character: str) -> str:
    """Return the character, or a sign for it if no font can show it."""
    return character if character.isprintable() or character == "\n" else "�"


def _wrapped(text: str, width: int) -> list[tuple[str, int]]:
    """Return the text in lines of this width, each with where it starts in the text."""
    lines, at = [], 0
    for paragraph in text.split("\n"):
        start = at
        for line in textwrap.wrap(paragraph, width) or [""]:
            start = text.find(line, start)
            lines.append((line, start))
            start += len(line)
        at += len(paragraph) + 1
    return lines

"""Draw how a model chooses the next token, and what it repeats and copies."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from numpy.typing import ArrayLike

from minigpt.course.colours import BLUE, COLOURS, GREY, VERMILLION
from minigpt.course.plots.style import CENTRED, WIDTH, figure, figure_row, title_above
from minigpt.tokenizer import visible

PALE = "#dbe9f4"  # blue


def next_bars(
    distributions: Mapping[str, ArrayLike],
    tokens: Sequence[str],
    title: str,
    count: int = 10,
    before: ArrayLike | None = None,
) -> None:
    """Draw next-token probabilities (V,) side by side, each under its name.

    All charts show the same tokens in the same order: the `count` most probable ones
    of `before`, or else of the first distribution. A hatched bar sums the others.
    `before` is outlined behind the bars.
    """
    _, row = figure_row(title, distributions, 3.2, sharey=True)
    ranking = before if before is not None else next(iter(distributions.values()))
    order = np.argsort(-np.asarray(ranking), kind="stable")[:count]
    for axes, values in zip(row, distributions.values(), strict=True):
        draw_next_bars(axes, values, tokens, order, before)
    row[0].set_ylabel("probability")


def draw_next_bars(
    axes: Axes,
    probabilities: ArrayLike,
    tokens: Sequence[str],
    order: ArrayLike,
    before: ArrayLike | None = None,
) -> None:
    """Draw a bar for each token in `order`, and one for all others together."""
    order = np.asarray(order)
    places = np.arange(len(order) + 1)
    if before is not None:
        outline: dict[str, Any] = {"color": "none", "edgecolor": GREY, "linestyle": ":"}
        axes.bar(places, _with_others(before, order), width=0.8, **outline)
    bars = axes.bar(places, _with_others(probabilities, order), color=BLUE, width=0.8)
    bars[-1].set(facecolor="white", hatch="////", edgecolor=BLUE)
    labels = [visible(tokens[i]) for i in order]
    axes.set_xticks(places, [*labels, "others"], fontsize=10)
    axes.get_xticklabels()[-1].set(rotation=90, fontsize=8.5)
    axes.tick_params(axis="x", length=0)


def _with_others(probabilities: ArrayLike, order: np.ndarray) -> np.ndarray:
    values = np.asarray(probabilities)
    shown = values[order]
    return np.append(shown, max(values.sum() - shown.sum(), 0))


def draw_by_chance(
    probabilities: ArrayLike, tokens: Sequence[str], u: float, title: str
) -> None:
    """Draw the interval from 0 to 1, divided among the tokens, and mark u in it."""
    values = np.asarray(probabilities, dtype=float)
    ends = values.cumsum()
    hit = int((ends <= u).sum())
    _, axes = figure(title, height=2.0)
    for i, (value, end) in enumerate(zip(values, ends, strict=True)):
        colour, ink = (BLUE, "white") if i == hit else (PALE, "black")
        axes.barh(0, value, 0.5, left=end - value, color=colour, edgecolor="white")
        label = f"{visible(tokens[i])}\n{value:g}"
        axes.text(end - value / 2, 0, label, color=ink, **CENTRED)
    arrow = {"arrowstyle": "-|>", "color": VERMILLION, "lw": 1.8}
    look: dict[str, Any] = {"ha": "center", "color": VERMILLION, "arrowprops": arrow}
    axes.annotate(f"u = {u:g}", (u, 0.26), xytext=(u, 0.75), **look)
    axes.set(xlim=(0, 1), ylim=(-0.3, 0.95), yticks=[], xlabel="cumulative sum")
    axes.set_xticks([0, *ends])
    axes.spines["left"].set_visible(False)


def entropy_along(
    entropy: ArrayLike, tokens: Sequence[str], title: str, surprise: ArrayLike
) -> None:
    """Draw the entropy (T,) in nats before each of the T tokens, and their surprise.

    The surprise (T,) is -ln of the probability that each token had.
    """
    _, axes = figure(title)
    places = np.arange(len(tokens))
    bars, dots = np.asarray(entropy), np.asarray(surprise)
    axes.bar(places, bars, color=BLUE, width=0.8, alpha=0.85)
    axes.plot(places, dots, "o", color=VERMILLION, markersize=4)
    top = max(bars.max(), dots.max())
    corner: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "top"}
    axes.text(0.99, 0.97, "bar: entropy before the character", color=BLUE, **corner)
    axes.text(0.99, 0.89, "dot: its surprise", color=VERMILLION, **corner)
    axes.set_xticks(places, [visible(t) for t in tokens], fontsize=9)
    axes.tick_params(axis="x", length=0)
    axes.set(ylim=(0, 1.25 * top), xlim=(-0.8, len(tokens) - 0.2))
    axes.set_ylabel("nats")
    axes.set_xlabel("the text, one character after the other")


def repeat_maps(texts: Mapping[str, str], title: str) -> None:
    """Mark where a text repeats itself.

    A mark at (i, j) means that the six characters from i on also stand at j, earlier
    in the text. A longer passage that comes twice becomes a diagonal.
    """
    _, row = figure_row(title, texts, 3.9, sharey=True)
    for axes, text in zip(row, texts.values(), strict=True):
        pieces = [text[i : i + 6] for i in range(len(text) - 5)]
        _, codes = np.unique(pieces, return_inverse=True)
        later, earlier = np.nonzero(np.tril(codes[:, None] == codes[None, :], k=-1))
        axes.plot(later, earlier, ".", color=BLUE, markersize=1.5, rasterized=True)
        axes.plot([0, len(codes)], [0, len(codes)], color=GREY, lw=0.8, ls=":")
        axes.set(xlim=(0, len(codes)), ylim=(0, len(codes)), aspect="equal")
        axes.set_xlabel("position in the text")
    row[0].set_ylabel("same characters at")


def copied_runs(runs: Mapping[str, Sequence[tuple[int, int]]], title: str) -> None:
    """Draw the runs that texts have copied, one row per text.

    The height at each character is the length of the longest run that covers it.

    Args:
        runs: by the name of the text: (start, length) of each run, in characters.
    """
    made = plt.figure(figsize=(WIDTH, 1.1 + 1.35 * len(runs)))
    column = made.subplots(len(runs), sharex=True, sharey=True, squeeze=False)[:, 0]
    for n, (axes, (name, found)) in enumerate(zip(column, runs.items(), strict=True)):
        colour = COLOURS[n % len(COLOURS)]
        axes.stairs(_covering(found), fill=True, color=colour, alpha=0.85)
        axes.set_title(name, loc="left", fontsize=10.5, color=colour, pad=3)
        axes.set_ylabel("run length")
    column[-1].set_xlabel("position in the text (characters)")
    column[0].set_ylim(bottom=0)
    title_above(made, title)


def _covering(runs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return for each position the length of the longest run that covers it."""
    covering = np.zeros(max((start + length for start, length in runs), default=1))
    for start, length in runs:
        part = covering[start : start + length]
        np.maximum(part, length, out=part)
    return covering


def work_maps(prompt: int, steps: int, title: str) -> None:
    """Draw the positions that each of `steps` new tokens computes.

    Without a cache, on the left, each step computes all positions up to its own. With
    one, on the right, the first step computes the prompt and each later step one
    position.
    """
    step, position = np.mgrid[:steps, : prompt + steps - 1]
    needed = position < prompt + step
    new = needed & ((position >= prompt + step - 1) | (step == 0))
    ways = {"without a cache": needed, "with a cache": new}
    names = [f"{name}: {int(made.sum())} computed" for name, made in ways.items()]
    _, row = figure_row(title, names, 3.5, sharey=True)
    for axes, computed in zip(row, ways.values(), strict=True):
        # 0 not there yet, 1 from an earlier step, 2 computed in this step.
        state = needed.astype(int) + computed
        axes.imshow(state, cmap=ListedColormap(["white", PALE, BLUE]), vmax=2)
        axes.set_xlabel("position in the text")
        axes.set_aspect("auto")
    row[0].set_ylabel("step (one new token each)")

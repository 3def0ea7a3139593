"""Draw how a model chooses the next token, and what it repeats and copies."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from minigpt.course.colours import BLUE, COLOURS, VERMILLION
from minigpt.course.plots.style import (
    CENTRED,
    WIDTH,
    figure,
    figure_row,
    label_line,
    title_above,
)
from minigpt.tokenizer import visible

PALE = "#dbe9f4"  # blue


def next_bars(
    distributions: Mapping[str, ArrayLike],
    tokens: Sequence[str],
    title: str,
    count: int = 10,
    before: ArrayLike | None = None,
    ylabel: str = "probability",
) -> None:
    """Draw next-token probabilities (V,) side by side, each under its name.

    All charts show the same tokens in the same order: the `count` most probable ones
    of `before`, or else in any of the charts. A hatched bar sums the others.
    `before` is outlined in front of the bars.
    """
    _, row = figure_row(title, distributions, 3.2, sharey=True)
    highest = np.max([np.asarray(p) for p in distributions.values()], axis=0)
    ranking = before if before is not None else highest
    order = np.argsort(-np.asarray(ranking), kind="stable")[:count]
    for axes, values in zip(row, distributions.values(), strict=True):
        draw_next_bars(axes, values, tokens, order, before)
    row[0].set_ylabel(ylabel)


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
    bars = axes.bar(places, _with_others(probabilities, order), color=BLUE, width=0.8)
    bars[-1].set(facecolor="white", hatch="////", edgecolor=BLUE)
    if before is not None:  # in front, or a taller bar would hide it
        outline: dict[str, Any] = {"fill": False, "edgecolor": VERMILLION, "lw": 1.8}
        heights = _with_others(before, order)
        axes.bar(places, heights, width=0.8, linestyle=(0, (1, 1)), zorder=3, **outline)
    labels = [visible(tokens[i]) for i in order]
    axes.set_xticks(places, [*labels, "others"], fontsize=10)
    if max(map(len, labels)) > 2:  # words
        for label in axes.get_xticklabels():
            label.set(rotation=55, ha="right", rotation_mode="anchor", fontsize=9)
    else:
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
    _, axes = figure(title, height=3.8)
    places = np.arange(len(tokens))
    bars, dots = np.asarray(entropy), np.asarray(surprise)
    axes.bar(places, bars, color=BLUE, width=0.8, alpha=0.85)
    axes.plot(places, dots, "o", color=VERMILLION, markersize=4)
    top = max(bars.max(), dots.max())
    corner: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "top"}
    axes.text(0.99, 0.97, "bar: entropy before the token", color=BLUE, **corner)
    axes.text(0.99, 0.89, "dot: its surprise", color=VERMILLION, **corner)
    word_ticks(axes, tokens)
    axes.set(ylim=(0, 1.25 * top), xlim=(-0.8, len(tokens) - 0.2), ylabel="nats")


def word_ticks(axes: Axes, tokens: Sequence[str]) -> None:
    """Write tokens below an axis, upright, one at each whole number."""
    labels = [visible(token) for token in tokens]
    axes.set_xticks(range(len(labels)), labels, fontsize=8.5, rotation=90)
    axes.tick_params(axis="x", length=0)


def loop_bars(
    loops: Mapping[str, tuple[int, int, int]], length: int, title: str
) -> None:
    """Draw where texts of `length` tokens go round in a circle, one bar per text.

    Args:
        loops: by the name of the text: start, period and length of its circle, in
            tokens, as `overlap.longest_loop` gives them.
    """
    _, axes = figure(title, height=1.2 + 0.42 * len(loops))
    for y, (start, period, size) in enumerate(loops.values()):
        axes.barh(y, length, 0.55, color=PALE)
        axes.barh(y, size, 0.55, left=start, color=VERMILLION)
        rounds = f"{size // period} rounds of {period}" if size else "no circle"
        axes.text(start + size + 8, y, rounds, va="center", fontsize=9)
    axes.set_yticks(range(len(loops)), list(loops))
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, length), xlabel="tokens written (orange: the circle)")


def chosen_and_kept(
    before: ArrayLike, after: ArrayLike, tokens: Sequence[str], title: str
) -> None:
    """Draw next-token probabilities (V,): outlines before settings, bars after."""
    _, axes = figure(title, height=3.3)
    order = np.argsort(-np.asarray(before), kind="stable")[:12]
    draw_next_bars(axes, after, tokens, order, before)
    axes.set_ylabel("probability")
    corner: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "top"}
    axes.text(0.99, 0.97, "dotted: before", color=VERMILLION, **corner)
    axes.text(0.99, 0.88, "solid: after", color=BLUE, **corner)


def context_steps(starts: Sequence[int], first: int, title: str) -> None:
    """Draw the part of a growing text that a model sees, one row per step.

    Args:
        starts: where the context starts at each step (`sampling.context_start`).
        first: the length of the text at the first step; each step adds a token.
    """
    lengths = first + np.arange(len(starts))
    position = np.arange(lengths[-1])
    written = position < lengths[:, None]
    seen = written & (position >= np.asarray(starts)[:, None])
    made, axes = figure(title, height=3.2)
    colours = ListedColormap(["white", "#dddddd", BLUE])
    look: dict[str, Any] = {"cmap": colours, "edgecolors": "white", "linewidth": 1}
    axes.pcolormesh(written.astype(int) + seen, vmax=2, **look)
    axes.invert_yaxis()
    axes.set_yticks(np.arange(len(lengths)) + 0.5, [str(n) for n in lengths])
    axes.set(xlabel="position in the text", ylabel="tokens so far")
    _key(made, {BLUE: "what the model sees", "#dddddd": "what it no longer sees"})


def perplexity_curves(
    temperatures: Sequence[float], curves: Mapping[str, Sequence[float]], title: str
) -> None:
    """Draw perplexity against temperature, one curve for each name."""
    _, axes = figure(title)
    for name, values in curves.items():
        label_line(axes, axes.plot(temperatures, values)[0], name)
    axes.set(xlabel="temperature", ylabel="perplexity (tokens)", yscale="log")
    axes.set(xlim=(0, 2.4), yticks=[1, 10, 100], yticklabels=["1", "10", "100"])


def longest_copies(lengths: Mapping[str, Sequence[int]], title: str) -> None:
    """Draw the longest copied run of each text as a dot, one row per group of texts."""
    _, axes = figure(title, height=1.9)
    for y, values in enumerate(lengths.values()):
        axes.plot(values, [y] * len(values), "o", color=COLOURS[y], alpha=0.8)
    axes.set_yticks(range(len(lengths)), list(lengths))
    axes.set(ylim=(len(lengths) - 0.5, -0.5), xlabel="longest copied run (characters)")
    axes.set_xlim(left=0)


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
    names = [
        f"{name}: {int(computed.sum()):,} computed" for name, computed in ways.items()
    ]
    made, row = figure_row(title, names, 3.7, sharey=True)
    for axes, computed in zip(row, ways.values(), strict=True):
        # 0 not there yet, 1 from an earlier step, 2 computed in this step.
        state = needed.astype(int) + computed
        axes.imshow(state, cmap=ListedColormap(["white", PALE, BLUE]), vmax=2)
        axes.set_xlabel("position in the text")
        axes.set_aspect("auto")
    row[0].set_ylabel("step (one new token each)")
    _key(made, {BLUE: "computed in this step", PALE: "kept from an earlier step"})


def _key(made: Figure, meanings: Mapping[str, str]) -> None:
    """Write below the axes what the colours mean."""
    handles = [Patch(color=colour, label=text) for colour, text in meanings.items()]
    made.legend(handles=handles, loc="outside lower center", ncols=len(handles))

"""Draw what the parts of a trained model do."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import CenteredNorm
from numpy.typing import ArrayLike

from minigpt.course.colours import BLUE, COLOURS, GREY, VERMILLION
from minigpt.course.plots.style import (
    BESIDE,
    CENTRED,
    DASHES,
    figure,
    figure_row,
    label_ends,
    label_line,
)
from minigpt.tokenizer import visible


def lens_lines(lines: Mapping[str, Sequence[float]], title: str, ylabel: str) -> None:
    """Draw a named line each: a measure before the first block and after each block."""
    _, axes = figure(title)
    looks = zip([*COLOURS, GREY], [*DASHES, ":"], strict=False)
    ends = []
    for (name, values), (colour, dash) in zip(lines.items(), looks, strict=False):
        look: dict[str, Any] = {"marker": "o", "markersize": 4, "clip_on": False}
        axes.plot(range(len(values)), values, color=colour, linestyle=dash, **look)
        ends.append((values[-1], name, colour))
    blocks = max(map(len, lines.values())) - 1
    axes.set(xlabel="blocks passed", ylabel=ylabel, xlim=(-0.2, blocks))
    axes.set_xticks(range(blocks + 1))
    label_ends(axes, ends)


def part_bars(
    parts: Mapping[str, float], controls: Mapping[str, float], title: str, ylabel: str
) -> None:
    """Draw what each part of the model adds, its control as a grey mark on the bar.

    Args:
        parts: by the names of `inspection.attribution`; those of one layer stand
            together.
        controls: the same for a comparison in which nothing should be found.
    """
    names = list(parts)
    _, axes = figure(title, 3.6)
    kinds = {"head": BLUE, "feed-forward": VERMILLION}
    colours = [
        kinds.get(name.split(" ")[0], GREY) if "bias" not in name else GREY
        for name in names
    ]
    axes.bar(range(len(names)), list(parts.values()), color=colours, width=0.8)
    look: dict[str, Any] = {"marker": "_", "s": 70, "color": "black", "zorder": 3}
    axes.scatter(range(len(names)), [controls[n] for n in names], **look)
    axes.axhline(0, color=GREY, linewidth=0.8, linestyle="-")
    short = [
        name.replace("feed-forward", "ff").replace("attention", "att") for name in names
    ]
    axes.set_xticks(range(len(names)), short, rotation=90, fontsize=8)
    axes.tick_params(axis="x", length=0)
    axes.set(ylabel=ylabel, xlim=(-0.8, len(names) - 0.2))


def ablation_grid(
    heads: ArrayLike, layers: Mapping[str, Sequence[float]], title: str
) -> None:
    """Draw what the loss rises by without each head, and without each whole layer.

    Args:
        heads: (n_layer, n_head), in nats.
        layers: by the name of a part, such as "attention": one number for each layer.
    """
    cells = np.asarray(heads)
    names = "without one head", "without a whole part"
    ratios = {"width_ratios": [cells.shape[1], max(len(layers), 1) + 0.6]}
    _, row = figure_row(title, names, 2.7, gridspec_kw=ratios)
    whole = np.array(list(layers.values())).T
    for axes, values in zip(row, (cells, whole), strict=True):
        _cost_cells(axes, values)
        axes.set_yticks(range(len(values)), [])
    row[0].set_yticks(range(len(cells)), [f"layer {n}" for n in range(len(cells))])
    row[0].set_xticks(
        range(cells.shape[1]), [f"head {n}" for n in range(cells.shape[1])]
    )
    row[1].set_xticks(range(len(layers)), list(layers))


def cost_table(rows: Mapping[str, Mapping[str, float]], title: str) -> None:
    """Draw what each row's change costs, in nats, at several kinds of places."""
    columns = list(next(iter(rows.values())))
    _, axes = figure(title, 1.0 + 0.36 * len(rows))
    _cost_cells(
        axes, np.array([[row[name] for name in columns] for row in rows.values()])
    )
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), list(rows))


def _cost_cells(axes: Axes, values: Any) -> None:
    """Draw a table of nats, shaded on a logarithmic scale."""
    shades = np.log10(np.clip(values, 0.003, None))
    axes.imshow(shades, cmap="Blues", vmin=-2.5, vmax=1.3, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        ink = "white" if shades[i, j] > 0.1 else "black"
        said = f"{round(float(value), 2) + 0.0:.2f}"  # never -0.00
        axes.text(j, i, said, color=ink, fontsize=9, **CENTRED)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def patch_map(shares: ArrayLike, tokens: Sequence[str], title: str) -> None:
    """Draw how much each patched place of the stream restores.

    Args:
        shares: (n_layer + 1, T); 1 restores all.
        tokens: the T tokens; those whose place restores a quarter or more are named.
    """
    values = np.asarray(shares)
    made, axes = figure(title, 3.0)
    look: dict[str, Any] = {"cmap": "PuOr", "norm": CenteredNorm(halfrange=1)}
    image = axes.imshow(values, aspect="auto", **look)
    named = [t for t in range(len(tokens)) if np.abs(values[:, t]).max() > 0.25]
    axes.set_xticks(named, [f"{visible(tokens[t])}\n{t}" for t in named], fontsize=9)
    axes.set_yticks(range(len(values)), range(len(values)))
    axes.set(ylabel="blocks passed", xlabel="the token that was patched, and its place")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    made.colorbar(image, ax=axes, shrink=0.9, label="share restored")


def dose_lines(
    doses: Sequence[float],
    steered: Sequence[float],
    randoms: ArrayLike,
    title: str,
    ylabel: str,
) -> None:
    """Draw the response to each dose, and that of each random direction in grey.

    Args:
        randoms: (directions, doses).
    """
    _, axes = figure(title)
    for values in np.asarray(randoms):
        axes.plot(doses, values, color=GREY, linewidth=1, linestyle="-", alpha=0.7)
    line = axes.plot(doses, steered, marker="o", color=BLUE, linestyle="-")[0]
    label_line(axes, line, "she − he")
    end = (doses[-1], float(np.asarray(randoms)[:, -1].mean()))
    axes.annotate("random", end, color=GREY, **BESIDE)
    axes.axvline(0, color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xlabel="dose (times the difference of the means)", ylabel=ylabel)


def forming(
    iterations: Sequence[int],
    losses: Mapping[str, Sequence[float]],
    scores: Mapping[str, Sequence[float]],
    title: str,
) -> None:
    """Draw losses and head scores of one run, one chart above the other's axis.

    Args:
        losses, scores: by their names, one number for each of the iterations.
    """
    _, row = figure_row(title, ["", ""], 3.6)
    labels = "loss (nats per token)", "attention on the target"
    for axes, lines, label in zip(row, (losses, scores), labels, strict=True):
        for n, (name, values) in enumerate(lines.items()):
            look: dict[str, Any] = {"color": COLOURS[n], "linestyle": DASHES[n]}
            axes.plot(iterations, values, label=name, **look)
        axes.set(xlabel="iteration", ylabel=label)
        axes.set_ylim(bottom=0)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=8.5)


def two_measures(
    across: Mapping[str, float],
    up: Mapping[str, float],
    title: str,
    labels: tuple[str, str],
    named: Sequence[str],
) -> None:
    """Draw a dot for each head by two measures, and name some of them."""
    _, axes = figure(title)
    axes.scatter([across[n] for n in across], [up[n] for n in across], color=BLUE)
    for name in named:
        axes.annotate(name, (across[name], up[name]), color=BLUE, **BESIDE)
    _zero_lines(axes)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.margins(x=0.12)


def _zero_lines(axes: Axes) -> None:
    look: dict[str, Any] = {"color": GREY, "linewidth": 0.8, "linestyle": ":"}
    axes.axhline(0, **look)
    axes.axvline(0, **look)


def paired_bars(sets: Mapping[str, Sequence[float]], title: str) -> None:
    """Draw the named sets of numbers side by side, a pair of bars for each layer."""
    _, axes = figure(title, 2.8)
    width = 0.8 / len(sets)
    for n, (name, values) in enumerate(sets.items()):
        places = np.arange(len(values)) + (n - (len(sets) - 1) / 2) * width
        bars = axes.bar(places, values, width, label=name, color=COLOURS[n])
        axes.bar_label(bars, [f"{value:.2f}" for value in values], fontsize=9)
    layers = len(next(iter(sets.values())))
    axes.set_xticks(range(layers), [f"layer {n}" for n in range(layers)])
    axes.set_ylabel("rise of the loss (nats)")
    axes.legend()


def share_table(rows: Mapping[str, Mapping[str, float]], title: str) -> None:
    """Draw a table of shares, a row for each name; they are shaded and in percent."""
    names = list(next(iter(rows.values())))
    cells = np.array([[row[name] for name in names] for row in rows.values()])
    _, axes = figure(title, 0.9 + 0.36 * len(rows))
    axes.imshow(cells, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(cells):
        said = "–" if np.isnan(value) else f"{100 * value:.0f}%"
        ink = "white" if value > 0.6 else "black"
        axes.text(j, i, said, color=ink, fontsize=9.5, **CENTRED)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)

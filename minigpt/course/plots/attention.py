"""Draw what attention computes, its weights as maps and shaded texts, and its leaks."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from minigpt.course.colours import BLUE, COLOURS, GREEN, GREY, VERMILLION
from minigpt.course.plots.style import (
    CENTRED,
    WIDTH,
    figure,
    figure_row,
    label_line,
    rounded_box,
    title_above,
)
from minigpt.tokenizer import visible

# One table of `number_tables`: its name, its values, the labels of its columns.
Table = tuple[str, ArrayLike, Sequence[str]]

_HATCHED: dict[str, Any] = {"fc": "#e6e6e6", "hatch": "////", "ec": "#bdbdbd", "lw": 0}


def _write_numbers(axes: Axes, values: Any, dark: float) -> None:
    # White where the cell's absolute value is above `dark`, so that all can be read.
    for (row, column), value in np.ndenumerate(np.ma.filled(values, np.nan)):
        if np.isfinite(value):
            colour = "white" if abs(value) > dark else "black"
            text = f"{value + 0.0:.2f}".removesuffix("00").removesuffix(".")
            axes.text(column, row, text, color=colour, **CENTRED)


def _draw_map(
    axes: Axes, weights: ArrayLike, masked: Mapping[str, Any] = _HATCHED
) -> AxesImage:
    # Hatched, so that a masked cell is told from a weight of zero.
    axes.patch.set(**masked)
    axes.tick_params(length=0)
    values = np.asarray(weights, dtype=float)
    future = np.triu(np.ones_like(values), k=1)
    shown: np.ma.MaskedArray = np.ma.masked_array(values, future)
    return axes.imshow(shown, cmap="Blues", vmin=0, vmax=1)


def attention_map(
    weights: ArrayLike,
    tokens: Sequence[str],
    title: str,
    tick_size: float = 9,
    numbers: bool = False,
    sides: tuple[str, str] = ("query: looking", "key: looked at"),
) -> None:
    """Draw weights (T, T): queries down, keys across, the masked half hatched.

    `numbers` writes each weight into its cell, which suits small T. `sides` labels the
    rows and the columns.
    """
    T, labels = len(tokens), [visible(token) for token in tokens]
    made, axes = plt.subplots(figsize=(4.6, 3.9) if T <= 8 else (5.2, 4.6))
    image = _draw_map(axes, weights)
    if numbers:
        _write_numbers(axes, image.get_array(), dark=0.6)
    crowded = T > 8 and max(map(len, labels)) > 2
    axes.set_xticks(range(T), labels, fontsize=tick_size, rotation=90 if crowded else 0)
    axes.set_yticks(range(T), labels, fontsize=tick_size)
    title_above(made, title)
    axes.set(ylabel=sides[0], xlabel=sides[1])
    made.colorbar(image, ax=axes, shrink=0.7, label="attention weight")


def attention_grid(maps: Sequence[ArrayLike], title: str) -> None:
    """Draw all maps: layers down, heads across, the masked half a plain grey.

    `maps` holds one array (H, T, T) per layer.
    """
    n_layer, n_head = len(maps), len(np.asarray(maps[0]))
    size = min(WIDTH / n_head, 1.75)
    inches = (size * n_head, size * n_layer + 0.6)
    made, axes = plt.subplots(n_layer, n_head, figsize=inches, squeeze=False)
    for layer, head in itertools.product(range(n_layer), range(n_head)):
        # Hatched, small maps would be more grey lines than weights.
        _draw_map(axes[layer, head], np.asarray(maps[layer])[head], {"fc": "#ececec"})
        axes[layer, head].set(xticks=[], yticks=[])
        axes[layer, head].spines[:].set_visible(False)
        axes[layer, 0].set_ylabel(f"layer {layer}")
        axes[0, head].set_title(f"head {head}", loc="center", fontsize=10.5)
    made.supxlabel("key: looked at", fontsize=10.5)
    made.supylabel("query: looking", fontsize=10.5)
    title_above(made, title)


def head_scores(
    title: str, scores: Mapping[str, ArrayLike], equal: Mapping[str, float]
) -> None:
    """Draw a table of scores (n_layer, n_head) for each thing that heads may look for.

    The best head of each table is framed; `equal` has the score of equal weights.
    """
    n_layer, n_head = np.asarray(next(iter(scores.values()))).shape
    columns = len(scores) if len(scores) < 4 else 2
    lines = -(-len(scores) // columns)
    size = (WIDTH, 0.5 + lines * (0.85 + 0.3 * n_layer))
    made, table = plt.subplots(lines, columns, figsize=size, squeeze=False)
    title_above(made, title)
    for axes, (name, values) in zip(table.flat, scores.items(), strict=False):
        cells = np.asarray(values, dtype=float)
        axes.imshow(cells, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        _write_scores(axes, cells)
        layer, head = np.unravel_index(cells.argmax(), cells.shape)
        frame: dict[str, Any] = {"fill": False, "ec": VERMILLION, "lw": 2}
        axes.add_patch(plt.Rectangle((head - 0.5, layer - 0.5), 1, 1, **frame))
        first = axes in table[:, 0]
        layers = [f"layer {n}" for n in range(n_layer)] if first else []
        axes.set_yticks(range(n_layer), layers)
        last = axes in table[-1]
        heads = [f"head {n}" if columns < 3 else str(n) for n in range(n_head)]
        axes.set_xticks(range(n_head), heads if last else [])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        above = f"{name} (equal weights: {equal[name]:.2f})"
        axes.set_title(above, loc="center", fontsize=10)


def _write_scores(axes: Axes, cells: Any) -> None:
    for (row, column), value in np.ndenumerate(cells):
        colour = "white" if value > 0.6 else "black"
        axes.text(column, row, f"{value:.2f}", color=colour, fontsize=8.5, **CENTRED)


_COLUMNS = 94  # characters in a line of a shaded text
_MONO: dict[str, Any] = {"family": "DejaVu Sans Mono", "fontsize": 8.5, "va": "center"}


def shaded_texts(
    title: str, tokens: Sequence[str], rows: Mapping[str, tuple[int, ArrayLike]]
) -> None:
    """Draw a text once for each named position and its weights (T,), shaded by them.

    The shade of a token is its weight as a fraction of the row's largest. The token at
    the position, which looks, is framed, and what comes after it is hatched.
    """
    places, lines = _wrap(tokens)
    height = lines + 1.5  # in lines, with the name above
    made, axes = plt.subplots(figsize=(WIDTH, 0.5 + 0.2 * height * len(rows)))
    for number, (name, (position, weights)) in enumerate(rows.items()):
        top = number * height
        axes.text(0, top + 0.4, name, va="center", fontsize=9.5)
        shades = np.asarray(weights, dtype=float) / np.max(np.asarray(weights))
        for t, (token, (line, column)) in enumerate(zip(tokens, places, strict=True)):
            place, size = (column, top + line + 1.02), (len(token), 0.96)
            blue = plt.get_cmap("Blues")(0.9 * shades[t])
            box = plt.Rectangle(place, *size, fc=blue, ec="white", lw=0.8)
            if t > position:
                box.set(**_HATCHED)
            axes.add_patch(box)
            if t == position:
                axes.add_patch(
                    plt.Rectangle(
                        place, *size, fc="none", ec=VERMILLION, lw=1.6, zorder=3
                    )
                )
            _write_token(axes, token, place, dark=bool(shades[t] > 0.6))
    axes.set(xlim=(-0.3, _COLUMNS), ylim=(height * len(rows) - 0.3, -0.2))
    axes.axis("off")
    title_above(made, title)


def _wrap(tokens: Sequence[str]) -> tuple[list[tuple[int, int]], int]:
    """Return the line and column of each token, and the number of lines."""
    places, line, column = [], 0, 0
    for t, token in enumerate(tokens):
        if column + len(token) > _COLUMNS:
            line, column = line + 1, 0
        places.append((line, column))
        column += len(token)
        ends = token.endswith("\n") and tokens[t + 1 : t + 2] != ["\n"]
        if ends and t + 1 < len(tokens):
            line, column = line + 1, 0
    return places, line + 1


def _write_token(
    axes: Axes, token: str, place: tuple[float, float], dark: bool
) -> None:
    # A space and a line end are there to be seen, but should not be in the way.
    y = place[1] + 0.5
    for n, character in enumerate(token):
        shown = visible(character)
        colour = "white" if dark else "black" if shown == character else "#9a9a9a"
        axes.text(place[0] + n + 0.5, y, shown, color=colour, ha="center", **_MONO)


def number_tables(
    title: str, rows: Sequence[str], *tables: Table, sides: tuple[str, str] = ("", "")
) -> None:
    """Draw tables of numbers, side by side.

    Negative numbers are orange and positive ones purple; larger ones are darker.
    `sides` labels the rows and the columns.
    """
    names, widths = [table[0] for table in tables], [len(table[2]) for table in tables]
    _, row = figure_row(title, names, 0.9 + 0.36 * len(rows), width_ratios=widths)
    limit = 1.5 * max(np.abs(np.asarray(values)).max() for _, values, _ in tables)
    look: dict[str, Any] = {"cmap": "PuOr", "vmin": -limit, "vmax": limit}
    for axes, (_, values, labels) in zip(row, tables, strict=True):
        cells = np.asarray(values, dtype=float)
        axes.imshow(cells, aspect="auto", **look)
        _write_numbers(axes, cells, dark=limit / 2)
        axes.set_xticks(range(len(labels)), labels)
        axes.set_yticks(range(len(rows)), rows if axes is row[0] else [])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(sides[1])
    row[0].set_ylabel(sides[0])


def leak_grids(
    grids: Mapping[str, ArrayLike], tokens: Sequence[str], title: str
) -> None:
    """Draw grids (T, T) side by side that show which outputs moved.

    Row t, column j: whether output t moved when input j was changed. Blue is allowed;
    vermillion means that the future leaks into the past.
    """
    made, row = figure_row(title, grids, 3.7 if len(grids) < 4 else 3.1)
    turned = 90
    if len(grids) == 1:
        made.set_size_inches(5.6, 4.4)
        turned = 0
    kinds = {"#e9e9e9": "unchanged", BLUE: "moved", VERMILLION: "moved: a leak"}
    seen: set[int] = set()
    for axes, grid in zip(row, grids.values(), strict=True):
        moved = np.asarray(grid, dtype=bool)
        kind = moved * np.where(np.triu(moved, k=1), 2, 1)
        seen.update(kind.ravel().tolist())
        axes.imshow(kind, cmap=ListedColormap(list(kinds)), vmin=0, vmax=2)
        edges = np.arange(len(moved) + 1) - 0.5
        axes.set_xticks(edges, minor=True)
        axes.set_yticks(edges, minor=True)
        axes.grid(which="minor", color="white", linewidth=2, linestyle="-")
        axes.set_xticks(range(len(moved)), tokens, rotation=turned)
        axes.set_yticks(range(len(moved)), tokens if axes is row[0] else [])
        axes.tick_params(which="both", length=0)
        axes.set_xlabel("input changed")
    row[0].set_ylabel("output")
    handles = [Patch(color=colour, label=text) for colour, text in kinds.items()]
    handles = [handles[one] for one in sorted(seen)]
    made.legend(handles=handles, loc="outside lower center", ncols=3)


def _box(
    axes: Axes,
    middle: tuple[float, float],
    size: tuple[float, float],
    text: str,
    colour: str,
) -> None:
    look: dict[str, Any] = {"fc": colour + "22", "ec": colour, "lw": 1.4}
    rounded_box(axes, middle, size, **look)
    axes.text(*middle, text, linespacing=1.35, **CENTRED)


def _part(
    axes: Axes, corner: tuple[float, float], size: tuple[float, float], colour: str
) -> None:
    axes.add_patch(plt.Rectangle(corner, *size, lw=1.2, fc=colour + "44", ec=colour))


def _arrow(axes: Axes, *path: tuple[float, float], text: str = "") -> None:
    *corners, last, end = path
    axes.plot(*zip(*corners, last, strict=True), color=GREY, lw=1.2, ls="-")
    look = {"arrowstyle": "-|>", "color": GREY, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, last, arrowprops=look)
    if text:
        place = ((last[0] + end[0]) / 2, (last[1] + end[1]) / 2 + 0.07)
        axes.text(*place, text, color=GREY, fontsize=9, ha="center", va="bottom")


def _drawing(title: str, height: float) -> Axes:
    _, axes = figure(title, height + 0.4)
    axes.set(xlim=(0, WIDTH), ylim=(0, height))
    axes.set_axis_off()
    return axes


def attention_flow(title: str) -> None:
    """Draw how the data flows through one head, with the shape of every table."""
    axes = _drawing(title, 2.75)
    _box(axes, (0.5, 1.55), (0.8, 0.8), "x\n(T, C)", GREY)
    names = ("q: looks for", "k: is found by", "v: hands over")
    for y, name, colour in zip((2.3, 1.55, 0.45), names, COLOURS, strict=False):
        _box(axes, (2.25, y), (1.25, 0.6), f"{name}\n(T, D)", colour)
        place = (1.38, y + 0.07)
        axes.text(*place, f"$W_{name[0]}$", color=GREY, ha="center", va="bottom")
        _arrow(axes, (0.9, 1.55), (1.15, 1.55), (1.15, y), (1.62, y))
    formula = "scores\n$q\\,k^T/\\sqrt{D}$\n(T, T)"
    _box(axes, (3.9, 1.93), (1.15, 0.85), formula, GREY)
    _arrow(axes, (2.88, 2.3), (3.1, 2.3), (3.1, 2.05), (3.32, 2.05))
    _arrow(axes, (2.88, 1.55), (3.1, 1.55), (3.1, 1.8), (3.32, 1.8))
    _box(axes, (5.6, 1.93), (0.9, 0.85), "weights\n(T, T)", GREY)
    _arrow(axes, (4.48, 1.93), (5.15, 1.93), text="mask,\nsoftmax")
    _box(axes, (6.4, 0.6), (1.1, 0.8), "out\nweights @ v\n(T, D)", GREEN)
    _arrow(axes, (6.05, 1.93), (6.4, 1.93), (6.4, 1.0))
    _arrow(axes, (2.88, 0.45), (5.85, 0.45))


def heads_flow(title: str) -> None:
    """Draw how q, k and v, but never x, are divided among three heads."""
    axes = _drawing(title, 2.9)
    _box(axes, (0.45, 1.45), (0.7, 0.8), "x\n(T, C)", GREY)
    heads = [(COLOURS[n], 2.3 - 0.85 * n) for n in range(3)]
    for y, name in zip((2.3, 1.45, 0.6), "qkv", strict=True):
        _arrow(axes, (0.8, 1.45), (1.0, 1.45), (1.0, y), (1.55, y))
        axes.text(1.28, y + 0.07, f"$W_{name}$", color=GREY, ha="center", va="bottom")
        for n, (colour, to) in enumerate(heads):
            place = (1.6 + 0.36 * n, y - 0.22)
            _part(axes, place, (0.34, 0.44), colour)
            axes.text(place[0] + 0.17, y, f"${name}_{n}$", **CENTRED)
            start, end = (2.72, y), (3.25, to + (y - 1.45) * 0.2)
            axes.plot(*zip(start, end, strict=True), color=colour, lw=1, ls="-")
    axes.text(2.15, 0.1, "each (T, C)", color=GREY, fontsize=9, **CENTRED)
    for n, (colour, y) in enumerate(heads):
        _box(axes, (3.85, y), (1.2, 0.62), f"head {n}\n(T, D)", colour)
        place = (5.1 + 0.24 * n, 1.1)
        _part(axes, place, (0.22, 0.7), colour)
        axes.plot([4.45, 5.05], [y, 1.45 + (1 - n) * 0.2], color=colour, lw=1, ls="-")
    axes.text(
        5.45,
        0.88,
        "side by side\n(T, C)",
        color=GREY,
        fontsize=9,
        ha="center",
        va="top",
    )
    _arrow(axes, (5.84, 1.45), (6.2, 1.45), text="$W_{out}$")
    _box(axes, (6.57, 1.45), (0.7, 0.8), "out\n(T, C)", GREY)


def by_size(
    title: str,
    ylabel: str,
    sizes: Sequence[int],
    lines: Mapping[str, ArrayLike],
    shares: bool = False,
) -> None:
    """Draw the named lines over D, the number of numbers in a vector.

    The values are shares from 0 to 1; otherwise both axes have the same ticks, so that
    it can be seen whether a line grows as D does.
    """
    _, axes = figure(title)
    axes.set(xscale="log", xlim=(3.5, 700), xlabel="D, numbers in a vector")
    axes.set_ylabel(ylabel)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    for name, values in lines.items():
        (line,) = axes.plot(sizes, np.asarray(values), marker="o")
        label_line(axes, line, name)
    if shares:
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    else:
        ticks = [1, *sizes]
        axes.set(yscale="log", ylim=(0.7, 400))
        axes.set_yticks(ticks, [str(tick) for tick in ticks])
        axes.grid(axis="y", color="#e4e4e4", linestyle="-", linewidth=0.8)
    axes.minorticks_off()


def losses_of_masks(
    title: str, losses: Mapping[str, Sequence[float]], blind: float
) -> None:
    """Draw the named losses over the updates, and the loss of a blind guess."""
    _, axes = figure(title)
    longest = max(map(len, losses.values()))
    axes.set(xlim=(0, 1.35 * longest), ylim=(0, 1.2 * blind), xlabel="updates")
    axes.set_xticks(range(0, longest + 1, 20))
    axes.set_ylabel("loss (nats per letter)")
    for name, values in losses.items():
        (line,) = axes.plot(values)
        label_line(axes, line, name)
    axes.axhline(blind, 0, 1 / 1.35, color="black", linestyle=":", lw=1.2, zorder=3)
    place = (longest / 2, blind + 0.08)
    axes.text(*place, f"blind guessing: {blind:.2f}", ha="center", va="bottom")


def quadratic_cost(
    title: str,
    lengths: Sequence[int],
    counts: Sequence[int],
    times: Mapping[str, Sequence[float]],
) -> None:
    """Draw the number of scores and the times (ms) of calls over T, and a T² line."""
    _, row = figure_row(title, ["scores in one head", "time of one call (ms)"], 3.4)
    row[0].plot(lengths, counts, marker="o")
    for name, values in times.items():
        (line,) = row[1].plot(lengths, values, marker="o")
        label_line(row[1], line, name)
    guide = [
        min(map(min, times.values())) * 0.5 * (T / lengths[0]) ** 2 for T in lengths
    ]
    (line,) = row[1].plot(lengths, guide, color=GREY, linestyle=":")
    label_line(row[1], line, "T²")
    row[1].set_xlim(lengths[0] * 0.8, lengths[-1] * 4)
    for axes in row:
        axes.set(xscale="log", yscale="log", xlabel="T, positions")
        axes.set_xticks(lengths, [str(T) for T in lengths], fontsize=9)
        axes.minorticks_off()

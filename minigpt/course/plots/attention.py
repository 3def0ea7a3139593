"""Draw attention weights as maps and shaded sentences, and leaks as grids."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from minigpt.course.colours import BLUE, VERMILLION
from minigpt.course.plots.style import CENTRED, WIDTH, figure_row, title_above
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


def _draw_map(axes: Axes, weights: ArrayLike) -> AxesImage:
    # Hatched, so that a masked cell is told from a weight of zero.
    axes.patch.set(**_HATCHED)
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
) -> None:
    """Draw weights (T, T): queries down, keys across, the masked half hatched.

    `numbers` writes each weight into its cell, which suits small T.
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
    axes.set(xlabel="key: looked at", ylabel="query: looking")
    made.colorbar(image, ax=axes, shrink=0.7, label="attention weight")


def attention_grid(maps: Sequence[ArrayLike], title: str) -> None:
    """Draw all maps: layers down, heads across.

    `maps` holds one array (H, T, T) per layer.
    """
    n_layer, n_head = len(maps), len(np.asarray(maps[0]))
    size = min(WIDTH / n_head, 1.75)
    inches = (size * n_head, size * n_layer + 0.5)
    made, axes = plt.subplots(n_layer, n_head, figsize=inches, squeeze=False)
    for layer, head in itertools.product(range(n_layer), range(n_head)):
        _draw_map(axes[layer, head], np.asarray(maps[layer])[head])
        axes[layer, head].set(xticks=[], yticks=[])
        axes[layer, 0].set_ylabel(f"layer {layer}")
        axes[-1, head].set_xlabel(f"head {head}")
    title_above(made, title)


def shaded_sentences(
    rows: Mapping[str, ArrayLike], tokens: Sequence[str], position: int, title: str
) -> None:
    """Draw a sentence, shaded by each of the named weights (T,).

    The shade of a token is its weight as a fraction of the row's largest. The query's
    position is framed, and what comes after it is hatched.
    """
    made, axes = plt.subplots(figsize=(WIDTH, 0.6 + 0.42 * len(rows)))
    title_above(made, title)
    T = len(tokens)
    for row, (name, weights) in enumerate(rows.items()):
        shades = np.asarray(weights, dtype=float) / np.max(np.asarray(weights))
        for t, token in enumerate(tokens):
            shaded = {"fc": plt.get_cmap("Blues")(0.9 * shades[t]), "ec": "white"}
            look = shaded if t <= position else _HATCHED
            axes.add_patch(plt.Rectangle((t, row), 1, 0.8, **look))
            colour = "white" if shades[t] > 0.6 else "black"
            axes.text(t + 0.5, row + 0.4, visible(token), color=colour, **CENTRED)
        frame: dict[str, Any] = {"fill": False, "edgecolor": VERMILLION}
        axes.add_patch(plt.Rectangle((position, row), 1, 0.8, **frame))
        axes.text(-0.6, row + 0.4, name, ha="right", va="center")
    axes.set(xlim=(-0.1, T + 0.1), ylim=(len(rows), -0.2))
    axes.axis("off")


def number_tables(title: str, rows: Sequence[str], *tables: Table) -> None:
    """Draw tables of numbers, side by side.

    Negative numbers are orange and positive ones purple; larger ones are darker.
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


def leak_grids(
    grids: Mapping[str, ArrayLike], tokens: Sequence[str], title: str
) -> None:
    """Draw grids (T, T) side by side that show which outputs moved.

    Row t, column j: whether output t moved when input j was changed. Blue is allowed;
    vermillion means that the future leaks into the past.
    """
    made, row = figure_row(title, grids, 3.7)
    turned = 90
    if len(grids) == 1:
        made.set_size_inches(5.6, 4.4)
        turned = 0
    kinds = {"#e9e9e9": "unchanged", BLUE: "moved", VERMILLION: "moved: a leak"}
    for axes, grid in zip(row, grids.values(), strict=True):
        moved = np.asarray(grid, dtype=bool)
        kind = moved * np.where(np.triu(moved, k=1), 2, 1)
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
    made.legend(handles=handles, loc="outside lower center", ncols=3)

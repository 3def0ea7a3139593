"""Draw attention weights as maps, shaded sentences and grids of what moved."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from minigpt.course.colours import BLUE, VERMILLION
from minigpt.course.plots.style import WIDTH
from minigpt.tokenizer import visible

# One table of `number_tables`: its name, its values, the labels of its columns.
Table = tuple[str, ArrayLike, Sequence[str]]

_HATCHED: dict[str, Any] = {
    "facecolor": "#e6e6e6",
    "hatch": "////",
    "edgecolor": "#bdbdbd",
    "linewidth": 0,
}


def _write_numbers(axes: Axes, values: np.ndarray, dark: float) -> None:
    # White on the cells whose size is above `dark`, so that all can be read.
    for (row, column), value in np.ndenumerate(np.ma.filled(values, np.nan)):
        if np.isfinite(value):
            colour = "white" if abs(value) > dark else "black"
            text = f"{value + 0.0:.2f}".removesuffix("00").removesuffix(".")
            axes.text(column, row, text, ha="center", va="center", color=colour)


def draw_attention_map(
    axes: Axes,
    weights: ArrayLike,
    tokens: Sequence[str],
    tick_size: float = 9,
    numbers: bool = False,
) -> AxesImage:
    """Draw weights (T, T) into axes: query down, key across, the masked half hatched.

    A masked cell is hatched grey and so cannot be mistaken for a weight of zero.
    `numbers` writes each weight into its cell: for small T.
    """
    values = np.asarray(weights, dtype=float)
    T = len(values)
    future = np.triu(np.ones((T, T), dtype=bool), k=1)
    shown: np.ma.MaskedArray = np.ma.masked_array(values, future)
    axes.patch.set(**_HATCHED)
    image = axes.imshow(shown, cmap="Blues", vmin=0, vmax=1)
    if numbers:
        _write_numbers(axes, shown, dark=0.6)
    labels = [visible(token) for token in tokens]
    crowded = T > 8 and max(map(len, labels)) > 2
    axes.set_xticks(range(T), labels, fontsize=tick_size, rotation=90 if crowded else 0)
    axes.set_yticks(range(T), labels, fontsize=tick_size)
    axes.tick_params(length=0)
    return image


def attention_map(
    weights: ArrayLike,
    tokens: Sequence[str],
    title: str,
    tick_size: float = 9,
    numbers: bool = False,
) -> tuple[Figure, Axes]:
    """Return a new figure of one map of weights (T, T)."""
    made, axes = plt.subplots(figsize=(4.6, 3.9) if len(tokens) <= 8 else (5.2, 4.6))
    image = draw_attention_map(axes, weights, tokens, tick_size, numbers)
    _title_over_all(made, title)
    axes.set_xlabel("key: looked at")
    axes.set_ylabel("query: looking")
    made.colorbar(image, ax=axes, shrink=0.7, label="attention weight")
    return made, axes


def attention_grid(maps: Sequence[ArrayLike], title: str) -> Figure:
    """Return a new figure of every map: layers down, heads across.

    `maps` holds one (H, T, T) for each layer.
    """
    n_layer, n_head = len(maps), len(np.asarray(maps[0]))
    size = min(WIDTH / n_head, 1.75)
    made, axes = plt.subplots(
        n_layer,
        n_head,
        figsize=(size * n_head, size * n_layer + 0.5),
        squeeze=False,
    )
    for layer in range(n_layer):
        for head in range(n_head):
            cell = axes[layer, head]
            weights = np.asarray(maps[layer])[head]
            draw_attention_map(cell, weights, [""] * len(weights))
            cell.set(xticks=[], yticks=[])
        axes[layer, 0].set_ylabel(f"layer {layer}")
    for head in range(n_head):
        axes[-1, head].set_xlabel(f"head {head}")
    _title_over_all(made, title)
    return made


def shaded_sentences(
    rows: Mapping[str, ArrayLike], tokens: Sequence[str], position: int, title: str
) -> Figure:
    """Return a new figure: for each named row of weights (T,) the sentence, shaded.

    The darker a token, the larger its share of the row's largest weight. The position
    that looks is framed, what comes after it hatched.
    """
    made, axes = plt.subplots(figsize=(WIDTH, 0.6 + 0.42 * len(rows)))
    _title_over_all(made, title)
    T = len(tokens)
    for row, (name, weights) in enumerate(rows.items()):
        values = np.asarray(weights, dtype=float)
        for t, token in enumerate(tokens):
            share = values[t] / values.max()
            looks: dict[str, Any] = (
                {"facecolor": plt.get_cmap("Blues")(share * 0.9), "edgecolor": "white"}
                if t <= position
                else _HATCHED
            )
            axes.add_patch(plt.Rectangle((t, row), 1, 0.8, **looks))
            colour = "white" if share > 0.6 else "black"
            shown = visible(token)
            axes.text(t + 0.5, row + 0.4, shown, color=colour, ha="center", va="center")
        axes.add_patch(
            plt.Rectangle((position, row), 1, 0.8, fill=False, edgecolor=VERMILLION)
        )
        axes.text(-0.6, row + 0.4, name, ha="right", va="center")
    axes.set(xlim=(-0.1, T + 0.1), ylim=(len(rows), -0.2))
    axes.axis("off")
    return made


def number_tables(title: str, rows: Sequence[str], *tables: Table) -> Figure:
    """Return a new figure of tables side by side, their numbers written into them.

    Negative numbers are orange, positive ones purple, the larger the darker.
    """
    widths = [len(labels) for _, _, labels in tables]
    made, all_axes = plt.subplots(
        1,
        len(tables),
        figsize=(WIDTH, 0.9 + 0.36 * len(rows)),
        width_ratios=widths,
        squeeze=False,
    )
    limit = max(np.abs(np.asarray(values)).max() for _, values, _ in tables)
    for axes, (name, values, labels) in zip(all_axes[0], tables, strict=True):
        cells = np.asarray(values, dtype=float)
        axes.imshow(
            cells, cmap="PuOr", vmin=-1.5 * limit, vmax=1.5 * limit, aspect="auto"
        )
        _write_numbers(axes, cells, dark=limit * 0.75)
        axes.set_title(name, fontsize=10.5, pad=6)
        axes.set_xticks(range(len(labels)), labels)
        axes.set_yticks(range(len(rows)), rows if axes is all_axes[0][0] else [])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    _title_over_all(made, title)
    return made


def leak_grids(
    grids: Mapping[str, ArrayLike], tokens: Sequence[str], title: str
) -> Figure:
    """Return a new figure of named grids (T, T) of what moved, side by side.

    Row t, column j: whether output t moved when input j was changed. Blue where it
    may, vermillion where it must not: there the future leaks into the past.
    """
    columns = len(grids)
    size = (5.6, 4.4) if columns == 1 else (WIDTH, 3.7)
    made, all_axes = plt.subplots(1, columns, figsize=size, squeeze=False)
    for axes, (name, grid) in zip(all_axes[0], grids.items(), strict=True):
        moved = np.asarray(grid, dtype=bool)
        kind = moved * np.where(np.triu(moved, k=1), 2, 1)
        shades = ListedColormap(["#e9e9e9", BLUE, VERMILLION])
        axes.imshow(kind, cmap=shades, vmin=0, vmax=2)
        axes.set_xticks(np.arange(len(moved) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(moved) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=2, linestyle="-")
        first = axes is all_axes[0][0]
        axes.set_xticks(range(len(moved)), tokens, rotation=0 if columns == 1 else 90)
        axes.set_yticks(range(len(moved)), tokens if first else [])
        axes.tick_params(which="both", length=0)
        axes.set_xlabel("input changed")
        if name:
            axes.set_title(name, fontsize=10.5, pad=6)
    all_axes[0][0].set_ylabel("output")
    kinds = {"#e9e9e9": "stood still", BLUE: "moved", VERMILLION: "moved: a leak"}
    handles = [Patch(color=colour, label=text) for colour, text in kinds.items()]
    made.legend(handles=handles, loc="outside lower center", ncols=3)
    _title_over_all(made, title)
    return made


def _title_over_all(made: Figure, title: str) -> None:
    made.suptitle(title, x=0.01, ha="left", fontsize=12)

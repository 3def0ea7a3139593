"""Set the style of the course's figures."""

from collections.abc import Iterable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from IPython.core.getipython import get_ipython
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from matplotlib_inline.backend_inline import set_matplotlib_formats

from minigpt.course.colours import COLOURS, GREY
from minigpt.course.curves import spread

DASHES: list[Any] = ["-", "--", "-.", (0, (1, 1))]
WIDTH = 7.0
CENTRED: dict[str, Any] = {"ha": "center", "va": "center"}
# Of a label to the right of a point.
BESIDE: dict[str, Any] = {
    "xytext": (6, 0),
    "textcoords": "offset points",
    "va": "center",
    "annotation_clip": False,
}


def use_house_style() -> None:
    """Apply the course's style to all figures that are drawn from now on."""
    plt.rcParams.update(
        {
            "figure.figsize": (WIDTH, 3.4),
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "figure.dpi": 110,
            "font.family": "DejaVu Sans",
            "font.size": 10,
            "axes.titlesize": 12,
            "axes.titlelocation": "left",
            "axes.titlepad": 10,
            "axes.labelsize": 10.5,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=DASHES),
            "lines.linewidth": 1.8,
            "legend.frameon": False,
        }
    )
    if get_ipython() is not None:
        set_matplotlib_formats("retina")


def figure(title: str, height: float = 3.4, columns: int = 1) -> tuple[Figure, Any]:
    """Return a new figure and its axes; the title should state the finding.

    With several columns the title stands above all of them.
    """
    if columns > 1:
        return figure_row(title, [""] * columns, height)
    made, axes = plt.subplots(figsize=(WIDTH, height))
    axes.set_title(title)
    return made, axes


def figure_row(
    title: str, names: Iterable[str], height: float, **layout: Any
) -> tuple[Figure, list[Axes]]:
    """Return a new figure of named axes side by side, the title above all of them."""
    names, size = list(names), (WIDTH, height)
    made, row = plt.subplots(1, len(names), figsize=size, squeeze=False, **layout)
    for axes, name in zip(row[0], names, strict=True):
        axes.set_title(name, loc="center", fontsize=10.5)
    title_above(made, title)
    return made, list(row[0])


def title_above(made: Figure, title: str) -> None:
    """Write the title above all axes of a figure."""
    made.suptitle(title, x=0.01, ha="left", fontsize=12)


def rounded_box(
    axes: Axes,
    middle: tuple[float, float],
    size: tuple[float, float],
    radius: float = 0.08,
    **look: Any,
) -> None:
    """Draw a box with round corners around its middle."""
    corner = (middle[0] - size[0] / 2, middle[1] - size[1] / 2)
    style = f"round,pad=0,rounding_size={radius}"
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, **look))


def label_line(axes: Axes, line: Line2D, text: str) -> None:
    """Write a line's name at its right end, in its colour, instead of a legend."""
    end = np.asarray(line.get_xydata())[-1]
    axes.annotate(text, end, color=line.get_color(), **BESIDE)


def label_ends(
    axes: Axes, ends: Iterable[tuple[float, str, str]], size: float = 9
) -> None:
    """Write names at the right edge of the axes, apart and above the horizontal axis.

    The limits of the axes have to be set before.

    Args:
        ends: the height, the name and the colour of each line.
        size: of the names of grey lines, in points; others are one point larger.
    """
    labels = sorted(ends)
    low, high = axes.get_ylim()
    inches = axes.get_window_extent().height / axes.figure.dpi
    gap = 1.4 * size / (72 * inches) * (high - low)
    heights = spread([height for height, _, _ in labels], gap, low + gap / 2)
    at: dict[str, Any] = BESIDE | {"xycoords": axes.get_yaxis_transform()}
    for height, (_, name, colour) in zip(heights, labels, strict=True):
        points = size if colour == GREY else size + 1
        axes.annotate(name, (1, height), color=colour, fontsize=points, **at)

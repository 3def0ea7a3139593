"""Set the looks of every figure of the course."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from minigpt.course.colours import COLOURS

DASHES: list[Any] = ["-", "--", "-.", (0, (1, 1))]
WIDTH = 7.0


def use_house_style() -> None:
    """Make every figure that is drawn from now on look like the course's."""
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
    _use_retina_pngs()


def _use_retina_pngs() -> None:
    from IPython.core.getipython import get_ipython
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    if get_ipython() is not None:
        set_matplotlib_formats("retina")


def figure(title: str, height: float = 3.4, columns: int = 1) -> tuple[Figure, Any]:
    """Return a new figure of the house's width and its axes; the title is the finding.

    With several columns the title stands above all of them.
    """
    made, axes = plt.subplots(1, columns, figsize=(WIDTH, height))
    if columns == 1:
        axes.set_title(title)
    else:
        made.suptitle(title, x=0.01, ha="left", fontsize=12)
    return made, axes


def label_line(axes: Axes, line: Line2D, text: str, **moved: float) -> None:
    """Write the line's name at its right end, in its colour, in place of a legend.

    `moved` may give dx and dy in points.
    """
    x, y = np.asarray(line.get_xydata())[-1]
    axes.annotate(
        text,
        (x, y),
        xytext=(6 + moved.get("dx", 0), moved.get("dy", 0)),
        textcoords="offset points",
        color=line.get_color(),
        va="center",
        annotation_clip=False,
    )

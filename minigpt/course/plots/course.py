"""Draw the machine that the lessons build together."""

from typing import Any

from matplotlib.axes import Axes

from minigpt.course.colours import BLUE, GREEN, GREY, PURPLE, VERMILLION
from minigpt.course.plots.style import CENTRED, WIDTH, figure, rounded_box

# Lesson, what it builds, middle (x, y), size, colour: in inches.
_PARTS = [
    ("01", "tokenizer", (1.12, 1.3), (1.05, 0.8), BLUE),
    ("03", "", (3.35, 1.3), (2.3, 1.3), VERMILLION),
    ("02", "attention", (2.9, 1.2), (1.15, 0.75), VERMILLION),
    ("05", "sampling", (5.65, 1.3), (1.05, 0.8), GREEN),
    ("04", "training", (3.35, 2.75), (2.3, 0.6), PURPLE),
]


def course_map(title: str) -> None:
    """Draw the machine that the lessons build, part by part."""
    _, axes = figure(title, 3.9)
    for number, name, (x, y), (width, height), colour in _PARTS:
        look: dict[str, Any] = {"fc": colour + "22", "ec": colour, "lw": 1.5}
        rounded_box(axes, (x, y), (width, height), **look)
        place = (x - width / 2 + 0.08, y + height / 2 - 0.16)
        axes.text(*place, number, color=colour, va="center", weight="bold")
        axes.text(x, y - 0.08, name, **CENTRED)
    _label_parts(axes)
    _draw_arrows(axes)
    axes.set(xlim=(0, WIDTH), ylim=(-0.25, 3.2))
    axes.set_axis_off()


def _label_parts(axes: Axes) -> None:
    axes.text(3.65, 1.79, "GPT: many blocks", **CENTRED)
    axes.text(4.0, 1.2, "+ feed\nforward", fontsize=9, **CENTRED)
    for x, y, text in (
        (1.12, 0.62, "text to ids"),
        (5.65, 0.62, "chances to a letter"),
        (1.92, 1.45, "ids"),
        (4.81, 1.47, "chances"),
        (3.4, -0.12, "write it down, and go on"),
        (1.15, 2.75, "the right letter"),
    ):
        axes.text(x, y, text, fontsize=9, color=GREY, **CENTRED)
    for x, text in ((0.24, "THE\nCRO"), (6.65, "W")):
        axes.text(x, 1.3, text, family="DejaVu Sans Mono", **CENTRED)


def _draw_arrows(axes: Axes) -> None:
    paths = [
        [(0.42, 1.3), (0.58, 1.3)],
        [(1.68, 1.3), (2.17, 1.3)],
        [(4.53, 1.3), (5.09, 1.3)],
        [(6.2, 1.3), (6.52, 1.3)],
        [(6.65, 1.12), (6.65, 0.05), (0.24, 0.05), (0.24, 1.0)],
        [(1.75, 2.75), (2.17, 2.75)],
        [(4.88, 1.6), (4.88, 2.75), (4.53, 2.75)],
        [(3.35, 2.42), (3.35, 1.98)],
    ]
    for path in paths:
        *corners, last, end = path
        axes.plot(*zip(*corners, last, strict=True), color=GREY, lw=1.2, ls="-")
        look = {"arrowstyle": "-|>", "color": GREY, "lw": 1.2, "shrinkA": 0}
        axes.annotate("", end, last, arrowprops=look)
    axes.text(3.43, 2.2, "nudges every weight", va="center", fontsize=9, color=GREY)

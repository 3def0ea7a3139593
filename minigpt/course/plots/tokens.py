"""Draw texts cut into tokens, and characters as bytes."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from minigpt.course.colours import GREY
from minigpt.course.plots.style import CENTRED, WIDTH, figure, rounded_box
from minigpt.tokenizer import visible

# Pale versions of the house colours: neighbours differ, and black reads on all of them.
TINTS = ["#cfe3f2", "#f8d9c4", "#c9e8dd", "#f2dcea"]
# The second font is asked for what the first lacks.
FONTS = ["DejaVu Sans Mono", "DejaVu Sans"]
CHARACTER, GAP, LINE = 0.105, 0.05, 0.52  # inches


def token_rows(
    rows: Sequence[tuple[str, Sequence[str], Sequence[int] | None]], title: str
) -> None:
    """Draw texts in coloured boxes, one box per token.

    Args:
        rows: for each text its name, its tokens, and the ids to write below them or
            None. Long texts are wrapped.
    """
    made, axes = figure(title)
    y = 0.0
    for label, tokens, ids in rows:
        axes.text(0, y + 0.16, label, fontsize=10, color=GREY, va="center")
        y = _draw_row(axes, tokens, ids, y + (0.3 if label else 0.0))
    made.set_size_inches(WIDTH, y + 0.5)
    _finish(axes, y)


def _draw_row(
    axes: Axes, tokens: Sequence[str], ids: Sequence[int] | None, y: float
) -> float:
    """Draw the boxes of one text from y down, and return where they end."""
    line, depth = (0.66 * LINE, 0.5) if ids is None else (LINE, 0.32)
    height, x = line - 0.1, 0.0
    for n, token in enumerate(map(visible, tokens)):
        number = "" if ids is None else str(ids[n])
        width = CHARACTER * max(len(token), 0.75 * len(number), 1) + 0.1
        if x and x + width > WIDTH - 0.25:
            x, y = 0.0, y + line
        _box(axes, (x, y), (width, height), TINTS[n % len(TINTS)])
        middle, below = x + width / 2, y + 0.76 * height
        axes.text(middle, y + depth * height, token, family=FONTS, **CENTRED)
        axes.text(middle, below, number, fontsize=7.5, color="#444444", **CENTRED)
        x += width + GAP
    return y + line


def byte_rows(text: str, title: str) -> None:
    """Draw the text's characters above the bytes of their UTF-8."""
    _, axes = figure(title, 1.75)
    total = len(text.encode("utf-8"))
    unit = min(0.62, (WIDTH - 1.05) / total)
    x = 0.8
    for n, character in enumerate(text):
        values = character.encode("utf-8")
        tint = TINTS[n % len(TINTS)]
        width = unit * len(values) - GAP
        _box(axes, (x, 0.05), (width, 0.45), tint)
        shown = visible(character)
        axes.text(x + width / 2, 0.28, shown, fontsize=14, family=FONTS, **CENTRED)
        for k, value in enumerate(values):
            _box(axes, (x + k * unit, 0.6), (unit - GAP, 0.4), tint)
            axes.text(x + (k + 0.46) * unit, 0.8, str(value), fontsize=9, **CENTRED)
        x += unit * len(values)
    for y, label in ((0.28, "character"), (0.8, "bytes")):
        axes.text(0, y, label, color=GREY, va="center")
    _finish(axes, 1.05)


def _box(
    axes: Axes, where: tuple[float, float], size: tuple[float, float], colour: str
) -> None:
    middle = (where[0] + size[0] / 2, where[1] + size[1] / 2)
    rounded_box(axes, middle, size, 0.05, facecolor=colour, linewidth=0)


def _finish(axes: Axes, height: float) -> None:
    axes.set(xlim=(-0.02, WIDTH - 0.2), ylim=(height, 0))
    axes.set_axis_off()

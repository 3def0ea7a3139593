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

# The x, the line, the width and the text of one token's box.
Box = tuple[float, int, float, str]


def token_rows(
    rows: Sequence[tuple[str, Sequence[str], Sequence[int] | None]], title: str
) -> None:
    """Draw texts in coloured boxes, one box per token.

    Args:
        rows: for each text its name, its tokens, and the ids to write below them or
            None. Long texts are wrapped.
    """
    laid_out = []
    y = 0.0
    for label, tokens, ids in rows:
        boxes, lines = _lay_out(tokens, ids)
        line = LINE if ids is not None else 0.66 * LINE
        head = 0.3 if label else 0.0
        laid_out.append((y, label, boxes, ids, (head, line)))
        y += head + lines * line
    _, axes = figure(title, y + 0.5)
    for top, label, boxes, ids, (head, line) in laid_out:
        axes.text(0, top + 0.16, label, fontsize=10, color=GREY, va="center")
        _draw_row(axes, boxes, ids, top + head, line)
    _finish(axes, y)


def _draw_row(
    axes: Axes, boxes: Sequence[Box], ids: Sequence[int] | None, top: float, line: float
) -> None:
    height = line - 0.1
    for n, (x, row, width, token) in enumerate(boxes):
        y, middle = top + row * line, x + width / 2
        _box(axes, (x, y), (width, height), TINTS[n % len(TINTS)])
        depth = height * (0.32 if ids is not None else 0.5)
        axes.text(middle, y + depth, token, family=FONTS, **CENTRED)
        if ids is not None:
            where = (middle, y + 0.76 * height)
            axes.text(*where, str(ids[n]), fontsize=7.5, color="#444444", **CENTRED)


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


def _lay_out(tokens: Sequence[str], ids: Sequence[int] | None) -> tuple[list[Box], int]:
    """Return the box of each token, and the number of lines."""
    boxes = []
    x, line = 0.0, 0
    for n, token in enumerate(tokens):
        shown = visible(token)
        signs = max(len(shown), 0.75 * len(str(ids[n])) if ids is not None else 0, 1)
        width = CHARACTER * signs + 0.1
        if x and x + width > WIDTH - 0.25:
            x, line = 0.0, line + 1
        boxes.append((x, line, width, shown))
        x += width + GAP
    return boxes, line + 1


def _box(
    axes: Axes, where: tuple[float, float], size: tuple[float, float], colour: str
) -> None:
    middle = (where[0] + size[0] / 2, where[1] + size[1] / 2)
    rounded_box(axes, middle, size, 0.05, facecolor=colour, linewidth=0)


def _finish(axes: Axes, height: float) -> None:
    axes.set(xlim=(-0.02, WIDTH - 0.2), ylim=(height, 0))
    axes.set_axis_off()

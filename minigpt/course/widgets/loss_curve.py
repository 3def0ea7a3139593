"""Draw a loss curve as an SVG light enough to be redrawn while a model trains."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from minigpt.baselines import Baselines
from minigpt.course.colours import BLUE, FAINT, GRID, INK, PAPER, VERMILLION
from minigpt.course.curves import Points, spread
from minigpt.course.widgets.markup import polyline, svg, tag, text

WIDTH, HEIGHT = 720, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 560, 14, 238  # the edges of the plot in the picture
LABEL_HEIGHT, LABEL_WIDTH = 15, 120
MOST_POINTS = 240


class _Scale:
    """Maps iterations and losses to places in the picture."""

    def __init__(self, seen: list[float], baselines: Baselines, last: int) -> None:
        best = min([*seen, baselines.entropy or baselines.bigram])
        # In steps of 0.5, so that the scale changes rarely.
        self.low = max(0.5 * math.floor(2 * min(1.25, best - 0.05)), 0.0)
        self.high = max([baselines.uniform, *seen]) + 0.1
        self.last = last

    def x(self, iteration: float) -> float:
        return LEFT + (RIGHT - LEFT) * iteration / self.last

    def y(self, loss: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (loss - self.low) / (self.high - self.low)


def curve_svg(
    curves: Mapping[str, Points], baselines: Baselines, last: int, dots: bool = True
) -> str:
    """Return two loss curves as SVG, and the baselines as dotted lines.

    Args:
        curves: two by their names, which may be empty: (iteration, nats per token).
        last: the iteration at the right edge.
        dots: whether to mark each point of the second one.
    """
    seen = [loss for points in curves.values() for _, loss in points]
    scale = _Scale(seen, baselines, last)
    parts, levels, ends = _axes(scale), [], []
    levels_of = {n: loss for n, loss in vars(baselines).items() if loss is not None}
    for name, loss in levels_of.items():
        y = scale.y(loss)
        parts.append(_level(y, FAINT, stroke_dasharray="2 3"))
        levels.append((y, f"{name} {loss:.2f}", FAINT))
    (_, first), (_, second) = curves.items()
    right: float = 0
    looks = (BLUE, "none"), (VERMILLION, "6 3")
    # The first curve is drawn last, on top of the second.
    for (name, points), look in reversed([*zip(curves.items(), looks, strict=True)]):
        if points:
            parts.append(_line(scale, points, *look))
            iteration, loss = points[-1]
            ends.append((scale.y(loss), f"{name} {loss:.2f}", look[0]))
            right = max(right, scale.x(iteration))
    for i, loss in second if dots else ():
        x, y = scale.x(i), scale.y(loss)
        parts.append(tag("circle", cx=x, cy=y, r=3.5, fill=VERMILLION))
    if right > RIGHT - LABEL_WIDTH:
        parts += _labels(RIGHT, [*levels, *ends])
    else:
        parts += [*_labels(RIGHT, levels), *_labels(right, ends)]
    done = first[-1][0] if first else 0
    return svg(
        f"Loss curve, {done} of {last} iterations",
        (0, 0, WIDTH, HEIGHT),
        *parts,
        width="100%",
        style=f"max-width: {WIDTH}px; height: auto; display: block",
        font_family="var(--jp-ui-font-family, sans-serif)",
        font_size="12.5",
    )


def _labels(x: float, labels: list[tuple[float, str, str]]) -> Iterator[str]:
    """Yield labels (y, words, colour) right of x, moved up or down where they touch.

    None is so low that it touches the numbers below the axis.
    """
    labels = sorted(labels, reverse=True)  # from the lowest up
    heights = spread([-y for y, _, _ in labels], LABEL_HEIGHT, low=-BOTTOM)
    # A rim in the colour of the paper keeps the letters apart from lines below them.
    rim: dict[str, Any] = {"stroke": PAPER, "stroke_width": 3, "paint_order": "stroke"}
    for height, (_, words, colour) in zip(heights, labels, strict=True):
        weight = 400 if colour == FAINT else 600
        yield text(x + 8, 4 - height, words, fill=colour, font_weight=weight, **rim)


def _axes(scale: _Scale) -> list[str]:
    parts = []
    step = 0.5 if scale.high - scale.low < 4 else math.ceil(scale.high / 6)
    for i in range(int((scale.high - scale.low) / step) + 1):
        loss = scale.low + i * step
        y = scale.y(loss)
        parts.append(_level(y, GRID))
        look: dict[str, Any] = {"fill": FAINT, "text_anchor": "end"}
        parts.append(text(LEFT - 8, y + 4, f"{loss:.1f}", **look))
    middle: dict[str, Any] = {"fill": INK, "text_anchor": "middle"}
    for fraction in (0, 0.25, 0.5, 0.75, 1):
        iteration = round(fraction * scale.last)
        place = scale.x(iteration), BOTTOM + 18
        parts.append(text(*place, f"{iteration:,}", **middle | {"fill": FAINT}))
    parts.append(text((LEFT + RIGHT) / 2, BOTTOM + 36, "iterations", **middle))
    left = 14, (TOP + BOTTOM) / 2
    parts.append(text(*left, "loss (nats per token)", turned=True, **middle))
    return parts


def _level(y: float, colour: str, **attributes: str) -> str:
    return tag("line", x1=LEFT, y1=y, x2=RIGHT, y2=y, stroke=colour, **attributes)


def _line(scale: _Scale, points: Points, colour: str, dashes: str) -> str:
    every = max(math.ceil(len(points) / MOST_POINTS), 1)
    # From the end on, so that the last point is always there.
    kept = list(points)[::-1][::every][::-1]
    places = [(scale.x(iteration), scale.y(loss)) for iteration, loss in kept]
    return polyline(places, stroke=colour, stroke_width=2, stroke_dasharray=dashes)

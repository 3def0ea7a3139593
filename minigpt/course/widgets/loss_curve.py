"""Draw a loss curve that grows, as an SVG light enough to be redrawn while training."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from minigpt.baselines import Baselines
from minigpt.course.colours import BLUE, FAINT, GRID, INK, PAPER, VERMILLION

WIDTH, HEIGHT = 720, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 560, 14, 238  # of the plot inside the picture
LABEL_HEIGHT, LABEL_WIDTH = 15, 120
MOST_POINTS = 240

Points = Sequence[tuple[int, float]]  # (iteration, nats per token)


@dataclass(frozen=True)
class Curve:
    """What the picture shows: losses in nats per token by iteration."""

    train: Points
    val: Points
    max_iters: int
    baselines: Baselines
    names: tuple[str, str] = ("training", "validation")
    dots: bool = True  # one at each validation loss


@dataclass(frozen=True)
class _Label:
    x: float
    y: float
    text: str
    colour: str


def smooth(losses: Sequence[float], memory: float = 0.9) -> list[float]:
    """Return the running mean of losses, each step forgetting a little of the past.

    >>> smooth([4.0, 2.0], memory=0.5)
    [4.0, 2.666...]
    """
    means, total, weight = [], 0.0, 0.0
    for loss in losses:
        total = memory * total + (1 - memory) * loss
        weight = memory * weight + (1 - memory)
        means.append(total / weight)
    return means


def curve_svg(curve: Curve) -> str:
    """Return the SVG: both losses, and the baselines as lines to get below."""
    scale = _Scale(curve)
    known = {
        "uniform": curve.baselines.uniform,
        "single characters": curve.baselines.unigram,
        "pairs": curve.baselines.bigram,
    }
    fixed = [_Label(RIGHT, scale.y(v), f"{n} {v:.2f}", FAINT) for n, v in known.items()]
    lines, moving = [], []
    for name, points, colour, dash in (
        (curve.names[1], curve.val, VERMILLION, ' stroke-dasharray="6 3"'),
        (curve.names[0], curve.train, BLUE, ""),
    ):
        if points:
            lines.append(_line(scale, points, colour, dash))
            x, y = scale.at(points[-1])
            moving.append(_Label(x, y, f"{name} {points[-1][1]:.2f}", colour))
    levels = [_level(label.y) for label in fixed]
    dots = [_dot(*scale.at(point)) for point in curve.val if curve.dots]
    labels = [_write(label) for label in _spread([*fixed, *moving])]
    return _picture([*scale.axes(), *levels, *lines, *dots, *labels], curve)


class _Scale:
    """Where iterations and losses lie in the picture; it changes rarely."""

    def __init__(self, curve: Curve) -> None:
        seen = [loss for _, loss in (*curve.train, *curve.val)]
        best = min([*seen, curve.baselines.bigram])
        self.low = max(0.5 * math.floor(2 * min(1.25, best - 0.05)), 0.0)
        self.high = max([curve.baselines.uniform, *seen]) + 0.1
        self.max_iters = max(curve.max_iters, 1)

    def x(self, iteration: float) -> float:
        return LEFT + (RIGHT - LEFT) * iteration / self.max_iters

    def y(self, loss: float) -> float:
        share = (loss - self.low) / (self.high - self.low)
        return BOTTOM - (BOTTOM - TOP) * share

    def at(self, point: tuple[int, float]) -> tuple[float, float]:
        return self.x(point[0]), self.y(point[1])

    def axes(self) -> list[str]:
        parts = []
        step = 0.5 if self.high - self.low < 4 else math.ceil(self.high / 6)
        for i in range(int((self.high - self.low) / step) + 1):
            loss = self.low + i * step
            y = self.y(loss)
            parts.append(_rule(LEFT, y, RIGHT, y, GRID))
            parts.append(_text(LEFT - 8, y + 4, f"{loss:.1f}", FAINT, "end"))
        for share in (0, 0.25, 0.5, 0.75, 1):
            iteration = round(share * self.max_iters)
            x = self.x(iteration)
            parts.append(_text(x, BOTTOM + 18, f"{iteration:,}", FAINT, "middle"))
        middle = (LEFT + RIGHT) / 2
        parts.append(_text(middle, BOTTOM + 36, "iterations", INK, "middle"))
        parts.append(
            f'<text transform="translate(14, {(TOP + BOTTOM) / 2}) rotate(-90)" '
            f'fill="{INK}" text-anchor="middle">loss (nats per character)</text>'
        )
        return parts


def _line(scale: _Scale, points: Points, colour: str, dash: str) -> str:
    every = max(math.ceil(len(points) / MOST_POINTS), 1)
    # From the end on, so that the last point is always there.
    kept = list(points)[::-1][::every][::-1]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(scale.at, kept))
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" '
        f'stroke-width="2"{dash}/>'
    )


def _level(y: float) -> str:
    return _rule(LEFT, y, RIGHT, y, FAINT, ' stroke-dasharray="2 3"')


def _rule(
    x1: float, y1: float, x2: float, y2: float, colour: str, more: str = ""
) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{colour}"{more}/>'
    )


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{VERMILLION}"/>'


def _text(x: float, y: float, text: str, colour: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">'
        f"{html.escape(text)}</text>"
    )


def _write(label: _Label) -> str:
    # A rim in the colour of the paper keeps the letters apart from lines below them.
    rim = f'stroke="{PAPER}" stroke-width="3" paint-order="stroke" '
    weight = "" if label.colour == FAINT else 'font-weight="600" '
    return _text(label.x + 8, label.y + 4, label.text, label.colour, "start").replace(
        "<text ", f"<text {rim}{weight}"
    )


def _spread(labels: list[_Label]) -> list[_Label]:
    """Return the labels, each moved up or down as far as those before it demand."""
    placed: list[_Label] = []
    for label in labels:
        near = [o for o in placed if abs(o.x - label.x) < LABEL_WIDTH]
        shifts = sorted(range(-8, 9), key=abs)
        free = (
            label.y + shift * LABEL_HEIGHT / 2
            for shift in shifts
            if all(
                abs(label.y + shift * LABEL_HEIGHT / 2 - o.y) >= LABEL_HEIGHT
                for o in near
            )
        )
        placed.append(_Label(label.x, next(free, label.y), label.text, label.colour))
    return placed


def _picture(parts: list[str], curve: Curve) -> str:
    done = curve.train[-1][0] if curve.train else 0
    told = f"Loss curve, {done} of {curve.max_iters} iterations"
    return (
        f'<svg role="img" aria-label="{told}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'style="width: 100%; max-width: {WIDTH}px; height: auto; display: block" '
        f'font-family="var(--jp-ui-font-family, sans-serif)" font-size="12.5">'
        f"{''.join(parts)}</svg>"
    )

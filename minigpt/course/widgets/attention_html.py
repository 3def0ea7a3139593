"""Turn attention weights into HTML that follows JupyterLab's theme.

Takes weights and tokens, never a model; the panels of several lessons use it.
"""

import html
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from minigpt.course.colours import BLUE, FAINT, HATCH, INK, PAPER, SHADE, VERMILLION
from minigpt.course.widgets.markup import CODE_FONT, svg, tag, text
from minigpt.tokenizer import Tokenizer, visible
from minigpt.tokenizer.base import UNREADABLE

MAP_PIXELS = 480
MASKED = (
    f"color: {FAINT}; background: repeating-linear-gradient(135deg, {SHADE} 0 3px, "
    f"{HATCH} 3px 4px)"
)


def token_labels(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    """Return the text of each token, or its bytes if it is a part of a character."""
    texts = [tokenizer.decode([i]) for i in ids]
    if not any(UNREADABLE in text for text in texts):
        return texts
    names = tokenizer.tokens  # of the whole vocabulary: it takes a while
    pairs = zip(ids, texts, strict=True)
    return [names[i] if UNREADABLE in text else text for i, text in pairs]


def where_it_looks(weights: Tensor, tokens: Sequence[str], position: int) -> str:
    """Return HTML: the sentence, each token shaded by its weight, and the top three.

    The shade shows the weight as a fraction of the largest one.

    Args:
        weights: (T,), the attention weights of the query at `position`.
        tokens: T strings; those after the position are hatched.
        position: of the query; it is framed.
    """
    values = weights[: position + 1].tolist()
    largest, spans = max(values), []
    for t, token in enumerate(tokens):
        style = MASKED
        if t <= position:
            # Never so dark that ink could not be read on it in either theme.
            alpha = 0.6 * values[t] / largest
            style = f"color: {INK}; background: rgba(0, 114, 178, {alpha:.2f})"
        if t == position:
            style += f"; outline: 2px solid {VERMILLION}; outline-offset: -1px"
        style = f"padding: 0.2em 0.12em; white-space: pre; {style}"
        spans.append(tag("span", html.escape(visible(token)), style=style))
        if token.endswith((" ", "\n")):
            spans.append("<wbr>")  # the line may break here
    order = sorted(range(position + 1), key=lambda t: -values[t])[:3]
    names = [f"<b>{html.escape(visible(token))}</b>" for token in tokens]
    most = ", ".join(
        f"{names[t]} (position {t}): {100 * values[t]:.0f}%"
        for t in order
        if values[t] >= 0.01
    )
    sentence = f"font-family: {CODE_FONT}; line-height: 1.9; overflow-wrap: anywhere"
    told = f"{names[position]} (position {position}) looks most at {most}"
    looks = tag("div", *spans, style=sentence)
    return looks + tag("div", told, style="padding: 0.4em 0")


def attention_map_html(
    weights: Tensor, tokens: Sequence[str], position: int, label: str
) -> str:
    """Return weights (T, T) as an SVG: queries down, keys across, the future hatched.

    The row of `position` is framed.
    """
    T = len(tokens)
    cell = min(MAP_PIXELS / T, 30.0)
    side, readable = cell * T, cell >= 8
    margin = 36 if readable else 20
    size = side + margin + 4
    middle: dict[str, Any] = {"text_anchor": "middle"}
    frame: dict[str, Any] = {"fill": "none", "stroke": VERMILLION, "stroke_width": 1.5}
    width, y = (position + 1) * cell, position * cell
    return svg(
        label,
        (-margin, -2, size, size),
        tag("rect", width=side, height=side, fill=SHADE),
        tag("path", d=_hatching(side), stroke=HATCH, fill="none"),
        tag("path", d=_staircase(T, cell), fill=PAPER),
        *_cells(weights, cell),
        tag("rect", y=y, width=width, height=cell, **frame),
        *(_ticks(tokens, cell) if readable else []),
        text(side / 2, side + margin - 4, "key: looked at", **middle),
        text(14 - margin, side / 2, "query: looking", turned=True, **middle),
        font_size=12,
        fill=INK,
    )


def _hatching(side: float) -> str:
    """Return lines that rise to the right over the half above the diagonal."""
    lines = []
    for step in range(1, int(2 * side / 8)):
        c = 8.0 * step
        x, y = min(c, side), max(0.0, c - side)
        lines.append(f"M{c / 2:.0f} {c / 2:.0f}L{x:.0f} {y:.0f}")
    return "".join(lines)


def _staircase(T: int, cell: float) -> str:
    """Return the outline of the cells that are not masked."""
    steps = "".join(f"H{(t + 1) * cell:.1f}V{(t + 1) * cell:.1f}" for t in range(T))
    return f"M0 0{steps}H0Z"


def _cells(weights: Tensor, cell: float) -> Iterator[str]:
    """Yield one path for each of 20 shades: far fewer elements than one per cell."""
    levels = (weights * 20).round().int().tril()
    for level in range(1, 21):
        squares = [
            f"M{column * cell:.1f} {row * cell:.1f}h{cell:.1f}v{cell:.1f}h-{cell:.1f}z"
            for row, column in (levels == level).nonzero().tolist()
        ]
        if squares:
            yield tag("path", d="".join(squares), fill=BLUE, fill_opacity=level / 20)


def _ticks(tokens: Sequence[str], cell: float) -> Iterator[str]:
    size, side = min(12.0, cell), cell * len(tokens)
    for t, token in enumerate(map(visible, tokens)):
        middle = (t + 0.5) * cell
        left, below = (-4, middle + size / 3), (middle, side + size + 1)
        yield text(*left, token, font_size=size, text_anchor="end")
        yield text(*below, token, font_size=size, text_anchor="middle")

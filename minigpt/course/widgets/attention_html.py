"""Turn attention weights into HTML that follows JupyterLab's theme.

Takes weights and tokens, never a model; the panels of several lessons use it.
"""

import html
from collections.abc import Sequence

from torch import Tensor

from minigpt.course.colours import BLUE, INK, PAPER, VERMILLION
from minigpt.tokenizer import Tokenizer, visible
from minigpt.tokenizer.streaming import UNREADABLE

SHADE = "var(--jp-layout-color2, #e6e6e6)"
HATCH = "var(--jp-border-color1, #bdbdbd)"
MAP_PIXELS = 480


def token_labels(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    """Return each token's text, or its bytes where it is a part of a character."""
    texts = [tokenizer.decode([i]) for i in ids]
    if not any(UNREADABLE in text for text in texts):
        return texts
    names = tokenizer.tokens  # of the whole vocabulary: it takes a while
    return [
        names[i] if UNREADABLE in text else text
        for i, text in zip(ids, texts, strict=True)
    ]


def where_it_looks(weights: Tensor, tokens: Sequence[str], position: int) -> str:
    """Return HTML: the sentence, each token shaded by its weight, and the top three.

    The shade is relative to the position's largest weight, the numbers are not.

    Args:
        weights: (T,), what the position gives to each token; they sum to 1.
        tokens: T strings; those after the position are hatched.
        position: who looks; it is framed.
    """
    shares = weights[: position + 1].tolist()
    largest = max(shares) or 1.0
    spans = [
        _token(token, shares[t] / largest if t <= position else None, t == position)
        for t, token in enumerate(tokens)
    ]
    order = sorted(range(position + 1), key=lambda t: -shares[t])[:3]
    most = ", ".join(
        f"{_name(tokens, t)}: {100 * shares[t]:.0f} %"
        for t in order
        if shares[t] >= 0.01
    )
    return (
        f'<div style="font-family: var(--jp-code-font-family, monospace); '
        f'line-height: 1.9; overflow-wrap: anywhere">{"".join(spans)}</div>'
        f'<div style="padding: 0.4em 0">{_name(tokens, position)} looks most at '
        f"{most}</div>"
    )


def _name(tokens: Sequence[str], t: int) -> str:
    return f"<b>{html.escape(visible(tokens[t]))}</b> (position {t})"


def _token(token: str, share: float | None, looking: bool) -> str:
    """Return one token; share is None where it is masked."""
    style = "padding: 0.2em 0.12em; white-space: pre; "
    if share is None:
        style += (
            f"color: var(--jp-ui-font-color2, #666); background: repeating-linear-"
            f"gradient(135deg, {SHADE} 0 3px, {HATCH} 3px 4px)"
        )
    else:
        # Never so dark that ink in either theme could not be read on it.
        style += f"color: {INK}; background: rgba(0, 114, 178, {0.6 * share:.2f})"
    if looking:
        style += f"; outline: 2px solid {VERMILLION}; outline-offset: -1px"
    may_break = "<wbr>" if token.endswith((" ", "\n")) else ""
    shown = html.escape(visible(token))
    return f'<span style="{style}">{shown}</span>{may_break}'


def attention_map_html(
    weights: Tensor, tokens: Sequence[str], position: int, label: str
) -> str:
    """Return weights (T, T) as an SVG: query down, key across, masked half hatched.

    The row of `position` is framed. It follows JupyterLab's theme.
    """
    T = len(tokens)
    cell = min(MAP_PIXELS / T, 30.0)
    side = cell * T
    margin = 36 if cell >= 8 else 20
    parts = [
        f'<rect width="{side:.1f}" height="{side:.1f}" fill="{SHADE}"/>',
        f'<path d="{_hatching(side)}" stroke="{HATCH}" fill="none"/>',
        f'<path d="{_staircase(T, cell)}" fill="{PAPER}"/>',
        *_cells(weights, cell),
        f'<rect y="{position * cell:.1f}" width="{(position + 1) * cell:.1f}" '
        f'height="{cell:.1f}" fill="none" stroke="{VERMILLION}" stroke-width="1.5"/>',
        *(_ticks(tokens, cell) if cell >= 8 else []),
        f'<text x="{side / 2:.1f}" y="{side + margin - 4:.1f}" text-anchor="middle">'
        "key: looked at</text>",
        f'<text transform="translate({14 - margin}, {side / 2:.1f}) rotate(-90)" '
        'text-anchor="middle">query: looking</text>',
    ]
    size = side + margin + 4
    return (
        f'<svg role="img" aria-label="{html.escape(label)}" width="{size:.0f}" '
        f'height="{size:.0f}" viewBox="{-margin} -2 {size:.1f} {size:.1f}" '
        f'style="max-width: 100%; height: auto" font-size="12" fill="{INK}">'
        f"{''.join(parts)}</svg>"
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
    """Return the outline of the half that may be looked at."""
    steps = "".join(f"H{(t + 1) * cell:.1f}V{(t + 1) * cell:.1f}" for t in range(T))
    return f"M0 0{steps}H0Z"


def _cells(weights: Tensor, cell: float) -> list[str]:
    """Return one path for each of 20 shades: far fewer elements than one per cell."""
    levels = (weights * 20).round().int().tril().tolist()
    paths: dict[int, list[str]] = {}
    for row, values in enumerate(levels):
        for column, level in enumerate(values):
            if level:
                square = f"M{column * cell:.1f} {row * cell:.1f}"
                square += f"h{cell:.1f}v{cell:.1f}h-{cell:.1f}z"
                paths.setdefault(level, []).append(square)
    return [
        f'<path d="{"".join(squares)}" fill="{BLUE}" fill-opacity="{level / 20}"/>'
        for level, squares in paths.items()
    ]


def _ticks(tokens: Sequence[str], cell: float) -> list[str]:
    size, side = min(12.0, cell), cell * len(tokens)
    ticks = []
    for t, token in enumerate(tokens):
        text = html.escape(visible(token))
        middle = (t + 0.5) * cell
        ticks.append(
            f'<text x="-4" y="{middle + size / 3:.1f}" font-size="{size:.1f}" '
            f'text-anchor="end">{text}</text><text x="{middle:.1f}" '
            f'y="{side + size + 1:.1f}" font-size="{size:.1f}" '
            f'text-anchor="middle">{text}</text>'
        )
    return ticks

"""Show what residuals and LayerNorm do to the stream and to the gradients."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from ipywidgets import HTML, Checkbox, Dropdown, IntSlider, VBox
from torch import Tensor, nn

from minigpt.attention import causal_attention
from minigpt.config import GPTConfig
from minigpt.course.colours import BLUE, INK
from minigpt.course.widgets.base import connect, control, panel
from minigpt.model import Block

MOST_BLOCKS = 24
NORMS = {
    "off": "off",
    "before each layer (pre-norm)": "before",
    "after each addition (post-norm)": "after",
}
CONFIG = GPTConfig(block_size=16, n_head=4, n_embd=32)
BATCH = 4


@dataclass(frozen=True)
class Measured:
    """The stream before the first block and after each one, in three numbers.

    Attributes:
        size: root mean square of the stream; it starts at about 1.
        gradient: root mean square of the gradient there, if one of size 1 is put in at
            the end.
        differs: what share of the stream, 0 to 1, differs between positions.
    """

    size: tuple[float, ...]
    gradient: tuple[float, ...]
    differs: tuple[float, ...]


@cache
def fresh_blocks() -> tuple[Block, ...]:
    """Return blocks whose matrices keep the size of what they multiply, on average."""
    generator = torch.Generator().manual_seed(0)
    blocks = tuple(Block(CONFIG) for _ in range(MOST_BLOCKS))
    for block in blocks:
        # The fused kernel's gradients break down at the huge scores seen here.
        block.attention.attend = lambda q, k, v: causal_attention(q, k, v)[0]
        for layer in block.modules():
            if isinstance(layer, nn.Linear):
                std = layer.in_features**-0.5
                nn.init.normal_(layer.weight, std=std, generator=generator)
                nn.init.zeros_(layer.bias)
    return blocks


def run_blocks(
    x: Tensor, blocks: Sequence[Block], residual: bool, norm: str
) -> list[Tensor]:
    """Return the stream before the first block and after each one.

    Args:
        residual: whether a layer adds to the stream, or takes its place.
        norm: "off", "before" each layer, or "after" each addition.
    """
    stream = [x]
    for block in blocks:
        for normalise, layer in (
            (block.norm1, block.attention),
            (block.norm2, block.feed_forward),
        ):
            found = layer(normalise(x) if norm == "before" else x)
            x = x + found if residual else found
            x = normalise(x) if norm == "after" else x
        stream.append(x)
    return stream


@cache
def measure(depth: int, residual: bool, norm: str) -> Measured:
    """Return what a stream and its gradient go through in `depth` fresh blocks."""
    generator = torch.Generator().manual_seed(1)
    shape = (BATCH, CONFIG.block_size, CONFIG.n_embd)
    x = torch.randn(shape, generator=generator).requires_grad_()
    push = torch.randn(shape, generator=generator)
    with torch.enable_grad():
        stream = run_blocks(x, fresh_blocks()[:depth], residual, norm)
        gradients = torch.autograd.grad((stream[-1] * push).sum(), stream)
    return Measured(
        tuple(rms(x) for x in stream),
        tuple(rms(gradient) for gradient in gradients),
        tuple(differing(x) for x in stream),
    )


def rms(x: Tensor) -> float:
    """Return the size of x: the root of the mean of its squares."""
    return x.detach().double().square().mean().sqrt().item()


def differing(x: Tensor) -> float:
    """Return what share of the stream x (B, T, C) differs between its T positions."""
    x = x.detach().double()
    own = x - x.mean(dim=1, keepdim=True)
    return (own.square().mean() / x.square().mean().clamp(min=1e-300)).item()


def stream_panel() -> VBox:
    """Return a panel: residuals, LayerNorm and depth, and what becomes of the stream.

    GPT's own way, residuals and LayerNorm before each layer, is drawn in grey behind.
    """
    residual = control(Checkbox, "residuals", value=True)
    norm = control(Dropdown, "LayerNorm", options=NORMS, value="before")
    depth = control(IntSlider, "blocks", min=1, max=MOST_BLOCKS, value=12)
    view = HTML()

    def redraw() -> None:
        found = measure(depth.value, residual.value, norm.value)
        usual = measure(depth.value, True, "before")
        view.value = _charts(found, usual) + _in_words(found)

    connect(redraw, [residual, norm, depth], HTML())
    return panel([residual, norm, depth], view)


# The charts, as SVG that follows JupyterLab's theme

FAINT = "var(--jp-border-color1, #bdbdbd)"
LINE = f"var(--jp-brand-color1, {BLUE})"
GHOST = "var(--jp-ui-font-color2, #767676)"
WIDE, HIGH = 150, 140
DECADES = 8


def _charts(found: Measured, usual: Measured) -> str:
    titles = {
        "size": ("size of the stream", True),
        "gradient": ("size of the gradient", True),
        "differs": ("differs between positions", False),
    }
    charts = [
        _chart(title, getattr(found, name), getattr(usual, name), logarithmic)
        for name, (title, logarithmic) in titles.items()
    ]
    return (
        f'<div style="display: flex; flex-wrap: wrap; gap: 0.3em; color: {INK}">'
        f"{''.join(charts)}</div>"
    )


def _chart(
    title: str, values: Sequence[float], usual: Sequence[float], logarithmic: bool
) -> str:
    if logarithmic:
        ticks = [(10.0**p, _power(p)) for p in (-8, -4, 0, 4, 8)]
    else:
        ticks = [(share, f"{100 * share:.0f} %") for share in (0.0, 0.5, 1.0)]
    parts = [f'<text x="-40" y="-12" font-weight="bold">{title}</text>']
    for value, name in ticks:
        y = _height(value, logarithmic)
        parts.append(
            f'<path d="M0 {y:.1f}H{WIDE}" stroke="{FAINT}"/>'
            f'<text x="-6" y="{y + 4:.1f}" text-anchor="end">{name}</text>'
        )
    parts.append(_line(usual, logarithmic, f'stroke="{GHOST}" stroke-dasharray="4 3"'))
    parts.append(_line(values, logarithmic, f'stroke="{LINE}" stroke-width="2.5"'))
    last = len(values) - 1
    parts.append(
        f'<text x="0" y="{HIGH + 17}">0</text>'
        f'<text x="{WIDE}" y="{HIGH + 17}" text-anchor="end">{last}</text>'
        f'<text x="{WIDE / 2}" y="{HIGH + 17}" text-anchor="middle">'
        "blocks passed</text>"
    )
    label = f"{title}: from {_number(values[0])} to {_number(values[-1])}"
    return (
        f'<svg role="img" aria-label="{label}" width="{WIDE + 54}" '
        f'height="{HIGH + 52}" viewBox="-46 -26 {WIDE + 54} {HIGH + 52}" '
        f'font-size="12" fill="{INK}">{"".join(parts)}</svg>'
    )


def _height(value: float, logarithmic: bool) -> float:
    """Return how far down in the chart a value stands; what is too far is cut off."""
    if logarithmic:
        power = math.log10(value) if value > 0 else -DECADES
        value = (min(max(power, -DECADES), DECADES) + DECADES) / (2 * DECADES)
    return HIGH * (1 - value)


def _line(values: Sequence[float], logarithmic: bool, look: str) -> str:
    step = WIDE / (len(values) - 1)
    points = " ".join(
        f"{n * step:.1f},{_height(value, logarithmic):.1f}"
        for n, value in enumerate(values)
        if math.isfinite(value)
    )
    return f'<polyline points="{points}" fill="none" {look}/>'


def _power(exponent: int) -> str:
    raised = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if exponent else "1"


def _number(value: float) -> str:
    """Return a size in a few characters: 0.52, 480, 1.6 · 10⁻⁵."""
    if not math.isfinite(value):
        return "no number any more"
    if value == 0 or 0.001 <= value < 10_000:
        return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
    exponent = math.floor(math.log10(value))
    return f"{value / 10.0**exponent:.1f} · {_power(exponent)}"


def _in_words(found: Measured) -> str:
    rows = [
        f"Stream: 1 before the first block, <b>{_number(found.size[-1])}</b> after the "
        "last.",
        f"Gradient: 1 at the end, <b>{_number(found.gradient[0])}</b> where it arrives "
        "at the front.",
        f"Of the stream, <b>{100 * found.differs[-1]:.0f} %</b> differs between "
        "positions in the end.",
        f"<b>{_diagnosis(found)}</b>",
        "Dashed grey: as GPT has it, with residuals and LayerNorm before each layer.",
    ]
    return f'<div style="line-height: 1.6; color: {INK}">{"<br>".join(rows)}</div>'


def _diagnosis(found: Measured) -> str:
    problems = []
    for name, value in (
        ("stream", found.size[-1]),
        ("gradient", found.gradient[0]),
    ):
        if not math.isfinite(value) or value > 100:
            problems.append(f"the {name} runs away")
        elif value < 0.01:
            problems.append(f"the {name} fades")
    if found.differs[-1] < 0.05:
        problems.append("the positions have become alike")
    if not problems:
        return "✓ Sizes hold, and positions stay apart."
    text = ", ".join(problems)
    return f"✗ {text[0].upper()}{text[1:]}."

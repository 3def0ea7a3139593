"""Show what residuals and LayerNorm do to the residual stream and its gradients."""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from ipywidgets import HTML, Checkbox, Dropdown, IntSlider, VBox
from torch import Tensor, nn

from minigpt.attention import causal_attention
from minigpt.config import GPTConfig
from minigpt.course.colours import BRAND, FAINT, HATCH, INK
from minigpt.course.widgets.base import connect, control, panel
from minigpt.course.widgets.markup import polyline, svg, tag, text
from minigpt.model import Block

MOST_BLOCKS = 24
NORMS = {
    "off": "off",
    "before each layer (pre-norm)": "before",
    "after each addition (post-norm)": "after",
}
CONFIG = GPTConfig(block_size=16, n_head=4, n_embd=32)
BATCH = 4


class Measured(NamedTuple):
    """Measures of the residual stream before the first block and after each block."""

    size: tuple[float, ...]  # root mean square; starts at about 1
    gradient: tuple[float, ...]  # root mean square; ends at about 1
    differs: tuple[float, ...]  # fraction, 0 to 1, that differs between positions


@cache
def fresh_blocks() -> tuple[Block, ...]:
    """Return untrained blocks whose matrices keep the size of their input."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):  # new layers draw their first weights
        blocks = tuple(Block(CONFIG) for _ in range(MOST_BLOCKS))
    for block in blocks:
        # The gradients of the fused kernel break down at scores as large as here.
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
    """Return the stream x (B, T, C) before the first block and after each block.

    Args:
        residual: whether a layer adds its output to the stream or replaces it.
        norm: "off", "before" each layer, or "after" each addition.
    """
    stream = [x]
    for block in blocks:
        for normalise, layer in (
            (block.norm1, block.attention),
            (block.norm2, block.feed_forward),
        ):
            out = layer(normalise(x) if norm == "before" else x)
            x = x + out if residual else out
            x = normalise(x) if norm == "after" else x
        stream.append(x)
    return stream


@cache
def measure(depth: int, residual: bool, norm: str) -> Measured:
    """Return the measures of a random stream through `depth` untrained blocks."""
    generator = torch.Generator().manual_seed(1)
    shape = (BATCH, CONFIG.block_size, CONFIG.n_embd)
    x = torch.randn(shape, generator=generator).requires_grad_()
    push = torch.randn(shape, generator=generator)
    with torch.enable_grad():
        stream = run_blocks(x, fresh_blocks()[:depth], residual, norm)
        gradients = torch.autograd.grad((stream[-1] * push).sum(), stream)
    measures = (rms, stream), (rms, gradients), (differing, stream)
    return Measured(*(tuple(map(measure, tensors)) for measure, tensors in measures))


def rms(x: Tensor) -> float:
    """Return the root mean square of x."""
    return x.detach().double().square().mean().sqrt().item()


def differing(x: Tensor) -> float:
    """Return the fraction of the stream x (B, T, C) that differs between positions."""
    x = x.detach().double()
    own = x - x.mean(dim=1, keepdim=True)
    return (own.square().mean() / x.square().mean().clamp(min=1e-300)).item()


def stream_panel() -> VBox:
    """Return a panel to switch residuals and LayerNorm, and to change the depth.

    It draws the size of the stream and of its gradient, and how much the positions
    differ. GPT's own choice, residuals and pre-norm, is drawn in grey behind.
    """
    residual = control(Checkbox, "residuals", value=True)
    norm = control(Dropdown, "LayerNorm", options=NORMS, value="before")
    depth = control(IntSlider, "blocks", min=1, max=MOST_BLOCKS, value=12)
    view = HTML()

    def redraw() -> None:
        found = measure(depth.value, residual.value, norm.value)
        usual = measure(depth.value, True, "before")
        view.value = _charts(found, usual) + _told(found)

    connect(redraw, [residual, norm, depth], HTML())
    return panel([residual, norm, depth], view)


WIDTH, HEIGHT = 150, 140
DECADES = 8  # above and below 1, on a logarithmic scale
TITLES = "size of the stream", "size of the gradient", "differs between positions"


def _charts(found: Measured, usual: Measured) -> str:
    charts = map(_chart, TITLES, found, usual, (True, True, False))
    style = f"display: flex; flex-wrap: wrap; gap: 0.3em; color: {INK}"
    return tag("div", *charts, style=style)


def _chart(
    title: str, values: Sequence[float], usual: Sequence[float], logarithmic: bool
) -> str:
    if logarithmic:
        ticks = [(10.0**p, _power(p)) for p in (-8, -4, 0, 4, 8)]
    else:
        ticks = [(part, f"{100 * part:.0f}%") for part in (0.0, 0.5, 1.0)]
    parts = [text(-40, -12, title, font_weight="bold")]
    for value, name in ticks:
        y = _height(value, logarithmic)
        parts.append(tag("path", d=f"M0 {y:.1f}H{WIDTH}", stroke=HATCH))
        parts.append(text(-6, y + 4, name, text_anchor="end"))
    step = WIDTH / (len(values) - 1)
    for line, look in (
        (usual, {"stroke": FAINT, "stroke_dasharray": "4 3"}),
        (values, {"stroke": BRAND, "stroke_width": "2.5"}),
    ):
        points = [(n * step, _height(y, logarithmic)) for n, y in enumerate(line)]
        parts.append(polyline(points, **look))
    y, last = HEIGHT + 17, str(len(values) - 1)
    parts.append(text(0, y, "0"))
    parts.append(text(WIDTH / 2, y, "blocks passed", text_anchor="middle"))
    parts.append(text(WIDTH, y, last, text_anchor="end"))
    label = f"{title}: from {_number(values[0])} to {_number(values[-1])}"
    box = (-46, -26, WIDTH + 54, HEIGHT + 52)
    return svg(label, box, *parts, font_size=12, fill=INK)


def _height(value: float, logarithmic: bool) -> float:
    """Return how far down a value stands in its chart, at most at an edge."""
    if logarithmic:
        power = math.log10(value) if value > 0 else -DECADES
        value = (min(max(power, -DECADES), DECADES) + DECADES) / (2 * DECADES)
    return HEIGHT * (1 - value)


def _power(exponent: int) -> str:
    raised = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if exponent else "1"


def _number(value: float) -> str:
    """Return a number in a few characters: 0.52, 480, 1.6 · 10⁻⁵."""
    if value == 0 or 0.001 <= value < 10_000:
        return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
    exponent = math.floor(math.log10(value))
    return f"{value / 10.0**exponent:.1f} · {_power(exponent)}"


def _told(found: Measured) -> str:
    rows = [
        "The stream has size 1 before the first block and "
        f"<b>{_number(found.size[-1])}</b> after the last.",
        "The gradient has size 1 at the end and "
        f"<b>{_number(found.gradient[0])}</b> when it arrives at the front.",
        f"At the end, <b>{100 * found.differs[-1]:.0f}%</b> of the stream differs "
        "between positions.",
        f"<b>{_diagnosis(found)}</b>",
        "Dashed grey: as in GPT, with residuals and LayerNorm before each layer.",
    ]
    return tag("div", "<br>".join(rows), style=f"line-height: 1.6; color: {INK}")


def _diagnosis(found: Measured) -> str:
    problems = []
    for name, value in (("stream", found.size[-1]), ("gradient", found.gradient[0])):
        if value > 100:
            problems.append(f"the {name} explodes")
        elif value < 0.01:
            problems.append(f"the {name} vanishes")
    if found.differs[-1] < 0.05:
        problems.append("the positions have become alike")
    if not problems:
        return "✓ All sizes are stable, and the positions stay different."
    *first, last = problems
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"✗ {listed[0].upper()}{listed[1:]}."

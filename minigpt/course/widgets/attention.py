"""Show where each position of a sentence looks, and what leaks through a bad mask."""

import torch
from ipywidgets import (
    HTML,
    Button,
    Dropdown,
    HBox,
    IntSlider,
    Layout,
    SelectionSlider,
    Text,
    ToggleButtons,
    VBox,
)
from torch import Tensor
from torch.nn import functional as F

from minigpt.attention import causal_mask
from minigpt.course.colours import BLUE, VERMILLION
from minigpt.course.widgets.attention_html import (
    INK,
    SHADE,
    attention_map_html,
    token_labels,
    where_it_looks,
)
from minigpt.course.widgets.base import connect, control, panel
from minigpt.inspection import capture_attention, leak_grid, twin
from minigpt.model import GPT
from minigpt.tokenizer import Tokenizer

LINES = (
    "While you watch your neighbour's tree, your own fruit falls.",
    "So the weeks went by. Hedgehog picked his apples, dried some.",
    "Goose knew a secret. Goose sold the secret for a penny.",
    "Forty! Hedgehog has forty apples. How many can one hedgehog eat?",
)
# Tables of the leak grid: six words, and how much each is living, food, action.
WORDS = ("a", "fox", "saw", "grapes", "and", "leapt")
NUMBERS = (
    (0.0, 0.0, 0.0),
    (2.0, 0.0, 0.0),
    (0.0, 0.0, 2.0),
    (0.0, 3.0, 0.0),
    (0.0, 0.0, 0.0),
    (1.0, 0.0, 2.0),
)


# The explorer


class _Explorer:
    """The controls of the explorer, and the maps of the sentence they show."""

    def __init__(self, model: GPT, tokenizer: Tokenizer) -> None:
        # A cell may use the model at the same moment, in another thread.
        self.model, self.tokenizer = twin(model).eval(), tokenizer
        config = model.config
        self.line = control(Dropdown, "a line of a fable", options=LINES)
        self.text = control(
            Text, "or your own", value=LINES[0], continuous_update=False
        )
        self.layer = control(IntSlider, "layer", max=config.n_layer - 1)
        self.head = control(IntSlider, "head", max=config.n_head - 1)
        self.position = control(IntSlider, "position that looks", max=len(LINES[0]) - 1)
        self.view, self.problem = HTML(), HTML()
        self.shown: str | None = None
        self.tokens: list[str] = []
        self.maps: list[Tensor] = []

    def read(self, text: str) -> None:
        """Run the model on a new sentence and keep its maps."""
        # Even if it cannot be read, no line is chosen now, so that any can be.
        self.line.value = text if text in LINES else None
        if not text:
            raise ValueError("the sentence is empty: write at least one character")
        ids = self.tokenizer.encode(text)
        block_size = self.model.config.block_size
        if len(ids) > block_size:
            raise ValueError(
                f"the sentence has {len(ids)} tokens, and the model sees at most "
                f"{block_size}: write a shorter one"
            )
        device = next(self.model.parameters()).device
        with torch.no_grad(), capture_attention(self.model) as maps:
            self.model(torch.tensor([ids], device=device))
        self.maps = [weights[0].cpu() for weights in maps]
        self.tokens = token_labels(self.tokenizer, ids)
        self.shown = text
        self.position.max = len(ids) - 1
        self.position.value = len(ids) * 2 // 3  # so that some of the future shows

    def redraw(self) -> None:
        if self.text.value != self.shown:
            self.read(self.text.value)
        layer, head, position = self.layer.value, self.head.value, self.position.value
        weights = self.maps[layer][head]
        label = f"Attention map of layer {layer}, head {head}; the future is masked"
        self.view.value = where_it_looks(
            weights[position], self.tokens, position
        ) + attention_map_html(weights, self.tokens, position, label)

    def choose(self, change: dict[str, str | None]) -> None:
        if change["new"] is not None:
            self.text.value = change["new"]

    def widget(self) -> VBox:
        self.line.observe(self.choose, names="value")
        settings = [self.text, self.layer, self.head, self.position]
        connect(self.redraw, settings, self.problem)
        back = Button(description="◀ one back", tooltip="the position before")
        on = Button(description="one on ▶", tooltip="the position after")
        back.on_click(lambda _: self.step(-1))
        on.on_click(lambda _: self.step(1))
        controls = [self.line, *settings, HBox([back, on])]
        return panel(controls, self.problem, self.view)

    def step(self, by: int) -> None:
        # The slider itself keeps the value within the sentence.
        self.position.value += by


def attention_explorer(model: GPT, tokenizer: Tokenizer) -> VBox:
    """Return a panel: choose sentence, layer, head, position; see where it looks."""
    return _Explorer(model, tokenizer).widget()


# The leak grid


def _attend(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return attention's output for x (T, 3), by PyTorch's kernel, under a mask."""
    generator = torch.Generator().manual_seed(2)
    q, k, v = (x @ torch.randn(3, 4, generator=generator) for _ in range(3))
    return F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask)[0]


def _masks(T: int) -> dict[str, Tensor | None]:
    allowed = causal_mask(T)
    return {
        "correct": allowed,
        "missing": None,
        "float: 1 and 0": allowed.float(),
        "float: 0 and -inf": torch.zeros(T, T).masked_fill(~allowed, -torch.inf),
    }


def leak_grid_panel() -> VBox:
    """Return a panel: choose a mask and a word to change; see which outputs move."""
    x = torch.tensor(NUMBERS)
    masks = _masks(len(WORDS))
    wide = Layout(width="100%")
    mask = control(ToggleButtons, "mask", options=list(masks), layout=wide)
    mask.style.button_width = "9.5em"
    word = control(
        SelectionSlider,
        "word to change",
        options=[(w, i) for i, w in enumerate(WORDS)],
        value=3,
    )
    view, problem = HTML(), HTML()

    def run(x: Tensor) -> Tensor:
        return _attend(x, masks[mask.value])

    def redraw() -> None:
        view.value = _leak_html(leak_grid(run, x), word.value)

    connect(redraw, [mask, word], problem)
    return panel([mask, word], problem, view)


def _leak_html(grid: Tensor, changed: int) -> str:
    moved = [t for t in range(len(WORDS)) if grid[t, changed]]
    leaked = [t for t in moved if t < changed]
    words = ", ".join(WORDS[t] for t in moved)
    told = f"Changing <b>{WORDS[changed]}</b> moved the outputs at: {words}. "
    told += (
        "<b>✗ The future leaks</b> into " + ", ".join(WORDS[t] for t in leaked) + "."
        if leaked
        else "✓ Nothing before it moved."
    )
    if grid.triu(1).any() and not leaked:
        told += " But other words leak: see the whole grid."
    rows = [_leak_row(grid[t].tolist(), t, changed) for t in range(len(WORDS))]
    head = "".join(f"<th>{word}</th>" for word in WORDS)
    return (
        f'<div style="padding: 0.4em 0">{told}</div><table style="border-spacing: 2px; '
        f'border-collapse: separate; color: {INK}"><caption>Output (row) moves when '
        f"input (column) changes</caption><tr><th></th>{head}</tr>"
        f"{''.join(rows)}</table>"
    )


def _leak_row(moved: list[bool], t: int, changed: int) -> str:
    cells = []
    for j, moves in enumerate(moved):
        colour = SHADE if not moves else BLUE if j <= t else VERMILLION
        sign = "" if not moves else "moves" if j <= t else "✗ leaks"
        style = f"background: {colour}; color: white; width: 4.5em; text-align: center"
        if j == changed:
            style += f"; outline: 2px solid {INK}"
        cells.append(f'<td style="{style}; height: 1.6em">{sign}</td>')
    return f'<tr><th style="text-align: right">{WORDS[t]}</th>{"".join(cells)}</tr>'

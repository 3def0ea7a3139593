"""Show what each position attends to, and what leaks through a wrong mask."""

import torch
from ipywidgets import (
    HTML,
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
from minigpt.course.colours import BLUE, INK, SHADE, VERMILLION
from minigpt.course.widgets.attention_html import (
    attention_map_html,
    token_labels,
    where_it_looks,
)
from minigpt.course.widgets.base import (
    connect,
    control,
    encode_text,
    inference,
    panel,
    step_buttons,
)
from minigpt.course.widgets.markup import tag
from minigpt.inspection import attention_maps, leak_grid
from minigpt.model import GPT
from minigpt.tokenizer import Tokenizer

# Beginnings of tales. A line end is shown as ⏎, and may be typed as such.
LINES = (
    "\nThe wolf at the river\n\nTor was such a stubborn wolf that the echo gave up "
    "arguing. Up came Tilda, a worried mole, who had lost a basket.\n\nTilda: I have "
    "looked for my basket everywhere, Tor.\n\nTor: You must mean some other basket.",
    "\nTilda and Nora\n\nNo mole was ever as proud as Tilda. She took the drum and did "
    "not wait to be asked. Next in line was Nora the cat.\n\nTilda: Kindly talk to my "
    "back, Nora. My front is busy with the drum.",
    "\nThe fox and the ladder\n\nA brave fox named Pim had to carry his ladder past "
    "the gate. Sib the hedgehog stopped everyone there.\n\nSib: Give me the ladder, "
    "Pim, please. I say please only once.\n\nPim: I am sorry, Sib, but no.",
    "\nThe heron and the hedgehog\n\nTo a house near the well came Ida, a curious "
    "heron. She saw that everyone stopped at a stone with an old bucket on it, and "
    "bowed.\n\nIda: Why do we all bow to the bucket?",
)
# The table of the leak grid: six words, and how much each is living, food, action.
WORDS = ("a", "fox", "saw", "grapes", "and", "leapt")
NUMBERS = (0, 0, 0), (2, 0, 0), (0, 0, 2), (0, 3, 0), (0, 0, 0), (1, 0, 2)


class _Explorer:
    """The controls of the explorer, and the attention maps of its sentence."""

    def __init__(self, model: GPT, tokenizer: Tokenizer, layer: int, head: int) -> None:
        self.model, self.tokenizer = model, tokenizer
        config = model.config
        options = [(_in_one_line(line), line) for line in LINES]
        self.line = control(Dropdown, "a tale's beginning", options=options)
        self.text = control(
            Text, "or your own", value=options[0][0], continuous_update=False
        )
        self.layer = control(IntSlider, "layer", max=config.n_layer - 1, value=layer)
        self.head = control(IntSlider, "head", max=config.n_head - 1, value=head)
        self.position = control(IntSlider, "position that looks", max=len(LINES[0]) - 1)
        self.view, self.problem = HTML(), HTML()
        self.shown: str | None = None
        self.tokens: list[str] = []
        self.maps: list[Tensor] = []

    def widget(self) -> VBox:
        self.line.observe(self.choose, names="value")
        settings = [self.text, self.layer, self.head, self.position]
        connect(self.redraw, settings, self.problem)
        steps = HBox(step_buttons(self.position, "position"))
        return panel([self.line, *settings, steps], self.problem, self.view)

    def choose(self, change: dict[str, str | None]) -> None:
        if change["new"] is not None:
            self.text.value = _in_one_line(change["new"])

    def redraw(self) -> None:
        if self.text.value != self.shown:
            self.read(self.text.value.replace("⏎", "\n"))
        layer, head, position = self.layer.value, self.head.value, self.position.value
        weights = self.maps[layer][head]
        label = f"Attention map of layer {layer}, head {head}; the future is masked"
        looks = where_it_looks(weights[position], self.tokens, position)
        drawn = attention_map_html(weights, self.tokens, position, label)
        self.view.value = looks + drawn

    def read(self, sentence: str) -> None:
        """Run the model on a new sentence and keep its attention maps."""
        # None where it is no line of the list, so that any line can be chosen next.
        self.line.value = sentence if sentence in LINES else None
        ids = encode_text(self.tokenizer, sentence, self.model.config.block_size)
        with inference(self.model, ids) as batch:
            self.maps = [w[0].cpu() for w in attention_maps(self.model, batch)]
        self.tokens = token_labels(self.tokenizer, ids)
        self.shown = self.text.value
        self.position.max = len(ids) - 1
        # In the second half, the position from which the head looks back hardest.
        half, weights = len(ids) // 2, self.maps[self.layer.value][self.head.value]
        self.position.value = half + int(weights.tril(-1)[half:].amax(dim=-1).argmax())


def _in_one_line(text: str) -> str:
    return text.replace("\n", "⏎")


def attention_explorer(
    model: GPT, tokenizer: Tokenizer, layer: int = 0, head: int = 0
) -> VBox:
    """Return a panel that shows the attention of any layer, head and position.

    The text can be chosen from a list or typed, with ⏎ for a line end. The panel opens
    with the given layer and head.
    """
    return _Explorer(model, tokenizer, layer, head).widget()


def _attend(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return attention's output (T, 4) for x (T, 3), by PyTorch's kernel, masked."""
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
    """Return a panel that shows, for several masks, which outputs each word moves."""
    x = torch.tensor(NUMBERS, dtype=torch.float32)
    masks = _masks(len(WORDS))
    wide = Layout(width="100%")
    mask = control(ToggleButtons, "mask", options=list(masks), layout=wide)
    mask.style.button_width = "9.5em"
    options = [(word, i) for i, word in enumerate(WORDS)]
    word = control(SelectionSlider, "word to change", options=options, value=3)
    view, problem = HTML(), HTML()

    def redraw() -> None:
        grid = leak_grid(lambda x: _attend(x, masks[mask.value]), x)
        view.value = _leak_html(grid, word.value)

    connect(redraw, [mask, word], problem)
    return panel([mask, word], problem, view)


def _leak_html(grid: Tensor, changed: int) -> str:
    moved = [t for t in range(len(WORDS)) if grid[t, changed]]
    leaked = [WORDS[t] for t in moved if t < changed]
    words = ", ".join(WORDS[t] for t in moved)
    told = f"Changing <b>{WORDS[changed]}</b> moved the outputs at: {words}. "
    if leaked:
        told += f"<b>✗ The future leaks</b> into {', '.join(leaked)}."
    else:
        told += "✓ Nothing before it moved."
        if grid.triu(1).any():
            told += " But other words leak: see the whole grid."
    caption = tag("caption", "The output (row) moves when the input (column) changes")
    head = tag("tr", *(tag("th", word) for word in ("", *WORDS)))
    rows = [_leak_row(grid[t].tolist(), t, changed) for t in range(len(WORDS))]
    style = f"border-spacing: 2px; border-collapse: separate; color: {INK}"
    table = tag("table", caption, head, *rows, style=style)
    return tag("div", told, style="padding: 0.4em 0") + table


def _leak_row(moved: list[bool], t: int, changed: int) -> str:
    cells = []
    for j, moves in enumerate(moved):
        colour, sign = SHADE, ""
        if moves:
            colour, sign = (BLUE, "moves") if j <= t else (VERMILLION, "✗ leaks")
        style = f"background: {colour}; color: white; width: 4.5em; height: 1.6em"
        if j == changed:
            style += f"; outline: 2px solid {INK}"
        cells.append(tag("td", sign, style=f"{style}; text-align: center"))
    return tag("tr", tag("th", WORDS[t], style="text-align: right"), *cells)

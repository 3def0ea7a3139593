"""Step through a text, and see what each head looked at and what it added."""

import html
from dataclasses import dataclass

import torch
from ipywidgets import HTML, HBox, IntSlider, Textarea, VBox
from torch import Tensor

from minigpt.course.colours import BLUE, FAINT, INK, VERMILLION
from minigpt.course.widgets.attention_html import token_labels
from minigpt.course.widgets.base import (
    connect,
    control,
    encode_text,
    inference,
    panel,
    step_buttons,
)
from minigpt.course.widgets.markup import CODE_FONT, tag
from minigpt.inspection import attention_maps, attribution, sources
from minigpt.model import GPT
from minigpt.tokenizer import Tokenizer, visible

RIGHT = "text-align: right"
HALF = 8.0  # em, the longest bar on either side


@dataclass(frozen=True)
class Reading:
    """A text that the model has read, and why it expected what came next.

    At position t, everything is about the token at t + 1 against its *rival*, the
    likeliest of the other tokens.

    Attributes:
        tokens: T strings.
        rivals: T - 1 strings.
        chances: the probabilities of the next token and of its rival, (T - 1, 2).
        maps: attention weights (L, H, T, T).
        added: what each position contributes by way of each head, (L, H, T, T).
        rest: by the name of another part, what it contributes, (T,).
    """

    tokens: list[str]
    rivals: list[str]
    chances: Tensor
    maps: Tensor
    added: Tensor
    rest: dict[str, Tensor]


def read(model: GPT, tokenizer: Tokenizer, text: str) -> Reading:
    """Return the reasons for every token of a text but the first.

    Raises:
        ValueError: the text cannot be encoded, or is too short or too long.
    """
    ids = encode_text(tokenizer, text, model.config.block_size, "text")
    if len(ids) < 2:
        raise ValueError("the text has one token: write at least two")
    with inference(model, ids) as batch:
        logits, following = model(batch), batch[:, 1:]
        others = logits[:, :-1].scatter(2, following[..., None], -torch.inf)
        rivals = others.argmax(dim=-1)  # (1, T - 1)
        pairs = torch.stack([following, rivals], dim=-1)
        chances = logits[:, :-1].softmax(dim=-1).gather(2, pairs)[0]
        rows = model.token_embedding.weight
        last = torch.zeros_like(rows[:1])[None]  # after the last token comes none
        direction = torch.cat([rows[following] - rows[rivals], last], dim=1)
        parts = attribution(model, batch, direction)
        added = sources(model, batch, direction)[:, 0].cpu()
        maps = torch.stack(attention_maps(model, batch))[:, 0].cpu()
    rest = _grouped({n: x[0].cpu() for n, x in parts.items() if n[:5] != "head "})
    tokens = token_labels(tokenizer, ids)
    named = token_labels(tokenizer, rivals[0].tolist())
    return Reading(tokens, named, chances.cpu(), maps, added, rest)


def _grouped(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the parts other than heads, with embeddings and biases added up."""
    found: dict[str, Tensor] = {}
    for name, values in parts.items():
        if name in ("token", "position"):
            name = "embeddings"
        elif "bias" in name:
            name = "all biases"
        else:
            name = name.replace("feed-forward", "feed-forward, layer")
        found[name] = found.get(name, torch.zeros_like(values)) + values
    biases = found.pop("all biases")
    return found | {"all biases": biases}


def reasons_panel(
    model: GPT, tokenizer: Tokenizer, text: str, position: int = 0
) -> VBox:
    """Return a panel that steps through a text and shows each head's reason.

    For every head it names the token that the head looked at most, and what the head
    added to the logit of the next token minus that of its likeliest rival. The text is
    shaded by what each position contributes by way of all heads.

    Args:
        position: where to begin, counted in tokens.
    """
    wide = {"layout": {"width": "59em", "max_width": "100%", "height": "7em"}}
    box = control(Textarea, "text", value=text, continuous_update=False, **wide)
    place = control(IntSlider, "position", value=position, min=0, max=position + 1)
    view, problem = HTML(), HTML()
    kept: dict[str, Reading] = {}

    def redraw() -> None:
        if box.value not in kept:
            found = read(model, tokenizer, box.value)
            kept.clear()
            kept[box.value] = found
            place.max = len(found.tokens) - 2
        view.value = reading_html(kept[box.value], place.value)

    connect(redraw, [box, place], problem)
    steps = HBox(step_buttons(place, "position"))
    return panel([box, place, steps], problem, view)


def reading_html(reading: Reading, t: int) -> str:
    """Return the text up to position t and the table of reasons as HTML."""
    values = {
        f"head {i}.{h}": (reading.maps[i, h, t], reading.added[i, h, t])
        for i in range(len(reading.maps))
        for h in range(reading.maps.shape[1])
    }
    sums = [(name, float(added.sum())) for name, (_, added) in values.items()]
    sums += [(name, float(x[t])) for name, x in reading.rest.items()]
    largest = max(abs(value) for _, value in sums)
    rows = []
    for name, value in sums:
        looked = _looked(reading.tokens, *values[name]) if name in values else ""
        rows.append(_row(name, looked, value, largest))
    heads = ("part", ""), ("looked most at", ""), ("added", "text-align: center")
    head = tag("tr", *(tag("th", name, style=style) for name, style in heads))
    total = sum(value for _, value in sums)
    last = tag("tr", tag("th", "sum"), tag("td"), tag("td", f"<b>{total:+.2f}</b>"))
    style = f"border-spacing: 0.8em 0.1em; color: {INK}; line-height: 1.3"
    style += "; font-variant-numeric: tabular-nums"
    table = tag("table", head, *rows, last, style=style)
    return _text(reading, t) + _told(reading, t, total) + table


def _looked(tokens: list[str], weights: Tensor, added: Tensor) -> str:
    place = int(weights.argmax())
    token = html.escape(visible(tokens[place]))
    return f"<code>{token}</code> at {place}, {100 * float(weights[place]):.0f}%"


def _row(name: str, looked: str, value: float, largest: float) -> str:
    width = HALF * abs(value) / (largest or 1.0)
    left = HALF - width if value < 0 else HALF
    colour = BLUE if value >= 0 else VERMILLION
    style = f"display: inline-block; width: {width:.2f}em; height: 0.8em; "
    bar = tag("span", style=f"{style}margin-left: {left:.2f}em; background: {colour}")
    bar = tag("div", bar, style=f"width: {2 * HALF}em")
    number = tag("td", f"{value:+.2f}", style=RIGHT)
    return tag("tr", tag("td", name), tag("td", looked), tag("td", bar), number)


def _text(reading: Reading, t: int) -> str:
    """Return the text, each token shaded by what it contributes by way of all heads."""
    values = reading.added[:, :, t].sum(dim=(0, 1)).tolist()
    largest = max(map(abs, values)) or 1.0
    spans = []
    for place, token in enumerate(reading.tokens):
        style = "padding: 0.2em 0.1em; white-space: pre; "
        if place <= t:
            shade = 0.6 * abs(values[place]) / largest
            rgb = "0, 114, 178" if values[place] >= 0 else "213, 94, 0"
            style += f"color: {INK}; background: rgba({rgb}, {shade:.2f})"
        else:
            style += f"color: {FAINT}"
        if place == t:
            style += f"; outline: 2px solid {INK}; outline-offset: -1px"
        if place == t + 1:
            style += f"; border-bottom: 3px solid {BLUE}"
        spans.append(tag("span", html.escape(visible(token)), style=style))
        spans.append("<br>" if token == "\n" else "<wbr>")
    style = f"font-family: {CODE_FONT}; line-height: 1.8; overflow-wrap: anywhere"
    return tag("div", *spans, style=style)


def _told(reading: Reading, t: int, total: float) -> str:
    names = [
        f"<code>{html.escape(visible(one))}</code>"
        for one in (reading.tokens[t + 1], reading.rivals[t])
    ]
    shares = [f"{100 * share:.1f}%" for share in reading.chances[t].tolist()]
    told = f"Next comes {names[0]}, which the model gave {shares[0]}; its strongest "
    told += (
        f"rival was {names[1]} with {shares[1]}. The logits differ by {total:+.2f}, "
    )
    told += "to which each part has added its share:"
    return tag("div", told, style="padding: 0.5em 0")

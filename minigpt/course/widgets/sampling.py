"""Show how temperature, top-k and top-p change the next token's probabilities."""

import html
import math
from collections.abc import Sequence

import torch
from ipywidgets import HTML, FloatSlider, IntSlider, Text, VBox
from torch import Tensor

from minigpt.course.colours import BRAND, FAINT, INK
from minigpt.course.widgets.base import (
    connect,
    control,
    dropout_off,
    encode_sentence,
    panel,
)
from minigpt.course.widgets.markup import tag
from minigpt.model import GPT
from minigpt.sampling import next_token_probabilities
from minigpt.tokenizer import Tokenizer

SHOWN = 12
LONGEST_SENTENCE = 120
RIGHT, WIDE = "text-align: right", "width: 26em"


def sampling_bars(
    model: GPT, tokenizer: Tokenizer, sentence: str = "The fox went to the door."
) -> VBox:
    """Return a panel of the next token's probabilities at any place in a sentence.

    The model runs once per sentence. Its logits for all positions are kept, so the
    sliders answer at once.
    """
    V = tokenizer.vocab_size
    text = control(Text, "sentence", value=sentence, continuous_update=False)
    position = control(IntSlider, "position", value=4, min=1, max=len(sentence))
    temperature = control(
        FloatSlider, "temperature", value=1.0, min=0.1, max=2.0, step=0.05
    )
    top_k = control(IntSlider, f"top-k ({V}: all)", value=V, min=1, max=V)
    top_p = control(
        FloatSlider, "top-p (1: all)", value=1.0, min=0.05, max=1.0, step=0.05
    )
    place, bars, problem = HTML(), HTML(), HTML()
    stored = _Stored(model, tokenizer)

    def redraw() -> None:
        stored.read(text.value)
        position.max = len(stored.ids)
        logits = stored.logits[position.value - 1]
        before = next_token_probabilities(logits)
        after = next_token_probabilities(
            logits, temperature.value, top_k.value, top_p.value
        )
        place.value = place_html(tokenizer.tokens, stored.ids, position.value)
        bars.value = bars_html(before, after, tokenizer.tokens) + summary_html(
            before, after
        )

    controls = [text, position, temperature, top_k, top_p]
    connect(redraw, controls, problem)
    return panel(controls, problem, place, bars)


class _Stored:
    """The ids of the latest sentence, and the logits (T, V) after each of them."""

    def __init__(self, model: GPT, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.sentence: str | None = None
        self.ids: list[int] = []
        self.logits = torch.empty(0)

    @torch.inference_mode()
    def read(self, sentence: str) -> None:
        """Run the model over the sentence if it is a new one.

        Raises:
            ValueError: it is empty, too long, or holds an unknown character.
        """
        if sentence == self.sentence:
            return
        longest = min(LONGEST_SENTENCE, self.model.config.block_size)
        ids = encode_sentence(self.tokenizer, sentence, longest)
        device = next(self.model.parameters()).device
        with dropout_off(self.model):
            logits = self.model(torch.tensor([ids], device=device))[0]
        self.sentence, self.ids, self.logits = sentence, ids, logits.float().cpu()


def place_html(tokens: Sequence[str], ids: Sequence[int], position: int) -> str:
    """Return a sentence as HTML, the first `position` tokens underlined."""
    shown = [html.escape(tokens[i]) for i in ids]
    read, rest = "".join(shown[:position]), shown[position:]
    then = f"the sentence goes on with <b>{rest[0]}</b>" if rest else "here it ends"
    sentence = tag(
        "span",
        tag("span", read, style=f"border-bottom: 3px solid {BRAND}"),
        tag("span", *rest, style=f"color: {FAINT}"),
        style="font-family: monospace; font-size: 1.1em; overflow-wrap: anywhere",
    )
    told = f"<br>The model has read what is underlined; {then}."
    return tag("div", sentence, told, style="line-height: 1.6")


def bars_html(
    before: Tensor, after: Tensor, tokens: Sequence[str], count: int = SHOWN
) -> str:
    """Return a table of the most probable next tokens as HTML.

    Each row shows the probability `before` as an outline and `after` as a full bar,
    both (V,). The rows are the `count` most probable tokens of `before`, so that they
    keep their order; a last row sums all others.
    """
    order = before.argsort(descending=True, stable=True)[:count]
    rows = [
        _row(html.escape(tokens[i]), float(before[i]), float(after[i]))
        for i in order.tolist()
    ]
    left = len(before) - len(order)
    if left:
        rest = [max(float(p.sum() - p[order].sum()), 0.0) for p in (before, after)]
        rows.append(_row(f"{left} others", *rest))
    head = tag(
        "tr",
        tag("th", "token", style=RIGHT),
        tag("th", "outline: before, full: after", style=f"text-align: left; {WIDE}"),
        tag("th", "before", style=RIGHT),
        tag("th", "after", style=RIGHT),
    )
    style = "border-spacing: 0.6em 0.1em; line-height: 1.35; "
    style += "font-variant-numeric: tabular-nums"
    return tag("table", head, *rows, style=style)


def _row(label: str, before: float, after: float) -> str:
    full = f"background: {BRAND}"
    outline = f"box-sizing: border-box; border: 1px solid {INK}"
    return tag(
        "tr",
        tag("td", label, style=f"{RIGHT}; font-family: monospace"),
        tag(
            "td",
            tag(
                "div",
                _bar(after, full),
                _bar(before, outline),
                style="position: relative; height: 1em",
            ),
            style=WIDE,
        ),
        tag("td", f"{before:.1%}", style=RIGHT),
        tag("td", f"{after:.1%}" if after else "cut", style=RIGHT),
        style="" if after else "opacity: 0.6",
    )


def _bar(fraction: float, look: str) -> str:
    place = f"position: absolute; height: 100%; width: {100 * fraction:.1f}%"
    return tag("div", style=f"{place}; {look}")


def summary_html(before: Tensor, after: Tensor) -> str:
    """Return one line of HTML: how many tokens remain, and the perplexities."""
    kept = int((after > 0).sum())
    return (
        f"<div>{kept} of {len(after)} tokens can be drawn. Perplexity: "
        f"{perplexity(before):.1f} before, {perplexity(after):.1f} after.</div>"
    )


def perplexity(probabilities: Tensor) -> float:
    """Return exp(entropy) of probabilities (V,): 1 if certain, V if all are equal."""
    p = probabilities[probabilities > 0]
    return math.exp(-float((p * p.log()).sum()))

"""Show how temperature, top-k and top-p change the next token's probabilities."""

import html
import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from ipywidgets import HTML, FloatSlider, IntSlider, Text, VBox
from torch import Tensor

from minigpt.course.colours import BRAND, FAINT, INK
from minigpt.course.widgets.base import connect, control, encode_text, inference, panel
from minigpt.course.widgets.markup import tag
from minigpt.model import GPT
from minigpt.sampling import next_token_probabilities
from minigpt.tokenizer import Tokenizer

SHOWN = 12
LONGEST_SENTENCE = 120
RIGHT, WIDE = "text-align: right", "text-align: left; width: 26em"


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

    @lru_cache(maxsize=1)
    def read(sentence: str) -> tuple[list[int], Tensor]:
        longest = min(LONGEST_SENTENCE, model.config.block_size)
        ids = encode_text(tokenizer, sentence, longest)
        with inference(model, ids) as batch:
            return ids, model(batch)[0].float().cpu()  # (T, V)

    def redraw() -> None:
        ids, logits = read(text.value)
        position.max = len(ids)
        row = logits[position.value - 1]
        before = next_token_probabilities(row)
        after = next_token_probabilities(
            row, temperature.value, top_k.value, top_p.value
        )
        place.value = place_html(tokenizer.tokens, ids, position.value)
        table = bars_html(before, after, tokenizer.tokens)
        bars.value = table + summary_html(before, after)

    controls = [text, position, temperature, top_k, top_p]
    connect(redraw, controls, problem)
    return panel(controls, problem, place, bars)


def place_html(tokens: Sequence[str], ids: Sequence[int], position: int) -> str:
    """Return a sentence as HTML, the first `position` tokens underlined."""
    shown = [html.escape(tokens[i]) for i in ids]
    read, rest = "".join(shown[:position]), shown[position:]
    then = f"the sentence goes on with <b>{rest[0]}</b>" if rest else "it ends here"
    sentence = tag(
        "span",
        tag("span", read, style=f"border-bottom: 3px solid {BRAND}"),
        tag("span", *rest, style=f"color: {FAINT}"),
        style="font-family: monospace; font-size: 1.1em; overflow-wrap: anywhere",
    )
    told = f"<br>The model has read the underlined part; {then}."
    return tag("div", sentence, told, style="line-height: 1.6")


def bars_html(
    before: Tensor, after: Tensor, tokens: Sequence[str], count: int = SHOWN
) -> str:
    """Return a table of the most probable next tokens as HTML.

    Each row shows the probability `before` as an outline and `after` as a solid bar,
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
        others = [max(float(p.sum() - p[order].sum()), 0.0) for p in (before, after)]
        rows.append(_row(f"{left} others", *others))
    titles = "token", "before", "after"
    token, *rest = (tag("th", title, style=RIGHT) for title in titles)
    bar = tag("th", "outline: before, solid: after", style=WIDE)
    style = "border-spacing: 0.6em 0.1em; line-height: 1.35; "
    style += "font-variant-numeric: tabular-nums"
    return tag("table", tag("tr", token, bar, *rest), *rows, style=style)


def _row(label: str, before: float, after: float) -> str:
    solid = _bar(after, f"background: {BRAND}")
    outline = _bar(before, f"box-sizing: border-box; border: 1px solid {INK}")
    bars = tag("div", solid, outline, style="position: relative; height: 1em")
    return tag(
        "tr",
        tag("td", label, style=f"{RIGHT}; font-family: monospace"),
        tag("td", bars, style=WIDE),
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
    old, new = (math.exp(-torch.xlogy(p, p).sum()) for p in (before, after))
    told = f"{kept} of {len(after)} tokens can be drawn. Perplexity: "
    return tag("div", f"{told}{old:.1f} before, {new:.1f} after.")

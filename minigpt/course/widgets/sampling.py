"""Let the reader see how temperature, top-k and top-p change the next token's bars."""

import html
import math
from collections.abc import Sequence

import torch
from ipywidgets import HTML, FloatSlider, IntSlider, Text, VBox
from torch import Tensor

from minigpt.course.widgets.base import connect, control, panel
from minigpt.inspection import twin
from minigpt.model import GPT
from minigpt.sampling import next_token_probabilities
from minigpt.tokenizer import Tokenizer

SHOWN = 12
LONGEST_SENTENCE = 120


def sampling_bars(
    model: GPT, tokenizer: Tokenizer, sentence: str = "The fox went to the door."
) -> VBox:
    """Return a panel of the next token's bars at one position of a sentence.

    The model runs once for each new sentence, and the logits of all its positions are
    kept; every slider starts from these, so it answers at once.
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
    """The ids of the sentence read last, and the logits (T, V) after each of them."""

    def __init__(self, model: GPT, tokenizer: Tokenizer) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.sentence: str | None = None
        self.ids: list[int] = []
        self.logits = torch.empty(0)

    @torch.inference_mode()
    def read(self, sentence: str) -> None:
        """Run the model over a sentence, unless it was the last one already.

        Raises:
            ValueError: it is empty, too long, or holds an unknown character.
        """
        if sentence == self.sentence:
            return
        longest = min(LONGEST_SENTENCE, self.model.config.block_size)
        ids = self.tokenizer.encode(sentence)
        if not ids:
            raise ValueError("the sentence is empty: the model needs a start")
        if len(ids) > longest:
            raise ValueError(
                f"the sentence has {len(ids)} tokens: {longest} fit in here"
            )
        model = twin(self.model).eval()  # whatever others do with it meanwhile
        device = model.token_embedding.weight.device
        logits = model(torch.tensor([ids], device=device))[0]
        self.sentence, self.ids, self.logits = sentence, ids, logits.float().cpu()


def place_html(tokens: Sequence[str], ids: Sequence[int], position: int) -> str:
    """Return the sentence as HTML: what the model has read, and what comes after.

    `position` counts the tokens that it has read.
    """
    shown = [html.escape(tokens[i]) for i in ids]
    read, rest = "".join(shown[:position]), shown[position:]
    then = f"the sentence goes on with <b>{rest[0]}</b>" if rest else "here it ends"
    return (
        '<div style="line-height: 1.6"><span style="font-family: monospace; '
        'font-size: 1.1em; overflow-wrap: anywhere">'
        '<span style="border-bottom: 3px solid var(--jp-brand-color1, #0072b2)">'
        f'{read}</span><span style="color: var(--jp-ui-font-color2, #616161)">'
        f"{''.join(rest)}</span></span><br>The model has read what is underlined; "
        f"{then}.</div>"
    )


def bars_html(
    before: Tensor,
    after: Tensor,
    tokens: Sequence[str],
    count: int = SHOWN,
) -> str:
    """Return a table of the most probable next tokens as HTML, readable in both themes.

    Each of the `count` rows shows a token's share of the probabilities `after` (V,) as
    a full bar, and of those `before` (V,) as an outline; a last row sums all others.
    The rows keep their order whatever happens to `after`.
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
    head = (
        '<th style="text-align: right">token</th>'
        '<th style="text-align: left; width: 26em">outline: before, full: after</th>'
        '<th style="text-align: right">before</th>'
        '<th style="text-align: right">after</th>'
    )
    return (
        '<table style="border-spacing: 0.6em 0.1em; line-height: 1.35; '
        f'font-variant-numeric: tabular-nums"><tr>{head}</tr>{"".join(rows)}</table>'
    )


def _row(label: str, before: float, after: float) -> str:
    faded = "" if after else "opacity: 0.6; "
    return (
        f'<tr style="{faded}"><td style="text-align: right; font-family: monospace">'
        f"{label}</td>"
        '<td style="width: 26em"><div style="position: relative; height: 1em">'
        f'<div style="position: absolute; width: {100 * after:.1f}%; height: 100%; '
        'background: var(--jp-brand-color1, #0072b2)"></div>'
        f'<div style="position: absolute; width: {100 * before:.1f}%; height: 100%; '
        "box-sizing: border-box; border: 1px solid var(--jp-ui-font-color1, #212121)"
        '"></div></div></td>'
        f'<td style="text-align: right">{before:.1%}</td>'
        f'<td style="text-align: right">{f"{after:.1%}" if after else "cut"}</td></tr>'
    )


def summary_html(before: Tensor, after: Tensor) -> str:
    """Return one line of HTML: how many tokens remain, and how unsure the choice is."""
    kept = int((after > 0).sum())
    return (
        f"<div>{kept} of {len(after)} tokens can be drawn. Perplexity: "
        f"{perplexity(before):.1f} before, {perplexity(after):.1f} after.</div>"
    )


def perplexity(probabilities: Tensor) -> float:
    """Return e to the entropy of probabilities (V,): 1 if certain, V if all equal."""
    p = probabilities[probabilities > 0]
    return math.exp(-float((p * p.log()).sum()))

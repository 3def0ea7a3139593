"""Look behind one place of a text: what could have come there, and what it saw."""

import html
import threading
from dataclasses import dataclass
from typing import Any

import torch
from ipywidgets import HTML, Button, Dropdown, HBox, IntSlider, Layout, VBox
from torch import Tensor

from minigpt.course.widgets.attention_html import token_labels, where_it_looks
from minigpt.course.widgets.playgrounds.shared_controls import Request, setting
from minigpt.course.widgets.playgrounds.writer import Writer
from minigpt.course.widgets.sampling import bars_html
from minigpt.inspection import capture_attention, twin
from minigpt.model import GPT
from minigpt.sampling import (
    context_start,
    most_probable,
    next_token_probabilities,
)
from minigpt.tokenizer import visible

BARS = 8


@dataclass(frozen=True, eq=False)
class Seen:
    """What the model made of the tokens before a place."""

    request: Request
    context: list[int]
    logits: Tensor  # (V,)
    attention: list[Tensor]  # (H, T) for each layer: where the last token looks


class Inspector:
    """A place to step through the writer's text, and two views of it.

    The model runs once for each new place or text; sliders of the sampling start from
    the logits that are kept.
    """

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.place = setting(IntSlider, "place", value=1, min=1, max=1)
        self.back = Button(description="◀ previous", tooltip="one character back")
        self.on = Button(description="next ▶", tooltip="one character on")
        self.layer = setting(IntSlider, "layer", max=0)
        self.head = setting(Dropdown, "head", options={"mean of all": -1}, value=-1)
        self.bars = HTML(layout=Layout(width="32em"))
        self.looks = HTML(layout=Layout(width="29em", max_width="100%"))
        self.seen: Seen | None = None
        # Another panel may look into the same model, and a text of this one grow and
        # its place be moved, all at the same moment and in threads of their own.
        self._drawing = threading.RLock()
        self._twin: tuple[GPT, GPT] | None = None
        self._drawn: Any = None
        self._moving = False
        self.back.on_click(lambda _: self.step(-1))
        self.on.on_click(lambda _: self.step(1))
        self.place.observe(lambda _: self.move(), names="value")
        for widget in (self.layer, self.head):
            widget.observe(lambda _: self.draw(), names="value")

    def widget(self) -> VBox:
        right = VBox([self.layer, self.head, self.looks])
        views = Layout(flex_flow="row wrap", min_height="24em")
        return VBox(
            [
                HBox(
                    [self.place, self.back, self.on],
                    layout=Layout(flex_flow="row wrap"),
                ),
                HBox([self.bars, right], layout=views),
            ]
        )

    def step(self, by: int) -> None:
        """Go to the next place, or back; the slider keeps within the text."""
        self.place.value += by

    def go_to(self, place: int, last: int) -> None:
        """Set the slider's end and its place, without moving twice."""
        self._moving = True
        try:
            self.place.max = max(last, self.place.min)
            self.place.value = min(place, self.place.max)
        finally:
            self._moving = False

    def move(self) -> None:
        """Mark the new place in the text, and look behind it."""
        if not self._moving:
            self.writer.place = self.place.value
            self.writer.draw()
            self.draw()

    def follow(self, whole: bool) -> None:
        """Keep up with a text that grows."""
        request, ids = self.writer.request, self.writer.ids
        assert request is not None
        new_prompt = self.seen is None or self.seen.request.prompt != request.prompt
        place = len(request.prompt) if new_prompt else self.place.value
        self.go_to(place, len(request.prompt) + request.length)
        if self.writer.place != self.place.value:
            self.writer.place = self.place.value
            self.writer.draw()
        if len(ids) >= self.place.value:
            self.draw()

    def draw(self) -> None:
        """Show the place, if anything about it has changed."""
        with self._drawing:
            self._draw()

    def _draw(self) -> None:
        request, ids, place = self.writer.request, self.writer.ids, self.place.value
        if request is None or len(ids) < place:
            return
        self._look(request, ids[:place])
        seen = self.seen
        assert seen is not None
        written = ids[place] if place < len(ids) else None
        key = (seen, written, str(self.writer.settings))
        if key != self._drawn:
            self._drawn = key
            self.bars.value = self._bars_html(seen, written)
        looks = self._looks_html(seen)
        if looks != self.looks.value:
            self.looks.value = looks

    @torch.inference_mode()
    def _look(self, request: Request, before: list[int]) -> None:
        """Run the model on what stands before the place, if that is new."""
        model = request.model
        context = before[context_start(len(before), model.config.block_size) :]
        old = self.seen
        if old and old.context == context and old.request.model is model:
            if old.request.prompt != request.prompt:
                self.seen = Seen(request, context, old.logits, old.attention)
            return
        if self._twin is None or self._twin[0] is not model:
            self._twin = model, twin(model).eval()
        own = self._twin[1]
        device = next(own.parameters()).device
        with capture_attention(own) as maps:
            logits = own(torch.tensor([context], device=device))[0, -1]
        attention = [weights[0, :, -1].cpu() for weights in maps]
        self.seen = Seen(request, context, logits.float().cpu(), attention)
        self._offer(len(attention), len(attention[0]))

    def _offer(self, layers: int, heads: int) -> None:
        """Let the controls reach all layers and heads of the model."""
        if self.layer.max != layers - 1:
            self.layer.max = layers - 1
            self.layer.value = layers - 1
        if len(self.head.options) != heads + 1:
            self.head.options = {"mean of all": -1} | {str(h): h for h in range(heads)}
            self.head.value = -1

    def _bars_html(self, seen: Seen, written: int | None) -> str:
        settings = dict(self.writer.settings)
        before = next_token_probabilities(seen.logits)
        if settings.pop("greedy"):
            after = torch.zeros_like(before)
            after[most_probable(seen.logits)] = 1.0
        else:
            after = next_token_probabilities(seen.logits, **settings)
        tokenizer = seen.request.tokenizer
        said = "The text ends here."
        if written is not None:
            token = html.escape(tokenizer.tokens[written])
            said = f"Here came <b>{token}</b>, at {float(after[written]):.1%}."
        bars = bars_html(before, after, tokenizer.tokens, BARS)
        view = f'<div style="white-space: nowrap">{said}{bars}</div>'
        return _titled("What could come here", view)

    def _looks_html(self, seen: Seen) -> str:
        layer = seen.attention[min(self.layer.value, len(seen.attention) - 1)]
        head = self.head.value
        weights = layer.mean(dim=0) if head < 0 else layer[min(head, len(layer) - 1)]
        labels = token_labels(seen.request.tokenizer, seen.context)
        tokens = [visible(label) for label in labels]
        return _titled(
            "Where it looked", where_it_looks(weights, tokens, len(tokens) - 1)
        )


def _titled(title: str, view: str) -> str:
    return (
        '<div style="line-height: 1.5; color: var(--jp-ui-font-color1, #202020)">'
        f'<div style="font-weight: 600">{title}</div>{view}</div>'
    )

"""Look behind one place of a text: what could have come there, and where it looked."""

import html
import threading
from dataclasses import dataclass

import torch
from ipywidgets import HTML, Dropdown, HBox, IntSlider, Layout, VBox
from torch import Tensor

from minigpt.course.colours import INK
from minigpt.course.widgets.attention_html import token_labels, where_it_looks
from minigpt.course.widgets.base import inference, step_buttons
from minigpt.course.widgets.markup import tag
from minigpt.course.widgets.playgrounds.shared_controls import Request, setting
from minigpt.course.widgets.playgrounds.writer import Writer
from minigpt.course.widgets.sampling import bars_html
from minigpt.inspection import attention_maps
from minigpt.model import GPT
from minigpt.sampling import context_start, most_probable, next_token_probabilities

BARS = 8


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model computed for the token after a context."""

    model: GPT
    context: list[int]
    logits: Tensor  # (V,)
    attention: list[Tensor]  # (H, T) for each layer: the weights of the last token


class Inspector:
    """A place to step through the writer's text, and two views of it.

    The model runs once for each new place or text. Its logits are kept, so the sliders
    of the sampling answer without running it again.
    """

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.place = setting(IntSlider, "place", value=1, min=1, max=1)
        self.back, self.on = step_buttons(self.place, "token")
        self.layer = setting(IntSlider, "layer", max=0)
        self.head = setting(Dropdown, "head", options={"mean of all": -1}, value=-1)
        self.bars = HTML(layout=Layout(width="32em"))
        self.looks = HTML(layout=Layout(width="29em", max_width="100%"))
        self.seen: Seen | None = None
        self._prompt: list[int] | None = None
        # The text may grow while its place is moved, each in a thread of its own.
        self._drawing = threading.RLock()
        self.place.observe(lambda _: self.move(), names="value")
        for widget in (self.layer, self.head):
            widget.observe(lambda _: self.draw(), names="value")

    def widget(self) -> VBox:
        wrap = Layout(flex_flow="row wrap")
        views = Layout(flex_flow="row wrap", min_height="24em")
        right = VBox([self.layer, self.head, self.looks])
        steps = HBox([self.place, self.back, self.on], layout=wrap)
        return VBox([steps, HBox([self.bars, right], layout=views)])

    def move(self) -> None:
        """Mark the new place in the text, and show what is behind it."""
        self.writer.place = self.place.value
        self.writer.draw()
        self.draw()

    def follow(self) -> None:
        """Keep up with a growing text: a new prompt puts the place at its end."""
        request = self.writer.request
        assert request is not None
        end = len(request.prompt)
        self.place.max = end + request.length
        if request.prompt != self._prompt:
            self._prompt = request.prompt
            self.place.value = end
        if self.writer.place != self.place.value:
            self.move()
        else:
            self.draw()

    def draw(self) -> None:
        """Show what is behind the place, if the text reaches it."""
        with self._drawing:
            request, ids, place = self.writer.request, self.writer.ids, self.place.value
            if request is not None and len(ids) >= place:
                seen = self._look(request.model, ids[:place])
                written = ids[place] if place < len(ids) else None
                self.bars.value = self._bars_html(seen, request, written)
                self.looks.value = self._looks_html(seen, request)

    def _look(self, model: GPT, before: list[int]) -> Seen:
        """Run the model on the context of the place, unless it has just done so."""
        context = before[context_start(len(before), model.config.block_size) :]
        if self.seen and self.seen.context == context and self.seen.model is model:
            return self.seen
        with inference(model, context) as ids:
            logits = model(ids)[0, -1].float().cpu()
            attention = [maps[0, :, -1].cpu() for maps in attention_maps(model, ids)]
        self.seen = seen = Seen(model, context, logits, attention)
        # The controls reach all layers and heads of the model.
        last, heads = len(attention) - 1, range(len(attention[0]))
        if self.layer.max != last:
            self.layer.max = self.layer.value = last
        if len(self.head.options) != len(heads) + 1:
            self.head.options = {"mean of all": -1} | {str(h): h for h in heads}
            self.head.value = -1
        return seen

    def _bars_html(self, seen: Seen, request: Request, written: int | None) -> str:
        settings = self.writer.settings
        before = next_token_probabilities(seen.logits)
        if settings.pop("greedy"):
            after = torch.zeros_like(before)
            after[most_probable(seen.logits)] = 1.0
        else:
            after = next_token_probabilities(seen.logits, **settings)
        tokens = request.tokenizer.tokens
        said = "The text ends here."
        if written is not None:
            token = html.escape(tokens[written])
            said = (
                f"The text goes on with <b>{token}</b>, at {float(after[written]):.1%}."
            )
        bars = bars_html(before, after, tokens, BARS)
        view = tag("div", said, bars, style="white-space: nowrap")
        return _titled("What could come next", view)

    def _looks_html(self, seen: Seen, request: Request) -> str:
        layer, head = seen.attention[self.layer.value], self.head.value
        weights = layer.mean(dim=0) if head < 0 else layer[head]
        tokens = token_labels(request.tokenizer, seen.context)
        view = where_it_looks(weights, tokens, len(tokens) - 1)
        return _titled("Where the model looked", view)


def _titled(title: str, view: str) -> str:
    heading = tag("div", title, style="font-weight: 600")
    return tag("div", heading, view, style=f"line-height: 1.5; color: {INK}")

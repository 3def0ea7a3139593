"""Write one text under one set of settings."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from ipywidgets import HTML, Box, Checkbox, FloatSlider, IntSlider, Layout

from minigpt.course.colours import INK
from minigpt.course.widgets.base import in_words, message
from minigpt.course.widgets.markup import PROSE_FONT, tag
from minigpt.course.widgets.playgrounds.shared_controls import Request, setting
from minigpt.course.widgets.stream import Stream
from minigpt.decoding import generate
from minigpt.sampling import DEFAULT_TOP_K
from minigpt.tokenizer import Tokenizer, until_end


@dataclass(frozen=True)
class Text:
    """A text, or as much of it as has been written.

    Attributes:
        branch: what follows the prompt up to a token that was chosen by hand, or [].
        ids: all of the text, with its prompt.
    """

    request: Request
    branch: list[int]
    ids: list[int]
    complete: bool


class Writer:
    """Controls for the sampling, and the text that is written with them.

    Attributes:
        text: the latest one; None before the first.
        grown: called whenever there is more of the text.
    """

    def __init__(self, vocab_size: int, problem: HTML) -> None:
        V = vocab_size
        self.temperature = setting(
            FloatSlider, "temperature", value=0.8, min=0.1, max=1.5, step=0.05
        )
        self.top_k = setting(
            IntSlider, "top-k", value=min(DEFAULT_TOP_K, V), min=1, max=V
        )
        self.top_p = setting(
            FloatSlider, "top-p", value=1.0, min=0.05, max=1.0, step=0.05
        )
        self.penalty = setting(
            FloatSlider, "repetition penalty", value=1.0, min=1.0, max=2.0, step=0.05
        )
        self.sampling = setting(Checkbox, "sampling", value=True, indent=True)
        self.problem = problem
        self.text: Text | None = None
        self.grown: Callable[[], None] = lambda: None
        self.stream: Stream[int] = Stream(self.fail)

    @property
    def controls(self) -> list[Any]:
        sliders = [self.temperature, self.top_k, self.top_p, self.penalty]
        return [*sliders, self.sampling]

    @property
    def ids(self) -> list[int]:
        """All of the latest text, with its prompt."""
        return self.text.ids if self.text else []

    @property
    def settings(self) -> dict[str, Any]:
        """The values of the controls, as arguments of `generate`."""
        return {
            "temperature": self.temperature.value,
            "top_k": self.top_k.value,
            "top_p": self.top_p.value,
            "greedy": not self.sampling.value,
            "repetition_penalty": self.penalty.value,
        }

    def write(self, request: Request, branch: Sequence[int] = ()) -> None:
        """Start a new text; after a ValueError the old one stays.

        With a branch, the prompt is followed by its ids, and then by new ones.
        """
        start = [*request.prompt, *branch]
        settings = self.settings | {"seed": request.seed}
        ids = generate(request.model, start, request.length, **settings)
        for widget in self.controls[:3]:
            widget.disabled = not self.sampling.value

        def show(new: list[int], complete: bool) -> None:
            self.text = Text(request, [*branch], start + new, complete)
            self.grown()

        # The end of a text may begin within the branch.
        whole = until_end(request.tokenizer, chain(branch, ids))
        self.stream.start(islice(whole, len(branch), None), show)

    def rewrite(self, text: Text) -> None:
        """Return to an earlier text."""
        if not text.complete:
            self.write(text.request, text.branch)
            return
        with self.stream.lock:
            self.stream.drop()
            self.text = text
            self.grown()

    def adapt(self, vocab_size: int) -> None:
        """Let top-k range over the whole vocabulary of another model."""
        if self.top_k.max != vocab_size:
            self.top_k.max = vocab_size
            self.top_k.value = min(DEFAULT_TOP_K, vocab_size)

    def fail(self, error: Exception) -> None:
        """Show why there is no new text; the old one stays."""
        self.problem.value = message(in_words(error))


class TextBox:
    """A writer's text in a frame of its own."""

    def __init__(self, writer: Writer, layout: Layout) -> None:
        self.writer = writer
        self.view = HTML()
        self.box = Box([self.view], layout=layout)
        writer.grown = self.draw

    def draw(self) -> None:
        """Show the text as it is now."""
        if text := self.writer.text:
            shown = text.ids, len(text.request.prompt), self.writer.stream.turn
            self.view.value = text_html(text.request.tokenizer, *shown)


def text_html(tokenizer: Tokenizer, ids: list[int], given: int, turn: int) -> str:
    """Return a text as HTML, the first `given` tokens bold.

    `turn` is the number of the text; it makes the HTML of two equal texts differ.
    """
    prompt, written = tokenizer.decode(ids[:given]), tokenizer.decode(ids[given:])
    if tokenizer.end:
        prompt = prompt.lstrip("\n")  # what a tale begins with
    parts = tag("b", html.escape(prompt)), html.escape(written)
    look = "white-space: pre-wrap; line-height: 1.4; padding: 0.4em 0.6em; "
    look += f"overflow-wrap: anywhere; font-family: {PROSE_FONT}; color: {INK}"
    return tag("div", *parts, class_="minigpt-text", data_turn=turn, style=look)

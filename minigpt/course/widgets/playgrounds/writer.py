"""Write one text under one set of settings, and show it."""

import html
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from ipywidgets import HTML, Box, Checkbox, FloatSlider, IntSlider, Layout

from minigpt.course.colours import GRID, INK, VERMILLION
from minigpt.course.widgets.attention_html import token_labels
from minigpt.course.widgets.base import in_words, message
from minigpt.course.widgets.markup import PROSE_FONT, tag
from minigpt.course.widgets.playgrounds.shared_controls import Request, setting
from minigpt.course.widgets.stream import Stream
from minigpt.decoding import generate
from minigpt.sampling import DEFAULT_TOP_K
from minigpt.tokenizer import Tokenizer, visible

EDGE = f"1px solid {GRID}"


class Writer:
    """Controls for the sampling, and the text that is written with them.

    Attributes:
        request: of the latest text; None before the first.
        ids: that text so far, with its prompt.
        place: the index of the token that is framed, or None.
        grown: called whenever more of the text is shown.
    """

    def __init__(self, vocab_size: int, problem: HTML, height: str) -> None:
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
        self.sampling = setting(Checkbox, "sampling", value=True, indent=True)
        self.problem = problem
        self.view = HTML()
        frame = Layout(height=height, border=EDGE, overflow="auto")
        self.box = Box([self.view], layout=frame)
        self.request: Request | None = None
        self.ids: list[int] = []
        self.place: int | None = None
        self.grown: Callable[[], None] = lambda: None
        self.stream: Stream[int] = Stream(self.fail)

    @property
    def controls(self) -> list[Any]:
        return [self.temperature, self.top_k, self.top_p, self.sampling]

    @property
    def settings(self) -> dict[str, Any]:
        """The values of the controls, as arguments of `generate`."""
        return {
            "temperature": self.temperature.value,
            "top_k": self.top_k.value,
            "top_p": self.top_p.value,
            "greedy": not self.sampling.value,
        }

    def write(self, request: Request) -> None:
        """Start a new text; after a ValueError the old one stays."""
        settings = self.settings | {"seed": request.seed}
        ids = generate(request.model, request.prompt, request.length, **settings)
        for widget in self.controls[:3]:
            widget.disabled = not self.sampling.value

        def show(new: list[int], whole: bool) -> None:
            self.request, self.ids = request, request.prompt + new
            self.draw()
            self.grown()

        self.stream.start(ids, show)

    def adapt(self, vocab_size: int) -> None:
        """Let top-k range over the whole vocabulary of another model."""
        if self.top_k.max != vocab_size:
            self.top_k.max = vocab_size
            self.top_k.value = min(DEFAULT_TOP_K, vocab_size)

    def draw(self) -> None:
        """Show the text as it is now."""
        if self.request is not None:
            tokenizer, given = self.request.tokenizer, len(self.request.prompt)
            shown = self.ids, given, self.place, self.stream.turn
            self.view.value = text_html(tokenizer, *shown)

    def fail(self, error: Exception) -> None:
        """Show why there is no new text; the old one stays."""
        self.problem.value = message(in_words(error))


def text_html(
    tokenizer: Tokenizer, ids: Sequence[int], given: int, place: int | None, turn: int
) -> str:
    """Return a text as HTML: the first `given` tokens bold, the one at `place` framed.

    `turn` is the number of the text; it makes the HTML of two equal texts differ.
    """
    ends = {0, given, len(ids)} | ({place, place + 1} if place else set())
    cuts = sorted(end for end in ends if end <= len(ids))
    parts = []
    for start, end in pairwise(cuts):
        text = tokenizer.decode(ids[start:end])
        style = "font-weight: 700; " if start < given else ""
        if start == place:
            style += f"outline: 2px solid {VERMILLION}; border-radius: 1px; "
            (label,) = token_labels(tokenizer, ids[start:end])
            text = visible(label) + ("\n" if text.endswith("\n") else "")
        parts.append(tag("span", html.escape(text), style=style))
    look = "white-space: pre-wrap; line-height: 1.4; padding: 0.4em 0.6em; "
    look += f"overflow-wrap: anywhere; font-family: {PROSE_FONT}; color: {INK}"
    return tag("div", *parts, class_="minigpt-text", data_turn=turn, style=look)

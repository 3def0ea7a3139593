"""Write one text under one set of settings, and show it."""

import html
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from ipywidgets import HTML, Box, Checkbox, FloatSlider, IntSlider, Layout

from minigpt.course.colours import VERMILLION
from minigpt.course.widgets.attention_html import token_labels
from minigpt.course.widgets.base import in_words, message
from minigpt.course.widgets.playgrounds.shared_controls import Request, setting
from minigpt.course.widgets.playgrounds.stream import Stream
from minigpt.decoding import generate
from minigpt.tokenizer import Tokenizer, visible

USUAL_TOP_K = 50
EDGE = "1px solid var(--jp-border-color2, #ddd)"


class Writer:
    """Sliders for the sampling, and the text that they make.

    Attributes:
        request: what was written last, None before.
        ids: that text so far, its prompt included.
        place: how many tokens come before the one that is marked; None marks none.
        grown: called after each piece that was shown.
    """

    def __init__(self, vocab_size: int, problem: HTML, height: str = "14em") -> None:
        V = vocab_size
        self.temperature = setting(
            FloatSlider, "temperature", value=0.8, min=0.1, max=1.5, step=0.05
        )
        self.top_k = setting(
            IntSlider, "top-k", value=min(USUAL_TOP_K, V), min=1, max=V
        )
        self.top_p = setting(
            FloatSlider, "top-p", value=1.0, min=0.05, max=1.0, step=0.05
        )
        self.sampling = setting(Checkbox, "sampling", value=True, indent=True)
        self.problem = problem
        self.view = HTML()
        self.box = Box([self.view], layout=Layout(height=height, border=EDGE))
        self.box.layout.overflow = "auto"
        self.request: Request | None = None
        self.ids: list[int] = []
        self.place: int | None = None
        self.grown: Callable[[bool], None] = lambda whole: None
        self.stream = Stream(self.fail)

    @property
    def controls(self) -> list[Any]:
        return [self.temperature, self.top_k, self.top_p, self.sampling]

    @property
    def settings(self) -> dict[str, Any]:
        """What the sliders say, as `generate` takes it."""
        return {
            "temperature": self.temperature.value,
            "top_k": self.top_k.value,
            "top_p": self.top_p.value,
            "greedy": not self.sampling.value,
        }

    def write(self, request: Request) -> None:
        """Begin the text anew; what was under way is dropped.

        Raises:
            ValueError: the request cannot be met; the text stays as it is.
        """
        ids = generate(
            request.model,
            request.prompt,
            request.length,
            seed=request.seed,
            **self.settings,
        )
        for widget in self.controls[:3]:
            widget.disabled = not self.sampling.value

        def show(new: list[int], whole: bool) -> None:
            self.request, self.ids = request, request.prompt + new
            self.draw()
            self.grown(whole)

        self.stream.start(ids, show)

    def adapt(self, vocab_size: int) -> None:
        """Let top-k reach the whole vocabulary of another model."""
        if self.top_k.max != vocab_size:
            self.top_k.max = vocab_size
            self.top_k.value = min(USUAL_TOP_K, vocab_size)

    def draw(self) -> None:
        """Show the text as it is now."""
        if self.request is not None:
            tokenizer, given = self.request.tokenizer, len(self.request.prompt)
            self.view.value = text_html(
                tokenizer, self.ids, given, self.place, self.stream.turn
            )

    def fail(self, error: Exception) -> None:
        """Say in words why there is no text; the last one stays."""
        self.problem.value = message(in_words(error))


def text_html(
    tokenizer: Tokenizer, ids: Sequence[int], given: int, place: int | None, turn: int
) -> str:
    """Return a text as HTML: the given tokens bold, the one at `place` framed.

    `turn` counts the texts, so that one can be told from the next.
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
        parts.append(f'<span style="{style}">{html.escape(text)}</span>')
    return (
        f'<div class="minigpt-text" data-turn="{turn}" style="white-space: pre-wrap; '
        "line-height: 1.4; padding: 0.4em 0.6em; overflow-wrap: anywhere; "
        "font-family: var(--jp-content-font-family, serif); "
        f'color: var(--jp-ui-font-color1, #202020)">{"".join(parts)}</div>'
    )

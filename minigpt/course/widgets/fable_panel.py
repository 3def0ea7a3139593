"""Let the shipped model write a fable at the press of a button."""

import html
from collections.abc import Iterator
from typing import Any

from ipywidgets import HTML, FloatSlider, Text, VBox

from minigpt.course.widgets.base import button, control, in_words, message, panel
from minigpt.course.widgets.markup import PROSE_FONT, tag
from minigpt.course.widgets.stream import Stream
from minigpt.decoding import generate
from minigpt.model import GPT
from minigpt.tokenizer import Tokenizer, stream_text

END_OF_FABLE = "\n\n\n"


def fable_button(model: GPT, tokenizer: Tokenizer, length: int = 900) -> VBox:
    """Return a panel that writes a fable for a title, a new one at each press.

    A fable ends by itself or after `length` tokens. Another press drops the fable that
    is being written.
    """
    title = control(Text, "title", value="THE CROW AND THE ")
    temperature = control(
        FloatSlider, "temperature", value=0.8, min=0.1, max=1.5, step=0.1
    )
    press = button("Write a fable", "Write a fable with this title", "primary")
    problem, view = HTML(), HTML(_page("Press the button."))

    def fail(error: Exception) -> None:
        problem.value = message(in_words(error))

    stream: Stream[str] = Stream(fail)

    def on_press(_: Any) -> None:
        start, seed = title.value, stream.drop()
        problem.value = ""
        chosen = {"temperature": temperature.value, "seed": seed}
        try:
            ids = generate(model, tokenizer.encode(start), length, **chosen)
        except Exception as error:  # a learner may have changed parts of the model
            fail(error)
            return

        def show(pieces: list[str], whole: bool) -> None:
            text = start + "".join(pieces)
            view.value = _page(text.rstrip() + "\n\n■" if whole else text)

        stream.start(_one_fable(stream_text(tokenizer, ids)), show)

    press.on_click(on_press)
    return panel([title, temperature, press], problem, view)


def _one_fable(pieces: Iterator[str]) -> Iterator[str]:
    """Yield the pieces of a text up to the end of the first fable."""
    text = ""
    for piece in pieces:
        text += piece
        if END_OF_FABLE in text:
            return
        yield piece


def _page(text: str) -> str:
    style = "white-space: pre-wrap; line-height: 1.4; min-height: 8em; "
    style += f"padding: 0.5em 0; font-family: {PROSE_FONT}; "
    style += "color: var(--jp-content-font-color1, inherit)"
    return tag("div", html.escape(text), style=style)

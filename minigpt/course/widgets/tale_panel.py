"""Let the shipped model write a tale at the press of a button."""

import html
from typing import Any

from ipywidgets import HTML, FloatSlider, Text, VBox

from minigpt.course.widgets.base import button, control, in_words, message, panel
from minigpt.course.widgets.markup import PROSE_FONT, tag
from minigpt.course.widgets.stream import Stream
from minigpt.decoding import generate
from minigpt.model import GPT
from minigpt.tokenizer import Tokenizer, stream_text


def tale_button(model: GPT, tokenizer: Tokenizer, length: int = 400) -> VBox:
    """Return a panel that writes a tale for a title, another one at each press.

    Without a title the model invents one. A tale ends by itself or after `length`
    tokens. Another press drops the tale that is being written.
    """
    title = control(Text, "title", value="The crow and the")
    temperature = control(
        FloatSlider, "temperature", value=0.8, min=0.1, max=2.0, step=0.1
    )
    press = button("Write a tale", "Write a tale with this title", "primary")
    problem, view = HTML(), HTML(_page("Press the button."))

    def fail(error: Exception) -> None:
        problem.value = message(in_words(error))

    stream: Stream[str] = Stream(fail)

    def on_press(_: Any) -> None:
        start, seed = title.value, stream.drop()
        problem.value = ""
        chosen = {"temperature": temperature.value, "seed": seed}
        try:
            ids = generate(model, tokenizer.encode_prompt(start), length, **chosen)
        except Exception as error:  # a learner may have changed parts of the model
            fail(error)
            return

        def show(pieces: list[str], whole: bool) -> None:
            text = start + "".join(pieces)
            view.value = _page(text.rstrip() + "\n\n■" if whole else text)

        stream.start(stream_text(tokenizer, ids), show)

    press.on_click(on_press)
    return panel([title, temperature, press], problem, view)


def _page(text: str) -> str:
    style = "white-space: pre-wrap; line-height: 1.4; min-height: 8em; "
    style += f"padding: 0.5em 0; font-family: {PROSE_FONT}; "
    style += "color: var(--jp-content-font-color1, inherit)"
    return tag("div", html.escape(text), style=style)

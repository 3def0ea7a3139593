"""Let the shipped model write at the press of a button."""

import html
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from ipywidgets import HTML, Button, FloatSlider, Text, VBox

from minigpt.course.widgets.base import control, in_words, message, panel
from minigpt.decoding import generate
from minigpt.model import GPT
from minigpt.tokenizer import Tokenizer, stream_text

END_OF_FABLE = "\n\n\n"
SECONDS_BETWEEN_VIEWS = 0.05


def fable_button(model: GPT, tokenizer: Tokenizer, length: int = 900) -> VBox:
    """Return a panel that writes a fable to a title, another one at each press.

    It stops at the end of the fable, or after `length` characters. A press while it
    writes drops what was under way.
    """
    title = control(Text, "title", value="THE CROW AND THE ")
    temperature = control(
        FloatSlider, "temperature", value=0.8, min=0.1, max=1.5, step=0.1
    )
    press = Button(description="Write a fable", button_style="primary")
    problem, view = HTML(), HTML(_page("Press the button."))
    presses = 0

    def show(text: str, number: int) -> bool:
        if number == presses:
            view.value = _page(text)
        return number == presses

    def work(start: str, new_ids: Iterator[int], number: int) -> None:
        pieces = stream_text(tokenizer, new_ids)
        try:
            _write(start, pieces, lambda text: show(text, number))
        except Exception as error:  # a model may have parts that a learner wrote
            problem.value = message(in_words(error))

    def on_press(_: Any = None) -> None:
        nonlocal presses
        presses += 1
        problem.value = ""
        chosen = {"temperature": temperature.value, "seed": presses}
        try:
            ids = tokenizer.encode(title.value)
            new_ids = generate(model, ids, length, **chosen)
        except ValueError as error:
            problem.value = message(str(error))
            return
        # A thread, so that the notebook and the button stay awake meanwhile.
        job = (title.value, new_ids, presses)
        threading.Thread(target=work, args=job, daemon=True).start()

    press.on_click(on_press)
    return panel([title, temperature, press], problem, view)


def _write(text: str, pieces: Iterator[str], show: Callable[[str], bool]) -> None:
    """Show the text as it grows, until it is a whole fable or nobody looks."""
    shown = time.monotonic()
    if not show(text):
        return
    for piece in pieces:
        text += piece
        if END_OF_FABLE in text:
            break
        if time.monotonic() - shown > SECONDS_BETWEEN_VIEWS:
            shown = time.monotonic()
            if not show(text):
                return
    show(text.rstrip() + "\n\n■")


def _page(text: str) -> str:
    return (
        '<div style="white-space: pre-wrap; line-height: 1.4; min-height: 8em; '
        "padding: 0.5em 0; font-family: var(--jp-content-font-family, serif); "
        f'color: var(--jp-content-font-color1, inherit)">{html.escape(text)}</div>'
    )

"""Give all panels the same layout, error messages and access to the model."""

import html
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from ipywidgets import HTML, Button, Layout, VBox, Widget
from torch import Tensor, nn

from minigpt.course.colours import ERROR
from minigpt.course.widgets.markup import tag
from minigpt.tokenizer import Tokenizer

LABEL_WIDTH = {"description_width": "11em"}
# The beginning of a sample, by the name of the text that the model has learned.
PROMPTS = {
    "tales": "The fox",
    "fables": "THE FOX",
    "fables-ru": "ЛИСА",
    "shakespeare": "ROMEO:",
}
CONTROL_LAYOUT = Layout(width="32em", max_width="100%")


class Throttle:
    """Calls a function when it is due again, and otherwise does nothing.

    Args:
        interval: the shortest time between two calls, in seconds.
        fraction: of the time that passes, the calls take at most this much.
    """

    def __init__(self, interval: float, fraction: float = 1.0) -> None:
        self.interval, self.fraction = interval, fraction
        self._next = 0.0

    def __call__(self, work: Callable[[], object]) -> None:
        """Call `work` if it is due."""
        began = time.perf_counter()
        if began < self._next:
            return
        work()
        ended = time.perf_counter()
        pause = (ended - began) * (1 / self.fraction - 1)
        self._next = ended + max(self.interval, pause)

    def postpone(self) -> None:
        """Let one interval pass before it is due."""
        self._next = time.perf_counter() + self.interval


def control(kind: type[Widget], label: str, **traits: Any) -> Any:
    """Return a control with the course's label width: control(IntSlider, "layer")."""
    traits.setdefault("layout", CONTROL_LAYOUT)
    return kind(description=label, style=LABEL_WIDTH, **traits)


def button(label: str, tooltip: str, style: str = "") -> Button:
    """Return a button; its style may be "primary"."""
    return Button(description=label, tooltip=tooltip, button_style=style)


def step_buttons(slider: Any, unit: str) -> list[Button]:
    """Return two buttons that move a slider back and forward by one."""
    made = []
    for by, label, where in (-1, "◀ previous", "back"), (1, "next ▶", "forward"):
        made.append(button(label, f"One {unit} {where}"))
        made[-1].on_click(lambda _, by=by: slider.set_trait("value", slider.value + by))
    return made


def panel(controls: list[Widget], *views: Widget) -> VBox:
    """Return one widget: the controls, then the views."""
    return VBox([*controls, *views], layout=Layout(padding="0.4em", max_width="60em"))


def connect(redraw: Callable[[], None], controls: list[Widget], problem: HTML) -> None:
    """Call `redraw` now and whenever the value of a control changes.

    The text of a ValueError is shown in `problem`, and the view stays as it was.
    """
    # A cell and a control may call this at the same moment, each in its own thread.
    # With the lock, what is shown last is what was set last.
    redrawing = threading.RLock()

    def on_change(_: Any = None) -> None:
        with redrawing:
            try:
                redraw()
                problem.value = ""
            except ValueError as error:
                problem.value = message(str(error))

    for widget in controls:
        widget.observe(on_change, names="value")
    on_change()


@contextmanager
def inference(model: nn.Module, ids: list[int]) -> Iterator[Tensor]:
    """Turn dropout and gradients off; gives ids (1, T) on the model's device."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield torch.tensor([ids], device=next(model.parameters()).device)
    finally:
        model.train(was_training)


def encode_text(
    tokenizer: Tokenizer, text: str, longest: int, name: str = "sentence"
) -> list[int]:
    """Return the ids of a text, or raise ValueError, calling the text by its name."""
    ids = tokenizer.encode_prompt(text)
    if not ids:
        raise ValueError(f"the {name} is empty: write at least one character")
    if len(ids) > longest:
        raise ValueError(
            f"the {name} has {len(ids):,} tokens, but at most {longest:,} fit here: "
            "write a shorter one"
        )
    return ids


def in_words(error: Exception) -> str:
    """Return an error as one line of text."""
    if isinstance(error, MemoryError):
        return "out of memory: choose a smaller size"
    line = (str(error).splitlines() or [""])[0]
    return line if isinstance(error, ValueError) else f"{type(error).__name__}: {line}"


def message(text: str) -> str:
    """Return HTML for an error message, readable in the light and the dark theme."""
    style = f"color: {ERROR}; padding: 0.3em 0"
    return tag("div", f"✗ {html.escape(text)}", role="alert", style=style)

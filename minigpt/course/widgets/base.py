"""What all panels share: their looks and their errors."""

import html
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ipywidgets import HTML, Layout, VBox, Widget

LABEL_WIDTH = {"description_width": "11em"}
CONTROL_LAYOUT = Layout(width="32em", max_width="100%")

Kind = TypeVar("Kind")


class Latest(Generic[Kind]):
    """Remembers the newest of a kind: the one before it may be out of sight."""

    def __init__(self) -> None:
        self._known: weakref.ref[Kind] | None = None

    def replaced_by(self, new: Kind) -> Kind | None:
        """Remember the new one; return the one before it, if there still is another."""
        before = self._known() if self._known is not None else None
        self._known = weakref.ref(new)
        return None if before is new else before


def control(kind: type[Widget], label: str, **traits: Any) -> Any:
    """Return a control with the course's label width: control(IntSlider, "layer")."""
    traits.setdefault("layout", CONTROL_LAYOUT)
    return kind(description=label, style=LABEL_WIDTH, **traits)


def panel(controls: list[Widget], *views: Widget) -> VBox:
    """Return one widget: the controls, then the views."""
    return VBox([*controls, *views], layout=Layout(padding="0.4em", max_width="60em"))


def connect(redraw: Callable[[], None], controls: list[Widget], problem: HTML) -> None:
    """Call `redraw` now and whenever a control's value changes.

    A ValueError is shown in words in `problem`; the view keeps its last good state.
    """
    # A cell and a control may ask at the same moment, from threads of their own: what
    # is shown last must be what was set last.
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


def in_words(error: Exception) -> str:
    """Return one line for people: the first of a ValueError, else with its kind."""
    if isinstance(error, MemoryError):
        return "out of memory: choose a smaller size"
    line = (str(error).splitlines() or [""])[0]
    return line if isinstance(error, ValueError) else f"{type(error).__name__}: {line}"


def message(text: str) -> str:
    """Return HTML for a problem, readable in the light and the dark theme."""
    return (
        '<div role="alert" style="color: var(--jp-error-color1, #b00020); '
        f'padding: 0.3em 0">✗ {html.escape(text)}</div>'
    )

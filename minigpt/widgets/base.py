"""What all panels share: their looks and their errors."""

import html
from collections.abc import Callable
from typing import Any

from ipywidgets import HTML, Layout, VBox, Widget

LABEL_WIDTH = {"description_width": "11em"}
CONTROL_LAYOUT = Layout(width="32em", max_width="100%")


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

    def on_change(_: Any = None) -> None:
        try:
            redraw()
            problem.value = ""
        except ValueError as error:
            problem.value = message(str(error))

    for widget in controls:
        widget.observe(on_change, names="value")
    on_change()


def message(text: str) -> str:
    """Return HTML for a problem, readable in the light and the dark theme."""
    return (
        '<div role="alert" style="color: var(--jp-error-color1, #b00020); '
        f'padding: 0.3em 0">✗ {html.escape(text)}</div>'
    )

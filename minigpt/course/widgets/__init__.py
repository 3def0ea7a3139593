"""The live panels of the lessons: each a function that returns one widget."""

# Panels are imported from their modules when first asked for, so that a lesson loads
# only its own.
import importlib
from typing import Any

_PANELS: dict[str, str] = {
    "attention_explorer": "attention",
    "episode_panel": "episode",
    "leak_grid_panel": "attention",
    "live_curve": "race",
    "playground": "playgrounds.panel",
    "reasons_panel": "reasons",
    "race_panel": "race",
    "sampling_bars": "sampling",
    "side_by_side": "playgrounds.panel",
    "stream_panel": "block",
    "surgery_panel": "surgery",
    "tale_button": "tale_panel",
    "token_explorer": "tokens",
    "training_panel": "training",
}


def __getattr__(name: str) -> Any:
    if name in _PANELS:
        return getattr(
            importlib.import_module(f"minigpt.course.widgets.{_PANELS[name]}"), name
        )
    raise AttributeError(f"minigpt.course.widgets has no panel {name!r}")


def __dir__() -> list[str]:
    return sorted(_PANELS)

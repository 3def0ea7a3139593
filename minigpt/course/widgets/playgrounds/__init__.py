"""Play with a model: move a slider, and the text starts anew at once."""

from minigpt.course.widgets.playgrounds.panel import (
    Playground,
    SideBySide,
    playground,
    side_by_side,
)

__all__ = ["Playground", "SideBySide", "playground", "side_by_side"]

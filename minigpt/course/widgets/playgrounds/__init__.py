"""Play with a model: each move of a slider starts the text anew."""

from minigpt.course.widgets.playgrounds.panel import (
    Playground,
    SideBySide,
    playground,
    side_by_side,
)

__all__ = ["Playground", "SideBySide", "playground", "side_by_side"]

"""Train a model in a panel: choose text, size and minutes, watch it learn, stop it."""

from minigpt.course.widgets.training.panel import TrainingPanel, training_panel

__all__ = ["TrainingPanel", "training_panel"]

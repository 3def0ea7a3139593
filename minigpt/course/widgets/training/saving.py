"""Save a run, and say in words what went wrong with one."""

from pathlib import Path

from minigpt.checkpoint import save_checkpoint
from minigpt.course.widgets.training.run import Run
from minigpt.paths import HOME
from minigpt.training import TrainingDiverged


def save(run: Run, path: Path) -> str:
    """Write the run to a checkpoint that it can be taken up from; say where it is.

    Raises:
        OSError: in one line, if it cannot be written.
    """
    save_checkpoint(path, run.model, run.dataset.tokenizer, run.state())
    shown = path.relative_to(HOME) if path.is_relative_to(HOME) else path
    return f"The model is saved in {shown}."


def explain(error: Exception) -> str:
    """Return one line for people: what happened, and what to do about it."""
    if isinstance(error, MemoryError):
        return "out of memory: choose a smaller size"
    lines = str(error).splitlines() or [type(error).__name__]
    if isinstance(error, TrainingDiverged):
        return f"{lines[0]}; or choose another size"
    return lines[0]

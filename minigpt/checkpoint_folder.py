"""Find the checkpoint to resume in a folder, and keep runs from replacing others."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from minigpt.checkpoint import TrainingState, peek

FINAL = "model_final.pt"


def find_furthest(folder: str | Path) -> Path:
    """Return the checkpoint with the most iterations of the run that began last.

    Raises:
        ValueError: the folder holds no checkpoint that a run can be resumed from.
    """
    runs = {path: state for path in saved_in(Path(folder)) if (state := peek(path))}
    if not runs:
        raise ValueError(f"there is no checkpoint in {folder}: leave --resume out")
    return max(runs, key=lambda p: (runs[p].run_id, runs[p].iteration, p.name == FINAL))


def saved_in(folder: Path) -> list[Path]:
    """Return the checkpoints that runs have saved in a folder."""
    return sorted([*folder.glob("model_iter_*.pt"), *folder.glob(FINAL)])


def make_room(
    paths: Iterable[Path], run_id: str, start: int, subfolder: Path | None = None
) -> Path | None:
    """Move those of the checkpoints at `paths` that a run must not replace.

    That is what other runs have saved, and what the run itself has saved beyond the
    iteration `start` that it was resumed from.

    Returns:
        The subfolder they were moved to: the one given, or else a new one beside them.
    """
    for path in paths:
        if path.exists() and not _precedes(peek(path), run_id, start):
            subfolder = subfolder or _free_subfolder(path.parent)
            with suppress(FileNotFoundError):  # another process may have moved it
                os.replace(path, subfolder / path.name)
    return subfolder


def _precedes(state: TrainingState | None, run_id: str, start: int) -> bool:
    return state is not None and state.run_id == run_id and state.iteration <= start


def _free_subfolder(folder: Path) -> Path:
    number = 1
    while True:
        path = folder / f"earlier_{number}"
        with suppress(FileExistsError):
            path.mkdir()
            return path
        number += 1

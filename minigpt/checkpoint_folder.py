"""Find the checkpoint to resume in a folder, and keep runs from replacing others."""

import os
from contextlib import suppress
from pathlib import Path

from minigpt.checkpoint import peek

FINAL = "model_final.pt"


def find_furthest(folder: str | Path) -> Path:
    """Return the checkpoint with the most iterations of the run that began last.

    Raises:
        ValueError: the folder holds no checkpoint that a run can be resumed from.
    """
    runs = {path: state for path in saved_in(Path(folder)) if (state := peek(path))}
    if not runs:
        raise ValueError(
            f"there is no checkpoint in {folder} to resume: start a new run"
        )
    return max(runs, key=lambda p: (runs[p].run_id, runs[p].iteration, p.name == FINAL))


def saved_in(folder: Path) -> list[Path]:
    """Return the checkpoints that runs have saved in a folder."""
    return sorted([*folder.glob("model_iter_*.pt"), *folder.glob(FINAL)])


def set_aside(paths: list[Path], subfolder: Path | None = None) -> Path | None:
    """Move checkpoints to the subfolder, or to a new one if it has such files."""
    if paths and (not subfolder or any((subfolder / p.name).exists() for p in paths)):
        subfolder = _free_subfolder(paths[0].parent)
    for path in paths:
        with suppress(FileNotFoundError):  # another process may have moved it
            os.replace(path, subfolder / path.name)  # type: ignore[operator]
    return subfolder


def _free_subfolder(folder: Path) -> Path:
    number = 1
    while True:
        path = folder / f"earlier_{number}"
        with suppress(FileExistsError):
            path.mkdir()
            return path
        number += 1

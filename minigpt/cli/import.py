"""Make a checkpoint of a model from another program: `minigpt import`."""

from pathlib import Path

from minigpt.checkpoint import save_checkpoint
from minigpt.huggingface import from_folder
from minigpt.paths import CHECKPOINTS


def run(folder: Path, checkpoint: Path | None) -> None:
    """Write a checkpoint that does not exist yet, and say how to use it."""
    path = checkpoint or CHECKPOINTS / f"{folder.resolve().name}.pt"
    if path.suffix != ".pt":
        raise ValueError(f"the name of a checkpoint must end in .pt, not {path.name!r}")
    if path.exists():
        raise ValueError(f"{path} exists and would be lost: choose another name")
    loaded = from_folder(folder)
    save_checkpoint(path, loaded.model, loaded.tokenizer)
    print(f"{path}: {loaded.model.num_parameters():,} parameters")
    print(f"let it write: minigpt generate --checkpoint {path}")

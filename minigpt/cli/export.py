"""Write a model as a folder for another program: `minigpt export`."""

from operator import methodcaller
from pathlib import Path

from minigpt.atomic import write_together
from minigpt.checkpoint import load_checkpoint
from minigpt.huggingface import to_files


def run(model: Path, folder: Path, to: str) -> None:
    """Write all files or none, never into a folder that holds something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists and is not an empty folder: choose another")
    files = to_files(load_checkpoint(model))
    write_together({folder / f: methodcaller("write", b) for f, b in files.items()})
    size = sum(map(len, files.values())) / 1e6
    print(f"{folder}: {size:.1f} MB, for transformers and tokenizers")

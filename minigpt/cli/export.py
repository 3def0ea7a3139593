"""Write a model as a folder for another program: `minigpt export`."""

from pathlib import Path

from minigpt.atomic import write_folder
from minigpt.checkpoint import load_checkpoint
from minigpt.huggingface import to_files


def run(model: Path, folder: Path, to: str) -> None:
    """Write all files or none, never into a folder that holds something already."""
    files = to_files(load_checkpoint(model))
    write_folder(folder, files)
    size = sum(map(len, files.values())) / 1e6
    print(f"{folder}: {size:.1f} MB, for transformers and tokenizers")

"""Write the lessons for learners, for teachers or as slides: `minigpt edition`."""

from pathlib import Path

from minigpt.cli.output import count
from minigpt.course.editions import EDITIONS
from minigpt.course.lessons import LESSONS, write_folder


def run(kind: str, folder: Path) -> None:
    """Write an edition into a new folder."""
    files = EDITIONS[kind](LESSONS)
    write_folder(folder, files)
    print(f"{folder}: {count(len(files), 'file')}")

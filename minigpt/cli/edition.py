"""Write the lessons for learners, for teachers or as slides: `minigpt edition`."""

from pathlib import Path

from minigpt.atomic import write_folder
from minigpt.cli.output import count
from minigpt.course.editions import EDITIONS
from minigpt.course.lessons import LESSONS


def run(kind: str, folder: Path) -> None:
    """Write an edition into a new folder."""
    files = EDITIONS[kind](LESSONS)
    write_folder(folder, files)
    print(f"{folder}: {count(len(files), 'file')}")

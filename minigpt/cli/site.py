"""Build the course as a static site: `minigpt site`."""

from pathlib import Path

from minigpt.atomic import write_folder
from minigpt.course.lessons import LESSONS
from minigpt.course.site import make_site


def run(folder: Path) -> None:
    """Write all pages into a new folder, and say where to begin."""
    files = make_site(LESSONS)
    write_folder(folder, files)
    size = sum(map(len, files.values())) / 1e6
    print(f"{folder / 'index.html'}: {len(files)} files, {size:.1f} MB; open it")

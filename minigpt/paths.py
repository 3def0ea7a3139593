"""Find the files that come with the course and the folders for a learner's own files.

The texts and the shipped model come with the course: in a clone they are in `data/` and
`checkpoints/`, in an installed package inside it, where nothing is ever written. A
learner's own data and models go to the folder that the environment variable
MINIGPT_HOME names. Without it that is the clone that the package runs from, otherwise a
clone around the current folder, otherwise the current folder.
"""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def _is_clone(folder: Path) -> bool:
    return (folder / "notebooks" / "00_start_here.ipynb").is_file()


def _find_home() -> Path:
    if chosen := os.environ.get("MINIGPT_HOME"):
        return Path(chosen).expanduser().absolute()
    here = Path.cwd()
    candidates = [PACKAGE.parent, here, *here.parents]
    return next(filter(_is_clone, candidates), here)


ASSETS = PACKAGE.parent if _is_clone(PACKAGE.parent) else PACKAGE / "assets"
TEXTS = ASSETS / "data"
SHIPPED_CHECKPOINT = ASSETS / "checkpoints" / "tales.pt"

HOME = _find_home()
DATA = HOME / "data"
CHECKPOINTS = HOME / "checkpoints"
NOTEBOOKS = HOME / "notebooks" if (HOME / "notebooks").is_dir() else HOME

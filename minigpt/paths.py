"""Name the folders of the course: its own files, and those that a learner makes.

Its own files are the texts, the shipped model and the lessons. They lie in the checkout
that the package runs from, or inside the installed package, where nothing is ever
written. A learner's data and models go to the first of these that exists: the folder
that the environment variable MINIGPT_HOME names, the checkout, a checkout around the
current folder, the current folder itself.
"""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def _is_checkout(folder: Path) -> bool:
    return (folder / "notebooks" / "00_start_here.ipynb").is_file()


def _find_home() -> Path:
    if chosen := os.environ.get("MINIGPT_HOME"):
        return Path(chosen).expanduser().absolute()
    here = Path.cwd()
    candidates = [PACKAGE.parent, here, *here.parents]
    return next(filter(_is_checkout, candidates), here)


ASSETS = PACKAGE.parent if _is_checkout(PACKAGE.parent) else PACKAGE / "assets"
TEXTS = ASSETS / "data"
SHIPPED_CHECKPOINT = ASSETS / "checkpoints" / "fables.pt"

HOME = _find_home()
DATA = HOME / "data"
CHECKPOINTS = HOME / "checkpoints"
NOTEBOOKS = HOME / "notebooks"

"""Prepare a text for training: the same as `minigpt prepare`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from minigpt.cli import main

if __name__ == "__main__":
    main(["prepare", *sys.argv[1:]])

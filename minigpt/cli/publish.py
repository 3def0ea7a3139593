"""Write a page in which a model writes: `minigpt publish`."""

import sys
from pathlib import Path
from typing import Any

from minigpt.checkpoint import load_checkpoint
from minigpt.paths import SHIPPED_CHECKPOINT
from minigpt.publish import check_name, make_page, write_page

LARGE = 6_000_000  # bytes; a larger page takes a phone long to open


def run(model: Path, page: Path, **options: Any) -> None:
    """Write the page whole or not at all, and say how large it is."""
    check_name(page)
    tales = model.resolve() == SHIPPED_CHECKPOINT.resolve()
    text = make_page(load_checkpoint(model), tales=tales, **options)
    size = write_page(text, page)
    print(f"{page}: {size / 1e6:.1f} MB; open it in any browser")
    if size > LARGE:
        note = "a page this large opens slowly on a phone; train a smaller model for it"
        print(note, file=sys.stderr)

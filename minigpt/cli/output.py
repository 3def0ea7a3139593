"""Write to standard output, also when nobody reads it any more."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def until_nobody_reads() -> Iterator[None]:
    """Ignore that the reader of our pipe has gone, as in `minigpt train | head -1`."""
    try:
        yield
    except BrokenPipeError:
        drop_output()


def drop_output() -> None:
    """Keep Python from failing at exit over output that nobody can read."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""Write to standard output, whose reader may be gone, and put numbers into words."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def until_nobody_reads() -> Iterator[None]:
    """Ignore it if the reader of the pipe on standard output has left."""
    try:
        yield
    except BrokenPipeError:
        drop_output()


def drop_output() -> None:
    """Discard what cannot be written, so that Python does not try again at its exit."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def count(number: int, noun: str) -> str:
    """Return the number and its noun: "1 token", "1,200 tokens"."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"

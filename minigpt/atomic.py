"""Write files whole or not at all."""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EISDIR
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".tmp"
STALE = 3600  # seconds; no file takes that long to write

Write = Callable[[BinaryIO], object]


def write_whole(path: Path, write: Write) -> None:
    """Fill the file at `path` by calling `write`; readers see all of it or the old one.

    Raises:
        OSError: in one line, if the folder cannot be written or the disk is full; an
            older file of that name is left as it was.
    """
    write_together({path: write})


def write_together(writes: Mapping[Path, Write]) -> None:
    """Fill several files that belong together: all of them, or none.

    The bytes go to temporary files beside them, are flushed to the disk, and only
    when all are there do they take their names. That takes a moment, in which Ctrl-C
    has to wait, and only a kill leaves some of them.

    Raises:
        OSError: in one line, as by `write_whole`.
    """
    temporary: dict[Path, Path] = {}
    try:
        for path, write in writes.items():
            with _explained(path):
                if path.is_dir():
                    raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
                temporary[path] = _make_temporary(path)
                _fill(temporary[path], write)
        with _undisturbed():
            for path in writes:
                with _explained(path):
                    os.replace(temporary[path], path)
    finally:
        for leftover in temporary.values():
            leftover.unlink(missing_ok=True)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait until the block has ended."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is None:
        yield  # nothing in Python would hear of it here
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            signal.raise_signal(signal.SIGINT)


def check_writable(folder: Path) -> None:
    """Make the folder if it is missing, and raise OSError if it takes no files.

    What a killed process has left half-written in it long ago is cleared away.
    """
    with _explained(folder):
        _make_temporary(folder / "check").unlink()
    for path in folder.glob(f".*.pt-*{TEMPORARY}"):
        with suppress(OSError):  # another run may do the same
            if time.time() - path.stat().st_mtime > STALE:
                path.unlink()


def _make_temporary(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name}-", suffix=TEMPORARY
    )
    os.close(handle)
    return Path(name)


def _fill(path: Path, write: Write) -> None:
    with path.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    # Temporary files are private to their owner; a saved model need not be.
    path.chmod(0o644)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what goes wrong into an OSError whose message says what to do."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"could not write {path}: {_reason(error)}; choose another folder or free "
            "some space"
        ) from error


def _reason(error: BaseException) -> str:
    # torch.save answers a full disk with an error of its own on top of the real one.
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__context__
    return str(error).partition("\n")[0]

"""Write files whole or not at all."""

import os
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from operator import methodcaller
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".tmp"
STALE = 3600  # seconds; no file takes that long to write

Write = Callable[[BinaryIO], object]


def write_whole(path: str | Path, write: Write) -> None:
    """Create or replace the file at `path` with what `write(file)` writes.

    A reader sees the old file or the new one, never a part of it. The file keeps its
    permissions; if it is a symbolic link, its target is replaced.

    Raises:
        OSError: the file cannot be written; an older one is left as it was.
    """
    write_together({path: write})


def write_together(writes: Mapping[str | Path, Write]) -> None:
    """Write several files that only make sense together: all of them, or none.

    They are written to temporary files, which are renamed when all are complete. Only
    a process that is killed while it renames can leave some old and some new.

    Raises:
        OSError: a file cannot be written; older ones are left as they were.
    """
    temporary: dict[Path, Path] = {}
    try:
        for name, write in writes.items():
            path = Path(os.path.realpath(name))
            with _explained(path):
                temporary[path] = _temporary_name(path)
                _fill(temporary[path], path, write)
        with _interrupt_delayed():
            for path, complete in temporary.items():
                with _explained(path):
                    os.replace(complete, path)
    finally:
        for leftover in temporary.values():
            with suppress(OSError):  # it has been renamed, or never written
                leftover.unlink()


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files into a folder, or none; it must be new or empty.

    Args:
        files: the content of each file by its path in the folder.

    Raises:
        ValueError: the folder holds something that could be lost.
        OSError: it cannot be written to.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"{folder} is there already: delete it, or name a folder that is new"
        )
    write_together({folder / f: methodcaller("write", c) for f, c in files.items()})


def check_writable(folder: str | Path) -> None:
    """Create the folder if it is missing; raise OSError if it cannot be written to.

    Temporary files that a killed process left there long ago are deleted.
    """
    folder = Path(folder)
    with _explained(folder):
        probe = _temporary_name(folder / "check")
        probe.touch(exist_ok=False)
        probe.unlink()
    for path in folder.glob(f".*.pt-*{TEMPORARY}"):
        with suppress(OSError):  # another run may do the same
            if time.time() - path.stat().st_mtime > STALE:
                path.unlink()


def _temporary_name(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}-{secrets.token_hex(4)}{TEMPORARY}")


def _fill(temporary: Path, path: Path, write: Write) -> None:
    if path.exists() and not path.is_file():  # a folder, or /dev/null
        raise OSError("it is not a file")
    with temporary.open("xb") as file:
        if path.exists():
            shutil.copymode(path, temporary)
        write(file)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _interrupt_delayed() -> Iterator[None]:
    """Delay Ctrl-C until the block has ended."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is None:
        yield  # only the main thread is interrupted, and only by Python's own handler
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            signal.raise_signal(signal.SIGINT)


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

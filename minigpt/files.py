"""Know where the course's files live, and write files whole or not at all."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
CHECKPOINTS = ROOT / "checkpoints"
SHIPPED_CHECKPOINT = CHECKPOINTS / "fables.pt"


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Fill the file at `path` by calling `write`; readers see all of it or the old one.

    The bytes go to a temporary file beside it, are flushed to the disk, and only then
    take the name.

    Raises:
        OSError: in one line, if the folder cannot be written or the disk is full; an
            older file of that name is left as it was.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}-", suffix=".tmp", delete=False
        ) as file:
            temporary = Path(file.name)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        # Temporary files are private to their owner; a saved model need not be.
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise OSError(
            f"could not write {path}: {reason}; choose another folder or free some space"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8 with plain line ends, whole or not at all."""
    write_whole(path, lambda file: file.write(text.encode("utf-8")))

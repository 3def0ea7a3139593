"""Read a file of text, and say in one line what is wrong with it."""

import unicodedata
from pathlib import Path


def read_utf8(path: Path, kind: str = "a text file", else_choose: str = "") -> str:
    """Return the content of a UTF-8 file; a BOM is dropped, line ends become "\\n".

    Characters are composed (Unicode NFC): "й" is one character, never "и" and a breve.

    Args:
        kind: what the file should be, for the messages.
        else_choose: what could be given instead of a file that is missing.

    Raises:
        ValueError: the file is missing, a folder, or not text.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give {kind} inside it")
    try:
        return unicodedata.normalize("NFC", path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        other = f", or choose one of {else_choose}" if else_choose else ""
        raise ValueError(f"there is no file {path}: check the path{other}") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text (byte {error.start} cannot be read): "
            "save it as UTF-8 in your editor"
        ) from None
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}): check the file, or use another"
        ) from None

"""Say what every tokenizer offers, and check what it is given."""

import unicodedata
from collections.abc import Iterable, Sequence
from operator import index
from typing import Any, Protocol

# Prepared data is stored as unsigned 16-bit numbers.
MAX_VOCAB_SIZE = 65_536


class Tokenizer(Protocol):
    """Text to ids and back: what the rest of the package relies on."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of the text."""

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids."""

    def to_dict(self) -> dict[str, Any]:
        """Return strings, ints and lists from which the tokenizer can be rebuilt."""

    @property
    def vocab_size(self) -> int:
        """V, how many different tokens there are."""

    @property
    def tokens(self) -> list[str]:
        """One string per id, to be shown to people (see `visible`)."""


def visible(text: str) -> str:
    r"""Return the text with everything that leaves no ink made visible.

    >>> visible("to be,\n\tor\0")
    'to␣be,⏎\\tor\\x00'
    """
    return "".join(_visible_character(c) for c in text)


def _visible_character(character: str) -> str:
    if character in " \n":
        return "␣" if character == " " else "⏎"
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def describe_character(character: str) -> str:
    """Return the character, its code point and its Unicode name on one line.

    >>> print(describe_character("é"))
    'é' (U+00E9 LATIN SMALL LETTER E WITH ACUTE)
    """
    name = unicodedata.name(character, "")
    return f"{character!r} ({f'U+{ord(character):04X} {name}'.rstrip()})"


def check_text(text: str) -> None:
    """Raise ValueError if the text holds half a surrogate pair.

    Python strings can hold one, UTF-8 files and bytes cannot.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"lone surrogate {text[error.start]!r} at position {error.start}: it is "
            "half of a character and cannot be stored as UTF-8; remove it"
        ) from None


def as_ids(ids: Any) -> list[int]:
    """Return any one-dimensional integers as a list of ints.

    Args:
        ids: a list, tuple, range, iterator, NumPy array or tensor.

    Raises:
        ValueError: they are not one-dimensional, or not integers.
    """
    try:
        values = ids.tolist() if hasattr(ids, "tolist") else list(ids)
        if not isinstance(values, list) or any(isinstance(i, bool) for i in values):
            raise TypeError
        return [index(i) for i in values]
    except TypeError:
        shape = getattr(ids, "shape", None)
        what = f"shape {tuple(shape)}" if shape is not None else type(ids).__name__
        raise ValueError(
            f"ids must be whole numbers in one dimension, not {what}"
        ) from None


def check_ids(ids: Sequence[int], vocab_size: int) -> None:
    """Raise ValueError naming the first of the ids that stands for no token."""
    for position, i in enumerate(ids):
        if not 0 <= i < vocab_size:
            raise ValueError(
                f"id {i} at position {position} stands for no token: "
                f"ids of this tokenizer are from 0 to {vocab_size - 1}"
            )


def check_vocab_size(vocab_size: int, smallest: int = 1) -> None:
    """Raise ValueError unless ids below vocab_size fit into 16 bits."""
    if not smallest <= vocab_size <= MAX_VOCAB_SIZE:
        raise ValueError(
            f"the vocabulary size must be from {smallest} to {MAX_VOCAB_SIZE:,}, "
            f"not {vocab_size:,}"
        )

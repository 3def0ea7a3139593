"""Define what all tokenizers offer, check their arguments, and stream their text."""

import reprlib
from collections.abc import Iterable, Iterator
from numbers import Integral
from operator import index
from typing import Any, Protocol

# Prepared data is stored as unsigned 16-bit numbers.
MAX_VOCAB_SIZE = 65_536
UNREADABLE = "\N{REPLACEMENT CHARACTER}"


class Tokenizer(Protocol):
    """The interface of all tokenizers: text to token ids and back.

    Attributes:
        tokens: one string per id, as it is shown to people (see `visible`).
    """

    tokens: list[str]

    def encode(self, text: str) -> list[int]:
        """Return the ids of the text.

        Raises:
            ValueError: the text cannot be encoded.
        """

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids, any one-dimensional integers.

        Raises:
            ValueError: they are not integers, or one of them is not below `vocab_size`.
        """

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that `tokenizer_from_dict` rebuilds the tokenizer from."""

    @property
    def vocab_size(self) -> int:
        """V, the number of different tokens."""
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.vocab_size} tokens>"


def visible(text: str) -> str:
    r"""Return the text with spaces, line ends and control characters made visible.

    >>> visible("to be,\n\tor\0")
    'to␣be,⏎\\tor\\x00'
    """
    marked = text.replace(" ", "␣").replace("\n", "⏎")
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii")
        for c in marked
    )


def check_text(text: str) -> None:
    """Raise ValueError unless the text is a string that UTF-8 can store."""
    if not isinstance(text, str):
        raise ValueError(f"a text must be a string, not {reprlib.repr(text)}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"lone surrogate {text[error.start]!r} at position {error.start}: it is "
            "half of a character and cannot be stored as UTF-8; remove it"
        ) from None


def as_ids(ids: Any) -> list[int]:
    """Return a list, iterator, NumPy array or tensor of integers as a list of ints.

    Raises:
        ValueError: the ids are not one-dimensional, or not integers.
    """
    try:
        values = ids.tolist() if hasattr(ids, "tolist") else list(ids)
        if not isinstance(values, list) or any(isinstance(i, bool) for i in values):
            raise TypeError
        return [index(i) for i in values]
    except TypeError:
        shape = tuple(getattr(ids, "shape", [1]))
        what = reprlib.repr(ids) if len(shape) == 1 else f"of shape {shape}"
        raise ValueError(
            f"ids must be whole numbers in one dimension, not {what}"
        ) from None


def known_ids(ids: Any, vocab_size: int) -> list[int]:
    """Return `as_ids(ids)`, or raise ValueError if one is not below vocab_size."""
    ids = as_ids(ids)
    for position, i in enumerate(ids):
        if not 0 <= i < vocab_size:
            raise ValueError(
                f"id {i} at position {position} is not in the vocabulary: the ids of "
                f"this tokenizer are from 0 to {vocab_size - 1}"
            )
    return ids


def check_vocab_size(vocab_size: int, smallest: int = 1) -> None:
    """Raise ValueError unless ids below vocab_size fit into 16 bits."""
    if not isinstance(vocab_size, Integral) or isinstance(vocab_size, bool):
        raise ValueError(
            f"the vocabulary size must be a whole number, not {vocab_size!r}"
        )
    if not smallest <= vocab_size <= MAX_VOCAB_SIZE:
        raise ValueError(
            f"the vocabulary size must be from {smallest} to {MAX_VOCAB_SIZE:,}, "
            f"not {vocab_size:,}"
        )


def stream_text(tokenizer: Tokenizer, ids: Iterable[int]) -> Iterator[str]:
    """Yield the text of the ids piece by piece, as soon as each piece is certain.

    The pieces together are `tokenizer.decode(ids)`. A byte-pair token may end in the
    middle of a character; its piece is then held back until the character is complete.

    Args:
        ids: any one-dimensional integers, or an iterator that generates them.
    """
    waiting: list[int] = []
    shown = 0
    for i in ids:
        waiting.append(i)
        text = tokenizer.decode(waiting)
        # Only an incomplete last character can change when more bytes follow.
        certain = len(text.removesuffix(UNREADABLE))
        if certain > shown:
            yield text[shown:certain]
        shown = certain
        if certain == len(text):
            waiting, shown = [], 0
    if waiting:
        yield tokenizer.decode(waiting)[shown:]

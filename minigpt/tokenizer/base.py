"""Define what all tokenizers offer, check their arguments, and stream their text."""

import reprlib
from collections import deque
from collections.abc import Iterable, Iterator
from numbers import Integral
from operator import index
from typing import Any, Protocol

# Prepared data is stored as unsigned 16-bit numbers.
MAX_VOCAB_SIZE = 65_536
LONGEST_END = 16  # characters
UNREADABLE = "\N{REPLACEMENT CHARACTER}"


class Tokenizer(Protocol):
    """The interface of all tokenizers: text to token ids and back.

    Attributes:
        tokens: one string per id, as it is shown to people (see `visible`).
        end: what follows the end of each text that the tokenizer was trained on, such
            as the blank lines between two tales, or GPT-2's "<|endoftext|>"; "" if
            there was only one.
    """

    tokens: list[str]
    end: str = ""

    def encode(self, text: str) -> list[int]:
        """Return the ids of the text.

        Raises:
            ValueError: the text cannot be encoded.
        """

    def encode_prompt(self, text: str) -> list[int]:
        """Return the ids of the beginning of a text, for a model to continue.

        A model that has learned to end its texts with line breaks begins them with the
        last of these, which is added if it is missing.

        Raises:
            ValueError: the text cannot be encoded.
        """
        begin = "\n" if self.end.endswith("\n") else ""
        before = [] if text.startswith(begin) else self.encode(begin)
        return before + self._encode_open(text)

    def _encode_open(self, text: str) -> list[int]:
        """Return the ids of a text that goes on."""
        return self.encode(text)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids, any one-dimensional integers.

        Raises:
            ValueError: they are not integers, or one of them is not below `vocab_size`.
        """

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that `tokenizer_from_dict` rebuilds the tokenizer from."""

    def _ending(self) -> dict[str, str]:
        return {"end": self.end} if self.end else {}

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


def until_end(tokenizer: Tokenizer, ids: Iterable[int]) -> Iterator[int]:
    """Yield the ids up to the end of the text, or all if `tokenizer.end` is "".

    >>> from minigpt.tokenizer import CharTokenizer
    >>> tokenizer = CharTokenizer(".ab")
    >>> tokenizer.end = ".."
    >>> list(until_end(tokenizer, [1, 0, 2, 0, 0, 1]))
    [1, 0, 2, 0]
    """
    end, recent = tokenizer.end, deque[int](maxlen=len(tokenizer.end))
    for i in ids:
        recent.append(int(i))
        if end and tokenizer.decode(recent).endswith(end):
            return
        yield i


def stream_text(tokenizer: Tokenizer, ids: Iterable[int]) -> Iterator[str]:
    """Yield the text of the ids piece by piece, as soon as each piece is certain.

    The pieces together are `tokenizer.decode(ids)` up to its end. A byte-pair token may
    end in the middle of a character; its piece is then held back until the character is
    complete.

    Args:
        ids: any one-dimensional integers, or an iterator that generates them.
    """
    waiting: list[int] = []
    shown = 0
    for i in until_end(tokenizer, ids):
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

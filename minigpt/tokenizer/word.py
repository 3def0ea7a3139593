"""Give the most frequent words of a text an id each, and all others the same one."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from minigpt.tokenizer.base import check_ids, check_text, check_vocab_size, visible

UNKNOWN = "<unk>"

# A word (an apostrophe may be inside: don't), a run of spaces, or one other character.
_PIECE = re.compile(r"\w+(?:['’]\w+)*|\s+|[^\w\s]")


class WordTokenizer:
    """One token per word, run of spaces or punctuation mark.

    Text whose words are all in the vocabulary comes back exactly. Any other word
    becomes id 0 and is lost: it comes back as "<unk>". That is the price of words, and
    the reason why GPTs are built on characters or byte pairs.

    Args:
        words: the word of id 0, which is "<unk>", of id 1, and so on.

    Raises:
        ValueError: the first is not "<unk>", one comes twice or is empty, or there are
            too many.

    >>> tokenizer = WordTokenizer.from_text("a crow saw a fox", vocab_size=4)
    >>> tokenizer.words
    ['<unk>', ' ', 'a', 'crow']
    >>> tokenizer.encode("a crow saw")
    [2, 1, 3, 1, 0]
    >>> tokenizer.decode([2, 1, 3, 1, 0])
    'a crow <unk>'
    """

    def __init__(self, words: Sequence[str]) -> None:
        if not words or words[0] != UNKNOWN:
            raise ValueError(f"the first word of a vocabulary must be {UNKNOWN!r}")
        check_vocab_size(len(words))
        check_text("".join(words))
        self.words = list(words)
        self._ids = {word: i for i, word in enumerate(words)}
        if "" in self._ids or len(self._ids) < len(words):
            raise ValueError(
                "the words of a vocabulary must be different and not empty"
            )

    @classmethod
    def from_text(cls, text: str, vocab_size: int = 5000) -> "WordTokenizer":
        """Return a tokenizer for the most frequent words of the text and "<unk>".

        Of equally frequent words the first in sorted order are kept. There are fewer
        than vocab_size if the text has fewer.

        Raises:
            ValueError: the text is empty or holds a lone surrogate, or vocab_size is
                below 2 or above 65,536.
        """
        check_vocab_size(vocab_size, smallest=2)
        check_text(text)
        if not text:
            raise ValueError("the text is empty: give one whose words to learn")
        counts = Counter(_PIECE.findall(text))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls([UNKNOWN, *ranked[: vocab_size - 1]])

    @property
    def vocab_size(self) -> int:
        """V, how many different words there are, "<unk>" included."""
        return len(self.words)

    @property
    def tokens(self) -> list[str]:
        """The words, spaces and newlines as visible signs."""
        return [visible(word) for word in self.words]

    def encode(self, text: str) -> list[int]:
        """Return one id per word, space or mark: 0 for those not in the vocabulary."""
        return [self._ids.get(piece, 0) for piece in _PIECE.findall(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids, or raise ValueError at one out of range."""
        ids = list(ids)
        check_ids(ids, self.vocab_size)
        return "".join([self.words[i] for i in ids])

    def to_dict(self) -> dict[str, Any]:
        """Return what `tokenizer_from_dict` rebuilds the tokenizer from."""
        return {"type": "word", "words": list(self.words)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "WordTokenizer":
        """Return the tokenizer of a `to_dict`, or raise ValueError."""
        words = fields.get("words")
        if not isinstance(words, list) or not all(isinstance(w, str) for w in words):
            raise ValueError('"words" must be a list of strings')
        return cls(words)

    def __repr__(self) -> str:
        return f"<WordTokenizer of {self.vocab_size} tokens>"

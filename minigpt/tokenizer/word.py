"""Tokenize a text by words, with one id for all words outside the vocabulary."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from unicodedata import is_normalized, normalize

from minigpt.tokenizer.base import (
    Tokenizer,
    check_text,
    check_vocab_size,
    known_ids,
    visible,
)

UNKNOWN = "<unk>"

# A word (an apostrophe may be inside: don't), a run of spaces, or one other character.
_PIECE = re.compile(r"\w+(?:['’]\w+)*|\s+|[^\w\s]")


class WordTokenizer(Tokenizer):
    """One token per word, run of spaces or punctuation mark.

    A text whose words are all in the vocabulary can be restored exactly. Any other word
    is encoded as id 0 and decoded as "<unk>": it is lost, which is why GPTs are built
    on characters or byte pairs.

    Args:
        words: the vocabulary, the word with id 0 first, which is "<unk>".

    Raises:
        ValueError: the first word is not "<unk>", one comes twice or is empty, or there
            are more than 65,536.

    >>> tokenizer = WordTokenizer.from_text("a crow saw a fox", vocab_size=4)
    >>> tokenizer.words
    ['<unk>', ' ', 'a', 'crow']
    >>> tokenizer.encode("a crow saw")
    [2, 1, 3, 1, 0]
    >>> tokenizer.decode([2, 1, 3, 1, 0])
    'a crow <unk>'
    """

    def __init__(self, words: Sequence[str]) -> None:
        for word in words:
            check_text(word)
        self.words = list(map(str, words))
        if self.words[:1] != [UNKNOWN]:
            raise ValueError(f"the first word of a vocabulary must be {UNKNOWN!r}")
        check_vocab_size(len(self.words))
        self.tokens = list(map(visible, self.words))
        self._ids = {word: i for i, word in enumerate(self.words)}
        if "" in self._ids or len(self._ids) < len(words):
            raise ValueError("the words of a vocabulary must be different, not empty")

    @classmethod
    def from_text(cls, text: str, vocab_size: int = 5000) -> "WordTokenizer":
        """Return a tokenizer for "<unk>" and the most frequent words of the text.

        Of equally frequent words the first in sorted order are kept.

        Raises:
            ValueError: the text is empty, or vocab_size is not from 2 to 65,536.
        """
        check_vocab_size(vocab_size, smallest=2)
        check_text(text)
        if not text:
            raise ValueError("the text is empty: use one with words in it")
        counts = Counter(_PIECE.findall(text))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls([UNKNOWN, *ranked[: vocab_size - 1]])

    def encode(self, text: str) -> list[int]:
        """Return one id per word, run of spaces or mark: 0 if it is unknown.

        A text with unknown words is encoded in its composed form (Unicode NFC).
        """
        return [self._ids.get(piece, 0) for piece in self._pieces(text)]

    def unknown_words(self, text: str) -> list[str]:
        """Return the words of the text that are not in the vocabulary, each once.

        >>> WordTokenizer.from_text("a crow").unknown_words("a fox, a fox")
        ['fox', ',']
        """
        return [p for p in dict.fromkeys(self._pieces(text)) if p not in self._ids]

    def _pieces(self, text: str) -> list[str]:
        check_text(text)
        pieces = _PIECE.findall(text)
        if self._ids.keys() >= set(pieces) or is_normalized("NFC", text):
            return pieces
        return _PIECE.findall(normalize("NFC", text))

    def decode(self, ids: Iterable[int]) -> str:
        return "".join([self.words[i] for i in known_ids(ids, self.vocab_size)])

    def to_dict(self) -> dict[str, Any]:
        return {"type": "word", "words": list(self.words)} | self._ending()

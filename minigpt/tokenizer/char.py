"""Tokenize a text by characters."""

import unicodedata
from collections.abc import Iterable
from typing import Any

from minigpt.tokenizer.base import (
    MAX_VOCAB_SIZE,
    Tokenizer,
    check_text,
    known_ids,
    visible,
)


class CharTokenizer(Tokenizer):
    """One token per character; a character outside the vocabulary is an error.

    Args:
        characters: the vocabulary, the character with id 0 first.

    Raises:
        ValueError: there are none, more than 65,536, or two that are the same.

    >>> tokenizer = CharTokenizer.from_text("hello")
    >>> tokenizer.characters
    'ehlo'
    >>> tokenizer.encode("hello")
    [1, 0, 2, 2, 3]
    >>> tokenizer.decode([1, 3, 2, 0])
    'hole'
    """

    def __init__(self, characters: str) -> None:
        if not characters:
            raise ValueError("the text is empty: use one with characters in it")
        check_text(characters)
        if len(characters) > MAX_VOCAB_SIZE:
            raise ValueError(
                f"the text has {len(characters):,} different characters, and at most "
                f"{MAX_VOCAB_SIZE:,} can have an id: use --tokenizer bpe"
            )
        self.characters = str(characters)
        self.tokens = list(map(visible, characters))
        self._ids = {character: i for i, character in enumerate(characters)}
        if len(self._ids) < len(characters):
            raise ValueError("the characters of a vocabulary must all be different")

    @classmethod
    def from_text(cls, text: str) -> "CharTokenizer":
        """Return a tokenizer for the characters of the text, in sorted order."""
        check_text(text)
        return cls("".join(sorted(set(text))))

    def encode(self, text: str) -> list[int]:
        """Return one id per character.

        A text with characters that are not in the vocabulary is encoded in its composed
        form (Unicode NFC), in which "и" and a breve are "й".

        Raises:
            ValueError: a character is not in the vocabulary even so.
        """
        check_text(text)
        if not self._ids.keys() >= set(text):
            text = unicodedata.normalize("NFC", text)
        try:
            return [self._ids[character] for character in text]
        except KeyError:
            position = next(i for i, c in enumerate(text) if c not in self._ids)
            raise ValueError(
                f"unknown character {_describe(text[position])} at position "
                f"{position}: it is not in the vocabulary of this tokenizer; remove "
                "it, or prepare a text that has it"
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        return "".join([self.characters[i] for i in known_ids(ids, self.vocab_size)])

    def to_dict(self) -> dict[str, Any]:
        return {"type": "char", "characters": self.characters} | self._ending()


def _describe(character: str) -> str:
    """Return 'é' (U+00E9 LATIN SMALL LETTER E WITH ACUTE), for example."""
    code_point = f"U+{ord(character):04X} {unicodedata.name(character, '')}"
    return f"{character!r} ({code_point.rstrip()})"

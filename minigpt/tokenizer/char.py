"""Give every character of a text an id of its own."""

from collections.abc import Iterable
from typing import Any

from minigpt.tokenizer.base import (
    check_ids,
    check_text,
    check_vocab_size,
    describe_character,
    visible,
)


class CharTokenizer:
    """One token per character. What it has not seen in its text it refuses.

    Args:
        characters: the character of id 0, of id 1, and so on.

    Raises:
        ValueError: there are no characters, one comes twice, or there are too many.

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
            raise ValueError("the text is empty: give one whose characters to learn")
        check_text(characters)
        check_vocab_size(len(characters))
        self.characters = characters
        self._ids = {character: i for i, character in enumerate(characters)}
        if len(self._ids) < len(characters):
            raise ValueError("the characters of a vocabulary must all be different")

    @classmethod
    def from_text(cls, text: str) -> "CharTokenizer":
        """Return a tokenizer for the characters of the text, in sorted order."""
        check_text(text)
        return cls("".join(sorted(set(text))))

    @property
    def vocab_size(self) -> int:
        """V, how many different characters there are."""
        return len(self.characters)

    @property
    def tokens(self) -> list[str]:
        """The characters, space and newline as visible signs."""
        return [visible(character) for character in self.characters]

    def encode(self, text: str) -> list[int]:
        """Return one id per character, or raise ValueError at an unknown one."""
        try:
            return [self._ids[character] for character in text]
        except KeyError:
            position = next(i for i, c in enumerate(text) if c not in self._ids)
            raise ValueError(
                f"unknown character {describe_character(text[position])} at position "
                f"{position}: it is not among the {self.vocab_size} characters this "
                "tokenizer was made from; remove it, or prepare data that hold it"
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids, or raise ValueError at one out of range."""
        ids = list(ids)
        check_ids(ids, self.vocab_size)
        return "".join([self.characters[i] for i in ids])

    def to_dict(self) -> dict[str, Any]:
        """Return what `tokenizer_from_dict` rebuilds the tokenizer from."""
        return {"type": "char", "characters": self.characters}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "CharTokenizer":
        """Return the tokenizer of a `to_dict`, or raise ValueError."""
        characters = fields.get("characters")
        if not isinstance(characters, str):
            raise ValueError('"characters" must be a string')
        return cls(characters)

    def __repr__(self) -> str:
        return f"<CharTokenizer of {self.vocab_size} tokens>"

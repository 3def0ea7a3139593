"""Train a tokenizer of any kind, write it as `vocab.json` and read it again."""

import json
import re
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minigpt.tokenizer.base import LONGEST_END, Tokenizer
from minigpt.tokenizer.bpe import BPETokenizer
from minigpt.tokenizer.char import CharTokenizer
from minigpt.tokenizer.word import WordTokenizer

# The class of each kind, and the name and type of the field that it is rebuilt from.
KINDS: dict[str, tuple[Callable[..., Tokenizer], str, type, str]] = {
    "char": (CharTokenizer, "characters", str, "a string"),
    "bpe": (BPETokenizer, "merges", list, "a list of pairs of ids"),
    "word": (WordTokenizer, "words", list, "a list of strings"),
}


def train_tokenizer(kind: str, text: str, vocab_size: int | None = None) -> Tokenizer:
    """Return a "char", "bpe" or "word" tokenizer that is trained on the text.

    Args:
        vocab_size: the largest number of tokens; None for 1000 (bpe) or 5000 (word).
            The characters of the text decide the size of a char tokenizer.

    Raises:
        ValueError: the kind is unknown, the size does not suit it, or the text is
            empty.
    """
    _check_kind(kind)
    size = {} if vocab_size is None else {"vocab_size": vocab_size}
    if kind == "bpe":
        return BPETokenizer.train(text, **size)
    if kind == "word":
        return WordTokenizer.from_text(text, **size)
    if size:
        raise ValueError(
            "the characters of the text decide the vocabulary size of a char "
            f"tokenizer: leave out the {vocab_size}, or use bpe or word"
        )
    return CharTokenizer.from_text(text)


def _check_kind(kind: object) -> None:
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"unknown tokenizer {kind!r}: choose from {', '.join(KINDS)}")


def tokenizer_from_dict(fields: dict[str, Any]) -> Tokenizer:
    """Return the tokenizer whose `to_dict` gave these fields.

    >>> tokenizer_from_dict({"type": "char", "characters": "abc"})
    <CharTokenizer of 3 tokens>

    Raises:
        ValueError: the fields do not describe a tokenizer.
    """
    if not isinstance(fields, dict):
        raise ValueError(f"a tokenizer is saved as a dict, not {type(fields).__name__}")
    _check_kind(fields.get("type"))
    make, name, kind, description = KINDS[fields["type"]]
    if not isinstance(fields.get(name), kind):
        raise ValueError(f'"{name}" must be {description}')
    end = fields.get("end", "")
    if not isinstance(end, str) or len(end) > LONGEST_END:
        raise ValueError(f'"end" must be a short string, not {reprlib.repr(end)}')
    special = make is BPETokenizer and "end_token" in fields
    made = make(fields[name], fields["end_token"]) if special else make(fields[name])
    made.end = end
    return made


def tokenizer_to_json(tokenizer: Tokenizer, **more: Any) -> str:
    """Return the tokenizer as JSON with one token or merge on a line.

    Args:
        more: other fields to store, which a reader of the tokenizer ignores.

    >>> print(tokenizer_to_json(BPETokenizer([(71, 68), (51, 256)])))
    {
     "type": "bpe",
     "merges": [
      [71, 68],
      [51, 256]
     ]
    }
    """
    text = json.dumps(more | tokenizer.to_dict(), indent=1, ensure_ascii=False)
    return re.sub(r"\[\n +(\d+),\n +(\d+)\n +\]", r"[\1, \2]", text)


def load_tokenizer(path: str | Path) -> Tokenizer:
    """Return the tokenizer of a `vocab.json` file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds something else.
    """
    content = Path(path).read_bytes()
    try:
        return tokenizer_from_dict(json.loads(content.decode("utf-8")))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} holds no usable tokenizer: {error}") from error

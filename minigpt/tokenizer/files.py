"""Choose a tokenizer, save it as `vocab.json` and load it again."""

import json
from pathlib import Path
from typing import Any

from minigpt.tokenizer.base import Tokenizer
from minigpt.tokenizer.char import CharTokenizer

KINDS = {"char": CharTokenizer}


def train_tokenizer(kind: str, text: str, vocab_size: int | None = None) -> Tokenizer:
    """Return a tokenizer of that kind, learned from the text.

    Args:
        kind: "char".
        text: what to learn from.
        vocab_size: how many tokens at most.

    Raises:
        ValueError: the kind is unknown, or the size does not suit the kind.
    """
    _check_kind(kind)
    if vocab_size is not None:
        raise ValueError(
            "a char tokenizer has no vocabulary size to choose: "
            "the characters of the text decide it"
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
        raise ValueError(
            f"a tokenizer is stored as a dict, not {type(fields).__name__}"
        )
    _check_kind(fields.get("type"))
    return KINDS[fields["type"]].from_dict(fields)


def save_tokenizer(tokenizer: Tokenizer, path: str | Path) -> None:
    """Write the tokenizer to a JSON file that people can read too."""
    fields = [
        f"{json.dumps(name)}: {_to_json(value)}"
        for name, value in tokenizer.to_dict().items()
    ]
    Path(path).write_text("{\n " + ",\n ".join(fields) + "\n}\n", encoding="utf-8")


def _to_json(value: object) -> str:
    """Return the value as JSON, each entry of a list on a line of its own."""
    if isinstance(value, list) and value:
        entries = [json.dumps(entry, ensure_ascii=False) for entry in value]
        return "[\n  " + ",\n  ".join(entries) + "\n ]"
    return json.dumps(value, ensure_ascii=False)


def load_tokenizer(path: str | Path) -> Tokenizer:
    """Return the tokenizer that `save_tokenizer` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds something else.
    """
    data = Path(path).read_bytes()
    try:
        return tokenizer_from_dict(json.loads(data.decode("utf-8")))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} holds no usable tokenizer: {error}") from error

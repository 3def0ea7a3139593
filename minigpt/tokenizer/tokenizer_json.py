"""Describe a tokenizer in the words of Hugging Face's `tokenizers`, and the other way.

There a tokenizer consists of steps: a normalizer changes the text, a pre-tokenizer
splits it, a model gives each part its ids, and a decoder joins the tokens again.
"""

from collections.abc import Iterable
from typing import Any
from unicodedata import category, is_normalized

from minigpt.tokenizer.base import Tokenizer
from minigpt.tokenizer.bpe import PRINTABLE, BPETokenizer
from minigpt.tokenizer.vocab_json import tokenizer_from_dict

BYTE_LEVEL = {
    "type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
    "use_regex": True,
}  # fmt: skip
# How our tokenizers split a text, for an engine whose \s does not match \x1c to \x1f.
PATTERNS = {
    "char": r"[\s\S]",
    "word": r"[\p{L}\p{N}_]+(?:['’][\p{L}\p{N}_]+)*"
    r"|[\s\x1c-\x1f]+|[^\p{L}\p{N}_\s\x1c-\x1f]",
}
FLAGS = "single_word", "lstrip", "rstrip", "normalized"
# What changes ids, or leaves them to chance, unless it is absent or empty.
OPTIONS = (
    "dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges",
    "byte_fallback",
)  # fmt: skip
HARMLESS = None, "ByteLevel", "TemplateProcessing"  # post-processors


def to_hugging_face(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the content of the `tokenizer.json` that gives every text the same ids.

    Only where ours composes an unknown character (NFC) and its vocabulary has combining
    characters, theirs may refuse the text instead.

    Raises:
        ValueError: their steps cannot express the tokenizer.
    """
    content: dict[str, Any] = {"version": "1.0", "added_tokens": [], "normalizer": None}
    if isinstance(tokenizer, BPETokenizer):
        return content | _describe_bpe(tokenizer)
    fields = tokenizer.to_dict()
    kind = fields["type"]
    words = fields["characters" if kind == "char" else "words"]
    # Ours composes only a text with unknown tokens. To compose every text is the same
    # if it changes no text that is known.
    if not any(map(_may_compose, set("".join(words)))):
        content["normalizer"] = {"type": "NFC"}
    elif kind == "word":
        raise ValueError(
            "a word tokenizer with combining characters cannot be exported, because "
            "Hugging Face's library has no equal of it: use char or bpe"
        )
    pattern = {"type": "Split", "pattern": {"Regex": PATTERNS[kind]}}
    return content | {
        "pre_tokenizer": pattern | {"behavior": "Isolated", "invert": False},
        "decoder": {"type": "Fuse"},
        # Without such a token in its vocabulary, the model refuses what is unknown.
        "model": _model("WordLevel", words) | {"unk_token": "<unk>"},
    }


def _describe_bpe(tokenizer: BPETokenizer) -> dict[str, Any]:
    # A byte that Latin-1 cannot print is shown as a character from U+0100 on.
    tokens = [*map(chr, PRINTABLE), *map(chr, range(256, 512 - len(PRINTABLE)))]
    merges = []
    for first, second in tokenizer.merges:
        merges.append([tokens[first], tokens[second]])
        tokens.append(tokens[first] + tokens[second])
    added = []
    if tokenizer.end_token:
        last = {"id": len(tokens), "content": tokenizer.end_token, "special": True}
        added = [last | dict.fromkeys(FLAGS, False)]
    return {
        "added_tokens": added,
        "pre_tokenizer": BYTE_LEVEL,
        "decoder": BYTE_LEVEL,
        "model": _model("BPE", tokens) | {"merges": merges},
    }


def _model(kind: str, tokens: Iterable[str]) -> dict[str, Any]:
    return {"type": kind, "vocab": {token: i for i, token in enumerate(tokens)}}


def _may_compose(character: str) -> bool:
    """Return whether NFC may change a text because it has this character."""
    mark = category(character).startswith("M")
    jamo = "\u1160" <= character <= "\u11ff"  # the parts of a Korean syllable
    return mark or jamo or not is_normalized("NFC", character * 2)


def from_hugging_face(content: dict[str, Any]) -> Tokenizer:
    """Return the tokenizer that gives the same ids as a `tokenizer.json`.

    Args:
        content: what the file holds. Of GPT-2's older files, "merges" may hold lines,
            and "added_tokens" the end token, which is not in "vocab" otherwise.

    Raises:
        ValueError: none of ours gives the same ids.
    """
    try:
        tokenizer = tokenizer_from_dict(_likely_fields(content))
        theirs = _essence(content)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError("its tokenizer is of a kind that minigpt lacks") from error
    for part, ours in _essence(to_hugging_face(tokenizer)).items():
        if theirs[part] != ours:
            raise ValueError(f"its tokenizer differs from minigpt's in its {part}")
    return tokenizer


def _likely_fields(content: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the tokenizer that this describes, if any of ours."""
    model, added = content["model"], content.get("added_tokens")
    vocab = model["vocab"]
    if "merges" in model:
        merges = [[vocab[a], vocab[b]] for a, b in _pairs(model)]
        end = added[0]["content"] if added else ""
        return {"type": "bpe", "merges": merges, "end_token": end, "end": end}
    words = sorted(vocab, key=vocab.__getitem__)
    if content["pre_tokenizer"].get("pattern") == {"Regex": PATTERNS["char"]}:
        return {"type": "char", "characters": "".join(words)}
    return {"type": "word", "words": words}


def _pairs(model: dict[str, Any]) -> list[list[str]]:
    merges = model.get("merges", [])
    return [m.split(" ") if isinstance(m, str) else m for m in merges]


def _essence(content: dict[str, Any]) -> dict[str, Any]:
    """Return what decides on the ids, by names to tell people."""
    model, added = content["model"], content.get("added_tokens") or []
    kind = model.get("type") or ("BPE" if "merges" in model else "WordLevel")
    adds = content.get("post_processor") or {}
    return {
        "kind": (kind, model.get("unk_token") if kind == "WordLevel" else None),
        "normalizer": content.get("normalizer"),
        "pre-tokenizer": {"use_regex": True}
        | content["pre_tokenizer"]
        | {"trim_offsets": True},
        "post-processor": (
            adds.get("type") in HARMLESS,
            adds.get("special_tokens") or None,
        ),
        "special tokens": [
            [token["id"], token["content"], *map(token.get, FLAGS[:3])]
            for token in added
        ],
        "merges": _pairs(model),
        "vocabulary, or the order of its ids": model["vocab"]
        | {token["content"]: token["id"] for token in added},
        "options": [model.get(option) or None for option in OPTIONS],
    }

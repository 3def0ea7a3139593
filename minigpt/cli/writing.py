"""Continue a prompt with a trained model, and print the text while it is written."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from minigpt.checkpoint import Checkpoint
from minigpt.decoding import generate
from minigpt.sampling import DEFAULT_TOP_K, check_seed, check_settings
from minigpt.tokenizer import WordTokenizer, stream_text, visible


@dataclass(frozen=True)
class Settings:
    """How to write."""

    length: int
    temperature: float
    top_k: int
    top_p: float
    greedy: bool
    seed: int


def make_settings(
    chosen: dict[str, Any], usual_length: int, vocab_size: int
) -> Settings:
    """Return the chosen settings, with usual values for those that are None."""
    usual = {
        "length": usual_length,
        "top_k": min(DEFAULT_TOP_K, vocab_size),
        "seed": secrets.randbelow(2**31),
    }
    known = {name: value for name, value in chosen.items() if value is not None}
    settings = Settings(**usual | known)
    check_settings(settings.temperature, settings.top_k, settings.top_p)
    check_seed(settings.seed)
    if settings.top_k > vocab_size:
        raise ValueError(
            f"top-k ({settings.top_k}) must not be above the vocabulary size "
            f"({vocab_size})"
        )
    return settings


def continuation(
    checkpoint: Checkpoint, prompt: str, settings: Settings
) -> Iterator[str]:
    """Yield the text after the prompt piece by piece; raise ValueError at once."""
    tokenizer, options = checkpoint.tokenizer, asdict(settings)
    prompt_ids, length = tokenizer.encode_prompt(prompt), options.pop("length")
    ids = generate(checkpoint.model, prompt_ids, length, **options)
    return stream_text(tokenizer, ids)


def unknown_words(checkpoint: Checkpoint, prompt: str) -> str:
    """Return the words that a word model reads as <unk>, separated by commas."""
    tokenizer = checkpoint.tokenizer
    if not isinstance(tokenizer, WordTokenizer):
        return ""
    return ", ".join(map(visible, tokenizer.unknown_words(prompt)))


def show(pieces: Iterable[str]) -> None:
    """Print the pieces, each as soon as it is there, and end the line."""
    for piece in pieces:
        print(piece, end="", flush=True)
    print(flush=True)

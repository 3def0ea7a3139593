"""Continue a prompt with a trained model, and print the text while it is written."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from minigpt.checkpoint import Checkpoint
from minigpt.decoding import generate
from minigpt.sampling import DEFAULT_TOP_K, check_seed, check_settings
from minigpt.tokenizer import WordTokenizer, stream_text, visible


@dataclass(frozen=True)
class Settings:
    """How to write; None for what the user has not chosen."""

    length: int | None = None
    temperature: float = 0.8
    top_k: int | None = None
    top_p: float = 1.0
    greedy: bool = False
    seed: int | None = None

    def check(self, vocab_size: int) -> None:
        """Raise ValueError if a setting is out of its range."""
        check_settings(self.temperature, self.top_k, self.top_p)
        if self.top_k is not None and self.top_k > vocab_size:
            raise ValueError(
                f"top-k ({self.top_k}) must not be above the vocabulary size "
                f"({vocab_size})"
            )
        if self.seed is not None:
            check_seed(self.seed)


def continuation(
    checkpoint: Checkpoint, prompt: str, settings: Settings, usual_length: int
) -> Iterator[str]:
    """Yield the text after the prompt piece by piece, as it is generated.

    Raises:
        ValueError: at once, if the prompt cannot be encoded or a setting is out of its
            range.
    """
    tokenizer, length = checkpoint.tokenizer, settings.length
    settings.check(tokenizer.vocab_size)
    ids = generate(
        checkpoint.model,
        tokenizer.encode(prompt),
        usual_length if length is None else length,
        temperature=settings.temperature,
        top_k=settings.top_k or min(DEFAULT_TOP_K, tokenizer.vocab_size),
        top_p=settings.top_p,
        greedy=settings.greedy,
        seed=secrets.randbelow(2**31) if settings.seed is None else settings.seed,
    )
    return stream_text(tokenizer, ids)


def unknown_words(checkpoint: Checkpoint, prompt: str) -> str:
    """Return the words of the prompt that the model reads as <unk>, as a list to show.

    It is empty unless the model was trained on words.
    """
    tokenizer = checkpoint.tokenizer
    if not isinstance(tokenizer, WordTokenizer):
        return ""
    return ", ".join(map(visible, tokenizer.unknown_words(prompt)))


def show(pieces: Iterable[str]) -> None:
    """Print the pieces, each as soon as it is there, and end the line."""
    for piece in pieces:
        print(piece, end="", flush=True)
    print(flush=True)

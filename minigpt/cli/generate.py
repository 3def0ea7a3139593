"""Write text with a trained model: `minigpt generate`."""

import sys
from itertools import chain
from pathlib import Path

from minigpt.checkpoint import load_checkpoint
from minigpt.cli.texts import choose_language
from minigpt.cli.writing import Settings, continuation, show
from minigpt.paths import CHECKPOINTS, SHIPPED_CHECKPOINT

USUAL_LENGTH = 200


def run(
    prompt: str | None = None,
    length: int | None = None,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float = 1.0,
    greedy: bool = False,
    seed: int | None = None,
    checkpoint: Path | None = None,
    lang: str | None = None,
) -> None:
    """Write one text to standard output, or without a prompt hold a session.

    Which checkpoint is used is said on standard error, so that standard output has
    the text alone.
    """
    language = choose_language(lang)
    settings = Settings(length, temperature, top_k, top_p, greedy, seed)
    path = checkpoint or find_checkpoint()
    loaded = load_checkpoint(path)
    settings.check(loaded.tokenizer.vocab_size)
    if prompt is None:
        from minigpt.cli.console import Session

        print(f"model: {path}", file=sys.stderr)
        Session(loaded, settings, language).run()
    else:
        pieces = continuation(loaded, prompt, settings, USUAL_LENGTH)
        print(f"model: {path}", file=sys.stderr)
        show(chain([prompt], pieces))


def find_checkpoint(folder: Path | None = None) -> Path:
    """Return the learner's own finished model, or else the one the course came with.

    Raises:
        ValueError: there is neither.
    """
    folder = folder or CHECKPOINTS
    for path in folder / "model_final.pt", folder / SHIPPED_CHECKPOINT.name:
        if path.is_file():
            return path
    raise ValueError(
        f"there is no model in {folder}: run 'minigpt train' to make one, or name one "
        "with --checkpoint"
    )

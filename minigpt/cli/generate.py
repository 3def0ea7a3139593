"""Write text with a trained model: `minigpt generate`."""

import sys
from itertools import chain
from pathlib import Path

from minigpt.checkpoint import load_checkpoint
from minigpt.cli.texts import choose_language
from minigpt.cli.writing import Settings, continuation, show, unknown_words
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
    """Write one text to standard output, or hold a session if there is no prompt.

    Everything but the text, such as the name of the checkpoint, is printed on standard
    error.
    """
    language = choose_language(lang)
    settings = Settings(length, temperature, top_k, top_p, greedy, seed)
    path = checkpoint or find_checkpoint()
    loaded = load_checkpoint(path)
    settings.check(loaded.tokenizer.vocab_size)
    if prompt is None:
        from minigpt.cli.console import Session

        _say_which(path)
        Session(loaded, settings, language).run()
        return
    pieces = continuation(loaded, prompt, settings, USUAL_LENGTH)
    _say_which(path)
    if unknown := unknown_words(loaded, prompt):
        print(f"unknown to the model, read as <unk>: {unknown}", file=sys.stderr)
    show(chain([prompt], pieces))


def find_checkpoint() -> Path:
    """Return the learner's own finished model, or the one that comes with the course.

    Raises:
        ValueError: there is neither.
    """
    for path in CHECKPOINTS / "model_final.pt", SHIPPED_CHECKPOINT:
        if path.is_file():
            return path
    raise ValueError(
        f"there is no model in {CHECKPOINTS}: run 'minigpt train' to make one, or name "
        "one with --checkpoint"
    )


def _say_which(path: Path) -> None:
    shipped = path == SHIPPED_CHECKPOINT
    note = " (it comes with the course; 'minigpt train' makes your own)"
    print(f"model: {path}{note if shipped else ''}", file=sys.stderr)

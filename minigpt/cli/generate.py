"""Write text with a trained model: `minigpt generate`."""

import sys
from itertools import chain
from pathlib import Path
from typing import Any

from minigpt.checkpoint import load_checkpoint
from minigpt.cli.texts import choose_language
from minigpt.cli.writing import continuation, make_settings, show, unknown_words
from minigpt.paths import CHECKPOINTS, SHIPPED_CHECKPOINT

USUAL_LENGTH, USUAL_SESSION_LENGTH = 200, 50


def run(
    prompt: str | None, checkpoint: Path | None, lang: str | None, **chosen: Any
) -> None:
    """Write one text to standard output, or hold a session; all else goes to stderr."""
    language = choose_language(lang)
    path = checkpoint or find_checkpoint()
    loaded = load_checkpoint(path)
    usual_length = USUAL_SESSION_LENGTH if prompt is None else USUAL_LENGTH
    settings = make_settings(chosen, usual_length, loaded.tokenizer.vocab_size)
    if prompt is None:
        from minigpt.cli.console import Session

        _say_which(path)
        Session(loaded, settings, language).run()
        return
    pieces = continuation(loaded, prompt, settings)
    _say_which(path)
    if unknown := unknown_words(loaded, prompt):
        print(f"unknown to the model, read as <unk>: {unknown}", file=sys.stderr)
    show(chain([prompt], pieces))


def find_checkpoint() -> Path:
    """Return the learner's finished model, or the one that comes with the course."""
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

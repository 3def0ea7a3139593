"""Let a model in training show what it can write by now."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from minigpt.checkpoint import Checkpoint
from minigpt.course.widgets.training.pace import Gate
from minigpt.decoding import generate
from minigpt.tokenizer import stream_text

LENGTH = 240
# Nearly greedy, so that the samples show what it has learned and not what it risks.
TEMPERATURE = 0.5


@dataclass(frozen=True)
class Newest:
    """The model as it was when it was last looked at; training leaves it be."""

    checkpoint: Checkpoint
    iteration: int


def write_sample(checkpoint: Checkpoint, start: str, gate: Gate) -> str | None:
    """Return a text that begins with `start`, the same seed each time.

    None if the gate closes meanwhile, because somebody waits for an answer to a
    button, or if the model has diverged: its loss will tell, here it writes nothing.
    """
    was_open, pieces = gate.open, [start]
    with suppress(ValueError), np.errstate(all="ignore"):
        for piece in stream_text(checkpoint.tokenizer, _ids(checkpoint, start)):
            pieces.append(piece)
            if was_open and not gate.open:
                return None
        return "".join(pieces)
    return None


def _ids(checkpoint: Checkpoint, start: str) -> Iterator[int]:
    prompt = checkpoint.tokenizer.encode(start)
    return generate(checkpoint.model, prompt, LENGTH, temperature=TEMPERATURE)

"""Keep some moments of a training run in a small file, to move through them later.

`python benchmarks/episode.py` trains a model on the tales and writes the file that the
course comes with, `data/episode.json`.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minigpt.atomic import write_whole
from minigpt.baselines import dataset_baselines
from minigpt.decoding import generate
from minigpt.inspection import (
    attention_maps,
    head_scores,
    previous_token,
    token_to_come,
    uniform_attention,
)
from minigpt.model import GPT
from minigpt.paths import TEXTS
from minigpt.run import Run
from minigpt.sampling import next_token_logits
from minigpt.tales import Tale
from minigpt.tokenizer import Tokenizer, stream_text
from minigpt.training import evaluate

FILE = TEXTS / "episode.json"
TITLE = "The fox and the owl"
SAMPLE_TOKENS, LIKELIEST = 110, 6
VAL_TALES = 60  # tales that the validation loss of a moment is measured on
CURVE_POINTS = 250


@dataclass(frozen=True)
class Moment:
    """What was seen of the model after some iterations.

    Attributes:
        loss: nats per token of unseen tales.
        sample: how it goes on from `TITLE`.
        scores: for each kind of target, by head: (n_layer, n_head), from 0 to 1.
        bars: for each of the episode's prompts, the probabilities of its `words`.
        guesses: for each prompt, the likeliest token, and its probability.
    """

    iteration: int
    loss: float
    sample: str
    scores: Mapping[str, list[list[float]]]
    bars: list[list[float]]
    guesses: list[tuple[str, float]]


@dataclass(frozen=True)
class Episode:
    """A training run, seen at some moments.

    Attributes:
        about: a sentence about the model and the run.
        practice: number of iterations at the beginning that practised copying.
        baselines: nats per token, by the names of `Baselines`.
        losses: (iteration, loss) of training, each a mean over some iterations.
        equal: the scores of equal weights, by kind of target.
        prompts: beginnings of a tale that no model has read.
        truth: the token that comes next in the tale, for each prompt.
        words: for each prompt, the tokens whose bars are shown.
    """

    about: str
    practice: int
    baselines: Mapping[str, float]
    losses: list[tuple[int, float]]
    equal: Mapping[str, float]
    prompts: list[str]
    truth: list[str]
    words: list[list[str]]
    moments: list[Moment]


def record(
    run: Run,
    at: Sequence[int],
    tales: Sequence[Tale],
    prompts: Sequence[str],
    truth: Sequence[str],
    about: str,
) -> Episode:
    """Train a run to its end and return what was seen of it at some iterations.

    Args:
        at: the iterations, rising from 0 on.
        tales: unseen tales, over which heads are scored.
        prompts, truth: beginnings of a tale, and the token that comes next in it.
    """
    tokenizer, data = run.dataset.tokenizer, run.dataset
    # Encoded with what follows: line breaks at an end would be another token.
    pairs = zip(prompts, truth, strict=True)
    ids = [tokenizer.encode_prompt(prompt + word)[:-1] for prompt, word in pairs]
    losses: list[tuple[int, float]] = []
    seen: list[tuple[int, float, str, dict[str, Any], list[Tensor]]] = []

    def look() -> None:
        model = run.model.eval()
        chances = [next_token_logits(model, i).softmax(dim=0) for i in ids]
        scores = scores_on(model, tokenizer, tales)
        loss = _validation_loss(run)
        seen.append((run.iteration, loss, _sample(model, tokenizer), scores, chances))
        model.train()

    if at[0] == 0:
        look()
    for step in run.steps(measure=lambda model, ids: None):
        losses.append((step.iteration, step.loss))
        if step.iteration in at:
            look()
    tokens = tokenizer.tokens
    last = [chances.topk(LIKELIEST).indices.tolist() for chances in seen[-1][-1]]
    moments = []
    for iteration, loss, sample, scores, chances in seen:
        bars = [
            [_round(p[i]) for i in top] for p, top in zip(chances, last, strict=True)
        ]
        guesses = [(tokens[int(p.argmax())], _round(p.max())) for p in chances]
        moments.append(Moment(iteration, loss, sample, scores, bars, guesses))
    levels = vars(dataset_baselines(data))
    known = {name: _round(loss) for name, loss in levels.items() if loss is not None}
    uniform = _pooled(tokenizer, tales, uniform_attention)
    equal = {kind: cells[0][0] for kind, cells in uniform.items()}
    words = [[tokens[i] for i in top] for top in last]
    practice = run.config.copy_iters
    curve = _thinned(losses)
    return Episode(
        about, practice, known, curve, equal, [*prompts], [*truth], words, moments
    )


def _validation_loss(run: Run) -> float:
    ids = run.dataset.val_ids
    starts = run.dataset.starts(ids)
    if starts is not None and len(starts) > VAL_TALES:
        end = int(starts[VAL_TALES])
        ids, starts = ids[: end + 1], starts[:VAL_TALES]
    return _round(evaluate(run.model, ids, starts=starts))


def _sample(model: GPT, tokenizer: Tokenizer) -> str:
    prompt = tokenizer.encode_prompt(TITLE)
    top_k = min(50, tokenizer.vocab_size)
    ids = generate(model, prompt, SAMPLE_TOKENS, temperature=0.8, top_k=top_k)
    return TITLE + "".join(stream_text(tokenizer, ids))


def scores_on(
    model: GPT, tokenizer: Tokenizer, tales: Sequence[Tale]
) -> dict[str, list[list[float]]]:
    """Return the mean weight that each head gives to some targets in the tales.

    The targets are the previous token everywhere, and earlier mentions of the name or
    the thing that comes next.
    """
    return _pooled(tokenizer, tales, lambda ids: attention_maps(model, ids))


def _pooled(
    tokenizer: Tokenizer,
    tales: Sequence[Tale],
    maps_of: Callable[[Tensor], list[Tensor]],
) -> dict[str, list[list[float]]]:
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    for tale in tales:
        ids = torch.tensor([tokenizer.encode_prompt(tale.text)])
        maps = maps_of(ids)
        for kind, (pattern, queries) in _targets(tokenizer, tale, ids).items():
            n = int((queries & pattern.any(dim=-1)).sum())
            if n:
                found = n * head_scores(maps, pattern, queries)
                sums[kind] = sums.get(kind, torch.zeros_like(found)) + found
                counts[kind] = counts.get(kind, 0) + n
    return {
        kind: [[_round(x) for x in row] for row in found / counts[kind]]
        for kind, found in sums.items()
    }


def _targets(
    tokenizer: Tokenizer, tale: Tale, ids: Tensor
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return, for each kind, what is sought and the queries that count."""
    words = [tokenizer.decode([i]).strip() for i in ids[0].tolist()]
    spelled = torch.tensor([[words.index(word) for word in words]])
    to_come = token_to_come(spelled)
    everywhere = torch.ones_like(ids, dtype=torch.bool)
    found = {"previous token": (previous_token(ids), everywhere)}
    for kind, slots in {"name": ("Hero", "Other"), "thing": ("thing",)}.items():
        sought = [tale.words[slot] for slot in slots if slot in tale.words]
        next_is = [word in sought for word in words[1:]] + [False]
        found[kind] = to_come, torch.tensor([next_is])
    return found


def _thinned(losses: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return means over groups of losses that follow each other."""
    size = math.ceil(len(losses) / CURVE_POINTS)
    rest, found = iter(losses), []
    while group := list(islice(rest, size)):
        found.append((group[-1][0], _round(sum(x for _, x in group) / len(group))))
    return found


def _round(value: Any) -> float:
    return round(float(value), 4)


def save_episode(episode: Episode, path: Path) -> None:
    """Write an episode as JSON."""
    text = json.dumps(asdict(episode), ensure_ascii=False, indent=1)
    write_whole(path, lambda file: file.write(text.encode("utf-8")))


@cache
def load_episode(path: Path = FILE) -> Episode:
    """Return an episode, by default the one that comes with the course.

    Raises:
        ValueError: the file is missing or damaged.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        fields["moments"] = [Moment(**moment) for moment in fields["moments"]]
        return Episode(**fields)
    except OSError as error:
        raise ValueError(f"there is no episode {path}: {error.strerror}") from error
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is damaged: it is no episode") from error

"""Watch a small model learn to copy names that it has never seen.

How copying forms in a model of two layers: Olsson et al. (2022), "In-context Learning
and Induction Heads".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from minigpt.config import GPTConfig, TrainConfig
from minigpt.inspection import (
    after_same_token,
    attention_maps,
    head_scores,
    previous_token,
    token_to_come,
)
from minigpt.model import GPT
from minigpt.optim import make_optimizer
from minigpt.training import cross_entropy

LETTERS = "abdefgiklmnoprt"
NAMES, NAME_LENGTH = 3, 5  # of a text; together they have each letter once
BLOCK, BATCH = 40, 32
LAYERS, HEADS, CHANNELS = 2, 2, 64
ITERATIONS, WARMUP, EVERY = 400, 20, 20


@dataclass(frozen=True)
class Batch:
    """Texts of invented names, run together, which come again in random order.

    Attributes:
        ids: (B, T + 1).
        first, again: bool (B, T + 1), the second letters of names, by whether the name
            has been there before.
    """

    ids: Tensor
    first: Tensor
    again: Tensor


@dataclass(frozen=True)
class Seen:
    """What was seen of the model after some iterations.

    Attributes:
        first, again: the loss (nats) of the second letters in a `Batch`.
        previous: (layers, heads), the weight that each head gives to the first letter
            of a name from its second one.
        induction: (layers, heads), the weight that each head gives, from the first
            letter of a name that has been there, to the earlier second letters.
        model: the model itself, which trains on.
    """

    iteration: int
    first: float
    again: float
    previous: Tensor
    induction: Tensor
    model: GPT


def names_batch(size: int, generator: torch.Generator) -> Batch:
    """Return a batch of texts, each with new names.

    No space parts the names. A token between two names could gather the letters of the
    one before it, and a head that finds such tokens would copy without induction.
    """
    places = BLOCK // NAME_LENGTH + 1
    letters = torch.rand(size, len(LETTERS), generator=generator).argsort(dim=-1)
    names = letters.view(size, NAMES, NAME_LENGTH)
    chosen = torch.randint(NAMES, (size, places), generator=generator)
    ids = names.gather(1, chosen[..., None].expand(-1, -1, NAME_LENGTH))
    earlier = (chosen[:, :, None] == chosen[:, None, :]).tril(-1).any(dim=-1)
    second = torch.arange(NAME_LENGTH) == 1
    again = earlier[..., None] & second
    first = ~earlier[..., None] & second
    return Batch(*(x.flatten(1)[:, : BLOCK + 1] for x in (ids, first, again)))


def spell(ids: Sequence[int] | Tensor) -> str:
    """Return a text of `names_batch` in letters."""
    return "".join(LETTERS[int(i)] for i in ids)


@torch.no_grad()
def cost(model: GPT, batch: Batch) -> tuple[float, float]:
    """Return what a name's second letter costs, in nats: the first time, and again."""
    logs = model(batch.ids[:, :-1]).log_softmax(dim=-1)
    nats = -logs.gather(-1, batch.ids[:, 1:, None])[..., 0]
    first, again = (nats[where[:, 1:]].mean() for where in (batch.first, batch.again))
    return float(first), float(again)


def watch(seed: int, iterations: int = ITERATIONS) -> Iterator[Seen]:
    """Train a small model on new names, and yield what is seen of it now and then."""
    generator = torch.Generator().manual_seed(seed)
    shape = GPTConfig(len(LETTERS), BLOCK, LAYERS, HEADS, CHANNELS)
    with torch.random.fork_rng(devices=[]):  # the first weights
        torch.manual_seed(seed)
        model = GPT(shape)
    config = TrainConfig(optimizer="muon", learning_rate=3e-3, weight_decay=0.0)
    optimizer = make_optimizer(model, config)
    test = names_batch(2 * BATCH, torch.Generator().manual_seed(seed + 1_000_000))
    for iteration in range(iterations + 1):
        if iteration % EVERY == 0:
            yield _look(model, test, iteration)
        batch = names_batch(BATCH, generator).ids
        optimizer.set_lr_multiplier(min(1, (iteration + 1) / WARMUP))
        loss = cross_entropy(model(batch[:, :-1]), batch[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def _look(model: GPT, test: Batch, iteration: int) -> Seen:
    first, again = cost(model, test)
    ids = test.ids[:, :-1]
    maps = attention_maps(model, ids)
    copied = after_same_token(ids) & token_to_come(ids)
    asked = test.again[:, 1:]  # queries whose next letter can be copied
    induction = head_scores(maps, copied, asked)
    second = (test.first | test.again)[:, :-1]
    previous = head_scores(maps, previous_token(ids), second)
    return Seen(iteration, first, again, previous, induction, model)

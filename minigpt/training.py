"""Teach a model to predict the next token: loss, schedule, and the loop."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minigpt.config import TrainConfig
from minigpt.device import autocast_context
from minigpt.distributed import World
from minigpt.model import GPT
from minigpt.optim import Optimizer, make_optimizer


class TrainingDiverged(ValueError):
    """The loss is no longer a number."""


@dataclass(frozen=True)
class Step:
    """What one iteration did.

    Attributes:
        iteration: updates made so far, this one included; the first is 1.
        loss: nats per token on this iteration's batch, before the update.
        val_loss: nats per token on the whole validation text, after the update;
            None between evaluations.
        learning_rate: AdamW's, in this iteration.
        grad_norm: of all gradients together, before clipping.
        tokens: how many tokens the batch had.
        seconds: how long the iteration took, evaluation not counted.
    """

    iteration: int
    loss: float
    val_loss: float | None
    learning_rate: float
    grad_norm: float
    tokens: int
    seconds: float


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of -ln p(target) in nats; logits (B, T, V), targets (B, T)."""
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def random_batch(
    ids: Tensor, batch_size: int, block_size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return inputs and targets (B, T), int64, cut from `ids` at random places.

    The target of a position is the token after it, so a block of T tokens holds T
    lessons.

    Raises:
        ValueError: the text is too short to cut a block and its last target from.
    """
    if len(ids) < block_size + 1:
        raise ValueError(
            f"the text has {len(ids):,} tokens, too few for a block of {block_size} "
            "and the token after it: use a longer text or a smaller block_size"
        )
    starts = torch.randint(len(ids) - block_size, (batch_size, 1), generator=generator)
    windows = ids[starts + torch.arange(block_size + 1)].long()  # (B, T + 1)
    return windows[:, :-1], windows[:, 1:]


def lr_multiplier(iteration: int, config: TrainConfig) -> float:
    """Return the share of the highest learning rate used in iteration 0, 1, 2, ..."""
    if iteration < config.warmup_iters:
        return (iteration + 1) / config.warmup_iters
    decay_iters = max(config.max_iters - config.warmup_iters, 1)
    progress = min((iteration - config.warmup_iters) / decay_iters, 1.0)
    falling = {
        "cosine": 0.5 * (1 + math.cos(math.pi * progress)),
        "linear": 1 - progress,
        "constant": 1.0,
    }[config.schedule]
    return config.min_lr_ratio + (1 - config.min_lr_ratio) * falling


def evaluate(model: GPT, ids: Tensor, batch_tokens: int = 16_384) -> float:
    """Return the loss in nats per token over all of `ids`, dropout off.

    The text is cut into windows of one block, always the same ones, so that two
    evaluations of one model agree and two models can be compared.

    Raises:
        ValueError: there are fewer than two tokens: nothing to predict.
    """
    return sum(evaluation(model, ids, batch_tokens)) / (len(ids) - 1)


@torch.inference_mode()
def evaluation(model: GPT, ids: Tensor, batch_tokens: int) -> Iterator[float]:
    """Yield the parts of `evaluate`'s sum, so that it can be left between two.

    Raises:
        ValueError: there are fewer than two tokens: nothing to predict.
    """
    if len(ids) < 2:
        raise ValueError("evaluation needs at least two tokens")
    device, T = next(model.parameters()).device, model.config.block_size
    was_training = model.training
    model.eval()
    try:
        for inputs, targets in _windows(ids, T, max(batch_tokens // T, 1)):
            loss = cross_entropy(model(inputs.to(device)), targets.to(device))
            yield loss.item() * targets.numel()
    finally:
        model.train(was_training)


def _windows(ids: Tensor, T: int, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield inputs and targets that cover `ids`, the last ones shorter than T."""
    whole = (len(ids) - 1) // T
    inputs, targets = (
        ids[: whole * T].view(whole, T),
        ids[1 : whole * T + 1].view(whole, T),
    )
    for start in range(0, whole, batch_size):
        part = slice(start, start + batch_size)
        yield inputs[part].long(), targets[part].long()
    if whole * T < len(ids) - 1:
        yield ids[None, whole * T : -1].long(), ids[None, whole * T + 1 :].long()


def train(
    model: GPT,
    train_ids: Tensor,
    val_ids: Tensor,
    config: TrainConfig,
    *,
    optimizer: Optimizer | None = None,
    start: int = 0,
    measure: Callable[[GPT, Tensor], float | None] = evaluate,
) -> Iterator[Step]:
    """Train `model` where it is, one iteration each time a `Step` is asked for.

    Between two steps nothing runs: leave the loop whenever you like, and go on later
    by giving the same `optimizer` and the iteration reached as `start`; a run so
    continued ends on the very same weights. The random numbers of an iteration
    depend on `config.seed` and its number alone (torch's global seed is set too,
    for dropout).

    Args:
        train_ids, val_ids: integer tensors of one dimension.
        optimizer: from `make_optimizer(model, config)`; a new one by default.
        start: how many iterations are done already.
        measure: gives a step's `val_loss` where one is due.

    Raises:
        TrainingDiverged: the loss is NaN; the weights are those before this update.
        ValueError: a text is too short.
    """
    optimizer = optimizer or make_optimizer(model, config)
    device, block_size = next(model.parameters()).device, model.config.block_size
    world, precision = World(), autocast_context(config.dtype, device)
    compiled = cast(nn.Module, torch.compile(model)) if config.compile else model
    forward = world.wrap(compiled)
    generator = torch.Generator()
    model.zero_grad()  # a run that broke off may have left some
    model.train()
    for iteration in range(start, config.max_iters):
        began = time.perf_counter()
        generator.manual_seed(config.seed * 1_000_003 + iteration)
        torch.manual_seed(config.seed * 1_000_003 + iteration)
        batch = random_batch(train_ids, config.batch_size, block_size, generator)
        inputs, targets = (world.shard(part).to(device) for part in batch)
        with precision:
            loss = cross_entropy(forward(inputs), targets)
        loss.backward()
        grad_norm = nn.utils.clip_grad_norm_(
            model.parameters(), config.grad_clip or math.inf
        )
        batch_loss = world.mean(loss.detach())
        if not math.isfinite(batch_loss):
            raise TrainingDiverged(
                f"the loss is {batch_loss} at iteration {iteration + 1}: start again "
                f"with a learning rate below {config.learning_rate}"
            )
        share = lr_multiplier(iteration, config)
        optimizer.set_learning_rate(share)
        with precision:
            optimizer.step()
        optimizer.zero_grad()
        seconds = time.perf_counter() - began
        done = iteration + 1
        due = done % config.eval_interval == 0 or done == config.max_iters
        yield Step(
            iteration=done,
            loss=batch_loss,
            val_loss=measure(model, val_ids) if due else None,
            learning_rate=config.learning_rate * share,
            grad_norm=grad_norm.item(),
            tokens=batch[0].numel(),
            seconds=seconds,
        )

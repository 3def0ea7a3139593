"""Train a model to predict the next token: the loss, the schedule and the loop."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minigpt.config import TrainConfig
from minigpt.data import as_id_tensor
from minigpt.device import autocast_context
from minigpt.distributed import World
from minigpt.model import GPT
from minigpt.optim import MuonAdamW, make_optimizer
from minigpt.sampling import evaluation_mode
from minigpt.schedule import Schedule


class TrainingDiverged(ValueError):
    """The loss is no longer a finite number."""


@dataclass(frozen=True)
class Step:
    """What one training iteration did.

    Attributes:
        iteration: number of updates so far, including this one; 1 for the first step.
        loss: nats per token on this iteration's batch, before the update.
        val_loss: nats per token on the whole validation text, after the update; None
            if this iteration was not evaluated.
        learning_rate: AdamW's learning rate in this iteration.
        grad_norm: norm of all gradients together, before clipping.
        tokens: number of tokens in the batch.
        seconds: duration of the iteration, without the evaluation.
    """

    iteration: int
    loss: float
    val_loss: float | None
    learning_rate: float
    grad_norm: float
    tokens: int
    seconds: float


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of -ln p(target) in nats.

    Args:
        logits: (B, T, V).
        targets: ids (B, T).
    """
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def random_batch(
    ids: Tensor, batch_size: int, block_size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return inputs and targets (B, T), int64, cut from `ids` at random positions.

    The target of each position is the token after it, so that a block of T tokens
    gives T training examples.

    Raises:
        ValueError: the text is too short for a block and the token after it.
    """
    if len(ids) < block_size + 1:
        raise ValueError(
            f"the text has {len(ids):,} tokens, too few for a block of {block_size} "
            "and the token after it: use a longer text or a smaller block_size"
        )
    starts = torch.randint(len(ids) - block_size, (batch_size, 1), generator=generator)
    windows = ids[starts + torch.arange(block_size + 1)].long()  # (B, T + 1)
    return windows[:, :-1], windows[:, 1:]


def evaluate(model: GPT, ids: Any, batch_tokens: int = 16_384) -> float:
    """Return the loss in nats per token over all of `ids`, with dropout off.

    The text is always cut into the same windows of one block each, so that the losses
    of two models can be compared.

    Args:
        ids: integers of one dimension.
        batch_tokens: about how many tokens to process at once.

    Raises:
        ValueError: there are fewer than two tokens, so nothing can be predicted.
    """
    return sum(evaluation(model, ids, batch_tokens)) / (len(ids) - 1)


@torch.inference_mode()
def evaluation(model: GPT, ids: Any, batch_tokens: int) -> Iterator[float]:
    """Yield each batch's loss, summed over its tokens, so that a panel can interrupt.

    Raises:
        ValueError: there are fewer than two tokens, so nothing can be predicted.
    """
    ids = as_id_tensor(ids)
    if len(ids) < 2:
        raise ValueError("evaluation needs at least two tokens")
    device, T = next(model.parameters()).device, model.config.block_size
    with evaluation_mode(model):
        for inputs, targets in _windows(ids, T, max(batch_tokens // T, 1)):
            loss = cross_entropy(model(inputs.to(device)), targets.to(device))
            yield loss.item() * targets.numel()


def _windows(ids: Tensor, T: int, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield inputs and targets that cover `ids`; the last ones are shorter than T."""
    whole = (len(ids) - 1) // T
    inputs = ids[: whole * T].view(whole, T)
    targets = ids[1 : whole * T + 1].view(whole, T)
    for start in range(0, whole, batch_size):
        rows = slice(start, start + batch_size)
        yield inputs[rows].long(), targets[rows].long()
    if whole * T < len(ids) - 1:
        yield ids[None, whole * T : -1].long(), ids[None, whole * T + 1 :].long()


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's global generators inside the block, and restore them after it."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def _finite(loss: float, iteration: int, config: TrainConfig) -> float:
    """Return the loss, or raise TrainingDiverged."""
    if math.isfinite(loss):
        return loss
    raise TrainingDiverged(
        f"the loss is {loss} at iteration {iteration}: start again with a learning "
        f"rate below {config.learning_rate}"
    )


def train(
    model: GPT,
    train_ids: Any,
    val_ids: Any,
    config: TrainConfig,
    *,
    optimizer: MuonAdamW | None = None,
    start: int = 0,
    schedule: Schedule | None = None,
    sample_batch: Callable[..., tuple[Tensor, Tensor]] = random_batch,
    measure: Callable[[GPT, Tensor], float | None] = evaluate,
) -> Iterator[Step]:
    """Train `model` in place and yield one `Step` per iteration.

    Training advances only while the generator is being consumed, so leaving the loop
    stops it safely. To continue later, pass the same `optimizer` and the number of
    iterations done as `start`: the weights end up the same as without the break. The
    random numbers of an iteration depend only on `config.seed` and its number;
    PyTorch's global generators are left as they were.

    Args:
        train_ids, val_ids: integers of one dimension.
        optimizer: from `make_optimizer(model, config)`; a new one by default.
        start: number of iterations already done.
        schedule: decides the learning rate, when to evaluate and when to stop; by
            default `Schedule(config)`, which counts iterations.
        sample_batch: used instead of `random_batch`, with the same arguments.
        measure: computes `val_loss` for the steps that are evaluated.

    Raises:
        TrainingDiverged: the loss is not finite; the weights keep their last values.
        ValueError: a text is too short.
    """
    train_ids, val_ids = as_id_tensor(train_ids), as_id_tensor(val_ids)
    optimizer = optimizer or make_optimizer(model, config)
    schedule = schedule or Schedule(config)
    device, block_size = next(model.parameters()).device, model.config.block_size
    world, autocast = World(), autocast_context(config.dtype, device)
    compiled = cast(nn.Module, torch.compile(model)) if config.compile else model
    forward = world.wrap(compiled)
    dropout = any(isinstance(m, nn.Dropout) and m.p > 0 for m in model.modules())
    generator = torch.Generator()
    model.zero_grad()  # an earlier run that was interrupted may have left gradients
    iteration, was_training = start, model.training
    try:
        while not schedule.finished(iteration):
            began = time.perf_counter()
            model.train()
            seed = config.seed * 1_000_003 + iteration  # so that a resumed run agrees
            generator.manual_seed(seed)
            batch = sample_batch(train_ids, config.batch_size, block_size, generator)
            inputs, targets = (world.shard(part).to(device) for part in batch)
            with autocast, _seeded(seed) if dropout else nullcontext():
                loss = cross_entropy(forward(inputs), targets)
            loss.backward()
            clip = config.grad_clip or math.inf
            grad_norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
            batch_loss = _finite(world.mean(loss.detach()), iteration + 1, config)
            multiplier = schedule.lr_multiplier(iteration)
            optimizer.set_lr_multiplier(multiplier)
            with autocast:  # for Muon's products; the weights stay float32
                optimizer.step()
            optimizer.zero_grad()
            iteration += 1
            seconds = time.perf_counter() - began
            due = schedule.evaluation_due(iteration)
            yield Step(
                iteration=iteration,
                loss=batch_loss,
                val_loss=measure(model, val_ids) if due else None,
                learning_rate=config.learning_rate * multiplier,
                grad_norm=grad_norm.item(),
                tokens=batch[0].numel(),
                seconds=seconds,
            )
    finally:
        model.train(was_training)

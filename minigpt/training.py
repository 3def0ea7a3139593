"""Train a model to predict the next token: the loss, the schedule and the loop."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
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

COPY_LENGTH, COPY_TOKENS = 64, 8  # of a row of `copying_batch`
RARE = 0.003  # of a text, for `copy_weights`: names and things, but not "the"
COPY_FRACTION = 0.75  # of a run, in which `copy_weight` holds
NO_TARGET = -100  # what `torch.nn.functional.cross_entropy` leaves out


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


def cross_entropy(logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Return the mean of -ln p(target) in nats.

    Args:
        logits: (B, T, V).
        targets: ids (B, T); positions whose target is `NO_TARGET` are left out.
        reduction: "none" returns -ln p(target) of each position, (B, T), and 0 where
            there is no target.
    """
    losses = F.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten(), reduction=reduction
    )
    return losses if reduction == "mean" else losses.view_as(targets)


def random_batch(
    ids: Tensor,
    batch_size: int,
    block_size: int,
    generator: torch.Generator,
    starts: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return inputs and targets (B, T), int64, cut from `ids` at random positions.

    The target of each position is the token after it, so that a block of T tokens
    gives T training examples.

    Args:
        starts: where the tales in `ids` begin (`Dataset.starts`). Each row is then one
            tale from its beginning, and targets after its end are `NO_TARGET`.

    Raises:
        ValueError: the text is too short for a block and the token after it.
    """
    if starts is not None:
        chosen = torch.randint(len(starts), (batch_size,), generator=generator)
        return tale_windows(ids, starts, chosen, block_size)
    if len(ids) < block_size + 1:
        raise ValueError(
            f"the text has {len(ids):,} tokens, too few for a block of {block_size} "
            "and the token after it: use a longer text or a smaller block_size"
        )
    first = torch.randint(len(ids) - block_size, (batch_size, 1), generator=generator)
    windows = ids[first + torch.arange(block_size + 1)].long()  # (B, T + 1)
    return windows[:, :-1], windows[:, 1:]


def tale_windows(
    ids: Tensor, starts: Tensor, chosen: Tensor, block_size: int
) -> tuple[Tensor, Tensor]:
    """Return the inputs and targets (B, T) of B tales, each cut to T tokens at most.

    T is the length of the longest, but at most `block_size`. The last target of a tale
    is the line break that the next one begins with; all after it are `NO_TARGET`.

    Args:
        starts: where the tales in `ids` begin.
        chosen: which of the tales, (B,).
    """
    first = starts[chosen, None]
    ends = torch.cat([starts[1:], torch.tensor([len(ids)])])[chosen, None]
    T = min(int((ends - first).max()), block_size)
    places = first + torch.arange(T + 1)  # (B, T + 1)
    windows = ids[places.clamp(max=len(ids) - 1)].long()
    after = (places > ends) | (places >= len(ids))
    targets = windows[:, 1:].masked_fill(after[:, 1:], NO_TARGET)
    return windows[:, :-1], targets


def copying_batch(
    vocab_size: int, tokens: int, block_size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return inputs and targets (B, T) in which each row repeats a few random tokens.

    Nothing can be learned from such a batch except to look back at which tokens have
    occurred in the same row. Attention that has learned this finds the names and things
    of a tale much sooner than it would from the tales alone.

    Args:
        tokens: about how many tokens to return, B times T.
    """
    T = min(block_size, COPY_LENGTH)
    B, different = max(tokens // T, 1), min(vocab_size, COPY_TOKENS)
    order = torch.rand(B, vocab_size, generator=generator).topk(different).indices
    drawn = torch.randint(different, (B, T + 1), generator=generator)
    rows = order.gather(1, drawn)
    return rows[:, :-1], rows[:, 1:]


def rare_tokens(ids: Tensor, vocab_size: int) -> Tensor:
    """Return which tokens make up less than 0.3 % of a text, bool (V,)."""
    counts = torch.bincount(ids.flatten().long(), minlength=vocab_size)
    return counts < RARE * len(ids)


def copy_weights(
    inputs: Tensor, targets: Tensor, rare: Tensor, weight: float
) -> Tensor | None:
    """Return how much each target counts in the loss, (B, T), or None if all are equal.

    Most are 1. A rare target that its row contains up to the position that predicts it
    counts `weight`: it is usually a name or a thing that is mentioned again, so only
    looking back can find it. `NO_TARGET` counts 0.

    Args:
        inputs, targets: ids (B, T).
        rare: (V,), see `rare_tokens`.
    """
    if weight == 1:
        return None
    seen = (inputs[:, None, :] == targets[..., None]).tril().any(dim=-1)  # (B, T)
    copied = seen & rare[targets.clamp(min=0)]
    return (1 + (weight - 1) * copied) * (targets != NO_TARGET)


def evaluate(
    model: GPT, ids: Any, batch_tokens: int = 16_384, starts: Tensor | None = None
) -> float:
    """Return the loss in nats per token over all of `ids`, with dropout off.

    The text is always cut into the same windows of one block each, so that the losses
    of two models can be compared.

    Args:
        ids: integers of one dimension.
        batch_tokens: about how many tokens to process at once.
        starts: where tales begin in `ids`; the windows are then the tales.

    Raises:
        ValueError: there are fewer than two tokens, so nothing can be predicted.
    """
    return mean_loss(evaluation(model, ids, batch_tokens, starts))


def mean_loss(parts: Iterable[tuple[float, int]]) -> float:
    """Return the mean of losses, given as (sum, number of tokens) for each part."""
    sums, counts = zip(*parts, strict=True)
    return sum(sums) / sum(counts)


@torch.inference_mode()
def evaluation(
    model: GPT, ids: Any, batch_tokens: int, starts: Tensor | None = None
) -> Iterator[tuple[float, int]]:
    """Yield each batch's loss, summed over its tokens, and the number of these.

    A panel can interrupt it after every batch.

    Raises:
        ValueError: there are fewer than two tokens, so nothing can be predicted.
    """
    ids = as_id_tensor(ids)
    if len(ids) < 2:
        raise ValueError("evaluation needs at least two tokens")
    device, T = next(model.parameters()).device, model.config.block_size
    with evaluation_mode(model):
        for inputs, targets in _windows(ids, T, max(batch_tokens // T, 1), starts):
            loss = cross_entropy(model(inputs.to(device)), targets.to(device))
            count = int((targets != NO_TARGET).sum())
            yield loss.item() * count, count


def _windows(
    ids: Tensor, T: int, batch_size: int, starts: Tensor | None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield inputs and targets that cover `ids`, or the first T tokens of each tale."""
    if starts is not None:
        for chosen in torch.arange(len(starts)).split(batch_size):
            yield tale_windows(ids, starts, chosen, T)
        return
    whole = (len(ids) - 1) // T
    inputs = ids[: whole * T].view(whole, T)
    targets = ids[1 : whole * T + 1].view(whole, T)
    for start in range(0, whole, batch_size):
        rows = slice(start, start + batch_size)
        yield inputs[rows].long(), targets[rows].long()
    if whole * T < len(ids) - 1:  # the last ones are shorter than T
        yield ids[None, whole * T : -1].long(), ids[None, whole * T + 1 :].long()


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's global generators inside the block, and restore them after it."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def _losses(
    logits: Tensor, targets: Tensor, weights: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the mean loss, and the weighted mean, which is to be made smaller."""
    if weights is None:
        loss = cross_entropy(logits, targets)
        return loss, loss
    losses = cross_entropy(logits, targets, "none")
    loss = losses.sum() / (targets != NO_TARGET).sum()
    return loss, (weights * losses).sum() / weights.sum()


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
    device, V = next(model.parameters()).device, model.config.vocab_size
    B, T = config.batch_size, model.config.block_size
    world, autocast = World(), autocast_context(config.dtype, device)
    compiled = cast(nn.Module, torch.compile(model)) if config.compile else model
    forward = world.wrap(compiled)
    dropout = any(isinstance(m, nn.Dropout) and m.p > 0 for m in model.modules())
    rare = rare_tokens(train_ids, V).to(device)
    generator = torch.Generator()
    model.zero_grad()  # an earlier run that was interrupted may have left gradients
    iteration, was_training = start, model.training
    try:
        while not schedule.finished(iteration):
            began = time.perf_counter()
            model.train()
            seed = config.seed * 1_000_003 + iteration  # so that a resumed run agrees
            generator.manual_seed(seed)
            weights, practice = None, iteration < config.copy_iters
            if practice:
                batch = copying_batch(V, B * T, T, generator)
            else:
                batch = sample_batch(train_ids, B, T, generator)
            inputs, targets = (world.shard(part).to(device) for part in batch)
            if not practice and schedule.progress(iteration) < COPY_FRACTION:
                weights = copy_weights(inputs, targets, rare, config.copy_weight)
            with autocast, _seeded(seed) if dropout else nullcontext():
                loss, objective = _losses(forward(inputs), targets, weights)
            objective.backward()
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
                tokens=int((batch[1] != NO_TARGET).sum()),
                seconds=seconds,
            )
    finally:
        model.train(was_training)

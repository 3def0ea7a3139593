"""The exercises of lesson 04: how a model learns."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from minigpt.course.exercises.judge import draw, exercise
from minigpt.course.exercises.verdict import EXERCISES, Exercise, Mistake
from minigpt.course.faults import PATIENTS, name_of


def _rows(ids: Tensor, starts: Sequence[int], T: int) -> Tensor:
    return torch.stack([ids[s : s + T] for s in starts])


@exercise(
    "04.batch",
    "You swapped inputs and targets.",
    lambda *case: batch(*case)[::-1],
    "Your targets are the inputs; shift them by one, or the model learns to copy.",
    lambda *case: (_rows(*case), _rows(*case)),
    "Your targets are one token too far ahead.",
    lambda ids, *rest: (_rows(ids, *rest), _rows(ids[2:], *rest)),
    "Your targets are the tokens before; the target is the token after.",
    lambda ids, *rest: (_rows(ids, *rest), _rows(ids.roll(1), *rest)),
    cases=[
        (torch.arange(100, 120), [0, 5, 9], 4),
        (draw(50, seed=1, below=63), [3, 40], 8),
        (draw(50, seed=1, below=63), [20], 1),
        (torch.tensor([5, 3, 8, 1, 7]), [2, 0], 2),
    ],
    praise="Every position has the token after it as its target.",
    parts=("the batch of inputs", "the batch of targets"),
)
def batch(ids: Tensor, starts: Sequence[int], T: int) -> tuple[Tensor, Tensor]:
    """Return inputs and targets, both (B, T), that start at those places."""
    return _rows(ids, starts, T), _rows(ids[1:], starts, T)


def _p(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the probabilities (B, T) of the targets."""
    return logits.softmax(dim=-1).gather(-1, targets[..., None])[..., 0]


@exercise(
    "04.cross_entropy",
    "The sign is wrong: the loss is minus the logarithm, which is below 0.",
    lambda logits, targets: -cross_entropy(logits, targets),
    "That is in bits; take the natural logarithm, not log2.",
    lambda logits, targets: cross_entropy(logits, targets) / math.log(2),
    "That is the sum over all positions; take the mean.",
    lambda logits, targets: -_p(logits, targets).log().sum(),
    "You averaged over the batch but summed over the positions; average over B · T.",
    lambda logits, targets: -_p(logits, targets).log().sum(1).mean(),
    "You averaged before you took the logarithm; the logarithm comes first.",
    lambda logits, targets: -_p(logits, targets).mean().log(),
    "That is a mean probability; the logarithm is missing.",
    lambda logits, targets: _p(logits, targets).mean(),
    "That is one minus a mean probability; the logarithm is missing.",
    lambda logits, targets: 1 - _p(logits, targets).mean(),
    "Those are the logits of the targets; a softmax makes them probabilities.",
    lambda logits, targets: -logits.gather(-1, targets[..., None]).mean(),
    "Your softmax runs over the wrong axis; the V scores are on the last one.",
    lambda logits, targets: (
        -logits.softmax(dim=1).gather(-1, targets[..., None]).log().mean()
    ),
    "You averaged over all V tokens; pick the probability of the target.",
    lambda logits, targets: -logits.log_softmax(dim=-1).mean(),
    cases=[
        (3 * draw(2, 5, 7, seed=2), draw(2, 5, seed=3, below=7)),
        (3 * draw(3, 4, 63, seed=2), draw(3, 4, seed=3, below=63)),
        (torch.tensor([[[0.0, 0], [0, 1]]]), torch.tensor([[1, 1]])),
    ],
    praise="The mean surprise at the right tokens, in nats.",
    types={float: "No gradient flows back from a number; return a tensor, no .item()."},
    otherwise="The loss is the mean of -ln p(target).",
    gradients=True,
    by_hand=("cross_entropy",),
)
def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean loss in nats of logits (B, T, V) for targets (B, T)."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def _half(x: float) -> float:
    return 0.5 * (1 + math.cos(x))


def _done(i: int, warmup: int, total: int) -> float:
    return (i - warmup) / (total - warmup)


def _schedule(falling: Any) -> Any:
    """Return the schedule that falls like this function after its warm-up."""
    return lambda i, warmup, total: (
        (i + 1) / warmup if i < warmup else falling(i, warmup, total)
    )


@exercise(
    "04.schedule",
    "There is no warm-up; the first iterations rise from 1 / warmup to 1.",
    lambda i, warmup, total: _half(math.pi * i / total),
    "Iteration 0 would learn nothing; the first share is 1 / warmup, not 0.",
    lambda i, warmup, total: i / warmup if i < warmup else schedule(i, warmup, total),
    "Your decay begins at iteration 0; it begins at the end of the warm-up.",
    _schedule(lambda i, warmup, total: _half(math.pi * i / total)),
    "Your decay is as long as the whole run; it has total - warmup iterations.",
    _schedule(lambda i, warmup, total: _half(math.pi * (i - warmup) / total)),
    "The decay is missing; after the warm-up the rate falls.",
    _schedule(lambda *case: 1.0),
    "Your decay is a straight line; take half of 1 + cos(π · progress).",
    _schedule(lambda *case: 1 - _done(*case)),
    "Your decay climbs; it is 1 plus the cosine, not 1 minus it.",
    _schedule(lambda *case: _half(math.pi * (1 + _done(*case)))),
    "The π is missing; the cosine of progress alone does not fall far.",
    _schedule(lambda *case: _half(_done(*case))),
    "Your cosine goes down to -1; take half of 1 + cosine.",
    _schedule(lambda *case: math.cos(math.pi * _done(*case))),
    "That is a quarter of the wave; cos(π · progress) goes all the way down.",
    _schedule(lambda *case: math.cos(math.pi / 2 * _done(*case))),
    cases=[(i, 4, 12) for i in range(12)] + [(i, 10, 110) for i in range(110)],
    praise="Up in a straight line, down along a cosine.",
)
def schedule(i: int, warmup: int, total: int) -> float:
    """Return the share of the highest learning rate in iteration i."""
    return _schedule(lambda *case: _half(math.pi * _done(*case)))(i, warmup, total)


def _norm(grads: Sequence[Tensor]) -> Tensor:
    return torch.cat([grad.flatten() for grad in grads]).norm()


def _scaled(grads: Sequence[Tensor], limit: float, norm: Any) -> tuple[Tensor, ...]:
    return tuple(grad * min(1.0, limit / float(norm)) for grad in grads)


GRADS = [4 * draw(*shape, seed=3) for shape in ((3, 4), (5,), (2, 2))]


@exercise(
    "04.clip",
    "Small gradients must stay as they are; only shrink, never stretch.",
    lambda grads, limit: [grad * limit / _norm(grads) for grad in grads],
    "You clipped nothing.",
    lambda grads, limit: grads,
    "You cut each number by itself, which changes the direction; use one factor.",
    lambda grads, limit: [grad.clamp(-limit, limit) for grad in grads],
    "You gave each tensor its own norm; take one norm and one factor for all.",
    lambda grads, limit: [_scaled([grad], limit, grad.norm())[0] for grad in grads],
    "You divided by the squared norm; take the root.",
    lambda grads, limit: _scaled(grads, limit, _norm(grads) ** 2),
    "You added up the norms of the tensors; add up the squares, then take the root.",
    lambda grads, limit: _scaled(grads, limit, sum(g.norm() for g in grads)),
    "The sum of the sizes is not the norm; take the root of the sum of the squares.",
    lambda grads, limit: _scaled(grads, limit, sum(g.abs().sum() for g in grads)),
    "The largest number is not the norm; take the root of the sum of the squares.",
    lambda grads, limit: _scaled(grads, limit, max(g.abs().max() for g in grads)),
    cases=[
        (GRADS, 1.0),
        (GRADS, 2.5),
        ([grad / 1000 for grad in GRADS], 1.0),
        ([torch.tensor([3.0, 0.0]), torch.tensor([[-4.0]])], 1.0),
    ],
    praise="One factor for all gradients keeps their direction.",
    types={(float, Tensor): "Return a list with one tensor for each gradient."},
    otherwise="The norm is the root of the sum of all squares, of all gradients "
    "together; above the limit, multiply all of them by limit / norm.",
)
def clip(grads: Sequence[Tensor], limit: float) -> tuple[Tensor, ...]:
    """Return the gradients, scaled so that their common norm is at most the limit."""
    return _scaled(grads, limit, _norm(grads))


# What to look at, for each patient whose diagnosis is wrong.
CLUES = {
    "A": "compare where its curve starts to fall, and how low it ends, with the bigram",
    "B": "in one row of its map, compare the columns of one and the same letter",
    "C": "look at the first iterations of its curve: it is not too slow",
    "D": "look at the upper half of its map: a healthy one is white there",
    "E": "it learns, but as if little of what goes in came out: look at how slowly",
    "F": "look at how the rows of its map share out their weight",
}


def museum(answer: Any) -> None:
    """Raise Mistake unless the answer gives each patient its diagnosis in words."""
    right = {letter: name_of(exhibit) for letter, exhibit in PATIENTS.items()}
    if not isinstance(answer, dict):
        raise Mistake(f"Your diagnoses are a {type(answer).__name__}, not a dict.")
    if set(answer) != set(right):
        raise Mistake(f"The patients are {', '.join(right)}, each once.")
    for letter, diagnosis in answer.items():
        if diagnosis is not ... and diagnosis not in right.values():
            raise Mistake(
                f"Patient {letter}: that is no diagnosis of the list; copy one of it."
            )
    for letter, name in right.items():
        if answer[letter] not in (..., name):
            raise Mistake(f"Patient {letter} has something else: {CLUES[letter]}.")
    missing = [letter for letter in right if answer[letter] is ...]
    if missing:
        rest = "" if len(missing) == len(right) else "; those you gave are right"
        raise Mistake(f"Patient {missing[0]} has no diagnosis yet{rest}.")


EXERCISES["04.museum"] = Exercise("All six patients have their diagnosis.", museum)

"""The exercises of lesson 04: how a model learns."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, tensor
from torch.nn import functional as F

from minigpt.course.exercises.judge import Function, exercise, noise
from minigpt.course.exercises.verdict import EXERCISES, Exercise, Mistake
from minigpt.course.faults import PATIENTS, name_of


def _rows(ids: Tensor, starts: Sequence[int], T: int) -> Tensor:
    return torch.stack([ids[s : s + T] for s in starts])


@exercise(
    "You swapped inputs and targets.",
    lambda *case: batch(*case)[::-1],
    "Your targets are the inputs; shift them by one, or the model learns to copy.",
    lambda *case: (_rows(*case), _rows(*case)),
    "Your targets are one token too far ahead.",
    lambda ids, *rest: (_rows(ids, *rest), _rows(ids[2:], *rest)),
    "Your targets are the tokens before; they should be the tokens after.",
    lambda ids, *rest: (_rows(ids, *rest), _rows(ids.roll(1), *rest)),
    cases=[
        (torch.arange(100, 120), [0, 5, 9], 4),
        *((noise(50, seed=1, below=63), *rest) for rest in (([3, 40], 8), ([20], 1))),
        (tensor([5, 3, 8, 1, 7]), [2, 0], 2),
    ],
    praise="Every position has the token after it as its target.",
    parts=("the batch of inputs", "the batch of targets"),
)
def batch(ids: Tensor, starts: Sequence[int], T: int) -> tuple[Tensor, Tensor]:
    return _rows(ids, starts, T), _rows(ids[1:], starts, T)


def _p(logits: Tensor, targets: Tensor, axis: int = -1) -> Tensor:
    """Return the probabilities (B, T) of the targets."""
    return logits.softmax(axis).gather(-1, targets[..., None])[..., 0]


@exercise(
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
    lambda logits, targets: -_p(logits, targets, axis=1).log().mean(),
    "You averaged over all V tokens; pick the probability of the target.",
    lambda logits, targets: -logits.log_softmax(dim=-1).mean(),
    cases=[
        (3 * noise(2, 5, 7, seed=2), noise(2, 5, seed=3, below=7)),
        (3 * noise(3, 4, 63, seed=2), noise(3, 4, seed=3, below=63)),
        (tensor([[[0.0, 0], [0, 1]]]), tensor([[1, 1]])),
    ],
    praise="The mean surprise at the right tokens, in nats.",
    types={float: "No gradient flows back from a number; return a tensor, no .item()."},
    otherwise="The loss is the mean of -ln p(target).",
    gradients=True,
    by_hand=("cross_entropy",),
)
def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def _half(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


def _warmed(down: Callable[[float], float]) -> Function:
    """Return the schedule that goes down like this function after its warm-up."""
    return lambda i, up, end: (i + 1) / up if i < up else down((i - up) / (end - up))


@exercise(
    "There is no warm-up; the first iterations rise from 1 / warmup to 1.",
    lambda i, warmup, total: _half(i / total),
    "Iteration 0 would learn nothing; the first share is 1 / warmup, not 0.",
    lambda i, warmup, total: i / warmup if i < warmup else schedule(i, warmup, total),
    "Your decay begins at iteration 0; it should begin after the warm-up.",
    lambda i, warmup, total: (i + 1) / warmup if i < warmup else _half(i / total),
    "Your decay is as long as the whole run; it has total - warmup iterations.",
    lambda i, up, total: (i + 1) / up if i < up else _half((i - up) / total),
    "The decay is missing; after the warm-up the rate falls.",
    _warmed(lambda progress: 1.0),
    "Your decay is a straight line; take half of 1 + cos(π · progress).",
    _warmed(lambda progress: 1 - progress),
    "Your decay climbs; it is 1 plus the cosine, not 1 minus it.",
    _warmed(lambda progress: _half(1 + progress)),
    "The π is missing; the cosine of progress alone does not fall far.",
    _warmed(lambda progress: _half(progress / math.pi)),
    "Your cosine goes down to -1; take half of 1 + cosine.",
    _warmed(lambda progress: math.cos(math.pi * progress)),
    "That is a quarter of the wave; cos(π · progress) goes all the way down.",
    _warmed(lambda progress: math.cos(math.pi / 2 * progress)),
    cases=[(i, 4, 12) for i in range(12)] + [(i, 10, 110) for i in range(110)],
    praise="Up in a straight line, down along a cosine.",
)
def schedule(i: int, warmup: int, total: int) -> float:
    return _warmed(_half)(i, warmup, total)


def _norm(grads: Sequence[Tensor]) -> Tensor:
    return torch.cat([grad.flatten() for grad in grads]).norm()


def _scaled(grads: Sequence[Tensor], limit: float, norm: Any) -> tuple[Tensor, ...]:
    return tuple(grad * min(1.0, limit / float(norm)) for grad in grads)


GRADS = [4 * noise(*shape, seed=3) for shape in ((3, 4), (5,), (2, 2))]


@exercise(
    "Small gradients must stay as they are; only shrink, never stretch.",
    lambda grads, limit: [grad * limit / _norm(grads) for grad in grads],
    "You clipped nothing.",
    lambda grads, limit: grads,
    "You clipped each number by itself, which changes the direction; use one factor.",
    lambda grads, limit: [grad.clamp(-limit, limit) for grad in grads],
    "You gave each tensor its own norm; take one norm and one factor for all.",
    lambda grads, limit: [_scaled([grad], limit, grad.norm())[0] for grad in grads],
    "You divided by the squared norm; take the root.",
    lambda grads, limit: _scaled(grads, limit, _norm(grads) ** 2),
    "You added up the norms of the tensors; add up the squares, then take the root.",
    lambda grads, limit: _scaled(grads, limit, sum(g.norm() for g in grads)),
    "The sum of the sizes is not the norm; take the root of the sum of squares.",
    lambda grads, limit: _scaled(grads, limit, sum(g.abs().sum() for g in grads)),
    "The largest number is not the norm; take the root of the sum of squares.",
    lambda grads, limit: _scaled(grads, limit, max(g.abs().max() for g in grads)),
    cases=[
        *[(GRADS, 1.0), (GRADS, 2.5), ([grad / 1000 for grad in GRADS], 1.0)],
        ([tensor([3.0, 0.0]), tensor([[-4.0]])], 1.0),
    ],
    praise="One factor for all gradients keeps their direction.",
    types={(float, Tensor): "Return a list with one tensor for each gradient."},
    otherwise="The norm is the root of the sum of all squares, of all gradients.",
)
def clip(grads: Sequence[Tensor], limit: float) -> tuple[Tensor, ...]:
    return _scaled(grads, limit, _norm(grads))


# What to look at, for each patient whose diagnosis is wrong.
CLUES = {
    "A": "compare where its curve starts to fall, and how low it ends, with the bigram",
    "B": "in one row of its map, compare the columns of the same letter",
    "C": "look at the first iterations of its curve; slowness is not its problem",
    "D": "look at the upper half of its map, which is white in a healthy model",
    "E": "it learns slowly, as if little of what goes in came out again",
    "F": "look at how the rows of its map share out their weight",
}


def museum(answer: Any) -> None:
    """Raise Mistake unless the answer gives each patient its diagnosis in words."""
    right = {letter: name_of(exhibit) for letter, exhibit in PATIENTS.items()}
    if not isinstance(answer, dict):
        raise Mistake(f"Your diagnoses are a {type(answer).__name__}, not a dict.")
    if set(answer) != set(right):
        raise Mistake(f"The patients are {', '.join(right)}, each once.")
    given = {letter: said for letter, said in answer.items() if said is not ...}
    for letter, said in given.items():
        if said not in right.values():
            raise Mistake(f"Patient {letter}: copy one of the diagnoses in the list.")
    for letter, said in sorted(given.items()):
        if said != right[letter]:
            raise Mistake(f"Patient {letter} has something else: {CLUES[letter]}.")
    if missing := sorted(set(right) - set(given)):
        rest = "; the others are right" if given else ""
        raise Mistake(f"Patient {missing[0]} has no diagnosis yet{rest}.")


EXERCISES["04.museum"] = Exercise("All six patients have their diagnosis.", museum)

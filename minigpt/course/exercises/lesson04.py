"""Check the exercises of lesson 04: how a model learns."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from minigpt.course.exercises.tools import compare, same, want_tensor, want_type
from minigpt.course.exercises.verdict import Mistake, exercise
from minigpt.course.faults import PATIENTS, name_of
from minigpt.training import cross_entropy


@exercise("04.batch", "every position has the token after it as its target")
def batch(answer: Any) -> None:
    """`answer(ids, starts, T)` gives inputs and targets, both (B, T)."""
    text = torch.randperm(50, generator=torch.Generator().manual_seed(1))
    for ids, starts, T in (
        (torch.arange(100, 120), [0, 5, 9], 4),
        (text, [3, 40], 8),
        (text, [20], 1),
    ):
        result = answer(ids.clone(), list(starts), T)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise Mistake("return two things: the inputs and the targets")
        rows = {
            shift: torch.stack([ids[s + shift :][:T] for s in starts])
            for shift in (0, 1, 2)
        }
        inputs, targets = (
            want_tensor(part, (len(starts), T), f"the {name}")
            for part, name in zip(result, ("inputs", "targets"), strict=True)
        )
        compare(
            inputs,
            rows[0],
            {"inputs and targets have changed places": rows[1]},
            "row b of the inputs is not ids[starts[b] : starts[b] + T]",
        )
        earlier = torch.stack([ids.roll(1)[s : s + T] for s in starts])
        compare(
            targets,
            rows[1],
            {
                "the targets are the inputs: move them on by one, or the model learns "
                "to copy": rows[0],
                "the targets are one token too far on": rows[2],
                "the targets are the tokens before, not those after": earlier,
            },
            "the target of a position is not the token after it",
        )


@exercise("04.cross_entropy", "the mean surprise at the right tokens, in nats")
def cross_entropy_by_hand(answer: Any) -> None:
    """`answer(logits, targets)` gives the mean loss; (B, T, V) and (B, T)."""
    generator = torch.Generator().manual_seed(2)
    # The smallest last: of a single position, many wrong losses are 0.
    for B, T, V in ((2, 5, 7), (3, 4, 63), (1, 1, 3)):
        logits = 3 * torch.randn(B, T, V, generator=generator)
        targets = torch.randint(V, (B, T), generator=generator)
        result = answer(logits.clone(), targets.clone())
        if isinstance(result, float):
            result = torch.tensor(result)
        compare(
            want_tensor(result, (), "the loss"),
            cross_entropy(logits, targets),
            _wrong_losses(logits, targets),
            "the loss is not the mean of -ln p(target)",
        )


def _wrong_losses(logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
    right = cross_entropy(logits, targets)
    at = targets[..., None]
    p = logits.softmax(dim=-1).gather(-1, at)
    wrong = {
        "the sign is turned round: a probability below 1 has a negative logarithm, "
        "and the loss is minus that": -right,
        "those are bits: take the natural logarithm, not log2": right / math.log(2),
        "that is the sum over all positions: take the mean": right * targets.numel(),
        "you averaged over the batch but summed over the positions: the mean runs over "
        "all B · T of them": right * targets.shape[1],
        "you averaged the probabilities and then took the logarithm: the logarithm "
        "comes first": -p.mean().log(),
        "that is a mean probability: the logarithm is missing": p.mean(),
        "that is one minus a mean probability: the logarithm is missing": 1 - p.mean(),
        "those are the logits of the targets: a softmax makes them probabilities": (
            -logits.gather(-1, at).mean()
        ),
        "the softmax runs over the wrong axis: the V scores of a position are the "
        "last one": -logits.softmax(dim=1).gather(-1, at).log().mean(),
        "the mean runs over all V tokens: pick the target's probability only": (
            -logits.log_softmax(dim=-1).mean()
        ),
    }
    return wrong


@exercise("04.schedule", "up in a straight line, down along a cosine")
def schedule(answer: Any) -> None:
    """`answer(i, warmup, total)` gives the share of the highest learning rate."""
    for warmup, total in ((4, 12), (10, 110)):
        steps = range(total)
        result = [_number(answer(i, warmup, total)) for i in steps]
        for sentence, wrong in _wrong_schedules(warmup, total).items():
            if same(torch.tensor(result), torch.tensor([wrong(i) for i in steps])):
                raise Mistake(sentence)
        right = [_share(i, warmup, total) for i in steps]
        for i in steps:
            if not math.isclose(result[i], right[i], abs_tol=1e-4):
                part = "warm-up" if i < warmup else "decay"
                raise Mistake(
                    f"the {part} is not right: of {total} iterations, {warmup} of them "
                    f"warm-up, iteration {i} should have {right[i]:.2f} of the rate"
                )


def _number(result: Any) -> float:
    # A share of exactly 1 may be an int.
    return float(result) if type(result) is int else want_type(result, float)


def _share(i: int, warmup: int, total: int) -> float:
    if i < warmup:
        return (i + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (i - warmup) / (total - warmup)))


def _wrong_schedules(warmup: int, total: int) -> dict[str, Callable[[int], float]]:
    def up(i: int) -> float:
        return (i + 1) / warmup

    def decay(i: int) -> float:
        return (i - warmup) / (total - warmup)

    def half(x: float) -> float:
        return 0.5 * (1 + math.cos(x))

    def after_warmup(falling: Callable[[int], float]) -> Callable[[int], float]:
        return lambda i: up(i) if i < warmup else falling(i)

    return {
        "there is no warm-up: the first iterations rise from 1 / warmup to 1": (
            lambda i: half(math.pi * i / total)
        ),
        "iteration 0 would learn nothing: the first share is 1 / warmup, not 0": (
            lambda i: i / warmup if i < warmup else _share(i, warmup, total)
        ),
        "the decay begins at iteration 0: count its progress from the end of the "
        "warm-up": after_warmup(lambda i: half(math.pi * i / total)),
        "the decay is not as long as the whole run: it has total - warmup iterations": (
            after_warmup(lambda i: half(math.pi * (i - warmup) / total))
        ),
        "the decay is missing: after the warm-up the rate falls": (
            after_warmup(lambda i: 1.0)
        ),
        "the decay is a straight line: take half of 1 + cos(π · progress)": (
            after_warmup(lambda i: 1 - decay(i))
        ),
        "the decay climbs: it is 1 plus the cosine, not 1 minus it": (
            after_warmup(lambda i: half(math.pi * (1 + decay(i))))
        ),
        "the π is missing: the cosine of progress alone does not get far": (
            after_warmup(lambda i: half(decay(i)))
        ),
        "the cosine goes down to -1: take half of 1 + cosine": (
            after_warmup(lambda i: math.cos(math.pi * decay(i)))
        ),
        "that is a quarter of the wave: cos(π · progress) goes all the way down": (
            after_warmup(lambda i: math.cos(math.pi / 2 * decay(i)))
        ),
    }


@exercise("04.clip", "one factor for all gradients keeps their direction")
def clip(answer: Any) -> None:
    """`answer(grads, limit)` gives the gradients, their common norm at most limit."""
    generator = torch.Generator().manual_seed(3)
    large = [
        4 * torch.randn(shape, generator=generator) for shape in ((3, 4), (5,), (2, 2))
    ]
    small = [grad / 1000 for grad in large]
    for grads, limit in ((large, 1.0), (large, 2.5), (small, 1.0)):
        result = answer([grad.clone() for grad in grads], limit)
        if not isinstance(result, tuple | list) or len(result) != len(grads):
            raise Mistake("return a list with one tensor for each gradient")
        tensors = [
            want_tensor(r, tuple(g.shape), "a gradient")
            for r, g in zip(result, grads, strict=True)
        ]
        flat = _flat(tensors)
        for sentence, wrong in _wrong_clips(grads, limit).items():
            if same(flat, _flat(wrong)) and not same(
                _flat(wrong), _clipped(grads, limit)
            ):
                raise Mistake(sentence)
        if not same(flat, _clipped(grads, limit)):
            raise Mistake(
                "the norm is the root of the sum of all squares, of all gradients "
                "together; above the limit, multiply all of them by limit / norm"
            )


def _flat(grads: Sequence[Tensor]) -> Tensor:
    return torch.cat([grad.flatten() for grad in grads])


def _norm(grads: Sequence[Tensor]) -> Tensor:
    return _flat(grads).norm()


def _clipped(grads: Sequence[Tensor], limit: float) -> Tensor:
    return _flat(grads) * min(1.0, limit / _norm(grads).item())


def _wrong_clips(grads: list[Tensor], limit: float) -> dict[str, list[Tensor]]:
    norm = _norm(grads).item()
    total = sum(grad.norm().item() for grad in grads)
    sizes = _flat(grads).abs().sum().item()
    return {
        "small gradients must stay as they are: only shrink, never stretch": [
            grad * limit / norm for grad in grads
        ],
        "nothing was clipped": grads,
        "you cut each number by itself, which turns the gradient's direction: "
        "multiply all by one factor": [grad.clamp(-limit, limit) for grad in grads],
        "each tensor has its own norm here: one norm and one factor for all together": [
            grad * min(1.0, limit / grad.norm().item()) for grad in grads
        ],
        "you divided by the squared norm: take the root": [
            grad * min(1.0, limit / norm**2) for grad in grads
        ],
        "you added up the norms of the tensors: add up the squares, then take the "
        "root": [grad * min(1.0, limit / total) for grad in grads],
        "the sum of the sizes is not the norm: take the root of the sum of the "
        "squares": [grad * min(1.0, limit / sizes) for grad in grads],
        "the largest number is not the norm: take the root of the sum of the squares": [
            grad * min(1.0, limit / _flat(grads).abs().max().item()) for grad in grads
        ],
    }


# What to look at, for each patient whose diagnosis is wrong.
CLUES = {
    "A": "compare where its curve starts to fall, and how low it ends, with the pairs",
    "B": "in one row of its map, compare the columns of one and the same letter",
    "C": "look at the first iterations of its curve: it is not too slow",
    "D": "look at the upper half of its map: a healthy one is white there",
    "E": "it learns, but as if little of what goes in came out: look at how slowly",
    "F": "look at how the rows of its map share out their weight",
}


@exercise("04.museum", "all six patients have their diagnosis")
def museum(answer: Any) -> None:
    """`answer` gives each patient's letter a diagnosis in words."""
    given = want_type(answer, dict, "it")
    diagnoses = [name_of(exhibit) for exhibit in PATIENTS.values()]
    _check_words(given, diagnoses)
    for letter, exhibit in PATIENTS.items():
        if given[letter] not in (..., name_of(exhibit)):
            raise Mistake(f"patient {letter} has something else: {CLUES[letter]}")
    if missing := [letter for letter in PATIENTS if given[letter] is ...]:
        right = "" if len(missing) == len(PATIENTS) else "; those given are right"
        raise Mistake(f"patient {missing[0]} has no diagnosis yet{right}")


def _check_words(given: Mapping[Any, Any], diagnoses: Sequence[str]) -> None:
    if set(given) != set(PATIENTS):
        raise Mistake(f"the patients are {', '.join(PATIENTS)}, each once")
    for letter, diagnosis in given.items():
        if diagnosis is not ... and diagnosis not in diagnoses:
            raise Mistake(
                f"patient {letter}: that is no diagnosis of the list; copy one of it"
            )

"""The exercises of lesson 02: from averages of the past to causal attention."""

from collections.abc import Iterator
from functools import partial
from math import inf
from typing import Any

import torch
from torch import Tensor

from minigpt.attention import causal_attention, causal_mask
from minigpt.course.exercises.judge import exercise, noise


def _small(*numbers: float) -> Tensor:  # (1, T, 1)
    return torch.tensor([[[float(one)] for one in numbers]])


def _random(n: int, *shape: int) -> tuple[Tensor, ...]:
    return tuple(noise(*shape, seed=seed) for seed in range(n))


def _counts(x: Tensor) -> Tensor:
    return torch.arange(1, x.shape[1] + 1).view(-1, 1)


def _average_in_place(x: Tensor) -> Tensor:
    for t in range(x.shape[1]):
        x[:, t] = x[:, : t + 1].mean(dim=1)
    return x


@exercise(
    "You averaged over all positions, the later ones included.",
    lambda x: x.mean(dim=1, keepdim=True).expand_as(x),
    "Position t averaged itself and what comes after it; the past is 0 to t.",
    lambda x: averages(x.flip(1)).flip(1),
    "You added up the past but did not divide by the number of positions.",
    lambda x: x.cumsum(dim=1),
    "You divided every sum by T, but there are t + 1 positions from 0 to t.",
    lambda x: x.cumsum(dim=1) / x.shape[1],
    "You divided the sum at position t by t, but 0 to t are t + 1 positions.",
    lambda x: x.cumsum(dim=1) / (_counts(x) - 1),
    "Position t left itself out; its average runs from 0 to t, t included.",
    lambda x: (x.cumsum(dim=1) - x) / (_counts(x) - 1).clamp(min=1),
    "Position t left itself out, so position 0 has nothing to average.",
    lambda x: (x.cumsum(dim=1) - x) / (_counts(x) - 1),
    "You averaged along the batch; positions are axis 1 of (B, T, C).",
    lambda x: averages(x.transpose(0, 1)).transpose(0, 1),
    "You averaged along the channels; positions are axis 1 of (B, T, C).",
    lambda x: averages(x.transpose(1, 2)).transpose(1, 2),
    "You overwrote x while later positions still needed it; fill a new tensor.",
    _average_in_place,
    "You returned x unchanged.",
    lambda x: x,
    cases=[
        *[_random(1, *shape) for shape in ((2, 4, 3), (3, 6, 1), (1, 1, 5))],
        (_small(4, 2, 9),),
    ],
    praise="Every position averages itself and its past, and nothing else.",
    gradients=True,
)
def averages(x: Tensor) -> Tensor:
    return x.cumsum(dim=1) / _counts(x)


def _ones(T: int) -> Tensor:
    return torch.ones(T, T, dtype=torch.bool)


# The mistakes in masks, weights and scores can be made in attention, too.
MASKS: tuple[Any, ...] = (
    "Your mask holds numbers, not True and False, and would be added to the scores.",
    lambda T: _ones(T).float().tril(),
    "You swapped future and past: row t may look at columns 0 to t.",
    lambda T: causal_mask(T).T,
    "Your mask is True where a position may not look; invert it.",
    lambda T: ~causal_mask(T),
    "You masked the diagonal, but a position may look at itself.",
    lambda T: causal_mask(T).tril(-1),
    "Nothing is masked, so every position sees the future.",
    _ones,
    "Your mask allows nothing.",
    lambda T: ~_ones(T),
    "You allowed one position of the future; hide everything from t + 1 on.",
    lambda T: _ones(T).tril(1),
    "Each position sees only itself, because the past is hidden as well.",
    lambda T: _ones(T).triu() & causal_mask(T),
)


@exercise(
    *MASKS,
    cases=[(4,), (7,), (1,), (2,)],
    praise="Each position may look at itself and at what came before.",
)
def mask(T: int) -> Tensor:
    return causal_mask(T)


def _softmax(scores: Tensor, mask: Tensor, dim: int = -1, fill: float = -inf) -> Tensor:
    return scores.masked_fill(~mask, fill).softmax(dim=dim)


WEIGHTS: tuple[Any, ...] = (
    "Your softmax runs over the wrong axis; each row, over its keys, sums to 1.",
    lambda scores, mask: _softmax(scores, mask, dim=-2),
    "Your softmax runs over the batch; each row, over its keys, sums to 1.",
    lambda scores, mask: _softmax(scores, mask, dim=0),
    "You added the mask to the scores, which hides nothing; use masked_fill.",
    lambda scores, mask: (scores + mask.float()).softmax(dim=-1),
    "You set hidden scores to 0, but e⁰ is 1; set them to -inf.",
    lambda scores, mask: _softmax(scores, mask, fill=0.0),
    "You applied the mask after the softmax, so the rows no longer sum to 1.",
    lambda scores, mask: scores.softmax(dim=-1) * mask,
    "You set hidden scores to +inf; only -inf gives a weight of zero.",
    lambda scores, mask: _softmax(scores, mask, fill=inf),
    "Those are masked scores; the softmax is still missing.",
    lambda scores, mask: scores.masked_fill(~mask, -inf),
    "You did not divide the powers of e by the sum of their row.",
    lambda scores, mask: scores.masked_fill(~mask, -inf).exp(),
)


@exercise(
    *WEIGHTS,
    "You inverted the mask: True means that a position may look.",
    lambda scores, mask: _softmax(scores, ~mask),
    "You did not use the mask.",
    lambda scores, mask: scores.softmax(dim=-1),
    "You used a causal mask of your own instead of the mask that you were given.",
    lambda scores, mask: _softmax(scores, causal_mask(len(mask))),
    cases=[
        (noise(2, 4, 4, seed=0), causal_mask(4)),
        (noise(2, 4, 4, seed=0), _ones(4).tril(1).triu(-1)),
        (torch.tensor([[[0.0, 1.0], [2.0, 2.0]]]), causal_mask(2)),
    ],
    praise="What is hidden weighs nothing, and every row sums to 1.",
    gradients=True,
)
def weights(scores: Tensor, mask: Tensor) -> Tensor:
    return _softmax(scores, mask)


SCORES: tuple[Any, ...] = (
    "You did not divide the scores by the square root of D.",
    lambda q, k: q @ k.mT,
    "You divided the scores by D, not by its square root.",
    lambda q, k: q @ k.mT / q.shape[-1],
    "You multiplied the scores by the square root of D; divide by it.",
    lambda q, k: q @ k.mT * q.shape[-1] ** 0.5,
    "You took the square root of T; D is the last axis of q.",
    lambda q, k: q @ k.mT / q.shape[-2] ** 0.5,
    "You swapped queries and keys; row t belongs to query t.",
    lambda q, k: scores(k, q),
    "Those are already weights; leave the softmax for later.",
    lambda q, k: scores(q, k).softmax(dim=-1),
    "You compared channels with channels; transpose k, not q.",
    lambda q, k: q.mT @ k / q.shape[-1] ** 0.5,
    "q and k do not fit together like this; swap the last two axes of k.",
    lambda q, k: q @ k / q.shape[-1] ** 0.5,
)


@exercise(
    *SCORES,
    cases=[
        *[_random(2, *shape) for shape in ((2, 4, 3), (3, 5, 16))],
        (2 * torch.eye(2, 4)[None], torch.arange(8.0).view(1, 2, 4)),
    ],
    praise="Every query meets every key, at one scale for every D.",
    edges={
        f"Right for (B, T, D), but not for {axes}: count axes from the end.": [
            _random(2, *shape)
        ]
        for axes, shape in {"(B, H, T, D)": (2, 3, 4, 8), "(T, D)": (4, 8)}.items()
    },
    gradients=True,
)
def scores(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.mT / q.shape[-1] ** 0.5


@exercise(
    "You did not transpose: rows now mix positions, and the future leaks in.",
    lambda x, n_head: x.reshape(len(x), n_head, x.shape[1], -1),
    "Positions still come before heads; transpose axes 1 and 2.",
    lambda x, n_head: x.reshape(*x.shape[:2], n_head, -1),
    "Each head took every H-th channel; it takes D adjacent channels.",
    lambda x, n_head: x.reshape(*x.shape[:2], -1, n_head).permute(0, 3, 1, 2),
    "You swapped positions and channels; each head is (T, D).",
    lambda x, n_head: split_heads(x, n_head).transpose(2, 3),
    "You swapped batch and heads; the result is (B, H, T, D).",
    lambda x, n_head: split_heads(x, n_head).transpose(0, 1),
    "You returned x unchanged.",
    lambda x, n_head: x,
    cases=[
        *[(noise(2, 3, 8, seed=0), 4), (noise(3, 5, 6, seed=0), 2)],
        *[(noise(1, 4, 3, seed=0), 1), (torch.arange(1.0, 9).view(1, 2, 4), 2)],
    ],
    praise="Each head holds its own channels of every position.",
    gradients=True,
)
def split_heads(x: Tensor, n_head: int) -> Tensor:
    return x.reshape(*x.shape[:2], n_head, -1).transpose(1, 2)


def _attend(q: Tensor, k: Tensor, v: Tensor, **steps: Any) -> Tensor:
    """Return attention's output, with any of its three steps replaced."""
    steps = {"scores": scores, "mask": causal_mask, "weights": _softmax} | steps
    return steps["weights"](steps["scores"](q, k), steps["mask"](q.shape[-2])) @ v


def _in_attention(step: str, *mistakes: Any) -> Iterator[Any]:
    """Yield the mistakes of a step, each with the attention that makes it."""
    for said, way in zip(mistakes[::2], mistakes[1::2], strict=True):
        yield from (said, partial(_attend, **{step: way}))


@exercise(
    "You transposed the weights before they met the values.",
    lambda q, k, v: _softmax(scores(q, k), causal_mask(v.shape[-2])).mT @ v,
    "Those are the weights; they still have to average the values.",
    lambda q, k, v: _softmax(scores(q, k), causal_mask(v.shape[-2])),
    "Your weights averaged the keys; they should average the values.",
    lambda q, k, v: attention(q, k, k),
    "Your weights averaged the queries; they should average the values.",
    lambda q, k, v: attention(q, k, q),
    *_in_attention("mask", *MASKS),
    *_in_attention("scores", *SCORES),
    *_in_attention("weights", *WEIGHTS),
    cases=[
        *[_random(3, *shape) for shape in ((2, 4, 3), (2, 3, 5, 8), (1, 1, 2), (4, 3))],
        (_small(0, 0), _small(5, 7), _small(2, 4)),
    ],
    praise="This is causal attention, and it gives the same output as the package's.",
    gradients=True,
)
def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return causal_attention(q, k, v)[0]

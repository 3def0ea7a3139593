"""The exercises of lesson 02: from averages of the past to causal attention."""

import math
from typing import Any

import torch
from torch import Tensor

from minigpt.attention import causal_attention, causal_mask
from minigpt.course.exercises.judge import draw, exercise

INF = math.inf


def _small(*numbers: float) -> Tensor:
    """Return the numbers as x (1, T, 1)."""
    return torch.tensor([[[float(number)] for number in numbers]])


def _counts(x: Tensor) -> Tensor:
    return torch.arange(1, x.shape[1] + 1).view(-1, 1)


def _average_in_place(x: Tensor) -> Tensor:
    for t in range(x.shape[1]):
        x[:, t] = x[:, : t + 1].mean(dim=1)
    return x


@exercise(
    "02.averages",
    "You averaged over all positions, and so over the later ones too.",
    lambda x: x.mean(dim=1, keepdim=True).expand_as(x),
    "Position t averaged itself and what comes after it; the past is 0 to t.",
    lambda x: averages(x.flip(1)).flip(1),
    "You added up the past but did not divide by the number of its positions.",
    lambda x: x.cumsum(dim=1),
    "You divided every sum by T, but positions 0 to t are t + 1 of them.",
    lambda x: x.cumsum(dim=1) / x.shape[1],
    "You divided the sum at position t by t, but positions 0 to t are t + 1 of them.",
    lambda x: x.cumsum(dim=1) / (_counts(x) - 1),
    "Position t left itself out; its average runs over 0 to t, t included.",
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
        *((draw(*shape, seed=0),) for shape in ((2, 4, 3), (3, 6, 1), (1, 1, 5))),
        (_small(4, 2, 9),),
    ],
    praise="Every position averages itself and its past, and nothing else.",
    gradients=True,
)
def averages(x: Tensor) -> Tensor:
    """Return the causal averages of x (B, T, C), same shape."""
    return x.cumsum(dim=1) / _counts(x)


def _ones(T: int) -> Tensor:
    return torch.ones(T, T, dtype=torch.bool)


@exercise(
    "02.mask",
    "Your mask holds numbers, not True and False, and would be added to the scores.",
    lambda T: _ones(T).float().tril(),
    "You swapped future and past: row t may look at columns 0 to t.",
    lambda T: causal_mask(T).T,
    "Your mask is True where a position may not look; turn it around.",
    lambda T: ~causal_mask(T),
    "You masked the diagonal, but a position may look at itself.",
    lambda T: causal_mask(T).tril(-1),
    "Your mask allows everything; it must hide the future.",
    _ones,
    "Your mask allows nothing.",
    lambda T: ~_ones(T),
    "Your mask allows one position of the future; hide from t + 1 on.",
    lambda T: _ones(T).tril(1),
    "Each position sees itself alone; your mask hides the past as well.",
    lambda T: _ones(T).triu() & causal_mask(T),
    cases=[(4,), (7,), (1,), (2,)],
    praise="Each position may look at itself and at what came before.",
)
def mask(T: int) -> Tensor:
    """Return the (T, T) bool mask, True where a query may look."""
    return causal_mask(T)


def _softmax(scores: Tensor, mask: Tensor, dim: int = -1, fill: float = -INF) -> Tensor:
    return scores.masked_fill(~mask, fill).softmax(dim=dim)


@exercise(
    "02.weights",
    "Your softmax runs over the wrong axis; each row, over its keys, sums to 1.",
    lambda scores, mask: _softmax(scores, mask, dim=-2),
    "Your softmax runs over the batch; each row, over its keys, sums to 1.",
    lambda scores, mask: _softmax(scores, mask, dim=0),
    "You added the mask to the scores, which hides nothing; apply it.",
    lambda scores, mask: (scores + mask.float()).softmax(dim=-1),
    "You set hidden scores to 0, but e⁰ is 1; set them to -inf.",
    lambda scores, mask: _softmax(scores, mask, fill=0.0),
    "You applied the mask after the softmax, so the rows no longer sum to 1.",
    lambda scores, mask: scores.softmax(dim=-1) * mask,
    "You turned the mask around: True means that a position may look.",
    lambda scores, mask: _softmax(scores, ~mask),
    "You set hidden scores to +inf; only -inf makes a weight of zero.",
    lambda scores, mask: _softmax(scores, mask, fill=INF),
    "You did not use the mask.",
    lambda scores, mask: scores.softmax(dim=-1),
    "You used a causal mask of your own and not the mask that you were given.",
    lambda scores, mask: _softmax(scores, causal_mask(len(mask))),
    "Those are masked scores; the softmax is still missing.",
    lambda scores, mask: scores.masked_fill(~mask, -INF),
    "You did not divide the powers of e by the sum of their row.",
    lambda scores, mask: scores.masked_fill(~mask, -INF).exp(),
    cases=[
        (draw(2, 4, 4, seed=0), causal_mask(4)),
        (draw(2, 4, 4, seed=0), _ones(4).tril(1).triu(-1)),
        (torch.tensor([[[0.0, 1.0], [2.0, 2.0]]]), causal_mask(2)),
    ],
    praise="What is hidden weighs nothing, and every row sums to 1.",
    gradients=True,
)
def weights(scores: Tensor, mask: Tensor) -> Tensor:
    """Return the softmax of scores (B, T, T) under a mask (T, T)."""
    return _softmax(scores, mask)


def _raw(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.transpose(-2, -1)


def _root(q: Tensor, axis: int = -1) -> float:
    return math.sqrt(q.shape[axis])


@exercise(
    "02.scores",
    "You did not divide the scores by the square root of D.",
    _raw,
    "You divided the scores by D, not by its square root.",
    lambda q, k: _raw(q, k) / q.shape[-1],
    "You multiplied the scores by the square root of D; divide.",
    lambda q, k: _raw(q, k) * _root(q),
    "You took the square root of T; D is the last axis of q.",
    lambda q, k: _raw(q, k) / _root(q, -2),
    "You swapped queries and keys; row t belongs to query t.",
    lambda q, k: scores(k, q),
    "Those are weights already; leave the softmax for later.",
    lambda q, k: scores(q, k).softmax(dim=-1),
    "You compared channels with channels; transpose k, not q.",
    lambda q, k: q.transpose(-2, -1) @ k / _root(q),
    "q and k do not fit together like this; swap the last two axes of k.",
    lambda q, k: q @ k / _root(q),
    cases=[
        (draw(2, 4, 3, seed=0), draw(2, 4, 3, seed=1)),
        (draw(3, 5, 16, seed=0), draw(3, 5, 16, seed=1)),
        (
            torch.tensor([[[2.0, 0, 0, 0], [0, 0, 4, 0]]]),
            torch.tensor([[[1.0, 0, 0, 0], [5, 0, 0, 0]]]),
        ),
    ],
    praise="Every query meets every key, at one scale for every D.",
    edges={
        f"Right for (B, T, D), but not for {axes}: count axes from the end.": [
            (draw(*shape, seed=0), draw(*shape, seed=1))
        ]
        for axes, shape in {"(B, H, T, D)": (2, 3, 4, 8), "(T, D)": (4, 8)}.items()
    },
    gradients=True,
)
def scores(q: Tensor, k: Tensor) -> Tensor:
    """Return the scaled scores (..., T, T) of q and k (..., T, D)."""
    return _raw(q, k) / _root(q)


def _split(x: Tensor, n_head: int) -> Tensor:
    return x.reshape(*x.shape[:2], n_head, -1)


@exercise(
    "02.split_heads",
    "You did not transpose: rows now mix positions, and the future leaks in.",
    lambda x, n_head: x.reshape(len(x), n_head, x.shape[1], -1),
    "Positions still come before heads; transpose axes 1 and 2.",
    _split,
    "Each head took every H-th channel; it takes D channels side by side.",
    lambda x, n_head: x.reshape(*x.shape[:2], -1, n_head).permute(0, 3, 1, 2),
    "You swapped positions and channels; each head is (T, D).",
    lambda x, n_head: split_heads(x, n_head).transpose(2, 3),
    "You swapped batch and heads; the result is (B, H, T, D).",
    lambda x, n_head: split_heads(x, n_head).transpose(0, 1),
    "You returned x unchanged.",
    lambda x, n_head: x,
    cases=[
        *[(draw(2, 3, 8, seed=0), 4), (draw(3, 5, 6, seed=0), 2)],
        (draw(1, 4, 3, seed=0), 1),
        (torch.arange(1.0, 9).view(1, 2, 4), 2),
    ],
    praise="Each head holds its own channels of every position.",
    gradients=True,
)
def split_heads(x: Tensor, n_head: int) -> Tensor:
    """Return x (B, T, C) as (B, H, T, D)."""
    return _split(x, n_head).transpose(1, 2)


def _weights(q: Tensor, k: Tensor, factor: float = 1.0, **how: Any) -> Tensor:
    """Return attention's weights, computed with another mask, fill, dim or factor."""
    mask = how.pop("mask", causal_mask)(q.shape[-2])
    return _softmax(scores(q, k) * factor, mask, **how)


@exercise(
    "02.attention",
    "You added the mask to the scores, so the future leaks in; apply it.",
    lambda q, k, v: (scores(q, k) + causal_mask(v.shape[-2])).softmax(dim=-1) @ v,
    "There is no mask, so every position sees the future.",
    lambda q, k, v: scores(q, k).softmax(dim=-1) @ v,
    "You masked the diagonal, but a position may look at itself.",
    lambda q, k, v: _weights(q, k, mask=lambda T: _ones(T).tril(-1)) @ v,
    "You allowed the future and hid the past; turn the mask around.",
    lambda q, k, v: _weights(q, k, mask=lambda T: _ones(T).triu()) @ v,
    "You turned the mask around: it hides the past and the position itself.",
    lambda q, k, v: _weights(q, k, mask=lambda T: ~causal_mask(T)) @ v,
    "You allowed one position of the future.",
    lambda q, k, v: _weights(q, k, mask=lambda T: _ones(T).tril(1)) @ v,
    "You set hidden scores to 0, but e⁰ is 1; set them to -inf.",
    lambda q, k, v: _weights(q, k, fill=0.0) @ v,
    "You applied the mask after the softmax, so the rows no longer sum to 1.",
    lambda q, k, v: scores(q, k).softmax(dim=-1) * causal_mask(v.shape[-2]) @ v,
    "Your softmax runs over the wrong axis; each row, over its keys, sums to 1.",
    lambda q, k, v: _weights(q, k, dim=-2) @ v,
    "You did not divide the scores by the square root of D.",
    lambda q, k, v: _weights(q, k, _root(q)) @ v,
    "You divided the scores by D, not by its square root.",
    lambda q, k, v: _weights(q, k, 1 / _root(q)) @ v,
    "You took the square root of T; D is the last axis of q.",
    lambda q, k, v: _weights(q, k, _root(q) / _root(q, -2)) @ v,
    "You swapped queries and keys.",
    lambda q, k, v: _weights(k, q) @ v,
    "You transposed the weights before they met the values.",
    lambda q, k, v: _weights(q, k).transpose(-2, -1) @ v,
    "Those are the weights; they still have to average v.",
    lambda q, k, v: _weights(q, k),
    "Your weights averaged the keys; they average the values.",
    lambda q, k, v: _weights(q, k) @ k,
    "Your weights averaged the queries; they average the values.",
    lambda q, k, v: _weights(q, k) @ q,
    cases=[
        *(
            tuple(draw(*shape, seed=seed) for seed in range(3))
            for shape in ((2, 4, 3), (2, 3, 5, 8), (1, 1, 2), (4, 3))
        ),
        (_small(0, 0), _small(5, 7), _small(2, 4)),
    ],
    praise="This is causal attention, equal to the package's.",
    gradients=True,
)
def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return causal attention's output (..., T, D)."""
    return causal_attention(q, k, v)[0]

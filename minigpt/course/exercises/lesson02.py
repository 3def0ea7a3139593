"""Check the exercises of lesson 02, from averages of the past to causal attention."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from minigpt.attention import causal_attention, causal_mask
from minigpt.course.exercises.tools import compare, same, want_tensor
from minigpt.course.exercises.verdict import Mistake, exercise

INF = math.inf


def _draw(*shapes: tuple[int, ...], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def _judge(
    result: Any, right: Tensor, mistakes: Mapping[str, Tensor], what: str
) -> None:
    # Known mistakes first: some of them have a shape of their own.
    if not same(result, right):
        for sentence, wrong in mistakes.items():
            if same(result, wrong):
                raise Mistake(sentence)
    result = want_tensor(result, tuple(right.shape), what)
    compare(result, right, {}, f"{what} has the right shape but wrong numbers")


# Causal averages


def _average(x: Tensor) -> Tensor:
    return x.cumsum(dim=1) / torch.arange(1, x.shape[1] + 1).view(-1, 1)


def _average_in_place(x: Tensor) -> Tensor:
    x = x.clone()
    for t in range(x.shape[1]):
        x[:, t] = x[:, : t + 1].mean(dim=1)
    return x


def _average_mistakes(x: Tensor) -> dict[str, Tensor]:
    T = x.shape[1]
    total = x.cumsum(dim=1)
    before = total - x
    t = torch.arange(T).view(-1, 1)
    return {
        "every position got the average of all positions, those after it too": (
            x.mean(dim=1, keepdim=True).expand_as(x)
        ),
        "position t averaged itself and what comes after it: the past is 0 to t": (
            _average(x.flip(1)).flip(1)
        ),
        "the past was added up but not divided by how many positions it has": total,
        "every sum was divided by T, but positions 0 to t are t + 1": total / T,
        "the sum at position t was divided by t, but positions 0 to t are t + 1": (
            total / t
        ),
        "position t left itself out: its average runs over 0 to t, t included": (
            before / t.clamp(min=1)
        ),
        "position t left itself out, and position 0 has nothing to average": before / t,
        "the average ran along the batch: positions are axis 1 of (B, T, C)": (
            _average(x.transpose(0, 1)).transpose(0, 1)
        ),
        "the average ran along the channels: positions are axis 1 of (B, T, C)": (
            _average(x.transpose(1, 2)).transpose(1, 2)
        ),
        "x was overwritten while later positions still needed it: fill a new tensor": (
            _average_in_place(x)
        ),
        "x came back as it was": x,
    }


@exercise("02.averages", "every position averages itself and its past, and no more")
def averages(answer: Any) -> None:
    """`answer(x)` gives the causal averages of x (B, T, C), same shape."""
    for shape in ((2, 4, 3), (3, 6, 1), (1, 1, 5)):
        (x,) = _draw(shape)
        _judge(answer(x.clone()), _average(x), _average_mistakes(x), "your average")


# The mask


@exercise("02.mask", "each position may look at itself and at what came before")
def mask(answer: Any) -> None:
    """`answer(T)` gives the (T, T) bool mask, True where a query may look."""
    for T in (4, 7, 1):
        result = want_tensor(answer(T), (T, T), "your mask")
        if result.dtype != torch.bool:
            raise Mistake(
                "your mask holds numbers, not True and False: a mask of numbers is "
                "added to the scores, not applied"
            )
        right, ones = causal_mask(T), torch.ones(T, T, dtype=torch.bool)
        mistakes = {
            "future and past are swapped: row t may look at columns 0 to t": right.T,
            "it is True where a position may not look: turn it round": ~right,
            "the diagonal is masked: a position may look at itself": right.tril(-1),
            "it allows everything: the future is not masked": ones,
            "it allows nothing": ~ones,
            "it allows one position of the future: start hiding at t + 1": ones.tril(1),
            "each position may look at itself alone: the past is hidden too": (
                ones.triu() & right
            ),
        }
        compare(result, right, mistakes, "your mask hides or shows the wrong cells")


# Weights: masked softmax


def _weight_mistakes(scores: Tensor, allowed: Tensor) -> dict[str, Tensor]:
    masked = scores.masked_fill(~allowed, -INF)
    return {
        "the softmax runs over the wrong axis: each row, over its keys, sums to 1": (
            masked.softmax(dim=-2)
        ),
        "the softmax runs over the batch: each row, over its keys, sums to 1": (
            masked.softmax(dim=0)
        ),
        "the mask was added to the scores, not applied: nothing is hidden": (
            (scores + allowed.float()).softmax(dim=-1)
        ),
        "hidden scores became 0, and e⁰ is 1: they need -inf": (
            (scores * allowed).softmax(dim=-1)
        ),
        "the mask came after the softmax: the rows no longer sum to 1": (
            scores.softmax(dim=-1) * allowed
        ),
        "the mask is turned round: True means that a position may look": (
            scores.masked_fill(allowed, -INF).softmax(dim=-1)
        ),
        "hidden scores became +inf: it takes -inf for a weight of zero": (
            scores.masked_fill(~allowed, INF).softmax(dim=-1)
        ),
        "the mask was not used": scores.softmax(dim=-1),
        "these are masked scores: the softmax is still to come": masked,
        "the powers of e were not divided by the sum of their row": masked.exp(),
    }


@exercise("02.weights", "what is hidden weighs nothing, and every row sums to 1")
def weights(answer: Any) -> None:
    """`answer(scores, mask)` gives the softmax of (B, T, T) scores under a mask."""
    (scores,) = _draw((2, 4, 4))
    for number, allowed in enumerate((causal_mask(4), _other_mask())):
        right = scores.masked_fill(~allowed, -INF).softmax(dim=-1)
        mistakes = _weight_mistakes(scores, allowed)
        result = answer(scores.clone(), allowed.clone())
        causal = scores.masked_fill(~causal_mask(4), -INF).softmax(dim=-1)
        if number == 1 and same(result, causal):
            raise Mistake("the mask that was given was not used, but another one")
        _judge(result, right, mistakes, "your result")


def _other_mask() -> Tensor:
    # Each position sees itself and its neighbours.
    near = torch.arange(4).view(-1, 1) - torch.arange(4)
    return near.abs() <= 1


# Scores


def _score_mistakes(q: Tensor, k: Tensor) -> dict[str, Tensor]:
    T, D = q.shape[-2:]
    raw = q @ k.transpose(-2, -1)
    right = raw / math.sqrt(D)
    return {
        "the scores were not divided by the square root of D": raw,
        "the scores were divided by D, not by its square root": raw / D,
        "the scores were multiplied by the square root of D: divide": (
            raw * math.sqrt(D)
        ),
        "the square root was that of T: D is the last axis of q": raw / math.sqrt(T),
        "queries and keys are swapped: row t belongs to query t": (
            right.transpose(-2, -1)
        ),
        "these are weights already: leave the softmax for later": right.softmax(dim=-1),
        "channels were compared with channels: transpose k, not q": (
            q.transpose(-2, -1) @ k / math.sqrt(D)
        ),
    }


@exercise("02.scores", "every query meets every key, at one scale for every D")
def scores(answer: Any) -> None:
    """`answer(q, k)` gives scaled scores (..., T, T) of q and k (..., T, D)."""
    for shape in ((2, 4, 3), (3, 5, 16)):
        q, k = _draw(shape, shape)
        right = q @ k.transpose(-2, -1) / math.sqrt(shape[-1])
        try:
            result = answer(q.clone(), k.clone())
        except RuntimeError as error:
            if str(error) != _why_not(q, k):
                raise
            raise Mistake(
                "q and k do not fit together like this: swap the last two axes of k"
            ) from None
        _judge(result, right, _score_mistakes(q, k), "your score")
    more: dict[str, tuple[int, ...]] = {"(B, H, T, D)": (2, 3, 4, 8), "(T, D)": (4, 8)}
    for words, axes in more.items():
        q, k = _draw(axes, axes)
        right = q @ k.transpose(-2, -1) / math.sqrt(8)
        try:
            fits, said = same(answer(q.clone(), k.clone()), right), ""
        except Exception as error:
            fits, said = False, f" ({type(error).__name__}: {error})"
            if len(axes) == 4 and str(error) == _why_not(q, k.transpose(1, 2)):
                said = ": count the two axes to transpose from the end, -2 and -1"
        if not fits:
            raise Mistake(f"right for (B, T, D), but not for {words}{said}")


def _why_not(a: Tensor, b: Tensor) -> str:
    """Return what PyTorch says of a product that cannot be."""
    try:
        torch.matmul(a, b)
    except RuntimeError as error:
        return str(error)
    return ""


# Heads


def _head_mistakes(x: Tensor, H: int) -> dict[str, Tensor]:
    B, T, C = x.shape
    D = C // H
    split = x.reshape(B, T, H, D)
    right = split.transpose(1, 2)
    return {
        "the heads were split without transposing: rows now mix positions, and the "
        "future leaks in": x.reshape(B, H, T, D),
        "the channels are split, but positions still stand before heads: transpose "
        "axes 1 and 2": split,
        "a head takes D channels that stand side by side, not every H-th one": (
            x.reshape(B, T, D, H).permute(0, 3, 1, 2)
        ),
        "positions and channels are swapped: each head is (T, D)": (
            right.transpose(2, 3)
        ),
        "batch and heads are swapped: the result is (B, H, T, D)": (
            right.transpose(0, 1)
        ),
        "x came back as it was": x,
    }


@exercise("02.split_heads", "each head holds its own channels of every position")
def split_heads(answer: Any) -> None:
    """`answer(x, n_head)` turns x (B, T, C) into (B, H, T, D)."""
    for shape, H in (((2, 3, 8), 4), ((3, 5, 6), 2), ((1, 4, 3), 1)):
        (x,) = _draw(shape)
        right = x.reshape(*shape[:2], H, -1).transpose(1, 2)
        _judge(answer(x.clone(), H), right, _head_mistakes(x, H), "your result")


# All of it


def _masked_softmax(scores: Tensor, allowed: Tensor, dim: int = -1) -> Tensor:
    return scores.masked_fill(~allowed, -INF).softmax(dim=dim)


def _wrong_masks(scores: Tensor, v: Tensor) -> dict[str, Tensor]:
    T = scores.shape[-1]
    allowed = causal_mask(T)
    one_more = torch.ones(T, T, dtype=torch.bool).tril(1)
    wrong_weights = {
        "the mask was added to the scores, not applied: the future leaks in": (
            (scores + allowed.float()).softmax(dim=-1)
        ),
        "there is no mask: every position sees the future": scores.softmax(dim=-1),
        "the diagonal is masked: a position may look at itself": (
            _masked_softmax(scores, allowed.tril(-1))
        ),
        "the future is allowed and the past hidden: turn the mask round": (
            _masked_softmax(scores, allowed.T)
        ),
        "the mask is turned round: it hides the past and the position itself": (
            _masked_softmax(scores, ~allowed)
        ),
        "one position of the future is allowed": _masked_softmax(scores, one_more),
        "hidden scores became 0, and e⁰ is 1: they need -inf": (
            (scores * allowed).softmax(dim=-1)
        ),
        "the mask came after the softmax: the rows no longer sum to 1": (
            scores.softmax(dim=-1) * allowed
        ),
        "the softmax runs over the wrong axis: each row, over its keys, sums to 1": (
            _masked_softmax(scores, allowed, dim=-2)
        ),
    }
    return {sentence: weights @ v for sentence, weights in wrong_weights.items()}


def _wrong_scores(q: Tensor, k: Tensor, v: Tensor) -> dict[str, Tensor]:
    T, D = q.shape[-2:]
    allowed = causal_mask(T)
    raw = q @ k.transpose(-2, -1)
    right = _masked_softmax(raw / math.sqrt(D), allowed)
    swapped = raw.transpose(-2, -1) / math.sqrt(D)
    return {
        "the scores were not divided by the square root of D": (
            _masked_softmax(raw, allowed) @ v
        ),
        "the scores were divided by D, not by its square root": (
            _masked_softmax(raw / D, allowed) @ v
        ),
        "the square root was that of T: D is the last axis of q": (
            _masked_softmax(raw / math.sqrt(T), allowed) @ v
        ),
        "queries and keys are swapped": _masked_softmax(swapped, allowed) @ v,
        "the weights were transposed before they met the values": (
            right.transpose(-2, -1) @ v
        ),
        "these are the weights: they still have to average v": right,
        "the weights averaged the keys, not the values": right @ k,
        "the weights averaged the queries, not the values": right @ q,
    }


@exercise("02.attention", "this is causal attention, equal to the package's")
def attention(answer: Any) -> None:
    """`answer(q, k, v)` gives causal attention's output, (..., T, D)."""
    for shape in ((2, 4, 3), (2, 3, 5, 8), (1, 1, 2), (4, 3)):
        q, k, v = _draw(shape, shape, shape)
        right, _ = causal_attention(q, k, v)
        result = answer(q.clone(), k.clone(), v.clone())
        scaled = q @ k.transpose(-2, -1) / math.sqrt(shape[-1])
        mistakes = _wrong_masks(scaled, v) | _wrong_scores(q, k, v)
        _judge(result, right, mistakes, "your output")

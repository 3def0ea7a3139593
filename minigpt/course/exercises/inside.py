"""The exercises of `looking_inside`: what the parts of a trained model do."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, tensor
from torch.nn import functional as F

from minigpt.course.exercises.judge import Function, exercise, noise, number

Ints = Sequence[int]


def _maps(B: int, H: int, T: int, seed: int) -> Tensor:
    """Return attention weights of a causal model (B, H, T, T)."""
    return (2 * noise(B, H, T, T, seed=seed)).softmax(dim=-1).tril()


def _found(maps: Tensor, lengths: Ints, offset: int = -1) -> list[Tensor]:
    """Return one tensor (H, places) per text: a diagonal of its real part."""
    pairs = zip(maps, lengths, strict=True)
    return [w[:, :n, :n].diagonal(offset, -2, -1) for w, n in pairs]


def _pooled(maps: Tensor, lengths: Ints, offset: int = -1) -> Tensor:
    return torch.cat(_found(maps, lengths, offset), dim=-1).mean(dim=-1)


def _previous_sum(maps: Tensor, lengths: Ints) -> Tensor:
    return torch.cat(_found(maps, lengths), dim=-1).sum(dim=-1)


@exercise(
    "You averaged over the padded places, too; each text ends at its length.",
    lambda maps, lengths: _pooled(maps, [maps.shape[-1]] * len(maps)),
    "You took the longest length for every text; each text has its own.",
    lambda maps, lengths: _pooled(maps, [max(lengths)] * len(maps)),
    "That is the weight on the token itself; the previous one is to the left.",
    lambda maps, lengths: _pooled(maps, lengths, 0),
    "That is the weight on the token itself; the previous one is in column t - 1.",
    lambda maps, lengths: torch.cat(
        [w[:, 1:] for w in _found(maps, lengths, 0)], dim=-1
    ).mean(dim=-1),
    "That is the weight on the next token, which is always 0; the past is below.",
    lambda maps, lengths: _pooled(maps, lengths, 1),
    "That is the weight on the token before the previous one.",
    lambda maps, lengths: _pooled(maps, lengths, -2),
    "You gave every text the same weight; give it to every position, so that a long "
    "text counts for more.",
    lambda maps, lengths: torch.stack(
        [w.mean(dim=-1) for w in _found(maps, lengths)]
    ).mean(dim=0),
    "You counted position 0 as well, which has no previous token.",
    lambda maps, lengths: _previous_sum(maps, lengths) / sum(lengths),
    "You divided by the number of texts; divide by the number of places.",
    lambda maps, lengths: _previous_sum(maps, lengths) / len(lengths),
    "You left the padded places out of the sum, but divided by them as well.",
    lambda maps, lengths: (
        _previous_sum(maps, lengths) / (len(maps) * (maps.shape[-1] - 1))
    ),
    "That is a sum; divide by the number of places.",
    _previous_sum,
    "You averaged over the heads as well; return one number for each head.",
    lambda maps, lengths: _pooled(maps, lengths).mean(),
    "That is one row for each text; return one number for each head, over all texts.",
    lambda maps, lengths: torch.stack([w.mean(dim=-1) for w in _found(maps, lengths)]),
    "You looked at the first text only.",
    lambda maps, lengths: _pooled(maps[:1], lengths[:1]),
    "You looked at the last text only.",
    lambda maps, lengths: _pooled(maps[-1:], lengths[-1:]),
    "You looked at the last position of each text only.",
    lambda maps, lengths: torch.stack([w[:, -1] for w in _found(maps, lengths)]).mean(
        dim=0
    ),
    "You went one place too far: n tokens have n - 1 that come before another.",
    lambda maps, lengths: _pooled(maps, [n + 1 for n in lengths]),
    "You left out the last position of each text.",
    lambda maps, lengths: _pooled(maps, [n - 1 for n in lengths]),
    "You counted how often the previous token gets the most; take the mean weight.",
    lambda maps, lengths: torch.cat(
        [
            (w[:, 1:n, :n].argmax(dim=-1) == torch.arange(n - 1)).float()
            for w, n in zip(maps, lengths, strict=True)
        ],
        dim=-1,
    ).mean(dim=-1),
    "You took the largest weight on a previous token; take the mean.",
    lambda maps, lengths: torch.cat(_found(maps, lengths), dim=-1).amax(dim=-1),
    cases=[
        (_maps(3, 2, 6, seed=0), [4, 6, 3]),
        (_maps(2, 4, 7, seed=1), [5, 4]),
        (tensor([[[[1.0, 0, 0], [0.7, 0.3, 0], [0.5, 0.1, 0.4]]]]), [3]),
        (tensor([[[[1.0, 0, 0], [0.7, 0.3, 0], [0.2, 0.2, 0.6]]]]), [2]),
    ],
    alone=True,
    praise="Every real place counts once, and no padded one.",
)
def previous(maps: Tensor, lengths: Ints) -> Tensor:
    return _pooled(maps, lengths)


def _row_norm(x: Tensor, axis: int = -1, correction: int = 0) -> Tensor:
    variance = x.var(axis, correction=correction, keepdim=True)
    return (x - x.mean(axis, keepdim=True)) / (variance + 1e-5).sqrt()


@exercise(
    "You forgot the final norm, which the model applies before it compares.",
    lambda x, gain, bias, table: x @ table.T,
    "The norm has no gain and bias in your function; this model's are not 1 and 0.",
    lambda x, gain, bias, table: _row_norm(x) @ table.T,
    "The gain of the final norm is missing.",
    lambda x, gain, bias, table: (_row_norm(x) + bias) @ table.T,
    "The bias of the final norm is missing.",
    lambda x, gain, bias, table: (_row_norm(x) * gain) @ table.T,
    "You swapped gain and bias.",
    lambda x, gain, bias, table: (_row_norm(x) * bias + gain) @ table.T,
    "You multiplied by the gain and added the bias, but did not normalise.",
    lambda x, gain, bias, table: (x * gain + bias) @ table.T,
    "You normalised along the positions; normalise each one along its channels.",
    lambda x, gain, bias, table: (_row_norm(x, 0) * gain + bias) @ table.T,
    "You divided the variance by C - 1, torch's default; LayerNorm divides by C.",
    lambda x, gain, bias, table: (_row_norm(x, correction=1) * gain + bias) @ table.T,
    "You normalised the logits; normalise the stream, then compare it with the table.",
    lambda x, gain, bias, table: _row_norm(x @ table.T),
    "You normalised the rows of the table; normalise the rows of the stream.",
    lambda x, gain, bias, table: x @ (_row_norm(table) * gain + bias).T,
    "You did not subtract the mean.",
    lambda x, gain, bias, table: (
        (x / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt() * gain + bias)
        @ table.T
    ),
    "Those are probabilities; return the logits, before any softmax.",
    lambda x, gain, bias, table: lens(x, gain, bias, table).softmax(dim=-1),
    "Those are logarithms of probabilities; return the logits, before any softmax.",
    lambda x, gain, bias, table: lens(x, gain, bias, table).log_softmax(dim=-1),
    "You returned the likeliest ids; return all logits (T, V).",
    lambda x, gain, bias, table: lens(x, gain, bias, table).argmax(dim=-1),
    "You read the last position only; return a row for every position.",
    lambda x, gain, bias, table: lens(x, gain, bias, table)[-1],
    "You returned the normalised stream; compare it with every token's row.",
    lambda x, gain, bias, table: F.layer_norm(x, gain.shape, gain, bias),
    "Your result is (V, T); return a row for every position, (T, V).",
    lambda x, gain, bias, table: lens(x, gain, bias, table).T,
    "You normalised twice; once is enough.",
    lambda x, gain, bias, table: lens(
        F.layer_norm(x, gain.shape, gain, bias), gain, bias, table
    ),
    cases=[
        (3 * noise(T, 4, seed=2) + 1, noise(4, seed=3), noise(4, seed=4), table)
        for T, table in ((3, noise(7, 4, seed=5)), (5, noise(4, 4, seed=6)))
    ]
    + [
        (
            tensor([[3.0, 1]]),
            tensor([2.0, 1]),
            tensor([1.0, 0]),
            tensor([[1.0, 2], [0, 1], [2, 0]]),
        ),
        (
            tensor([[1.0, 9], [0, 4]]),
            tensor([1.0, 3]),
            tensor([0.0, 2]),
            tensor([[1.0, 2], [4, 1]]),
        ),
    ],
    alone=True,
    praise="Any place of the stream can be read as if it were the last.",
    errors={
        "must match the size": "Two tensors do not fit together: mean and variance are "
        "(T, 1) with keepdim=True, and the product with the table is @, not *.",
        "cannot be multiplied": "The stream (T, C) and the table (V, C) do not fit: "
        "the stream comes first, and table.T has shape (C, V).",
    },
)
def lens(x: Tensor, gain: Tensor, bias: Tensor, token_table: Tensor) -> Tensor:
    return F.layer_norm(x, gain.shape, gain, bias) @ token_table.T


def _columns(weight: Tensor, head: int, D: int) -> Tensor:
    return weight[:, head * D : (head + 1) * D]


@exercise(
    "You returned the head's output before W_O, of D numbers; the stream gets C.",
    lambda outputs, weight, head: outputs[head],
    "You took the head's rows of the weight; the heads enter nn.Linear by its columns.",
    lambda outputs, weight, head: (
        outputs[head] @ weight[head * D_of(outputs) : (head + 1) * D_of(outputs)]
    ),
    "Your columns begin at the head's number; they begin at head · D.",
    lambda outputs, weight, head: (
        outputs[head] @ weight[:, head : head + D_of(outputs)].T
    ),
    "Those are the columns of head 0; they begin at head · D.",
    lambda outputs, weight, head: outputs[head] @ _columns(weight, 0, D_of(outputs)).T,
    "Your heads count from 1; the first one is head 0.",
    lambda outputs, weight, head: adds(outputs, weight, (head - 1) % len(outputs)),
    "You took the columns of the head before; they begin at head · D.",
    lambda outputs, weight, head: (
        outputs[head] @ _columns(weight, (head - 1) % len(outputs), D_of(outputs)).T
    ),
    "You took every H-th column; a head's columns stand side by side.",
    lambda outputs, weight, head: outputs[head] @ weight[:, head :: len(outputs)].T,
    "That is what all heads add together; set the others aside.",
    lambda outputs, weight, head: outputs.transpose(0, 1).flatten(1) @ weight.T,
    "That is what all the other heads add; take the one that is asked for.",
    lambda outputs, weight, head: (
        outputs.transpose(0, 1).flatten(1) @ weight.T - adds(outputs, weight, head)
    ),
    "That is head 0; use the head that is given.",
    lambda outputs, weight, head: adds(outputs, weight, 0),
    "That is the last head; use the head that is given.",
    lambda outputs, weight, head: adds(outputs, weight, len(outputs) - 1),
    "You added up the positions; return a row for each.",
    lambda outputs, weight, head: adds(outputs, weight, head).sum(dim=0),
    "You returned the last position only; return a row for each.",
    lambda outputs, weight, head: adds(outputs, weight, head)[-1],
    "Your result is (C, T); return a row for each position, (T, C).",
    lambda outputs, weight, head: adds(outputs, weight, head).T,
    "You divided by the number of heads; the stream gets their sum, not their mean.",
    lambda outputs, weight, head: adds(outputs, weight, head) / len(outputs),
    "You counted the heads from 1; head 0 is the first.",
    lambda outputs, weight, head: (
        outputs[head]
        @ weight[:, (head - 1) * outputs.shape[-1] : head * outputs.shape[-1]].T
    ),
    cases=[
        *(
            (noise(3, T, 2, seed=7), noise(6, 6, seed=8), h)
            for T, h in ((4, 1), (3, 2))
        ),
        (noise(2, 3, 2, seed=9), noise(4, 4, seed=10), 1),
        (tensor([[[1.0], [2]], [[3], [4]]]), tensor([[1.0, 2], [0, 3]]), 1),
        (tensor([[[1.0]], [[5]]]), tensor([[1.0, 2], [4, 3]]), 0),
    ],
    alone=True,
    praise="Each head adds its own part, and the parts sum to the layer's output.",
    errors={
        "cannot be multiplied": "The shapes do not fit: the head's output (T, D) comes "
        "first, then a matrix (D, C): D columns of the weight, transposed."
    },
)
def adds(outputs: Tensor, weight: Tensor, head: int) -> Tensor:
    return outputs[head] @ _columns(weight, head, outputs.shape[-1]).T


def D_of(outputs: Tensor) -> int:
    """Return the head size of outputs (H, T, D)."""
    return outputs.shape[-1]


def _scale(parts: Tensor, correction: int = 0, eps: float = 1e-5) -> Tensor:
    """Return the root that LayerNorm divides the sum of the parts by."""
    return (parts.sum(dim=0).var(correction=correction) + eps).sqrt()


def _attributed(
    parts: Tensor, gain: Tensor, bias: Tensor, row: Tensor, scale: Any = None
) -> Tensor:
    """Return what each part and the bias add to the dot product with a row."""
    scale = _scale(parts) if scale is None else scale
    centred = parts - parts.mean(dim=-1, keepdim=True)
    return torch.cat([(centred / scale * gain) @ row, (bias @ row)[None]])


@exercise(
    "You normalised each part by itself; all parts share one scale, that of their sum.",
    lambda parts, gain, bias, right, wrong: _attributed(
        parts, gain, bias, right - wrong, (parts.var(-1, False, True) + 1e-5).sqrt()
    ),
    "You forgot the final norm: no part was centred or scaled.",
    lambda parts, gain, bias, right, wrong: torch.cat(
        [parts @ (right - wrong), (bias @ (right - wrong))[None]]
    ),
    "You forgot the scale of the final norm; divide by the standard deviation.",
    lambda parts, gain, bias, right, wrong: _attributed(
        parts, gain, bias, right - wrong, 1.0
    ),
    "You did not subtract each part's mean, as LayerNorm does.",
    lambda parts, gain, bias, right, wrong: torch.cat(
        [
            (parts / _scale(parts) * gain) @ (right - wrong),
            (bias @ (right - wrong))[None],
        ]
    ),
    "The gain of the final norm is missing.",
    lambda parts, gain, bias, right, wrong: _attributed(
        parts, torch.ones_like(gain), bias, right - wrong
    ),
    "The bias of the final norm is missing; it comes last.",
    lambda parts, gain, bias, right, wrong: _attributed(
        parts, gain, bias, right - wrong
    )[:-1],
    "You gave the bias to every part; it is one more part, and comes last.",
    lambda parts, gain, bias, right, wrong: (
        _attributed(parts, gain, bias, right - wrong)[:-1] + bias @ (right - wrong)
    ),
    "You put the bias first; it comes last.",
    lambda parts, gain, bias, right, wrong: _attributed(
        parts, gain, bias, right - wrong
    ).roll(1),
    "The sign is turned round: subtract the wrong token's from the right one's.",
    lambda parts, gain, bias, right, wrong: _attributed(
        parts, gain, bias, wrong - right
    ),
    "Those are the logits of the right token; subtract those of the wrong one.",
    lambda parts, gain, bias, right, wrong: _attributed(parts, gain, bias, right),
    "Those are the logits of the wrong token; subtract them from the right one's.",
    lambda parts, gain, bias, right, wrong: _attributed(parts, gain, bias, wrong),
    "You added the two tokens' rows; subtract them.",
    lambda parts, gain, bias, right, wrong: _attributed(
        parts, gain, bias, right + wrong
    ),
    "You divided the variance by C - 1, torch's default; LayerNorm divides by C.",
    lambda parts, gain, bias, right, wrong: _attributed(
        parts, gain, bias, right - wrong, _scale(parts, correction=1)
    ),
    "The eps of the final norm is missing; add 1e-5 to the variance.",
    lambda parts, gain, bias, right, wrong: _attributed(
        parts, gain, bias, right - wrong, _scale(parts, eps=0.0)
    ),
    "You divided by the variance; divide by its square root.",
    lambda parts, gain, bias, right, wrong: _attributed(
        parts, gain, bias, right - wrong, _scale(parts) ** 2
    ),
    "That is the sum of all parts; return one number for each.",
    lambda parts, gain, bias, right, wrong: _attributed(
        parts, gain, bias, right - wrong
    ).sum(),
    "You took a softmax; a part adds to the logits, so it may be negative.",
    lambda parts, gain, bias, right, wrong: _attributed(
        parts, gain, bias, right - wrong
    ).softmax(dim=0),
    "You took a softmax before the difference; subtract logits, not probabilities.",
    lambda parts, gain, bias, right, wrong: (lambda pair: pair[:, 0] - pair[:, 1])(
        torch.stack(
            [_attributed(parts, gain, bias, row) for row in (right, wrong)], dim=1
        ).softmax(dim=1)
    ),
    "You took the size of each number; a part may well speak against the right token.",
    lambda parts, gain, bias, right, wrong: _attributed(
        parts, gain, bias, right - wrong
    ).abs(),
    cases=[
        *(
            (
                2 * noise(P, C, seed=11) + 1,
                noise(C, seed=12),
                noise(C, seed=13),
                noise(C, seed=14),
                noise(C, seed=15),
            )
            for P, C in ((3, 4), (5, 6), (2, 3))
        ),
        (  # so small that the norm's epsilon counts
            noise(3, 4, seed=16) / 200,
            noise(4, seed=12),
            noise(4, seed=13),
            noise(4, seed=14),
            noise(4, seed=15),
        ),
        (
            tensor([[6.0, 0], [2, 0]]),
            tensor([1.0, 3]),
            tensor([1.0, 2]),
            tensor([2.0, 1]),
            tensor([0.0, 2]),
        ),
    ],
    alone=True,
    praise="The parts and the bias sum to the logit difference, with nothing left.",
)
def attribute(
    parts: Tensor, gain: Tensor, bias: Tensor, right: Tensor, wrong: Tensor
) -> Tensor:
    return _attributed(parts, gain, bias, right - wrong)


def _replaced(outputs: Tensor, head: Any, value: Any) -> Tensor:
    result = outputs.clone()
    result[:, head] = value
    return result


@exercise(
    "You set the head to zero; put its mean in, so that only what it says of this "
    "text is lost.",
    lambda outputs, head: _replaced(outputs, head, 0.0),
    "Each text got its own mean; take one mean over all texts and positions.",
    lambda outputs, head: _replaced(
        outputs, head, outputs[:, head].mean(dim=1, keepdim=True)
    ),
    "Each position got its own mean over the texts; take one over all of them.",
    lambda outputs, head: _replaced(outputs, head, outputs[:, head].mean(dim=0)),
    "You averaged over the channels as well; the mean is a vector of D numbers.",
    lambda outputs, head: _replaced(outputs, head, outputs[:, head].mean()),
    "You averaged each row's channels; the mean is one vector of D numbers.",
    lambda outputs, head: _replaced(
        outputs, head, outputs[:, head].mean(dim=-1, keepdim=True)
    ),
    "You put in the mean of all heads; take that of the head itself.",
    lambda outputs, head: _replaced(outputs, head, outputs.mean(dim=(0, 1, 2))),
    "You put in the mean of the other heads, position by position.",
    lambda outputs, head: _replaced(
        outputs, head, (outputs.sum(dim=1) - outputs[:, head]) / (outputs.shape[1] - 1)
    ),
    "You replaced every head; leave the others as they are.",
    lambda outputs, head: outputs.mean(dim=(0, 2), keepdim=True).expand_as(outputs),
    "You replaced a text, not a head; heads are dimension 1.",
    lambda outputs, head: _of_text(outputs, head),
    "You replaced a position, not a head; heads are dimension 1.",
    lambda outputs, head: _of_position(outputs, head),
    "You subtracted the mean; put it in place of the outputs.",
    lambda outputs, head: _replaced(
        outputs, head, outputs[:, head] - outputs[:, head].mean(dim=(0, 1))
    ),
    "You added the mean; put it in place of the outputs.",
    lambda outputs, head: _replaced(
        outputs, head, outputs[:, head] + outputs[:, head].mean(dim=(0, 1))
    ),
    "You replaced head 0; use the head that is given.",
    lambda outputs, head: ablate(outputs, 0),
    "Your heads count from 1; the first one is head 0.",
    lambda outputs, head: ablate(outputs, head - 1),
    "You returned the head alone; return all of them.",
    lambda outputs, head: ablate(outputs, head)[:, head],
    "You returned the mean alone; put it in place of the outputs.",
    lambda outputs, head: outputs[:, head].mean(dim=(0, 1)),
    "You took the head out; the layer needs all its heads, this one with its mean.",
    lambda outputs, head: torch.cat([outputs[:, :head], outputs[:, head + 1 :]], dim=1),
    "You replaced the last position only.",
    lambda outputs, head: _last_only(outputs, head),
    "You changed nothing.",
    lambda outputs, head: outputs.clone(),
    cases=[
        *((noise(4, 5, 3, 2, seed=16) + 1, head) for head in (1, 2)),
        (noise(3, 3, 4, 2, seed=17), 2),
        (tensor([[[[1.0], [3]], [[2], [8]]], [[[5], [7]], [[6], [0]]]]), 1),
        (tensor([[[[1.0, 3]]], [[[5, 9]]]]), 0),
    ],
    alone=True,
    praise="The head still says what it says on average, and nothing of this text.",
)
def ablate(outputs: Tensor, head: int) -> Tensor:
    return _replaced(outputs, head, outputs[:, head].mean(dim=(0, 1)))


def _of_text(outputs: Tensor, number: int) -> Tensor:
    result = outputs.clone()
    result[number] = outputs[number].mean(dim=(0, 1))
    return result


def _of_position(outputs: Tensor, position: int) -> Tensor:
    result = outputs.clone()
    result[:, :, position] = outputs[:, :, position].mean(dim=(0, 1))
    return result


def _last_only(outputs: Tensor, head: int) -> Tensor:
    result = outputs.clone()
    result[:, head, -1] = outputs[:, head].mean(dim=(0, 1))
    return result


def _advance(x: Tensor, blocks: Sequence[Function]) -> Tensor:
    for block in blocks:
        x = block(x)
    return x


def _patch(
    clean: Tensor,
    corrupted: Tensor,
    blocks: Sequence[Function],
    unembed: Function,
    layer: int,
    where: Any,
    again: int = 0,
) -> Tensor:
    """Return logits; `where` is what of the corrupted stream becomes clean."""
    x = _advance(corrupted, blocks[:layer]).clone()
    x[:, where] = _advance(clean, blocks[:layer])[:, where]
    return unembed(_advance(x, blocks[layer - again :]))


def _patch_channel(
    clean: Tensor,
    corrupted: Tensor,
    blocks: Sequence[Function],
    unembed: Function,
    layer: int,
    channel: int,
) -> Tensor:
    x = _advance(corrupted, blocks[:layer]).clone()
    x[..., channel] = _advance(clean, blocks[:layer])[..., channel]
    return unembed(_advance(x, blocks[layer:]))


# Stand-ins for blocks, which mix the positions, and for unembed.
STAND_INS: list[Function] = [
    lambda x: x + torch.tanh(x.cumsum(dim=1) + 0.3),
    lambda x: x + 0.4 * torch.sin(x) - 0.2 * x.cumsum(dim=1),
    lambda x: 0.8 * x + 0.3 * x.cumsum(dim=1).square() - 0.5,
    lambda x: x + torch.cos(x.cumsum(dim=1)),
]
SIMPLE: list[Function] = [lambda x: x.cumsum(dim=1), lambda x: 2 * x.cumsum(dim=1)]


def _read(x: Tensor) -> Tensor:
    return torch.cat([x, x.sum(dim=-1, keepdim=True) + 1], dim=-1)


def _negative(x: Tensor) -> Tensor:
    return -x


@exercise(
    "You patched one position too late.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, n, (t + 1) % a.shape[1]),
    "You patched one position too early.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, n, t - 1),
    "You patched the last position; patch the one that is given.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, n, -1),
    "You patched position 0; patch the one that is given.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, n, 0),
    "You patched every position, so nothing is left of the corrupted run.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, n, slice(None)),
    "You patched every position up to the one that is given, and not only that one.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, n, slice(t + 1)),
    "You patched all positions before the one that is given; patch only that one.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, n, slice(t)),
    "You patched every position from the one that is given on, and not only that one.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, n, slice(t, None)),
    "You patched a channel; the positions of x (B, T, C) are its second dimension.",
    _patch_channel,
    "You patched one block too late.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, n + 1, t),
    "You patched one block too early.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, max(n - 1, 0), t),
    "You patched before the first block; let `layer` blocks pass first.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, 0, t),
    "You patched after the last block; patch after `layer` blocks, then go on.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, len(blocks), t),
    "You patched the clean run with the corrupted one; it is the other way round.",
    lambda a, b, blocks, un, n, t: _patch(b, a, blocks, un, n, t),
    "Nothing of the clean run is in your result: that is the corrupted run.",
    lambda a, b, blocks, un, n, t: un(_advance(b, blocks)),
    "After the patch you ran all blocks again; run those that are left.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, n, t, again=n),
    "After the patch you ran no more blocks; run those that are left.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks[:n], un, n, t),
    "You left out the block after the patch.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, un, n, t, again=-1),
    "You took the clean row from before the first block; take it after `layer` blocks.",
    lambda a, b, blocks, un, n, t: un(
        _advance(_put(_advance(b, blocks[:n]), a, t), blocks[n:])
    ),
    "The corrupted run passed no block before the patch; let `layer` of them pass.",
    lambda a, b, blocks, un, n, t: un(
        _advance(_put(b, _advance(a, blocks[:n]), t), blocks[n:])
    ),
    "You added the clean row; put it in place of the corrupted one.",
    lambda a, b, blocks, un, n, t: un(
        _advance(
            _put(x := _advance(b, blocks[:n]), x + _advance(a, blocks[:n]), t),
            blocks[n:],
        )
    ),
    "You returned the last position only; return the logits of all of them.",
    lambda a, b, blocks, un, n, t: patch(a, b, blocks, un, n, t)[:, -1],
    "You returned the patched position only; return the logits of all of them.",
    lambda a, b, blocks, un, n, t: patch(a, b, blocks, un, n, t)[:, t],
    "You returned the stream; unembed turns it into logits.",
    lambda a, b, blocks, un, n, t: _patch(a, b, blocks, lambda x: x, n, t),
    cases=[
        *(
            (noise(1, 5, 3, seed=18), noise(1, 5, 3, seed=19), STAND_INS, _read, n, t)
            for n, t in ((2, 1), (1, 3), (3, 2))
        ),
        (noise(2, 4, 3, seed=20), noise(2, 4, 3, seed=21), STAND_INS, _read, 0, 2),
        (
            tensor([[[1.0], [2], [3]]]),
            tensor([[[1.0], [5], [7]]]),
            SIMPLE,
            _negative,
            1,
            1,
        ),
    ],
    alone=True,
    praise="One row of one run stands in another, and all that follows has seen it.",
)
def patch(
    clean: Tensor,
    corrupted: Tensor,
    blocks: Sequence[Function],
    unembed: Function,
    layer: int,
    position: int,
) -> Tensor:
    return _patch(clean, corrupted, blocks, unembed, layer, position)


def _put(x: Tensor, other: Tensor, position: int) -> Tensor:
    """Return x with one position of the other."""
    x = x.clone()
    x[:, position] = other[:, position]
    return x


def _share(clean: Any, corrupted: Any, patched: Any) -> Any:
    return float((patched - corrupted) / (clean - corrupted))


def _without_parentheses(a: Any, b: Any, c: Any) -> Any:
    return c - b / a - b


def _differences(
    runs: Sequence[Tensor], right: int, wrong: int, change: Function = Tensor.clone
) -> list[float]:
    """Return the difference of two logits in each run, after a change of the logits."""
    return [float((x := change(run))[right] - x[wrong]) for run in runs]


@exercise(
    "You took a softmax before the difference; subtract logits, not probabilities.",
    lambda a, b, c, right, wrong: _share(
        *_differences((a, b, c), right, wrong, lambda x: x.softmax(dim=0))
    ),
    "Only the right token's logit counts in your result; subtract the wrong one's.",
    lambda a, b, c, right, wrong: _share(a[right], b[right], c[right]),
    "You looked at the right token's probability alone; subtract two logits.",
    lambda a, b, c, right, wrong: _share(*(x.softmax(dim=0)[right] for x in (a, b, c))),
    "Only the wrong token's logit counts in your result; subtract it from the right "
    "one's.",
    lambda a, b, c, right, wrong: _share(a[wrong], b[wrong], c[wrong]),
    "You swapped the clean and the corrupted run; 0 is corrupted, 1 is clean.",
    lambda a, b, c, right, wrong: 1 - restored(a, b, c, right, wrong),
    "That is the difference in the patched run; say how far it is from corrupted to "
    "clean.",
    lambda a, b, c, right, wrong: _differences([c], right, wrong)[0],
    "That is how much the patch raised the difference; divide by how much there is to "
    "restore.",
    lambda a, b, c, right, wrong: (
        (d := _differences((a, b, c), right, wrong))[2] - d[1]
    ),
    "You divided by clean minus patched; divide by clean minus corrupted.",
    lambda a, b, c, right, wrong: (
        ((d := _differences((a, b, c), right, wrong))[2] - d[1]) / (d[0] - d[2])
    ),
    "You divided by the clean difference; divide by clean minus corrupted.",
    lambda a, b, c, right, wrong: (
        ((d := _differences((a, b, c), right, wrong))[2] - d[1]) / d[0]
    ),
    "You divided the patched difference by the clean one; subtract the corrupted one "
    "from both.",
    lambda a, b, c, right, wrong: (
        (d := _differences((a, b, c), right, wrong))[2] / d[0]
    ),
    "You divided what there is to restore by what was restored; turn it round.",
    lambda a, b, c, right, wrong: 1 / restored(a, b, c, right, wrong),
    "The sign is turned round.",
    lambda a, b, c, right, wrong: -restored(a, b, c, right, wrong),
    "You added the two logits; subtract them.",
    lambda a, b, c, right, wrong: _share(*(x[right] + x[wrong] for x in (a, b, c))),
    "You did not subtract the corrupted difference above the line.",
    lambda a, b, c, right, wrong: (
        (d := _differences((a, b, c), right, wrong))[2] / (d[0] - d[1])
    ),
    "You subtracted the clean difference above the line; subtract the corrupted one.",
    lambda a, b, c, right, wrong: (
        ((d := _differences((a, b, c), right, wrong))[2] - d[0]) / (d[0] - d[1])
    ),
    "You cut the result to between 0 and 1; a patch may do harm, or more than restore.",
    lambda a, b, c, right, wrong: min(max(restored(a, b, c, right, wrong), 0.0), 1.0),
    "That is in percent; return a fraction, 1 for fully restored.",
    lambda a, b, c, right, wrong: 100 * restored(a, b, c, right, wrong),
    "You compared all logits; the two tokens' are asked for.",
    lambda a, b, c, right, wrong: _share(a.sum(), b.sum(), c.sum()),
    "A pair of parentheses is missing: subtract before you divide.",
    lambda a, b, c, right, wrong: _without_parentheses(
        *_differences((a, b, c), right, wrong)
    ),
    cases=[
        *(
            (*(2 * noise(9, seed=s + n) for n in range(3)), right, wrong)
            for s, right, wrong in ((22, 3, 5), (25, 0, 8), (28, 6, 1))
        ),
        (tensor([4.0, 1, 0]), tensor([0.0, 2, 1]), tensor([3.0, 1, 2]), 0, 1),
        (tensor([1.0, 5]), tensor([3.0, 2]), tensor([2.0, 3]), 1, 0),
    ],
    alone=True,
    praise="0 is the corrupted run, 1 the clean one, and anything may lie outside.",
    accept=number,
)
def restored(
    clean: Tensor, corrupted: Tensor, patched: Tensor, right: int, wrong: int
) -> float:
    return _share(*_differences((clean, corrupted, patched), right, wrong))


def _between(ones: Tensor, others: Tensor) -> Tensor:
    return ones.mean(dim=0) - others.mean(dim=0)


@exercise(
    "Your direction points the other way: subtract the mean of the others.",
    lambda x, ones, others, dose: x - dose * _between(ones, others),
    "You added the mean of `ones` alone; subtract that of the others.",
    lambda x, ones, others, dose: x + dose * ones.mean(dim=0),
    "You added the mean of the others alone; subtract it from that of `ones`.",
    lambda x, ones, others, dose: x + dose * others.mean(dim=0),
    "You added the two means; subtract them.",
    lambda x, ones, others, dose: x + dose * (ones.mean(dim=0) + others.mean(dim=0)),
    "You averaged `ones` over the channels as well; its mean has one number for each.",
    lambda x, ones, others, dose: x + dose * (ones.mean() - others.mean(dim=0)),
    "You took sums; take means, since there may be more of one than of the other.",
    lambda x, ones, others, dose: x + dose * (ones.sum(dim=0) - others.sum(dim=0)),
    "You averaged over the channels; the direction has one number for each of them.",
    lambda x, ones, others, dose: x + dose * (ones.mean() - others.mean()),
    "The dose has no effect; multiply the direction by it.",
    lambda x, ones, others, dose: x + _between(ones, others),
    "You divided by the dose; multiply by it.",
    lambda x, ones, others, dose: x + _between(ones, others) / dose,
    "You scaled the direction to length 1; the dose says how far to go along it.",
    lambda x, ones, others, dose: x + dose * F.normalize(_between(ones, others), dim=0),
    "You replaced the stream; add to it.",
    lambda x, ones, others, dose: (dose * _between(ones, others)).expand_as(x),
    "You multiplied the stream by the direction; add it.",
    lambda x, ones, others, dose: x * dose * _between(ones, others),
    "You scaled the whole stream by the dose; scale the direction.",
    lambda x, ones, others, dose: dose * (x + _between(ones, others)),
    "You mixed x with the direction; keep all of x.",
    lambda x, ones, others, dose: (1 - dose) * x + dose * _between(ones, others),
    "You pushed the last position only; push all of them.",
    lambda x, ones, others, dose: torch.cat(
        [x[:-1], x[-1:] + dose * _between(ones, others)]
    ),
    "You pushed position 0 only; push all of them.",
    lambda x, ones, others, dose: torch.cat(
        [x[:1] + dose * _between(ones, others), x[1:]]
    ),
    "You compared the first row of each; compare the means.",
    lambda x, ones, others, dose: x + dose * (ones[0] - others[0]),
    "That is the direction; add it to the stream.",
    lambda x, ones, others, dose: dose * _between(ones, others),
    "You divided by the spread of the rows; the difference of the means is enough.",
    lambda x, ones, others, dose: (
        x + dose * _between(ones, others) / torch.cat([ones, others]).std(dim=0)
    ),
    "You changed nothing.",
    lambda x, ones, others, dose: x.clone(),
    "A pair of parentheses is missing: the dose multiplies the whole difference.",
    lambda x, ones, others, dose: x + dose * ones.mean(dim=0) - others.mean(dim=0),
    cases=[
        *(
            (noise(T, 3, seed=31), noise(n, 3, seed=32) + 1, noise(m, 3, seed=33), dose)
            for T, n, m, dose in ((4, 5, 2, 3.0), (3, 2, 4, -1.5))
        ),
        (
            tensor([[1.0, 1], [0, 4]]),
            tensor([[2.0, 0], [4, 2]]),
            tensor([[1.0, 5]]),
            2.0,
        ),
        (tensor([[1.0], [5]]), tensor([[4.0], [2]]), tensor([[1.0], [0]]), -3.0),
    ],
    alone=True,
    praise="One vector, added at every place, and the dose says how much.",
)
def steer(x: Tensor, ones: Tensor, others: Tensor, dose: float) -> Tensor:
    return x + dose * _between(ones, others)

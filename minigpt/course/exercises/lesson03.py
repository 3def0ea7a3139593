"""The exercises of lesson 03: from embeddings to the number of parameters."""

import math
from typing import Any

import torch
from torch import Tensor, tensor
from torch.nn import functional as F

from minigpt.course.exercises.judge import Function, exercise, noise, number

EPS = 1e-5
GAIN, BIAS = noise(4, seed=3), noise(4, seed=4)
TOKENS, PLACES = noise(7, 4, seed=0), noise(8, 4, seed=1)
SMALL_PLACES = tensor([[10.0, 20], [30, 40], [50, 60]])


@exercise(
    "The positions are missing; those are only the rows of the tokens.",
    lambda ids, tokens, positions: tokens[ids],
    "The tokens are missing; those are only the rows of the positions.",
    lambda ids, tokens, positions: positions[: ids.shape[1]],
    "You picked the rows of the positions by the ids; position t takes row t.",
    lambda ids, tokens, positions: tokens[ids] + positions[ids],
    "Every position got row 0; position t takes row t.",
    lambda ids, tokens, positions: tokens[ids] + positions[0],
    "Every position got the row of the last one; position t takes row t.",
    lambda ids, tokens, positions: tokens[ids] + positions[ids.shape[1] - 1],
    "Every position got row T; position t takes row t.",
    lambda ids, tokens, positions: tokens[ids] + positions[ids.shape[1]],
    "Your positions count from 1; the first one takes row 0.",
    lambda ids, tokens, positions: tokens[ids] + positions[1 : ids.shape[1] + 1],
    "You took the last T rows of the position table; take the first T.",
    lambda ids, tokens, positions: tokens[ids] + positions[-ids.shape[1] :],
    "Your positions run backwards; the first one takes row 0.",
    lambda ids, tokens, positions: tokens[ids] + positions[: ids.shape[1]].flip(0),
    "You swapped batch and time: sentence b got row b, but row t is for position t.",
    lambda ids, tokens, positions: tokens[ids] + positions[: len(ids), None],
    "You multiplied tokens and positions; add them.",
    lambda ids, tokens, positions: tokens[ids] * positions[: ids.shape[1]],
    "You put tokens and positions side by side; add them, and C stays C.",
    lambda ids, t, p: torch.cat([t[ids], p[torch.arange(ids.shape[1]) + 0 * ids]], 2),
    cases=[
        *((noise(3, T, seed=2, below=7), TOKENS, PLACES) for T in (3, 5, 2)),
        (tensor([[1, 0]]), tensor([[1.0, 2], [3, 4]]), SMALL_PLACES),
    ],
    praise="Each position holds the row of its token plus its own.",
    errors={"must match the size": "Cut the position table to its first T rows."},
    gradients=True,
)
def embed(ids: Tensor, token_table: Tensor, position_table: Tensor) -> Tensor:
    return token_table[ids] + position_table[: ids.shape[1]]


def _norm(x: Tensor, axis: Any = -1, power: float = 0.5, **how: Any) -> Tensor:
    """Return x / std along an axis, or x / std ** (2 * power)."""
    eps, correction = how.get("eps", EPS), how.get("correction", 0)
    variance = x.var(axis, correction=correction, keepdim=True)
    return (x - x.mean(axis, keepdim=True)) / (variance + eps) ** power


@exercise(
    "You divided the variance by C - 1, torch's default; LayerNorm divides by C.",
    lambda x, g, b: _norm(x, correction=1) * g + b,
    "You normalised along the positions; normalise each one along its channels.",
    lambda x, g, b: _norm(x, 1) * g + b,
    "You normalised along the batch; normalise each position along its channels.",
    lambda x, g, b: _norm(x, 0) * g + b,
    "You took one mean and variance for all numbers; each position has its own.",
    lambda x, g, b: _norm(x, (0, 1, 2)) * g + b,
    "You took one mean and variance per sentence; each position has its own.",
    lambda x, g, b: _norm(x, (1, 2)) * g + b,
    "eps is missing, so a position whose channels are equal is divided by zero.",
    lambda x, g, b: _norm(x, eps=0) * g + b,
    "You added eps outside the root; add it to the variance, before the root.",
    lambda x, g, b: (x - x.mean(-1, True)) / (x.std(-1, False, True) + EPS) * g + b,
    "You divided by the variance; divide by its square root.",
    lambda x, g, b: _norm(x, power=1) * g + b,
    "You did not subtract the mean.",
    lambda x, g, b: x / (x.var(-1, False, True) + EPS).sqrt() * g + b,
    "You subtracted the mean but divided by nothing.",
    lambda x, g, b: _norm(x, power=0) * g + b,
    "Gain and bias are missing.",
    lambda x, g, b: _norm(x),
    "The gain is missing.",
    lambda x, g, b: _norm(x) + b,
    "The bias is missing.",
    lambda x, g, b: _norm(x) * g,
    "You multiplied the bias by the gain, too; add the bias after the gain.",
    lambda x, g, b: (_norm(x) + b) * g,
    "You normalised after gain and bias, but they come last.",
    lambda x, g, b: _norm(x * g + b),
    "You swapped gain and bias.",
    lambda x, g, b: _norm(x) * b + g,
    cases=[
        *((noise(B, T, 4, seed=5) * 3 + 1, GAIN, BIAS) for B, T in ((2, 3), (3, 2))),
        # So close together that it matters where eps stands, and all equal.
        (noise(2, 3, 4, seed=6) / 1000, GAIN, BIAS),
        (torch.ones(1, 2, 4), GAIN, BIAS),
        (tensor([[[1.0, 5], [8, 2]]]), tensor([1.0, 2]), tensor([0.0, 3])),
    ],
    praise="Each position has one scale, then its gain and bias.",
    gradients=True,
    by_hand=("layer_norm", "LayerNorm"),
)
def layer_norm(x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    return F.layer_norm(x, gain.shape, gain, bias, EPS)


@exercise(
    "This is Φ(x) alone, the share that passes; multiply x by it.",
    lambda x: (1 + torch.erf(x / math.sqrt(2))) / 2,
    "You did not divide x by √2 inside erf.",
    lambda x: x * (1 + torch.erf(x)) / 2,
    "You multiplied x by √2 inside erf; divide.",
    lambda x: x * (1 + torch.erf(x * math.sqrt(2))) / 2,
    "You divided x by 2 inside erf; divide by √2.",
    lambda x: x * (1 + torch.erf(x / 2)) / 2,
    "A factor of one half is missing: the share is (1 + erf) / 2, so it ends at 1.",
    lambda x: 2 * F.gelu(x),
    "The 1 is missing: erf runs from -1 to 1, the share from 0 to 1.",
    lambda x: x * torch.erf(x / math.sqrt(2)) / 2,
    "You used erf alone, which runs from -1 to 1; the share runs from 0 to 1.",
    lambda x: x * torch.erf(x / math.sqrt(2)),
    "This is ReLU, which has a corner at zero; GELU is smooth.",
    torch.relu,
    "This is SiLU, x times the sigmoid of x; GELU uses Φ.",
    F.silu,
    "x times the sigmoid of 1.702 x only comes close to GELU; use Φ.",
    lambda x: x * torch.sigmoid(1.702 * x),
    "You returned x unchanged.",
    lambda x: x,
    cases=[
        (2 * noise(9, 3, seed=7),),
        (torch.arange(-4.0, 5),),
        (tensor([-1.0, 0, 2]),),
    ],
    also_right=[lambda x: F.gelu(x, approximate="tanh")],  # GPT-2's own form
    praise="Large numbers pass, small ones shrink, and the curve is smooth.",
    gradients=True,
    by_hand=("gelu", "GELU"),
)
def gelu(x: Tensor) -> Tensor:
    return F.gelu(x)


# Stand-ins for norm1, attention, norm2 and feed_forward that tell every order apart.
STAND_INS: tuple[Function, ...] = (
    lambda x: torch.tanh(x) + 0.3,
    lambda x: 0.7 * x.cumsum(dim=1) + 0.2,
    lambda x: torch.sin(x) - 0.4,
    lambda x: 0.3 * x * x - 0.5,
)


@exercise(
    "This is post-norm: normalise before each layer, not after the additions.",
    lambda x, n1, att, n2, ff: n2((y := n1(x + att(x))) + ff(y)),
    "Both additions are missing; a layer adds to x and does not replace it.",
    lambda x, n1, att, n2, ff: ff(n2(att(n1(x)))),
    "The first addition is missing; attention replaced x.",
    lambda x, n1, att, n2, ff: (a := att(n1(x))) + ff(n2(a)),
    "The second addition is missing; feed_forward replaced x.",
    lambda x, n1, att, n2, ff: ff(n2(x + att(n1(x)))),
    "You put the norms into the stream; add to x, not to its norm.",
    lambda x, n1, att, n2, ff: (y := n2((y := n1(x)) + att(y))) + ff(y),
    "You made one addition around both layers; each layer has its own.",
    lambda x, n1, att, n2, ff: x + ff(n2(att(n1(x)))),
    "feed_forward did not see what attention had added; start from the new x.",
    lambda x, n1, att, n2, ff: x + att(n1(x)) + ff(n2(x)),
    "What attention added is lost; the second addition is to the new x.",
    lambda x, n1, att, n2, ff: x + ff(n2(x + att(n1(x)))),
    "feed_forward came first, but attention should.",
    lambda x, n1, att, n2, ff: block(x, n2, ff, n1, att),
    "Both norms are missing.",
    lambda x, n1, att, n2, ff: block(x, Tensor.clone, att, Tensor.clone, ff),
    "attention received x itself; give it norm1 of x.",
    lambda x, n1, att, n2, ff: block(x, Tensor.clone, att, n2, ff),
    "feed_forward received x itself; give it norm2 of x.",
    lambda x, n1, att, n2, ff: block(x, n1, att, Tensor.clone, ff),
    "You used norm1 twice; feed_forward takes norm2.",
    lambda x, n1, att, n2, ff: block(x, n1, att, n1, ff),
    "You swapped norm1 and norm2.",
    lambda x, n1, att, n2, ff: block(x, n2, att, n1, ff),
    "The norms came after the layers; each layer takes the norm of x.",
    lambda x, n1, att, n2, ff: block(x, att, n1, ff, n2),
    "You ran attention twice.",
    lambda x, n1, att, n2, ff: block(x, n1, lambda y: att(att(y)), n2, ff),
    "You ran feed_forward twice.",
    lambda x, n1, att, n2, ff: block(x, n1, att, n2, lambda y: ff(ff(y))),
    "This is x after attention; feed_forward is still missing.",
    lambda x, n1, att, n2, ff: x + att(n1(x)),
    "You returned x unchanged.",
    lambda x, n1, att, n2, ff: x,
    "x += changes the tensor that you were given; x = x + ... makes a new one.",
    lambda x, n1, att, n2, ff: x.add_(att(n1(x))).add_(ff(n2(x))),
    cases=[(noise(*shape, seed=8), *STAND_INS) for shape in ((2, 3, 4), (1, 5, 2))],
    praise="Each layer reads a norm of the stream and adds to the stream.",
    gradients=True,
)
def block(x: Tensor, norm1: Any, attention: Any, norm2: Any, ff: Any) -> Any:
    x = x + attention(norm1(x))
    return x + ff(norm2(x))


def _once_per_head(H: int) -> tuple[str, Function]:
    """Return the mistake of counting attention's matrices for each of H heads."""
    said = f"You counted attention {H} times; count it once, however many heads it has."
    matrices = 4 * (H - 1)
    return said, lambda V, T, N, C: parameters(V, T, N, C) + N * matrices * (C * C + C)


@exercise(
    "The biases are missing; a linear layer has one for each number it returns.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * 9 * C,
    "The biases of linear layers and of norms are missing.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * 11 * C - C,
    "Biases and norms are missing; you counted only the matrices.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * 13 * C - 2 * C,
    "The norms are missing; each has a gain and a bias for each channel.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * 4 * C - 2 * C,
    "A norm has a gain and a bias, so 2 C numbers, not C.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * 2 * C - C,
    "The final norm is missing.",
    lambda V, T, N, C: parameters(V, T, N, C) - 2 * C,
    "A block has two norms, not one.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * 2 * C,
    "You counted the token table twice, but it also serves as the output layer.",
    lambda V, T, N, C: parameters(V, T, N, C) + V * C,
    "You counted the token table twice, the second time with a bias.",
    lambda V, T, N, C: parameters(V, T, N, C) + V * C + V,
    "The position table is missing.",
    lambda V, T, N, C: parameters(V, T, N, C) - T * C,
    "The token table is missing.",
    lambda V, T, N, C: parameters(V, T, N, C) - V * C,
    "You counted only the blocks; the tables and the final norm are missing.",
    lambda V, T, N, C: N * (12 * C * C + 13 * C),
    "You counted one block; there are N of them.",
    lambda V, T, N, C: parameters(V, T, 1, C),
    "Attention's last matrix is missing; q, k, v and one more make 4 C².",
    lambda V, T, N, C: parameters(V, T, N, C) - N * (C * C + C),
    "The feed-forward layer has two matrices, up and down.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * (4 * C * C + C),
    *(one for H in range(2, 17) for one in _once_per_head(H)),
    cases=[(65, 64, 4, 128), (11, 8, 1, 6), (257, 32, 3, 20)],
    praise="You can tell the size of any GPT from four numbers.",
    by_hand=("GPT",),
    otherwise="Add it up part by part, as in the table.",
)
def parameters(V: int, T: int, N: int, C: int) -> int:
    return V * C + T * C + N * (12 * C * C + 13 * C) + 2 * C


@exercise(
    "That is in bits; for nats take the natural logarithm, math.log.",
    math.log2,
    "That is the logarithm to base 10; take the natural one, math.log.",
    math.log10,
    "That is the probability 1 / V; the loss is minus its logarithm.",
    lambda V: 1 / V,
    "The sign is wrong: the loss is minus the logarithm of 1 / V.",
    lambda V: -math.log(V),
    "That is ln (V - 1), but the right token is one of the V.",
    lambda V: math.log(V - 1),
    "That is 1 - 1 / V; the loss is a logarithm.",
    lambda V: 1 - 1 / V,
    "That is V; the loss is its logarithm.",
    float,
    "You divided by V; the loss is a mean over positions, not over the vocabulary.",
    lambda V: math.log(V) / V,
    cases=[(65,), (8,), (50257,)],
    praise="An even bet among V tokens costs ln V nats.",
    accept=number,
    otherwise="That is not the loss of an even bet: what probability has each token?",
)
def start_loss(vocab_size: int) -> float:
    return math.log(vocab_size)

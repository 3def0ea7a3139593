"""The exercises of lesson 03: from embeddings to the loss before training."""

import math
from typing import Any

import torch
from torch import Tensor, nn, tensor
from torch.nn import functional as F

from minigpt.config import GPTConfig
from minigpt.course.exercises.judge import Function, exercise, noise, number
from minigpt.course.exercises.verdict import Mistake
from minigpt.model import GPT

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
    "You took the positions from the token table; they have a table of their own.",
    lambda ids, tokens, positions: tokens[ids] + tokens[: ids.shape[1]],
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
    "You subtracted the positions; add them.",
    lambda ids, tokens, positions: tokens[ids] - positions[: ids.shape[1]],
    "You averaged the two rows; the stream is their sum.",
    lambda ids, tokens, positions: (tokens[ids] + positions[: ids.shape[1]]) / 2,
    "You flattened ids; keep their shape (B, T), and indexing returns (B, T, C).",
    lambda ids, tokens, positions: tokens[ids.flatten()] + positions[: ids.shape[1]],
    "You put tokens and positions side by side; add them, and C stays C.",
    lambda ids, t, p: torch.cat([t[ids], p[torch.arange(ids.shape[1]) + 0 * ids]], 2),
    cases=[
        *((noise(3, T, seed=2, below=7), TOKENS, PLACES) for T in (3, 5, 2)),
        (tensor([[1, 0]]), tensor([[1.0, 2], [3, 4]]), SMALL_PLACES),
    ],
    alone=True,
    praise="Each position holds the row of its token plus its own.",
    errors={
        "must match the size": "Token rows and position rows do not fit together: "
        "token_table[ids] is (B, T, C), and it takes the first T rows of the position "
        "table, where T is ids.shape[1]."
    },
    gradients=True,
)
def embed(ids: Tensor, token_table: Tensor, position_table: Tensor) -> Tensor:
    return token_table[ids] + position_table[: ids.shape[1]]


def _norm(x: Tensor, axis: Any = -1, power: float = 0.5, **how: Any) -> Tensor:
    """Return x / std along an axis, or x / std ** (2 * power)."""
    eps, correction = how.get("eps", EPS), how.get("correction", 0)
    variance = x.var(axis, correction=correction, keepdim=True)
    return (x - x.mean(axis, keepdim=True)) / (variance + eps) ** power


def _norm_root(x: Tensor) -> Tensor:
    """Return the root that LayerNorm divides by, (B, T, 1)."""
    return (x.var(-1, correction=0, keepdim=True) + EPS).sqrt()


def _std(x: Tensor, correction: int) -> Tensor:
    return x.std(-1, correction=correction, keepdim=True)


def _another_eps(eps: float) -> tuple[str, Function]:
    """Return the mistake of adding another eps to the variance."""
    return (
        f"Your eps is {eps:g}; the task asks for 1e-5.",
        lambda x, g, b: _norm(x, eps=eps) * g + b,
    )


@exercise(
    "You divided the variance by C - 1, torch's default; LayerNorm divides by C.",
    lambda x, g, b: _norm(x, correction=1) * g + b,
    "x.std divides by C - 1, not by C, and eps belongs under the root.",
    lambda x, g, b: (x - x.mean(-1, True)) / (_std(x, 1) + 1e-5) * g + b,
    "x.std divides by C - 1, not by C, and eps is missing.",
    lambda x, g, b: (x - x.mean(-1, True)) / _std(x, 1) * g + b,
    "This is RMSNorm, which newer models use; LayerNorm subtracts the mean first.",
    lambda x, g, b: x / (x.square().mean(-1, True) + 1e-5).sqrt() * g + b,
    "You divided by the mean distance from the mean; square the distances, then root.",
    lambda x, g, b: (
        (x - x.mean(-1, True))
        / ((x - x.mean(-1, True)).abs().mean(-1, True) + 1e-5)
        * g
        + b
    ),
    "You multiplied by the root of the variance; divide by it.",
    lambda x, g, b: (x - x.mean(-1, True)) * (_norm_root(x)) * g + b,
    "You took the sum of the squares; the variance is their mean.",
    lambda x, g, b: (
        (x - x.mean(-1, True))
        / (x.shape[-1] * x.var(-1, False, True) + 1e-5).sqrt()
        * g
        + b
    ),
    "You squared x; the variance is the mean of the squares of x - mean.",
    lambda x, g, b: (
        (x - x.mean(-1, True)) / (x.square().mean(-1, True) + 1e-5).sqrt() * g + b
    ),
    "You subtracted x from the mean; subtract the mean from x.",
    lambda x, g, b: -_norm(x) * g + b,
    "You added the mean; subtract it.",
    lambda x, g, b: (x + x.mean(-1, True)) / _norm_root(x) * g + b,
    "You subtracted the bias; add it.",
    lambda x, g, b: _norm(x) * g - b,
    "You multiplied by 1 + gain; multiply by the gain.",
    lambda x, g, b: _norm(x) * (1 + g) + b,
    "You divided by the gain; multiply by it.",
    lambda x, g, b: _norm(x) / g + b,
    *(one for eps in (1e-3, 1e-4, 1e-6, 1e-8, 1e-12) for one in _another_eps(eps)),
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
    lambda x, g, b: (x - x.mean(-1, True)) / (x.std(-1, False, True) + 1e-5) * g + b,
    "You divided by the variance; divide by its square root.",
    lambda x, g, b: _norm(x, power=1) * g + b,
    "You did not subtract the mean.",
    lambda x, g, b: x / (x.var(-1, False, True) + 1e-5).sqrt() * g + b,
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
        (tensor([[[0.0, 0.01]]]), tensor([1.0, 1]), tensor([0.0, 0])),
    ],
    alone=True,
    praise="Each position is brought to one scale, then takes its gain and bias.",
    errors={
        "must match the size": "Mean and variance do not fit x: with dim=-1 and "
        "keepdim=True they have shape (B, T, 1)."
    },
    gradients=True,
    by_hand=("layer_norm", "LayerNorm", "native_layer_norm", "group_norm", "GroupNorm"),
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
    "This is GPT-2's form with tanh, which only comes close; use the formula with erf.",
    lambda x: F.gelu(x, approximate="tanh"),
    "You divided erf by √2; divide x by √2, inside erf.",
    lambda x: x * (1 + torch.erf(x) / math.sqrt(2)) / 2,
    "You subtracted erf, so the share falls as x grows; add it.",
    lambda x: x * (1 - torch.erf(x / math.sqrt(2))) / 2,
    "You halved only the 1; the half is for the whole bracket.",
    lambda x: x * (0.5 + torch.erf(x / math.sqrt(2))),
    "You added x and its share; multiply them.",
    lambda x: x + (1 + torch.erf(x / math.sqrt(2))) / 2,
    "You used the absolute value of x; GELU keeps the sign.",
    lambda x: F.gelu(x.abs()),
    "You returned x unchanged.",
    lambda x: x,
    "You halved only erf; the half belongs to 1 + erf(...).",
    lambda x: x * (1 + 0.5 * (x / 2**0.5).erf()),
    cases=[
        (2 * noise(9, 3, seed=7),),
        (torch.arange(-4.0, 5),),
        (tensor([-1.0, 0, 2]),),
    ],
    errors={
        "be converted to": "Functions of math take one number; those of torch, such as "
        "torch.erf, take a whole tensor."
    },
    alone=True,
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
    "You normalised the result; nothing but additions touches the stream.",
    lambda x, n1, att, n2, ff: n2(block(x, n1, att, n2, ff)),
    "You normalised the result, with norm1; only additions touch the stream.",
    lambda x, n1, att, n2, ff: n1(block(x, n1, att, n2, ff)),
    "feed_forward saw only what attention found; give it the norm of the new x.",
    lambda x, n1, att, n2, ff: x + (a := att(n1(x))) + ff(n2(a)),
    "You normalised only once: feed_forward read what attention read.",
    lambda x, n1, att, n2, ff: x + att(y := n1(x)) + ff(y),
    "You subtracted what the layers found; add it.",
    lambda x, n1, att, n2, ff: (y := x - att(n1(x))) - ff(n2(y)),
    "You subtracted what attention found; add it.",
    lambda x, n1, att, n2, ff: (y := x - att(n1(x))) + ff(n2(y)),
    "You subtracted what feed_forward found; add it.",
    lambda x, n1, att, n2, ff: (y := x + att(n1(x))) - ff(n2(y)),
    "You multiplied x by what a layer found; add it.",
    lambda x, n1, att, n2, ff: (y := x * att(n1(x))) * ff(n2(y)),
    "You added x twice to what attention found.",
    lambda x, n1, att, n2, ff: (y := 2 * x + att(n1(x))) + ff(n2(y)),
    "The second addition went to norm2 of x; add to x itself.",
    lambda x, n1, att, n2, ff: (y := n2(x + att(n1(x)))) + ff(y),
    "The first addition went to norm1 of x; add to x itself.",
    lambda x, n1, att, n2, ff: (y := (z := n1(x)) + att(z)) + ff(n2(y)),
    "feed_forward is missing its norm, and the norm went to what it found.",
    lambda x, n1, att, n2, ff: (y := x + att(n1(x))) + n2(ff(y)),
    "attention is missing its norm, and the norm went to what it found.",
    lambda x, n1, att, n2, ff: (y := x + n1(att(x))) + ff(n2(y)),
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
    cases=[
        *((noise(*shape, seed=8), *STAND_INS) for shape in ((2, 3, 4), (1, 5, 2))),
        (tensor([[[1.0], [2.0]]]), *STAND_INS),
    ],
    alone=True,
    praise="Each layer reads a norm of the stream and adds to the stream.",
    gradients=True,
)
def block(x: Tensor, norm1: Any, attention: Any, norm2: Any, ff: Any) -> Any:
    x = x + attention(norm1(x))
    return x + ff(norm2(x))


# Rows of different sizes, so that every slip moves the logits by more than rounding.
SIZES: dict[str, Any] = {
    "n_layer": 3,
    "n_head": 2,
    "n_embd": 4,
    "block_size": 6,
    "vocab_size": 7,
}


class Parts(nn.Module):
    """The parts of an untrained GPT, without a forward.

    Two of them are equal if all their weights are.
    """

    def __init__(self, seed: int, **sizes: Any) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # new layers draw their first weights
            gpt = GPT(GPTConfig(**{**SIZES, **sizes}))
        generator = torch.Generator().manual_seed(seed)
        for weights in gpt.parameters():
            nn.init.normal_(weights, std=0.7, generator=generator)
        self.token_embedding = gpt.token_embedding
        self.position_embedding = gpt.position_embedding
        self.blocks, self.final_norm = gpt.blocks, gpt.final_norm

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parts):
            return NotImplemented
        pairs = zip(self.parameters(), other.parameters(), strict=True)
        return all(torch.equal(a, b) for a, b in pairs)

    __hash__ = nn.Module.__hash__


def _run(model: Any, ids: Tensor, positions: Any = None, blocks: Any = None) -> Tensor:
    """Return what the forward of a GPT returns, but for the parts that are given."""
    where = torch.arange(ids.shape[1]) if positions is None else positions
    x = model.token_embedding(ids) + model.position_embedding(where)
    return _scores(model, _through(model.blocks if blocks is None else blocks, x))


def _start(model: Any, ids: Tensor) -> Tensor:
    return model.token_embedding(ids) + model.position_embedding.weight[: ids.shape[1]]


def _through(blocks: Any, x: Tensor) -> Tensor:
    for one in blocks:
        x = one(x)
    return x


def _normed_after(model: Any) -> list[Function]:
    """Return the blocks, each followed by the final norm."""
    return [lambda x, b=b: model.final_norm(b(x)) for b in model.blocks]


def _scores(model: Any, x: Tensor) -> Tensor:
    return model.final_norm(x) @ model.token_embedding.weight.T


def _all_learn(answer: Function) -> None:
    """Raise Mistake unless every parameter receives the gradient that it should."""
    gradients: list[dict[str, Any]] = []
    for function in (answer, forward):
        model, ids = Parts(seed=0), noise(2, 5, seed=9, below=7)
        with torch.enable_grad():
            logits = function(model, ids)
        if logits.requires_grad:
            (logits * noise(*logits.shape, seed=0)).sum().backward()
        gradients.append({name: one.grad for name, one in model.named_parameters()})
    for name, right in gradients[1].items():
        got = gradients[0][name]
        if got is None or not torch.allclose(got, right, rtol=0.05, atol=0.01):
            raise Mistake(
                f"The logits are right, but the gradient of {name} is not, so it could "
                "not learn: leave out .detach(), .data and torch.no_grad()."
            )


@exercise(
    "The positions are missing; add their rows to those of the tokens.",
    lambda m, ids: _scores(m, _through(m.blocks, m.token_embedding(ids))),
    "You picked the position rows by the ids; position t takes row t.",
    lambda m, ids: _run(m, ids, positions=ids % 6),
    "Your positions count from 1; the first one is 0.",
    lambda m, ids: _run(m, ids, positions=torch.arange(1, ids.shape[1] + 1)),
    "Every position got row 0 of the position table; position t takes row t.",
    lambda m, ids: _run(m, ids, positions=torch.zeros_like(ids)),
    "Your positions run backwards; the first one is 0.",
    lambda m, ids: _run(m, ids, positions=torch.arange(ids.shape[1]).flip(0)),
    "You swapped batch and time: T, the number of positions, is ids.shape[1].",
    lambda m, ids: _run(m, ids, positions=torch.arange(ids.shape[0])[:, None]),
    "T, the number of positions, is ids.shape[1], and not ids.shape[0].",
    lambda m, ids: _run(m, ids, positions=torch.arange(ids.shape[0])),
    "You multiplied token and position rows; add them.",
    lambda m, ids: _scores(
        m, _through(m.blocks, m.token_embedding(ids) * _places(m, ids))
    ),
    "The blocks are missing.",
    lambda m, ids: _run(m, ids, blocks=[]),
    "Only the first block ran; let x run through all of them.",
    lambda m, ids: _run(m, ids, blocks=m.blocks[:1]),
    "The last block is missing.",
    lambda m, ids: _run(m, ids, blocks=m.blocks[:-1]),
    "The first block is missing.",
    lambda m, ids: _run(m, ids, blocks=m.blocks[1:]),
    "Only the last block counts: every block got the same x. Write x = block(x).",
    lambda m, ids: _run(m, ids, blocks=m.blocks[-1:]),
    "The blocks ran in reverse order.",
    lambda m, ids: _run(m, ids, blocks=reversed(m.blocks)),
    "Every block ran twice.",
    lambda m, ids: _run(m, ids, blocks=[b for b in m.blocks for _ in range(2)]),
    "You added x to each block's output, but a block has its additions inside.",
    lambda m, ids: _run(m, ids, blocks=[lambda x, b=b: x + b(x) for b in m.blocks]),
    "You normalised x before each block; a block has its norms inside.",
    lambda m, ids: _run(
        m, ids, blocks=[lambda x, b=b: b(m.final_norm(x)) for b in m.blocks]
    ),
    "You applied final_norm after every block; it comes once, after the last.",
    lambda m, ids: (
        _through(_normed_after(m), _start(m, ids)) @ m.token_embedding.weight.T
    ),
    "You applied final_norm after every block and once more; it comes once.",
    lambda m, ids: _run(m, ids, blocks=_normed_after(m)),
    "You applied final_norm twice; it comes once, after the last block.",
    lambda m, ids: _run(m, ids, blocks=[*m.blocks, m.final_norm]),
    "final_norm is missing.",
    lambda m, ids: _through(m.blocks, _start(m, ids)) @ m.token_embedding.weight.T,
    "final_norm came before the blocks; it comes after them.",
    lambda m, ids: (
        _through(m.blocks, m.final_norm(_start(m, ids))) @ m.token_embedding.weight.T
    ),
    "You returned the stream; multiply it by the token rows to get the logits.",
    lambda m, ids: m.final_norm(_through(m.blocks, _start(m, ids))),
    "You returned the stream; final_norm and the product with the token rows follow.",
    lambda m, ids: _through(m.blocks, _start(m, ids)),
    "You compared the stream with the position rows; compare it with the token rows.",
    lambda m, ids: (
        m.final_norm(_through(m.blocks, _start(m, ids))) @ m.position_embedding.weight.T
    ),
    "You applied a softmax; return the logits as they are.",
    lambda m, ids: _run(m, ids).softmax(dim=-1),
    "You applied a log-softmax; return the logits as they are.",
    lambda m, ids: _run(m, ids).log_softmax(dim=-1),
    "You returned only the last position; return the logits of all, (B, T, V).",
    lambda m, ids: _run(m, ids)[:, -1],
    "You returned the likeliest token; return the logits of all, (B, T, V).",
    lambda m, ids: _run(m, ids).argmax(dim=-1),
    "You divided the logits by √C; only attention divides its scores.",
    lambda m, ids: _run(m, ids) / math.sqrt(m.token_embedding.embedding_dim),
    cases=[
        (Parts(seed=0), noise(2, 5, seed=9, below=7)),
        (Parts(seed=1, n_layer=2), noise(4, 3, seed=10, below=7)),
        (Parts(seed=2, n_layer=4), noise(1, 5, seed=11, below=7)),
        (Parts(seed=3, vocab_size=2), tensor([[1, 0]])),
    ],
    alone=True,
    praise="From ids to logits: that is a GPT's whole forward pass.",
    errors={
        "ModuleList": "blocks is a list of layers: let x run through one after the "
        "other, with for block in model.blocks.",
        'missing the required "forward"': "This model has no forward yet, so "
        "model(ids) cannot run: writing it is your task.",
        "must match the size": "Two tensors do not fit together: token rows (B, T, C) "
        "take the rows (T, C) of the positions 0 to T - 1, where T is ids.shape[1], "
        "and the logits are a product with @, not *.",
        **dict.fromkeys(
            ("mat1 and mat2", "in method matmul"),
            "The stream (B, T, C) and the token table (V, C) do not fit together like "
            "this: the stream comes first, and the table is transposed with .T.",
        ),
        "'Tensor' and 'Embedding'": "An embedding is a layer, and its table is its "
        ".weight.",
        "Embedding' object is not subscriptable": "An embedding is a layer: call it, "
        "token_embedding(ids), or index its table, .weight.",
        "argument #1 'indices'": "An embedding looks rows up by ids; for the logits, "
        "multiply by its table instead: @ model.token_embedding.weight.T.",
        "index out of range in self": "A position was larger than the position table "
        "allows: positions are 0 to T - 1.",
    },
    by_hand=("GPT", "MyGPT", "residual_stream", "unembed"),
    then=_all_learn,
)
def forward(model: Any, ids: Tensor) -> Tensor:
    """Return the logits (B, T, V) of ids (B, T) by the parts of a GPT."""
    return _scores(model, _through(model.blocks, _start(model, ids)))


def _places(model: Any, ids: Tensor) -> Tensor:
    return model.position_embedding.weight[: ids.shape[1]]


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
    "3 C numbers are missing in each block. The biases of queries, keys and values are "
    "3 C, that of the way up in the feed-forward layer is 4 C.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * 3 * C,
    "4 C numbers are missing in each block. The biases of attention have 4 C in all; "
    "so has the bias of the way up in the feed-forward layer, and so have both norms.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * 4 * C,
    "The biases of the feed-forward layer are missing, 5 C in each block.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * 5 * C,
    "You counted 3 C numbers too many in each block. Did you give the way down in the "
    "feed-forward layer a bias of 4 C? It has C.",
    lambda V, T, N, C: parameters(V, T, N, C) + N * 3 * C,
    "One bias of C numbers is missing in each block: a linear layer to C has C.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * C,
    "Biases and norms are missing; you counted only the matrices.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * 13 * C - 2 * C,
    "The norms are missing; each has a gain and a bias for each channel.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * 4 * C - 2 * C,
    "A norm has a gain and a bias, so 2 C numbers, not C.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * 2 * C - C,
    "The final norm is missing.",
    lambda V, T, N, C: parameters(V, T, N, C) - 2 * C,
    "2 C numbers are missing in each block: it has two norms of 2 C, and 3 C biases "
    "for queries, keys and values.",
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
    "The feed-forward layer goes through 4 C numbers, not through C.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * (6 * C * C + 3 * C),
    "Queries, keys and values need three matrices, not one.",
    lambda V, T, N, C: parameters(V, T, N, C) - N * 2 * (C * C + C),
    "Both tables and the final norm were counted in every block; they come once.",
    lambda V, T, N, C: N * (parameters(V, T, 1, C)),
    "You counted the final norm in every block, too.",
    lambda V, T, N, C: parameters(V, T, N, C) + (N - 1) * 2 * C,
    "88,848 is right for the small model only; count with V, T, N and C.",
    lambda V, T, N, C: 88_848,
    "That is the number of GPT-2 only; count with V, T, N and C.",
    lambda V, T, N, C: 124_439_808,
    *(one for H in range(2, 17) for one in _once_per_head(H)),
    cases=[(65, 64, 4, 128), (11, 8, 1, 6), (257, 32, 3, 20)],
    alone=True,
    praise="You can tell the size of any GPT from four numbers.",
    by_hand=("GPT", "MyGPT", "num_parameters", "numel"),
    types={float: "A number of parameters is whole: use + and *, and // to divide."},
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
    "You rounded it; return ln V as it is.",
    lambda V: round(math.log(V), 1),
    "You rounded it to two decimals; return ln V as it is.",
    lambda V: round(math.log(V), 2),
    "You rounded it to a whole number; return ln V as it is.",
    lambda V: round(math.log(V)),
    "That is right for 2,048 tokens only; use vocab_size.",
    lambda V: math.log(2048),
    "7.6 is right for 2,048 tokens only; use vocab_size.",
    lambda V: 7.6,
    "That is ln (V + 1); use the logarithm of V.",
    math.log1p,
    "You multiplied by V; the loss is that of one token.",
    lambda V: V * math.log(V),
    "That is the root of V; the loss is its logarithm.",
    math.sqrt,
    cases=[(65,), (8,), (50257,)],
    alone=True,
    praise="An even bet among V tokens costs ln V nats.",
    accept=number,
    otherwise="That is not the loss of an even bet: what probability has each token?",
)
def start_loss(vocab_size: int) -> float:
    return math.log(vocab_size)

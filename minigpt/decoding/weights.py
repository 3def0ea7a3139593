"""Arrange a model's weights as the plain matrices that decoding multiplies with.

The products of one token cost what they must; every small step between them costs
about a microsecond, whatever its size, and there are a hundred. So what never changes
is worked into the matrices beforehand. Letters: C channels, D head size, T positions,
V vocabulary.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from minigpt.config import GPTConfig
from minigpt.model import GPT
from minigpt.modern import Rotary

Array = NDArray[np.float32]

EPSILON = float(np.finfo(np.float32).eps)  # what torch's RMSNorm adds by default

# tanh-GELU is u (1 + tanh(√(2/π) (u + 0.044715 u³))) / 2, and (1 + tanh(x)) / 2 is
# 1 / (1 + exp(-2x)). Measured in another unit, w = GELU_UNIT · u, the whole is
# w / (1 + exp(w (w² + GELU_SHIFT))) / GELU_UNIT; the unit is negative for the minus.
GELU_UNIT = -((math.sqrt(8 / math.pi) * 0.044715) ** (1 / 3))
GELU_SHIFT = -math.sqrt(8 / math.pi) / GELU_UNIT


@dataclass(frozen=True)
class Layer:
    """The four matrices of a block; the last row of each is its bias."""

    qkv: Array  # (C + 1, 3C)
    out: Array  # (C + 1, C)
    up: Array  # (C + 1, 4C)
    down: Array  # (4C + 1, C)


@dataclass(frozen=True)
class Weights:
    """A copy of a model's weights: what is trained later does not reach it."""

    token: Array  # (V, C)
    position: Array | None  # (T, C), None for a modern model
    turn: NDArray[np.complex64] | None  # (T, D / 2), None for a GPT-2
    layers: list[Layer]
    unembed: Array  # (C + 1, V)
    epsilon: float  # what the norms add to the mean square


@torch.inference_mode()
def snapshot(model: GPT) -> Weights:
    """Return the weights of `model`, rearranged."""
    position = model.position_embedding
    final_norm: Any = model.final_norm
    blocks: list[Any] = list(model.blocks)
    modern, embedding = model.config.modern, model.token_embedding.weight
    nothing = torch.zeros(len(embedding))
    return Weights(
        token=centre(numbers(embedding), modern),
        position=None if position is None else centre(numbers(position.weight), modern),
        turn=turn_table(blocks[0].attention.rotary),
        layers=[arrange(block, model.config) for block in blocks],
        unembed=fold(final_norm, stack(embedding, nothing)),
        epsilon=final_norm.eps or EPSILON,
    )


def arrange(block: Any, config: GPTConfig) -> Layer:
    """Return the matrices of a block, with all that never changes worked in."""
    attention, feed_forward = block.attention, block.feed_forward
    qkv, out, up, down = (
        stack(linear.weight, linear.bias)
        for linear in (attention.qkv, attention.out, feed_forward.up, feed_forward.down)
    )
    fold(block.norm1, qkv)
    if config.modern:
        # Rotary turns channel i together with i + D/2: put them side by side, so that
        # two neighbours are one complex number and a turn is one product.
        pairs = np.arange(2 * config.n_embd).reshape(-1, 2, config.head_size // 2)
        qkv[:, : pairs.size] = qkv[:, pairs.swapaxes(1, 2).ravel()]
    else:
        qkv[:, : config.n_embd] /= np.float32(math.sqrt(config.head_size))
        up *= np.float32(GELU_UNIT)
        down[:-1] /= np.float32(GELU_UNIT)
    fold(block.norm2, up)
    return Layer(qkv, centre(out, config.modern), up, centre(down, config.modern))


def numbers(tensor: Tensor) -> Array:
    """Return a copy of a tensor as an array."""
    return tensor.detach().cpu().float().numpy().copy()


def stack(weight: Tensor, bias: Tensor) -> Array:
    """Return the weight (N, C) of a layer, transposed, over its bias: (C + 1, N)."""
    stacked = np.empty((weight.shape[1] + 1, weight.shape[0]), np.float32)
    stacked[:-1] = weight.detach().cpu().float().numpy().T
    stacked[-1] = bias.detach().cpu().float().numpy()
    return stacked


def centre(matrix: Array, modern: bool) -> Array:
    """Take each row's mean off a matrix that writes to the stream; return it.

    Only norms read the stream, and LayerNorm begins by subtracting the mean. Where
    nothing written has one, that step is spared. RMSNorm (modern) has no such step.
    """
    if not modern:
        matrix -= matrix.mean(axis=1, keepdims=True)
    return matrix


def fold(norm: nn.LayerNorm | nn.RMSNorm, stacked: Array) -> Array:
    """Work the gain and bias of a norm into the matrix (C + 1, N) after it; return it.

    All that remains of the norm is to divide a position by its length: the √C between
    the length and the root of the mean square is in here too.
    """
    matrix, bias = stacked[:-1], stacked[-1]
    if isinstance(norm, nn.LayerNorm):
        bias += numbers(norm.bias) @ matrix
    matrix *= numbers(norm.weight)[:, None] * np.float32(math.sqrt(len(matrix)))
    return stacked


def turn_table(rotary: Rotary | None) -> NDArray[np.complex64] | None:
    """Return by what each position turns its pairs of channels, (T, D / 2).

    It also gives queries and keys of length 1 the length at which their product is a
    score: √D each from their norm, together divided by √D.
    """
    if rotary is None:
        return None
    turn = numbers(rotary.get_buffer("cos")) + 1j * numbers(rotary.get_buffer("sin"))
    return (turn * (2 * turn.shape[1]) ** 0.25).astype(np.complex64)

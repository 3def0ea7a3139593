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

from minigpt.attention import CausalSelfAttention
from minigpt.model import GPT
from minigpt.modern import Rotary

Array = NDArray[np.float32]

EPSILON = float(np.finfo(np.float32).eps)  # what torch's RMSNorm adds by default

# tanh-GELU is u (1 + tanh(√(2/π) (u + 0.044715 u³))) / 2. Measured in another unit,
# w = GELU_UNIT · u, it is w (1 + tanh(w (w² + GELU_SHIFT))) / (2 GELU_UNIT).
GELU_UNIT = (math.sqrt(2 / math.pi) * 0.044715) ** (1 / 3)
GELU_SHIFT = math.sqrt(2 / math.pi) / GELU_UNIT


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
    embedding = numbers(model.token_embedding.weight)
    position = model.position_embedding
    final_norm: Any = model.final_norm
    blocks: list[Any] = list(model.blocks)
    return Weights(
        token=centre(embedding, model),
        position=None if position is None else centre(numbers(position.weight), model),
        turn=turn_table(blocks[0].attention.rotary),
        layers=[arrange(block, model) for block in blocks],
        unembed=fold(final_norm, embedding.T, np.zeros(1, np.float32)),
        epsilon=final_norm.eps or EPSILON,
    )


def arrange(block: Any, model: GPT) -> Layer:
    """Return the matrices of a block, with all that never changes worked in."""
    attention, feed_forward = block.attention, block.feed_forward
    unit = np.float32(1 if model.config.modern else GELU_UNIT)
    half = np.float32(1 if model.config.modern else 0.5)
    up, up_bias = rows(feed_forward.up)
    down, down_bias = rows(feed_forward.down)
    return Layer(
        qkv=fold(block.norm1, *query_key_value(attention, model)),
        out=centre(np.vstack(rows(attention.out)), model),
        up=fold(block.norm2, up * unit, up_bias * unit),
        down=centre(np.vstack((down * (half / unit), down_bias)), model),
    )


def numbers(tensor: Tensor) -> Array:
    """Return a copy of a tensor as an array."""
    return tensor.detach().cpu().float().numpy().copy()


def rows(linear: nn.Linear) -> tuple[Array, Array]:
    """Return the matrix (in, out) and the bias (out,) of a layer."""
    return numbers(linear.weight).T, numbers(linear.bias)


def centre(matrix: Array, model: GPT) -> Array:
    """Return a matrix that writes to the stream, each row with its mean taken off.

    Only norms read the stream, and LayerNorm begins by subtracting the mean. Where
    nothing written has one, that step is spared. RMSNorm (modern) has no such step.
    """
    if not model.config.modern:
        matrix = matrix - matrix.mean(axis=1, keepdims=True)
    return np.ascontiguousarray(matrix)


def fold(norm: nn.LayerNorm | nn.RMSNorm, matrix: Array, bias: Array) -> Array:
    """Return `matrix` (C, N) over `bias` (N,), the gain and bias of a norm worked in.

    All that remains of the norm before it is to divide a position by its length: the
    √C between the length and the root of the mean square is in here too.
    """
    gain = numbers(norm.weight) * np.float32(math.sqrt(len(matrix)))
    if isinstance(norm, nn.LayerNorm):
        bias = numbers(norm.bias) @ matrix + bias
    folded = np.empty((len(matrix) + 1, matrix.shape[1]), np.float32)
    np.multiply(matrix, gain[:, None], out=folded[:-1])
    folded[-1] = bias
    return folded


def query_key_value(attention: CausalSelfAttention, model: GPT) -> tuple[Array, Array]:
    """Return the layer's matrix (C, 3C) and bias (3C,), ready for the product q kᵀ."""
    C, D = model.config.n_embd, model.config.head_size
    matrix, bias = (np.array(part) for part in rows(attention.qkv))
    if model.config.modern:
        # Rotary turns channel i together with i + D/2: put them side by side, so that
        # two neighbours are one complex number and a turn is one product.
        pairs = np.arange(2 * C).reshape(-1, 2, D // 2).swapaxes(1, 2).ravel()
        matrix[:, : 2 * C], bias[: 2 * C] = matrix[:, pairs], bias[pairs]
    else:
        matrix[:, :C] /= np.float32(math.sqrt(D))
        bias[:C] /= np.float32(math.sqrt(D))
    return matrix, bias


def turn_table(rotary: Rotary | None) -> NDArray[np.complex64] | None:
    """Return by what each position turns its pairs of channels, (T, D / 2).

    It also gives queries and keys of length 1 the length at which their product is a
    score: √D each from their norm, together divided by √D.
    """
    if rotary is None:
        return None
    turn = numbers(rotary.get_buffer("cos")) + 1j * numbers(rotary.get_buffer("sin"))
    return (turn * (2 * turn.shape[1]) ** 0.25).astype(np.complex64)

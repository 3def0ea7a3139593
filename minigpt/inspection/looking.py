"""Return what a model computes on its way from ids to logits."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minigpt.attention import causal_attention, fused_attention
from minigpt.model import GPT


def residual_stream(model: GPT, ids: Tensor) -> list[Tensor]:
    """Return the residual stream before the first block and after each block.

    Gradients flow through it: `torch.autograd.grad(loss, stream)`.

    Args:
        ids: token ids (B, T).

    Returns:
        n_layer + 1 tensors (B, T, C); `model.unembed(stream[-1])` gives the logits.

    >>> stream = residual_stream(model, ids)
    >>> len(stream), stream[0].shape  # of a model with four blocks
    (5, torch.Size([1, 12, 128]))
    """
    stream = [model.embed(ids)]
    for block in model.blocks:
        stream.append(block(stream[-1]))
    return stream


@torch.no_grad()
def early_logits(model: GPT, ids: Tensor) -> Tensor:
    """Return the logits that the model would have if it ended after each layer.

    The final norm and the unembedding are applied to every point of the residual
    stream: the logit lens (nostalgebraist, 2020). The last logits are the model's own.

    Args:
        ids: token ids (B, T).

    Returns:
        (n_layer + 1, B, T, V).
    """
    return torch.stack([model.unembed(x) for x in residual_stream(model, ids)])


@torch.no_grad()
def attention_maps(model: GPT, ids: Tensor) -> list[Tensor]:
    """Return the attention weights of every layer, first layer first.

    They are those of the layer's own `attend`, so a function that was plugged in, or
    one with a bug, shows what it really does.

    Args:
        ids: token ids (B, T).

    Returns:
        n_layer tensors (B, H, T, T); row t holds the weights of query t over the keys.

    >>> attention_maps(model, ids)[0].shape
    torch.Size([1, 4, 12, 12])
    """
    maps = []
    blocks: list[Any] = list(model.blocks)
    for x, block in zip(residual_stream(model, ids)[:-1], blocks, strict=True):
        q, k, v = block.attention.heads(block.norm1(x))
        if block.attention.attend is fused_attention:  # known, and so much faster
            maps.append(causal_attention(q, k, v)[1])
            continue
        # The weights times the identity matrix are the weights.
        identity = torch.eye(q.shape[-2], dtype=q.dtype, device=q.device)
        v = identity.expand(*q.shape[:2], -1, -1).contiguous()  # (B, H, T, T)
        maps.append(block.attention.attend(q, k, v))
    return maps


@torch.no_grad()
def leak_grid(run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return a (T, T) bool grid: True where output t (row) depends on input j (column).

    Each row of x (T, C) is changed in turn. If `run` is causal, nothing above the
    diagonal is True.

    Args:
        run: maps (T, C) to one row of any width per position.

    >>> leak_grid(lambda x: x.cumsum(dim=0), torch.zeros(3, 2)).int().tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    before = run(x)
    # Another number for each channel: LayerNorm would subtract a constant.
    change = torch.arange(1, x.shape[-1] + 1, device=x.device)
    columns = []
    for j in range(len(x)):
        changed = x.clone()
        changed[j] += change
        columns.append(((run(changed) - before).abs() > 1e-6).any(dim=-1))
    return torch.stack(columns, dim=1)

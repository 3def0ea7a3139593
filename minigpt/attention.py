"""Causal multi-head self-attention: a position attends to itself and the past.

Sources: "Attention Is All You Need" (Vaswani et al., 2017), section 3.2, and GPT-2
(Radford et al., 2019). Letters: B batch, T time, C channels, H heads, D head size.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minigpt.config import GPTConfig
from minigpt.modern import QKNorm, Rotary


def causal_mask(T: int, device: torch.device | None = None) -> Tensor:
    """Return a (T, T) bool matrix: True where query (row) may attend to key (column).

    >>> causal_mask(3).int().tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    return torch.ones(T, T, dtype=torch.bool, device=device).tril()


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Return the output and the weights of causal attention, step by step.

    Equation 1 of Vaswani et al. with a causal mask: softmax(q kᵀ / √D) v.

    Args:
        q, k, v: queries, keys and values, each (..., T, D).

    Returns:
        The output (..., T, D) and the weights (..., T, T). Each row of weights sums
        to 1 and is zero for every key after the query.
    """
    T, D = q.shape[-2:]
    scores = q @ k.transpose(-2, -1) / math.sqrt(D)  # (..., T, T)
    scores = scores.masked_fill(~causal_mask(T, q.device), -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ v, weights


def fused_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return the output of `causal_attention`, computed by PyTorch's fused kernel.

    The kernel never stores the (T, T) weights, so it is faster and needs less memory.
    In bfloat16 on a CPU its backward pass takes twice as long as that of the explicit
    formula, which is used there instead.
    """
    if q.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        return causal_attention(q, k, v)[0]
    # subtle: is_causal applies a mask; a float matrix given as attn_mask is added.
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


class CausalSelfAttention(nn.Module):
    """Multi-head causal self-attention with a fused q, k, v projection.

    `attend` maps q, k and v, each (B, H, T, D), to the heads' outputs (B, H, T, D).
    Assign a function of your own to replace it: `block.attention.attend = mine`.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.attend: Callable[[Tensor, Tensor, Tensor], Tensor] = fused_attention
        self.qkv = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.out = nn.Linear(config.n_embd, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)
        self.qk_norm = QKNorm() if config.modern else None
        self.rotary = (
            Rotary(config.head_size, config.block_size) if config.modern else None
        )

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the queries, keys and values of x (B, T, C), each (B, H, T, D)."""
        B, T, C = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.n_head, C // self.n_head)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, D)
        if self.qk_norm is not None:
            q, k = self.qk_norm(q), self.qk_norm(k)
        if self.rotary is not None:
            q, k = self.rotary(q), self.rotary(k)
        return q, k, v

    def merge(self, out: Tensor) -> Tensor:
        """Concatenate the heads' outputs (B, H, T, D) and project them to (B, T, C)."""
        return self.out(out.transpose(1, 2).flatten(2))

    def forward(self, x: Tensor) -> Tensor:
        """Return the self-attention of x (B, T, C), same shape."""
        return self.dropout(self.merge(self.attend(*self.heads(x))))

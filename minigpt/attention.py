"""Let every position gather what it needs from the positions before it.

Sources: "Attention Is All You Need" (Vaswani et al., 2017), section 3.2, and GPT-2
(Radford et al., 2019). Letters: B batch, T time, C channels, H heads, D head size.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minigpt.config import GPTConfig
from minigpt.modern import Rotary


def causal_mask(T: int, device: torch.device | None = None) -> Tensor:
    """Return a (T, T) bool matrix: True where query (row) may look at key (column).

    >>> causal_mask(3).int().tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    return torch.ones(T, T, dtype=torch.bool, device=device).tril()


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Return causal attention's output and its weights, written out in full.

    Equation 1 of Vaswani et al., with a mask: softmax(q kᵀ / √D) v.

    Args:
        q, k, v: queries, keys and values, each (..., T, D).

    Returns:
        The output (..., T, D) and the weights (..., T, T); each row of weights sums
        to 1 and is zero where the key stands after the query.
    """
    T, D = q.shape[-2:]
    scores = q @ k.transpose(-2, -1) / math.sqrt(D)  # (..., T, T)
    scores = scores.masked_fill(~causal_mask(T, q.device), -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ v, weights


def fused_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return the output of `causal_attention` from PyTorch's fused kernel.

    It never stores the (T, T) weights, which makes it faster and smaller; except in
    bfloat16 on a CPU, where learning through it takes twice as long as by the formula.
    """
    if q.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        return causal_attention(q, k, v)[0]
    # subtle: is_causal applies a mask; a float matrix given as attn_mask is added.
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


class CausalSelfAttention(nn.Module):
    """H attention heads side by side, each on its own share of the channels.

    `attend` is a plain function of q, k and v (each (B, H, T, D)) that returns
    (B, H, T, D). Swap it to look inside, or to plug in attention of your own:
    `block.attention.attend = mine`.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.attend: Callable[[Tensor, Tensor, Tensor], Tensor] = fused_attention
        self.qkv = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.out = nn.Linear(config.n_embd, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)
        self.rotary = (
            Rotary(config.head_size, config.block_size) if config.modern else None
        )

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values of x (B, T, C), each (B, H, T, D)."""
        B, T, C = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.n_head, C // self.n_head)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, D)
        if self.rotary is not None:
            q, k = self.rotary(q), self.rotary(k)
        return q, k, v

    def merge(self, out: Tensor) -> Tensor:
        """Return the output projection (B, T, C) of the heads' outputs (B, H, T, D)."""
        return self.out(out.transpose(1, 2).flatten(2))

    def forward(self, x: Tensor) -> Tensor:
        """Apply self-attention to x (B, T, C); same shape."""
        return self.dropout(self.merge(self.attend(*self.heads(x))))

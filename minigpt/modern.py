"""Provide what language models since GPT-2 have replaced: `GPTConfig(modern=True)`.

What each replacement is worth here is measured in benchmarks/README.md.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class QKNorm(nn.Module):
    """Scale each query or key to a root mean square of 1, so that scores stay bounded.

    After "Query-Key Normalization for Transformers" (Henry et al., 2020).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return x (B, H, T, D) normalised over its last dimension, same shape."""
        return F.rms_norm(x, x.shape[-1:])


class Rotary(nn.Module):
    """Rotary position embedding: rotate pairs of channels by an angle per position.

    At position t, pair i is rotated by t · θ_i with θ_i = 10000^(-2i/D), so the dot
    product of a query and a key depends only on the distance between them: "RoFormer"
    (Su et al., 2021), section 3.2. Here channel i is paired with channel i + D/2.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, head_size: int, block_size: int) -> None:
        super().__init__()
        theta = 10_000.0 ** (-torch.arange(0, head_size, 2) / head_size)  # (D / 2,)
        angles = torch.outer(torch.arange(block_size), theta)  # (T, D / 2)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return queries or keys x (B, H, T, D) rotated, same shape."""
        T = x.shape[-2]
        cos, sin = self.cos[:T], self.sin[:T]
        a, b = x.chunk(2, dim=-1)  # each (B, H, T, D / 2)
        return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class ReLUSquared(nn.Module):
    """Squared ReLU: "Primer" (So et al., 2021)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return max(x, 0)², same shape."""
        return F.relu(x).square()

"""Replace GPT-2's parts by those that train faster: the `modern` switch.

Each part is one that language models since GPT-2 have taken up; what each is worth
here is measured in benchmarks/README.md.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Rotary(nn.Module):
    """Normalise queries or keys, and turn them by an angle that grows with position.

    The product of a turned query and a turned key depends on how far apart they
    stand, not on where: "RoFormer" (Su et al., 2021). Normalising both keeps the
    scores in range: "Query-Key Normalization" (Henry et al., 2020).
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, head_size: int, block_size: int) -> None:
        super().__init__()
        frequencies = 10_000.0 ** -torch.linspace(0, 1, head_size // 2)
        angles = torch.outer(torch.arange(block_size).float(), frequencies)
        self.register_buffer("cos", angles.cos(), persistent=False)  # (T, D / 2)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x (B, H, T, D) normalised and turned, same shape."""
        T, D = x.shape[-2:]
        cos, sin = self.cos[:T], self.sin[:T]
        a, b = F.rms_norm(x, (D,)).chunk(2, dim=-1)
        return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class ReLUSquared(nn.Module):
    """The square of what is above zero: "Primer" (So et al., 2021)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return max(x, 0)², same shape."""
        return F.relu(x).square()

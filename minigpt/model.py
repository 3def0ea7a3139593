"""GPT-2: token and position embeddings, a stack of pre-norm blocks, tied logits.

Sources: "Language Models are Unsupervised Multitask Learners" (Radford et al., 2019)
and "Gaussian Error Linear Units" (Hendrycks and Gimpel, 2016).
Letters: B batch, T time, C channels, V vocabulary.
"""

import math

import torch
from torch import Tensor, nn

from minigpt.attention import CausalSelfAttention
from minigpt.config import GPTConfig
from minigpt.modern import ReLUSquared


def make_norm(config: GPTConfig) -> nn.Module:
    """Return LayerNorm over the C channels, or RMSNorm for a modern model."""
    return nn.RMSNorm(config.n_embd) if config.modern else nn.LayerNorm(config.n_embd)


class FeedForward(nn.Module):
    """Position-wise MLP: expand to 4C, apply the activation, project back to C."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.n_embd, 4 * config.n_embd)
        self.activation = ReLUSquared() if config.modern else nn.GELU("tanh")
        self.down = nn.Linear(4 * config.n_embd, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return the MLP's output at each position of x (B, T, C), same shape."""
        return self.dropout(self.down(self.activation(self.up(x))))


class Block(nn.Module):
    """Pre-norm block: attention, then MLP; each adds to the residual stream."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.norm1 = make_norm(config)
        self.attention = CausalSelfAttention(config)
        self.norm2 = make_norm(config)
        self.feed_forward = FeedForward(config)

    def forward(self, x: Tensor) -> Tensor:
        """Return the residual stream x (B, T, C) after this block, same shape."""
        x = x + self.attention(self.norm1(x))
        x = x + self.feed_forward(self.norm2(x))
        return x


class GPT(nn.Module):
    """Map token ids (B, T) to the logits (B, T, V) of the next token.

    >>> model = GPT(GPTConfig(vocab_size=65))
    >>> model(torch.zeros(2, 8, dtype=torch.long)).shape
    torch.Size([2, 8, 65])
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.n_embd)
        self.position_embedding = (
            None if config.modern else nn.Embedding(config.block_size, config.n_embd)
        )
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.final_norm = make_norm(config)
        self._init_weights()

    def _init_weights(self) -> None:
        # As in GPT-2. Layers that add to the residual stream start smaller, so that
        # its variance does not grow with the number of blocks.
        residual_std = 0.02 / math.sqrt(2 * self.config.n_layer)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                adds = name.endswith((".attention.out", ".feed_forward.down"))
                nn.init.normal_(module.weight, std=residual_std if adds else 0.02)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)

    def embed(self, ids: Tensor) -> Tensor:
        """Return the residual stream (B, T, C) before the first block.

        Args:
            ids: token ids (B, T) of any integer type.

        Raises:
            ValueError: `ids` is no integer tensor of shape (B, T), T is larger than
                `block_size`, or (on a CPU) an id is not below `vocab_size`.
        """
        ids = _as_int64(ids, self.config.block_size)
        try:
            x = self.token_embedding(ids)
        except IndexError:
            raise ValueError(
                f"ids must lie between 0 and {self.config.vocab_size - 1}, but these "
                f"go from {ids.min()} to {ids.max()}: use the model's own tokenizer"
            ) from None
        if self.position_embedding is not None:
            positions = torch.arange(ids.shape[1], device=ids.device)
            x = x + self.position_embedding(positions)
        return self.dropout(x)

    def unembed(self, x: Tensor) -> Tensor:
        """Return the logits (B, T, V) of the residual stream x (B, T, C)."""
        # Weight tying: the token embedding is also the output projection.
        return self.final_norm(x) @ self.token_embedding.weight.T

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits (B, T, V): scores for the token after each of ids (B, T)."""
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.unembed(x)

    def num_parameters(self) -> int:
        """Return the number of parameters; tied weights count once."""
        return sum(p.numel() for p in self.parameters())


def _as_int64(ids: Tensor, block_size: int) -> Tensor:
    """Return ids (B, T) as int64, or raise ValueError if they are not valid."""
    if ids.dim() != 2:
        hint = ": add a batch dimension with ids[None]" if ids.dim() == 1 else ""
        raise ValueError(f"ids must have shape (B, T), not {tuple(ids.shape)}{hint}")
    if ids.is_floating_point() or ids.dtype == torch.bool:
        raise ValueError(f"ids must be integers, not {ids.dtype}")
    if ids.shape[1] > block_size:
        raise ValueError(
            f"{ids.shape[1]} positions do not fit into a block of {block_size}: "
            "pass only the last ones"
        )
    return ids.long()

"""Stack attention and feed-forward layers into GPT-2's architecture.

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
    """Return the layer that brings each position's C channels to one scale."""
    return nn.RMSNorm(config.n_embd) if config.modern else nn.LayerNorm(config.n_embd)


class FeedForward(nn.Module):
    """Let each position think for itself: widen four times, bend, narrow again."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.n_embd, 4 * config.n_embd)
        self.activation = ReLUSquared() if config.modern else nn.GELU("tanh")
        self.down = nn.Linear(4 * config.n_embd, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, C) for x (B, T, C)."""
        return self.dropout(self.down(self.activation(self.up(x))))


class Block(nn.Module):
    """Attention, then feed-forward; each adds to the stream what it has found."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.norm1 = make_norm(config)
        self.attention = CausalSelfAttention(config)
        self.norm2 = make_norm(config)
        self.feed_forward = FeedForward(config)

    def forward(self, x: Tensor) -> Tensor:
        """Return the stream x (B, T, C) after this block."""
        x = x + self.attention(self.norm1(x))
        x = x + self.feed_forward(self.norm2(x))
        return x


class GPT(nn.Module):
    """Ids in, a score for every possible next token out.

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
        # GPT-2's scale; layers that add to the stream start smaller, so that its
        # size does not grow with the number of blocks.
        residual_std = 0.02 / math.sqrt(2 * self.config.n_layer)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                adds = name.endswith((".attention.out", ".feed_forward.down"))
                nn.init.normal_(module.weight, std=residual_std if adds else 0.02)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)

    def embed(self, ids: Tensor) -> Tensor:
        """Return the stream that enters the first block, (B, T, C), for ids (B, T).

        Raises:
            ValueError: there are more positions than the model's block_size.
        """
        T = ids.shape[-1]
        if self.config.block_size < T:
            raise ValueError(
                f"{T} positions do not fit into a block of {self.config.block_size}: "
                "keep the last ones"
            )
        x = self.token_embedding(ids)
        if self.position_embedding is not None:
            x = x + self.position_embedding(torch.arange(T, device=ids.device))
        return self.dropout(x)

    def unembed(self, x: Tensor) -> Tensor:
        """Return logits (B, T, V) for the stream x (B, T, C) of the last block."""
        # The embedding is tied: what a token looks like going in is what it is
        # compared with coming out.
        return self.final_norm(x) @ self.token_embedding.weight.T

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits (B, T, V): at each position, scores for the token after it."""
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.unembed(x)

    def num_parameters(self) -> int:
        """Return how many numbers training can change (tied ones count once)."""
        return sum(p.numel() for p in self.parameters())

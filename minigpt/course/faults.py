"""Build models and runs with one deliberate fault each, for the museum of lesson 04."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minigpt.attention import CausalSelfAttention, causal_mask, fused_attention
from minigpt.config import GPTConfig, TrainConfig
from minigpt.model import GPT, Block
from minigpt.training import random_batch

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Exhibit:
    """What `train` needs for a run: a fault is in one of the three, or in none.

    Attributes:
        model: untrained.
        config: of the run.
        sample_batch: draws the batches: `train(..., sample_batch=...)`.
    """

    model: GPT
    config: TrainConfig
    sample_batch: Callable[..., tuple[Tensor, Tensor]] = random_batch


class NoResidualBlock(Block):
    """A block whose layers replace the residual stream and do not add to it."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the output (B, T, C) of the two layers; x itself is lost."""
        x = self.attention(self.norm1(x))
        return self.feed_forward(self.norm2(x))


def added_mask(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return attention with a float mask, which is added to the scores."""
    mask = causal_mask(q.shape[-2], q.device).to(q.dtype)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def large_scores(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return attention whose scores are multiplied by √D and not divided by it."""
    return fused_attention(q * q.shape[-1], k, v)


def unscaled_scores(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return attention whose scores are not divided by √D."""
    return fused_attention(q * q.shape[-1] ** 0.5, k, v)


def unshifted_batch(
    ids: Tensor, batch_size: int, block_size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return a random batch whose targets are its inputs, each (B, T)."""
    inputs, _ = random_batch(ids, batch_size, block_size, generator)
    return inputs, inputs


def healthy(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a model and a run without a fault."""
    return Exhibit(model, config)


def no_residual(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a model whose blocks do not add to the residual stream."""
    for i, block in enumerate(model.blocks):
        replacement = NoResidualBlock(model.config)
        replacement.load_state_dict(block.state_dict())
        model.blocks[i] = replacement
    return Exhibit(model, config)


def no_positions(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a model whose position embedding is zero and stays zero.

    Raises:
        ValueError: the model is modern and has no position embedding.
    """
    if model.position_embedding is None:
        raise ValueError("a modern model has no position embedding to remove")
    nn.init.zeros_(model.position_embedding.weight).requires_grad_(False)
    return Exhibit(model, config)


def leaking_mask(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a model that attends to the future."""
    return _with_attention(model, config, added_mask)


def scores_too_large(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a model whose softmax gives nearly all weight to one token."""
    return _with_attention(model, config, large_scores)


def no_scaling(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a model that does not divide its scores; a small one hardly minds."""
    return _with_attention(model, config, unscaled_scores)


def _with_attention(model: GPT, config: TrainConfig, attend: Attend) -> Exhibit:
    for layer in model.modules():
        if isinstance(layer, CausalSelfAttention):
            layer.attend = attend
    return Exhibit(model, config)


def targets_not_shifted(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a run that rewards the model for copying its input."""
    return Exhibit(model, config, unshifted_batch)


def learning_rate_too_high(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a healthy model in a run with ten times the learning rate."""
    faster = replace(
        config,
        learning_rate=10 * config.learning_rate,
        muon_learning_rate=10 * config.muon_learning_rate,
    )
    return Exhibit(model, faster)


# Learners see only the letters.
PATIENTS: dict[str, Callable[[GPT, TrainConfig], Exhibit]] = {
    "A": targets_not_shifted,
    "B": no_positions,
    "C": learning_rate_too_high,
    "D": leaking_mask,
    "E": no_residual,
    "F": scores_too_large,
}


def make(
    exhibit: Callable[[GPT, TrainConfig], Exhibit], shape: GPTConfig, run: TrainConfig
) -> Exhibit:
    """Return an exhibit whose model has the initial weights that `run.seed` gives.

    Torch's global random generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        return exhibit(GPT(shape), run)


def name_of(exhibit: Callable[[GPT, TrainConfig], Exhibit]) -> str:
    """Return an exhibit's fault in words: "no residual" for `no_residual`."""
    return exhibit.__name__.replace("_", " ")

"""Build models and runs that are broken on purpose, for the museum of lesson 04."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minigpt.attention import CausalSelfAttention, causal_mask, fused_attention
from minigpt.config import GPTConfig, TrainConfig
from minigpt.inspection import Attend, replaced_attention
from minigpt.model import GPT, Block


@dataclass(frozen=True)
class Exhibit:
    """A model with a mistake in it, or in how it is trained."""

    model: GPT
    config: TrainConfig


class NoResidualBlock(Block):
    """A block that replaces the stream and does not add to it."""

    def forward(self, x: Tensor) -> Tensor:
        """Return what the two layers make of x (B, T, C), x itself lost."""
        x = self.attention(self.norm1(x))
        return self.feed_forward(self.norm2(x))


class UnshiftedGPT(GPT):
    """A model that is asked for the token it is looking at.

    Moving its logits one place on, to where the token before is the target, is the
    mistake of targets that were not shifted.
    """

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits (B, T, V) of which row t + 1 stands in row t."""
        return super().forward(ids).roll(-1, dims=1)


def added_mask(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return attention whose mask is a float matrix, which is added to the scores."""
    mask = causal_mask(q.shape[-2], q.device).to(q.dtype)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def large_scores(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return attention whose scores are multiplied by √D and not divided by it."""
    return fused_attention(q * q.shape[-1], k, v)


def unscaled_scores(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return attention whose scores are not divided by √D."""
    return fused_attention(q * q.shape[-1] ** 0.5, k, v)


def healthy(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a model and a run without a mistake."""
    return Exhibit(model, config)


def no_residual(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a model whose blocks do not add to the stream."""
    for block in model.blocks:
        block.__class__ = NoResidualBlock
    return Exhibit(model, config)


def no_positions(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a model that does not know where in the text a token stands."""
    if model.position_embedding is None:
        raise ValueError("a modern model has no table of positions to take away")
    nn.init.zeros_(model.position_embedding.weight).requires_grad_(False)
    return Exhibit(model, config)


def leaking_mask(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a model that can see the future."""
    return Exhibit(_with_attention(model, added_mask), config)


def scores_too_large(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a model whose softmax gives nearly all weight to one token."""
    return Exhibit(_with_attention(model, large_scores), config)


def no_scaling(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a model that forgets to divide; a small one hardly minds."""
    return Exhibit(_with_attention(model, unscaled_scores), config)


def targets_not_shifted(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a model that learns to copy."""
    model.__class__ = UnshiftedGPT
    return Exhibit(model, config)


def learning_rate_too_high(model: GPT, config: TrainConfig) -> Exhibit:
    """Return a healthy model in a run with ten times the learning rate."""
    faster = replace(
        config,
        learning_rate=10 * config.learning_rate,
        muon_learning_rate=10 * config.muon_learning_rate,
    )
    return Exhibit(model, faster)


# The letters are all that a learner gets to see.
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
    """Return an exhibit; its model starts from the weights that the seed gives."""
    torch.manual_seed(run.seed)
    return exhibit(GPT(shape), run)


def name_of(exhibit: Callable[[GPT, TrainConfig], Exhibit]) -> str:
    """Return an exhibit's mistake in words.

    >>> name_of(no_residual)
    'no residual'
    """
    return exhibit.__name__.replace("_", " ")


def _with_attention(model: GPT, attend: Attend) -> GPT:
    for layer in model.modules():
        if isinstance(layer, CausalSelfAttention):
            layer.attend = attend
    return model


@contextmanager
def capture_own_attention(model: GPT) -> Iterator[list[Tensor]]:
    """Collect each layer's weights (B, H, T, T) as its own attention computes them.

    Unlike `inspection.capture_attention` this leaves a broken attention broken, so
    that its weights on the future show.
    """
    maps: list[Tensor] = []

    def watched(attend: Attend) -> Attend:
        def watch(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            # Whoever gathers the rows of an identity matrix gathers the weights.
            T = q.shape[-2]
            rows = torch.eye(T).expand(*q.shape[:-1], T).contiguous()
            maps.append(attend(q, k, rows).detach())
            return attend(q, k, v)

        return watch

    with replaced_attention(model, watched):
        yield maps

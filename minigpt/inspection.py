"""Look inside a model while it runs, without changing it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from minigpt.attention import CausalSelfAttention, causal_attention


@contextmanager
def capture_attention(model: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the attention weights of every layer for as long as the context lasts.

    Gives a list that each run of the model fills with one tensor (B, H, T, T) a
    layer, first layer first. The readable attention stands in for the fused one
    meanwhile; whatever was there before is put back, also after an error.

    >>> with capture_attention(model) as maps:
    ...     logits = model(ids)
    >>> maps[0].shape  # layer 0
    torch.Size([1, 4, 12, 12])
    """
    maps: list[Tensor] = []

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out, weights = causal_attention(q, k, v)
        maps.append(weights.detach())
        return out

    layers = [m for m in model.modules() if isinstance(m, CausalSelfAttention)]
    before = [layer.attend for layer in layers]
    try:
        for layer in layers:
            layer.attend = attend
        yield maps
    finally:
        for layer, original in zip(layers, before, strict=True):
            layer.attend = original

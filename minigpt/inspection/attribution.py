"""Split logits into the parts of the model that they come from."""

from typing import Any

import torch
from torch import Tensor, nn

from minigpt.inspection.editing import activation
from minigpt.inspection.looking import attention_maps, residual_stream
from minigpt.model import GPT


@torch.no_grad()
def contributions(model: GPT, ids: Tensor) -> dict[str, Tensor]:
    """Return what each part of the model has added to the residual stream.

    The parts are the embeddings ("token", "position"), and for each layer, such as
    layer 0, its heads ("head 0.0", "head 0.1", ...), the bias of their projection
    ("attention bias 0"), and the feed-forward layer without and with its last bias
    ("feed-forward 0", "feed-forward bias 0").

    Args:
        ids: token ids (B, T).

    Returns:
        Tensors (B, T, C), in the order in which they are added. Their sum is the last
        point of `residual_stream`.
    """
    parts = {"token": model.token_embedding(ids)}
    if model.position_embedding is not None:
        places = torch.arange(ids.shape[1], device=ids.device)
        parts["position"] = model.position_embedding(places).expand_as(parts["token"])
    blocks: list[Any] = [*model.blocks]
    for i, block in enumerate(blocks):
        outputs = activation(model, ids, "heads", i)  # (B, H, T, D)
        for h, out in enumerate(_projected(block, outputs).unbind(dim=1)):
            parts[f"head {i}.{h}"] = out
        parts[f"attention bias {i}"] = block.attention.out.bias.expand_as(out)
        bias = block.feed_forward.down.bias
        parts[f"feed-forward {i}"] = activation(model, ids, "feed_forward", i) - bias
        parts[f"feed-forward bias {i}"] = bias.expand_as(out)
    return parts


def _projected(block: Any, outputs: Tensor) -> Tensor:
    """Return what heads' outputs (B, H, T, D) add to the stream, (B, H, T, C)."""
    H, D = outputs.shape[1], outputs.shape[-1]
    by_head = block.attention.out.weight.T.view(H, D, -1)
    return outputs @ by_head


@torch.no_grad()
def attribution(model: GPT, ids: Tensor, direction: Tensor) -> dict[str, Tensor]:
    """Return how much each part of the model contributes to a difference of logits.

    The last norm divides the stream by its standard deviation, which depends on all
    parts. If this number is taken as given, the logits are a sum over the parts: direct
    logit attribution (Elhage et al., 2021, "A Mathematical Framework for Transformer
    Circuits"). What a part does by way of later layers belongs to those layers.

    Args:
        ids: token ids (B, T).
        direction: (C,), or (B, T, C) for one at each position. For the logit of token
            a minus that of b it is `weight[a] - weight[b]`, the rows of
            `model.token_embedding.weight`.

    Returns:
        (B, T) for each part of `contributions`, and "norm bias" for the bias of the
        final norm. The sum is the stream after the final norm, times the direction.
    """
    parts = contributions(model, ids)
    read = _read_direction(model, sum(parts.values(), torch.tensor(0.0)), direction)
    parts = {name: (x * read).sum(dim=-1) for name, x in parts.items()}
    bias = getattr(model.final_norm, "bias", None)
    if bias is not None:
        parts["norm bias"] = (bias * direction).sum(dim=-1).expand(ids.shape)
    return parts


@torch.no_grad()
def sources(model: GPT, ids: Tensor, direction: Tensor) -> Tensor:
    """Return from which position each head has what it contributes to the logits.

    A head adds a weighted sum of values to the stream, and each value belongs to an
    earlier position: its part of the head's `attribution` is the weight times the
    value, projected. So this shows where a head looked and what that was good for.

    Args:
        ids, direction: see `attribution`.

    Returns:
        (L, B, H, T, T): row t holds the contributions of each position to the logits at
        t. The sum of a row is the head's attribution at t.
    """
    stream, maps = residual_stream(model, ids), attention_maps(model, ids)
    read = _read_direction(model, stream[-1], direction)
    blocks: list[Any] = [*model.blocks]
    layers = []
    for x, weights, block in zip(stream, maps, blocks, strict=False):
        values = block.attention.heads(block.norm1(x))[2]
        added = _projected(block, values)  # (B, H, T, C): what each key would add
        layers.append(weights * (read[:, None] @ added.transpose(-2, -1)))
    return torch.stack(layers)


def _read_direction(model: GPT, last: Tensor, direction: Tensor) -> Tensor:
    """Return the direction (B, T, C) along which the final norm reads its input.

    The input's product with it, plus the norm's bias times `direction`, is the norm's
    output times `direction`.

    Args:
        last: the input of the final norm, (B, T, C), whose size is taken as given.
    """
    norm: Any = model.final_norm
    read = norm.weight * direction
    if isinstance(norm, nn.LayerNorm):
        # Subtracting the mean from the input or from what it is multiplied with comes
        # to the same.
        read = read - read.mean(dim=-1, keepdim=True)
        size = last.var(dim=-1, keepdim=True, unbiased=False)
    else:
        size = last.square().mean(dim=-1, keepdim=True)
    epsilon = torch.finfo(last.dtype).eps if norm.eps is None else norm.eps
    return read / (size + epsilon).sqrt()

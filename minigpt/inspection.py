"""Look inside a model without changing it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from minigpt.attention import CausalSelfAttention, causal_attention
from minigpt.model import GPT

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
Model = TypeVar("Model", bound=nn.Module)


def twin(model: Model) -> Model:
    """Return a second model that has the very weights of the first, not copies.

    What is replaced in the one is not in the other, so that each of several threads
    can look into a twin of its own while the model itself writes or learns. Functions
    that were plugged in or hooked on before are in both.
    """
    shared: list[Any] = [*model.parameters(), *model.buffers()]
    for module in model.modules():
        for value in vars(module).values():
            values = value.values() if isinstance(value, dict) else [value]
            shared += [
                v for v in values if callable(v) and not isinstance(v, nn.Module)
            ]
    return deepcopy(model, {id(one): one for one in shared})


@contextmanager
def replaced_attention(
    model: nn.Module, replace: Callable[[Attend], Attend]
) -> Iterator[None]:
    """Let another function attend in every layer for as long as the context lasts.

    Whatever was there before is put back, also after an error.

    Args:
        replace: gives the function that stands in for a layer's own.
    """
    layers = [m for m in model.modules() if isinstance(m, CausalSelfAttention)]
    before = [layer.attend for layer in layers]
    try:
        for layer in layers:
            layer.attend = replace(layer.attend)
        yield
    finally:
        for layer, original in zip(layers, before, strict=True):
            layer.attend = original


@contextmanager
def capture_attention(model: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the attention weights of every layer for as long as the context lasts.

    Gives a list that each run of the model fills with one tensor (B, H, T, T) a
    layer, first layer first. The readable attention stands in for the fused one
    meanwhile.

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

    with replaced_attention(model, lambda _: attend):
        yield maps


@contextmanager
def capture_stream(model: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the stream between the blocks for as long as the context lasts.

    Gives a list that each run of the model fills with n_layer + 1 tensors (B, T, C):
    what enters the first block, then what leaves each block. They are the tensors of
    the run itself, so `torch.autograd.grad(loss, stream)` gives the gradients there.
    The hooks are taken away at the end, also after an error.

    >>> with capture_stream(model) as stream:
    ...     logits = model(ids)
    >>> len(stream), stream[0].shape  # of a model with four blocks
    (5, torch.Size([1, 12, 128]))
    """
    stream: list[Tensor] = []

    def entered(_: nn.Module, args: tuple[Tensor, ...]) -> None:
        stream.append(args[0])

    def left(_: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
        stream.append(out)

    first, *_ = blocks = list(model.get_submodule("blocks").children())
    hooks = [first.register_forward_pre_hook(entered)]
    try:
        hooks += [block.register_forward_hook(left) for block in blocks]
        yield stream
    finally:
        for hook in hooks:
            hook.remove()


def residual_stream(model: GPT, ids: Tensor) -> list[Tensor]:
    """Return the residual stream before the first block and after each block.

    Gradients flow through it: `torch.autograd.grad(loss, stream)`.

    Args:
        ids: token ids (B, T).

    Returns:
        n_layer + 1 tensors (B, T, C); `model.unembed(stream[-1])` gives the logits.

    >>> stream = residual_stream(model, ids)
    >>> len(stream), stream[0].shape  # of a model with four blocks
    (5, torch.Size([1, 12, 128]))
    """
    stream = [model.embed(ids)]
    for block in model.blocks:
        stream.append(block(stream[-1]))
    return stream


@torch.no_grad()
def attention_maps(model: GPT, ids: Tensor) -> list[Tensor]:
    """Return the attention weights of every layer, first layer first.

    They are those of the layer's own `attend`, so a function that was plugged in, or
    one with a bug, shows what it really does.

    Args:
        ids: token ids (B, T).

    Returns:
        n_layer tensors (B, H, T, T); row t holds the weights of query t over the keys.

    >>> attention_maps(model, ids)[0].shape
    torch.Size([1, 4, 12, 12])
    """
    maps = []
    blocks: list[Any] = list(model.blocks)
    for x, block in zip(residual_stream(model, ids)[:-1], blocks, strict=True):
        q, k, _ = block.attention.heads(block.norm1(x))
        # The weights times the identity matrix are the weights.
        identity = torch.eye(q.shape[-2], dtype=q.dtype, device=q.device)
        v = identity.expand(*q.shape[:2], -1, -1).contiguous()  # (B, H, T, T)
        maps.append(block.attention.attend(q, k, v))
    return maps


@torch.no_grad()
def leak_grid(run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return a (T, T) bool grid: True where output t (row) depends on input j (column).

    Each row of x (T, C) is changed in turn. If `run` is causal, nothing above the
    diagonal is True.

    Args:
        run: maps (T, C) to one row of any width per position.

    >>> leak_grid(lambda x: x.cumsum(dim=0), torch.zeros(3, 2)).int().tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    before = run(x)
    # Another number for each channel: LayerNorm would subtract a constant.
    change = torch.arange(1, x.shape[-1] + 1, device=x.device)
    columns = []
    for j in range(len(x)):
        changed = x.clone()
        changed[j] += change
        columns.append(((run(changed) - before).abs() > 1e-6).any(dim=-1))
    return torch.stack(columns, dim=1)

"""Look inside a model while it runs, without changing it."""

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

    The gradient can flow through it: `torch.autograd.grad(loss, stream)`.

    Args:
        ids: token ids (B, T).

    Returns:
        n_layer + 1 tensors (B, T, C). `model.unembed(stream[-1])` gives the logits.
    """
    stream = [model.embed(ids)]
    for block in _blocks(model):
        stream.append(block(stream[-1]))
    return stream


def _blocks(model: GPT) -> list[Any]:
    return list(model.blocks)  # typed as plain modules otherwise


@torch.no_grad()
def attention_maps(model: GPT, ids: Tensor) -> list[Tensor]:
    """Return the attention weights of every layer, the first layer first.

    Each layer's own attention function is asked, so that a replaced or broken one
    shows what it really does.

    Args:
        ids: token ids (B, T).

    Returns:
        n_layer tensors (B, H, T, T); row t holds the weights of query t over the keys.
    """
    maps = []
    for x, block in zip(residual_stream(model, ids), _blocks(model), strict=False):
        q, k, _ = block.attention.heads(block.norm1(x))
        # Attention with the identity matrix as values returns the weights themselves.
        T = q.shape[-2]
        identity = torch.eye(T, dtype=q.dtype, device=q.device).expand(
            *q.shape[:2], T, T
        )
        maps.append(block.attention.attend(q, k, identity.contiguous()))
    return maps


@torch.no_grad()
def leak_grid(run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return a (T, T) bool grid: True where output t (row) moved with input j (column).

    Each position of x (T, C) is changed in turn. Where `run` lets no position see
    those after it, nothing above the diagonal is True.

    Args:
        run: takes (T, C), gives one row of any width for each position.

    >>> leak_grid(lambda x: x.cumsum(dim=0), torch.zeros(3, 2)).int().tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    before = run(x)
    columns = []
    for j in range(len(x)):
        changed = x.clone()
        # Not the same number on every channel: a LayerNorm would take that away.
        changed[j] += torch.arange(1, x.shape[-1] + 1)
        columns.append(((run(changed) - before).abs() > 1e-6).any(dim=-1))
    return torch.stack(columns, dim=1)

"""Run a model with some of its activations replaced: ablate, patch, steer."""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from minigpt.model import GPT

Point = Literal["stream", "heads", "attention", "feed_forward"]
Change = Callable[[Tensor], Tensor]


class Edit(NamedTuple):
    """A change of one activation on the way through the model.

    Attributes:
        point: what is changed. "stream" is the residual stream (B, T, C) that layer
            `layer` reads; `n_layer` stands for the one that the final norm reads.
            "heads" are the outputs of a layer's heads (B, H, T, D) before they are
            projected and added up. "attention" and "feed_forward" are what that part
            of a layer adds to the stream (B, T, C).
        layer: from 0.
        change: is given the activation and returns what takes its place, of the same
            shape. It must not change the tensor that it is given.
    """

    point: Point
    layer: int
    change: Change


def edited(model: GPT, edits: Iterable[Edit]) -> GPT:
    """Return a model with the same weights that makes these edits in every pass.

    Edits of the same activation are made in their order. The model itself is not
    touched, and its weights are shared, not copied: training one trains the other.
    The result is used like any other model; `generate` writes with it.

    Raises:
        ValueError: an edit names a point or a layer that the model does not have.

    >>> model_without = edited(model, [ablate("heads", 1, heads=[3])])
    >>> model_without(ids).shape == model(ids).shape
    True
    """
    copy = shallow_copy(model)
    for point, layer, change in edits:
        module = _module(copy, point, layer)
        if point == "stream":
            module.register_forward_pre_hook(_on_input(change))
        elif point == "heads":
            on_heads = _by_head(change, model.config.n_head)
            module.register_forward_pre_hook(_on_input(on_heads))
        else:
            module.register_forward_hook(_on_output(change))
    return copy


def shallow_copy(model: GPT) -> GPT:
    """Return a copy of a model that shares its weights: modules of its own."""
    shared = chain(model.parameters(), model.buffers())
    return deepcopy(model, {id(tensor): tensor for tensor in shared})


def _module(model: GPT, point: Point, layer: int) -> nn.Module:
    """Return the module whose input or output is the activation."""
    blocks: list[Any] = [*model.blocks]
    modules: dict[Point, list[nn.Module]] = {
        "stream": [*blocks, model.final_norm],
        "heads": [block.attention.out for block in blocks],
        "attention": [block.attention for block in blocks],
        "feed_forward": [block.feed_forward for block in blocks],
    }
    if point not in modules:
        raise ValueError(f"point must be one of {', '.join(modules)}, not {point!r}")
    if not 0 <= layer < len(modules[point]):
        last = len(modules[point]) - 1
        raise ValueError(f'layer must be from 0 to {last} for "{point}", not {layer}')
    return modules[point][layer]


def _on_input(change: Change) -> Callable[[nn.Module, tuple[Tensor]], Tensor]:
    return lambda module, inputs: change(*inputs)


def _on_output(change: Change) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    return lambda module, inputs, output: change(output)


def _by_head(change: Change, n_head: int) -> Change:
    def on_merged(x: Tensor) -> Tensor:
        heads = x.unflatten(-1, (n_head, -1)).transpose(1, 2)  # (B, H, T, D)
        return change(heads).transpose(1, 2).flatten(2)

    return on_merged


@torch.no_grad()
def activation(model: GPT, ids: Tensor, point: Point, layer: int) -> Tensor:
    """Return an activation of the model for ids (B, T); see `Edit` for its shape."""
    seen: list[Tensor] = []

    def keep(x: Tensor) -> Tensor:
        seen.append(x)
        return x

    edited(model, [Edit(point, layer, keep)])(ids)
    return seen[0]


def mean_activation(
    model: GPT, ids: Tensor, point: Point, layer: int, where: Tensor | None = None
) -> Tensor:
    """Return the mean of an activation over texts and positions.

    Args:
        ids: token ids (B, T).
        where: bool (B, T), the positions that count. Positions after the end of a text
            must be left out, or the mean is one of padding. All count by default.

    Returns:
        (C,), or for "heads" (H, 1, D), which fits the heads' outputs (B, H, T, D).
    """
    x = activation(model, ids, point, layer)
    where = torch.ones_like(ids, dtype=torch.bool) if where is None else where
    if point == "heads":
        return x.transpose(1, 2)[where].mean(dim=0)[:, None]
    return x[where].mean(dim=0)


def ablate(
    point: Point,
    layer: int,
    mean: Tensor | float = 0.0,
    heads: Sequence[int] | None = None,
) -> Edit:
    """Return the edit that replaces an activation by a constant at all positions.

    Args:
        mean: what takes its place, from `mean_activation`; or zero, which an
            activation rarely is and which therefore does more damage than is meant.
        heads: which heads to replace if the point is "heads"; all by default.
    """

    def change(x: Tensor) -> Tensor:
        constant = torch.as_tensor(mean, dtype=x.dtype, device=x.device).expand_as(x)
        if point != "heads" or heads is None:
            return constant
        chosen = torch.zeros(x.shape[1], 1, 1, dtype=torch.bool, device=x.device)
        chosen[list(heads)] = True
        return torch.where(chosen, constant, x)

    return Edit(point, layer, change)


def patch(
    point: Point, layer: int, source: Tensor, positions: Sequence[int] | None = None
) -> Edit:
    """Return the edit that puts an activation of another run in place of the model's.

    Args:
        source: the other run's, from `activation`, for a text of the same length.
        positions: where to replace it; everywhere by default.
    """

    def change(x: Tensor) -> Tensor:
        if positions is None:
            return source.expand_as(x)
        patched = x.clone()
        patched[..., list(positions), :] = source[..., list(positions), :]
        return patched

    return Edit(point, layer, change)


@torch.no_grad()
def patching_map(
    model: GPT,
    ids: Tensor,
    source_ids: Tensor,
    measure: Callable[[Tensor], Tensor],
    point: Point = "stream",
) -> Tensor:
    """Return what `measure` says when one activation comes from another text.

    One at a time, the activation of each layer and position is replaced by what the
    model computes for `source_ids` in the same place: activation patching, or causal
    tracing (Meng et al., 2022, "ROME", section 2).

    Args:
        ids, source_ids: the text that is read and the other one, both (1, T).
        measure: maps logits (B, T, V) to one number for each text, (B,).

    Returns:
        (n_layer + 1, T), or (n_layer, T) for a point other than "stream".
    """
    if ids.shape != source_ids.shape or len(ids) != 1:
        raise ValueError(
            f"both texts must have shape (1, T), not {tuple(ids.shape)} and "
            f"{tuple(source_ids.shape)}"
        )
    T = ids.shape[1]
    here = torch.eye(T, dtype=torch.bool, device=ids.device)  # row t changes place t
    rows = []
    for layer in range(len(model.blocks) + (point == "stream")):
        source = activation(model, source_ids, point, layer)
        at = here[:, None, :, None] if point == "heads" else here[:, :, None]

        def change(x: Tensor, at: Tensor = at, source: Tensor = source) -> Tensor:
            return torch.where(at, source, x)

        patched = edited(model, [Edit(point, layer, change)])
        rows.append(measure(patched(ids.expand(T, -1))))
    return torch.stack(rows)


def steer(layer: int, vector: Tensor) -> Edit:
    """Return the edit that adds a vector (C,) to the stream that a layer reads.

    A direction to steer in is the difference between two of `mean_activation`, over
    texts that have something and texts that do not ("Activation Addition", Turner et
    al., 2023).
    """
    return Edit("stream", layer, lambda x: x + vector)

"""Write constant edits into a copy of the weights, so that generation stays fast.

A head that always says the same is a bias, and so is a vector that is added to every
position. `decoding.generate` reads only weights, so with such a copy it writes as fast
as with any other model, while a model from `edited` is left to the slower path.
"""

from typing import Any

import torch
from torch import Tensor, nn

from minigpt.inspection.editing import shallow_copy
from minigpt.model import GPT


def fold_head(model: GPT, layer: int, head: int, mean: Tensor | float = 0.0) -> GPT:
    """Return a model that differs in one head, whose output is a constant.

    It computes what `edited(model, [ablate("heads", layer, mean, [head])])` does.

    Args:
        mean: (D,), or (H, 1, D) from `mean_activation`; zero by default.

    Raises:
        ValueError: the model has no such layer or head.
    """
    H, D = model.config.n_head, model.config.head_size
    if not (0 <= layer < len(model.blocks) and 0 <= head < H):
        raise ValueError(f"the model has no head {layer}.{head}")
    mean = torch.as_tensor(mean, dtype=torch.float32)
    constant = mean[head, 0] if mean.ndim == 3 else mean.expand(D)
    copy = shallow_copy(model)
    out: Any = copy.get_submodule(f"blocks.{layer}.attention.out")
    weight = out.weight.detach().clone()  # (C, H D)
    columns = slice(head * D, (head + 1) * D)
    added = weight[:, columns] @ constant.to(weight.device)
    weight[:, columns] = 0
    out.weight = nn.Parameter(weight)
    out.bias = nn.Parameter(out.bias.detach() + added)
    return copy


def fold_vector(model: GPT, layer: int, vector: Tensor) -> GPT:
    """Return a model that adds a vector (C,) to the stream that a layer reads.

    It computes what `edited(model, [steer(layer, vector)])` does; `n_layer` stands for
    the stream that the final norm reads.

    Raises:
        ValueError: the model has no such layer, or it is layer 0 of a modern model,
            which has no position embeddings to add the vector to.
    """
    if not 0 <= layer <= len(model.blocks):
        raise ValueError(f"layer must be from 0 to {len(model.blocks)}, not {layer}")
    copy = shallow_copy(model)
    if layer == 0:
        places: Any = copy.position_embedding
        if places is None:
            raise ValueError("a modern model can be steered from layer 1 on")
        places.weight = nn.Parameter(places.weight.detach() + vector)
    else:
        down: Any = copy.get_submodule(f"blocks.{layer - 1}.feed_forward.down")
        down.bias = nn.Parameter(down.bias.detach() + vector)
    return copy

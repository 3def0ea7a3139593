"""Say whether a model is the one that decoding was written for."""

import torch
from torch import nn

from minigpt.attention import CausalSelfAttention, fused_attention
from minigpt.config import GPTConfig
from minigpt.model import GPT, Block, FeedForward
from minigpt.modern import ReLUSquared, Rotary


def obstacle(model: nn.Module) -> str | None:
    """Return why `Decoder` cannot stand in for a model, or None if it can.

    A learner may have plugged in attention of their own, swapped a layer or hooked
    into one. None of that is in the weights, so the decoder would not know of it.
    """
    if type(model) is not GPT:
        return f"it is no GPT but a {type(model).__name__}"
    parts = dict(model.named_modules())
    kinds = {name: type(part) for name, part in parts.items()}
    if kinds != (expected := expected_kinds(model.config)):
        name = next(n for n, _ in kinds.items() ^ expected.items())
        return f"its layer {name} is not the usual one"
    for name, part in parts.items():
        if problem := _unusual(part, model.config):
            return f"its layer {name or 'GPT'} {problem}"
    if len({part.eps for name, part in parts.items() if "norm" in name}) > 1:
        return "its norms differ"
    return _unusual_numbers(model)


def expected_kinds(config: GPTConfig) -> dict[str, type[nn.Module]]:
    """Return the name and the class of every part of a model."""
    norm = nn.RMSNorm if config.modern else nn.LayerNorm
    block: dict[str, type[nn.Module]] = {
        "": Block,
        ".norm1": norm,
        ".attention": CausalSelfAttention,
        ".attention.qkv": nn.Linear,
        ".attention.out": nn.Linear,
        ".attention.dropout": nn.Dropout,
        ".norm2": norm,
        ".feed_forward": FeedForward,
        ".feed_forward.up": nn.Linear,
        ".feed_forward.activation": ReLUSquared if config.modern else nn.GELU,
        ".feed_forward.down": nn.Linear,
        ".feed_forward.dropout": nn.Dropout,
    }
    kinds: dict[str, type[nn.Module]] = {
        "": GPT,
        "token_embedding": nn.Embedding,
        "dropout": nn.Dropout,
        "blocks": nn.ModuleList,
        "final_norm": norm,
    }
    if config.modern:
        block[".attention.rotary"] = Rotary
    else:
        kinds["position_embedding"] = nn.Embedding
    for i in range(config.n_layer):
        kinds |= {f"blocks.{i}{name}": kind for name, kind in block.items()}
    return kinds


def _unusual(part: nn.Module, config: GPTConfig) -> str | None:
    if part._forward_hooks or part._forward_pre_hooks:
        return "has a hook"
    for name in vars(part):
        if callable(getattr(type(part), name, None)):
            return f"has another {name}"
    if any(parameter is None for parameter in part._parameters.values()):
        return "lacks a gain or a bias"
    if isinstance(part, CausalSelfAttention) and part.attend is not fused_attention:
        return "has another `attend`"
    if isinstance(part, CausalSelfAttention) and part.n_head != config.n_head:
        return "has another number of heads"
    if isinstance(part, nn.GELU) and part.approximate != "tanh":
        return "is not the tanh GELU"
    return None


def _unusual_numbers(model: GPT) -> str | None:
    kinds = {(p.dtype, p.device.type) for p in model.parameters()}
    if any(dtype != torch.float32 for dtype, _ in kinds):
        return "its weights are not float32"
    if any(torch.is_autocast_enabled(device) for _, device in kinds):
        return "autocast lowers its precision"
    if torch.get_float32_matmul_precision() != "highest":
        return "its products are not in full precision"
    return None

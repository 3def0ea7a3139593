"""Generate text faster: the same GPT again, in NumPy and with a key/value cache.

`sampling.generate` runs the model over the whole context for every token. But keys and
values do not depend on later tokens: `Decoder` keeps them, and a new token costs one
position, whose query meets all keys so far ("Fast Transformer Decoding", Shazeer 2019).
NumPy is used because it starts such small operations sooner than PyTorch does.
Letters: T new positions, S with those before, C channels, H heads, D head size.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from minigpt import sampling
from minigpt.attention import CausalSelfAttention, fused_attention
from minigpt.config import GPTConfig
from minigpt.model import GPT, Block, FeedForward
from minigpt.modern import QKNorm, ReLUSquared, Rotary

EPSILON = float(np.finfo(np.float32).eps)  # the default of torch's RMSNorm


def generate(
    model: GPT,
    ids: Sequence[int],
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    greedy: bool = False,
    repetition_penalty: float = 1.0,
    seed: int = 0,
) -> Iterator[int]:
    """Yield the ids that `sampling.generate` yields for the same arguments, faster.

    The weights are copied at the call, so the model may be trained meanwhile. A model
    that `Decoder` does not support is left to `sampling.generate`.
    """
    text = sampling.check_prompt(ids, model.config.vocab_size)
    settings: Any = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    settings |= {"greedy": greedy, "repetition_penalty": repetition_penalty}
    readable = sampling.generate(model, text, max_new_tokens, seed=seed, **settings)
    if unsupported_reason(model):
        return readable
    decoder, generator = Decoder(model), torch.Generator().manual_seed(seed)

    def steps() -> Iterator[int]:
        for _ in range(max_new_tokens):
            start = sampling.context_start(len(text), model.config.block_size)
            if start + decoder.length != len(text) - 1:  # the first step, or a slide
                decoder.length = 0
            logits = torch.from_numpy(decoder.feed(text[start + decoder.length :]))
            token = sampling.next_token(logits, generator, **settings, occurred=text)
            text.append(token)
            yield text[-1]

    return steps()


class Decoder:
    """A copy of a model's weights, with the keys and values of one text.

    >>> decoder = Decoder(model)
    >>> decoder.feed([3, 1, 4])  # (V,): the last row of model([[3, 1, 4]])
    >>> decoder.feed([1])  # (V,): the last row of model([[3, 1, 4, 1]])
    """

    def __init__(self, model: GPT) -> None:
        if reason := unsupported_reason(model):
            raise ValueError(f"this model cannot be decoded with a cache: {reason}")
        token, position = model.token_embedding, cast(Any, model.position_embedding)
        self.length = 0  # positions in the cache; set it to 0 for a new text
        self.block_size = model.config.block_size
        self.token_embedding = array(token.weight, centre=position is not None)
        self.position_embedding = position and array(position.weight, centre=True)
        self.layers = [Layer(block, model.config) for block in model.blocks]
        self.unembed = Linear(token, model.final_norm)

    def feed(self, ids: Sequence[int]) -> np.ndarray:
        """Append ids (T,) to the text; return the logits (V,) after the last one."""
        start, stop = self.length, self.length + len(ids)
        if stop > self.block_size:
            raise ValueError(f"{stop} positions exceed the block of {self.block_size}")
        with np.errstate(all="ignore"):  # so that its logits show a broken model
            x = self.token_embedding[np.asarray(ids)]  # (T, C)
            if self.position_embedding is not None:
                x += self.position_embedding[start:stop]
            for layer in self.layers:
                x = x + layer.out(layer.attend(layer.qkv(x), start))
                x = x + layer.down(layer.activation(layer.up(x)))
            self.length = stop
            return self.unembed(x[-1:])[0]


class Layer:
    """A block of the model, with its part of the cache."""

    def __init__(self, block: Any, config: GPTConfig) -> None:
        attention, mlp, gpt2 = block.attention, block.feed_forward, not config.modern
        self.qkv = Linear(attention.qkv, block.norm1)
        self.out = Linear(attention.out, centre=gpt2)
        self.up = Linear(mlp.up, block.norm2)
        self.down = Linear(mlp.down, centre=gpt2)
        self.activation = gelu if gpt2 else lambda x: np.maximum(x, 0) ** 2
        H, C, D = attention.n_head, config.n_embd, config.n_embd // attention.n_head
        self.cache = np.zeros((2, H, config.block_size, D), np.float32)
        self.rotation: Any = None
        if gpt2:  # dividing the queries by √D replaces dividing the scores
            self.qkv.matrix[:, :C] /= D**0.5
        else:
            # Rotary rotates channels i and i + D/2 as a pair: here side by side, as one
            # complex number, times cos + i sin. Of √D, queries and keys take D^¼ each.
            pairs = np.arange(2 * C).reshape(2 * H, 2, D // 2).swapaxes(1, 2).ravel()
            self.qkv.matrix[:, : 2 * C] = self.qkv.matrix[:, pairs]
            cos, sin = array(attention.rotary.cos), array(attention.rotary.sin)
            self.rotation = (cos + 1j * sin) / D**0.25  # (block_size, D / 2)

    def attend(self, qkv: np.ndarray, start: int) -> np.ndarray:
        """Cache keys and values of qkv (T, 3C) from start on; return outputs (T, C)."""
        T, (_, H, _, D) = len(qkv), self.cache.shape
        stop = start + T
        heads = qkv.reshape(T, 3, H, D).transpose(1, 2, 0, 3)  # (3, H, T, D)
        if self.rotation is not None:
            pairs = rms_norm(heads[:2], EPSILON).view(np.complex64)
            heads[:2] = (pairs * self.rotation[start:stop]).view(np.float32)
        self.cache[:, :, start:stop] = heads[1:]
        keys, values = self.cache[:, :, :stop]  # each (H, S, D)
        scores = heads[0] @ keys.swapaxes(1, 2)  # (H, T, S)
        if T > 1:  # the causal mask; one new position attends to everything so far
            scores += np.triu(np.full((T, stop), -np.inf, np.float32), start + 1)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        return (weights @ values).swapaxes(0, 1).reshape(T, H * D)


class Linear:
    """A linear layer, x W + b with W (in, out), and the norm before it, if any.

    The norm's gain and bias become part of W and b. With `centre`, the output has mean
    0. If all that is added up in x has mean 0, LayerNorm has no mean to subtract.
    """

    def __init__(self, linear: Any, norm: Any = None, centre: bool = False) -> None:
        bias = getattr(linear, "bias", torch.zeros(len(linear.weight)))
        self.matrix = array(torch.column_stack((linear.weight, bias)).T, centre)
        self.weight, self.bias = self.matrix[:-1], self.matrix[-1]
        self.epsilon = norm and (norm.eps or EPSILON)
        if isinstance(norm, nn.LayerNorm):
            self.bias += array(norm.bias).dot(self.weight)
        if norm is not None:
            self.weight *= array(norm.weight)[:, None]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = x if self.epsilon is None else rms_norm(x, self.epsilon)
        # Row by row: for several, BLAS would start threads, and wait on busy cores.
        rows = x.dot(self.weight) if len(x) == 1 else (x[:, None] @ self.weight)[:, 0]
        return rows + self.bias


def array(tensor: Tensor, centre: bool = False) -> np.ndarray:
    """Return a copy of a tensor; `centre` subtracts the mean of the last dimension."""
    numbers = np.array(tensor.detach().cpu().numpy(), order="C")
    return numbers - numbers.mean(-1, keepdims=True) if centre else numbers


def rms_norm(x: np.ndarray, epsilon: float) -> np.ndarray:
    """Return x divided by its root mean square over the last dimension."""
    return x / np.sqrt(np.vecdot(x, x) / x.shape[-1] + epsilon)[..., None]


def gelu(x: np.ndarray) -> np.ndarray:
    """Return x (1 + tanh(y)) / 2 = x / (1 + e^(-2y)), y = √(2/π) (x + 0.044715 x³)."""
    return x / (1 + np.exp(-1.5957691216 * x * (1 + 0.044715 * (x * x))))


def unsupported_reason(model: GPT) -> str | None:
    """Return why `Decoder`, which reads only weights, cannot run a model, or None."""
    usual = {GPT, Block, CausalSelfAttention, FeedForward, nn.ModuleList, nn.Dropout}
    special = {nn.LayerNorm, nn.GELU}, {nn.RMSNorm, ReLUSquared, QKNorm, Rotary}
    usual |= {nn.Embedding, nn.Linear} | special[model.config.modern]
    if other := {type(layer) for layer in model.modules()} ^ usual:
        return f"its kinds of layers differ in {sorted(k.__name__ for k in other)}"
    for name, layer in model.named_modules():
        own = [k for k in vars(layer) if callable(getattr(type(layer), k, None))]
        if own or layer._forward_hooks or layer._forward_pre_hooks:
            return f"its layer {name or 'GPT'} has a hook or a method of its own"
        if None in layer._modules.values():
            return f"a part of its layer {name or 'GPT'} was taken out"
        if getattr(layer, "attend", fused_attention) is not fused_attention:
            return f"its layer {name} has another `attend`"
        if getattr(layer, "approximate", "tanh") != "tanh":
            return f"its layer {name} is not the tanh GELU"
        if {getattr(p, "dtype", p) for p in layer._parameters.values()} - {
            torch.float32
        }:
            return f"its layer {name} lacks a weight or is not in float32"
    autocast = torch.is_autocast_enabled(model.token_embedding.weight.device.type)
    return "autocast lowers its precision" if autocast else None

"""Turn logits into probabilities, probabilities into the next token, and go on.

This is the readable path. `minigpt.decoding` gives the same tokens faster.
Sources: top-k from Fan et al. (2018), top-p ("nucleus") from Holtzman et al. (2020).
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from minigpt.config import GPTConfig

MAX_NEW_TOKENS = 1_000_000
DEFAULT_TOP_K = 50  # of the console and the panels
UNUSABLE = "the logits hold no usable number: the model is broken"


class LanguageModel(Protocol):
    """What sampling needs of a model: a torch module with ids in, logits out."""

    config: GPTConfig
    training: bool

    def __call__(self, ids: Tensor) -> Tensor:
        """Return logits (B, T, V) for ids (B, T)."""

    def parameters(self) -> Iterator[Any]:
        """Yield the weights."""

    def train(self, mode: bool = True) -> Any:
        """Switch dropout on or off."""

    def eval(self) -> Any:
        """Switch dropout off."""


def check_settings(
    temperature: float = 1.0, top_k: int | None = None, top_p: float = 1.0
) -> None:
    """Raise ValueError if a setting of `next_token_probabilities` is out of range."""
    if not 0 < temperature < math.inf:
        raise ValueError(
            f"temperature must be above 0, not {temperature}; "
            "for the most probable token every time, choose greedy"
        )
    if top_k is not None and top_k < 1:
        raise ValueError(f"top-k must be at least 1, not {top_k}")
    if not 0 < top_p <= 1:
        raise ValueError(f"top-p must be above 0 and at most 1, not {top_p}")


def next_token_probabilities(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
) -> Tensor:
    """Return the probabilities (V,) that the next token is drawn from.

    The logits (V,) are divided by the temperature; of the result the top_k most
    probable tokens are kept; of these the fewest whose probabilities reach top_p.
    Equal logits rank by id, so that exactly top_k remain.

    Raises:
        ValueError: a setting is out of its range, or the logits hold a NaN.
    """
    check_settings(temperature, top_k, top_p)
    # Subtracting the maximum first keeps extreme logits and temperatures finite.
    scaled = (logits.double() - logits.max()) / temperature
    if torch.isnan(scaled).any():
        raise ValueError(UNUSABLE)
    # By the logits themselves: scaled, two of them can become equal.
    order = torch.argsort(logits, descending=True, stable=True)[:top_k]
    probabilities = scaled[order].softmax(dim=0)
    if top_p < 1:
        # A token stays if those ranked above it do not reach top_p yet.
        before = probabilities.cumsum(dim=0) - probabilities
        probabilities = torch.where(before < top_p, probabilities, 0.0)
        probabilities = probabilities / probabilities.sum()
    result = torch.zeros_like(scaled)
    result[order] = probabilities
    return result


def draw(probabilities: Tensor, generator: torch.Generator) -> int:
    """Return a random id, each as often as its probability (V,) says.

    One uniform number against the cumulative sum: unlike `torch.multinomial` this
    gives the same ids for the same seed on every machine.
    """
    return inverse_cdf(
        probabilities, float(torch.rand((), generator=generator, dtype=torch.float64))
    )


def inverse_cdf(probabilities: Tensor, u: float) -> int:
    """Return the id at the share u, from 0 to below 1, of all probabilities (V,)."""
    cumulative = probabilities.cumsum(dim=0)
    return int(torch.searchsorted(cumulative, u * cumulative[-1], right=True))


def most_probable(logits: Tensor) -> int:
    """Return the id of the highest of the logits (V,), the lowest id of equals.

    Raises:
        ValueError: one of them is NaN.
    """
    if torch.isnan(logits).any():
        raise ValueError(UNUSABLE)
    return int(torch.nonzero(logits == logits.max())[0])


def context_start(length: int, block_size: int) -> int:
    """Return where the model's context begins in a text of that many tokens.

    A text that fits into the block is seen whole. A longer one is seen from a
    multiple of half a block, so that the context is always between half a block and
    a block, and slides in large steps: after a slide every position has changed and
    all must be computed anew, so a cache is only worth having if slides are rare.

    >>> [context_start(n, block_size=8) for n in (8, 9, 12, 13)]
    [0, 4, 4, 8]
    """
    if length <= block_size:
        return 0
    stride = max(block_size // 2, 1)
    return math.ceil((length - block_size) / stride) * stride


def check_request(ids: Sequence[int], max_new_tokens: int, vocab_size: int) -> None:
    """Raise ValueError if text of that length cannot follow these ids."""
    if not ids:
        raise ValueError("the prompt is empty: the model needs a token to start from")
    if not all(0 <= i < vocab_size for i in ids):
        raise ValueError(f"every id of the prompt must be from 0 to {vocab_size - 1}")
    if not 0 <= max_new_tokens <= MAX_NEW_TOKENS:
        raise ValueError(
            f"length must be from 0 to {MAX_NEW_TOKENS:,}, not {max_new_tokens}"
        )


def generate(
    model: LanguageModel,
    ids: Sequence[int],
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    greedy: bool = False,
    seed: int = 0,
) -> Iterator[int]:
    """Yield max_new_tokens ids that follow the prompt `ids`, one at a time.

    Every step runs the model over the whole context again; of a text longer than
    the block the end is kept (see `context_start`). With `greedy` the most probable
    token is taken and temperature, top_k and top_p do not matter.

    Raises:
        ValueError: at once, if an argument is out of its range.
    """
    config = model.config
    check_request(ids, max_new_tokens, config.vocab_size)
    check_settings(temperature, top_k, top_p)
    generator = torch.Generator().manual_seed(seed)

    def steps() -> Iterator[int]:
        text = list(ids)
        for _ in range(max_new_tokens):
            logits = next_token_logits(model, text)
            if greedy:
                text.append(most_probable(logits))
            else:
                probabilities = next_token_probabilities(
                    logits, temperature, top_k, top_p
                )
                text.append(draw(probabilities, generator))
            yield text[-1]

    return steps()


@torch.inference_mode()
def next_token_logits(model: LanguageModel, ids: Sequence[int]) -> Tensor:
    """Return the model's logits (V,) for the token after `ids`, dropout off."""
    was_training = model.training
    model.eval()
    try:
        context = ids[context_start(len(ids), model.config.block_size) :]
        device = next(model.parameters()).device
        return model(torch.tensor([context], device=device))[0, -1].float().cpu()
    finally:
        model.train(was_training)

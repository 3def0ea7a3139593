"""Turn logits into probabilities, draw the next token, and repeat.

This is the readable path. `minigpt.decoding` gives the same tokens faster.
Sources: top-k from Fan et al. (2018), top-p ("nucleus") from Holtzman et al. (2020),
the repetition penalty from Keskar et al. (2019, "CTRL", section 4.1).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from minigpt.model import GPT
from minigpt.tokenizer import as_ids

MAX_NEW_TOKENS = 1_000_000
LARGEST_SEED = 2**32 - 1  # PyTorch's CPU generators repeat for larger ones
DEFAULT_TOP_K = 50  # in the console and the panels
UNUSABLE = "the logits hold no usable number: the model is broken"


def check_settings(
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    repetition_penalty: float = 1.0,
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
    if not 1 <= repetition_penalty < math.inf:
        raise ValueError(
            f"repetition penalty must be at least 1, not {repetition_penalty}; "
            "1 changes nothing"
        )


def check_seed(seed: int) -> None:
    """Raise ValueError if a seed would give the same numbers as a smaller one."""
    if not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"seed must be from 0 to 2^32 - 1, not {seed}")


def _check_one_dimension(numbers: Tensor, name: str) -> None:
    if numbers.ndim != 1:
        raise ValueError(
            f"{name} must have one dimension (V,), not shape {tuple(numbers.shape)}; "
            "take the last row"
        )


def penalize_repetition(
    logits: Tensor, occurred: Iterable[int], penalty: float
) -> Tensor:
    """Return logits (V,) that make the tokens in `occurred` less probable.

    Their positive logits are divided by the penalty and their negative ones multiplied
    by it. How often a token has occurred makes no difference, and a penalty of 1
    changes nothing.

    Raises:
        ValueError: the penalty is below 1, or the logits are not (V,).
    """
    check_settings(repetition_penalty=penalty)
    _check_one_dimension(logits, "logits")
    ids = torch.tensor(sorted(set(occurred)), dtype=torch.long)
    before, after = logits[ids], logits.clone()
    after[ids] = torch.where(before > 0, before / penalty, before * penalty)
    return after


def next_token_probabilities(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    repetition_penalty: float = 1.0,
    occurred: Iterable[int] = (),
) -> Tensor:
    """Return the probabilities (V,) that the next token is drawn from.

    The repetition penalty comes first (see `penalize_repetition`; `occurred` are the
    ids of the text so far). Then the logits (V,) are divided by the temperature. Only
    the top_k most probable tokens are kept, and of those the smallest set of most
    probable ones whose probabilities add up to top_p. Equal logits are ranked by id, so
    that exactly top_k remain.

    Raises:
        ValueError: a setting is out of its range, or the logits are not (V,) or hold
            a NaN.
    """
    check_settings(temperature, top_k, top_p, repetition_penalty)
    _check_one_dimension(logits, "logits")
    if repetition_penalty != 1:
        logits = penalize_repetition(logits, occurred, repetition_penalty)
    highest = logits.max().item()
    if not math.isfinite(highest):
        raise ValueError(UNUSABLE)
    # Subtracting the maximum first keeps extreme logits and temperatures finite.
    scaled = (logits.double() - highest) / temperature
    if top_k is None and top_p == 1:
        return scaled.softmax(dim=0)
    # Rank by the raw logits: after scaling, two different ones can be equal.
    order = torch.argsort(logits, descending=True, stable=True)
    if top_k is not None:
        scaled[order[top_k:]] = -math.inf
    probabilities = scaled.softmax(dim=0)
    if top_p < 1:
        # A token stays if those ranked above it do not reach top_p yet.
        ranked = probabilities[order]
        above = ranked.cumsum(dim=0) - ranked
        probabilities[order[above >= top_p]] = 0
        probabilities /= probabilities.sum()
    return probabilities


def draw(probabilities: Tensor, generator: torch.Generator) -> int:
    """Return a random id, drawn with the probabilities (V,).

    One uniform number against the cumulative sum: unlike `torch.multinomial` this
    gives the same ids for the same seed on every machine.
    """
    u = torch.rand((), generator=generator, dtype=torch.float64)
    return inverse_cdf(probabilities, float(u))


def inverse_cdf(probabilities: Tensor, u: float) -> int:
    """Return the id whose interval of the cumulative distribution contains u.

    Args:
        probabilities: (V,); they need not sum to 1.
        u: from 0 to below 1.
    """
    _check_one_dimension(probabilities, "probabilities")
    cumulative = probabilities.cumsum(dim=0)
    return int(torch.searchsorted(cumulative, u * cumulative[-1], right=True))


def most_probable(logits: Tensor) -> int:
    """Return the id of the highest of the logits (V,), the lowest id of equals.

    Raises:
        ValueError: the logits are not (V,) or hold a NaN.
    """
    _check_one_dimension(logits, "logits")
    token = int(logits.argmax())  # the first of equals, or a NaN
    if torch.isnan(logits[token]):
        raise ValueError(UNUSABLE)
    return token


def next_token(
    logits: Tensor,
    generator: torch.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    greedy: bool = False,
    repetition_penalty: float = 1.0,
    occurred: Iterable[int] = (),
) -> int:
    """Return the id of the next token: the most probable one, or one drawn.

    The other arguments are those of `next_token_probabilities`. The repetition penalty
    applies to greedy choices, too.
    """
    if repetition_penalty != 1:
        logits = penalize_repetition(logits, occurred, repetition_penalty)
    if greedy:
        return most_probable(logits)
    return draw(next_token_probabilities(logits, temperature, top_k, top_p), generator)


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


def check_prompt(ids: Sequence[int], vocab_size: int) -> list[int]:
    """Return the ids of a prompt, any one-dimensional integers, as a list of ints.

    Raises:
        ValueError: there are none, or they are of another shape or type, or not in
            the vocabulary.
    """
    prompt = as_ids(ids)
    if not prompt:
        raise ValueError("the prompt is empty: the model needs a token to start from")
    if not all(0 <= i < vocab_size for i in prompt):
        raise ValueError(f"every id of the prompt must be from 0 to {vocab_size - 1}")
    return prompt


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
    """Yield max_new_tokens ids that follow the prompt `ids`, one at a time.

    Every step runs the model over the whole context again. If the text is longer than
    the block, only its end is used (see `context_start`). With `greedy`, the most
    probable token is always taken; temperature, top_k and top_p have no effect.

    Args:
        model: a model, left in the mode it is in (`train` or `eval`).
        ids: the prompt, any one-dimensional integers.
        max_new_tokens: how many ids to yield.
        temperature, top_k, top_p: see `next_token_probabilities`.
        greedy: whether to take the most probable token every time.
        repetition_penalty: at least 1; above 1, every token of the prompt and of what
            has been written becomes less probable (see `penalize_repetition`).
        seed: from 0 to 2^32 - 1; the same seed gives the same ids.

    Raises:
        ValueError: at once, if an argument is out of its range.
    """
    text = check_prompt(ids, model.config.vocab_size)
    if not 0 <= max_new_tokens <= MAX_NEW_TOKENS:
        raise ValueError(
            f"length must be from 0 to {MAX_NEW_TOKENS:,}, not {max_new_tokens}"
        )
    check_settings(temperature, top_k, top_p, repetition_penalty)
    check_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    settings = temperature, top_k, top_p, greedy, repetition_penalty

    def steps() -> Iterator[int]:
        for _ in range(max_new_tokens):
            logits = _logits_after(model, text)
            text.append(next_token(logits, rng, *settings, occurred=text))
            yield text[-1]

    return steps()


def next_token_logits(model: GPT, ids: Sequence[int]) -> Tensor:
    """Return the model's logits (V,) for the token after `ids`, dropout off.

    Raises:
        ValueError: the ids are none, of another shape or type, or not in the
            vocabulary.
    """
    return _logits_after(model, check_prompt(ids, model.config.vocab_size))


@torch.inference_mode()
def _logits_after(model: GPT, text: list[int]) -> Tensor:
    context = text[context_start(len(text), model.config.block_size) :]
    device = next(model.parameters()).device
    with evaluation_mode(model):
        return model(torch.tensor([context], device=device))[0, -1].float().cpu()


@contextmanager
def evaluation_mode(model: torch.nn.Module) -> Iterator[None]:
    """Turn dropout off inside the block, and restore the mode of every layer after."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode

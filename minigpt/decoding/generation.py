"""Generate text with a cache, token for token what `sampling.generate` gives."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np
import torch

from minigpt import sampling
from minigpt.decoding.decoder import Decoder
from minigpt.decoding.draws import Settings, choose_each
from minigpt.decoding.support import obstacle
from minigpt.model import GPT


def generate(
    model: GPT,
    ids: Sequence[int],
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    greedy: bool = False,
    seed: int = 0,
) -> Iterator[int]:
    """Yield the ids that `sampling.generate` yields for the same arguments, sooner.

    The weights are copied at the call. Training that goes on meanwhile is not seen but
    by the few draws that are too close to call: give a copy where that matters.
    A model that was tampered with (see `support.obstacle`) takes the readable path.

    Raises:
        ValueError: at once, if an argument is out of its range.
    """
    batch = generate_batch(
        model,
        [ids],
        max_new_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        greedy=greedy,
        seeds=[seed],
    )
    return (token for [token] in batch)


def generate_batch(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    greedy: bool = False,
    seeds: Sequence[int] | None = None,
) -> Iterator[list[int]]:
    """Yield max_new_tokens lists with the next id of each of several texts.

    Each text is what `generate` makes of its prompt and seed; without `seeds` these
    are 0, 1, 2 and so on. Prompts of one length advance together.

    Raises:
        ValueError: at once, if an argument is out of its range, or there are not as
            many seeds as prompts.
    """
    seeds = range(len(prompts)) if seeds is None else seeds
    if not 0 < len(prompts) == len(seeds):
        raise ValueError(
            f"every text needs a prompt and a seed: "
            f"there are {len(prompts)} prompts and {len(seeds)} seeds"
        )
    for ids in prompts:
        sampling.check_request(ids, max_new_tokens, model.config.vocab_size)
    sampling.check_settings(temperature, top_k, top_p)
    settings = Settings(temperature, top_k, top_p, greedy)
    if obstacle(model):
        texts = [
            sampling.generate(model, ids, max_new_tokens, **asdict(settings), seed=seed)
            for ids, seed in zip(prompts, seeds, strict=True)
        ]
        return (list(tokens) for tokens in zip(*texts, strict=True))
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return _in_groups(model, prompts, max_new_tokens, settings, generators)


def _in_groups(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    settings: Settings,
    generators: Sequence[torch.Generator],
) -> Iterator[list[int]]:
    """Return the steps of all texts, those of one length taken by one decoder."""
    lengths = [len(ids) for ids in prompts]
    groups = [
        [i for i, n in enumerate(lengths) if n == length] for length in set(lengths)
    ]
    streams = []
    for group in groups:
        texts = [list(prompts[i]) for i in group]
        numbers = [uniform_numbers(generators[i]) for i in group]
        decoder = Decoder(model, len(group))
        streams.append(_steps(model, decoder, texts, max_new_tokens, settings, numbers))
    rank = np.argsort([i for group in groups for i in group]).tolist()

    def steps() -> Iterator[list[int]]:
        for parts in zip(*streams, strict=True):
            tokens = [token for part in parts for token in part]
            yield [tokens[i] for i in rank]

    return steps()


def _steps(
    model: GPT,
    decoder: Decoder,
    texts: list[list[int]],
    max_new_tokens: int,
    settings: Settings,
    numbers: Sequence[Iterator[float]],
) -> Iterator[list[int]]:
    """Yield the next ids of texts of one length, which grow by them."""
    filled_from, u = None, np.zeros(len(texts))
    for _ in range(max_new_tokens):
        start = sampling.context_start(len(texts[0]), model.config.block_size)
        if start != filled_from:
            decoder.fill([text[start:-1] for text in texts])
            filled_from = start
        logits = decoder.step([text[-1] for text in texts]).astype(np.float64)
        if not settings.greedy:
            u = np.fromiter(map(next, numbers), float, len(texts))
        tokens = choose_each(logits, u, settings, decoder.error)
        for text, token, number in zip(texts, tokens, u.tolist(), strict=True):
            if token is None:
                token = exact(model, text, number, settings)
            text.append(token)
        yield [text[-1] for text in texts]


def exact(model: GPT, text: Sequence[int], u: float, settings: Settings) -> int:
    """Return the next id of a text from the readable path's own logits."""
    logits = sampling.next_token_logits(model, text)
    if settings.greedy:
        return sampling.most_probable(logits)
    probabilities = sampling.next_token_probabilities(
        logits, settings.temperature, settings.top_k, settings.top_p
    )
    return sampling.inverse_cdf(probabilities, u)


def uniform_numbers(generator: torch.Generator) -> Iterator[float]:
    """Yield, without end, the numbers that `sampling.draw` takes from a generator."""
    while True:
        yield from torch.rand(256, generator=generator, dtype=torch.float64).tolist()

"""The fast path gives the readable path's tokens: all of them, for every setting."""

import itertools
import math
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits
from torch import nn

from minigpt import sampling
from minigpt.attention import causal_attention, fused_attention
from minigpt.config import GPTConfig
from minigpt.decoding import Decoder, generate, generate_batch, generation, products
from minigpt.decoding import decoder as decoder_module
from minigpt.decoding.draws import Settings, both_ways, choose_each
from minigpt.decoding.support import obstacle
from minigpt.model import GPT

BOTH = pytest.mark.parametrize("modern", [False, True], ids=["gpt2", "modern"])

SETTINGS = [
    {},
    {"temperature": 0.7},
    {"temperature": 3.0, "top_k": 5},
    {"top_k": 1},
    {"top_k": 100},
    {"top_p": 0.9},
    {"top_p": 0.01},
    {"temperature": 1.5, "top_k": 8, "top_p": 0.8},
    {"temperature": 1e-3},
    {"temperature": 1e4},
    {"greedy": True},
]


def make(modern: bool = False, noise: float = 0.1, seed: int = 0, **shape) -> GPT:
    """A small model whose every number, gains and biases too, is its own."""
    shape = {"vocab_size": 13, "n_layer": 2, "n_head": 2, "n_embd": 16} | shape
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = GPT(GPTConfig(modern=modern, **shape))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(noise * torch.randn_like(parameter))
    return model


def zero(model: GPT) -> GPT:
    """All weights zero: every token is as probable as every other."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    return model


def prompt(length: int, vocab_size: int = 13, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(vocab_size, size=length).tolist()


def assert_same(model, ids, n, **kwargs) -> None:
    expected = list(sampling.generate(model, ids, n, **kwargs))
    assert list(generate(model, ids, n, **kwargs)) == expected, kwargs


@pytest.fixture
def recomputed(monkeypatch):
    """Collects the texts whose next token the readable path had to decide."""
    texts = []

    def spy(model, text, u, settings, original=generation.exact):
        texts.append(list(text))
        return original(model, text, u, settings)

    monkeypatch.setattr(generation, "exact", spy)
    return texts


# The same tokens


@BOTH
@pytest.mark.parametrize("kwargs", SETTINGS, ids=str)
def test_same_tokens_for_every_setting_and_seed(modern, kwargs):
    model = make(modern, block_size=8)
    for seed, length in enumerate((1, 8, 20, 3, 9)):
        assert_same(model, prompt(length), 27, seed=seed, **kwargs)


@BOTH
@pytest.mark.parametrize("block_size", [1, 2, 3, 7, 64])
def test_same_tokens_through_three_blocks(modern, block_size):
    model = make(modern, block_size=block_size)
    for length in 1, block_size, 3 * block_size:
        assert_same(model, prompt(length), 3 * block_size + 2, top_p=0.95, seed=length)


@BOTH
def test_same_tokens_from_a_model_of_the_usual_size(modern):
    model = make(modern, 0.02, vocab_size=65, n_layer=4, n_head=4, n_embd=128)
    for kwargs in {}, {"temperature": 0.8, "top_k": 20}, {"greedy": True}:
        assert_same(model, prompt(5, 65), 70, seed=1, **kwargs)


@BOTH
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_same_tokens_whatever_the_model(modern, data):
    head_size = 2 * data.draw(st.integers(1, 5), label="half a head")
    heads = data.draw(st.integers(1, 3), label="heads")
    model = make(
        modern,
        data.draw(st.sampled_from([0.0, 0.05, 0.3, 1.0, 5.0]), label="noise"),
        vocab_size=data.draw(st.sampled_from([1, 2, 13]), label="V"),
        block_size=data.draw(st.integers(1, 9), label="block"),
        n_layer=data.draw(st.integers(1, 3), label="layers"),
        n_head=heads,
        n_embd=heads * head_size,
    )
    kwargs = data.draw(st.sampled_from(SETTINGS), label="settings")
    seed = data.draw(st.integers(0, 2**32), label="seed")
    length = data.draw(st.integers(1, 20), label="length")
    assert_same(model, prompt(length, model.config.vocab_size), 15, seed=seed, **kwargs)


@BOTH
def test_a_batch_is_its_texts_one_by_one(modern):
    model = make(modern, block_size=8)
    prompts = [prompt(n, seed=n) for n in (3, 3, 12, 1, 3, 8, 3, 3, 3, 3, 3, 3, 3)]
    seeds = [7 * i for i in range(len(prompts))]
    steps = list(generate_batch(model, prompts, 21, top_k=9, seeds=seeds))
    assert [list(text) for text in zip(*steps, strict=True)] == [
        list(sampling.generate(model, ids, 21, top_k=9, seed=seed))
        for ids, seed in zip(prompts, seeds, strict=True)
    ]


def test_a_batch_without_seeds_counts_them():
    model = make()
    steps = list(generate_batch(model, [[1], [1]], 10))
    assert [text[0] for text in steps] == list(generate(model, [1], 10, seed=0))
    assert [text[1] for text in steps] == list(generate(model, [1], 10, seed=1))


def test_prompts_and_dropout_are_left_alone():
    model, ids = make(dropout=0.5, block_size=8).train(), [1, 2, 3]
    model.blocks[0].eval()
    state = torch.random.get_rng_state()
    tokens = list(generate(model, ids, 20))
    assert tokens == list(sampling.generate(make(block_size=8), ids, 20))
    assert ids == [1, 2, 3]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.training and not model.blocks[0].training


# Draws too close to call


@BOTH
def test_ties_are_left_to_the_readable_path(modern, recomputed):
    model = zero(make(modern, block_size=8))
    for kwargs in {"greedy": True}, {"top_k": 3}, {"top_p": 0.5, "temperature": 0.1}:
        assert_same(model, [1], 20, **kwargs)
    # Which of equals stays is decided by rank; where all stay there is nothing to rank.
    assert len(recomputed) >= 40
    recomputed.clear()
    assert_same(model, [1], 20)
    assert not recomputed


@BOTH
@pytest.mark.parametrize("kwargs", SETTINGS, ids=str)
def test_same_tokens_when_every_draw_is_too_close(modern, kwargs, monkeypatch):
    monkeypatch.setattr(Decoder, "error", property(lambda self: math.inf))
    assert_same(make(modern, block_size=8), [1], 20, **kwargs)


def sharpen(model: GPT, factor: float) -> GPT:
    """Multiply the attention scores (of a GPT-2) by the factor's square."""
    with torch.no_grad():
        for block in model.blocks:
            block.attention.qkv.weight[: 2 * model.config.n_embd].mul_(factor)
    return model


@pytest.mark.parametrize("factor", [5, 30, 1000])
def test_same_tokens_when_scores_are_too_large_for_exp(factor, recomputed):
    model = sharpen(make(block_size=8, noise=0.3), factor)
    assert_same(model, [1], 30)
    assert_same(model, prompt(20), 30, top_k=3)
    assert len(recomputed) >= 50


@BOTH
def test_few_draws_are_too_close(modern, recomputed):
    model = make(modern, 0.02, vocab_size=65, n_layer=4, n_head=4, n_embd=128)
    list(generate(model, [1], 500))
    assert len(recomputed) <= 5


def test_a_model_without_a_usable_number_fails_as_it_does_on_the_readable_path():
    model = make()
    with torch.no_grad():
        model.blocks[0].feed_forward.up.weight[0, 0] = math.nan
    with pytest.raises(ValueError, match="no usable number"):
        next(sampling.generate(model, [1], 1))
    with pytest.raises(ValueError, match="no usable number"):
        next(generate(model, [1], 1))


def choose(logits: np.ndarray, u: float, how: Settings, error: float) -> int | None:
    return choose_each(logits[None], np.array([u]), how, error)[0]


def readable(logits: np.ndarray, u: float, how: Settings) -> int:
    tensor = torch.from_numpy(logits)
    if how.greedy:
        return sampling.most_probable(tensor)
    probabilities = sampling.next_token_probabilities(
        tensor, how.temperature, how.top_k, how.top_p
    )
    return sampling.inverse_cdf(probabilities, u)


@settings(max_examples=200, deadline=None)
@given(
    scores=st.lists(st.integers(-8, 8), min_size=1, max_size=12),
    how=st.sampled_from([Settings(**kwargs) for kwargs in SETTINGS]),
    u=st.floats(0, 1, exclude_max=True),
    error=st.sampled_from([0.0, 1e-6, 1e-3, 0.1, 2.0]),
    seed=st.integers(0, 1000),
)
def test_a_certain_token_stands_up_to_every_error(scores, how, u, error, seed):
    logits = np.array(scores, np.float64)
    token = choose(logits, u, how, error)
    if token is None:
        return
    random = np.random.default_rng(seed)
    for signs in random.choice([-1, 0, 1], (8, len(scores))):
        assert readable(logits + error * signs, u, how) == token
    for boundary in range(len(scores)):  # all that could push it down, or up
        signs = np.where(np.arange(len(scores)) < boundary, 1, -1)
        assert readable(logits + error * signs, u, how) == token
        assert readable(logits - error * signs, u, how) == token


@pytest.mark.parametrize("kwargs", SETTINGS[:6] + SETTINGS[-1:], ids=str)
def test_most_draws_are_certain(kwargs):
    random, how = np.random.default_rng(0), Settings(**kwargs)
    tokens = [
        choose(random.normal(size=65), random.random(), how, 1e-6) for _ in range(300)
    ]
    assert tokens.count(None) < 10


@pytest.mark.parametrize("kwargs", SETTINGS, ids=str)
def test_rows_are_drawn_each_for_itself(kwargs):
    random, how = np.random.default_rng(1), Settings(**kwargs)
    rows, u = random.normal(size=(50, 13)), random.random(50)
    rows[7, 3] = math.nan
    rows[8] = 0
    rows[9, 2:] = -math.inf
    each = [choose(row, x, how, 1e-6) for row, x in zip(rows, u, strict=True)]
    assert choose_each(rows, u, how, 1e-6) == each
    assert each[7] is None


def test_a_share_moved_by_errors_stays_a_share():
    for share, error in itertools.product([0.0, 0.3, 1.0], [0.0, 1e-6, 1.0, 300.0]):
        low, high = both_ways(np.array(share), error)
        assert -1e-9 < low < share + 1e-9 and share - 1e-9 < high < 1 + 1e-9


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nothing_is_certain_of_logits_that_are_no_numbers(bad):
    for how in Settings(), Settings(greedy=True):
        assert choose(np.array([0.0, bad, 1.0]), 0.5, how, 1e-6) is None
        assert choose(np.array([0.0, 2.0, 1.0]), 0.5, how, bad) is None


# The decoder


@BOTH
@pytest.mark.parametrize("factor", [0.3, 1, 3])
def test_logits_are_the_models_within_a_fraction_of_the_error_allowed(modern, factor):
    model = make(modern, block_size=32, vocab_size=65, n_layer=3, n_embd=64)
    sharpen(model, factor)
    ids, decoder = prompt(32, 65), Decoder(model)
    decoder.fill([ids[:4]])
    for length in range(5, 33):
        logits = decoder.step([ids[length - 1]])
        exact = sampling.next_token_logits(model, ids[:length]).numpy()
        assert logits.shape == (1, 65)
        assert np.abs(logits[0] - exact).max() <= decoder.error / 3
        if factor <= 1:
            assert np.abs(logits[0] - exact).max() <= 1e-5


@BOTH
def test_filling_is_stepping_and_later_tokens_do_not_matter(modern):
    model, ids = make(modern, block_size=16), prompt(16)
    stepped, filled = Decoder(model), Decoder(model)
    logits = [stepped.step([i]) for i in ids]
    for cut in (1, 9, 15):  # each fill forgets the one before
        filled.fill([ids[:cut]])
        for i in range(cut, 16):
            assert np.allclose(filled.step([ids[i]]), logits[i], atol=1e-5)


@BOTH
def test_texts_of_a_batch_do_not_see_each_other(modern):
    model = make(modern, block_size=16)
    texts = [prompt(11, seed=seed) for seed in range(11)]
    together = Decoder(model, texts=11)
    together.fill([ids[:-1] for ids in texts])
    logits = together.step([ids[-1] for ids in texts])
    assert logits.shape == (11, 13)
    for row, ids in zip(logits, texts, strict=True):
        exact = sampling.next_token_logits(model, ids).numpy()
        assert np.allclose(row, exact, atol=1e-5)


@BOTH
@pytest.mark.parametrize("size", [1, 8, 1000])
def test_same_tokens_however_positions_are_multiplied(modern, size, monkeypatch):
    monkeypatch.setattr(decoder_module, "stack_of", lambda n, channels: min(n, size))
    model = make(modern, block_size=16)
    steps = list(generate_batch(model, [[1, 2]] * 11, 40))
    for seed, text in enumerate(zip(*steps, strict=True)):
        assert list(text) == list(sampling.generate(model, [1, 2], 40, seed=seed))


def test_positions_are_multiplied_the_way_that_was_fastest(monkeypatch):
    tried = []

    def seconds(rows, size, channels):
        tried.append((rows, size))
        return abs(size - best)

    monkeypatch.setattr(products, "_seconds", seconds)
    for best in (1, 8, 64):
        products._fastest.cache_clear()
        assert products.stack_of(33, 16) == min(33, best)
        assert products.stack_of(64, 16) == best
        assert [products.stack_of(1, 16), products.stack_of(5, 16)] == [1, min(5, best)]
    products._fastest.cache_clear()
    assert tried[:3] == [(64, 1), (64, 8), (64, 64)]
    assert len(tried) == 3 * (3 + 1 + 2)  # once for 33 and 64, for 1, and for 5


@BOTH
@pytest.mark.parametrize("texts", [1, 2, 7, 12, 16])
def test_texts_filled_in_together_are_those_filled_in_one_by_one(modern, texts):
    model = make(modern, block_size=64, vocab_size=65, n_embd=64)
    sharpen(model, 3)
    prompts = [prompt(32, 65, seed=seed) for seed in range(texts)]
    together, errors = Decoder(model, texts), []
    together.fill(prompts)
    for i, ids in enumerate(prompts):
        alone = Decoder(model)
        alone.fill([ids])
        assert np.allclose(together.keys[:, i], alone.keys[:, 0], atol=1e-4)
        assert np.allclose(together.values[:, i], alone.values[:, 0], atol=1e-4)
        errors.append(alone.error)
    assert together.error == pytest.approx(max(errors), rel=1e-4)
    assert texts == 1 or max(errors) > min(errors)  # or the line above says little


def test_the_weights_are_those_of_the_call():
    model = make(block_size=8)
    expected = list(sampling.generate(model, [1], 20))
    tokens = generate(model, [1], 20)
    zero(model)
    assert [next(tokens) for _ in range(20)] == expected


# Models that were tampered with


def hook(model):
    model.blocks[1].register_forward_hook(lambda module, inputs, output: output * 1.1)


def swap_attend(model):
    model.blocks[1].attention.attend = lambda q, k, v: causal_attention(q, k, v)[0] / 2


def swap_layer(model):
    model.blocks[0].feed_forward.up = nn.Linear(16, 64, bias=False)


def swap_activation(model):
    model.blocks[0].feed_forward.activation = nn.ReLU()


def swap_gelu(model):
    model.blocks[0].feed_forward.activation = nn.GELU()


def swap_norm(model):
    model.final_norm = nn.LayerNorm(16, eps=0.1)


def swap_forward(model):
    forward = model.blocks[0].forward
    model.blocks[0].forward = lambda x: 0.9 * forward(x)


def swap_unembed(model):
    unembed = model.unembed
    model.unembed = lambda x: -unembed(x)


def regroup_heads(model):
    model.blocks[1].attention.n_head = 1


def drop_positions(model):
    model.position_embedding = None


def subclass(model):
    model.__class__ = type("MyGPT", (GPT,), {"unembed": lambda self, x: self.embed(x)})


def double(model):
    model.double()


TAMPERED = [
    hook,
    swap_attend,
    swap_layer,
    swap_activation,
    swap_gelu,
    swap_norm,
    swap_forward,
    swap_unembed,
    regroup_heads,
    drop_positions,
    double,
]


@pytest.mark.parametrize("tamper", TAMPERED, ids=lambda f: f.__name__)
def test_a_model_that_was_tampered_with_takes_the_readable_path(tamper):
    model = make(block_size=8)
    assert obstacle(model) is None
    tamper(model)
    assert_same(model, [1], 20)
    steps = list(generate_batch(model, [[1], [2]], 5, seeds=[3, 4]))
    assert [t[1] for t in steps] == list(sampling.generate(model, [2], 5, seed=4))
    with pytest.raises(ValueError, match="cannot be decoded with a cache: "):
        Decoder(model)


def test_other_models_and_lower_precisions_are_refused_in_words():
    model = make()
    with torch.autocast("cpu"):
        assert "autocast" in obstacle(model)
    torch.set_float32_matmul_precision("medium")
    try:
        assert "full precision" in obstacle(model)
    finally:
        torch.set_float32_matmul_precision("highest")
    model.blocks[0].attention.attend = causal_attention
    assert obstacle(model) == "its layer blocks.0.attention has another `attend`"
    model.blocks[0].attention.attend = fused_attention
    assert obstacle(model) is None
    subclass(model)
    assert obstacle(model) == "it is no GPT but a MyGPT"
    assert "Embedding" in obstacle(nn.Embedding(2, 2))


# Arguments and threads


@pytest.mark.parametrize(
    "arguments",
    [
        {"ids": []},
        {"ids": [13]},
        {"max_new_tokens": -1},
        {"temperature": 0.0},
        {"top_k": 0},
        {"top_p": 1.5},
    ],
    ids=str,
)
def test_arguments_are_refused_at_once_in_the_same_words(arguments):
    arguments = {"ids": [1], "max_new_tokens": 5} | arguments
    with pytest.raises(ValueError) as expected:
        sampling.generate(make(), **arguments)
    with pytest.raises(ValueError) as found:
        generate(make(), **arguments)
    assert str(found.value) == str(expected.value)


def test_every_text_needs_a_seed():
    with pytest.raises(ValueError, match="2 prompts and 1 seeds"):
        generate_batch(make(), [[1], [2]], 5, seeds=[1])
    with pytest.raises(ValueError, match="0 prompts"):
        generate_batch(make(), [], 5)


def test_a_length_of_zero_is_empty():
    assert list(generate(make(), [1], 0)) == []
    assert list(generate_batch(make(), [[1], [2, 3]], 0)) == []


def blas_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info()]


def test_threads_are_one_inside_and_as_set_outside(monkeypatch):
    seen = []
    embed = Decoder._embed
    monkeypatch.setattr(
        Decoder, "_embed", lambda *args: (seen.append(blas_threads()), embed(*args))
    )
    with threadpool_limits(2, user_api="blas"):
        before, torch_before = blas_threads(), torch.get_num_threads()
        tokens = generate(make(block_size=4), [1], 10)
        for _ in range(6):
            next(tokens)
            assert blas_threads() == before
            assert torch.get_num_threads() == torch_before
        tokens.close()
        assert blas_threads() == before
        monkeypatch.setattr(Decoder, "_gather", None)
        with pytest.raises(TypeError):
            next(generate(make(), [1], 1))
        assert blas_threads() == before
    blas = [p["user_api"] == "blas" for p in threadpool_info()]
    assert all(n == 1 for pools in seen for n, b in zip(pools, blas, strict=True) if b)


def test_threads_are_restored_by_the_last_of_two_that_generate():
    def write():
        list(generate(make(block_size=8), [1], 400))

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert blas_threads() == before

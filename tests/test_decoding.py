"""The cached NumPy model gives the logits and the tokens of the readable path."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from minigpt import sampling
from minigpt.attention import causal_attention
from minigpt.checkpoint import load_checkpoint
from minigpt.config import GPTConfig
from minigpt.decoding import Decoder, generate, unsupported_reason
from minigpt.model import GPT
from minigpt.paths import SHIPPED_CHECKPOINT

BOTH = pytest.mark.parametrize("modern", [False, True], ids=["gpt2", "modern"])
SETTINGS = [
    {},
    {"temperature": 0.7, "top_k": 5},
    {"temperature": 3.0},
    {"top_k": 1},
    {"top_p": 0.9},
    {"temperature": 1.5, "top_k": 8, "top_p": 0.8},
    {"temperature": 1e4},
    {"greedy": True},
    {"greedy": True, "repetition_penalty": 1.3},
    {"temperature": 0.8, "top_k": 8, "repetition_penalty": 1.1},
]
SHAPES = [
    {"block_size": 1},
    {"block_size": 2, "n_layer": 1},
    {"block_size": 7, "n_head": 3, "n_embd": 18},
    {"block_size": 16, "n_layer": 3, "vocab_size": 40},
    {"block_size": 32, "n_head": 1},
    {"block_size": 64, "n_head": 4, "n_embd": 32, "vocab_size": 65},
]
TOKENS = 220  # for each model and setting


def make(modern: bool = False, noise: float = 0.2, seed: int = 0, **shape) -> GPT:
    """A small model in which no two numbers are equal, gains and biases included."""
    shape = {"vocab_size": 13, "n_layer": 2, "n_head": 2, "n_embd": 16} | shape
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = GPT(GPTConfig(modern=modern, **shape))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(noise * torch.randn_like(parameter))
    return model


def prompt(length: int, vocab_size: int = 13, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(vocab_size, size=length).tolist()


def assert_same_tokens(model, ids, n, **kwargs) -> None:
    expected = list(sampling.generate(model, ids, n, **kwargs))
    assert len(expected) == n
    assert list(generate(model, ids, n, **kwargs)) == expected, kwargs


def from_boundary(model, text, place, seed, **kwargs) -> Tensor:
    """Return how far the draw of that place is from each token's upper boundary."""
    logits = sampling.next_token_logits(model, text)
    p = sampling.next_token_probabilities(logits, **kwargs, occurred=text)
    rng = torch.Generator().manual_seed(seed)
    draws = torch.rand(place + 1, generator=rng, dtype=torch.float64)
    return (p.cumsum(dim=0) - draws[-1]).abs()


def largest_error(model: GPT, ids: list[int], filled: int) -> float:
    """Feed `filled` ids at once and the others one by one; compare all logits."""
    decoder, error = Decoder(model), 0.0
    for stop in range(filled, len(ids) + 1):
        logits = decoder.feed(ids[decoder.length : stop])
        expected = sampling.next_token_logits(model, ids[:stop]).numpy()
        assert logits.shape == expected.shape and decoder.length == stop
        error = max(error, np.abs(logits - expected).max())
    return error


# The same logits and tokens


def test_20_000_tokens_are_compared():
    assert 2 * len(SHAPES) * len(SETTINGS) * TOKENS > 20_000


@BOTH
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_same_tokens(modern, shape, tried):
    model = make(modern, **shape)
    config = model.config
    assert unsupported_reason(model) is None
    for seed, kwargs in enumerate(SETTINGS):
        ids = prompt(1 + 5 * seed, config.vocab_size)
        assert_same_tokens(model, ids, TOKENS, seed=seed, **kwargs)
    tried(f"{len(SETTINGS) * TOKENS:,} tokens, equal, {'modern' * modern} {shape}")


@BOTH
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_logits_are_equal_to_four_digits(modern, shape):
    model = make(modern, **shape)
    ids = prompt(model.config.block_size, model.config.vocab_size)
    for filled in {1, (len(ids) + 1) // 2, len(ids)}:
        assert largest_error(model, ids, filled) < 1e-4


def test_logits_of_the_shipped_model_are_equal_to_four_digits(tried):
    model = load_checkpoint(SHIPPED_CHECKPOINT).model
    ids = prompt(model.config.block_size, model.config.vocab_size)
    error = largest_error(model, ids, 64)
    assert error < 1e-4
    tried(f"logits of the shipped model differ by {error:.1e} at most")


@BOTH
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_same_tokens_whatever_the_model(modern, data):
    head_size = 2 * data.draw(st.integers(1, 5), label="half a head")
    heads = data.draw(st.integers(1, 3), label="heads")
    model = make(
        modern,
        data.draw(st.sampled_from([0.0, 0.05, 0.3, 1.0]), label="noise"),
        vocab_size=data.draw(st.sampled_from([1, 2, 13]), label="V"),
        block_size=data.draw(st.integers(1, 9), label="block"),
        n_layer=data.draw(st.integers(1, 3), label="layers"),
        n_head=heads,
        n_embd=heads * head_size,
    )
    kwargs = data.draw(st.sampled_from(SETTINGS), label="settings")
    seed = data.draw(st.integers(0, sampling.LARGEST_SEED), label="seed")
    ids = prompt(data.draw(st.integers(1, 20), label="length"), model.config.vocab_size)
    assert_same_tokens(model, ids, 15, seed=seed, **kwargs)


@pytest.mark.thorough
@pytest.mark.parametrize("kwargs", SETTINGS, ids=str)
@pytest.mark.parametrize("name", ["shipped", "gpt2", "modern"])
def test_same_tokens_from_models_of_the_usual_size(name, kwargs):
    if name == "shipped":
        model = load_checkpoint(SHIPPED_CHECKPOINT).model
    else:
        model = make(name == "modern", 0.02, n_layer=4, n_head=4, n_embd=128)
    ids, kwargs = [1, 2, 3], {"seed": 5} | kwargs
    expected = list(sampling.generate(model, ids, 1000, **kwargs))
    got = list(generate(model, ids, 1000, **kwargs))
    assert len(expected) == 1000
    if got == expected:
        return
    # Of 2,048 tokens, a draw may fall nearer to the next than the logits agree.
    assert "greedy" not in kwargs, kwargs
    place = next(t for t in range(1000) if got[t] != expected[t])
    distance = from_boundary(model, [*ids, *expected[:place]], place, **kwargs)
    tokens = expected[place], got[place]
    assert distance[min(tokens)] < 1e-6, (kwargs, place, tokens)


@BOTH
def test_filling_the_cache_is_stepping_through_the_text(modern):
    model, ids = make(modern, block_size=16), prompt(16)
    stepped, filled = Decoder(model), Decoder(model)
    logits = [stepped.feed([i]) for i in ids]
    for cut in 1, 9, 15:
        filled.length = 0
        np.testing.assert_allclose(filled.feed(ids[:cut]), logits[cut - 1], atol=1e-5)
        np.testing.assert_allclose(filled.feed(ids[cut:]), logits[-1], atol=1e-5)


def test_scores_too_large_for_exp_do_no_harm():
    model = make(block_size=8)
    with torch.no_grad():
        model.blocks[0].attention.qkv.weight[:32] *= 100
    assert largest_error(model, prompt(8), 4) < 1e-4


def test_equal_logits_rank_by_id_on_both_paths():
    model = make(noise=0, block_size=8)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    for kwargs in SETTINGS:
        assert_same_tokens(model, [1], 20, **kwargs)


def test_a_cache_cannot_hold_more_than_a_block():
    decoder = Decoder(make(block_size=8))
    decoder.feed(prompt(8))
    with pytest.raises(ValueError, match="9 positions exceed the block of 8"):
        decoder.feed([1])


def test_a_broken_model_is_refused_in_the_same_words():
    model = make()
    with torch.no_grad():
        model.blocks[0].feed_forward.up.weight[0, 0] = math.nan
    for path in sampling.generate, generate:
        for greedy in False, True:
            with pytest.raises(ValueError, match="no usable number"):
                next(path(model, [1], 1, greedy=greedy))


# Models that are not as GPT builds them


def hook(model):
    model.blocks[1].register_forward_hook(lambda module, inputs, output: output * 1.1)


def own_attention(model):
    model.blocks[1].attention.attend = lambda q, k, v: causal_attention(q, k, v)[0] / 2


def no_bias(model):
    model.blocks[0].feed_forward.up = nn.Linear(16, 64, bias=False)


def other_activation(model):
    model.blocks[0].feed_forward.activation = nn.ReLU()


def exact_gelu(model):
    model.blocks[0].feed_forward.activation = nn.GELU()


def no_norm(model):
    model.blocks[1].norm2 = nn.Identity()


def own_forward(model):
    forward = model.blocks[0].forward
    model.blocks[0].forward = lambda x: 0.9 * forward(x)


def own_unembed(model):
    unembed = model.unembed
    model.unembed = lambda x: -unembed(x)


def subclass(model):
    model.__class__ = type("MyGPT", (GPT,), {"unembed": lambda self, x: -self.embed(x)})


def double(model):
    model.double()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (hook, "its layer blocks.1 has a hook or a method of its own"),
        (own_attention, "its layer blocks.1.attention has another `attend`"),
        (no_bias, "its layer blocks.0.feed_forward.up lacks a weight"),
        (other_activation, "['ReLU']"),
        (exact_gelu, "its layer blocks.0.feed_forward.activation is not the tanh GELU"),
        (no_norm, "['Identity']"),
        (own_forward, "its layer blocks.0 has a hook or a method of its own"),
        (own_unembed, "its layer GPT has a hook or a method of its own"),
        (double, "its layer token_embedding lacks a weight or is not in float32"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_changed_model_takes_the_readable_path(change, reason):
    model = make(block_size=8)
    assert unsupported_reason(model) is None
    change(model)
    assert reason in unsupported_reason(model)
    assert_same_tokens(model, [1], 20)
    with pytest.raises(ValueError, match="cannot be decoded with a cache: it"):
        Decoder(model)


def test_a_subclass_and_autocast_take_the_readable_path():
    model = make()
    with torch.autocast("cpu"):
        assert "autocast" in unsupported_reason(model)
        assert_same_tokens(model, [1], 20)
    subclass(model)
    assert "MyGPT" in unsupported_reason(model)


@pytest.mark.parametrize("part", ["rotary", "qk_norm"])
def test_a_modern_model_without_one_of_its_parts_takes_the_readable_path(part):
    model = make(modern=True)
    setattr(model.blocks[1].attention, part, None)
    reason = "a part of its layer blocks.1.attention was taken out"
    assert unsupported_reason(model) == reason
    assert_same_tokens(model, [1], 20)


def test_a_model_without_positions_takes_the_readable_path():
    model = make()
    model.position_embedding = None
    assert unsupported_reason(model) == "a part of its layer GPT was taken out"
    assert_same_tokens(model, [1], 20)


def test_what_is_read_from_the_layers_may_change():
    model = make(block_size=8)
    model.blocks[1].attention.n_head = 4
    model.final_norm.eps = 0.1
    assert unsupported_reason(model) is None
    assert_same_tokens(model, [1], 20)


# Arguments and state


@pytest.mark.parametrize(
    "arguments",
    [
        {"ids": []},
        {"ids": [13]},
        {"ids": torch.tensor([[1]])},
        {"max_new_tokens": -1},
        {"temperature": 0.0},
        {"top_k": 0},
        {"top_p": 1.5},
        {"seed": 2**32},
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


def test_any_integers_in_one_dimension_are_a_prompt():
    model, ids = make(), [1, 2, 3]
    expected = list(generate(model, ids, 5))
    for dtype in torch.uint8, torch.uint16, torch.int32, torch.int64:
        assert list(generate(model, torch.tensor(ids, dtype=dtype), 5)) == expected
    for same in tuple(ids), range(1, 4), np.array(ids, np.uint16), iter(ids):
        assert list(generate(model, same, 5)) == expected
    assert ids == [1, 2, 3]


def test_a_length_of_zero_is_empty():
    assert list(generate(make(), [1], 0)) == []


def test_random_numbers_and_modes_are_left_alone():
    model = make(dropout=0.5, block_size=8).train()
    model.blocks[0].eval()
    state = torch.get_rng_state()
    tokens = generate(model, [1], 20)
    assert next(tokens) == next(sampling.generate(make(block_size=8), [1], 1))
    tokens.close()
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training and not model.blocks[0].training


def test_the_weights_are_those_of_the_call():
    model = make(block_size=8)
    expected = list(sampling.generate(model, [1], 20))
    tokens = generate(model, [1], 20)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert list(tokens) == expected

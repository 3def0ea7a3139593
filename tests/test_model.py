"""The model is GPT-2's, sees no future, and starts out knowing nothing."""

import cmath
import math
from functools import partial

import pytest
import torch
from torch.nn import functional as F

from minigpt.attention import causal_attention, causal_mask, fused_attention
from minigpt.config import GPTConfig
from minigpt.inspection import residual_stream
from minigpt.model import GPT
from minigpt.modern import Rotary
from minigpt.sampling import generate

SMALL = GPTConfig(vocab_size=50, block_size=24, n_layer=3, n_head=4, n_embd=32)
MODERN = GPTConfig(
    vocab_size=50, block_size=24, n_layer=3, n_head=4, n_embd=32, modern=True
)


def make_model(config: GPTConfig, seed: int = 0, spread: float = 0.2) -> GPT:
    """A model with larger random weights than at the start, so that all of it acts."""
    generator = torch.Generator().manual_seed(seed)
    model = GPT(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * spread)
    return model


def random_ids(*shape: int, vocab_size: int = 50, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(vocab_size, shape, generator=generator)


def moved_by_the_future(model: GPT) -> list[tuple[int, int]]:
    """Pairs (t, changed): logits at t moved when the later token at `changed` did."""
    T = model.config.block_size
    ids = random_ids(1, T)
    with torch.no_grad():
        before = model(ids)
        moved = []
        for changed in range(1, T):
            other = ids.clone()
            other[0, changed] = (other[0, changed] + 1) % model.config.vocab_size
            after = model(other)
            moved += [
                (t, changed)
                for t in range(changed)
                if not torch.equal(before[0, t], after[0, t])
            ]
            assert not torch.equal(before[0, changed], after[0, changed])
    return moved


@pytest.mark.parametrize("config", [SMALL, MODERN], ids=["gpt2", "modern"])
@pytest.mark.parametrize(
    "attend", [fused_attention, lambda q, k, v: causal_attention(q, k, v)[0]]
)
def test_no_logit_moves_when_a_later_token_changes(config, attend):
    model = make_model(config)
    for block in model.blocks:
        block.attention.attend = attend
    assert moved_by_the_future(model) == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_float_mask_would_be_caught(dtype):
    def leaky(q, k, v):
        mask = causal_mask(q.shape[-2]).to(q.dtype)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)

    model = make_model(SMALL).to(dtype)
    assert moved_by_the_future(model) == []
    for block in model.blocks:
        block.attention.attend = leaky
    assert len(moved_by_the_future(model)) > 100


@pytest.mark.parametrize("T", [1, 2, 7, 24])
def test_fused_attention_equals_the_readable_one(T):
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 4, T, 8, generator=generator) for _ in range(3))
    out, weights = causal_attention(q, k, v)
    torch.testing.assert_close(fused_attention(q, k, v), out)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, T))
    assert (weights.masked_select(~causal_mask(T)) == 0).all()


def test_rotary_is_that_of_the_paper():
    """RoFormer, section 3.2.2: pair i at position t is rotated by t · 10000^(-2i/D)."""
    T, D = 6, 8
    x = torch.randn(2, 3, T, D, generator=torch.Generator().manual_seed(0))
    pairs = torch.complex(x[..., : D // 2], x[..., D // 2 :]).to(torch.complex128)
    for t in range(T):
        for i, theta in enumerate([1, 0.1, 0.01, 0.001]):
            pairs[:, :, t, i] *= cmath.exp(1j * t * theta)
    expected = torch.cat((pairs.real, pairs.imag), dim=-1).float()
    torch.testing.assert_close(Rotary(D, block_size=10)(x), expected)


def test_rotary_scores_depend_on_distance_alone():
    rotary = Rotary(8, block_size=24)
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn(8, generator=generator).expand(1, 1, 24, 8) for _ in range(2))
    scores = (rotary(q) @ rotary(k).transpose(-2, -1))[0, 0]
    for distance in range(24):
        diagonal = scores.diagonal(-distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))


def test_queries_and_keys_of_a_modern_model_are_normalised_and_values_are_not():
    attention = make_model(MODERN).blocks[0].attention
    q, k, v = attention.heads(torch.randn(2, 24, 32))
    for part in q, k:  # a rotation changes no length
        torch.testing.assert_close(part.norm(dim=-1), torch.full((2, 4, 24), 8**0.5))
    assert v.norm(dim=-1).std() > 0.1
    x = torch.randn(2, 4, 24, 8)
    torch.testing.assert_close(
        attention.qk_norm(x), x / x.square().mean(dim=-1, keepdim=True).sqrt()
    )


@pytest.mark.parametrize("part", ["qk_norm", "rotary"])
def test_each_modern_part_of_attention_can_be_taken_away_by_itself(part):
    model, ids = make_model(MODERN), random_ids(2, 24)
    before = model(ids)
    for block in model.blocks:
        setattr(block.attention, part, None)
    assert not torch.allclose(model(ids), before)


def to_hugging_face(model: GPT):
    """The same weights in Hugging Face's GPT-2 (its linear layers are transposed)."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = model.config
    theirs = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=config.block_size,
            n_embd=config.n_embd,
            n_layer=config.n_layer,
            n_head=config.n_head,
            bos_token_id=0,
            eos_token_id=None,
        )
    ).eval()
    names = {
        "token_embedding": "wte",
        "position_embedding": "wpe",
        "final_norm": "ln_f",
        "blocks": "h",
        "norm1": "ln_1",
        "norm2": "ln_2",
        "attention.qkv": "attn.c_attn",
        "attention.out": "attn.c_proj",
        "feed_forward.up": "mlp.c_fc",
        "feed_forward.down": "mlp.c_proj",
    }
    state = {}
    for name, weight in model.state_dict().items():
        transposed = name.startswith("blocks.") and weight.ndim == 2
        for ours, hf in names.items():
            name = name.replace(ours, hf)
        state[f"transformer.{name}"] = weight.T if transposed else weight
    state["lm_head.weight"] = model.token_embedding.weight
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert not unexpected
    assert not [name for name in missing if "attn.bias" not in name]
    return theirs


def test_equals_hugging_face_gpt2():
    model = make_model(SMALL, spread=0.05)
    theirs = to_hugging_face(model)
    ids = random_ids(3, SMALL.block_size)
    with torch.no_grad():
        torch.testing.assert_close(model(ids), theirs(ids).logits, atol=1e-4, rtol=0)


def test_writes_the_same_greedy_text_as_hugging_face():
    model = make_model(SMALL, spread=0.05)
    theirs = to_hugging_face(model)
    prompt = [3, 1, 4, 1, 5]
    expected = theirs.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=19,
        do_sample=False,
        pad_token_id=0,
    )
    assert (
        prompt + list(generate(model, prompt, 19, greedy=True)) == expected[0].tolist()
    )


@pytest.mark.parametrize("modern", [False, True])
@pytest.mark.parametrize("vocab_size", [63, 1000])
def test_untrained_loss_is_that_of_a_guess(modern, vocab_size):
    torch.manual_seed(0)
    config = GPTConfig(vocab_size=vocab_size, modern=modern)
    ids = random_ids(8, 65, vocab_size=vocab_size)
    logits = GPT(config)(ids[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).item()
    assert loss == pytest.approx(math.log(vocab_size), rel=0.02)


def test_parameter_count():
    config = GPTConfig(vocab_size=63, block_size=64, n_layer=4, n_head=4, n_embd=128)
    C, V, T, L = 128, 63, 64, 4
    block = 12 * C * C + 13 * C
    assert GPT(config).num_parameters() == V * C + T * C + L * block + 2 * C


def test_too_long_a_text_is_refused_with_both_numbers():
    model = GPT(SMALL)
    with pytest.raises(ValueError, match=r"25 positions .* block of 24"):
        model(torch.zeros(1, 25, dtype=torch.long))


INTEGERS = [torch.uint8, torch.uint16, torch.int16, torch.int32, torch.int64]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("config", [SMALL, MODERN], ids=["gpt2", "modern"])
def test_ids_of_any_integer_type_give_the_same_logits(config, dtype):
    model, ids = make_model(config), random_ids(2, 24)
    assert torch.equal(model(ids.to(dtype)), model(ids))


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (torch.tensor([1, 2, 3]), r"shape \(B, T\), not \(3,\): .* with ids\[None\]"),
        (torch.tensor(1), r"shape \(B, T\), not \(\)$"),
        (torch.zeros(1, 2, 3, dtype=torch.long), r"\(B, T\), not \(1, 2, 3\)$"),
        (torch.zeros(1, 3), "integers, not torch.float32"),
        (torch.zeros(1, 3, dtype=torch.bool), "integers, not torch.bool"),
        (torch.tensor([[0, 50]]), "between 0 and 49, but these go from 0 to 50"),
        (torch.tensor([[-1, 3]]), "between 0 and 49, but these go from -1 to 3"),
        (torch.tensor([[0, 60_000]], dtype=torch.uint16), "from 0 to 60000"),
    ],
)
def test_what_is_no_batch_of_ids_is_refused_in_one_line(ids, message):
    for ask in GPT(SMALL), GPT(SMALL).embed, partial(residual_stream, GPT(SMALL)):
        with pytest.raises(ValueError, match=message) as caught:
            ask(ids)
        assert "\n" not in str(caught.value)

"""A run in bfloat16 learns what one in float32 learns, and keeps its weights exact."""

from dataclasses import replace

import pytest
import torch

from minigpt import device as devices
from minigpt.attention import causal_attention, fused_attention
from minigpt.config import GPTConfig, TrainConfig
from minigpt.device import autocast_context, has_native_bfloat16
from minigpt.model import GPT
from minigpt.training import train

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "capable", "lower"),
    [
        ("float32", True, False),
        ("bfloat16", False, True),
        ("auto", True, True),
        ("auto", False, False),
    ],
)
def test_auto_is_bfloat16_where_the_device_multiplies_it(
    monkeypatch, name, capable, lower
):
    monkeypatch.setattr(devices, "has_native_bfloat16", lambda device: capable)
    x = torch.ones(2, 2)
    with autocast_context(name, CPU):
        assert (x @ x).dtype == (torch.bfloat16 if lower else torch.float32)
    assert (x @ x).dtype == torch.float32


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"avx512_f": True, "avx512_bf16": False}, False),
        ({"architecture": "arm64", "bf16": True}, False),  # not measured: left alone
    ],
)
def test_what_a_cpu_says_of_itself(monkeypatch, capabilities, expected):
    monkeypatch.setattr(
        torch.cpu, "get_capabilities", lambda: capabilities, raising=False
    )
    assert has_native_bfloat16(CPU) is expected


def test_a_release_that_cannot_say_stays_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert has_native_bfloat16(CPU) is False


def test_fused_attention_is_the_formula_in_bfloat16():
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 4, 16, 8, generator=generator) for _ in range(3))
    with torch.autocast("cpu", torch.bfloat16):
        out = fused_attention(q, k, v)
        assert torch.equal(out, causal_attention(q, k, v)[0])
    torch.testing.assert_close(
        out.float(), fused_attention(q, k, v), atol=0.02, rtol=0.02
    )


@pytest.mark.parametrize("modern", [False, True], ids=["gpt2", "modern"])
def test_it_learns_the_same_with_fewer_digits(modern):
    ids = torch.arange(3000) % 7 * (torch.arange(3000) % 11 < 8)
    config = TrainConfig(16, 60, "muon", 4e-3, warmup_iters=5, eval_interval=60)
    losses = {}
    for dtype in "float32", "bfloat16":
        torch.manual_seed(0)
        model = GPT(GPTConfig(7, 32, 2, 2, 32, modern=modern))
        *_, last = train(model, ids, ids, replace(config, dtype=dtype))
        losses[dtype] = last.val_loss
        assert all(p.dtype == torch.float32 for p in model.parameters())
    assert losses["bfloat16"] < 1  # of ln 7 = 1.95 at the start
    assert losses["bfloat16"] == pytest.approx(losses["float32"], abs=0.05)

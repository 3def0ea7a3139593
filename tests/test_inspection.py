"""Looking inside a model gives what the model computes, and changes nothing."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minigpt.attention import causal_attention, causal_mask
from minigpt.config import GPTConfig
from minigpt.inspection import attention_maps, leak_grid, residual_stream
from minigpt.model import GPT

styles = pytest.mark.parametrize("modern", [False, True], ids=["gpt2", "modern"])
IDS = torch.tensor([[1, 5, 2, 0, 7, 7], [3, 3, 1, 4, 10, 9]])


def make_model(modern: bool = False) -> GPT:
    torch.manual_seed(0)
    config = GPTConfig(11, 8, n_layer=3, n_head=2, n_embd=16, modern=modern)
    return GPT(config).eval()


@styles
def test_maps_are_the_weights_of_the_formula(modern):
    model = make_model(modern)
    maps, stream = attention_maps(model, IDS), residual_stream(model, IDS)
    assert [tuple(m.shape) for m in maps] == [(2, 2, 6, 6)] * 3
    for weights, x, block in zip(maps, stream, model.blocks, strict=False):
        _, expected = causal_attention(*block.attention.heads(block.norm1(x)))
        torch.testing.assert_close(weights, expected.detach())
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 2, 6))
        assert not weights.requires_grad
        assert (weights[..., ~causal_mask(6)] == 0).all()
        assert (weights[..., causal_mask(6)] > 0).all()


def test_maps_show_what_a_function_that_was_plugged_in_really_does():
    model = make_model()
    model.blocks[1].attention.attend = F.scaled_dot_product_attention  # no mask
    seen, before = [], model.blocks[2].attention.attend

    def mine(q, k, v):
        seen.append(v.shape)
        return before(q, k, v).flip(-2)

    model.blocks[2].attention.attend = mine
    right, leaky, flipped = attention_maps(model, IDS)
    assert not right.triu(1).any() and (leaky > 0).all()
    assert (flipped[..., 0, :] > 0).all() and (flipped[..., -1, 1:] == 0).all()
    assert len(seen) == 2 and model.blocks[2].attention.attend is mine


@styles
def test_the_stream_is_that_of_the_forward_pass(modern):
    model = make_model(modern)
    stream = residual_stream(model, IDS)
    assert [tuple(x.shape) for x in stream] == [(2, 6, 16)] * 4
    assert torch.equal(stream[0], model.embed(IDS))
    assert torch.equal(model.blocks[1](stream[1]), stream[2])
    assert torch.equal(model.unembed(stream[-1]), model(IDS))


def test_gradients_can_be_asked_for_along_the_stream():
    model = make_model()
    stream = residual_stream(model, IDS)
    loss = model.unembed(stream[-1]).logsumexp(dim=-1).mean()
    gradients = torch.autograd.grad(loss, stream)
    assert len(gradients) == 4 and all(g.abs().sum() > 0 for g in gradients)


@pytest.mark.parametrize("look", [attention_maps, residual_stream])
@pytest.mark.parametrize("training", [False, True])
def test_the_model_is_left_as_it_was(look, training):
    model = make_model().train(training)
    before = [vars(module).copy() for module in model.modules()]
    expected = model(IDS)
    look(model, IDS)
    assert [vars(module) for module in model.modules()] == before
    assert torch.equal(model(IDS), expected)
    assert all(p.grad is None for p in model.parameters())


def test_leak_grid_of_a_model_that_holds_and_of_one_that_leaks():
    torch.manual_seed(0)
    x = torch.randn(5, 16)
    block = make_model().blocks[0]
    assert torch.equal(leak_grid(lambda x: block(x[None])[0], x), causal_mask(5))
    block.attention.attend = nn.functional.scaled_dot_product_attention
    assert leak_grid(lambda x: block(x[None])[0], x).all()

"""Looking inside a model changes nothing: not its outputs, not the model."""

import pytest
import torch
from torch import nn

from minigpt.attention import causal_mask
from minigpt.config import GPTConfig
from minigpt.inspection import capture_attention, capture_stream, leak_grid, twin
from minigpt.model import GPT

CAPTURES = [capture_attention, capture_stream]
both = pytest.mark.parametrize("capture", CAPTURES, ids=lambda c: c.__name__)
styles = pytest.mark.parametrize("modern", [False, True], ids=["gpt2", "modern"])


def make_model(modern: bool = False) -> GPT:
    torch.manual_seed(0)
    config = GPTConfig(11, 8, n_layer=3, n_head=2, n_embd=16, modern=modern)
    return GPT(config).eval()


IDS = torch.tensor([[1, 5, 2, 0, 7, 7], [3, 3, 1, 4, 10, 9]])


def hooks(model: nn.Module) -> int:
    """How many hooks of any kind hang on the model and its layers."""
    return sum(
        len(value)
        for module in model.modules()
        for name, value in vars(module).items()
        if name.endswith("_hooks") and value
    )


def inside(model: GPT) -> list[object]:
    return [block.attention.attend for block in model.blocks]


@both
@styles
def test_outputs_are_unchanged(capture, modern):
    model = make_model(modern)
    expected = model(IDS)
    with capture(model):
        found = model(IDS)
    torch.testing.assert_close(found, expected)
    assert torch.equal(model(IDS), expected)


@both
def test_nothing_is_left_behind(capture):
    model = make_model()
    before = inside(model)
    with capture(model) as captured:
        model(IDS)
    count = len(captured)
    assert hooks(model) == 0 and inside(model) == before
    model(IDS)
    assert len(captured) == count > 0


@both
def test_nothing_is_left_behind_after_an_error(capture):
    model = make_model()
    before = inside(model)
    with pytest.raises(ValueError, match="do not fit"), capture(model):
        model(torch.zeros(1, 9, dtype=torch.long))
    assert hooks(model) == 0 and inside(model) == before


@both
def test_captures_nest(capture):
    model = make_model()
    with capture(model) as outer:
        with capture(model) as inner:
            model(IDS)
        model(IDS)
    assert len(inner) > 0 and len(outer) >= len(inner)
    assert hooks(model) == 0


def test_an_attention_of_ones_own_comes_back():
    model = make_model()

    def mine(q, k, v):
        return v

    model.blocks[1].attention.attend = mine
    with capture_attention(model):
        assert model.blocks[1].attention.attend is not mine
    assert model.blocks[1].attention.attend is mine


@styles
def test_a_twin_has_the_very_weights_and_is_looked_into_alone(modern):
    model = make_model(modern)
    second, before = twin(model), inside(model)
    for own, other in zip(model.parameters(), second.parameters(), strict=True):
        assert own is other
    with capture_attention(second) as maps:
        expected = model(IDS)
        assert maps == [] and inside(model) == before
        torch.testing.assert_close(second(IDS), expected)
        assert len(maps) == 3
    with torch.no_grad():
        model.token_embedding.weight.mul_(2)
    assert torch.equal(second(IDS), model(IDS))
    assert not torch.equal(model(IDS), expected)


def test_a_twin_keeps_functions_and_does_not_copy_their_owners():
    class Owner:
        runs = 0

        def count(self, *_):
            self.runs += 1

        def attend(self, q, k, v):
            self.runs += 10
            return v

        def __deepcopy__(self, memo):
            raise AssertionError("this is not the model's to copy")

    model, owner = make_model(), Owner()
    model.register_forward_pre_hook(owner.count)
    model.blocks[0].attention.attend = owner.attend
    twin(model)(IDS)
    assert owner.runs == 11


@styles
def test_maps_are_weights_and_the_future_weighs_nothing(modern):
    model = make_model(modern)
    with capture_attention(model) as maps:
        model(IDS)
    assert [tuple(m.shape) for m in maps] == [(2, 2, 6, 6)] * 3
    for weights in maps:
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 2, 6))
        assert not weights.requires_grad
        assert (weights[..., ~causal_mask(6)] == 0).all()
        assert (weights[..., causal_mask(6)] > 0).all()


@styles
def test_the_stream_is_that_of_the_run(modern):
    model = make_model(modern)
    with capture_stream(model) as stream:
        logits = model(IDS)
    assert [tuple(x.shape) for x in stream] == [(2, 6, 16)] * 4
    torch.testing.assert_close(stream[0], model.embed(IDS))
    torch.testing.assert_close(model.blocks[1](stream[1]), stream[2])
    torch.testing.assert_close(model.unembed(stream[-1]), logits)


def test_gradients_can_be_asked_for_along_the_stream():
    model = make_model()
    with capture_stream(model) as stream:
        loss = model(IDS).logsumexp(dim=-1).mean()
    gradients = torch.autograd.grad(loss, stream)
    assert len(gradients) == 4 and all(g.abs().sum() > 0 for g in gradients)


def test_two_runs_fill_the_list_one_after_the_other():
    model = make_model()
    with capture_stream(model) as stream, torch.no_grad():
        model(IDS)
        model(IDS[:, :2])
    assert [x.shape[1] for x in stream] == [6] * 4 + [2] * 4


def test_leak_grid_of_a_model_that_holds_and_of_one_that_leaks():
    torch.manual_seed(0)
    x = torch.randn(5, 16)
    block = make_model().blocks[0]
    assert torch.equal(leak_grid(lambda x: block(x[None])[0], x), causal_mask(5))
    block.attention.attend = nn.functional.scaled_dot_product_attention
    assert leak_grid(lambda x: block(x[None])[0], x).all()

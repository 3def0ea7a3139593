"""AdamW is PyTorch's, Muon takes the matrices of the blocks, the state survives."""

from dataclasses import replace

import pytest
import torch

from minigpt.config import TrainConfig, get_preset
from minigpt.model import GPT
from minigpt.optim import make_optimizer
from minigpt.training import cross_entropy

SHAPE = replace(get_preset("tiny").model, vocab_size=20)
CONFIG = TrainConfig(learning_rate=3e-3, weight_decay=0.2, beta1=0.8, beta2=0.95)


def make_model() -> GPT:
    torch.manual_seed(0)
    return GPT(SHAPE)


def learn(model, optimizer, seed):
    ids = torch.randint(20, (4, 33), generator=torch.Generator().manual_seed(seed))
    cross_entropy(model(ids[:, :-1]), ids[:, 1:]).backward()
    optimizer.step()
    optimizer.zero_grad()


def test_adamw_is_that_of_pytorch():
    ours, theirs = make_model(), make_model()
    optimizer = make_optimizer(ours, CONFIG)
    reference = torch.optim.AdamW(
        [
            {"params": [p for p in theirs.parameters() if p.ndim >= 2]},
            {
                "params": [p for p in theirs.parameters() if p.ndim < 2],
                "weight_decay": 0,
            },
        ],
        lr=3e-3,
        betas=(0.8, 0.95),
        weight_decay=0.2,
    )
    generator = torch.Generator().manual_seed(1)
    for _ in range(6):
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            one.grad = torch.randn(one.shape, generator=generator)
            other.grad = one.grad.clone()
        optimizer.step()
        reference.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("wrap", [lambda m: m, torch.compile, torch.nn.DataParallel])
def test_muon_takes_the_matrices_inside_the_blocks_of_any_wrapped_model(wrap):
    model = make_model()
    optimizer = make_optimizer(wrap(model), replace(CONFIG, optimizer="muon"))
    groups = optimizer.param_groups
    muon = {id(p) for g in groups if g["kind"] == "muon" for p in g["params"]}
    inside = [p for p in model.blocks.parameters() if p.ndim == 2]
    assert muon == set(map(id, inside)) and len(inside) == 8
    parts = {id(p): g["parts"] for g in groups if "parts" in g for p in g["params"]}
    assert all(
        parts[id(p)] == (3 if name.endswith("qkv.weight") else 1)
        for name, p in model.blocks.named_parameters()
        if p.ndim == 2
    )


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_frozen_parameters_stay_and_can_be_resumed(kind):
    model, config = make_model(), replace(CONFIG, optimizer=kind)
    frozen = [model.token_embedding.weight, model.blocks[0].attention.qkv.weight]
    for parameter in frozen:
        parameter.requires_grad_(False)
    before = [parameter.clone() for parameter in frozen]
    optimizer = make_optimizer(model, config)
    learn(model, optimizer, 0)
    assert all(map(torch.equal, frozen, before))
    again = make_optimizer(model, config)
    again.load_state_dict(optimizer.state_dict())
    assert len(again.state) == len(list(model.parameters())) - 2


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_a_loaded_state_goes_on_with_new_settings(kind):
    config = replace(CONFIG, optimizer=kind)
    model = make_model()
    optimizer = make_optimizer(model, config)
    learn(model, optimizer, 0)
    changed = make_optimizer(model, replace(config, learning_rate=0.5))
    changed.load_state_dict(optimizer.state_dict())
    assert [g["max_lr"] for g in changed.param_groups if g["kind"] == "adamw"] == [
        0.5
    ] * 2
    moments = zip(changed.state.values(), optimizer.state.values(), strict=True)
    assert all(torch.equal(a[n], b[n]) for a, b in moments for n in a)
    changed.set_lr_multiplier(0.5)
    assert changed.param_groups[-1]["lr"] == 0.25


def spoil(state, how):
    first = state["state"][0]
    if how == "shape":
        first["exp_avg"] = first["exp_avg"][:1]
    elif how == "name":
        first["other"] = first.pop("exp_avg_sq")
    elif how == "index":
        state["state"][999] = first
    elif how == "groups":
        state["param_groups"] = state["param_groups"][:1]
    elif how == "kind":
        state["param_groups"][0]["kind"] = "muon"
    elif how == "format":
        state["param_groups"] = {"parts": []}
    return state


@pytest.mark.parametrize("how", ["shape", "name", "index", "groups", "kind", "format"])
def test_a_state_that_does_not_fit_is_refused(how):
    model = make_model()
    optimizer = make_optimizer(model, CONFIG)
    learn(model, optimizer, 0)
    other = make_optimizer(model, CONFIG)
    with pytest.raises(ValueError, match="belongs to another optimizer"):
        other.load_state_dict(spoil(optimizer.state_dict(), how))
    assert not other.state

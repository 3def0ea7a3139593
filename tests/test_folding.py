"""Constant edits that are written into weights do what the edits themselves do."""

import pytest
import torch

from minigpt import inspection
from minigpt.config import GPTConfig
from minigpt.decoding import generate, unsupported_reason
from minigpt.model import GPT

IDS = torch.randint(11, (3, 9), generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=[False, True], ids=["gpt2", "modern"])
def model(request):
    shape = GPTConfig(11, 16, n_layer=3, n_head=2, n_embd=16, modern=request.param)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = GPT(shape).eval()
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return made


@pytest.mark.parametrize("head", [0, 1])
@pytest.mark.parametrize("layer", [0, 2])
@torch.no_grad()
def test_a_folded_head_is_an_ablated_one(model, layer, head):
    mean = inspection.mean_activation(model, IDS, "heads", layer)
    for value in (0.0, mean):
        edit = inspection.ablate("heads", layer, value, [head])
        folded = inspection.fold_head(model, layer, head, value)
        right = inspection.edited(model, [edit])(IDS)
        torch.testing.assert_close(folded(IDS), right, atol=1e-5, rtol=1e-5)
        assert not torch.allclose(folded(IDS), model(IDS), atol=1e-3)


@torch.no_grad()
def test_a_folded_vector_is_steering(model):
    vector = torch.randn(16, generator=torch.Generator().manual_seed(2))
    for layer in range(int(model.config.modern), 4):
        right = inspection.edited(model, [inspection.steer(layer, vector)])(IDS)
        folded = inspection.fold_vector(model, layer, vector)
        torch.testing.assert_close(folded(IDS), right, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_model_itself_stays_and_the_copy_is_written_with_fast(model):
    before = {name: x.clone() for name, x in model.state_dict().items()}
    vector = torch.ones(16)
    both = inspection.fold_vector(inspection.fold_head(model, 1, 0), 2, vector)
    assert unsupported_reason(both) is None
    assert len(list(generate(both, [1, 2], 5))) == 5
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())
    assert both.token_embedding.weight is model.token_embedding.weight


def test_what_a_model_does_not_have_is_refused(model):
    for layer, head in ((3, 0), (-1, 0), (0, 2)):
        with pytest.raises(ValueError, match="has no head"):
            inspection.fold_head(model, layer, head)
    with pytest.raises(ValueError, match="from 0 to 3, not 4"):
        inspection.fold_vector(model, 4, torch.zeros(16))
    if model.config.modern:
        with pytest.raises(ValueError, match="from layer 1 on"):
            inspection.fold_vector(model, 0, torch.zeros(16))

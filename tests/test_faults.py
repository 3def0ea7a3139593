"""Each exhibit of the museum has its fault, and a healthy one has none."""

from dataclasses import replace

import pytest
import torch

from minigpt.config import GPTConfig, TrainConfig
from minigpt.course import faults
from minigpt.inspection import attention_maps
from minigpt.model import GPT
from minigpt.training import train

SHAPE = GPTConfig(vocab_size=7, block_size=8, n_layer=2, n_head=2, n_embd=16)
RUN = TrainConfig(
    batch_size=16, max_iters=100, learning_rate=1e-2, warmup_iters=5, eval_interval=100
)
IDS = torch.tensor([[0, 3, 5, 1, 6, 2, 4, 0]])
EXHIBITS = [faults.healthy, *faults.PATIENTS.values()]
every_exhibit = pytest.mark.parametrize("exhibit", EXHIBITS, ids=faults.name_of)


def model_of(exhibit, shape=SHAPE, scale=5.0):
    """An untrained exhibit, its matrices larger so that every path carries weight."""
    model = faults.make(exhibit, shape, RUN).model
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter *= scale
    return model


@torch.no_grad()
def moved(model, changed, position):
    """Whether the logits at a position differ from those for IDS."""
    difference = (model(changed) - model(IDS))[0, position].abs().max()
    return bool(difference > 1e-5)


def later_changed():
    changed = IDS.clone()
    changed[0, 4] = 1
    return changed


def past_reversed():
    changed = IDS.clone()
    changed[0, :-1] = IDS[0, :-1].flip(0)
    return changed


def trained(exhibit, text, shape=SHAPE, run=RUN):
    """The exhibit after its run, and the last step."""
    made = faults.make(exhibit, shape, run)
    steps = train(
        made.model, text, text[:100], made.config, sample_batch=made.sample_batch
    )
    *_, last = steps
    return made, last


# The six


@pytest.mark.parametrize(
    "exhibit",
    [
        faults.healthy,
        faults.no_positions,
        faults.no_residual,
        faults.scores_too_large,
        faults.learning_rate_too_high,
    ],
    ids=faults.name_of,
)
def test_only_the_leaking_mask_sees_a_later_token(exhibit):
    assert not moved(model_of(exhibit), later_changed(), position=2)
    assert moved(model_of(exhibit), later_changed(), position=4)


def test_leaking_mask_sees_a_later_token():
    assert moved(model_of(faults.leaking_mask), later_changed(), position=2)


def test_without_positions_the_order_of_the_past_changes_nothing():
    # With one block: deeper ones see different pasts on the way.
    shape = replace(SHAPE, n_layer=1)
    for exhibit, changes in (faults.healthy, True), (faults.no_positions, False):
        model = model_of(exhibit, shape, scale=20)
        assert moved(model, past_reversed(), position=-1) == changes


def test_without_positions_none_are_learned():
    made, _ = trained(faults.no_positions, torch.randint(7, (200,)))
    assert not made.model.position_embedding.weight.any()


def test_targets_not_shifted_takes_each_input_as_its_own_target():
    text = torch.arange(100)
    batches = {
        exhibit: faults.make(exhibit, SHAPE, RUN).sample_batch(
            text, 4, 8, torch.Generator().manual_seed(0)
        )
        for exhibit in (faults.healthy, faults.targets_not_shifted)
    }
    inputs, targets = batches[faults.healthy]
    assert torch.equal(targets, inputs + 1)
    for part in batches[faults.targets_not_shifted]:
        assert torch.equal(part, inputs)


def test_targets_not_shifted_learns_to_copy_a_random_text_and_not_to_predict_it():
    generator = torch.Generator().manual_seed(0)
    text = torch.randint(7, (2000,), generator=generator)
    _, healthy = trained(faults.healthy, text)
    patient, last = trained(faults.targets_not_shifted, text)
    assert healthy.loss > 1.7 and last.loss < 0.5
    assert torch.equal(patient.model(IDS).argmax(dim=-1), IDS)
    assert last.val_loss > 2 * healthy.val_loss, "the validation loss is an honest one"


def test_without_residual_a_dead_layer_kills_the_whole_stream():
    for exhibit, alive in (faults.healthy, True), (faults.no_residual, False):
        model = faults.make(exhibit, SHAPE, RUN).model
        torch.nn.init.zeros_(model.blocks[0].feed_forward.down.weight)
        x = model.blocks[0](model.embed(IDS))
        assert bool(x.any()) == alive


def test_without_residual_hardly_a_gradient_gets_back_to_the_positions():
    sizes = {}
    for exhibit in faults.healthy, faults.no_residual:
        model = faults.make(exhibit, SHAPE, RUN).model
        loss = torch.nn.functional.cross_entropy(model(IDS)[0, :-1], IDS[0, 1:])
        loss.backward()
        sizes[exhibit] = model.position_embedding.weight.grad.norm()
    assert sizes[faults.no_residual] < sizes[faults.healthy] / 2


def test_large_scores_are_multiplied_by_what_they_should_be_divided_by():
    q, k, v = torch.randn(3, 1, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    scores = q @ k.transpose(-2, -1) * 4**0.5
    scores = scores.masked_fill(~torch.ones(5, 5).bool().tril(), -torch.inf)
    right = scores.softmax(dim=-1) @ v
    torch.testing.assert_close(faults.large_scores(q, k, v), right)


def test_without_scaling_the_scores_are_plain_dot_products():
    q, k, v = torch.randn(3, 1, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    scores = q @ k.transpose(-2, -1)
    scores = scores.masked_fill(~torch.ones(5, 5).bool().tril(), -torch.inf)
    torch.testing.assert_close(
        faults.unscaled_scores(q, k, v), scores.softmax(dim=-1) @ v
    )
    made = faults.make(faults.no_scaling, SHAPE, RUN)
    attends = [block.attention.attend for block in made.model.blocks]
    assert attends == [faults.unscaled_scores] * SHAPE.n_layer


def test_large_scores_give_one_place_more_weight():
    largest = {}
    for exhibit in faults.healthy, faults.scores_too_large:
        maps = attention_maps(model_of(exhibit), IDS)
        largest[exhibit] = maps[0][0, :, -1].amax(dim=-1).mean()
    assert largest[faults.scores_too_large] > 2 * largest[faults.healthy]


def test_learning_rate_too_high_is_ten_times_as_high_and_nothing_else():
    healthy, patient = (
        faults.make(exhibit, SHAPE, RUN)
        for exhibit in (faults.healthy, faults.learning_rate_too_high)
    )
    assert patient.config.learning_rate == 10 * RUN.learning_rate
    assert patient.config.muon_learning_rate == 10 * RUN.muon_learning_rate
    assert healthy.config == RUN
    assert torch.equal(patient.model(IDS), healthy.model(IDS))


def test_patients_are_the_six_each_once():
    assert sorted(faults.PATIENTS) == ["A", "B", "C", "D", "E", "F"]
    assert len({faults.name_of(e) for e in faults.PATIENTS.values()}) == 6


@every_exhibit
def test_exhibits_start_from_the_weights_of_the_seed(exhibit):
    before, after = (faults.make(exhibit, SHAPE, RUN).model for _ in range(2))
    healthy = faults.make(faults.healthy, SHAPE, RUN).model
    for (name, a), b, c in zip(
        before.named_parameters(), after.parameters(), healthy.parameters(), strict=True
    ):
        assert torch.equal(a, b)
        if name != "position_embedding.weight":
            assert torch.equal(a, c), name


@every_exhibit
def test_exhibits_can_be_trained_and_raise_no_error(exhibit):
    text = torch.randint(7, (200,), generator=torch.Generator().manual_seed(0))
    _, last = trained(exhibit, text, run=replace(RUN, max_iters=20))
    assert last.iteration == 20 and 0 <= last.loss < 100


@every_exhibit
def test_making_an_exhibit_leaves_the_global_random_generator_alone(exhibit):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    faults.make(exhibit, SHAPE, RUN)
    assert torch.equal(torch.get_rng_state(), before)


def test_only_the_leaking_mask_shows_weight_on_the_future():
    for exhibit in EXHIBITS:
        maps = attention_maps(model_of(exhibit), IDS)
        leaks = [weights.triu(1).sum().item() > 1 for weights in maps]
        assert leaks == [exhibit is faults.leaking_mask] * SHAPE.n_layer
        for weights in maps:
            torch.testing.assert_close(weights.sum(dim=-1), torch.ones(1, 2, 8))


def test_the_blocks_without_residual_are_blocks_of_their_own_class():
    model = faults.make(faults.no_residual, SHAPE, RUN).model
    assert type(model) is GPT
    assert [type(b) for b in model.blocks] == [faults.NoResidualBlock] * 2

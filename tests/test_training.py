"""Training learns, measures honestly, repeats to the bit, and says when it fails."""

import math
from dataclasses import replace

import pytest
import torch

from minigpt.config import GPTConfig, TrainConfig, get_preset
from minigpt.model import GPT
from minigpt.optim import make_optimizer, orthogonalize
from minigpt.schedule import lr_multiplier
from minigpt.training import (
    TrainingDiverged,
    cross_entropy,
    evaluate,
    random_batch,
    train,
)

TINY = replace(get_preset("tiny").model, vocab_size=20)


@pytest.fixture
def ids():
    """A text with structure: a noisy cycle through twenty tokens."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(2, (4000,), generator=generator)
    return ((torch.arange(4000) + noise) % 20).to(torch.uint16)


def make_model(config: GPTConfig = TINY, seed: int = 0) -> GPT:
    torch.manual_seed(seed)
    return GPT(config)


def run(model, ids, config, **more):
    return list(train(model, ids[:3600], ids[3600:], config, **more))


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_one_batch_is_overfitted(ids, optimizer):
    generator = torch.Generator().manual_seed(0)
    words = torch.randint(20, (33,), generator=generator).to(torch.uint16)
    config = TrainConfig(
        batch_size=4, max_iters=250, optimizer=optimizer, learning_rate=1e-2,
        schedule="constant", weight_decay=0.0, eval_interval=250,
    )  # fmt: skip
    # 33 tokens hold exactly one block of 32: every batch is the same.
    *_, last = train(make_model(), words, ids[:100], config)
    assert last.loss < 0.05


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_seed_repeats_a_run_to_the_bit(ids, optimizer, dropout):
    config = replace(get_preset("tiny").training, optimizer=optimizer, max_iters=15)
    runs = []
    for noise in range(2):
        model = make_model(replace(TINY, dropout=dropout))
        torch.manual_seed(noise)  # what happened before must not matter
        runs.append((run(model, ids, config), model.state_dict()))
    losses = [[step.loss for step in steps] for steps, _ in runs]
    assert losses[0] == losses[1]
    assert all(torch.equal(runs[0][1][name], runs[1][1][name]) for name in runs[0][1])


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_stopping_and_going_on_changes_nothing(ids, optimizer):
    config = TrainConfig(
        batch_size=8, max_iters=120, optimizer=optimizer, eval_interval=50
    )
    straight = make_model(replace(TINY, dropout=0.1))
    run(straight, ids, config)

    stopped = make_model(replace(TINY, dropout=0.1))
    first = make_optimizer(stopped, config)
    for step in train(stopped, ids[:3600], ids[3600:], config, optimizer=first):
        if step.iteration == 60:
            break
    resumed = GPT(stopped.config)
    resumed.load_state_dict(stopped.state_dict())
    second = make_optimizer(resumed, config)
    second.load_state_dict(first.state_dict())
    torch.manual_seed(99)
    run(resumed, ids, config, optimizer=second, start=60)
    for name, weight in straight.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name


def test_evaluation_covers_every_token_once(ids):
    model = make_model()
    # By hand: the mean over windows of one block, the last one shorter.
    total, T = 0.0, TINY.block_size
    for start in range(0, len(ids) - 1, T):
        window = ids[start : start + T + 1].long()
        with torch.no_grad():
            loss = cross_entropy(model(window[None, :-1]), window[None, 1:])
        total += loss.item() * (len(window) - 1)
    expected = total / (len(ids) - 1)
    assert evaluate(model, ids) == pytest.approx(expected, abs=1e-5)
    assert evaluate(model, ids, batch_tokens=100) == pytest.approx(expected, abs=1e-5)
    assert model.training


def test_evaluation_happens_with_dropout_off(ids):
    model = make_model(replace(TINY, dropout=0.5))
    assert evaluate(model, ids) == evaluate(model, ids)


def test_batches_hold_each_next_token():
    ids = torch.arange(100).to(torch.uint16)
    inputs, targets = random_batch(ids, 50, 8, torch.Generator().manual_seed(0))
    assert inputs.shape == targets.shape == (50, 8)
    assert inputs.dtype == torch.int64
    assert torch.equal(inputs + 1, targets)
    assert len(inputs[:, 0].unique()) > 20


def test_every_place_in_the_text_can_be_drawn():
    ids = torch.arange(12)
    inputs, targets = random_batch(ids, 2000, 8, torch.Generator().manual_seed(0))
    assert inputs[:, 0].unique().tolist() == [0, 1, 2, 3]
    assert targets.max() == 11


def test_a_text_shorter_than_a_block_is_refused_with_both_numbers():
    with pytest.raises(ValueError, match=r"20 tokens.* block of 32"):
        random_batch(torch.arange(20), 4, 32, torch.Generator())


def test_learning_rate_rises_and_falls():
    config = TrainConfig(max_iters=110, warmup_iters=10, min_lr_ratio=0.1)
    shares = [lr_multiplier(i, config) for i in range(111)]
    assert shares[0] == pytest.approx(0.1)
    assert shares[10] == max(shares) == 1
    assert shares[60] == pytest.approx(0.55)
    assert shares[110] == pytest.approx(0.1)
    linear = replace(config, schedule="linear", min_lr_ratio=0.0)
    assert lr_multiplier(60, linear) == pytest.approx(0.5)
    assert lr_multiplier(60, replace(config, schedule="constant")) == 1


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_only_matrices_decay_and_every_parameter_is_covered(optimizer):
    model = make_model()
    groups = make_optimizer(model, TrainConfig(optimizer=optimizer)).param_groups
    decays = {id(p): g["weight_decay"] for g in groups for p in g["params"]}
    assert len(decays) == sum(len(g["params"]) for g in groups)
    for name, weight in model.named_parameters():
        if weight.ndim < 2:
            assert decays[id(weight)] == 0, name
        else:
            assert decays[id(weight)] > 0 or optimizer == "muon", name


def test_gradients_are_clipped(ids):
    config = TrainConfig(batch_size=4, max_iters=1, grad_clip=1e-9, weight_decay=0.0)
    model = make_model()
    seen = {}

    class Spy:
        param_groups: list = []  # noqa: RUF012

        def set_lr_multiplier(self, multiplier):
            pass

        def step(self):
            squares = [p.grad.square().sum() for p in model.parameters()]
            seen["norm"] = torch.stack(squares).sum().sqrt().item()

        def zero_grad(self):
            pass

    (step,) = run(model, ids, config, optimizer=Spy())
    assert seen["norm"] <= 1.01e-9
    assert step.grad_norm > 1e-3


def test_orthogonalize_brings_singular_values_near_one():
    generator = torch.Generator().manual_seed(0)
    for shape in ((3, 16, 16), (2, 64, 16), (2, 16, 64)):
        matrices = torch.randn(shape, generator=generator)
        u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
        matrices = u * torch.linspace(0.1, 1, u.shape[-1]) @ vh
        values = torch.linalg.svdvals(orthogonalize(matrices))
        assert 0.7 < values.min() and values.max() < 1.3


def test_nan_stops_the_run_before_it_harms_the_weights(ids):
    model = make_model()
    with torch.no_grad():
        model.final_norm.weight[0] = math.nan
    before = {name: w.clone() for name, w in model.state_dict().items()}
    with pytest.raises(TrainingDiverged, match=r"at iteration 1: .* learning rate"):
        run(model, ids, TrainConfig(batch_size=4, max_iters=5))
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weight, before[name], equal_nan=True, atol=0, rtol=0)


def test_nothing_is_left_of_a_run_that_broke_off(ids):
    model, config = make_model(), TrainConfig(batch_size=4, max_iters=3)
    good = {name: w.clone() for name, w in model.state_dict().items()}
    losses = [step.loss for step in run(model, ids, config)]
    with pytest.raises(TrainingDiverged):
        run(model, ids, replace(config, max_iters=50, learning_rate=1e30))
    model.load_state_dict(good)
    assert [step.loss for step in run(model, ids, config)] == losses


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TrainConfig(max_iters=1e3), "max_iters must be a whole number, not"),
        (lambda: TrainConfig(compile="no"), "compile must be True or False, not 'no'"),
        (lambda: TrainConfig(learning_rate="1"), "learning_rate must be a number"),
        (lambda: TrainConfig(batch_size=True), "batch_size must be a whole number"),
        (lambda: GPTConfig(n_head=2.0), "n_head must be a whole number, not 2.0"),
        (lambda: GPTConfig(block_size=65_537), "block_size must be at most 65,536"),
    ],
)
def test_configs_check_what_they_are_given(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_steps_say_what_happened(ids):
    config = TrainConfig(batch_size=4, max_iters=6, eval_interval=4, warmup_iters=2)
    steps = run(make_model(), ids, config)
    assert [s.iteration for s in steps] == [1, 2, 3, 4, 5, 6]
    assert [s.iteration for s in steps if s.val_loss is not None] == [4, 6]
    assert steps[-1].val_loss == pytest.approx(math.log(20), rel=0.2)
    assert all(s.tokens == 4 * 32 and s.seconds > 0 and s.grad_norm > 0 for s in steps)
    assert steps[0].learning_rate == pytest.approx(0.5e-3)

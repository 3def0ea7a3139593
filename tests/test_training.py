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
    NO_TARGET,
    TrainingDiverged,
    copy_weights,
    copying_batch,
    cross_entropy,
    evaluate,
    random_batch,
    rare_tokens,
    tale_windows,
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


# Tales: three of 5, 7 and 8 tokens, whose ids count on.
TALES, STARTS = torch.arange(20).to(torch.uint16), torch.tensor([0, 5, 12])


def test_a_row_is_a_tale_and_its_last_target_is_what_the_next_begins_with():
    chosen = torch.tensor([2, 0])
    inputs, targets = tale_windows(TALES, STARTS, chosen, 100)
    assert inputs.dtype == targets.dtype == torch.int64
    assert inputs.shape == targets.shape == (2, 8)  # as many as the longest has
    assert inputs[0].tolist() == [12, 13, 14, 15, 16, 17, 18, 19]  # the last tale
    assert targets[0].tolist() == [13, 14, 15, 16, 17, 18, 19, NO_TARGET]
    assert inputs[1, :5].tolist() == [0, 1, 2, 3, 4]
    assert targets[1].tolist() == [1, 2, 3, 4, 5] + [NO_TARGET] * 3
    inputs, targets = tale_windows(TALES, STARTS, torch.tensor([0]), 100)
    assert targets.tolist() == [[1, 2, 3, 4, 5]]


def test_a_tale_longer_than_the_block_is_cut():
    inputs, targets = tale_windows(TALES, STARTS, torch.tensor([0, 1, 2]), 5)
    assert inputs.shape == (3, 5)
    assert targets[0].tolist() == [1, 2, 3, 4, 5]
    assert targets[1].tolist() == [6, 7, 8, 9, 10]
    assert targets[2].tolist() == [13, 14, 15, 16, 17]


def test_with_starts_every_row_begins_at_a_tale():
    generator = torch.Generator().manual_seed(0)
    inputs, targets = random_batch(TALES, 60, 6, generator, STARTS)
    assert inputs.shape == targets.shape == (60, 6)
    assert inputs[:, 0].unique().tolist() == STARTS.tolist()
    there = targets != NO_TARGET
    assert torch.equal(targets[there], inputs[there] + 1)
    assert there.sum(1).unique().tolist() == [5, 6]
    again = random_batch(TALES, 60, 6, generator.manual_seed(0), STARTS)
    assert torch.equal(again[0], inputs) and torch.equal(again[1], targets)


@pytest.mark.parametrize("T", [4, 32])
def test_evaluation_of_tales_is_the_mean_over_the_tokens_of_each(ids, T):
    model = make_model(replace(TINY, block_size=T))
    starts = torch.tensor([0, 9, 12, 50, 71, 75])
    text, total, count = ids[:90], 0.0, 0
    for start, end in zip(starts, [*starts[1:], 90], strict=True):
        window = text[start : end + 1][: T + 1].long()
        with torch.no_grad():
            loss = cross_entropy(model(window[None, :-1]), window[None, 1:])
        total += loss.item() * (len(window) - 1)
        count += len(window) - 1
    for batch_tokens in 1, 3 * T, 10_000:
        found = evaluate(model, text, batch_tokens, starts)
        assert found == pytest.approx(total / count, abs=1e-5)


@pytest.mark.parametrize(
    ("vocab_size", "tokens", "block_size", "shape"),
    [
        (2048, 2048, 128, (32, 64)),
        (20, 500, 16, (31, 16)),
        (5, 128, 64, (2, 64)),  # a vocabulary smaller than the tokens of a row
        (1, 8, 8, (1, 8)),
        (30, 4, 32, (1, 32)),  # at least one row
    ],
)
def test_a_batch_to_copy_from_repeats_a_few_tokens(
    vocab_size, tokens, block_size, shape
):
    generator = torch.Generator().manual_seed(0)
    inputs, targets = copying_batch(vocab_size, tokens, block_size, generator)
    assert inputs.shape == targets.shape == shape
    assert inputs.dtype == targets.dtype == torch.int64
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    rows = torch.cat([inputs, targets[:, -1:]], dim=1)
    assert rows.min() >= 0 and rows.max() < vocab_size
    counts = [len(row.unique()) for row in rows]
    assert max(counts) <= min(8, vocab_size)
    if block_size >= 64:
        assert max(counts) == min(8, vocab_size)
    if vocab_size == 2048:
        assert len(rows.unique()) > 150  # each row has tokens of its own


@pytest.fixture
def recorded(monkeypatch):
    """Note for each iteration whether its batch is to be copied or from the text."""
    kinds = []

    def copying(*args):
        kinds.append("copying")
        return copying_batch(*args)

    def sample(*args):
        kinds.append("text")
        return random_batch(*args)

    monkeypatch.setattr("minigpt.training.copying_batch", copying)
    return kinds, sample


@pytest.mark.parametrize(("copy_iters", "start"), [(0, 0), (3, 0), (3, 2), (9, 0)])
def test_the_first_iterations_practise_copying(ids, recorded, copy_iters, start):
    kinds, sample = recorded
    config = TrainConfig(batch_size=4, max_iters=6, copy_iters=copy_iters)
    run(make_model(), ids, config, sample_batch=sample, start=start)
    expected = ["copying"] * copy_iters + ["text"] * 6
    assert kinds == expected[start:6]


@pytest.mark.parametrize("stop", [3, 5, 8])
def test_copying_that_is_interrupted_ends_on_the_same_weights(ids, stop, monkeypatch):
    monkeypatch.setattr("minigpt.training.RARE", 1)  # every token counts as rare
    copying = {"copy_iters": 5, "copy_weight": 3.0}
    config = TrainConfig(batch_size=4, max_iters=10, optimizer="muon", **copying)
    straight, stopped = make_model(), make_model()
    run(straight, ids, config)
    optimizer = make_optimizer(stopped, config)
    for step in train(stopped, ids[:3600], ids[3600:], config, optimizer=optimizer):
        if step.iteration == stop:
            break
    run(stopped, ids, config, optimizer=optimizer, start=stop)
    for name, weight in straight.state_dict().items():
        assert torch.equal(weight, stopped.state_dict()[name]), name


def test_copying_is_learned(ids):
    shape = replace(TINY, block_size=64, modern=True)
    config = TrainConfig(
        batch_size=16, max_iters=120, optimizer="muon", learning_rate=4e-3,
        muon_learning_rate=0.05, copy_iters=120, eval_interval=120,
    )  # fmt: skip
    steps = run(make_model(shape), ids, config)
    last = sum(step.loss for step in steps[-20:]) / 20
    # Of 20 tokens each row has 8, and the first time each is a surprise.
    assert last < math.log(20) - 0.2


def test_a_rare_token_that_was_there_before_counts_more():
    rare = torch.tensor([False, True, True, True])
    inputs, targets = torch.tensor([[1, 0, 2, 0]]), torch.tensor([[0, 2, 0, 1]])
    targets[0, 2] = NO_TARGET  # after the end
    weights = copy_weights(inputs, targets, rare, 3.0)
    assert weights.tolist() == [[1, 1, 0, 3]]  # 2 is new, and 1 comes again
    repeated = torch.tensor([[3, 3]])  # the input itself counts as seen
    assert copy_weights(repeated, repeated, rare, 2.5).tolist() == [[2.5, 2.5]]
    assert copy_weights(repeated, repeated, rare, 1.0) is None


def test_rare_tokens():
    ids = torch.tensor([0] * 997 + [1] * 2 + [2])
    assert rare_tokens(ids, 4).tolist() == [False, True, True, True]
    assert not rare_tokens(torch.tensor([0, 1]), 2).any()


def test_targets_that_count_more_are_learned_sooner_and_the_losses_stay_plain():
    """In each row one rare token comes twice; it is all that looking back can find."""
    V, T, rows = 400, 16, 64
    rng = torch.Generator().manual_seed(0)
    ids = torch.randint(8, (rows, T), generator=rng)  # tokens that are not rare
    ids[:, 3] = ids[:, 11] = torch.arange(100, 100 + rows)
    shape = GPTConfig(vocab_size=V, block_size=T - 1, n_layer=1, n_head=2, n_embd=16)
    cost = {}
    for weight in 1.0, 50.0:
        config = TrainConfig(max_iters=40, copy_weight=weight, eval_interval=1000)

        def whole(_, B, length, generator):
            return ids[:, :-1], ids[:, 1:]

        model = make_model(shape)
        flat = ids.flatten()
        first, *_ = train(model, flat, flat, config, sample_batch=whole)
        with torch.no_grad():
            losses = cross_entropy(model(ids[:, :-1]), ids[:, 1:], "none")
        cost[weight] = losses[:, 10].mean(), first.loss
    assert cost[50.0][0] < cost[1.0][0]
    assert cost[50.0][1] == pytest.approx(cost[1.0][1])  # the same loss is reported


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

"""Hold the choice of the next token to its definition, to chance, and to its edges."""

import math
import re
from collections import Counter

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from minigpt import sampling
from minigpt.config import GPTConfig
from minigpt.sampling import (
    LARGEST_SEED,
    context_start,
    draw,
    generate,
    most_probable,
    next_token_logits,
    next_token_probabilities,
    penalize_repetition,
)

INF = math.inf
EXTREMES = {
    "plain": [0.5, -1.0, 2.0, 0.0, -3.0],
    "large": [1e4, -1e4, 9e3, 0.0, 1e4],
    "cut": [-INF, 1.0, -INF, 0.5, -INF],
    "one": [-INF, -INF, 3.0, -INF, -INF],
    "equal": [7.0] * 5,
    "subnormal": [1e-40, -1e-40, 0.0, 0.0, 0.0],
}
# Time limits per example would fail where the machine is busy.
examples = settings(deadline=None)
logits_lists = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=30)


def logits_of(V: int, seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(V, generator=torch.Generator().manual_seed(seed))


class Mock(nn.Module):
    """A model whose logits are a fixed row, and that notes what it is given."""

    def __init__(self, row: torch.Tensor, block_size: int = 8) -> None:
        super().__init__()
        self.row = nn.Parameter(row)
        self.config = GPTConfig(vocab_size=len(row), block_size=block_size)
        self.contexts: list[list[int]] = []

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        self.contexts.append(ids[0].tolist())
        return self.row.expand(*ids.shape, -1)


# Probabilities


@pytest.mark.parametrize("name", EXTREMES)
@pytest.mark.parametrize("temperature", [1e-6, 0.1, 1.0, 10.0, 1e6])
@pytest.mark.parametrize(("top_k", "top_p"), [(None, 1.0), (2, 1.0), (None, 0.5)])
def test_probabilities_sum_to_one_at_all_extremes(name, temperature, top_k, top_p):
    p = next_token_probabilities(
        torch.tensor(EXTREMES[name]), temperature, top_k, top_p
    )
    assert p.dtype == torch.float64 and p.shape == (5,)
    assert not p.isnan().any() and (p >= 0).all()
    assert p.sum().item() == pytest.approx(1)
    never = torch.tensor(EXTREMES[name]) == -INF
    assert (p[never] == 0).all()


@examples
@given(logits_lists, st.floats(0.05, 20))
def test_without_cuts_it_is_the_softmax(numbers, temperature):
    logits = torch.tensor(numbers)
    expected = (logits.double() / temperature).softmax(dim=0)
    torch.testing.assert_close(next_token_probabilities(logits, temperature), expected)


def test_temperature_extremes_are_greedy_and_uniform():
    logits = logits_of(20)
    cold = next_token_probabilities(logits, 1e-6)
    assert cold[most_probable(logits)] == pytest.approx(1)
    hot = next_token_probabilities(logits, 1e6)
    torch.testing.assert_close(hot, torch.full((20,), 0.05, dtype=torch.float64),
                               atol=1e-5, rtol=0)  # fmt: skip


@examples
@given(logits_lists, st.integers(1, 40))
@example(numbers=[0.0, 1.0, 1e-33], k=2)  # equal once the largest is taken off
def test_top_k_keeps_exactly_k_the_lowest_ids_of_equals(numbers, k):
    logits = torch.tensor(numbers)
    p = next_token_probabilities(logits, top_k=k)
    ranked = sorted(range(len(numbers)), key=lambda i: (-numbers[i], i))
    assert p.nonzero().flatten().tolist() == sorted(ranked[:k])


def test_top_k_shares_out_what_was_cut():
    p = next_token_probabilities(torch.tensor([2.0, 1.0, 0.0]), top_k=2)
    assert p[0] / p[1] == pytest.approx(math.e)


@examples
@given(logits_lists, st.floats(0.01, 0.99))
def test_top_p_keeps_the_fewest_that_reach_p(numbers, top_p):
    plain = next_token_probabilities(torch.tensor(numbers))
    p = next_token_probabilities(torch.tensor(numbers), top_p=top_p)
    kept = p > 0
    assert plain[kept].sum() >= top_p - 1e-9
    assert plain[kept].sum() - plain[kept].min() < top_p + 1e-9
    assert kept.all() or plain[kept].min() >= plain[~kept].max()
    assert p.sum().item() == pytest.approx(1)


def test_top_p_is_of_what_top_k_has_left():
    logits = torch.tensor([0.5, 0.25, 0.125, 0.125]).log()
    # Of 0.5 and 0.25 the first alone is two thirds.
    p = next_token_probabilities(logits, top_k=2, top_p=0.6)
    assert p.tolist() == [1, 0, 0, 0]


def test_reaching_top_p_exactly_is_enough():
    p = next_token_probabilities(torch.zeros(4), top_p=0.5)
    assert p.tolist() == [0.5, 0.5, 0, 0]


@examples
@given(logits_lists)
def test_cuts_that_cut_nothing_change_nothing(numbers):
    logits = torch.tensor(numbers)
    plain = next_token_probabilities(logits)
    assert torch.equal(
        next_token_probabilities(logits, top_k=len(numbers), top_p=1.0), plain
    )
    assert torch.equal(next_token_probabilities(logits, top_k=10_000), plain)


def test_the_logits_are_left_as_they_were():
    logits = logits_of(10)
    before = logits.clone()
    next_token_probabilities(logits, 0.5, 3, 0.5)
    assert torch.equal(logits, before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0}, "temperature must be above 0, not 0; .*choose greedy"),
        ({"temperature": -1.0}, "temperature must be above 0, not -1.0"),
        ({"temperature": INF}, "temperature must be above 0, not inf"),
        ({"temperature": math.nan}, "temperature must be above 0, not nan"),
        ({"top_k": 0}, "top-k must be at least 1, not 0"),
        ({"top_k": -3}, "top-k must be at least 1, not -3"),
        ({"top_p": 0.0}, "top-p must be above 0 and at most 1, not 0.0"),
        ({"top_p": 1.01}, "top-p must be above 0 and at most 1, not 1.01"),
        ({"top_p": math.nan}, "top-p must be above 0 and at most 1, not nan"),
        ({"repetition_penalty": 0.9}, "penalty must be at least 1, not 0.9; 1 changes"),
        ({"repetition_penalty": INF}, "penalty must be at least 1, not inf"),
        ({"repetition_penalty": math.nan}, "penalty must be at least 1, not nan"),
    ],
)
def test_settings_out_of_range_are_refused_in_words(settings, message):
    with pytest.raises(ValueError, match=message):
        next_token_probabilities(torch.zeros(3), **settings)
    with pytest.raises(ValueError, match=message):
        generate(Mock(torch.zeros(3)), [0], 1, **settings)


# The repetition penalty


def test_a_penalty_divides_positive_logits_and_multiplies_negative_ones():
    logits = torch.tensor([4.0, 4.0, -4.0, -4.0, 0.0, -INF])
    after = penalize_repetition(logits, [0, 2, 2, 4, 5], 2.0)
    assert after.tolist() == [2.0, 4.0, -8.0, -4.0, 0.0, -INF]
    assert logits.tolist() == [4.0, 4.0, -4.0, -4.0, 0.0, -INF]


@examples
@given(logits_lists, st.floats(1, 5), st.data())
def test_a_penalty_never_makes_what_occurred_more_probable(numbers, penalty, data):
    logits = torch.tensor(numbers)
    occurred = data.draw(st.sets(st.integers(0, len(numbers) - 1)))
    before = next_token_probabilities(logits)
    after = next_token_probabilities(
        logits, repetition_penalty=penalty, occurred=occurred
    )
    new = [i for i in range(len(numbers)) if i not in occurred]
    assert after[list(occurred)].sum() <= before[list(occurred)].sum() + 1e-9
    assert (after[new] >= before[new] - 1e-9).all()
    expected = penalize_repetition(logits, occurred, penalty)
    assert torch.equal(after, next_token_probabilities(expected))


def test_the_penalty_comes_before_the_temperature_and_the_cuts():
    logits = torch.tensor([4.0, 3.0, 1.0])
    p = next_token_probabilities(
        logits, 0.5, top_k=2, repetition_penalty=4.0, occurred=[0]
    )
    assert p[1] > p[0] and p[2] == 0  # 3, 1 and 1, of which the lowest ids are kept
    assert p[1] / p[0] == pytest.approx(math.e**4)


def test_a_penalty_of_one_changes_nothing():
    logits = logits_of(9)
    assert torch.equal(penalize_repetition(logits, range(9), 1.0), logits)
    assert torch.equal(penalize_repetition(logits, [], 3.0), logits)
    with pytest.raises(ValueError, match="penalty must be at least 1, not"):
        penalize_repetition(logits, [0], 0.5)
    with pytest.raises(ValueError, match="logits must have one dimension"):
        penalize_repetition(logits[None], [0], 2.0)


def test_a_penalty_leads_greedy_writing_out_of_its_circle():
    model = Mock(torch.tensor([3.0, 2.0, 1.0, 0.5]))
    plain = list(generate(model, [3], 4, greedy=True))
    assert plain == [0, 0, 0, 0]
    # Each is taken once; the prompt, too, has occurred: 0.5 becomes 0.05.
    penalised = generate(model, [3], 4, greedy=True, repetition_penalty=10)
    assert list(penalised) == [0, 1, 2, 0]


@pytest.mark.parametrize("bad", [[math.nan, 1.0], [INF, 1.0], [-INF, -INF]])
def test_logits_without_a_usable_number_are_refused(bad):
    with pytest.raises(ValueError, match="the model is broken"):
        next_token_probabilities(torch.tensor(bad))


@pytest.mark.parametrize("shape", [(), (4, 5), (1, 4, 5)])
def test_rows_of_a_whole_text_are_refused_in_words(shape):
    message = (
        rf"must have one dimension \(V,\), not shape {re.escape(str(shape))}; take"
    )
    with pytest.raises(ValueError, match=f"logits {message} the last row"):
        next_token_probabilities(torch.zeros(shape))
    with pytest.raises(ValueError, match=f"logits {message} the last row"):
        most_probable(torch.zeros(shape))
    with pytest.raises(ValueError, match=f"probabilities {message} the last row"):
        draw(torch.ones(shape), torch.Generator())


def test_greedy_refuses_a_broken_model_too():
    with pytest.raises(ValueError, match="the model is broken"):
        most_probable(torch.tensor([1.0, math.nan]))


# Draws


def test_greedy_takes_the_lowest_id_of_equals():
    assert most_probable(torch.tensor([1.0, 3.0, 3.0, 2.0])) == 1
    assert most_probable(torch.zeros(4)) == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.5},
        {"temperature": 3.0, "top_k": 8, "top_p": 0.8},
        pytest.param({"temperature": 3.0}, marks=pytest.mark.thorough),
        pytest.param({"temperature": 3.0, "top_k": 5}, marks=pytest.mark.thorough),
        pytest.param({"temperature": 3.0, "top_p": 0.6}, marks=pytest.mark.thorough),
    ],
    ids=str,
)
def test_200_000_draws_come_as_often_as_they_should(settings, tried):
    p = next_token_probabilities(logits_of(12, seed=4), **settings)
    generator = torch.Generator().manual_seed(0)
    N = 200_000
    drawn = Counter(draw(p, generator) for _ in range(N))
    counts = torch.tensor([drawn[i] for i in range(12)], dtype=torch.float64)
    possible = p > 0
    assert (counts[~possible] == 0).all()
    # What is too rare for the statistic is counted as one.
    rare = possible & (N * p < 50)
    often = possible & ~rare
    seen, expected = counts[often], N * p[often]
    if rare.any() and N * p[rare].sum() > 5:
        seen = torch.cat((seen, counts[rare].sum()[None]))
        expected = torch.cat((expected, N * p[rare].sum()[None]))
    chi_squared = ((seen - expected) ** 2 / expected).sum().item()
    degrees = len(seen) - 1
    # Above this once in a thousand times (Wilson and Hilferty's approximation).
    limit = degrees * (1 - 2 / (9 * degrees) + 3.09 * (2 / (9 * degrees)) ** 0.5) ** 3
    assert degrees >= 3 and chi_squared < limit
    tried(f"{N:,} draws at {settings}: chi-squared {chi_squared:.1f} < {limit:.1f}")


def test_a_draw_never_gives_what_has_no_probability():
    p = torch.tensor([0.0, 0.5, 0.0, 0.5, 0.0], dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    assert {draw(p, generator) for _ in range(2000)} == {1, 3}


def test_draws_do_not_mind_the_scale():
    p = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    for seed in range(50):
        one, two = (torch.Generator().manual_seed(seed) for _ in "ab")
        assert draw(p, one) == draw(2 * p, two)


# The context


@examples
@given(st.integers(1, 500), st.integers(1, 64))
def test_context_fits_the_block_and_keeps_at_least_half_of_it(length, block_size):
    start = context_start(length, block_size)
    kept = length - start
    assert 1 <= kept <= block_size
    if length <= block_size:
        assert start == 0
    else:
        stride = max(block_size // 2, 1)
        assert start % stride == 0
        assert kept > block_size - stride


@examples
@given(st.integers(1, 500), st.integers(1, 64))
def test_context_never_slides_back(length, block_size):
    step = context_start(length + 1, block_size) - context_start(length, block_size)
    assert step in (0, max(block_size // 2, 1))


def test_prompts_longer_than_the_block_keep_their_end():
    model = Mock(torch.zeros(30), block_size=8)
    next_token_logits(model, list(range(20)))
    assert model.contexts == [list(range(12, 20))]


def test_each_step_sees_all_that_was_written():
    model = Mock(torch.tensor([0.0, 0.0, 9.0]), block_size=4)
    assert list(generate(model, [0, 1], 4, greedy=True)) == [2] * 4
    assert model.contexts == [[0, 1], [0, 1, 2], [0, 1, 2, 2], [2, 2, 2]]


# Generation


def test_seeds_repeat_and_differ():
    model = Mock(torch.zeros(50))
    texts = [list(generate(model, [0], 30, seed=s)) for s in (0, 0, 1, 2)]
    assert texts[0] == texts[1]
    assert len({tuple(text) for text in texts}) == 3


def test_the_largest_seed_is_unlike_any_smaller_one():
    model = Mock(torch.zeros(50))
    texts = [list(generate(model, [0], 30, seed=s)) for s in (0, 1, LARGEST_SEED)]
    assert len({tuple(text) for text in texts}) == 3


@pytest.mark.parametrize("seed", [-1, LARGEST_SEED + 1, 2**63 - 1, 2**70])
def test_seeds_that_would_repeat_a_smaller_one_are_refused(seed):
    with pytest.raises(
        ValueError, match=rf"seed must be from 0 to 2\^32 - 1, not {seed}"
    ):
        generate(Mock(torch.zeros(50)), [0], 1, seed=seed)


def test_the_global_random_numbers_are_left_alone():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    list(generate(Mock(torch.zeros(5)), [0], 10, seed=7))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_global_seed_has_no_say():
    model = Mock(torch.zeros(50))
    torch.manual_seed(1)
    first = list(generate(model, [0], 20))
    torch.manual_seed(2)
    assert list(generate(model, [0], 20)) == first


def test_greedy_ignores_the_seed():
    model = Mock(logits_of(9))
    texts = [list(generate(model, [0], 5, greedy=True, seed=s)) for s in (0, 1)]
    assert texts[0] == texts[1] == [most_probable(logits_of(9))] * 5


def test_top_k_of_one_is_greedy():
    model = Mock(logits_of(9))
    assert list(generate(model, [0], 5, top_k=1)) == list(
        generate(model, [0], 5, greedy=True)
    )


def test_it_computes_only_what_is_asked_for():
    model = Mock(torch.zeros(5))
    ids = generate(model, [0], 1000)
    assert not model.contexts
    next(ids)
    assert len(model.contexts) == 1


def test_a_length_of_zero_is_empty():
    assert list(generate(Mock(torch.zeros(5)), [0], 0)) == []


def test_the_prompt_is_left_as_it_was():
    prompt = [0, 1]
    list(generate(Mock(torch.zeros(5)), prompt, 4))
    assert prompt == [0, 1]


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_meanwhile_and_the_mode_put_back(training):
    class Dropping(Mock):
        def forward(self, ids):
            assert not self.training
            return super().forward(ids)

    model = Dropping(torch.zeros(5)).train(training)
    list(generate(model, [0], 2))
    assert model.training is training


def test_the_mode_of_every_layer_is_put_back():
    model = Mock(torch.zeros(5)).train()
    model.frozen = nn.Dropout().eval()
    ids = generate(model, [0], 5)
    next(ids)
    assert model.training and not model.frozen.training
    ids.close()
    assert model.training and not model.frozen.training


def test_the_mode_is_put_back_after_an_error():
    class Failing(Mock):
        def forward(self, ids):
            raise RuntimeError

    model = Failing(torch.zeros(5)).train()
    with pytest.raises(RuntimeError):
        next_token_logits(model, [0])
    assert model.training


@pytest.mark.parametrize(
    ("ids", "length", "message"),
    [
        ([], 5, "the prompt is empty: the model needs a token to start from"),
        ([0, 5], 5, "every id of the prompt must be from 0 to 4"),
        ([-1], 5, "every id of the prompt must be from 0 to 4"),
        (
            torch.zeros(1, 1, dtype=torch.long),
            5,
            r"in one dimension, not of shape \(1, 1\)",
        ),
        ([0.5], 5, "ids must be whole numbers"),
        ("abc", 5, "ids must be whole numbers"),
        ([0], -1, "length must be from 0 to 1,000,000, not -1"),
        ([0], sampling.MAX_NEW_TOKENS + 1, "length must be from 0 to 1,000,000, not"),
    ],
)
def test_requests_that_cannot_be_met_are_refused_at_once(ids, length, message):
    with pytest.raises(ValueError, match=message):
        generate(Mock(torch.zeros(5)), ids, length)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.int32, torch.int64])
def test_any_integers_in_one_dimension_are_a_prompt(dtype):
    model, ids = Mock(logits_of(9)), [3, 1, 2]
    expected = list(generate(model, ids, 5))
    prompt = torch.tensor(ids, dtype=dtype)
    for same in prompt, prompt.numpy(), tuple(ids), iter(ids):
        assert list(generate(model, same, 5)) == expected
    logits = next_token_logits(model, prompt)
    assert torch.equal(logits, next_token_logits(model, ids))


@pytest.mark.parametrize("ids", [[], [9], torch.zeros(1, 1, dtype=torch.long)])
def test_logits_after_no_proper_prompt_are_refused_in_words(ids):
    with pytest.raises(ValueError, match=r"prompt|one dimension"):
        next_token_logits(Mock(torch.zeros(5)), ids)

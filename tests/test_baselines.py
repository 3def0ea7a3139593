"""Baselines are counted right: by hand on small texts, by a slow loop on large ones."""

import itertools
import math
from collections import Counter

import pytest
import torch

from minigpt.baselines import baseline_losses


def test_worked_example_by_hand():
    both = torch.tensor([0, 1, 0, 1, 0])
    found = baseline_losses(both, both, vocab_size=2)
    assert found.uniform == pytest.approx(math.log(2))
    # 0 came 3 times of 5, 1 twice; one is added to each. To predict: 1, 0, 1, 0.
    assert found.unigram == pytest.approx(-(math.log(3 / 7) + math.log(4 / 7)) / 2)
    # 1 came after 0 each of 2 times, and 0 after 1.
    assert found.bigram == pytest.approx(-math.log(3 / 4))


def test_equal_to_a_slow_loop():
    generator = torch.Generator().manual_seed(3)
    train = torch.randint(7, (400,), generator=generator).to(torch.uint16)
    val = torch.randint(9, (60,), generator=generator).to(torch.uint16)
    t, v, V = train.tolist(), val.tolist(), 9
    single, before = Counter(t), Counter(t[:-1])
    pair = Counter(itertools.pairwise(t))
    steps = list(itertools.pairwise(v))
    by_single = [math.log((single[b] + 1) / (len(t) + V)) for _, b in steps]
    by_pair = [math.log((pair[a, b] + 1) / (before[a] + V)) for a, b in steps]
    found = baseline_losses(train, val, V)
    assert found.unigram == pytest.approx(-sum(by_single) / len(steps))
    assert found.bigram == pytest.approx(-sum(by_pair) / len(steps))


def test_a_large_vocabulary_needs_no_table_of_all_pairs():
    ids = torch.arange(65_536).to(torch.uint16)
    found = baseline_losses(ids, ids, 65_536)
    assert found.bigram == pytest.approx(math.log(65_537 / 2))


def test_knowing_more_helps_on_real_text():
    text = "the fox and the crow and the fox and the goose. " * 40
    ids = torch.tensor([ord(c) for c in text])
    found = baseline_losses(ids, ids[-300:], 128)
    assert found.bigram < found.unigram < found.uniform


@pytest.mark.parametrize("length", [0, 1])
def test_texts_without_a_pair_are_refused(length):
    with pytest.raises(ValueError, match="two tokens"):
        baseline_losses(torch.zeros(length).long(), torch.zeros(9).long(), 3)

"""Configurations hold plain numbers in their ranges, whatever they are given."""

import json
from dataclasses import asdict, fields, replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from minigpt.config import GPTConfig, TrainConfig


def same_numbers_as(kind):
    """Return configs made with this kind of scalar, and with Python's own numbers."""
    made = (
        GPTConfig(kind(9), kind(8), kind(2), kind(2), kind(4)),
        TrainConfig(
            batch_size=kind(3), max_iters=kind(7), seed=kind(2), weight_decay=kind(1)
        ),
    )
    own = (
        GPTConfig(9, 8, 2, 2, 4),
        TrainConfig(batch_size=3, max_iters=7, seed=2, weight_decay=1.0),
    )
    return zip(made, own, strict=True)


@pytest.mark.parametrize(
    "kind",
    [int, np.int64, np.uint8, np.array, torch.tensor, lambda n: torch.tensor(n).int()],
)
def test_whole_numbers_of_any_library_become_pythons(kind):
    for config, own in same_numbers_as(kind):
        assert config == own
        for field in fields(config):
            assert type(getattr(config, field.name)) is field.type, field.name
        assert json.loads(json.dumps(asdict(config))) == asdict(own)


@pytest.mark.parametrize(
    "rate", [0.5, np.float32(0.5), np.array(0.5), torch.tensor(0.5), Fraction(1, 2)]
)
def test_numbers_of_any_library_become_pythons(rate):
    config = TrainConfig(learning_rate=rate, min_lr_ratio=0)
    assert type(config.learning_rate) is float and config.learning_rate == 0.5
    assert type(config.min_lr_ratio) is float


def test_truth_values_of_numpy_become_pythons():
    assert GPTConfig(modern=np.bool_(True)).modern is True


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"batch_size": True}, "batch_size must be a whole number, not True"),
        ({"batch_size": np.bool_(True)}, "batch_size must be a whole number, not True"),
        ({"batch_size": np.float64(3)}, "batch_size must be a whole number, not 3.0"),
        (
            {"batch_size": torch.ones(2)},
            "batch_size must be a whole number, not tensor",
        ),
        ({"learning_rate": True}, "learning_rate must be a number, not True"),
        ({"learning_rate": 1j}, "learning_rate must be a number, not 1j"),
        ({"learning_rate": np.inf}, "learning_rate must be a finite number, not inf"),
        ({"learning_rate": 10**400}, "learning_rate must be a finite number, not 1000"),
        ({"weight_decay": np.nan}, "weight_decay must be a finite number, not nan"),
        ({"weight_decay": np.inf}, "weight_decay must be a finite number, not inf"),
        ({"compile": 1}, "compile must be True or False, not 1"),
        ({"optimizer": 3}, "optimizer must be a text, not 3"),
    ],
)
def test_other_values_are_refused_in_words(changes, complaint):
    with pytest.raises(ValueError) as error:
        replace(TrainConfig(), **changes)
    assert str(error.value).startswith(complaint)

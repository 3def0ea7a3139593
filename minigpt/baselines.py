"""Compute the losses of three predictors without a model: what a model has to beat."""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from minigpt.data import Dataset, as_id_tensor, check_id_range


@dataclass(frozen=True)
class Baselines:
    """The losses of three predictors without a model, and the floor, in nats per token.

    Attributes:
        uniform: every token is equally probable; the loss is ln V.
        unigram: a token is as probable as it is frequent in the training text.
        bigram: a token is as probable as it is frequent after the token before it.
        entropy: of tales drawn from a grammar, which no model can beat; None for a text
            whose entropy is unknown.
    """

    uniform: float
    unigram: float
    bigram: float
    entropy: float | None = None


def baseline_losses(train_ids: Any, val_ids: Any, vocab_size: int) -> Baselines:
    """Count the tokens and pairs of `train_ids`, and predict `val_ids` by the counts.

    One is added to every count (Laplace smoothing), so that a pair that was never seen
    is improbable and not impossible. As in `training.evaluate`, every token of
    `val_ids` but the first is predicted. Any one-dimensional integers are ids.

    Raises:
        ValueError: one of the texts is too short to have a pair of tokens, or an id is
            not below vocab_size.

    >>> both = torch.tensor([0, 1, 0, 1, 0])
    >>> baseline_losses(both, both, vocab_size=2).bigram  # 0, then 1: 3 of 4
    0.287...
    """
    V = vocab_size
    train_ids, val_ids = as_id_tensor(train_ids).long(), as_id_tensor(val_ids).long()
    if min(len(train_ids), len(val_ids)) < 2:
        raise ValueError("counting pairs needs texts of at least two tokens")
    check_id_range(train_ids, V, "train_ids")
    check_id_range(val_ids, V, "val_ids")
    known, came = (train_ids[:-1] * V + train_ids[1:]).unique(return_counts=True)
    asked = val_ids[:-1] * V + val_ids[1:]
    place = torch.searchsorted(known, asked).clamp(max=len(known) - 1)
    pair_counts = torch.where(known[place] == asked, came[place], 0)
    before = torch.bincount(train_ids[:-1], minlength=V)[val_ids[:-1]]
    counts = torch.bincount(train_ids, minlength=V)[val_ids[1:]]
    return Baselines(
        uniform=math.log(V),
        unigram=_loss(counts, torch.tensor(len(train_ids)), V),
        bigram=_loss(pair_counts, before, V),
    )


def _loss(counts: Tensor, totals: Tensor, V: int) -> float:
    """Return the mean of -ln p in nats, one added to each of V counts."""
    return -((counts.double() + 1) / (totals.double() + V)).log().mean().item()


def dataset_baselines(dataset: Dataset) -> Baselines:
    """Return the baseline losses of a dataset, and its entropy if that is known.

    Raises:
        ValueError: as `baseline_losses`.
    """
    V = dataset.tokenizer.vocab_size
    counted = baseline_losses(dataset.train_ids, dataset.val_ids, V)
    return replace(counted, entropy=dataset.entropy)

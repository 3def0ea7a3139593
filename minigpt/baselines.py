"""Measure how well plain counting predicts a text: what a model has to beat."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Baselines:
    """What three ways to guess without a model cost, in nats per token.

    Attributes:
        uniform: every token equally probable, ln V.
        unigram: each token as often as it came in the text learned from.
        bigram: each token as often as it came after the token before it.
    """

    uniform: float
    unigram: float
    bigram: float


def baseline_losses(train_ids: Tensor, val_ids: Tensor, vocab_size: int) -> Baselines:
    """Count the tokens and pairs of one text, and predict another with the counts.

    One is added to every count, so that what never came is improbable and not
    impossible. As in `training.evaluate` the first token of `val_ids` (T,) is given,
    and each of the others is predicted.

    Raises:
        ValueError: one of the texts is too short to have a pair of tokens.

    >>> both = torch.tensor([0, 1, 0, 1, 0])
    >>> baseline_losses(both, both, vocab_size=2).bigram  # 0, then 1: 3 of 4
    0.287...
    """
    if min(len(train_ids), len(val_ids)) < 2:
        raise ValueError("counting pairs needs texts of at least two tokens")
    V = vocab_size
    train_ids, val_ids = train_ids.long(), val_ids.long()
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

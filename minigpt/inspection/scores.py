"""Score what the attention heads of a model look at, over many texts.

A *pattern* marks for each query (row) which keys (columns) would be looked at: a bool
tensor (B, T, T). It is made from ids (B, T), or from any other integers that stand for
them, such as one number for all spellings of a name.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from minigpt.attention import causal_mask


def previous_token(ids: Tensor) -> Tensor:
    """Mark the key just before each query; (B, T, T) bool from ids (B, T)."""
    T = ids.shape[1]
    diagonal = torch.ones(T, T, dtype=torch.bool, device=ids.device)
    return (diagonal.tril(-1) & diagonal.triu(-1)).expand(len(ids), -1, -1)


def same_token(ids: Tensor) -> Tensor:
    """Mark earlier occurrences of the query's own token; (B, T, T) bool from (B, T)."""
    same = ids[:, :, None] == ids[:, None, :]
    return same & causal_mask(ids.shape[1], ids.device).tril(-1)


def after_same_token(ids: Tensor) -> Tensor:
    """Mark what came after earlier occurrences of the query's own token.

    A head that looks there, and copies what it finds, is an *induction head*: it goes
    on as the text went on before (Olsson et al., 2022).

    >>> after_same_token(torch.tensor([[7, 8, 7]]))[0].int().tolist()
    [[0, 0, 0], [0, 0, 0], [0, 1, 0]]
    """
    same = same_token(ids)
    marked = torch.zeros_like(same)
    marked[:, :, 1:] = same[:, :, :-1]
    return marked


def token_to_come(ids: Tensor) -> Tensor:
    """Mark earlier occurrences of the token that comes after the query.

    A head that looks there knows already what will be repeated. The last query has
    nothing marked.

    >>> token_to_come(torch.tensor([[7, 8, 7]]))[0].int().tolist()
    [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
    """
    same = same_token(ids)
    marked = torch.zeros_like(same)
    marked[:, :-1] = same[:, 1:]
    return marked


def head_scores(
    maps: Sequence[Tensor], pattern: Tensor, queries: Tensor | None = None
) -> Tensor:
    """Return the weight that each head gives to the marked keys, averaged over queries.

    A query counts if the pattern marks a key for it. Compare with the scores of
    `uniform_attention`, or with a pattern of other texts.

    Args:
        maps: from `attention_maps`, L tensors (B, H, T, T).
        pattern: the keys that are marked, bool (B, T, T).
        queries: bool (B, T), to leave out further queries, such as those in padding.

    Returns:
        (L, H), each from 0 to 1; nan if no query counts.
    """
    counts = pattern.any(dim=-1)
    if queries is not None:
        counts = counts & queries
    marked = torch.stack([(m * pattern[:, None]).sum(dim=-1) for m in maps])
    return marked.transpose(2, 3)[:, counts].mean(dim=1)  # from (L, B, T, H)


def uniform_attention(ids: Tensor) -> list[Tensor]:
    """Return the map of one head that looks equally at all it may, [(B, 1, T, T)]."""
    weights = causal_mask(ids.shape[1], ids.device).float()
    weights /= weights.sum(dim=-1, keepdim=True)
    return [weights.expand(len(ids), 1, -1, -1)]


def repeated_tokens(
    vocab_size: int, shape: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """Return ids (B, 2 T) of which each row is T random tokens, twice.

    Nothing but copying helps to predict the second half: an induction head's score is
    that of `after_same_token` there.

    Args:
        shape: (B, T).
    """
    once = torch.randint(vocab_size, shape, generator=generator)
    return torch.cat([once, once], dim=1)

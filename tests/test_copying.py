"""The small model of looking_inside learns to copy, and the batches are as promised."""

import pytest
import torch

from minigpt.course import copying


def test_names_come_again_letter_for_letter():
    batch = copying.names_batch(50, torch.Generator().manual_seed(0))
    assert batch.ids.shape == batch.again.shape == (50, copying.BLOCK + 1)
    assert not (batch.first & batch.again).any()
    n = copying.NAME_LENGTH
    for ids, first, again in zip(*vars(batch).values(), strict=True):
        text, known = copying.spell(ids), set()
        for start in range(0, len(text), n):
            name = text[start : start + n]
            whole = {one for one in known if one.startswith(name)}
            for t in range(start, start + len(name)):
                second = t == start + 1
                assert bool(again[t]) == (second and bool(whole))
                assert bool(first[t]) == (second and not whole)
            known.add(name)


def test_a_name_has_no_letter_of_another():
    text = copying.spell(copying.names_batch(1, torch.Generator()).ids[0])
    n = copying.NAME_LENGTH
    names = {text[t : t + n] for t in range(0, len(text) - n + 1, n)}
    letters = "".join(names)
    assert len(names) > 1
    assert len(letters) == len(set(letters))


def test_the_same_seed_gives_the_same_batch_and_leaves_the_global_one():
    state = torch.get_rng_state()
    one, two = (next(copying.watch(3)).model for _ in range(2))
    assert torch.equal(one.token_embedding.weight, two.token_embedding.weight)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(5))
def test_a_head_learns_to_copy(seed, tried):
    *_, last = copying.watch(seed)
    assert last.again < 0.5 < 2 < last.first
    assert last.induction[1].max() > 0.5
    tried(
        f"seed {seed}: a second letter costs {last.first:.2f}, again {last.again:.2f}"
    )

"""Damaged in hundreds of ways, a checkpoint is refused in one line or loaded whole."""

import random
from dataclasses import asdict

import pytest
import torch
from samples import few_or_many

from minigpt.checkpoint import load_checkpoint, save_checkpoint
from minigpt.data import load_dataset
from minigpt.run import resume

CONFIG_LIES = {
    "vocab_size": (1, 2, 10**6, 10**12),
    "block_size": (1, 31, 33, 10**5, 10**12),
    "n_layer": (1, 3, 100, 10**9),
    "n_head": (1, 4, 32),
    "n_embd": (2, 16, 64, 2**30),
    "modern": (True, "yes", 1),
    "dropout": (1.5, -0.1, "none"),
}


@pytest.fixture
def chance():
    return random.Random(6)


@pytest.fixture
def outcome(trained, tmp_path):
    """What comes of a file with that content: "whole" or "refused", never else."""
    good, path = load_checkpoint(trained), tmp_path / "damaged.pt"
    state = good.model.state_dict()

    def load(content: bytes) -> str:
        path.write_bytes(content)
        try:
            loaded = load_checkpoint(path)
        except ValueError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            return "refused"
        ours = loaded.model.state_dict()
        assert all(torch.equal(ours[name], state[name]) for name in state)
        assert loaded.model.config == good.model.config
        assert loaded.tokenizer.to_dict() == good.tokenizer.to_dict()
        assert str(asdict(loaded.training)) == str(asdict(good.training))
        return "whole"

    return load


@few_or_many("tries", 20, 200)
def test_cut_off_anywhere(outcome, trained, chance, tried, tries):
    whole = trained.read_bytes()
    lengths = [chance.randrange(len(whole)) for _ in range(tries)]
    assert {outcome(whole[:length]) for length in lengths} == {"refused"}
    assert outcome(whole) == "whole"
    tried(f"{tries} checkpoints cut off at random lengths, all refused")


@few_or_many("tries", 20, 200)
@pytest.mark.parametrize("bytes_flipped", [1, 200])
def test_bytes_flipped_anywhere(outcome, trained, chance, tried, bytes_flipped, tries):
    whole, outcomes = trained.read_bytes(), []
    for _ in range(tries):
        damaged = bytearray(whole)
        for place in chance.sample(range(len(whole)), bytes_flipped):
            damaged[place] ^= chance.randrange(1, 256)
        outcomes.append(outcome(bytes(damaged)))
    refused = outcomes.count("refused")
    assert refused > tries / 2  # the others were not changed in what is loaded
    tried(
        f"{tries} checkpoints with {bytes_flipped} random byte(s) flipped: {refused} "
        f"refused, {tries - refused} loaded whole"
    )


def test_a_config_that_lies(trained, tmp_path, tried):
    content = torch.load(trained, weights_only=True)
    path, count = tmp_path / "liar.pt", 0
    for field, values in CONFIG_LIES.items():
        for value in values:
            lie = content["model_config"] | {field: value}
            torch.save(content | {"model_config": lie}, path)
            try:
                loaded = load_checkpoint(path)
            except ValueError as error:
                assert str(path) in str(error) and "\n" not in str(error)
            else:
                # The shapes do not tell how many heads share them.
                assert field == "n_head" and loaded.model.config.n_head == value
            count += 1
    tried(f"{count} configs that lie about their model")


def other_version(content):
    return content | {"version": 0}


def no_version(content):
    return {k: v for k, v in content.items() if k != "version"}


@pytest.mark.parametrize("change", [other_version, no_version])
def test_an_older_version_is_named(trained, tmp_path, change):
    path = tmp_path / "old.pt"
    torch.save(change(torch.load(trained, weights_only=True)), path)
    with pytest.raises(
        ValueError, match=r"has format version (0|None), and this program"
    ):
        load_checkpoint(path)


# What a run is taken up from


def optimizer_states(state):
    """Ways in which the state of an optimizer does not fit the model."""
    slots = state["state"]
    first = slots[0]
    yield {}
    yield {"parts": []}
    yield state | {"param_groups": []}
    yield state | {"param_groups": "none"}
    yield state | {"state": {0: {"exp_avg": 5}}}
    yield state | {"state": "none"}
    yield state | {"state": [first]}
    yield state | {"state": slots | {0: dict.fromkeys(first, "x")}}
    yield state | {"state": slots | {0: first | {"more": torch.zeros(1)}}}
    yield state | {"state": slots | {10**6: first}}
    for name, value in first.items():
        odd = [value.to_sparse(), value.to("meta"), value.long()]
        odd += [torch.tensor(0.0), value[:1].expand_as(value)] if value.ndim else []
        odd += [value[1:]] if value.ndim else [torch.zeros(3)]
        for instead in odd:
            yield state | {"state": slots | {0: first | {name: instead}}}
        lost = {k: v for k, v in first.items() if k != name}
        yield state | {"state": slots | {0: lost}}


def test_an_optimizer_that_does_not_fit(trained, prepared, tmp_path, tried):
    content = torch.load(trained, weights_only=True)
    path, dataset = tmp_path / "misfit.pt", load_dataset(prepared)
    cases = list(optimizer_states(content["training"]["optimizer"]))
    for state in cases:
        torch.save(
            content | {"training": content["training"] | {"optimizer": state}}, path
        )
        with pytest.raises(ValueError) as caught:
            resume(dataset, path, {"max_iters": 1000})
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    tried(f"{len(cases)} states of an optimizer that do not fit the model")


@pytest.mark.parametrize(
    "change",
    [
        {"iteration": -1},
        {"iteration": 10**30},
        {"iteration": True},
        {"val_losses": 5},
        {"val_losses": [[1, 2, 3]]},
        {"val_losses": [("a", "b")]},
        {"config": {"batch_size": 10**9}},
        {"config": {"max_iters": "many"}},
    ],
    ids=str,
)
def test_a_training_state_that_makes_no_sense(trained, prepared, tmp_path, change):
    content = torch.load(trained, weights_only=True)
    state, path = dict(content["training"]), tmp_path / "senseless.pt"
    if "config" in change:
        change = {"config": state["config"] | change["config"]}
    torch.save(content | {"training": state | change}, path)
    with pytest.raises(ValueError) as caught:
        resume(load_dataset(prepared), path, {})
    assert "\n" not in str(caught.value)


def test_memory_is_not_filled(trained, tmp_path):
    """Tensors that share one small storage can claim to be as large as they like."""
    content = torch.load(trained, weights_only=True)
    weights = {
        name: torch.zeros(1, dtype=w.dtype).expand(2**20, *w.shape)
        for name, w in content["weights"].items()
    }
    path = tmp_path / "bomb.pt"
    torch.save(content | {"weights": weights}, path)
    assert path.stat().st_size < 10_000_000
    with pytest.raises(ValueError, match="not plain"):
        load_checkpoint(path)
    save_checkpoint(
        path, load_checkpoint(trained).model, load_checkpoint(trained).tokenizer
    )
    assert load_checkpoint(path).training is None

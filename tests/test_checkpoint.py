"""One file holds a model, is read without trusting it, and is never half-written."""

import io
import os
import pickle
import runpy
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from minigpt.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from minigpt.config import GPTConfig, TrainConfig
from minigpt.model import GPT
from minigpt.optim import make_optimizer
from minigpt.paths import SHIPPED_CHECKPOINT
from minigpt.tales import draw_tales, read_grammar
from minigpt.tokenizer import BPETokenizer, CharTokenizer, WordTokenizer

ROOT = Path(__file__).resolve().parent.parent
TEXT = "the fox and the crow, the crow and the cheese"
TOKENIZERS = [
    CharTokenizer.from_text(TEXT),
    BPETokenizer.train(TEXT, 270),
    WordTokenizer.from_text(TEXT),
]


def make_model(vocab_size, **fields):
    torch.manual_seed(0)
    return GPT(GPTConfig(vocab_size, 8, 2, 2, 16, **fields)).eval()


@pytest.fixture
def path(tmp_path):
    """A good checkpoint, to be spoiled."""
    tokenizer = TOKENIZERS[0]
    save_checkpoint(tmp_path / "m.pt", make_model(tokenizer.vocab_size), tokenizer)
    return tmp_path / "m.pt"


def change(path, **fields):
    """Write the checkpoint again with other fields."""
    content = torch.load(path, weights_only=True)
    torch.save(content | fields, path)


def refusal(path) -> str:
    with pytest.raises(ValueError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


@pytest.mark.parametrize("modern", [False, True])
@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=["char", "bpe", "word"])
def test_everything_comes_back(tmp_path, tokenizer, modern):
    model = make_model(tokenizer.vocab_size, modern=modern)
    config = TrainConfig(optimizer="muon")
    optimizer = make_optimizer(model, config)
    model(torch.zeros(1, 8, dtype=torch.long)).sum().backward()
    optimizer.step()
    state = TrainingState(config, 7, optimizer.state_dict(), [(5, 1.5), (7, 1.25)])
    save_checkpoint(tmp_path / "m.pt", model, tokenizer, state)
    loaded = load_checkpoint(tmp_path / "m.pt")
    assert loaded.model.config == model.config and not loaded.model.training
    for name, weights in model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], weights)
    assert loaded.tokenizer.to_dict() == tokenizer.to_dict()
    assert loaded.training is not None
    assert replace(loaded.training, optimizer={}) == replace(state, optimizer={})
    again = make_optimizer(loaded.model, config)
    again.load_state_dict(loaded.training.optimizer)
    assert str(again.state_dict()) == str(optimizer.state_dict())


def test_half_precision_halves_the_file(path, tmp_path):
    model, tokenizer = load_checkpoint(path).model, TOKENIZERS[0]
    save_checkpoint(tmp_path / "half.pt", model, tokenizer, dtype=torch.float16)
    weights = sum(w.numel() for w in model.parameters())
    saved = path.stat().st_size - (tmp_path / "half.pt").stat().st_size
    assert saved == pytest.approx(2 * weights, rel=0.3)
    loaded = load_checkpoint(tmp_path / "half.pt").model
    for ours, theirs in zip(model.parameters(), loaded.parameters(), strict=True):
        assert theirs.dtype == torch.float32
        assert torch.allclose(ours, theirs, atol=1e-3)


def test_a_stranger_may_read_it_without_this_package(path):
    content = torch.load(path, weights_only=True)
    assert content["model_config"]["n_embd"] == 16
    assert content["tokenizer"]["characters"] == TOKENIZERS[0].characters


def test_the_shipped_model_is_small_and_whole():
    assert SHIPPED_CHECKPOINT.stat().st_size <= 4_000_000
    loaded = load_checkpoint(SHIPPED_CHECKPOINT)
    assert "MORAL:" in loaded.tokenizer.decode(loaded.tokenizer.encode("MORAL:"))


def test_heads_of_the_shipped_model_look_back_at_names_and_things():
    script = runpy.run_path(str(ROOT / "benchmarks" / "heads.py"))
    tales = draw_tales(read_grammar(), 40, seed=12)
    looked = script["looking_back"](load_checkpoint(SHIPPED_CHECKPOINT), tales)
    best = {kind: found.float().mean(-1).max() for kind, found in looked.items()}
    assert best["thing"] > 0.85
    assert best["speaker, any name"] > 0.8


def test_missing_and_folder(tmp_path):
    assert "there is no checkpoint" in refusal(tmp_path / "none.pt")
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9, 0.999])
def test_truncated(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert "damaged or not a minigpt checkpoint" in refusal(path)


def test_a_flipped_bit_is_noticed(path):
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
    content[largest.header_offset + largest.file_size // 2] ^= 1
    path.write_bytes(content)
    assert "damaged" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [
        b"To be, or not to be.",
        b"\x80\x02}q\x00.",
        torch.tensor([1.0, 2.0]),
        {"model": {"weight": torch.zeros(3)}, "iter_num": 5},
        [1, 2, 3],
        torch.nn.Linear(2, 2),
    ],
    ids=["text", "pickle", "tensor", "dict", "list", "module"],
)
def test_foreign(tmp_path, content):
    path = tmp_path / "foreign.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    assert "not a minigpt checkpoint" in refusal(path)


class Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("place", ["bare", "archive", "inside"])
def test_code_in_a_malicious_file_does_not_run(path, tmp_path, place):
    marker = tmp_path / "attacked"
    attack = Attack(marker)
    if place == "bare":
        path.write_bytes(pickle.dumps(attack))
    elif place == "archive":
        torch.save(attack, path)
    else:
        change(path, training=attack)
    assert "damaged or not a minigpt checkpoint" in refusal(path)
    assert not marker.exists()
    # The trap works: it is loading with care that has saved us.
    if place != "bare":
        torch.load(path, weights_only=False)
        assert marker.exists()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"version": 3}, "format version 3"),
        ({"format": "other"}, "not a minigpt checkpoint"),
        ({"model_config": None}, "does not hold together"),
        ({"model_config": {"n_embd": 0}}, "n_embd must be above 0"),
        ({"model_config": {"n_embd": "x"}}, "does not hold together"),
        ({"model_config": {"depth": 3}}, "does not hold together"),
        ({"tokenizer": {"type": "char", "characters": "abc"}}, "has 3 tokens"),
        ({"tokenizer": {"type": "magic"}}, "unknown tokenizer 'magic'"),
        ({"tokenizer": 5}, "does not hold together"),
        ({"weights": {}}, "claims a larger model"),
        ({"weights": 5}, "does not hold together"),
        ({"training": {"iteration": 3}}, "does not hold together"),
        ({"training": 5}, "does not hold together"),
    ],
)
def test_parts_that_make_no_sense(path, fields, reason):
    change(path, **fields)
    assert reason in refusal(path)


@pytest.mark.parametrize(
    "claim", [{"n_layer": 10**9}, {"block_size": 10**12}, {"n_embd": 2**30}]
)
@pytest.mark.parametrize("modern", [False, True])
def test_a_small_file_cannot_fill_the_memory(path, claim, modern):
    config = torch.load(path, weights_only=True)["model_config"]
    change(path, model_config={**config, "modern": modern, **claim})
    words = "block_size must be at most" if "block_size" in claim else "claims a larger"
    assert words in refusal(path)


def test_other_shapes_are_refused(path):
    weights = torch.load(path, weights_only=True)["weights"]
    change(path, weights={n: w.flatten() for n, w in weights.items()})
    assert "is not the one that its config describes" in refusal(path)
    change(path, weights={n: w.expand(2**20, *w.shape) for n, w in weights.items()})
    assert "not plain" in refusal(path)


def test_a_compressed_archive_is_refused(path):
    bomb = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bomb, "w", 8) as new:
        for entry in old.namelist():
            new.writestr(entry, old.read(entry))
        new.writestr("m/data/0", b"\0" * 10**6)
    path.write_bytes(bomb.getvalue())
    assert "damaged" in refusal(path)


def test_a_training_state_is_plain_data(path):
    state = TrainingState(TrainConfig(), 3, {"state": {}}, run_id="now", seconds=2.5)
    change(path, training=asdict(state))
    assert load_checkpoint(path).training == state
    change(path, training={**asdict(state), "iteration": "three"})
    assert "makes no sense" in refusal(path)

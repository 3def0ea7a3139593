"""Whatever can be saved can be loaded and is the same; what could not is refused."""

import warnings
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import few_or_many
from torch import nn

from minigpt.checkpoint import TrainingState, load_checkpoint, peek, save_checkpoint
from minigpt.config import GPTConfig, TrainConfig
from minigpt.model import GPT
from minigpt.optim import make_optimizer
from minigpt.tokenizer import BPETokenizer, CharTokenizer, WordTokenizer

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
WRAPPERS = [lambda m: m, torch.compile, nn.DataParallel]


@st.composite
def tokenizers(draw):
    """Return a tokenizer of any kind, made from any text."""
    kind, text = draw(st.sampled_from(["char", "bpe", "word"])), draw(TEXT)
    if kind == "char":
        return CharTokenizer.from_text(text)
    if kind == "bpe":
        return BPETokenizer.train(text, draw(st.integers(256, 262)))
    return WordTokenizer.from_text(text, draw(st.integers(2, 40)))


@st.composite
def shapes(draw, vocab_size):
    """Return the config of a small model, its numbers of any type that is accepted."""
    whole = st.sampled_from([int, np.int64, np.int32, np.uint8])
    heads, pairs = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    fields = {
        "block_size": draw(st.integers(1, 9)),
        "n_layer": draw(st.integers(1, 3)),
        "n_head": heads,
        "n_embd": 2 * heads * pairs,
    }
    fields = {name: draw(whole)(value) for name, value in fields.items()}
    dropout = draw(st.sampled_from([0, 0.0, np.float32(0.25), np.float64(0.1)]))
    return GPTConfig(vocab_size, **fields, dropout=dropout, modern=draw(st.booleans()))


@st.composite
def trainings(draw):
    """Return a training config, its numbers of any type that is accepted."""
    rate = draw(st.sampled_from([1, 1e-3, np.logspace(-4, -2, 3)[1], np.float32(0.01)]))
    return TrainConfig(
        batch_size=draw(st.sampled_from([1, np.int64(3)])),
        learning_rate=rate,
        optimizer=draw(st.sampled_from(["adamw", "muon"])),
        minutes=draw(st.sampled_from([0, 0.5, np.float64(2)])),
        seed=draw(st.sampled_from([0, 2**32 - 1, np.uint32(7)])),
    )


@few_or_many("examples", 20, 300)
def test_what_is_saved_can_be_loaded(examples, tmp_path_factory):
    limit = settings(max_examples=examples, deadline=None)
    limit(given(data=st.data())(save_and_load))(tmp_path_factory=tmp_path_factory)


def save_and_load(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.pt"
    tokenizer = data.draw(tokenizers())
    model = GPT(data.draw(shapes(tokenizer.vocab_size)))
    config, wrap = data.draw(trainings()), data.draw(st.sampled_from(WRAPPERS))
    optimizer = make_optimizer(model, config)
    if data.draw(st.booleans()):
        model(torch.zeros(1, 1, dtype=torch.long)).sum().backward()
        optimizer.step()
    losses = [(np.int64(3), np.float32(1.5)), (5, 1.25)]
    state = TrainingState(config, 5, optimizer.state_dict(), losses, "run", "text", 2.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save_checkpoint(path, wrap(model), tokenizer, state)
    loaded = load_checkpoint(str(path))
    assert loaded.model.config == model.config
    assert loaded.tokenizer.to_dict() == tokenizer.to_dict()
    for name, weights in model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], weights), name
    found = loaded.training
    assert replace(found, optimizer={}) == replace(state, optimizer={})
    assert all(
        type(v) in (int, float, str, bool) for v in asdict(found.config).values()
    )
    again = make_optimizer(loaded.model, found.config)
    again.load_state_dict(found.optimizer)
    assert str(again.state_dict()) == str(optimizer.state_dict())
    assert peek(path).iteration == 5


def make_model(**fields) -> GPT:
    torch.manual_seed(0)
    return GPT(GPTConfig(3, 8, 2, 2, 16, **fields))


def extra_layer(model):
    model.extra = nn.Linear(2, 2)


def other_layer(model):
    model.blocks[0].feed_forward.up = nn.Linear(16, 32)


def other_vocabulary(model):
    model.token_embedding = nn.Embedding(5, 16)


def missing_layer(model):
    model.blocks = model.blocks[:1]


def no_bias(model):
    model.blocks[1].attention.out.bias = None


@pytest.mark.parametrize(
    "spoil", [extra_layer, other_layer, other_vocabulary, missing_layer, no_bias]
)
def test_a_model_that_could_not_be_loaded_is_not_saved(spoil, tmp_path):
    model = make_model()
    spoil(model)
    with pytest.raises(ValueError, match="this model cannot be saved: its ") as caught:
        save_checkpoint(tmp_path / "m.pt", model, CharTokenizer("abc"))
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []


def test_another_vocabulary_than_the_tokenizers_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="its tokenizer has 2 tokens, its model 3"):
        save_checkpoint(tmp_path / "m.pt", make_model(), CharTokenizer("ab"))
    with pytest.raises(ValueError, match="only a GPT can be saved, not a Linear"):
        save_checkpoint(tmp_path / "m.pt", nn.Linear(2, 2), CharTokenizer("ab"))


def test_weights_too_large_for_16_bits_are_not_saved_in_them(tmp_path):
    model, path = make_model(), tmp_path / "m.pt"
    with torch.no_grad():
        model.final_norm.weight[0] = 1e6
    with pytest.raises(ValueError, match=r"too large for torch.float16: use float32"):
        save_checkpoint(path, model, CharTokenizer("abc"), dtype=torch.float16)
    save_checkpoint(path, model, CharTokenizer("abc"))
    assert load_checkpoint(path).model.final_norm.weight[0] == 1e6


def test_a_device_that_is_not_there_is_said_in_words(tmp_path):
    save_checkpoint(tmp_path / "m.pt", make_model(), CharTokenizer("abc"))
    for device in "cuda", "mps":
        missing = not (torch.cuda if device == "cuda" else torch.mps).device_count()
        if missing:
            with pytest.raises(ValueError, match=f"this machine has no {device}"):
                load_checkpoint(tmp_path / "m.pt", device)
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        load_checkpoint(tmp_path / "m.pt", "gpu")


def test_a_modern_model_of_the_first_format_is_refused(tmp_path):
    path = tmp_path / "m.pt"
    for modern in False, True:
        save_checkpoint(path, make_model(modern=modern), CharTokenizer("abc"))
        torch.save(torch.load(path) | {"version": 1}, path)
        if modern:
            with pytest.raises(ValueError, match="format version 1, and this program"):
                load_checkpoint(path)
        else:
            assert load_checkpoint(path).model.config.n_layer == 2

"""Tales become datasets: where each begins, what is kept apart, and their entropy."""

import json
import math
import re
from pathlib import Path

import pytest
import torch

from minigpt import data
from minigpt.baselines import baseline_losses, dataset_baselines
from minigpt.config import GPTConfig
from minigpt.data import (
    BUILT_IN,
    Dataset,
    load_dataset,
    make_dataset,
    make_tales_dataset,
    read_dataset,
    save_dataset,
)
from minigpt.model import GPT
from minigpt.paths import TEXTS
from minigpt.tales import draw_tales, read_grammar
from minigpt.training import evaluation

TRAIN, VAL = 300, 100
FILES = {"train.bin", "val.bin", "vocab.json"}
README = Path(__file__).resolve().parent.parent / "data" / "README.md"


@pytest.fixture(scope="module", autouse=True)
def few():
    """Draw fewer tales than usual."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "TRAIN_TALES", TRAIN)
        patch.setattr(data, "VAL_TALES", VAL)
        yield


@pytest.fixture(scope="module")
def grammar():
    return read_grammar()


@pytest.fixture(scope="module", params=["bpe", "char", "word"])
def made(request, few, grammar):
    """The tales of the course as a dataset, by each kind of tokenizer."""
    return make_tales_dataset(grammar, request.param)


@pytest.fixture
def world(tmp_path):
    """The grammar that data/README.md shows, in a file."""
    [shown] = re.findall(r"```toml\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "my_world.toml"
    path.write_text(shown, encoding="utf-8")
    return path


def tales_of(dataset: Dataset, ids: torch.Tensor) -> list[str]:
    """Return the tales between the places where a tale begins."""
    starts = dataset.starts(ids)
    assert starts is not None and starts.dtype == torch.int64
    ends = [*starts[1:].tolist(), len(ids)]
    pairs = zip(starts.tolist(), ends, strict=True)
    return [dataset.tokenizer.decode(ids[start:end]) for start, end in pairs]


def drawn(grammar):
    train = draw_tales(grammar, TRAIN, data.TRAIN_SEED)
    seen = {tale.combination for tale in train}
    return train, draw_tales(grammar, VAL, data.VAL_SEED, without=seen)


def test_each_start_is_the_line_break_before_a_title(made, grammar):
    both = made.train_ids, made.val_ids
    for ids, tales in zip(both, drawn(grammar), strict=True):
        found = tales_of(made, ids)
        assert len(found) == len(tales)
        for text, tale in zip(found, tales, strict=True):
            assert text.startswith("\n" + tale.text.partition("\n")[0] + "\n")
            # Words that no training tale has are lost.
            assert text == f"\n{tale.text}\n\n" or "<unk>" in text


def test_a_text_has_no_starts(fables):
    dataset = read_dataset(fables)
    assert dataset.entropy is None and dataset.starts(dataset.train_ids) is None
    paragraphs = make_dataset("One.\n\n\nTwo.\n\n\n" * 9)
    assert paragraphs.starts(paragraphs.train_ids) is None


def test_no_validation_tale_has_the_cast_and_plot_of_a_training_tale(grammar):
    train, val = ({t.combination for t in tales} for tales in drawn(grammar))
    assert not train & val and len(val) > VAL / 2
    for made, tales in zip(data.split_tales(grammar), drawn(grammar), strict=True):
        assert [tale.text for tale in made] == [tale.text for tale in tales]


def test_tales_are_the_same_each_time(made, grammar):
    again = make_tales_dataset(grammar, made.tokenizer.to_dict()["type"])
    assert torch.equal(made.train_ids, again.train_ids)
    assert torch.equal(made.val_ids, again.val_ids)
    assert made.tokenizer.to_dict() == again.tokenizer.to_dict()
    assert made.entropy == again.entropy


def test_entropy_is_that_of_a_tale_over_its_tokens(made, grammar):
    tokens = len(made.train_ids) + len(made.val_ids)
    assert made.entropy is not None
    predicted = tokens / (TRAIN + VAL)  # and the line break of the next one
    assert made.entropy * predicted == pytest.approx(grammar.entropy())


def test_entropy_is_near_what_unseen_tales_cost(made, grammar, tried):
    _, val = drawn(grammar)
    nats = -math.fsum(grammar.log_probability(tale.text) for tale in val)
    found = nats / len(made.val_ids)
    assert found == pytest.approx(made.entropy, rel=0.02)
    kind = made.tokenizer.to_dict()["type"]
    tried(f"{kind}: entropy {made.entropy:.4f}, unseen tales {found:.4f} nats/token")


def test_an_evaluation_predicts_every_token_but_the_first(grammar):
    made = make_tales_dataset(grammar, "word")
    shape = GPTConfig(made.tokenizer.vocab_size, 1024, 1, 1, 8)
    starts = made.starts(made.val_ids)
    parts = evaluation(GPT(shape), made.val_ids, 10_000, starts)
    assert sum(count for _, count in parts) == len(made.val_ids) - 1


def test_entropy_is_saved_and_loaded(made, tmp_path):
    save_dataset(made, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    loaded = load_dataset(tmp_path)
    assert loaded.entropy == made.entropy
    assert loaded.tokenizer.to_dict() == made.tokenizer.to_dict()
    assert tales_of(loaded, loaded.val_ids) == tales_of(made, made.val_ids)


def test_a_text_is_saved_without_entropy(prepared):
    assert "entropy" not in json.loads((prepared / "vocab.json").read_text("utf-8"))
    assert load_dataset(prepared).entropy is None


@pytest.mark.parametrize(
    "value",
    [
        -0.1,
        100.0,
        1,
        True,
        "0.2",
        "two\nlines",
        [0.2],
        {},
        math.nan,
        math.inf,
        "x" * 99,
    ],
)
def test_a_damaged_entropy_is_one_line(minigpt, made, tmp_path, value):
    save_dataset(made, tmp_path)
    path = tmp_path / "vocab.json"
    vocab = json.loads(path.read_text("utf-8")) | {"entropy": value}
    path.write_text(json.dumps(vocab), encoding="utf-8")
    words = "train", "--preset", "tiny", "--data-dir", tmp_path, "--out-dir", tmp_path
    complaint = minigpt(*words).complaint
    assert complaint.startswith(f"{path} is damaged: its entropy is ")
    assert complaint.endswith("; run 'minigpt prepare' again")
    assert len(complaint) < len(str(path)) + 120


def test_the_floor_is_one_of_the_baselines(made):
    found = dataset_baselines(made)
    assert found.entropy == made.entropy
    assert found.entropy < min(found.bigram, found.unigram, found.uniform)
    V = made.tokenizer.vocab_size
    assert baseline_losses(made.train_ids, made.val_ids, V).entropy is None


def test_a_small_world_keeps_some_of_its_tales_back(world):
    grammar = read_grammar(world)
    train, val = data.split_tales(grammar)
    assert len(train) == TRAIN and len(val) == VAL
    assert not {t.combination for t in train} & {t.combination for t in val}
    assert {t.combination for t in train + val} == set(grammar.combinations())


def test_a_world_of_one_kind_of_tale_is_refused(tmp_path):
    path = tmp_path / "one.toml"
    path.write_text(
        'titles = ["T"]\n[slots]\nthing = ["egg", "key"]\n'
        '[[plot]]\nopen = ["A {thing}."]\nmoral = ["Keep it."]\n',
        encoding="utf-8",
    )
    with pytest.raises(ValueError, match="add an animal or a plot"):
        read_dataset(path)


# minigpt prepare


def test_without_a_text_of_ones_own_it_is_the_tales(minigpt, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "TRAIN_TALES", 5_000)
    monkeypatch.setattr(data, "VAL_TALES", 200)
    result = minigpt("prepare", "--data-dir", tmp_path)
    assert result.status == 0 and result.err == ""
    assert f"text        {BUILT_IN['tales']} (5,200 tales)\n" in result.out
    assert "tokenizer   bpe, 2,048 tokens\n" in result.out
    loaded = load_dataset(tmp_path)
    assert loaded.entropy is not None
    line = f"entropy     {loaded.entropy:.3f} nats per token: no loss can be lower\n"
    assert line in result.out
    assert len(tales_of(loaded, loaded.train_ids)) == 5_000


def test_tales_by_characters(minigpt, tmp_path):
    words = "prepare", "tales", "--tokenizer", "char", "--data-dir", tmp_path
    result = minigpt(*words)
    assert "tokenizer   char, " in result.out
    loaded = load_dataset(tmp_path)
    assert len(tales_of(loaded, loaded.val_ids)) == VAL


def test_fables_by_name_have_no_entropy(minigpt, tmp_path):
    result = minigpt("prepare", "fables", "--data-dir", tmp_path)
    assert str(TEXTS / "fables.txt") in result.out and "entropy" not in result.out
    assert load_dataset(tmp_path).entropy is None


def test_a_world_of_ones_own_is_prepared_and_learned(minigpt, world, tmp_path):
    folder = tmp_path / "data"
    result = minigpt("prepare", world, "--data-dir", folder)
    assert f"{world} ({TRAIN + VAL} tales)" in result.out and "entropy" in result.out
    loaded = load_dataset(folder)
    assert all("\n\nMoral: " in tale for tale in tales_of(loaded, loaded.val_ids))
    words = "--data-dir", folder, "--out-dir", tmp_path / "out"
    result = minigpt("train", "--preset", "tiny", "--quiet", *words)
    assert result.status == 0 and "validation" in result.out


def test_a_world_with_a_fault_is_one_line_and_nothing_written(minigpt, world, tmp_path):
    text = world.read_text(encoding="utf-8")
    world.write_text(text.replace("So it is!", "So it is, {heros}!"), encoding="utf-8")
    number = text[: text.index("So it is!")].count("\n") + 1
    complaint = minigpt("prepare", world, "--data-dir", tmp_path / "data").complaint
    assert complaint.startswith(f"{world}, line {number}") and "heros" in complaint
    assert [path.name for path in tmp_path.iterdir()] == [world.name]


def test_a_vocabulary_without_a_line_break_is_refused(minigpt, tmp_path):
    words = "--tokenizer", "word", "--vocab-size", 50, "--data-dir", tmp_path / "data"
    complaint = minigpt("prepare", "tales", *words).complaint
    assert "none for a line break" in complaint and "larger vocab_size" in complaint
    assert list(tmp_path.iterdir()) == []

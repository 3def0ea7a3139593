"""The command line explains itself, and its complaints fit on one line."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from minigpt.cli.parser import parse
from minigpt.config import GPTConfig, TrainConfig
from minigpt.paths import DATA

COMMANDS = (
    "prepare", "train", "generate", "publish", "export", "import", "site", "edition",
    "tales", "doctor", "progress",
)  # fmt: skip


@pytest.mark.parametrize("words", [[], *([command] for command in COMMANDS)])
def test_help(minigpt, words):
    result = minigpt(*words, "--help")
    assert result.status == 0 and result.err == ""
    assert result.out.startswith("usage: minigpt") and result.out.endswith("\n")
    options = {word for word in result.out.split() if word.startswith("--")}
    assert not any("_" in option for option in options)
    if not words:
        assert all(command in result.out for command in COMMANDS)
    if words == ["train"]:
        # The words of the config's docstring: the command line is made from it.
        assert "number of blocks" in result.out
        assert "laptop: about two minutes" in " ".join(result.out.split())


def test_what_is_not_given():
    assert parse(["prepare"]) == (
        "prepare",
        {"source": None, "tokenizer": None, "vocab_size": None, "data_dir": DATA},
    )
    assert parse(["train"]) == (
        "train",
        {"preset": None, "resume": None, "data_dir": DATA, "out_dir": None,
         "export": None, "quiet": False, "changes": {}},
    )  # fmt: skip
    assert parse(["doctor"]) == ("doctor", {})


def test_resume_with_and_without_a_name():
    assert parse(["train", "--resume"])[1]["resume"] == "furthest"
    assert parse(["train", "--resume", "--quiet"])[1]["resume"] == "furthest"
    assert parse(["train", "--resume", "a.pt"])[1]["resume"] == "a.pt"


def test_hyphens_in_values_stay(tmp_path):
    words = ["generate", "--prompt=--top-k x-y", "--checkpoint", "my-model.pt"]
    options = parse(words)[1]
    assert options["prompt"] == "--top-k x-y"
    assert options["checkpoint"] == Path("my-model.pt")


def test_a_path_may_begin_at_home():
    options = parse(["train", "--data-dir=~/texts", "--out-dir=~nosuchuser/x"])[1]
    assert options["data_dir"] == Path.home() / "texts"
    assert options["out_dir"] == Path("~nosuchuser/x")


@pytest.mark.parametrize("prompt", ["--a-b c", "--- fox"])
def test_a_prompt_may_begin_with_hyphens(prompt):
    words = ["generate", f"--prompt={prompt}", "--top-k", "3"]
    assert parse(words)[1]["prompt"] == prompt


@pytest.mark.parametrize("config", [GPTConfig, TrainConfig])
def test_every_field_of_a_config_is_an_option_with_its_help(minigpt, config):
    text = " ".join(minigpt("train", "--help").out.split())
    for field in fields(config):
        option = f"--{field.name.replace('_', '-')}"
        described = re.search(rf"{option} (?:[A-Z_\d]+|{{true,false}}) (\w|\")", text)
        assert bool(described) is (field.name != "vocab_size"), option


@pytest.mark.parametrize("hyphen", ["-", "_"])
def test_options_of_a_config_are_of_its_types(hyphen):
    words = "--n-layer=3 --dropout 1 --modern True --max-iters 7 --optimizer muon"
    name, options = parse(["train", *words.replace("n-l", f"n{hyphen}l").split()])
    changes = options["changes"]
    assert name == "train" and changes == {
        "n_layer": 3, "dropout": 1.0, "modern": True, "max_iters": 7,
        "optimizer": "muon",
    }  # fmt: skip
    assert type(changes["dropout"]) is float and type(changes["n_layer"]) is int


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        ("--warmup-iters 200 --max-iters 100", True),
        ("--warmup-iters 100 --max-iters 100", False),
        ("--warmup-iters 101 --preset readme", True),
        ("--warmup-iters 1200", True),  # the laptop preset has 1100 iterations
        ("--warmup-iters 200 --resume", False),  # the checkpoint may have more
        ("--max-iters 1", False),  # whatever the preset's warm-up is
    ],
)
def test_a_warm_up_longer_than_the_run(words, refused):
    if not refused:
        parse(["train", *words.split()])
        return
    with pytest.raises(ValueError, match=r"--warmup-iters \(\d+\) must not be"):
        parse(["train", *words.split()])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train --n-layer", "--n-layer: expected one argument (see 'minigpt train"),
        ("train --modern maybe", "--modern must be true or false, not maybe (see"),
        (
            "train --vocab-size 9",
            "unrecognized arguments: --vocab-size 9 (see 'minigpt ",
        ),
        ("train --max 9", "unrecognized arguments: --max 9 (see 'minigpt --help')"),
        ("train --learning-rate nan", "--learning-rate must be a number, not nan (see"),
        ("generate prompt", "unrecognized arguments: prompt (see 'minigpt --help')"),
        ("edition pupil x", "kind: invalid choice: 'pupil' (choose from "),
        ("fly", "command: invalid choice: 'fly' (choose from "),
        (
            "",
            "give a command, one of prepare, train, generate, publish, export, import",
        ),
    ],
)
def test_complaints(words, message):
    with pytest.raises(ValueError) as caught:
        parse(words.split())
    assert str(caught.value).startswith(message)


def test_the_complaint_names_the_help_that_helps():
    with pytest.raises(ValueError, match=r"\(see 'minigpt train --help'\)$"):
        parse(["train", "--n-layer", "x"])

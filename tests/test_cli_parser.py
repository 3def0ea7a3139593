"""The command line explains itself, and its complaints fit on one line."""

from pathlib import Path

import pytest

from minigpt.cli.parser import CommandLineError, _underscored, parse
from minigpt.paths import CHECKPOINTS, DATA

COMMANDS = "prepare", "train", "generate", "doctor"


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
        assert "how many blocks are stacked" in result.out
        assert "laptop: about two minutes" in " ".join(result.out.split())


def test_what_is_not_given():
    assert parse(["prepare"]) == (
        "prepare",
        {"source": None, "tokenizer": "char", "vocab_size": None, "data_dir": DATA},
    )
    assert parse(["train"]) == (
        "train",
        {"preset": None, "resume": None, "data_dir": DATA, "out_dir": CHECKPOINTS,
         "export": None, "quiet": False, "changes": {}},
    )  # fmt: skip
    assert parse(["doctor"]) == ("doctor", {})


def test_resume_with_and_without_a_name():
    assert parse(["train", "--resume"])[1]["resume"] == "newest"
    assert parse(["train", "--resume", "--quiet"])[1]["resume"] == "newest"
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
    assert _underscored(prompt) == prompt


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--n-layer"], "argument --n-layer: expected one argument"),
        (["train", "--modern", "maybe"], "--modern must be true or false, not maybe"),
        (["train", "--vocab-size", "9"], "unrecognized arguments: --vocab-size 9"),
        (["generate", "prompt"], "unrecognized arguments: prompt"),
    ],
)
def test_complaints(words, message):
    with pytest.raises(CommandLineError) as caught:
        parse(words)
    assert str(caught.value) == f"{message} (see 'minigpt --help')"

"""`minigpt generate --prompt` writes one text to a pipe and nothing else."""

import os
import shlex
import shutil
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigpt.checkpoint import load_checkpoint
from minigpt.cli import generate as command
from minigpt.cli.parser import parse
from minigpt.paths import SHIPPED_CHECKPOINT
from minigpt.sampling import generate
from minigpt.tokenizer import (
    BPETokenizer,
    CharTokenizer,
    WordTokenizer,
    stream_text,
    tokenizer_from_dict,
    until_end,
)

TEXT = "Ворона и Лисица: «Мораль», the crow and the fox — é 👩‍🚀 日本\n" * 3
BPE = BPETokenizer.train(TEXT, 300)


def written(prompt, result):
    """Return what follows the prompt in a command's output, the last line end apart."""
    assert result.status == 0, result.err
    assert result.out.startswith(prompt) and result.out.endswith("\n")
    return result.out[len(prompt) : -1]


def test_a_text_ends_before_what_follows_its_end():
    tokenizer = CharTokenizer("\n.ab")
    ids = tokenizer.encode("\nab.\n\n\nba")
    assert list(until_end(tokenizer, ids)) == ids  # it has no end yet
    tokenizer.end = "\n\n\n"
    assert list(until_end(tokenizer, iter(ids))) == ids[:6]
    assert "".join(stream_text(tokenizer, ids)) == "\nab.\n\n"
    assert tokenizer_from_dict(tokenizer.to_dict()).end == "\n\n\n"
    with pytest.raises(ValueError, match='"end" must be a short string, not 3'):
        tokenizer_from_dict(tokenizer.to_dict() | {"end": 3})


def test_a_prompt_begins_as_texts_with_an_end_do():
    tokenizer = CharTokenizer("\n.ab")
    assert tokenizer.encode_prompt("ab") == tokenizer.encode("ab")
    tokenizer.end = "\n\n\n"
    begun = tokenizer.encode("\nab")
    assert tokenizer.encode_prompt("ab") == tokenizer.encode_prompt("\nab") == begun


def test_a_prompt_that_ends_with_a_blank_line_begins_a_paragraph():
    tokenizer = load_checkpoint(SHIPPED_CHECKPOINT).tokenizer
    assert tokenizer.end == "\n\n\n"

    def shown(text, encode=tokenizer.encode_prompt):
        return [tokenizer.tokens[i] for i in encode(text)]

    # As in the middle of a tale, where a paragraph follows ...
    assert shown("\nA fox\n\nThe", tokenizer.encode)[:-1] == shown("A fox\n\n")
    assert shown("A fox\n\n") == ["⏎", "A", "␣fox", "⏎", "⏎"]
    assert shown("\n\n") == ["⏎", "⏎"] and shown("\n") == shown("") == ["⏎"]
    # ... and at its end, where another tale does.
    assert shown("\nA fox.\n\n\nThe", tokenizer.encode)[:-1] == shown("A fox.\n\n\n")
    # A word tokenizer has one token for both line breaks, wherever they stand.
    words = WordTokenizer.from_text("A fox\n\nThe fox")
    assert words.encode_prompt("A fox\n\n") == words.encode("A fox\n\nThe")[:-1]


def test_one_text_and_nothing_else(minigpt, trained):
    result = minigpt("generate", "--prompt", "The fox", "--checkpoint", trained)
    assert len(written("The fox", result)) == 200
    assert result.err == f"model: {trained}\n"


@pytest.mark.parametrize("length", [0, 1, 70])
def test_length_in_tokens(minigpt, trained, length):
    words = ["--prompt", "A", "--checkpoint", trained, "--length", length]
    assert len(written("A", minigpt("generate", *words))) == length


def test_the_same_seed_writes_the_same_text(minigpt, trained):
    def text(*more):
        words = ["--prompt", "The ", "--checkpoint", trained, "--length", 60]
        return written("The ", minigpt("generate", *words, *more))

    assert text("--seed", 3) == text("--seed", 3) != text("--seed", 4)
    assert text() != text()
    assert text("--greedy") == text("--greedy", "--seed", 3)
    assert text("--top-k", 1) == text("--greedy") == text("--top_p", 1e-9)
    assert text("--temperature", 0.01) == text("--greedy")


def test_it_is_the_text_of_the_iterator(minigpt, trained):
    loaded = load_checkpoint(trained)
    ids = generate(
        loaded.model,
        loaded.tokenizer.encode("The "),
        80,
        temperature=0.9,
        top_k=20,
        top_p=0.95,
        seed=5,
    )
    result = minigpt(
        "generate", "--prompt=The ", "--length=80", "--temperature=0.9", "--top-k=20",
        "--top-p=0.95", "--seed=5", "--checkpoint", trained,
    )  # fmt: skip
    assert written("The ", result) == loaded.tokenizer.decode(list(ids))


def test_a_long_prompt_keeps_its_end(minigpt, trained):
    prompt = "The fox and the crow. " * 20
    words = ["--prompt", prompt, "--checkpoint", trained, "--length", 9, "--seed", 1]
    assert len(written(prompt, minigpt("generate", *words))) == 9


def test_russian(minigpt, trained_ru):
    words = ["--prompt", "Лиса", "--checkpoint", trained_ru, "--length", 40]
    text = written("Лиса", minigpt("generate", *words))
    assert any("CYRILLIC" in unicodedata.name(c, "") for c in text)


@pytest.mark.parametrize("prompt", ["null", "123", "true", "{a: 1}", "- a", "1e5"])
def test_a_prompt_is_never_read_as_anything_but_text(prompt):
    assert parse(["generate", "--prompt", prompt])[1]["prompt"] == prompt


def test_ones_own_model_comes_before_the_shipped_one(
    minigpt, monkeypatch, trained, tmp_path
):
    own, shipped = tmp_path / "model_final.pt", tmp_path / "elsewhere" / "tales.pt"
    monkeypatch.setattr(command, "CHECKPOINTS", tmp_path)
    monkeypatch.setattr(command, "SHIPPED_CHECKPOINT", shipped)
    with pytest.raises(ValueError, match=r"there is no model .*minigpt train"):
        command.find_checkpoint()
    shipped.parent.mkdir()
    shutil.copy(trained, shipped)
    shutil.copy(trained, tmp_path / "model_iter_20.pt")
    result = minigpt("generate", "--prompt", "A")
    note = "it comes with the course; 'minigpt train' makes your own"
    assert (result.status, result.err) == (0, f"model: {shipped} ({note})\n")
    shutil.copy(trained, own)
    assert minigpt("generate", "--prompt", "A").err == f"model: {own}\n"


def test_no_model_at_all_is_one_line(minigpt, monkeypatch, tmp_path):
    monkeypatch.setattr(command, "CHECKPOINTS", tmp_path)
    monkeypatch.setattr(command, "SHIPPED_CHECKPOINT", tmp_path / "tales.pt")
    complaint = minigpt("generate", "--prompt", "A").complaint
    assert "there is no model" in complaint and "minigpt train" in complaint


@given(st.lists(st.integers(0, BPE.vocab_size - 1)))
def test_streamed_byte_pairs_are_the_whole_text(ids):
    pieces = list(stream_text(BPE, iter(ids)))
    assert "".join(pieces) == BPE.decode(ids)
    assert all(pieces)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_piece_holds_half_a_character(text):
    for tokenizer in BPE, BPETokenizer([]):
        pieces = list(stream_text(tokenizer, tokenizer.encode(text)))
        assert "".join(pieces) == text
        assert all("\ufffd" not in piece for piece in pieces) or "\ufffd" in text


@pytest.mark.parametrize("kind", [CharTokenizer, WordTokenizer])
def test_each_token_is_shown_at_once(kind):
    tokenizer = kind.from_text(TEXT)
    ids = iter(tokenizer.encode(TEXT))
    pieces = stream_text(tokenizer, ids)
    for piece in pieces:
        assert piece in tokenizer.decode(range(tokenizer.vocab_size))
    assert list(stream_text(tokenizer, [])) == []


def test_a_character_is_shown_with_its_last_byte():
    *start, last = BPETokenizer([]).encode("é")
    shown = []
    for piece in stream_text(BPETokenizer([]), iter([*start, last, *start])):
        shown.append(piece)
    assert shown == ["é", "\ufffd"]


# What follows starts a process of its own.
def minigpt_process(*words):
    return [sys.executable, "-m", "minigpt", *map(str, words)]


@pytest.mark.parametrize(
    "mode",
    [
        {},
        # Python then reads arguments as ASCII, and each byte beyond it becomes half a
        # surrogate pair.
        {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_a_prompt_and_its_text_are_utf8_whatever_the_locale(trained_ru, mode):
    words = minigpt_process(
        "generate", "--prompt", "Лиса", "--checkpoint", trained_ru, "--length", 20
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", **mode}
    words = [os.fsencode(word) for word in words]
    done = subprocess.run(words, capture_output=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode("utf-8").startswith("Лиса")
    assert len(done.stdout.decode("utf-8")) == 25


def test_a_reader_who_has_had_enough_is_no_error(trained):
    words = minigpt_process(
        "generate", "--prompt", "The", "--checkpoint", trained, "--length", 100_000
    )
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    assert process.stdout.read(3) == b"The"
    process.stdout.close()
    assert process.stderr.read().decode() == f"model: {trained}\n"
    assert process.wait(60) == 0


def test_it_starts_with_torch_and_little_else(trained):
    code = (
        "import sys; from minigpt.cli import main; main(); "
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "generate", "--prompt", "The", "--checkpoint",
         trained, "--length", "5"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    loaded = set(done.stderr.split())
    assert "minigpt.sampling" in loaded, done.stderr
    # Each of these would be felt: sympy comes with torch's meta device, for one.
    slow = {"sympy", "torch._dynamo", "matplotlib", "ipywidgets", "IPython"}
    slow |= {"minigpt.training", "minigpt.data", "minigpt.cli.console"}
    assert loaded.isdisjoint(slow), loaded & slow


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_end_no_command_in_a_traceback(trained, closed):
    words = minigpt_process("generate", "--checkpoint", trained, "--length", 5)
    result = subprocess.run(
        ["bash", "-c", f"{shlex.join(words)} {closed}"],
        input="",
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0 and "Traceback" not in result.stderr

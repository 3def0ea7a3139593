"""Any text goes all the way, prepare to generate, or is refused in one line."""

import tempfile
from pathlib import Path

import pytest
from console_tools import QUICK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import few_or_many

from minigpt.checkpoint import load_checkpoint
from minigpt.data import load_dataset, read_text

FEW, MANY = 15, 150
TOKENIZERS = ("char", "bpe", "word")
A_MEGABYTE = 1_000_000


class Course:
    """The way of a text: prepared, trained on for two iterations, written on."""

    def __init__(self, minigpt, folder: Path) -> None:
        self.minigpt = minigpt
        self.folder = folder
        self.path = folder / "input.txt"

    def prepare(self, content: bytes, tokenizer: str):
        self.path.write_bytes(content)
        words = "--tokenizer", tokenizer
        if tokenizer != "char":
            words += "--vocab-size", 270
        return self.minigpt("prepare", self.path, *words, "--data-dir", self.folder)

    def train(self):
        words = "--data-dir", self.folder, "--out-dir", self.folder
        return self.minigpt("train", *QUICK, "--max-iters", 2, *words)

    def generate(self, prompt: str):
        words = "--checkpoint", self.folder / "model_final.pt", "--length", 20
        return self.minigpt("generate", f"--prompt={prompt}", *words)

    def take(self, content: bytes, tokenizer: str) -> str:
        """Go as far as it goes; return the name of the step that refused, or "all"."""
        if self.refused(self.prepare(content, tokenizer)):
            assert not (self.folder / "train.bin").exists()
            return "prepare"
        # What is on disk is the text that was given.
        dataset, text = load_dataset(self.folder), read_text(self.path)
        ids = [*dataset.train_ids.tolist(), *dataset.val_ids.tolist()]
        if tokenizer != "word":
            assert dataset.tokenizer.decode(ids) == text
        if self.refused(self.train()):
            return "train"
        loaded = load_checkpoint(self.folder / "model_final.pt")
        assert loaded.tokenizer.to_dict() == dataset.tokenizer.to_dict()
        written = self.generate(text[:5])
        if self.refused(written):
            return "generate"
        assert len(written.out) > 0
        return "all"

    @staticmethod
    def refused(result) -> bool:
        """Whether the command refused, which it has to do in one line."""
        if result.status == 0:
            return False
        assert len(result.complaint) < 400
        return True


anything = st.text(st.characters(), max_size=40)
hard_characters = st.sampled_from(
    [
        "\ud800",  # half a surrogate pair
        "e\u0301\u0302\u0303",  # combining marks
        "שלום ", "\u202e", "\u2066",  # right to left, and marks that turn it
        "👩\u200d👩\u200d👧", "🏳️\u200d🌈",  # emoji of several code points
        "\0", "\x1b[31m", "\r", "\r\n", "\x85", "\u2028", "\ufeff", "\ufffe",
        "Ǆ", "ß", "İ", "ﬁ", " ", "\t", "\n", "<script>", "${x}", "\\n",
    ]
)  # fmt: skip
pieces = st.lists(anything | hard_characters, min_size=1, max_size=8).map("".join)
texts = st.builds(lambda piece, n: piece * n, pieces, st.sampled_from([1, 60, 400]))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@few_or_many("examples", FEW, MANY)
def test_any_text(minigpt, tried, tokenizer, examples):
    ends: list[str] = []

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(texts)
    def any_text(text):
        with tempfile.TemporaryDirectory() as folder:
            content = text.encode("utf-8", "surrogatepass")
            ends.append(Course(minigpt, Path(folder)).take(content, tokenizer))

    any_text()
    tried(
        f"{len(ends)} texts by {tokenizer}: {ends.count('all')} all the way, "
        f"{ends.count('prepare')} refused by prepare, {ends.count('train')} by train, "
        f"{ends.count('generate')} by generate"
    )
    assert ends.count("all") >= (examples / 4 if examples == MANY else 1)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@few_or_many("examples", FEW // 2, MANY // 2)
def test_any_bytes(minigpt, tokenizer, examples):
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(max_size=200))
    def any_bytes(content):
        with tempfile.TemporaryDirectory() as folder:
            Course(minigpt, Path(folder)).take(content, tokenizer)

    any_bytes()


EXTREMES = {
    "one repeated character": "a" * 5_000,
    "two distinct characters": "ab" * 2_500,
    "two, one of them once": "a" * 5_000 + "b",
    "only line ends": "\n" * 5_000,
    "only spaces": " " * 5_000,
    "NUL": "\0" * 5_000,
    "every character once": "".join(map(chr, range(0x4E00, 0x6200))),
    "one emoji": "👩\u200d👩\u200d👧" * 600,
}


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("name", EXTREMES)
def test_extremes(minigpt, tmp_path, tokenizer, name):
    end = Course(minigpt, tmp_path).take(EXTREMES[name].encode(), tokenizer)
    refused = {"only line ends", "only spaces", "NUL"}
    assert end in ("all", "prepare", "train")
    if tokenizer == "char":
        assert (end == "all") is (name not in refused)


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_ten_megabytes_on_one_line(minigpt, tmp_path, tokenizer, tried):
    line = "the quick brown fox jumps over the lazy dog, said the crow; "
    content = (line * (10 * A_MEGABYTE // len(line) + 1))[: 10 * A_MEGABYTE].encode()
    assert Course(minigpt, tmp_path).take(content, tokenizer) == "all"
    tried(f"10 MB on one line by {tokenizer}, all the way")


def test_one_character_is_learned(minigpt, tmp_path):
    """With nothing to choose from there is nothing to learn: the loss is 0."""
    course = Course(minigpt, tmp_path)
    assert course.take(b"a" * 5_000, "char") == "all"
    assert course.generate("a").out.strip("\n") == "a" * 21

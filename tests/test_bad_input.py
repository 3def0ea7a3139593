"""Bad input gets one line, what is wrong and what to do, and leaves nothing behind."""

import errno
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from console_tools import QUICK

from minigpt import atomic
from minigpt.checkpoint import load_checkpoint
from minigpt.config import PRESETS
from minigpt.data import make_dataset, save_dataset
from minigpt.run import Run


def leftovers(folder):
    """Return every file below the folder, hidden and temporary ones too."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def refused(minigpt, tmp_path):
    """Run a command that must be refused, and return its complaint."""

    def run(*words, contains, out=""):
        before = leftovers(tmp_path)
        result = minigpt(*words)
        for part in contains:
            assert part in result.complaint
        assert result.out == out
        assert leftovers(tmp_path) == before
        return result.complaint

    return run


# Text files.
TEXTS = {
    "missing": (None, ["there is no file", "check the path", "fables-ru"]),
    "empty": (b"", ["is empty", "put some text into it"]),
    "blank": (b" \r\n\n\t ", ["is empty", "put some text into it"]),
    "short": (b"Hello, fox", ["at least 11 characters", "has 10: use"]),
    "latin": ("Le café est fermé.".encode("latin-1"), ["not UTF-8", "byte 6", "save"]),
    "utf-16": ("The crow and the fox.".encode("utf-16"), ["not UTF-8", "save it as"]),
    "zeros": (b"The crow\0and the fox\0", ["zero bytes", "give a text file"]),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), ["not UTF-8", "save it as"]),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_text_file(refused, tmp_path, kind):
    content, parts = TEXTS[kind]
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    refused("prepare", path, "--data-dir", tmp_path / "data", contains=parts)
    assert not (tmp_path / "data").exists()


def test_a_bom_and_windows_line_ends_are_fine(minigpt, fables, prepared, tmp_path):
    text = fables.read_text(encoding="utf-8")
    path = tmp_path / "windows.txt"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert minigpt("prepare", path, "--data-dir", tmp_path).status == 0
    for name in "train.bin", "val.bin", "vocab.json":
        assert (tmp_path / name).read_bytes() == (prepared / name).read_bytes()


def test_a_folder_as_a_text(refused, tmp_path):
    words = "prepare", tmp_path, "--data-dir", tmp_path / "data"
    refused(*words, contains=["is a folder", "give a text file inside it"])


def test_a_folder_as_a_checkpoint(refused, tmp_path):
    words = "generate", "--prompt", "A", "--checkpoint", tmp_path
    refused(*words, contains=["is a folder", "give a checkpoint file inside it"])


def test_a_text_shorter_than_a_block(refused, minigpt, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("The fox and the crow.\n", encoding="utf-8")
    assert minigpt("prepare", path, "--data-dir", tmp_path).status == 0
    words = "train", *QUICK, "--data-dir", tmp_path, "--out-dir", tmp_path / "out"
    parts = "19 tokens", "a block of 32", "longer text", "--block-size"
    refused(*words, contains=parts)
    assert not (tmp_path / "out").exists()


def test_nothing_to_be_tested_on(refused, tmp_path):
    dataset = make_dataset("The crow and the fox. " * 20)
    save_dataset(replace(dataset, val_ids=dataset.val_ids[:1]), tmp_path)
    words = "train", *QUICK, "--data-dir", tmp_path, "--out-dir", tmp_path
    refused(*words, contains=["fewer than two tokens", "prepare a longer text"])


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--tokenizer", "magic"], ["unknown tokenizer 'magic'", "char, bpe, word"]),
        (["--vocab-size", 100], ["100", "characters of the text decide"]),
        (["--tokenizer", "bpe", "--vocab-size", 10], ["256 to 65,536", "not 10"]),
        (["--tokenizer", "word", "--vocab-size", 0], ["2 to 65,536", "not 0"]),
        (["--tokenizer", "bpe", "--vocab-size", 10**9], ["256 to 65,536"]),
        (["--vocab-size", "many"], ["--vocab-size must be a whole number, not many"]),
    ],
)
def test_tokenizer(refused, fables, tmp_path, words, parts):
    refused("prepare", fables, "--data-dir", tmp_path / "d", *words, contains=parts)


# Output that cannot be written.
@pytest.fixture(params=["file", "proc", "readonly", "private"])
def unwritable(request, tmp_path):
    """A folder that no file can be made in, in several ways."""
    if request.param == "file":
        (tmp_path / "file").write_text("in the way")
        yield tmp_path / "file" / "folder"
    elif request.param == "proc":
        if not Path("/proc/self").exists():
            pytest.skip("there is no /proc")
        yield Path("/proc/minigpt")
    elif request.param == "private":
        if os.name != "posix" or os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        (tmp_path / "private").mkdir(mode=0o500)
        yield tmp_path / "private"
    else:
        with mounted(tmp_path / "readonly", "ro") as folder:
            yield folder


class mounted:
    """A small file system of its own, where this user may mount one."""

    def __init__(self, folder, options):
        self.folder = folder
        self.options = options

    def __enter__(self):
        self.folder.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", self.options, "none", str(self.folder)]
        if shutil.which("mount") is None or subprocess.call(words, stderr=-3):
            pytest.skip("no file system can be mounted here")
        return self.folder

    def __exit__(self, *error):
        subprocess.check_call(["umount", str(self.folder)])


WHAT_TO_DO = "choose another folder or free some space"


def test_unwritable_data(refused, fables, unwritable):
    words = "prepare", fables, "--data-dir", unwritable
    refused(*words, contains=["could not write", str(unwritable), WHAT_TO_DO])


def test_unwritable_checkpoints(refused, prepared, unwritable):
    words = "train", *QUICK, "--data-dir", prepared, "--out-dir", unwritable
    refused(*words, contains=["could not write", str(unwritable), WHAT_TO_DO])


def test_unwritable_model_to_be_shipped(refused, prepared, tmp_path, unwritable):
    words = "train", *QUICK, "--data-dir", prepared, "--out-dir", tmp_path
    parts = "could not write", str(unwritable), WHAT_TO_DO
    refused(*words, "--export", unwritable / "model.pt", contains=parts)


def test_disk_full_while_preparing(minigpt, fables, prepared, tmp_path):
    with mounted(tmp_path / "small", "size=64k") as folder:
        shutil.copytree(prepared, folder, dirs_exist_ok=True)
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        result = minigpt("prepare", fables, "--data-dir", folder)
        assert "No space left on device" in result.complaint
        assert WHAT_TO_DO in result.complaint
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_disk_full_while_saving(minigpt, prepared, tmp_path):
    with mounted(tmp_path / "small", "size=900k") as folder:
        words = *QUICK, "--save-interval", 5, "--max-iters", 60
        result = minigpt("train", *words, "--data-dir", prepared, "--out-dir", folder)
        good = folder / "model_iter_10.pt"
        for part in "No space left", "model_iter_15.pt", WHAT_TO_DO:
            assert part in result.complaint
        assert result.complaint.endswith(f"last good checkpoint: {good}")
        assert leftovers(folder) == ["model_iter_10.pt", "model_iter_5.pt"]
        assert load_checkpoint(good).training.iteration == 10


@pytest.mark.parametrize("full_at", [0, 1000, 100_000])
def test_disk_full_at_any_byte(monkeypatch, minigpt, prepared, tmp_path, full_at):
    """The same where nothing can be mounted: writing fails after some bytes."""

    class Full:
        def __init__(self, file):
            self.file, self.written = file, 0

        def write(self, content):
            self.written += len(content)
            if self.written > full_at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.file.write(content)

        def __getattr__(self, name):
            return getattr(self.file, name)

    fill = atomic._fill
    monkeypatch.setattr(
        atomic, "_fill", lambda t, p, write: fill(t, p, lambda f: write(Full(f)))
    )
    words = *QUICK, "--max-iters", 1, "--data-dir", prepared, "--out-dir", tmp_path
    complaint = minigpt("train", *words).complaint
    assert os.strerror(errno.ENOSPC) in complaint and "none" in complaint
    assert leftovers(tmp_path) == []


def test_a_folder_that_vanishes_is_made_again(minigpt, monkeypatch, prepared, tmp_path):
    folder, save = tmp_path / "run", Run.save

    def vanish(self, path):
        if path.name == "model_iter_10.pt":
            shutil.rmtree(folder)
        save(self, path)

    monkeypatch.setattr(Run, "save", vanish)
    words = *QUICK, "--save-interval", 5, "--max-iters", 15
    result = minigpt("train", *words, "--data-dir", prepared, "--out-dir", folder)
    assert result.status == 0
    assert leftovers(folder) == [
        "model_final.pt", "model_iter_10.pt", "model_iter_15.pt",
    ]  # fmt: skip
    assert load_checkpoint(folder / "model_final.pt").training.iteration == 15


def test_a_folder_that_becomes_a_file(minigpt, monkeypatch, prepared, tmp_path):
    folder, kept, save = tmp_path / "run", tmp_path / "kept", Run.save

    def replace_by_a_file(self, path):
        if path.name == "model_iter_10.pt":
            folder.rename(kept)
            folder.write_text("in the way")
        save(self, path)

    monkeypatch.setattr(Run, "save", replace_by_a_file)
    words = *QUICK, "--save-interval", 5, "--max-iters", 15
    result = minigpt("train", *words, "--data-dir", prepared, "--out-dir", folder)
    assert "could not write" in result.complaint and WHAT_TO_DO in result.complaint
    assert load_checkpoint(kept / "model_iter_5.pt").training.iteration == 5


def test_output_into_a_full_disk(trained):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    words = "generate", "--prompt", "The", "--checkpoint", str(trained)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "minigpt", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "minigpt: output: No space left on device"
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


# Generation.
@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--temperature", 0], ["temperature must be above 0, not 0", "greedy"]),
        (["--temperature", -1], ["temperature must be above 0, not -1", "greedy"]),
        (["--temperature", "nan"], ["--temperature must be a number, not nan"]),
        (["--temperature", "hot"], ["--temperature must be a number, not hot"]),
        (["--temperature", "inf"], ["temperature"]),
        (["--top-k", 0], ["top-k must be at least 1, not 0"]),
        (["--top-k", -3], ["top-k must be at least 1, not -3"]),
        (["--top-k", 1000], ["top-k (1000) must not be above the vocab"]),
        (["--top-k", 1.5], ["--top-k must be a whole number, not 1.5"]),
        (["--top-p", 0], ["top-p must be above 0 and at most 1, not 0"]),
        (["--top-p", 1.5], ["top-p must be above 0 and at most 1, not 1.5"]),
        (["--length", -1], ["length must be from 0 to 1,000,000, not -1"]),
        (["--length", 10**9], ["length must be from 0 to 1,000,000, not 1000000000"]),
        (["--length", "long"], ["--length must be a whole number, not long"]),
        (["--seed", -1], ["seed must be from 0 to 2^32 - 1, not -1"]),
        (["--seed", 2**32], ["seed must be from 0 to 2^32 - 1, not 4294967296"]),
    ],
    ids=lambda value: "=".join(map(str, value)) if "--" in str(value)[:4] else "",
)
def test_generation(refused, trained, words, parts):
    words = "generate", "--prompt", "The", "--checkpoint", trained, *words
    refused(*words, contains=parts)


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("caf\u00e9", ["'é'", "U+00E9", "position 3", "remove it"]),
        ("\U0001f98a fox", ["'🦊'", "FOX FACE", "position 0"]),
        ("The\tfox", ["'\\t'", "U+0009", "position 3"]),
        ("Лиса", ["'Л'", "CYRILLIC CAPITAL LETTER EL", "position 0"]),
        ("", ["the prompt is empty"]),
    ],
)
def test_prompt(refused, trained, prompt, parts):
    words = "generate", "--checkpoint", trained, "--prompt", prompt
    refused(*words, contains=parts)


# Configuration.
@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--n-embd", 30, "--n-head", 4], ["n_embd (30)", "divisible by n_head (4)"]),
        (["--preset", "huge"], ["unknown preset 'huge'", *PRESETS]),
        (["--dropout", 1], ["dropout must be at least 0 and below 1, not 1"]),
        (["--dropout", -0.5], ["dropout must be at least 0 and below 1"]),
        (["--optimizer", "sgd"], ["optimizer must be one of adamw, muon, not 'sgd'"]),
        (["--schedule", "zigzag"], ["schedule must be one of cosine, linear"]),
        (["--device", "tpu"], ["device must be one of auto, cpu, cuda, mps"]),
        (["--weight-decay", -1], ["weight_decay must be at least 0, not -1"]),
        (["--grad-clip", -1], ["grad_clip must be at least 0, not -1"]),
        (["--seed", -1], ["seed must be", "not -1"]),
        (["--seed", 2**70], ["seed must be", str(2**70)]),
        (["--learning-rate", "inf"], ["--learning-rate must be a number, not inf"]),
        (["--n-layer", "two"], ["--n-layer must be a whole number, not two"]),
        (["--n-layer", 10**9], ["would have about", "choose a smaller", "--n-layer"]),
        (["--n-embd", 2**40], ["would have about", "choose a smaller --n-embd"]),
        (["--batch-size", 10**12], ["32,000,000,000,000 tokens", "--batch-size"]),
        (["--block-size", 60_000], ["too few for a block of 60,000"]),
        (["--block-size", 10**6], ["block_size must be at most 65,536"]),
        (["--max-iters", 10**400], ["max_iters must be below 2^63"]),
        (["--frobnicate", 3], ["--frobnicate", "minigpt --help"]),
        (
            ["--resume", "--preset", "tiny"],
            ["--resume uses the preset", "leave --preset out"],
        ),
        (["--resume"], ["there is no checkpoint in", "start a new run"]),
    ],
)
def test_configuration(refused, prepared, tmp_path, words, parts):
    preset = [] if {"--resume", "--preset"} & set(words) else ["--preset", "tiny"]
    words = "train", *preset, "--data-dir", prepared, "--out-dir", tmp_path, *words
    refused(*words, contains=parts)


@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize(
    "name",
    [
        *("block_size", "n_layer", "n_head", "n_embd", "batch_size", "max_iters"),
        *("learning_rate", "muon_learning_rate", "eval_interval", "save_interval"),
    ],
)
def test_zero_and_below(refused, prepared, tmp_path, name, value):
    words = "train", "--preset", "tiny", f"--{name}", value, "--data-dir", prepared
    refused(
        *words, "--out-dir", tmp_path, contains=[f"{name} must be above 0, not {value}"]
    )


def test_no_command_and_a_wrong_one(refused):
    refused(contains=["command", "publish, export, import, site, edition, tales"])
    refused("fly", contains=["'fly'", "choose from"])


# Checkpoints and data.
def damage(path, kind, marker):
    whole = path.read_bytes()
    if kind == "missing":
        path.unlink()
    elif kind == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "text":
        path.write_text("To be, or not to be.", encoding="utf-8")
    elif kind == "foreign":
        torch.save({"model": {"w": torch.zeros(3)}, "optimizer": {}}, path)
    elif kind == "malicious":
        path.write_bytes(pickle.dumps(Attack(marker)))
    else:
        torch.save(Attack(marker), path)


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("missing", ["there is no checkpoint", "minigpt train", "check the path"]),
        ("truncated", ["damaged or not a minigpt checkpoint", "use another one"]),
        ("text", ["damaged or not a minigpt checkpoint", "use another one"]),
        ("foreign", ["not a minigpt checkpoint", "use another one"]),
        ("malicious", ["damaged or not a minigpt checkpoint", "use another one"]),
        ("malicious archive", ["not a minigpt checkpoint", "use another one"]),
    ],
)
def test_checkpoint(refused, trained, prepared, tmp_path, kind, parts):
    path, marker = tmp_path / "model.pt", tmp_path / "attacked"
    shutil.copy(trained, path)
    damage(path, kind, marker)
    parts = [str(path), *parts]
    refused("generate", "--prompt", "A", "--checkpoint", path, contains=parts)
    words = "train", "--resume", path, "--data-dir", prepared, "--out-dir", tmp_path
    refused(*words, contains=parts)
    assert not marker.exists()


def test_other_vocabulary(refused, trained, trained_ru, prepared, tmp_path):
    words = "train", "--data-dir", trained_ru.parent, "--out-dir", tmp_path
    parts = str(trained), "another vocabulary", "prepare the text it was trained on"
    refused(*words, "--resume", trained, contains=parts)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["has done all of its 60 iterations", "a larger --max-iters"]),
        (["--n-layer", 3, "--max-iters", 99], ["another shape", "start a new run"]),
        (["--optimizer", "muon", "--max-iters", 99], ["optimizer", "start a new run"]),
    ],
)
def test_a_run_that_cannot_go_on(refused, trained, prepared, tmp_path, words, parts):
    go_on = "train", "--resume", trained, "--data-dir", prepared, "--out-dir", tmp_path
    refused(*go_on, *words, contains=parts)


def test_a_model_for_writing_only(refused, trained, prepared, tmp_path):
    content = torch.load(trained, weights_only=True)
    path = tmp_path / "shipped.pt"
    torch.save({**content, "training": None}, path)
    words = "train", "--resume", path, "--data-dir", prepared, "--out-dir", tmp_path
    refused(*words, contains=["for generating only", "start a new run"])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("train.bin", None, "there is no"),
        ("val.bin", b"\0", "is damaged"),
        ("train.bin", b"", "is damaged"),
        ("train.bin", b"\xff\xff" * 99, "holds id 65535, but the vocabulary has"),
        ("vocab.json", b"{", "no usable tokenizer"),
        ("vocab.json", b"\xff", "no usable tokenizer"),
        ("vocab.json", b'{"type": "char", "characters": "ab"}', "the ids from 0 to 1"),
    ],
)
def test_prepared_data(refused, prepared, tmp_path, name, content, reason):
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    words = "train", *QUICK, "--data-dir", tmp_path, "--out-dir", tmp_path
    refused(*words, contains=[reason, "minigpt prepare"])


# A loss that is no number any more.
def test_the_loss_turns_nan(minigpt, prepared, trained, tmp_path):
    words = *QUICK, "--data-dir", prepared, "--out-dir", tmp_path, "--save-interval", 1
    complaint = minigpt("train", *words, "--learning-rate", 1e30).complaint
    assert "at iteration" in complaint or "after iteration" in complaint
    assert "learning rate below 1e+30" in complaint
    assert "last good checkpoint: " in complaint
    for path in tmp_path.iterdir():
        assert str(path) in complaint


def test_the_last_good_checkpoint_is_kept_and_named(minigpt, prepared, tmp_path):
    words = "--data-dir", prepared, "--out-dir", tmp_path, "--quiet"
    assert minigpt("train", "--preset", "tiny", *words, "--max-iters", 9).status == 0
    good = tmp_path / "model_final.pt"
    before = good.read_bytes()
    more = "--max-iters", 40, "--learning-rate", 1e30, "--save-interval", 1
    complaint = minigpt("train", "--resume", *words, *more).complaint
    name = complaint.partition("last good checkpoint: ")[2]
    assert all(
        torch.isfinite(w).all() for w in load_checkpoint(Path(name)).model.parameters()
    )
    assert good.read_bytes() == before


def test_a_broken_model_is_never_saved(minigpt, monkeypatch, prepared, tmp_path):
    from minigpt.optim import MuonAdamW

    step = MuonAdamW.step

    def breaking(self):
        step(self)
        self.param_groups[0]["params"][0].data.fill_(float("nan"))

    monkeypatch.setattr(MuonAdamW, "step", breaking)
    words = *QUICK, "--data-dir", prepared, "--out-dir", tmp_path, "--save-interval", 1
    complaint = minigpt("train", *words).complaint
    assert "the model is broken after iteration 1" in complaint
    assert "none, as nothing was saved before" in complaint
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("CUDA out of memory.\nTried to allocate")]
)
def test_out_of_memory(minigpt, monkeypatch, prepared, tmp_path, error):
    def fail(self):
        raise error

    monkeypatch.setattr(Run, "steps", fail)
    words = "train", *QUICK, "--data-dir", prepared, "--out-dir", tmp_path
    assert minigpt(*words).complaint.startswith("out of memory: choose smaller sizes")


def test_a_machine_without_a_compiler_gets_one_line(
    minigpt, monkeypatch, prepared, tmp_path
):
    class InductorError(RuntimeError):
        pass

    InductorError.__module__ = "torch._inductor.exc"

    def fail(self):
        raise InductorError("No working C++ compiler found\nin many lines")

    monkeypatch.setattr(Run, "steps", fail)
    words = "train", *QUICK, "--data-dir", prepared, "--out-dir", tmp_path
    assert "cannot compile the model on this machine" in minigpt(*words).complaint


def test_a_fault_of_the_program_shows_its_place(minigpt, monkeypatch, prepared):
    def fail(*arguments):
        raise RuntimeError("sizes 3 and 4 do not match")

    monkeypatch.setattr("minigpt.cli.train.start", fail)
    with pytest.raises(RuntimeError, match="sizes 3 and 4"):
        minigpt("train", *QUICK, "--data-dir", prepared)

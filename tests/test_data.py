"""Texts become ids on disk and come back, and only whole."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import unicodedata
import urllib.error
from http.client import BadStatusLine, IncompleteRead
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minigpt import data
from minigpt.atomic import check_writable, write_together, write_whole
from minigpt.baselines import baseline_losses
from minigpt.data import (
    Dataset,
    as_id_tensor,
    fetch_shakespeare,
    find_source,
    load_dataset,
    make_dataset,
    read_text,
    save_dataset,
)
from minigpt.paths import TEXTS
from minigpt.tokenizer import CharTokenizer, stream_text

ROOT = Path(__file__).resolve().parent.parent
SHAKESPEARE = ROOT.parent / "shared" / "data" / "tinyshakespeare.txt"
FILES = "train.bin", "val.bin", "vocab.json"


def test_a_bom_and_windows_line_ends_do_not_matter(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeffOne\r\ntwo\rthrée\n".encode())
    assert read_text(path) == "One\ntwo\nthrée\n"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=20))
def test_ids_turn_back_into_the_text(text):
    dataset = make_dataset(text)
    ids = torch.cat([dataset.train_ids, dataset.val_ids]).tolist()
    assert dataset.tokenizer.decode(ids) == text


@pytest.mark.parametrize("kind", ["char", "bpe", "word"])
def test_what_is_saved_is_loaded(fables, tmp_path, kind):
    size = None if kind == "char" else 300
    dataset = make_dataset(read_text(fables), kind, size)
    save_dataset(dataset, tmp_path)
    loaded = load_dataset(tmp_path)
    assert torch.equal(loaded.train_ids, dataset.train_ids)
    assert torch.equal(loaded.val_ids, dataset.val_ids)
    assert loaded.tokenizer.to_dict() == dataset.tokenizer.to_dict()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)


def test_the_files_are_what_they_are_said_to_be(fables, prepared):
    text = fables.read_text(encoding="utf-8")
    ids = {name: np.fromfile(prepared / name, dtype="<u2") for name in FILES[:2]}
    assert len(ids["train.bin"]) == int(0.9 * len(text))
    characters = json.loads((prepared / "vocab.json").read_text("utf-8"))["characters"]
    assert "".join(characters[i] for i in np.concatenate([*ids.values()])) == text


def test_bpe_and_words_are_learned_from_the_training_part_alone():
    text = "a crow " * 90 + "zebras " * 10
    for kind in "bpe", "word":
        tokens = make_dataset(text, kind, 300).tokenizer.tokens
        assert any("crow" in token for token in tokens)
        assert not any("zeb" in token for token in tokens)


def test_the_learners_own_text_comes_first(minigpt, tmp_path):
    assert find_source(data_dir=tmp_path) == TEXTS / "tales.toml"
    own = tmp_path / "input.txt"
    own.write_text("My own text. " * 10, encoding="utf-8")
    assert find_source(data_dir=tmp_path) == own
    assert find_source("fables", tmp_path) == TEXTS / "fables.txt"
    result = minigpt("prepare", "--data-dir", tmp_path)
    assert result.status == 0 and str(own) in result.out


def test_fables(minigpt, tmp_path):
    result = minigpt("prepare", "fables", "--data-dir", tmp_path)
    assert str(TEXTS / "fables.txt") in result.out and "63 tokens" in result.out


def test_russian_fables(minigpt, tmp_path):
    result = minigpt("prepare", "fables-ru", "--data-dir", tmp_path)
    assert str(TEXTS / "fables.ru.txt") in result.out and "77 tokens" in result.out
    assert "МОРАЛЬ" in load_dataset(tmp_path).tokenizer.decode(
        load_dataset(tmp_path).train_ids[:20_000].tolist()
    )


def test_both_ways_to_prepare_write_the_same_bytes(fables, prepared, tmp_path):
    command = [sys.executable, ROOT / "data" / "prepare.py", fables]
    subprocess.run(
        [*command, "--data-dir", tmp_path], check=True, cwd=tmp_path, timeout=60
    )
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (prepared / name).read_bytes()


def no_network(*args, **kwargs):
    raise urllib.error.URLError("Name or service not known")


def network(content):
    return lambda *args, **kwargs: io.BytesIO(content)


def test_shakespeare_is_downloaded_once(monkeypatch, tmp_path):
    content = b"First Citizen:\nBefore we proceed any further, hear me speak.\n"
    monkeypatch.setattr(data, "SHAKESPEARE_SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr("urllib.request.urlopen", network(content))
    path = fetch_shakespeare(tmp_path / "cache")
    assert path.read_bytes() == content
    monkeypatch.setattr("urllib.request.urlopen", no_network)
    assert fetch_shakespeare(tmp_path / "cache") == path


def test_what_is_not_shakespeare_is_refused(monkeypatch, minigpt, tmp_path):
    monkeypatch.setattr(data, "user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr("urllib.request.urlopen", network(b"<html>Log in</html>"))
    result = minigpt("prepare", "shakespeare", "--data-dir", tmp_path / "data")
    assert "not Tiny Shakespeare" in result.complaint
    assert "try again" in result.complaint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [IncompleteRead(b"First"), BadStatusLine("garbage")])
def test_a_download_that_breaks_off_is_one_line(monkeypatch, tmp_path, error):
    def broken(*args, **kwargs):
        raise error

    monkeypatch.setattr("urllib.request.urlopen", broken)
    with pytest.raises(ValueError, match="could not be downloaded"):
        fetch_shakespeare(tmp_path / "cache")


def test_a_user_that_is_not_there_is_no_file(minigpt, tmp_path):
    result = minigpt("prepare", "~nosuchuser/x.txt", "--data-dir", tmp_path)
    assert "~nosuchuser/x.txt" in result.complaint


def test_files_that_belong_together_are_not_torn_apart(tmp_path, monkeypatch):
    def replace(source, target):
        signal.raise_signal(signal.SIGINT)  # at the worst moment
        original(source, target)

    original = os.replace
    names = [tmp_path / name for name in "abc"]
    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        write_together({name: lambda file: file.write(b"new") for name in names})
    assert [name.read_bytes() for name in names] == [b"new"] * 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_one_file_cannot_be_written_none_is(tmp_path):
    names = [tmp_path / name for name in "abc"]
    names[1].mkdir()
    with pytest.raises(OSError, match="could not write"):
        write_together({name: lambda file: file.write(b"new") for name in names})
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_spoiled_cache_is_not_trusted(monkeypatch, tmp_path):
    (tmp_path / "tinyshakespeare.txt").write_bytes(b"First Cit")
    monkeypatch.setattr("urllib.request.urlopen", no_network)
    with pytest.raises(ValueError, match="could not be downloaded"):
        fetch_shakespeare(tmp_path)


def test_without_a_network_one_line_says_what_to_do(monkeypatch, minigpt, tmp_path):
    monkeypatch.setattr(data, "user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr("urllib.request.urlopen", no_network)
    result = minigpt("prepare", "shakespeare", "--data-dir", tmp_path / "data")
    assert "could not be downloaded" in result.complaint
    assert data.SHAKESPEARE_URL in result.complaint
    assert "minigpt prepare PATH" in result.complaint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not SHAKESPEARE.exists(), reason="Tiny Shakespeare is not here")
def test_tiny_shakespeare_is_known_by_its_sum(monkeypatch, minigpt, tmp_path):
    content = SHAKESPEARE.read_bytes()
    monkeypatch.setattr(data, "user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr("urllib.request.urlopen", network(content))
    result = minigpt("prepare", "shakespeare", "--data-dir", tmp_path)
    assert "1,115,394 characters" in result.out and "65 tokens" in result.out


IDS_OF_ANY_KIND = [
    list,
    tuple,
    iter,
    np.array,
    lambda ids: np.array(ids, dtype=np.uint16),
    lambda ids: np.array(ids, dtype=">i4"),
    lambda ids: np.array(ids[::-1])[::-1],
    lambda ids: np.frombuffer(np.array(ids, dtype=np.int8).tobytes(), np.int8),
    torch.tensor,
    lambda ids: torch.tensor(ids, dtype=torch.uint16),
    lambda ids: torch.tensor(ids, dtype=torch.int8),
]


@pytest.mark.parametrize("kind", IDS_OF_ANY_KIND)
def test_any_one_dimensional_integers_are_ids(kind, tmp_path):
    ids = [0, 1, 2, 0, 1, 2, 0, 1]
    tokenizer = CharTokenizer("abc")
    assert as_id_tensor(kind(ids)).tolist() == ids
    assert tokenizer.decode(kind(ids)) == "abcabcab"
    assert "".join(stream_text(tokenizer, kind(ids))) == "abcabcab"
    assert baseline_losses(kind(ids), kind(ids), 3) == baseline_losses(
        torch.tensor(ids), torch.tensor(ids), 3
    )
    save_dataset(Dataset(kind(ids), kind(ids), tokenizer), tmp_path)
    loaded = load_dataset(tmp_path)
    assert loaded.train_ids.tolist() == loaded.val_ids.tolist() == ids


def test_the_ids_of_a_dataset_can_be_decoded(prepared):
    dataset = load_dataset(prepared)
    start = dataset.tokenizer.decode(dataset.train_ids[:20])
    assert start == dataset.tokenizer.decode(dataset.train_ids[:20].tolist())
    assert dataset.tokenizer.decode(range(3)) == "".join(
        dataset.tokenizer.characters[:3]
    )


@pytest.mark.parametrize(
    ("ids", "complaint"),
    [
        ("abc", "not 'abc'"),
        ([0.5, 1.0], "not [0.5, 1.0]"),
        ([True], "not [True]"),
        (3, "not 3"),
        (None, "not None"),
        ([[1, 2]], "not [[1, 2]]"),
        (np.zeros((2, 3), int), "(2, 3)"),
        (torch.zeros(2, 3).long(), "(2, 3)"),
        (torch.tensor(3), "()"),
        (torch.zeros(3), "torch.float32"),
        (np.zeros(3, complex), "0.+0.j"),
        (torch.zeros(3, dtype=torch.complex64), "torch.complex64"),
        (torch.zeros(3).bool(), "torch.bool"),
    ],
)
def test_what_is_no_ids_is_said_in_one_line(ids, complaint):
    for take in as_id_tensor, CharTokenizer("abc").decode:
        with pytest.raises(ValueError, match="ids must be whole numbers in one") as e:
            take(ids)
        assert "\n" not in str(e.value) and len(str(e.value)) < 120
    with pytest.raises(ValueError) as e:
        as_id_tensor(ids)
    assert complaint in str(e.value)


@pytest.mark.parametrize("ids", [[0, 1, 3], [-1, 0], [2**40]])
def test_ids_that_could_not_be_loaded_are_not_saved(ids, tmp_path):
    dataset = Dataset(torch.tensor([0, 1, 2]), torch.tensor(ids), CharTokenizer("abc"))
    with pytest.raises(ValueError, match=r"val\.bin holds id .* ids from 0 to 2"):
        save_dataset(dataset, tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="val_ids holds id"):
        baseline_losses([0, 1, 2], ids + ids, 3)


def test_no_ids_at_all_are_not_saved(tmp_path):
    with pytest.raises(ValueError, match=r"train\.bin holds no ids"):
        save_dataset(Dataset([], [0], CharTokenizer("abc")), tmp_path)


def test_a_path_may_be_a_string(fables, prepared, tmp_path):
    assert read_text(str(fables)) == read_text(fables)
    assert find_source(fables) == find_source(str(fables)) == fables
    assert find_source(data_dir=str(tmp_path)) == TEXTS / "tales.toml"
    dataset = load_dataset(str(prepared))
    save_dataset(dataset, str(tmp_path / "copy"))
    check_writable(str(tmp_path / "new"))
    write_whole(str(tmp_path / "file"), lambda file: file.write(b"whole"))
    assert (tmp_path / "copy" / "train.bin").exists() and (tmp_path / "new").is_dir()
    assert (tmp_path / "file").read_bytes() == b"whole"


# "й" as a letter of its own (NFC), and as "и" with a breve (NFD), as macOS names files.
COMPOSED = unicodedata.normalize("NFC", "Лисий хвост, й и и. ")
SPLIT = unicodedata.normalize("NFD", COMPOSED)


@pytest.mark.parametrize("kind", ["char", "bpe", "word"])
def test_a_text_is_the_same_however_its_letters_are_composed(minigpt, tmp_path, kind):
    assert COMPOSED != SPLIT
    made = []
    for name, text in ("composed", COMPOSED), ("split", SPLIT):
        path = tmp_path / f"{name}.txt"
        path.write_text(text * 30, encoding="utf-8")
        words = "--tokenizer", kind, "--data-dir", tmp_path / name
        assert minigpt("prepare", path, *words).status == 0
        made.append({f: (tmp_path / name / f).read_bytes() for f in FILES})
    assert made[0] == made[1]


def test_files_of_ones_own_keep_their_permissions(tmp_path):
    if os.name != "posix":
        pytest.skip("permissions are others there")
    old = os.umask(0o077)
    try:
        write_whole(tmp_path / "new", lambda file: file.write(b"new"))
        os.umask(0o027)
        write_whole(tmp_path / "group", lambda file: file.write(b"new"))
        for mode in 0o600, 0o640, 0o444, 0o777:
            path = tmp_path / f"{mode:o}"
            path.write_bytes(b"old")
            path.chmod(mode)
            write_whole(path, lambda file: file.write(b"new"))
            assert path.stat().st_mode & 0o777 == mode
            assert path.read_bytes() == b"new"
    finally:
        os.umask(old)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "group").stat().st_mode & 0o777 == 0o640


def test_a_secret_is_never_open_to_others(tmp_path):
    if os.name != "posix":
        pytest.skip("permissions are others there")
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    path.chmod(0o600)
    modes = []

    def write(file):
        modes.append(os.fstat(file.fileno()).st_mode & 0o777)
        file.write(b"new")

    write_whole(path, write)
    assert modes == [0o600]


def test_a_symbolic_link_is_followed(tmp_path):
    target, link = tmp_path / "models" / "model.pt", tmp_path / "link.pt"
    target.parent.mkdir()
    target.write_bytes(b"old")
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("no links can be made here")
    write_whole(link, lambda file: file.write(b"new"))
    assert link.is_symlink() and target.read_bytes() == b"new"
    target.unlink()
    write_whole(link, lambda file: file.write(b"again"))
    assert link.is_symlink() and target.read_bytes() == b"again"
    assert sorted(p.name for p in tmp_path.rglob("*")) == [
        "link.pt",
        "model.pt",
        "models",
    ]


def test_what_is_no_file_is_not_replaced(tmp_path):
    with pytest.raises(OSError, match="it is not a file"):
        write_whole(tmp_path, lambda file: file.write(b"new"))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="could not write"):
            write_whole(tmp_path / "pipe", lambda file: file.write(b"new"))
        assert not (tmp_path / "pipe").is_file()

"""Turn a text into token ids, store them on disk and load them as tensors."""

import hashlib
import os
import unicodedata
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from operator import methodcaller
from pathlib import Path
from typing import Any

import numpy as np
import torch
from platformdirs import user_cache_path
from torch import Tensor

from minigpt.atomic import write_together, write_whole
from minigpt.paths import DATA, TEXTS
from minigpt.tokenizer import (
    Tokenizer,
    as_ids,
    load_tokenizer,
    tokenizer_to_json,
    train_tokenizer,
)
from minigpt.tokenizer.base import check_text

SHAKESPEARE_URL = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
    "input.txt"
)
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
BUILT_IN = {"fables": TEXTS / "fables.txt", "fables-ru": TEXTS / "fables.ru.txt"}
TRAIN_FRACTION = 0.9
SHORTEST_TEXT = 11  # characters, of which the last tenth has two


def read_text(path: str | Path) -> str:
    """Return the content of a UTF-8 file; a BOM is dropped, line ends become "\\n".

    Characters are composed (Unicode NFC): "й" is one character, never "и" and a breve.

    Raises:
        ValueError: the file is missing, a folder, empty or not text.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give a text file inside it")
    try:
        text = unicodedata.normalize("NFC", path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ValueError(
            f"there is no file {path}: check the path, or choose one of "
            f"{', '.join(BUILT_IN)}, shakespeare"
        ) from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text (byte {error.start} cannot be read): "
            "save it as UTF-8 in your editor"
        ) from None
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}): check the file, or use another"
        ) from None
    if "\0" in text:
        raise ValueError(f"{path} holds zero bytes and is not text: give a text file")
    if not text.strip():
        raise ValueError(f"{path} is empty: put some text into it")
    return text


def fetch_shakespeare(cache: str | Path | None = None) -> Path:
    """Return the path of Tiny Shakespeare, downloaded to the cache the first time.

    Raises:
        ValueError: the download fails, or its SHA-256 is wrong.
    """
    path = Path(cache or user_cache_path("minigpt")) / "tinyshakespeare.txt"
    if path.exists() and _is_shakespeare(path.read_bytes()):
        return path
    by_hand = "download it on another machine and run 'minigpt prepare PATH'"
    try:
        with urllib.request.urlopen(SHAKESPEARE_URL, timeout=20) as response:
            content = response.read()
    except (OSError, HTTPException) as error:
        raise ValueError(
            f"{SHAKESPEARE_URL} could not be downloaded ({error}): {by_hand}"
        ) from None
    if not _is_shakespeare(content):
        raise ValueError(
            f"the file at {SHAKESPEARE_URL} is not Tiny Shakespeare (its SHA-256 "
            f"differs): try again, or {by_hand}"
        )
    write_whole(path, methodcaller("write", content))
    return path


def _is_shakespeare(content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == SHAKESPEARE_SHA256


def find_source(name: str | Path | None = None, data_dir: str | Path = DATA) -> Path:
    """Return the path of a text, given that path or the name of a built-in text.

    Without a name it is the learner's own `input.txt`, or else the fables.
    """
    if name is None:
        own = Path(data_dir) / "input.txt"
        return own if own.exists() else BUILT_IN["fables"]
    if str(name) == "shakespeare":
        return fetch_shakespeare()
    return BUILT_IN.get(str(name)) or Path(os.path.expanduser(name))


@dataclass(frozen=True)
class Dataset:
    """A text as token ids, and the tokenizer that made them.

    Attributes:
        train_ids: the first nine tenths of the text, a uint16 tensor (T,).
        val_ids: the last tenth, for validation.
        tokenizer: turns both back into text.
    """

    train_ids: Tensor
    val_ids: Tensor
    tokenizer: Tokenizer


def as_id_tensor(ids: Any) -> Tensor:
    """Return any one-dimensional integers as a tensor, which may share their memory.

    Raises:
        ValueError: they are not one-dimensional, or not integers.
    """
    if isinstance(ids, np.ndarray) and ids.ndim == 1 and ids.dtype.kind in "iu":
        # torch takes neither another machine's byte order nor negative strides.
        ids = torch.from_numpy(np.require(ids, ids.dtype.newbyteorder("="), ["C", "W"]))
    if not isinstance(ids, Tensor):
        ids = torch.tensor(as_ids(ids), dtype=torch.long)
    whole = not (ids.dtype.is_floating_point or ids.dtype.is_complex)
    if ids.ndim != 1 or not whole or ids.dtype == torch.bool:
        raise ValueError(
            f"ids must be whole numbers in one dimension, not {ids.dtype} of shape "
            f"{tuple(ids.shape)}"
        )
    return ids


def split_text(text: str) -> tuple[str, str]:
    """Return the training part, the first nine tenths, and the validation part.

    Raises:
        ValueError: the text is too short for each part to have two characters.
    """
    check_text(text)
    if len(text) < SHORTEST_TEXT:
        raise ValueError(
            f"a text must have at least {SHORTEST_TEXT} characters, and this one has "
            f"{len(text)}: use a longer one"
        )
    cut = int(TRAIN_FRACTION * len(text))
    return text[:cut], text[cut:]


def make_dataset(
    text: str, tokenizer: str = "char", vocab_size: int | None = None
) -> Dataset:
    """Train a tokenizer ("char", "bpe" or "word") on the text, and encode it.

    A character tokenizer knows the characters of the whole text; the others learn
    from the training part alone, so that the validation text stays unseen.

    Raises:
        ValueError: the text is too short, or unsuitable for this tokenizer.
    """
    train_text, val_text = split_text(text)
    known = text if tokenizer == "char" else train_text
    made = train_tokenizer(tokenizer, known, vocab_size)
    train_ids, val_ids = (
        torch.from_numpy(np.array(made.encode(part), dtype=np.uint16))
        for part in (train_text, val_text)
    )
    return Dataset(train_ids, val_ids, made)


def save_dataset(dataset: Dataset, data_dir: str | Path = DATA) -> None:
    """Write `train.bin`, `val.bin` (uint16 ids) and `vocab.json`.

    Raises:
        ValueError: there are no ids, or one of them is not below `vocab_size`.
        OSError: the folder cannot be written.
    """
    contents = {"vocab.json": tokenizer_to_json(dataset.tokenizer).encode("utf-8")}
    for name, ids in ("train.bin", dataset.train_ids), ("val.bin", dataset.val_ids):
        values = as_id_tensor(ids).cpu().numpy()
        check_id_range(values, dataset.tokenizer.vocab_size, name)
        contents[name] = values.astype("<u2").tobytes()
    folder = Path(data_dir)
    write_together({folder / n: methodcaller("write", c) for n, c in contents.items()})


def check_id_range(ids: Any, vocab_size: int, name: str) -> None:
    """Raise ValueError unless the array or tensor `ids` holds ids below vocab_size."""
    if not len(ids):
        raise ValueError(f"{name} holds no ids: use a longer text")
    for i in int(ids.min()), int(ids.max()):
        if not 0 <= i < vocab_size:
            raise ValueError(
                f"{name} holds id {i}, but the vocabulary has only the ids from 0 to "
                f"{vocab_size - 1}"
            )


def load_dataset(data_dir: str | Path = DATA) -> Dataset:
    """Return what `save_dataset` wrote.

    Raises:
        ValueError: a file is missing or damaged, or an id is not below `vocab_size`.
    """
    paths = [Path(data_dir) / name for name in ("train.bin", "val.bin", "vocab.json")]
    for path in paths:
        if not path.is_file():
            raise ValueError(f"there is no {path}: run 'minigpt prepare' first")
    try:
        tokenizer = load_tokenizer(paths[2])
        train_ids, val_ids = (_read_ids(p, tokenizer.vocab_size) for p in paths[:2])
    except ValueError as error:
        raise ValueError(f"{error}; run 'minigpt prepare' again") from error
    return Dataset(train_ids, val_ids, tokenizer)


def _read_ids(path: Path, vocab_size: int) -> Tensor:
    content = path.read_bytes()
    if not content or len(content) % 2:
        raise ValueError(f"{path} is damaged")
    ids = np.frombuffer(content, dtype="<u2").astype(np.uint16)
    check_id_range(ids, vocab_size, str(path))
    return torch.from_numpy(ids)

"""Take a text file to ids on disk, and from there to tensors."""

import hashlib
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO

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

SHAKESPEARE_URL = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
    "input.txt"
)
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
BUILT_IN = {"fables": TEXTS / "fables.txt", "fables-ru": TEXTS / "fables.ru.txt"}
TRAIN_SHARE = 0.9


def read_text(path: Path) -> str:
    """Return a UTF-8 text file's content; a BOM is dropped, line ends become "\\n".

    Raises:
        ValueError: in one line, if it is missing, a folder, empty or not text.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give a text file inside it")
    try:
        text = path.read_text(encoding="utf-8-sig")
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
        raise ValueError(
            f"{path} holds zero bytes, so it is not text: give a text file"
        )
    if not text.strip():
        raise ValueError(f"{path} is empty: put some text into it")
    return text


def fetch_shakespeare(cache: Path | None = None) -> Path:
    """Return Tiny Shakespeare's path in the cache, downloading it the first time.

    Raises:
        ValueError: in one line, if it cannot be had or is not what it should be.
    """
    path = (cache or user_cache_path("minigpt")) / "tinyshakespeare.txt"
    if path.exists() and _sha256(path.read_bytes()) == SHAKESPEARE_SHA256:
        return path
    try:
        with urllib.request.urlopen(SHAKESPEARE_URL, timeout=20) as response:
            content = response.read()
    except (OSError, HTTPException) as error:
        raise ValueError(
            f"Tiny Shakespeare could not be downloaded ({error}): save "
            f"{SHAKESPEARE_URL} on a machine with a network, then run "
            "'minigpt prepare PATH'"
        ) from None
    if _sha256(content) != SHAKESPEARE_SHA256:
        raise ValueError(
            f"what came from {SHAKESPEARE_URL} is not Tiny Shakespeare (its sha256 "
            "differs): try again, or save it yourself and run 'minigpt prepare PATH'"
        )
    write_whole(path, partial(_put, content))
    return path


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def find_source(name: str | None = None, data_dir: Path = DATA) -> Path:
    """Return the text that a name stands for: a built-in text's, or a path.

    Without a name it is the learner's own `input.txt`, or else the fables.
    """
    if name is None:
        own = data_dir / "input.txt"
        return own if own.exists() else BUILT_IN["fables"]
    if name == "shakespeare":
        return fetch_shakespeare()
    with suppress(RuntimeError):  # there is no such user
        return BUILT_IN.get(name) or Path(name).expanduser()
    return Path(name)


@dataclass(frozen=True)
class Dataset:
    """A text as ids: what a model trains on, what it is measured on, and the key.

    Attributes:
        train_ids: uint16 tensor of one dimension, the first nine tenths of the text.
        val_ids: the same for the last tenth.
        tokenizer: turns both back to text.
    """

    train_ids: Tensor
    val_ids: Tensor
    tokenizer: Tokenizer


def as_id_tensor(ids: Any) -> Tensor:
    """Return any one-dimensional integers as a tensor, which may share their memory.

    Args:
        ids: a tensor, NumPy array, list or other iterable of whole numbers.

    Raises:
        ValueError: they are not one-dimensional, or not integers.
    """
    if isinstance(ids, np.ndarray):
        ids = torch.from_numpy(ids)
    if not isinstance(ids, Tensor):
        ids = torch.tensor(as_ids(ids), dtype=torch.long)
    if ids.ndim != 1 or ids.is_floating_point() or ids.dtype == torch.bool:
        raise ValueError(
            f"ids must be whole numbers in one dimension, not {ids.dtype} of shape "
            f"{tuple(ids.shape)}"
        )
    return ids


def split_text(text: str) -> tuple[str, str]:
    """Return the first nine tenths, to learn from, and the last, to be tested on.

    Raises:
        ValueError: the text is too short for either part to hold two characters.
    """
    cut = int(TRAIN_SHARE * len(text))
    if min(cut, len(text) - cut) < 2:
        raise ValueError(
            f"the text has {len(text)} characters, too few to learn from: "
            "use a longer one"
        )
    return text[:cut], text[cut:]


def make_dataset(
    text: str, tokenizer: str = "char", vocab_size: int | None = None
) -> Dataset:
    """Return the text as ids of a tokenizer made for it ("char", "bpe" or "word").

    A character tokenizer knows the characters of the whole text; the others learn
    from the training part alone, so that the validation text stays unseen.

    Raises:
        ValueError: the text is too short, or the tokenizer cannot be had.
    """
    train_text, val_text = split_text(text)
    known = text if tokenizer == "char" else train_text
    made = train_tokenizer(tokenizer, known, vocab_size)
    train_ids, val_ids = (
        torch.from_numpy(np.array(made.encode(part), dtype=np.uint16))
        for part in (train_text, val_text)
    )
    return Dataset(train_ids, val_ids, made)


def save_dataset(dataset: Dataset, data_dir: Path = DATA) -> None:
    """Write `train.bin`, `val.bin` (uint16 ids) and `vocab.json`.

    Raises:
        OSError: in one line, if the folder cannot be written.
    """
    contents = {
        "train.bin": dataset.train_ids.numpy().astype("<u2").tobytes(),
        "val.bin": dataset.val_ids.numpy().astype("<u2").tobytes(),
        "vocab.json": tokenizer_to_json(dataset.tokenizer).encode("utf-8"),
    }
    # The three only make sense together, so all of them appear or none.
    write_together({data_dir / name: partial(_put, c) for name, c in contents.items()})


def _put(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def load_dataset(data_dir: Path = DATA) -> Dataset:
    """Return what `save_dataset` wrote.

    Raises:
        ValueError: in one line, if it is missing, damaged or does not fit together.
    """
    paths = [data_dir / name for name in ("train.bin", "val.bin", "vocab.json")]
    for path in paths:
        if not path.is_file():
            raise ValueError(f"there is no {path}: run 'minigpt prepare' first")
    try:
        tokenizer = load_tokenizer(paths[2])
    except ValueError as error:
        raise ValueError(f"{error}; run 'minigpt prepare' again") from error
    train_ids, val_ids = (_read_ids(path, tokenizer.vocab_size) for path in paths[:2])
    return Dataset(train_ids, val_ids, tokenizer)


def _read_ids(path: Path, vocab_size: int) -> Tensor:
    content = path.read_bytes()
    if len(content) < 2 or len(content) % 2:
        raise ValueError(f"{path} is damaged: run 'minigpt prepare' again")
    ids = np.frombuffer(content, dtype="<u2").astype(np.uint16)
    if ids.max() >= vocab_size:
        raise ValueError(
            f"{path} holds id {ids.max()} but vocab.json has only {vocab_size} tokens: "
            "run 'minigpt prepare' again"
        )
    return torch.from_numpy(ids)

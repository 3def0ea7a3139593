"""Turn a text into token ids, store them on disk and load them as tensors."""

import hashlib
import json
import os
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from minigpt.tales import SEPARATOR, Grammar, Tale, draw_tales, read_grammar
from minigpt.text_file import read_utf8
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
BUILT_IN = {
    "tales": TEXTS / "tales.toml",
    "fables": TEXTS / "fables.txt",
    "fables-ru": TEXTS / "fables.ru.txt",
}
TRAIN_TALES, VAL_TALES = 5_000, 200
TRAIN_SEED, VAL_SEED = 1, 2
TALES_VOCAB_SIZE = 2_048
TRAIN_FRACTION = 0.9
SHORTEST_TEXT = 11  # characters, of which the last tenth has two


def read_text(path: str | Path) -> str:
    """Return the content of a UTF-8 file; a BOM is dropped, line ends become "\\n".

    Characters are composed (Unicode NFC): "й" is one character, never "и" and a breve.

    Raises:
        ValueError: the file is missing, a folder, empty or not text.
    """
    path = Path(path)
    text = read_utf8(path, else_choose=f"{', '.join(BUILT_IN)}, shakespeare")
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

    Without a name it is the learner's own `input.txt`, or else the tales.
    """
    if name is None:
        own = Path(data_dir) / "input.txt"
        return own if own.exists() else BUILT_IN["tales"]
    if str(name) == "shakespeare":
        return fetch_shakespeare()
    return BUILT_IN.get(str(name)) or Path(os.path.expanduser(name))


@dataclass(frozen=True)
class Dataset:
    """A text as token ids, and the tokenizer that made them.

    Attributes:
        train_ids: the training text, a uint16 tensor (T,).
        val_ids: the validation text, which the model is never trained on.
        tokenizer: turns both back into text.
        entropy: of tales that were drawn from a grammar, in nats per token that is
            predicted: no model can have a lower loss. None for any other text.
    """

    train_ids: Tensor
    val_ids: Tensor
    tokenizer: Tokenizer
    entropy: float | None = None

    def starts(self, ids: Tensor) -> Tensor | None:
        """Return where the tales in `ids` begin (int64), or None if they are no tales.

        A tale begins with the last line break before its title and ends with the two
        before that of the next tale.
        """
        if self.tokenizer.end != SEPARATOR:
            return None
        texts = (self.tokenizer.decode([i]) for i in range(self.tokenizer.vocab_size))
        breaks = np.array([len(text) * (not text.strip("\n")) for text in texts])[ids]
        so_far = np.cumsum(breaks)
        before = np.maximum.accumulate(np.where(breaks > 0, 0, so_far))
        last = (breaks[:-1] > 0) & (breaks[1:] == 0)  # of a run of line breaks
        separates = so_far - before >= len(SEPARATOR)
        starts = np.flatnonzero(last & separates[:-1])
        return torch.from_numpy(np.concatenate([[0], starts]))


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

    The first nine tenths are for training, the last for validation. A character
    tokenizer knows the characters of the whole text; the others learn from the training
    part alone, so that the validation text stays unseen.

    Raises:
        ValueError: the text is too short, or unsuitable for this tokenizer.
    """
    train_text, val_text = split_text(text)
    known = text if tokenizer == "char" else train_text
    trained = train_tokenizer(tokenizer, known, vocab_size)
    return _encode([train_text], [val_text], trained)


def make_tales_dataset(
    grammar: Grammar, tokenizer: str = "bpe", vocab_size: int | None = None
) -> Dataset:
    """Draw tales for training and for validation, train a tokenizer, and encode them.

    No validation tale has the hero, the other and the plot of a training tale.

    Raises:
        ValueError: the grammar is too small, or unsuitable for this tokenizer.
    """
    # Each tale has the last line break before it, and two of the next one's.
    train_tales, val_tales = (
        [f"\n{tale.text}\n\n" for tale in tales] for tales in split_tales(grammar)
    )
    if tokenizer == "bpe":
        vocab_size = vocab_size or TALES_VOCAB_SIZE
    known = train_tales + val_tales if tokenizer == "char" else train_tales
    trained = train_tokenizer(tokenizer, "".join(known), vocab_size)
    if trained.decode(trained.encode("\n")) != "\n":
        raise ValueError(
            f"a vocabulary of {trained.vocab_size} tokens has none for a line break, "
            "with which every tale begins: choose a larger vocab_size"
        )
    trained.end = SEPARATOR
    made = _encode(train_tales, val_tales, trained)
    tokens = (len(made.train_ids) + len(made.val_ids)) / (TRAIN_TALES + VAL_TALES)
    return replace(made, entropy=grammar.entropy() / tokens)


def split_tales(grammar: Grammar) -> tuple[list[Tale], list[Tale]]:
    """Draw tales for training, and tales of other combinations for validation."""
    possible = frozenset(grammar.combinations())
    if len(possible) > TRAIN_TALES:
        train_tales = draw_tales(grammar, TRAIN_TALES, TRAIN_SEED)
        seen = frozenset(tale.combination for tale in train_tales)
    else:  # so few that training would see them all: keep a tenth of them back
        if len(possible) == 1:
            raise ValueError(
                "all tales of this grammar have the same animals and the same plot, so "
                "none are left for validation: add an animal or a plot"
            )
        seen = possible - frozenset(sorted(possible)[::10])
        train_tales = draw_tales(grammar, TRAIN_TALES, TRAIN_SEED, possible - seen)
    return train_tales, draw_tales(grammar, VAL_TALES, VAL_SEED, without=seen)


def read_dataset(
    path: str | Path, tokenizer: str | None = None, vocab_size: int | None = None
) -> Dataset:
    """Return the dataset of a text file, or of tales drawn from a grammar (`.toml`).

    Args:
        tokenizer: "char", "bpe" or "word"; by default "bpe" for tales, "char" for text.

    Raises:
        ValueError: the file cannot be read, or is unsuitable for this tokenizer.
    """
    if Path(path).suffix == ".toml":
        return make_tales_dataset(read_grammar(path), tokenizer or "bpe", vocab_size)
    return make_dataset(read_text(path), tokenizer or "char", vocab_size)


def _encode(
    train_texts: Sequence[str], val_texts: Sequence[str], tokenizer: Tokenizer
) -> Dataset:
    """Encode each text by itself, so that no token reaches from one into the next."""
    train_ids, val_ids = (
        np.array([i for text in texts for i in tokenizer.encode(text)], dtype=np.uint16)
        for texts in (train_texts, val_texts)
    )
    return Dataset(torch.from_numpy(train_ids), torch.from_numpy(val_ids), tokenizer)


def save_dataset(dataset: Dataset, data_dir: str | Path = DATA) -> None:
    """Write `train.bin`, `val.bin` (uint16 ids) and `vocab.json`.

    The entropy of tales is written into `vocab.json`, beside the tokenizer.

    Raises:
        ValueError: there are no ids, or one of them is not below `vocab_size`.
        OSError: the folder cannot be written.
    """
    entropy = {} if dataset.entropy is None else {"entropy": dataset.entropy}
    vocab = tokenizer_to_json(dataset.tokenizer, **entropy)
    contents = {"vocab.json": vocab.encode("utf-8")}
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
        entropy = _read_entropy(paths[2])
        train_ids, val_ids = (_read_ids(p, tokenizer.vocab_size) for p in paths[:2])
    except ValueError as error:
        raise ValueError(f"{error}; run 'minigpt prepare' again") from error
    return Dataset(train_ids, val_ids, tokenizer, entropy)


def _read_entropy(path: Path) -> float | None:
    entropy = json.loads(path.read_text(encoding="utf-8")).get("entropy")
    if entropy is not None and not (isinstance(entropy, float) and 0 <= entropy < 100):
        raise ValueError(f"{path} is damaged: its entropy is {entropy!r:.40}")
    return entropy


def _read_ids(path: Path, vocab_size: int) -> Tensor:
    content = path.read_bytes()
    if not content or len(content) % 2:
        raise ValueError(f"{path} is damaged")
    ids = np.frombuffer(content, dtype="<u2").astype(np.uint16)
    check_id_range(ids, vocab_size, str(path))
    return torch.from_numpy(ids)

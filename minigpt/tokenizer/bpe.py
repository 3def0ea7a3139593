"""Learn a vocabulary of byte sequences by merging bytes within words, as GPT-2 did."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from minigpt.tokenizer.base import (
    check_ids,
    check_text,
    check_vocab_size,
    visible,
)
from minigpt.tokenizer.merging import Pair, learn_merges, merge_pair
from minigpt.tokenizer.splitting import split_words

# GPT-2's numbers for the 256 bytes: first those that print in Latin-1 (so "!" is 0),
# then the rest. Ties are broken by id, so this order decides which merges are learned.
_PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
_BYTE_OF_ID = bytes(_PRINTABLE + [b for b in range(256) if b not in _PRINTABLE])
_ID_OF_BYTE = bytes(_BYTE_OF_ID.index(b) for b in range(256))

MAX_CACHED_WORDS = 100_000
MAX_BYTES = 2**26


def byte_ids(text: str) -> list[int]:
    """Return an id from 0 to 255 for each byte of the text in UTF-8.

    >>> byte_ids("The é")
    [51, 71, 68, 220, 127, 102]
    """
    return list(text.encode("utf-8").translate(_ID_OF_BYTE))


class BPETokenizer:
    """Byte-pair encoding: 256 bytes, and tokens made of two earlier tokens each.

    Every text can be encoded, as every byte has an id. Ids, merges and their order
    are those of Hugging Face's `tokenizers` trained in GPT-2's way (`ByteLevel`).
    Sources: Sennrich et al. (2016), Radford et al. (2019).

    Args:
        merges: the two ids that make token 256, those that make token 257, and so on.

    Raises:
        ValueError: a merge uses an id that does not exist yet or makes a token that
            exists already, or there are too many.

    >>> tokenizer = BPETokenizer.train("low lower lowest slow", vocab_size=259)
    >>> tokenizer.tokens[256:]
    ['lo', 'low', '␣low']
    >>> tokenizer.encode("a low blow")
    [64, 258, 220, 65, 257]
    >>> tokenizer.decode([258, 258])
    ' low low'
    """

    def __init__(self, merges: Iterable[Pair]) -> None:
        self.merges = [(first, second) for first, second in merges]
        check_vocab_size(self.vocab_size, smallest=256)
        self._bytes = _bytes_of_tokens(self.merges)
        self._new_ids = {pair: 256 + n for n, pair in enumerate(self.merges)}
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def train(cls, text: str, vocab_size: int = 1000) -> "BPETokenizer":
        """Return a tokenizer for text like this one.

        It has fewer than vocab_size tokens if the text has no more pairs to merge.

        Raises:
            ValueError: vocab_size is below 256 or above 65,536, or the text holds a
                lone surrogate.
        """
        check_vocab_size(vocab_size, smallest=256)
        check_text(text)
        counts = Counter(split_words(text))
        words = [(byte_ids(word), count) for word, count in counts.items()]
        return cls(learn_merges(words, vocab_size - 256, first_id=256))

    @property
    def vocab_size(self) -> int:
        """V: the bytes and the merges."""
        return 256 + len(self.merges)

    @property
    def tokens(self) -> list[str]:
        r"""The text of each id, of cut characters the bytes (as in `\xc3`)."""
        return [visible(b.decode("utf-8", "backslashreplace")) for b in self._bytes]

    def encode(self, text: str) -> list[int]:
        """Return the ids of the text, or raise ValueError at a lone surrogate."""
        check_text(text)
        return [i for word in split_words(text) for i in self._encode_word(word)]

    def _encode_word(self, word: str) -> list[int]:
        ids = self._cache.get(word)
        if ids is None:
            ids = self._merge(byte_ids(word))
            if len(self._cache) < MAX_CACHED_WORDS:
                self._cache[word] = ids
        return ids

    def _merge(self, ids: list[int]) -> list[int]:
        """Return the ids after all merges, in the order in which they were learned."""
        while known := self._new_ids.keys() & set(pairwise(ids)):
            pair = min(known, key=self._new_ids.__getitem__)
            ids = merge_pair(ids, pair, self._new_ids[pair])
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids, or raise ValueError at one out of range.

        A token may end in the middle of a character: half a character at the end, or
        bytes that make none, come back as "�".
        """
        ids = list(ids)
        check_ids(ids, self.vocab_size)
        return b"".join([self._bytes[i] for i in ids]).decode("utf-8", "replace")

    def to_dict(self) -> dict[str, Any]:
        """Return what `tokenizer_from_dict` rebuilds the tokenizer from."""
        return {"type": "bpe", "merges": [list(pair) for pair in self.merges]}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "BPETokenizer":
        """Return the tokenizer of a `to_dict`, or raise ValueError."""
        merges = fields.get("merges")
        if not isinstance(merges, list) or not all(map(_is_pair, merges)):
            raise ValueError('"merges" must be a list of pairs of ids')
        return cls(merges)

    def __repr__(self) -> str:
        return f"<BPETokenizer of {self.vocab_size} tokens>"


def _is_pair(value: object) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    return all(type(i) is int for i in value)


def _bytes_of_tokens(merges: Sequence[Pair]) -> list[bytes]:
    """Return the bytes of each id, or raise ValueError at an impossible merge."""
    tokens = [bytes([b]) for b in _BYTE_OF_ID]
    seen = set(tokens)
    total = 256
    for new_id, (first, second) in enumerate(merges, start=256):
        if not (0 <= first < new_id and 0 <= second < new_id):
            raise ValueError(
                f"merge {first} {second} makes token {new_id}, "
                f"so its ids must be from 0 to {new_id - 1}"
            )
        total += len(tokens[first]) + len(tokens[second])
        if total > MAX_BYTES:
            raise ValueError(f"the tokens hold more than {MAX_BYTES:,} bytes together")
        tokens.append(tokens[first] + tokens[second])
        if tokens[-1] in seen:
            raise ValueError(
                f"merge {first} {second} makes a token that exists already"
            )
        seen.add(tokens[-1])
    return tokens

"""Tokenize a text by byte pairs (byte-pair encoding, BPE), as GPT-2 did.

Sources: Gage (1994) for the algorithm, Sennrich et al. (2016) for merging within
words, Radford et al. (2019) for bytes.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from minigpt.tokenizer.base import (
    LONGEST_END,
    Tokenizer,
    as_ids,
    check_text,
    check_vocab_size,
    known_ids,
    visible,
)

Pair = tuple[int, int]
# The ids of a word, and the number of its occurrences in the text.
Word = tuple[Sequence[int], int]

# GPT-2's ids of the 256 bytes: first those that are printable in Latin-1 (so "!" is 0),
# then the rest. Ties are broken by id, so this order decides which merges are learned.
PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
_BYTE_OF_ID = bytes(PRINTABLE + [b for b in range(256) if b not in PRINTABLE])
_ID_OF_BYTE = bytes(_BYTE_OF_ID.index(b) for b in range(256))

MAX_CACHED_WORDS = 100_000
MAX_BYTES = 2**26


def byte_ids(text: str) -> list[int]:
    """Return the ids, from 0 to 255, of the bytes of the text in UTF-8.

    >>> byte_ids("The é")
    [51, 71, 68, 220, 127, 102]
    """
    return list(text.encode("utf-8").translate(_ID_OF_BYTE))


class BPETokenizer(Tokenizer):
    """Byte-pair encoding: one token per byte, and one for each merge of two tokens.

    Every text can be encoded, because every byte has an id. Ids, merges and their order
    are those of Hugging Face's `tokenizers` trained like GPT-2 (`ByteLevel`).

    Args:
        merges: the pair of ids that makes token 256, the one for 257, and so on.
        end_token: the last token, which no merge makes; it marks the end of a text, as
            "<|endoftext|>" does in GPT-2. "" for none.

    Raises:
        ValueError: a merge has an id that does not exist yet, or makes a token that
            exists already, or there are too many merges, or the end token is too long.

    >>> tokenizer = BPETokenizer.train("low lower lowest slow", vocab_size=259)
    >>> tokenizer.tokens[256:]
    ['lo', 'low', '␣low']
    >>> tokenizer.encode("a low blow")
    [64, 258, 220, 65, 257]
    >>> tokenizer.decode([258, 258])
    ' low low'
    """

    def __init__(self, merges: Iterable[Pair], end_token: str = "") -> None:
        self.merges = list(map(_as_pair, merges))
        self.end = self.end_token = _checked_end(end_token)
        check_vocab_size(256 + len(self.merges) + bool(end_token))
        self._bytes = _bytes_of_tokens(self.merges)
        if end_token:
            self._bytes.append(end_token.encode())
        texts = (b.decode("utf-8", "backslashreplace") for b in self._bytes)
        self.tokens = list(map(visible, texts))
        self._new_ids = {pair: 256 + n for n, pair in enumerate(self.merges)}
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def train(cls, text: str, vocab_size: int = 1000) -> "BPETokenizer":
        """Return a tokenizer trained on the text, with at most vocab_size tokens.

        Raises:
            ValueError: vocab_size is not from 256 to 65,536, or the text is not a
                string that UTF-8 can store.
        """
        check_vocab_size(vocab_size, smallest=256)
        check_text(text)
        counts = Counter(split_words(text))
        words = [(byte_ids(word), count) for word, count in counts.items()]
        return cls(learn_merges(words, vocab_size - 256, first_id=256))

    def encode(self, text: str) -> list[int]:
        check_text(text)
        if not self.end_token:
            return self._encode_words(text)
        first, *others = map(self._encode_words, text.split(self.end_token))
        end = self.vocab_size - 1
        return first + [i for ids in others for i in (end, *ids)]

    def _encode_words(self, text: str) -> list[int]:
        cached = self._cache.get
        words = split_words(text)
        return [i for word in words for i in cached(word) or self._encode_word(word)]

    def _encode_open(self, text: str) -> list[int]:
        # Where a text goes on, the last of its line breaks belongs to the next word
        # (see `split_words`). As one token, two of them would begin a tale's end.
        body = text.removesuffix("\n")
        return self.encode(body) + self.encode(text[len(body) :])

    def _encode_word(self, word: str) -> list[int]:
        """Return the ids after all merges, in the order in which they were learned."""
        ids = byte_ids(word)
        while known := self._new_ids.keys() & set(pairwise(ids)):
            pair = min(known, key=self._new_ids.__getitem__)
            ids = merge_pair(ids, pair, self._new_ids[pair])
        if len(self._cache) < MAX_CACHED_WORDS:
            self._cache[word] = ids
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids; bytes that are not UTF-8 become "�"."""
        tokens = [self._bytes[i] for i in known_ids(ids, self.vocab_size)]
        return b"".join(tokens).decode("utf-8", "replace")

    def to_dict(self) -> dict[str, Any]:
        merges = [list(pair) for pair in self.merges]
        special = {"end_token": self.end_token} if self.end_token else {}
        return {"type": "bpe", "merges": merges} | special | self._ending()


def _as_pair(merge: Any) -> Pair:
    ids = as_ids(merge)
    if len(ids) != 2:
        raise ValueError(f"a merge is a pair of ids, not {ids}")
    return ids[0], ids[1]


def _checked_end(end_token: str) -> str:
    check_text(end_token)
    if len(end_token) > LONGEST_END:
        raise ValueError(
            f"an end token has at most {LONGEST_END} characters, not {len(end_token)}"
        )
    return end_token


def _bytes_of_tokens(merges: Sequence[Pair]) -> list[bytes]:
    """Return the bytes of each id, or raise ValueError at an invalid merge."""
    tokens = [bytes([b]) for b in _BYTE_OF_ID]
    seen = set(tokens)
    total = 256
    for new_id, (first, second) in enumerate(merges, start=256):
        if not (0 <= first < new_id and 0 <= second < new_id):
            raise ValueError(
                f"merge {first} {second} makes token {new_id}, "
                f"so its ids must be from 0 to {new_id - 1}"
            )
        token = tokens[first] + tokens[second]
        total += len(token)
        if total > MAX_BYTES:
            raise ValueError(f"the tokens hold more than {MAX_BYTES:,} bytes together")
        if token in seen:
            twice = "makes a token that already exists"
            raise ValueError(f"merge {first} {second} {twice}")
        tokens.append(token)
        seen.add(token)
    return tokens


def count_pairs(words: Iterable[Word]) -> Counter[Pair]:
    """Return how often each pair of adjacent ids occurs in the words.

    >>> count_pairs([([1, 2, 1, 2], 10), ([2, 1], 1)])
    Counter({(1, 2): 20, (2, 1): 11})
    """
    counts: Counter[Pair] = Counter()
    for ids, count in words:
        for pair in pairwise(ids):
            counts[pair] += count
    return counts


def most_frequent(counts: Counter[Pair]) -> Pair:
    """Return the pair with the highest count; of equals, the one with the lowest ids.

    >>> most_frequent(Counter({(7, 1): 5, (2, 9): 5, (2, 3): 4}))
    (2, 9)
    """
    highest = max(counts.values())
    return min(pair for pair, count in counts.items() if count == highest)


def merge_pair(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """Return the ids with every occurrence of the pair replaced, from left to right.

    >>> merge_pair([1, 2, 3, 1, 2], (1, 2), 9)
    [9, 3, 9]
    >>> merge_pair([1, 1, 1], (1, 1), 9)
    [9, 1]
    """
    first, second = pair
    merged: list[int] = []
    for i in ids:
        if i == second and merged and merged[-1] == first:
            merged[-1] = new_id
        else:
            merged.append(i)
    return merged


def learn_merges(words: Iterable[Word], n_merges: int, first_id: int) -> list[Pair]:
    """Return the pairs to merge, in order; first_id is the id of the first merge.

    There are fewer than n_merges if no word has a pair left. Each merge updates the
    counts of the words that contain its pair, so that pairs are counted only once.

    >>> learn_merges([([1, 2, 1, 2], 10), ([2, 1], 1)], n_merges=9, first_id=3)
    [(1, 2), (3, 3), (2, 1)]
    """
    words = list(words)
    counts = count_pairs(words)
    holders: defaultdict[Pair, set[int]] = defaultdict(set)
    for index, (ids, _) in enumerate(words):
        for pair in pairwise(ids):
            holders[pair].add(index)
    merges: list[Pair] = []
    while any(counts.values()) and len(merges) < n_merges:
        pair = most_frequent(counts)
        new_id = first_id + len(merges)
        merges.append(pair)
        for index in holders.pop(pair):
            ids, count = words[index]
            merged = merge_pair(ids, pair, new_id)
            words[index] = merged, count
            for old, new in _changed_pairs(merged, pair, new_id):
                counts[old] -= count
                counts[new] += count
                holders[new].add(index)
        del counts[pair]
    return merges


def _changed_pairs(
    merged: Sequence[int], pair: Pair, new_id: int
) -> Iterator[tuple[Pair, Pair]]:
    """Yield each pair with the new id: as it was before the merge, and as it is now."""
    first, second = pair
    for left, right in pairwise(merged):
        if new_id in (left, right):
            old_left = second if left == new_id else left
            old_right = first if right == new_id else right
            yield (old_left, old_right), (left, right)


# GPT-2's pattern, in which \p{L} and \p{N}, which `re` lacks, are ASCII letters and
# digits. `split_words` applies it to a text with ASCII characters of the same kinds.
_WORD = re.compile(
    r"""'s|'t|'re|'ve|'m|'ll|'d"""  # the ends of I'm, we'll, ...
    r"""| ?[A-Za-z]+"""  # letters, with the space before them
    r"""| ?[0-9]+"""  # digits
    r"""| ?[^\sA-Za-z0-9]+"""  # punctuation and symbols
    r"""|\s+(?!\S)|\s+""",  # spaces, but the last one belongs to the next word
    re.ASCII,
)


def split_words(text: str) -> list[str]:
    r"""Split the text into words, spaces included, as GPT-2 does.

    Characters that Python's version of Unicode does not know count as punctuation.
    Source: `encoder.py` of GPT-2 (Radford et al., 2019).

    >>> split_words("We'll see:  42 crows!\n")
    ['We', "'ll", ' see', ':', ' ', ' 42', ' crows', '!', '\n']
    """
    if text.isascii():
        return _WORD.findall(text)
    stand_in = "".join(map(_stand_in, text))
    return [text[m.start() : m.end()] for m in _WORD.finditer(stand_in)]


@cache
def _stand_in(character: str) -> str:
    """Return an ASCII character of the same kind: letter, number, space or other."""
    if character.isascii():
        return character
    kind = unicodedata.category(character)[0]
    if kind == "Z" or character == "\x85":
        return "\t"
    return {"L": "a", "N": "0"}.get(kind, ".")

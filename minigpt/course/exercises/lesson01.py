"""The exercises of lesson 01: from text to ids and back."""

import math
from collections import Counter
from collections.abc import Iterable
from itertools import chain, combinations, pairwise
from typing import Any

from minigpt.course.exercises.judge import Function, Task, draw, exercise, judge, number
from minigpt.course.exercises.verdict import Mistake
from minigpt.tokenizer import merge_pair

Ids = list[int]
Pair = tuple[int, int]


def _places(text: Iterable[str], characters: str) -> Ids:
    return [characters.index(c) for c in text]


UNKNOWN: dict[str, Function] = {
    "You left out an unknown character silently; raise ValueError.": (
        lambda text, characters: _places(filter(characters.count, text), characters)
    ),
    "An unknown character became id -1; raise ValueError instead.": (
        lambda text, characters: [characters.find(c) for c in text]
    ),
}
REFUSE = Task(_places, [("crew", "cowr")], wrong_ways=UNKNOWN)


@exercise(
    "01.encode",
    "Your ids start at 1; the first character of the vocabulary has id 0.",
    lambda text, characters: [i + 1 for i in encode(text, characters)],
    "Those are Unicode's numbers (ord); an id is the place in `characters`.",
    lambda text, characters: [ord(c) for c in text],
    "Those are places in the text; an id is the place in `characters`.",
    lambda text, characters: list(range(len(text))),
    "You numbered the characters of this text; use the vocabulary you are given.",
    lambda text, characters: encode(text, "".join(sorted(set(text)))),
    "You encoded each character once; a text has one id for every character.",
    lambda text, characters: encode("".join(dict.fromkeys(text)), characters),
    cases=[
        *[("crow", "cowr"), ("hello", "ehlo"), ("o", "ehlo"), ("", "ab")],
        *[("a fox saw a hen", "qz wmtjkfxebnvrdcgishlyaopu"), (" An Owl ", "lwnO oA")],
    ],
    praise="Text becomes ids, and an unknown character is refused.",
    then=lambda answer: judge(answer, REFUSE),
)
def encode(text: str, characters: str) -> Ids:
    """Return the place of each character of the text in `characters`."""
    return _places(text, characters)


@exercise(
    "01.count_pairs",
    "You cut the ids into twos; every id but the last begins a pair.",
    lambda ids: dict(Counter(zip(ids[::2], ids[1::2], strict=False))),
    "You took (1, 2) and (2, 1) for the same pair, but order matters.",
    lambda ids: dict(Counter((min(pair), max(pair)) for pair in pairwise(ids))),
    "Your pairs are turned around: (1, 2) means that 2 comes after 1.",
    lambda ids: dict(Counter(pair[::-1] for pair in pairwise(ids))),
    "You paired the last id with the first, but a text is not a circle.",
    lambda ids: dict(Counter(pairwise([*ids, *ids[:1]]))),
    "You paired ids that are not neighbours.",
    lambda ids: dict(Counter(combinations(ids, 2))),
    "You gave every pair the count 1; count how often it comes.",
    lambda ids: dict.fromkeys(pairwise(ids), 1),
    "You counted single ids; count pairs, tuples such as (1, 2).",
    lambda ids: dict(Counter(ids)),
    "Every count is one too high; start at 0.",
    lambda ids: {pair: n + 1 for pair, n in count_pairs(ids).items()},
    cases=[
        *[([1, 2, 1, 2, 1, 3],), ([5, 5, 5, 4],), ([7],), ([3, 1, 2],)],
        *[(draw(30, seed=2, below=4).tolist(),), ([],)],
    ],
    praise="Every pair of neighbours is counted.",
    errors={
        "IndexError": "You looked past the end: the last id does not begin a pair.",
        "KeyError": "A new pair raised KeyError; start its count at 0.",
    },
    accept=lambda counts: (
        {pair: n for pair, n in counts.items() if n}
        if isinstance(counts, dict)
        else counts
    ),
)
def count_pairs(ids: Ids) -> dict[Pair, int]:
    """Return how often each pair of neighbours comes."""
    return dict(Counter(pairwise(ids)))


def _starts(ids: Ids, pair: Pair) -> list[int]:
    return [i for i, both in enumerate(pairwise(ids)) if both == pair]


def _merge_overlapping(ids: Ids, pair: Pair, new_id: int) -> Ids:
    starts = _starts(ids, pair)
    used = {place for i in starts for place in (i, i + 1)}
    return [
        new_id if i in starts else old
        for i, old in enumerate(ids)
        if i in starts or i not in used
    ]


def _merge_first(ids: Ids, pair: Pair, new_id: int) -> Ids:
    end = [*_starts(ids, pair), len(ids)][0] + 2
    return merge_pair(ids[:end], pair, new_id) + ids[end:]


def _merge_both_orders(ids: Ids, pair: Pair, new_id: int) -> Ids:
    if len(ids) < 2:
        return list(ids)
    found = tuple(ids[:2]) in (pair, pair[::-1])
    rest = _merge_both_orders(ids[2 if found else 1 :], pair, new_id)
    return [new_id if found else ids[0], *rest]


def _merge_no_tail(ids: Ids, pair: Pair, new_id: int) -> Ids:
    merged = merge_pair(ids, pair, new_id)
    merges_last = tuple(ids[-2:]) == pair and merged[-1:] == [new_id]
    return merged if merges_last else merged[:-1]


@exercise(
    "01.merge",
    "You used one id for two merges; after a merge, go on behind the pair.",
    _merge_overlapping,
    "You merged from right to left; start at the left.",
    lambda ids, pair, new_id: merge_pair(ids[::-1], pair[::-1], new_id)[::-1],
    "You merged the first place only; go on to the end.",
    _merge_first,
    "You merged the pair in both orders, but order matters.",
    _merge_both_orders,
    "You replaced the ids of the pair even where they stand alone.",
    lambda ids, pair, new_id: [new_id if i in pair else i for i in ids],
    "You put in the new id but kept the second id of the pair.",
    lambda ids, pair, new_id: [
        new_id if i in _starts(ids, pair) else old for i, old in enumerate(ids)
    ],
    "The last id is missing where the list does not end in the pair.",
    _merge_no_tail,
    "You merged nothing.",
    lambda ids, pair, new_id: list(ids),
    cases=[
        *[([1, 2, 3, 1, 2], (1, 2), 9), ([1, 1, 1], (1, 1), 9)],
        *[([2, 1, 2, 1], (1, 2), 9), ([4, 4, 4, 4, 4, 3, 4], (4, 4), 300)],
        ([5], (5, 5), 9),
        (draw(40, seed=3, below=3).tolist(), (0, 1), 7),
        (draw(40, seed=4, below=2).tolist(), (1, 1), 7),
        ([], (1, 2), 9),
    ],
    praise="The pair is merged everywhere, and never overlaps itself.",
    errors={"IndexError": "You looked past the end: the last id begins no pair."},
)
def merge(ids: Ids, pair: Pair, new_id: int) -> Ids:
    """Return the ids with the pair replaced by a new id, from left to right."""
    return merge_pair(ids, pair, new_id)


@exercise(
    "01.decode_bytes",
    "You took each byte for a character; decode them together, as UTF-8.",
    lambda values: "".join(chr(value) for value in values),
    "You decoded each byte alone, but é or ж needs its bytes together.",
    lambda values: "".join(decode_bytes([value]) for value in values),
    'Broken bytes vanished; use errors="replace".',
    lambda values: bytes(values).decode(errors="ignore"),
    'Broken bytes became codes like \\xf0; use errors="replace".',
    lambda values: bytes(values).decode(errors="backslashreplace"),
    "Broken bytes became a question mark; the sign for them is �.",
    lambda values: decode_bytes(values).replace("�", "?"),
    cases=[
        *((list(text.encode()),) for text in ("hen", "ёж", "a 🐭!", "")),
        ([240, 159, 144, 32, 104],),
        ([104, 255, 105],),
    ],
    praise="Bytes become text, and broken ones are shown as �.",
    types={bytes: "You returned bytes; decode them to a string."},
    errors={
        "UnicodeDecodeError": (
            'Half a character raised UnicodeDecodeError; use errors="replace".'
        )
    },
)
def decode_bytes(values: Ids) -> str:
    """Return the text of UTF-8 bytes, with � where they form no character."""
    return bytes(values).decode(errors="replace")


@exercise(
    "01.bits_per_character",
    "That is nats per character; divide by ln 2 to get bits.",
    lambda nats, tokens, chars: nats * tokens / chars,
    "That is bits per token; spread them over the characters.",
    lambda nats, tokens, chars: nats / math.log(2),
    "You swapped tokens and characters: fewer tokens mean fewer bits.",
    lambda nats, tokens, chars: nats / math.log(2) * chars / tokens,
    "You multiplied by ln 2; a nat is more than a bit, so divide.",
    lambda nats, tokens, chars: nats * math.log(2) * tokens / chars,
    "That is the bits of the whole text; divide by its characters.",
    lambda nats, tokens, chars: nats / math.log(2) * tokens,
    "You used log10; use math.log(2), the natural logarithm.",
    lambda nats, tokens, chars: nats / math.log10(2) * tokens / chars,
    cases=[(3.0, 100, 250), (1.2, 40, 40), (5.5, 7, 31)],
    praise="Now any two tokenizers can be compared.",
    accept=number,
)
def bits_per_character(
    nats_per_token: float, n_tokens: int, n_characters: int
) -> float:
    """Return the bits per character of a loss in nats per token."""
    return nats_per_token / math.log(2) * n_tokens / n_characters


def _cut(ids: Ids, train_share: float, shift: int = 0) -> tuple[Ids, Ids]:
    n_train = len(ids) - round((1 - train_share) * len(ids))
    return ids[:n_train], ids[n_train + shift :]


def _in_order(result: Any) -> Any:
    """Refuse shuffled ids: of the first case none is lost, but they have no order."""
    if isinstance(result, tuple | list) and all(isinstance(x, list) for x in result):
        ids, swapped = [*chain(*result)], [*chain(*result[::-1])]
        if sorted(ids) == list(range(10)) and sorted(ids) not in (ids, swapped):
            raise Mistake("You shuffled the ids; validate on real text, in order.")
    return result


@exercise(
    "01.split",
    "You swapped the parts; return train first, then val.",
    lambda ids, val: split(ids, val)[::-1],
    "You kept the beginning for validation; keep the end.",
    lambda ids, val: _cut(ids, val)[::-1],
    "val_share is the share of val, but you gave it to train.",
    lambda ids, val: _cut(ids, val),
    "One id is in both parts; validate on nothing that was learned.",
    lambda ids, val: (ids[: len(split(ids, val)[0]) + 1], split(ids, val)[1]),
    "The id at the cut is lost.",
    lambda ids, val: _cut(ids, 1 - val, shift=1),
    "Your train is the whole text, so you would validate on what was learned.",
    lambda ids, val: (ids, split(ids, val)[1]),
    cases=[
        *[(list(range(10)), 0.1), (list(range(40)), 0.25)],
        (draw(20, seed=5, below=60).tolist(), 0.4),
    ],
    praise="The last part is kept for validation, and nothing is lost.",
    edges={"A share of 0 keeps nothing for validation.": [(list(range(3)), 0.0)]},
    errors={"slice indices": "The place to cut is not a whole number; use round()."},
    parts=("train", "val"),
    accept=_in_order,
)
def split(ids: Ids, val_share: float) -> tuple[Ids, Ids]:
    """Return the first part to train on, and the last to validate on."""
    return _cut(ids, 1 - val_share)

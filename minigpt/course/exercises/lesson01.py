"""The exercises of lesson 01: from text to ids and back."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain, combinations, pairwise
from typing import Any

from minigpt.course.exercises.judge import Task, exercise, judge, noise, number
from minigpt.course.exercises.verdict import Mistake
from minigpt.tokenizer import merge_pair

Ids = list[int]
Pair = tuple[int, int]

UNKNOWN: dict[str, Any] = {
    "You left out an unknown character silently; raise ValueError.": (
        lambda text, characters: encode(filter(characters.count, text), characters)
    ),
    "An unknown character became id -1; raise ValueError instead.": (
        lambda text, characters: [characters.find(c) for c in text]
    ),
}


@exercise(
    "Your ids start at 1; the first character of the vocabulary has id 0.",
    lambda text, characters: [i + 1 for i in encode(text, characters)],
    "Those are Unicode code points (ord); an id is the index in `characters`.",
    lambda text, characters: [ord(c) for c in text],
    "Those are indices into the text; an id is the index in `characters`.",
    lambda text, characters: list(range(len(text))),
    "You numbered the characters of this text; use the vocabulary you were given.",
    lambda text, characters: encode(text, "".join(sorted(set(text)))),
    "You encoded each character once; a text has one id for every character.",
    lambda text, characters: encode("".join(dict.fromkeys(text)), characters),
    cases=[
        *[("crow", "cowr"), ("hello", "ehlo"), ("o", "ehlo"), ("", "ab")],
        *[("a fox saw a hen", "qz wmtjkfxebnvrdcgishlyaopu"), (" An Owl ", "lwnO oA")],
    ],
    praise="Text becomes ids, and an unknown character is refused.",
    then=lambda it: judge(it, Task(encode, [("crew", "cowr")], wrong_ways=UNKNOWN)),
)
def encode(text: Iterable[str], characters: str) -> Ids:
    return [characters.index(c) for c in text]


@exercise(
    "You cut the ids into separate pairs, but every id except the last begins one.",
    lambda ids: dict(Counter(zip(ids[::2], ids[1::2], strict=False))),
    "You counted (1, 2) and (2, 1) as the same pair, but the order matters.",
    lambda ids: dict(Counter((min(pair), max(pair)) for pair in pairwise(ids))),
    "Your pairs are reversed: (1, 2) means that 2 comes right after 1.",
    lambda ids: dict(Counter(pair[::-1] for pair in pairwise(ids))),
    "You paired the last id with the first, but a text is not a circle.",
    lambda ids: dict(Counter(pairwise([*ids, *ids[:1]]))),
    "You paired ids that are not neighbours.",
    lambda ids: dict(Counter(combinations(ids, 2))),
    "You gave every pair the count 1; count how often it occurs.",
    lambda ids: dict.fromkeys(pairwise(ids), 1),
    "You counted single ids; count pairs, which are tuples such as (1, 2).",
    lambda ids: dict(Counter(ids)),
    "Every count is one too high; start at 0.",
    lambda ids: {pair: n + 1 for pair, n in count_pairs(ids).items()},
    cases=[
        *[([1, 2, 1, 2, 1, 3],), ([5, 5, 5, 4],), ([7],), ([3, 1, 2],)],
        *[(noise(30, seed=2, below=4).tolist(),), ([],)],
    ],
    praise="Every pair of neighbours is counted.",
    errors={
        "IndexError": "You looked past the end: the last id does not begin a pair.",
        "KeyError": "A new pair raised KeyError; start its count at 0.",
    },
    accept=lambda it: {k: it[k] for k in it if it[k]} if isinstance(it, dict) else it,
)
def count_pairs(ids: Ids) -> dict[Pair, int]:
    return dict(Counter(pairwise(ids)))


def _replacing(pattern: str, times: int = 0) -> Any:
    # A regular expression of ids as characters: the new id takes the place of group 1,
    # and the rest of what matches is dropped.

    def way(ids: Ids, pair: Pair, new_id: int) -> Ids:
        a, b = (re.escape(chr(i)) for i in pair)
        found = re.compile(pattern.format(a=a, b=b), re.DOTALL)
        text = "".join(map(chr, ids))
        merged = found.sub(lambda match: chr(new_id) if match[1] else "", text, times)
        return [*map(ord, merged)]

    return way


@exercise(
    "You used one id for two merges; after a merge, skip both ids of the pair.",
    _replacing("({a}(?={b}))|(?<={a}){b}"),
    "You merged from right to left; start on the left.",
    lambda ids, pair, new_id: merge_pair(ids[::-1], pair[::-1], new_id)[::-1],
    "You merged only the first occurrence; go on to the end of the list.",
    _replacing("({a}{b})", times=1),
    "You merged the pair in both orders, but the order matters.",
    _replacing("({a}{b}|{b}{a})"),
    "You replaced the ids of the pair even where they stand alone.",
    _replacing("([{a}{b}])"),
    "You inserted the new id but kept the second id of the pair.",
    _replacing("({a}(?={b}))"),
    "The last id is lost if the list does not end with the pair.",
    _replacing(r"({a}{b})|.\Z"),
    "You merged nothing.",
    lambda ids, pair, new_id: list(ids),
    cases=[
        *[([1, 2, 3, 1, 2], (1, 2), 9), ([1, 1, 1], (1, 1), 9), ([5], (5, 5), 9)],
        *[([2, 1, 2, 1], (1, 2), 9), ([4, 4, 4, 4, 4, 3, 4], (4, 4), 300)],
        (noise(40, seed=3, below=3).tolist(), (0, 1), 7),
        *[(noise(40, seed=4, below=2).tolist(), (1, 1), 7), ([], (1, 2), 9)],
    ],
    praise="The pair is merged everywhere, and never overlaps itself.",
    errors={"IndexError": "You looked past the end: the last id begins no pair."},
)
def merge(ids: Ids, pair: Pair, new_id: int) -> Ids:
    return merge_pair(ids, pair, new_id)


@exercise(
    "You treated each byte as a character; decode them together, as UTF-8.",
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
        *(([*text.encode()],) for text in ("hen", "ёж", "a 🐭!", "")),
        *[([240, 159, 144, 32, 104],), ([104, 255, 105],)],
    ],
    praise="Bytes become text, and broken ones are shown as �.",
    types={bytes: "You returned bytes; decode them to a string."},
    errors={"DecodeError": 'Broken bytes raised an error; use errors="replace".'},
)
def decode_bytes(values: Ids) -> str:
    return bytes(values).decode(errors="replace")


@exercise(
    "Those are nats per character; divide by ln 2 to get bits.",
    lambda nats, tokens, chars: nats * tokens / chars,
    "Those are bits per token; spread them over the characters.",
    lambda nats, tokens, chars: nats / math.log(2),
    "You swapped tokens and characters: fewer tokens mean fewer bits.",
    lambda nats, tokens, chars: nats / math.log(2) * chars / tokens,
    "You multiplied by ln 2; a nat is more than a bit, so divide by it.",
    lambda nats, tokens, chars: nats * math.log(2) * tokens / chars,
    "Those are the bits of the whole text; divide by its number of characters.",
    lambda nats, tokens, chars: nats / math.log(2) * tokens,
    "You used log10; use math.log(2), the natural logarithm.",
    lambda nats, tokens, chars: nats / math.log10(2) * tokens / chars,
    cases=[(3.0, 100, 250), (1.2, 40, 40), (5.5, 7, 31)],
    praise="Now any two tokenizers can be compared.",
    accept=number,
)
def bits_per_character(nats_per_token: float, n_tokens: int, n_characters: int) -> Any:
    return nats_per_token / math.log(2) * n_tokens / n_characters


def _cut(ids: Ids, train_share: float, shift: int = 0) -> tuple[Ids, Ids]:
    n_train = len(ids) - round((1 - train_share) * len(ids))
    return ids[:n_train], ids[n_train + shift :]


def _in_order(result: Any) -> Any:
    """Raise Mistake if the ids of the first case are all there, but in no order."""
    if isinstance(result, tuple | list) and all(isinstance(x, list) for x in result):
        ids, swapped = [*chain(*result)], [*chain(*result[::-1])]
        if sorted(ids) == list(range(10)) and sorted(ids) not in (ids, swapped):
            raise Mistake("You shuffled the ids; validate on real text, in its order.")
    return result


@exercise(
    "You swapped the parts; return train first, then val.",
    lambda ids, val: split(ids, val)[::-1],
    "You kept the beginning for validation; keep the end.",
    lambda ids, val: _cut(ids, val)[::-1],
    "val_share is the share of val, but you gave it to train.",
    lambda ids, val: _cut(ids, val),
    "One id is in both parts; never validate on what was trained on.",
    lambda ids, val: (ids[: len(split(ids, val)[0]) + 1], split(ids, val)[1]),
    "You lost the id at the cut.",
    lambda ids, val: _cut(ids, 1 - val, shift=1),
    "Your train is the whole text, so you would validate on what was trained on.",
    lambda ids, val: (ids, split(ids, val)[1]),
    cases=[([*range(10)], 0.1), ([*range(40)], 0.25), ([*range(59, 0, -3)], 0.4)],
    praise="The last part is kept for validation, and nothing is lost.",
    edges={"A share of 0 keeps nothing for validation.": [(list(range(3)), 0.0)]},
    errors={"slice indices": "The cut is not at a whole number; use round()."},
    parts=("train", "val"),
    accept=_in_order,
)
def split(ids: Ids, val_share: float) -> tuple[Ids, Ids]:
    return _cut(ids, 1 - val_share)

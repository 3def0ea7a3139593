"""The exercises of lesson 01: from text to ids and back."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
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
    "An unknown character became None; raise ValueError instead.": (
        lambda text, characters: [
            characters.index(c) if c in characters else None for c in text
        ]
    ),
    "An unknown character got a new id; raise ValueError instead.": (
        lambda text, characters: [
            characters.index(c) if c in characters else len(characters) for c in text
        ]
    ),
    "An unknown character became id 0, which is another's; raise ValueError.": (
        lambda text, characters: [max(characters.find(c), 0) for c in text]
    ),
}


@exercise(
    "Your ids start at 1; the first character of the vocabulary has id 0.",
    lambda text, characters: [i + 1 for i in encode(text, characters)],
    "Those are Unicode code points (ord); an id is the index in `characters`.",
    lambda text, characters: [ord(c) for c in text],
    "Those are indices into the text; an id is the index in `characters`.",
    lambda text, characters: list(range(len(text))),
    "You looked the characters up in the text; look them up in `characters`.",
    lambda text, characters: [text.index(c) for c in text],
    "Those are the characters themselves; look up the index of each.",
    lambda text, characters: list(text),
    "You numbered the characters of this text; use the vocabulary you were given.",
    lambda text, characters: encode(text, "".join(sorted(set(text)))),
    "You encoded each character once; a text has one id for every character.",
    lambda text, characters: encode("".join(dict.fromkeys(text)), characters),
    "You sorted the vocabulary; an id is the index in `characters` as it is given.",
    lambda text, characters: encode(text, "".join(sorted(characters))),
    "You encoded the vocabulary, with places in the text; it is the other way round.",
    lambda text, characters: encode(characters, text),
    "You lost the spaces at the ends of the text; encode every character.",
    lambda text, characters: encode(text.strip(), characters),
    "You left out the spaces; a space is a character and has an id.",
    lambda text, characters: encode(text.replace(" ", ""), characters),
    "You changed capital letters into small ones; A and a are different characters.",
    lambda text, characters: encode(text.lower(), characters),
    "Your result is in the order of the vocabulary; keep the order of the text.",
    lambda text, characters: sorted(encode(text, characters)),
    "Your ids count from the end of the vocabulary; the first character has id 0.",
    lambda text, characters: [
        len(characters) - 1 - i for i in encode(text, characters)
    ],
    cases=[
        *[("crow", "cowr"), ("hello", "ehlo"), ("o", "ehlo"), ("", "ab")],
        *[("a fox saw a hen", "qz wmtjkfxebnvrdcgishlyaopu"), (" An Owl ", "lwnO oAa")],
    ],
    alone=True,
    praise="Text becomes ids, and an unknown character is refused.",
    types={
        str: "You returned a string; the result is a list of numbers.",
        dict: "You returned a dict; the result is a list, with an id per character.",
    },
    errors={"KeyError": "An unknown character raised KeyError; raise ValueError."},
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
    "You paired each id with itself; pair it with the next, ids[1:].",
    lambda ids: dict(Counter((i, i) for i in ids)),
    "You counted nothing; each time a pair occurs, add 1 to its count.",
    lambda ids: {},
    "You paired ids that are not neighbours.",
    lambda ids: dict(Counter(combinations(ids, 2))),
    "You gave every pair the count 1; count how often it occurs.",
    lambda ids: dict.fromkeys(pairwise(ids), 1),
    "You counted single ids; count pairs, which are tuples such as (1, 2).",
    lambda ids: dict(Counter(ids)),
    "Every count is one too high; start at 0.",
    lambda ids: {pair: n + 1 for pair, n in count_pairs(ids).items()},
    "Every count is one too low; the first occurrence counts as 1.",
    lambda ids: {pair: n - 1 for pair, n in count_pairs(ids).items() if n > 1},
    "You left out the last pair; n ids have n - 1 pairs.",
    lambda ids: count_pairs(ids[:-1]),
    "You left out the first pair; n ids have n - 1 pairs.",
    lambda ids: count_pairs(ids[1:]),
    "You paired ids that have another one between them; take neighbours.",
    lambda ids: dict(Counter(zip(ids, ids[2:], strict=False))),
    "You skipped pairs of two equal ids; (5, 5) is a pair, too.",
    lambda ids: {p: n for p, n in count_pairs(ids).items() if p[0] != p[1]},
    "You kept only pairs that occur more than once; count every pair.",
    lambda ids: {p: n for p, n in count_pairs(ids).items() if n > 1},
    "Your pairs are joined into strings; a pair is a tuple such as (1, 2).",
    lambda ids: dict(Counter(f"{a}{b}" for a, b in pairwise(ids))),
    "You added the two ids; a pair is a tuple such as (1, 2).",
    lambda ids: dict(Counter(a + b for a, b in pairwise(ids))),
    "You divided by the number of pairs; count them.",
    lambda ids: {p: n / (len(ids) - 1) for p, n in count_pairs(ids).items()},
    cases=[
        *[([1, 2, 1, 2, 1, 3],), ([5, 5, 5, 4],), ([7],), ([3, 1, 2],)],
        *[(noise(30, seed=2, below=4).tolist(),), ([],)],
    ],
    alone=True,
    praise="Every pair of neighbours is counted.",
    errors={
        "IndexError": "You looked past the end: the last id does not begin a pair.",
        "KeyError": "A new pair raised KeyError; start its count at 0.",
        "unhashable type: 'list'": "A list, such as the slice ids[i : i + 2], "
        "cannot be the key of a dict; make it a tuple.",
    },
    types={
        list: "You returned a list; the result is a dict of counts.",
        set: "You returned a set, which cannot count; the result is a dict.",
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


def _replacing_with_both(where: str) -> Callable[[Ids, Pair, int], Ids]:
    def way(ids: Ids, pair: Pair, new_id: int) -> Ids:
        both = (*pair, new_id) if where == "after" else (new_id, *pair)
        pieces = ([*both] if i == -1 else [i] for i in merge_pair(ids, pair, -1))
        return [*chain(*pieces)]

    return way


def _merged_as_text(ids: Ids, pair: Pair, new_id: int) -> Ids:
    text = " ".join(map(str, ids)).replace("{} {}".format(*pair), str(new_id))
    return [int(one) for one in text.split()]


def _two_at_a_time(ids: Ids, pair: Pair, new_id: int) -> Ids:
    places = range(0, len(ids), 2)
    cut = ([new_id] if (*ids[i : i + 2],) == pair else ids[i : i + 2] for i in places)
    return [*chain(*cut)]


def _popping(copied: bool, stop: int = 0) -> Callable[[Ids, Pair, int], Ids]:
    # Remove from a list over whose indices a loop runs that were fixed before.

    def way(ids: Ids, pair: Pair, new_id: int) -> Ids:
        ids = list(ids) if copied else ids
        for i in range(len(ids) - stop):
            if (ids[i], ids[i + 1]) == pair:
                ids[i] = new_id
                ids.pop(i + 1)
        return ids

    return way


SHRINKS = "The list shrinks while range(len(ids)) stays as it was"


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
    "You merged nothing: your comparison is never true. Compare tuple(ids[i : i + 2]) "
    "with pair, since a list never equals a tuple.",
    lambda ids, pair, new_id: list(ids),
    "You put the new id beside the pair; it takes the place of both ids.",
    _replacing_with_both("after"),
    "You put the new id before the pair; it takes the place of both ids.",
    _replacing_with_both("before"),
    "You removed the pair; put the new id in its place.",
    lambda ids, pair, new_id: [i for i in merge_pair(ids, pair, -1) if i != -1],
    "You left out the ids that are not merged; keep them.",
    lambda ids, pair, new_id: [new_id] * merge_pair(ids, pair, -1).count(-1),
    "You looked for the pair reversed; its first id comes first.",
    lambda ids, pair, new_id: merge_pair(ids, pair[::-1], new_id),
    "You put the pair itself into the list; put the new id there.",
    lambda ids, pair, new_id: [
        pair if i == -1 else i for i in merge_pair(ids, pair, -1)
    ],
    "You invented a new id; use the one that you are given.",
    lambda ids, pair, new_id: merge_pair(ids, pair, max(ids, default=0) + 1),
    "You skip two ids after every id; only a merge uses two.",
    _two_at_a_time,
    f"{SHRINKS}; build a new list.",
    _popping(copied=True),
    f"{SHRINKS}, and it is the caller's list; build a new one.",
    _popping(copied=False),
    f"{SHRINKS}; build a new list instead.",
    _popping(copied=True, stop=1),
    f"{SHRINKS}, and it is the caller's list; build a new one instead.",
    _popping(copied=False, stop=1),
    "You replaced text, and the digits of one id are found in another: 1 2 stands in "
    "11 2 as well. Compare the ids.",
    _merged_as_text,
    cases=[
        *[([1, 2, 3, 1, 2], (1, 2), 9), ([1, 1, 1], (1, 1), 9), ([5], (5, 5), 9)],
        *[([2, 1, 2, 1], (1, 2), 9), ([4, 4, 4, 4, 4, 3, 4], (4, 4), 300)],
        (noise(40, seed=3, below=3).tolist(), (0, 1), 7),
        *[(noise(40, seed=4, below=2).tolist(), (1, 1), 7), ([], (1, 2), 9)],
        ([11, 2, 1, 23, 1, 2], (1, 2), 9),
    ],
    alone=True,
    praise="The pair is merged everywhere, and never overlaps itself.",
    errors={"list index": "You looked past the end: the last id begins no pair."},
    types={str: "You returned a string; the result is a list of ids."},
)
def merge(ids: Ids, pair: Pair, new_id: int) -> Ids:
    return merge_pair(ids, pair, new_id)


def _most_frequent(ids: Ids) -> Pair:
    # Of equally frequent pairs the one that occurs first.
    counts = Counter(pairwise(ids))
    return max(counts, key=counts.__getitem__)


def _step_with(choose: Callable[[Ids], Pair]) -> Callable[[Ids, int], Any]:
    # A step that merges another pair.
    return lambda ids, new_id: (choose(ids), merge_pair(ids, choose(ids), new_id))


def _step_merging(way: Callable[[Ids, Pair, int], Any]) -> Callable[[Ids, int], Any]:
    # A step that chooses the right pair and merges it in another way.
    return lambda ids, new_id: (
        _most_frequent(ids),
        way(ids, _most_frequent(ids), new_id),
    )


def _two_steps(ids: Ids, new_id: int) -> tuple[Pair, Ids]:
    pair, ids = bpe_step(ids, new_id)
    return pair, bpe_step(ids, new_id + 1)[1] if len(ids) > 1 else ids


def _two_most_frequent(ids: Ids) -> Pair:
    (first, _), (second, _) = Counter(ids).most_common(2)
    return first, second


def _pair_in_full(result: Any) -> Any:
    """Raise Mistake if the first result holds a pair, but also something else."""
    if isinstance(result, tuple | list) and len(result) == 2:
        first = result[0]
        counted = isinstance(first, tuple | list) and first
        if counted and isinstance(first[0], tuple) and isinstance(first[0][0], tuple):
            raise Mistake(
                "most_common(1) is a list with one (pair, count) in it; the pair is "
                "most_common(1)[0][0]."
            )
        if counted and isinstance(first[0], tuple):
            raise Mistake(
                "You returned the pair together with its count; return the pair."
            )
        if isinstance(first, int) and isinstance(result[1], int):
            raise Mistake(
                "You returned the pair alone, or the ids; return both: pair, ids."
            )
        if isinstance(first, int) and not isinstance(first, bool):
            raise Mistake(
                "Your pair is a single number; the highest count, and not the pair "
                "that has it? max(counts, key=counts.get) gives the pair."
            )
        if isinstance(first, dict):
            raise Mistake("You returned all the counts; return the most frequent pair.")
    return result


@exercise(
    "You took the largest pair; max needs key=counts.get to compare the counts.",
    _step_with(lambda ids: max(pairwise(ids))),
    "You took the least frequent pair; merge the most frequent one.",
    _step_with(lambda ids: min((c := Counter(pairwise(ids))), key=c.__getitem__)),
    "You took the first pair of the list; count, and take the most frequent one.",
    _step_with(lambda ids: (ids[0], ids[1])),
    "You took the two most frequent ids; they need not be neighbours, so count pairs.",
    _step_with(_two_most_frequent),
    "You counted only every second pair, from separate pieces of the list.",
    _step_with(
        lambda ids: max(
            (c := Counter(zip(ids[::2], ids[1::2], strict=False))), key=c.__getitem__
        )
    ),
    "Of equally frequent pairs you took the one that occurs last; take the first.",
    _step_with(
        lambda ids: max(reversed(c := Counter(pairwise(ids))), key=c.__getitem__)
    ),
    "Of equally frequent pairs you took the one with the highest ids; take the first.",
    _step_with(lambda ids: max((c := Counter(pairwise(ids))), key=lambda p: (c[p], p))),
    "Of equally frequent pairs you took the one with the lowest ids; take the first.",
    _step_with(
        lambda ids: min((c := Counter(pairwise(ids))), key=lambda p: (-c[p], p))
    ),
    "Your pair is reversed: its first id stands first in the list.",
    lambda ids, new_id: (bpe_step(ids, new_id)[0][::-1], bpe_step(ids, new_id)[1]),
    "You returned the new ids first; return the pair, then the ids.",
    lambda ids, new_id: bpe_step(ids, new_id)[::-1],
    "You found the pair, but did not merge it.",
    _step_merging(lambda ids, pair, new_id: list(ids)),
    "You merged only the first occurrence of the pair; merge it everywhere.",
    _step_merging(_replacing("({a}{b})", times=1)),
    "You merged the pair in both orders, but the order matters.",
    _step_merging(_replacing("({a}{b}|{b}{a})")),
    "You replaced the ids of the pair even where they stand alone.",
    _step_merging(_replacing("([{a}{b}])")),
    "You inserted the new id but kept the second id of the pair.",
    _step_merging(_replacing("({a}(?={b}))")),
    "You removed the pair; put the new id in its place.",
    _step_merging(
        lambda ids, pair, new_id: [i for i in merge_pair(ids, pair, -1) if i != -1]
    ),
    "You invented a new id; use the one that you are given.",
    _step_merging(lambda ids, pair, new_id: merge_pair(ids, pair, max(ids) + 1)),
    "You always use 256 as the new id; use the one that you are given.",
    _step_merging(lambda ids, pair, new_id: merge_pair(ids, pair, 256)),
    "You kept on merging; one step merges one pair.",
    _two_steps,
    cases=[
        *[([1, 2, 3, 1, 2], 4), ([3, 1, 2, 1, 2, 3, 1, 2, 0], 9)],
        *[([1, 2, 0, 2, 1, 3, 1, 2], 9), ([1, 2, 1, 2, 4, 3, 4, 3], 9)],
        *[([5, 2, 7, 2, 7, 3, 2, 7, 7, 5, 9, 5, 9], 300), ([8, 6], 10)],
        (noise(40, seed=5, below=4).tolist(), 30),
        ([4, 9, 1, 4, 9, 2, 8, 1, 4, 6, 2, 8, 1, 3, 1, 4], 20),
        ([7, 5, 3, 7, 5, 1, 3, 6, 3, 6], 9),
    ],
    alone=True,
    praise="One step of training: count, choose, merge. BPE is this, repeated.",
    parts=("pair", "new ids"),
    accept=_pair_in_full,
    errors={
        "IndexError": "You looked past the end: the last id does not begin a pair.",
        "KeyError": "A new pair raised KeyError; start its count at 0.",
        "NoneType": "Something that bpe_step calls returned None. Have you solved "
        "count_pairs and merge, on which it builds?",
        "is not callable": "counts is a dict: write key=counts.get, without "
        "parentheses.",
    },
)
def bpe_step(ids: Ids, new_id: int) -> tuple[Pair, Ids]:
    pair = _most_frequent(ids)
    return pair, merge_pair(ids, pair, new_id)


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
    "You decoded as Latin-1, in which each byte is a character; use UTF-8.",
    lambda values: bytes(values).decode("cp1252", errors="replace"),
    "You dropped every byte above 127; é and ж are made of those.",
    lambda values: bytes(v for v in values if v < 128).decode(),
    "You reversed the bytes.",
    lambda values: decode_bytes(values[::-1]),
    'Where a byte was broken, you gave up the whole text; use errors="replace".',
    lambda values: "" if "�" in decode_bytes(values) else decode_bytes(values),
    'Where a byte was broken, you replaced the whole text; use errors="replace".',
    lambda values: "�" if "�" in decode_bytes(values) else decode_bytes(values),
    "You joined the numbers as text; turn them into bytes first.",
    lambda values: "".join(map(str, values)),
    "You wrote the numbers as text; turn them into bytes first.",
    lambda values: str(values),
    "str(bytes) shows how Python writes bytes; call .decode() on them.",
    lambda values: str(bytes(values)),
    "You changed capital letters into small ones; decode them as they are.",
    lambda values: decode_bytes(values).lower(),
    "You removed spaces at the ends of the text; keep every character.",
    lambda values: decode_bytes(values).strip(),
    cases=[
        *(([*text.encode()],) for text in ("hen", "Ёж", "A 🐭! ", "")),
        *[([240, 159, 144, 32, 104],), ([104, 255, 105],)],
    ],
    alone=True,
    praise="Bytes become text, and broken ones are shown as �.",
    types={
        bytes: "You returned bytes; decode them to a string.",
        list: "You returned a list; the result is one string.",
    },
    errors={"DecodeError": 'Broken bytes raised an error; use errors="replace".'},
)
def decode_bytes(values: Ids) -> str:
    return bytes(values).decode(errors="replace")


@exercise(
    "Those are nats per character; divide by ln 2, which is math.log(2), to get bits.",
    lambda nats, tokens, chars: nats * tokens / chars,
    "Those are bits per token; spread them over the characters.",
    lambda nats, tokens, chars: nats / math.log(2),
    "You divided by the characters but did not multiply by the tokens.",
    lambda nats, tokens, chars: nats / math.log(2) / chars,
    "You swapped tokens and characters: fewer tokens mean fewer bits.",
    lambda nats, tokens, chars: nats / math.log(2) * chars / tokens,
    "You multiplied by ln 2; a nat is more than a bit, so divide by it.",
    lambda nats, tokens, chars: nats * math.log(2) * tokens / chars,
    "Those are the bits of the whole text; divide by its number of characters.",
    lambda nats, tokens, chars: nats / math.log(2) * tokens,
    "You used log10; use math.log(2), the natural logarithm.",
    lambda nats, tokens, chars: nats / math.log10(2) * tokens / chars,
    "You took the logarithm of the loss; divide the loss by math.log(2).",
    lambda nats, tokens, chars: math.log2(nats) * tokens / chars,
    "You divided by 2; divide by ln 2, which is math.log(2).",
    lambda nats, tokens, chars: nats / 2 * tokens / chars,
    "You computed characters per bit; turn the fraction over.",
    lambda nats, tokens, chars: math.log(2) / nats * chars / tokens,
    "You rounded the number of tokens per character; use / and not //.",
    lambda nats, tokens, chars: nats / math.log(2) * (tokens // chars),
    "You rounded the result; return it in full.",
    lambda nats, tokens, chars: round(nats / math.log(2) * tokens / chars, 2),
    "You rounded the result to a whole number; return it in full.",
    lambda nats, tokens, chars: round(nats / math.log(2) * tokens / chars),
    "You rounded the result down; return it in full, with / and neither // nor int.",
    lambda nats, tokens, chars: nats / math.log(2) * tokens // chars,
    "You left out the last token; its nats count, too.",
    lambda nats, tokens, chars: nats / math.log(2) * (tokens - 1) / chars,
    "You subtracted ln 2; divide by it.",
    lambda nats, tokens, chars: (nats - math.log(2)) * tokens / chars,
    "You multiplied by the characters; divide by their number.",
    lambda nats, tokens, chars: nats / math.log(2) * tokens * chars,
    "You took the logarithm of nats; they are logarithms already, in another unit.",
    lambda nats_per_token, n_tokens, n_characters: math.log2(
        nats_per_token * n_tokens / n_characters
    ),
    "You rounded the result; return it as it is.",
    lambda nats_per_token, n_tokens, n_characters: round(
        nats_per_token * n_tokens / n_characters / math.log(2), 3
    ),
    cases=[(3.0, 100, 250), (1.2, 40, 40), (5.5, 7, 31)],
    alone=True,
    praise="Now any two tokenizers can be compared.",
    accept=number,
)
def bits_per_character(nats_per_token: float, n_tokens: int, n_characters: int) -> Any:
    return nats_per_token / math.log(2) * n_tokens / n_characters


def _cut(ids: Ids, train_share: float, shift: int = 0) -> tuple[Ids, Ids]:
    n_train = len(ids) - round((1 - train_share) * len(ids))
    return ids[:n_train], ids[n_train + shift :]


def _cut_at(ids: Ids, n_train: int) -> tuple[Ids, Ids]:
    return ids[:n_train], ids[n_train:]


def _every_nth(ids: Ids, val_share: float) -> tuple[Ids, Ids]:
    step = round(1 / val_share)
    return [i for n, i in enumerate(ids) if n % step], ids[::step]


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
    "One id is in both parts, for val begins one too early.",
    lambda ids, val: (split(ids, val)[0], ids[len(split(ids, val)[0]) - 1 :]),
    "You lost the id at the cut.",
    lambda ids, val: _cut(ids, 1 - val, shift=1),
    "Your train is the whole text, so you would validate on what was trained on.",
    lambda ids, val: (ids, split(ids, val)[1]),
    "Your val is the whole text; it holds what was trained on.",
    lambda ids, val: (split(ids, val)[0], ids),
    "You always keep a tenth; use val_share.",
    lambda ids, val: split(ids, 0.1),
    "You always cut in the middle; use val_share.",
    lambda ids, val: split(ids, 0.5),
    "You took every n-th id for validation; keep one stretch, the last.",
    _every_nth,
    "You reversed val; keep its ids in their order.",
    lambda ids, val: (split(ids, val)[0], split(ids, val)[1][::-1]),
    "One id too many is in train, and is missing from val.",
    lambda ids, val: _cut_at(ids, len(split(ids, val)[0]) + 1),
    "One id too many is in val, and is missing from train.",
    lambda ids, val: _cut_at(ids, len(split(ids, val)[0]) - 1),
    "You lost the last id; a slice to the end is ids[n:], not ids[n:-1].",
    lambda ids, val: (split(ids, val)[0], split(ids, val)[1][:-1]),
    "You sorted the ids; keep their order.",
    lambda ids, val: split(sorted(ids), val),
    "You returned how many ids each part has; return the ids.",
    lambda ids, val: tuple(map(len, split(ids, val))),
    cases=[
        *[([*range(10)], 0.1), ([8, 7, 6, 5, 4, 3, 2, 1], 0.25)],
        *[([*range(40)], 0.25), ([*range(59, 0, -3)], 0.4)],
    ],
    alone=True,
    praise="The last part is kept for validation, and nothing is lost.",
    edges={
        "A share of 0 keeps nothing for validation, but ids[-0:] is everything.": [
            (list(range(3)), 0.0)
        ],
        "Round val_share * len(ids) to the nearest whole number.": [
            (list(range(11)), 0.25),
            (list(range(10)), 0.23),
        ],
    },
    errors={"slice indices": "The cut is not at a whole number; use round()."},
    parts=("train", "val"),
    accept=_in_order,
)
def split(ids: Ids, val_share: float) -> tuple[Ids, Ids]:
    return _cut(ids, 1 - val_share)

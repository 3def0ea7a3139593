"""Check the exercises of lesson 01: from text to ids and back."""

import math
import random
from collections import Counter
from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

from minigpt.course.exercises.tools import try_cases, want_type
from minigpt.course.exercises.verdict import Mistake, exercise
from minigpt.tokenizer import merge_pair

Mistakes = dict[str, Callable[..., Any]]
Pair = tuple[int, int]
Parts = list[list[int]]


def _take_list(result: Any) -> list[Any]:
    return list(want_type(result, list, "your function"))


# 01.encode


def _places(text: str, characters: str) -> list[int]:
    return [characters.index(c) for c in text]


_ENCODE_MISTAKES: Mistakes = {
    "these ids start at 1: the first character of the vocabulary is id 0": (
        lambda text, characters: [i + 1 for i in _places(text, characters)]
    ),
    "these are Unicode's numbers (ord): give the place in `characters`": (
        lambda text, characters: [ord(c) for c in text]
    ),
    "these are places in the text: give the place in `characters`": (
        lambda text, characters: list(range(len(text)))
    ),
    "the ids come from the characters of this text: use the vocabulary given": (
        lambda text, characters: _places(text, "".join(sorted(set(text))))
    ),
    "each character came once: a text needs one id per character": (
        lambda text, characters: _places("".join(dict.fromkeys(text)), characters)
    ),
}


@exercise("01.encode", "text becomes ids, and an unknown character is refused")
def encode(answer: Any) -> None:
    """`answer(text, characters)` gives the place of each character."""
    shuffled = "".join(random.Random(1).sample("abcdefghijklmnopqrstuvwxyz ", 27))
    cases = [("crow", "cowr"), ("hello", "ehlo"), ("o", "ehlo"), ("", "ab")]
    cases += [("a fox saw a hen", shuffled)]
    try_cases(answer, _places, _ENCODE_MISTAKES, cases, _take_list)
    try:
        result = answer("crew", "cowr")
    except ValueError:
        return
    except (KeyError, IndexError) as error:
        raise Mistake(
            f"an unknown character raised {type(error).__name__}: raise ValueError"
        ) from None
    if result == [0, 3, 2]:
        raise Mistake("an unknown character was left out in silence: raise ValueError")
    if isinstance(result, list) and -1 in result:
        raise Mistake("an unknown character became id -1: raise ValueError instead")
    raise Mistake(f"an unknown character went through, as {result}: raise ValueError")


# 01.count_pairs

_COUNT_MISTAKES: Mistakes = {
    "the ids were cut into twos: each id but the last begins a pair": (
        lambda ids: dict(Counter(zip(ids[::2], ids[1::2], strict=False)))
    ),
    "(1, 2) and (2, 1) were taken for the same pair: order matters": (
        lambda ids: dict(Counter((min(pair), max(pair)) for pair in pairwise(ids)))
    ),
    "the pairs are turned around: (1, 2) means that 2 comes after 1": (
        lambda ids: dict(Counter((b, a) for a, b in pairwise(ids)))
    ),
    "the last and the first id were paired: a text is not a circle": (
        lambda ids: dict(Counter(pairwise([*ids, *ids[:1]])))
    ),
    "ids that are not neighbours were paired": (
        lambda ids: dict(Counter(combinations(ids, 2)))
    ),
    "each pair has count 1: count how often it comes": (
        lambda ids: dict.fromkeys(pairwise(ids), 1)
    ),
    "each count is one too high: begin at 0": (
        lambda ids: {p: n + 1 for p, n in Counter(pairwise(ids)).items()}
    ),
}


@exercise("01.count_pairs", "every pair of neighbours is counted")
def count_pairs(answer: Any) -> None:
    """`answer(ids)` gives a dict of how often each pair of neighbours comes."""
    numbers = random.Random(2)
    cases = [([1, 2, 1, 2, 1, 3],), ([5, 5, 5, 4],), ([7],), ([],), ([3, 1, 2],)]
    cases += [([numbers.randrange(4) for _ in range(30)],)]

    def take(result: Any) -> dict[Any, int]:
        counts = dict(want_type(result, dict, "your function"))
        if any(not isinstance(pair, tuple) for pair in counts):
            raise Mistake("the keys are not pairs: count tuples such as (1, 2)")
        return {pair: count for pair, count in counts.items() if count}

    try:
        try_cases(
            answer,
            lambda ids: dict(Counter(pairwise(ids))),
            _COUNT_MISTAKES,
            cases,
            take,
        )
    except IndexError:
        raise Mistake("it looked past the end: the last id begins no pair") from None
    except KeyError:
        raise Mistake(
            "a pair seen for the first time raised KeyError: begin its count at 0"
        ) from None


# 01.merge


def _walk(ids: list[int], pair: Pair, new: int, any_order: bool = False) -> list[int]:
    """Return the ids merged by one walk from left to right."""
    wanted = (pair, pair[::-1]) if any_order else (pair,)
    merged: list[int] = []
    i = 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) in wanted
        merged.append(new if found else ids[i])
        i += 2 if found else 1
    return merged


def _merge_overlapping(ids: list[int], pair: Pair, new: int) -> list[int]:
    starts = [i for i, both in enumerate(pairwise(ids)) if both == pair]
    used = {place for i in starts for place in (i, i + 1)}
    return [
        new if i in starts else old
        for i, old in enumerate(ids)
        if i in starts or i not in used
    ]


def _merge_first(ids: list[int], pair: Pair, new: int) -> list[int]:
    for i, both in enumerate(pairwise(ids)):
        if both == pair:
            return [*ids[:i], new, *ids[i + 2 :]]
    return list(ids)


def _merge_half(ids: list[int], pair: Pair, new: int) -> list[int]:
    starts = {i for i, both in enumerate(pairwise(ids)) if both == pair}
    return [new if i in starts else old for i, old in enumerate(ids)]


def _merge_no_tail(ids: list[int], pair: Pair, new: int) -> list[int]:
    merged = _walk(ids, pair, new)
    return merged if tuple(ids[-2:]) == pair and merged[-1:] == [new] else merged[:-1]


_MERGE_MISTAKES: Mistakes = {
    "[1, 1, 1] with the pair (1, 1): the 1 in the middle was used twice; "
    "after a merge, go on behind the pair": _merge_overlapping,
    "the pair was merged from right to left: begin at the left": (
        lambda ids, pair, new: _walk(ids[::-1], pair[::-1], new)[::-1]
    ),
    "only the first place was merged: go on to the end": _merge_first,
    "(2, 1) was merged as well as (1, 2): the order of a pair matters": (
        lambda ids, pair, new: _walk(ids, pair, new, any_order=True)
    ),
    "every id of the pair was replaced, also where it stands alone": (
        lambda ids, pair, new: [new if i in pair else i for i in ids]
    ),
    "the new id is there, but so is the second id of the pair": _merge_half,
    "the last id is missing where no pair ends the list": _merge_no_tail,
    "nothing was merged": lambda ids, pair, new: list(ids),
}


@exercise("01.merge", "the pair is merged everywhere, and never overlaps itself")
def merge(answer: Any) -> None:
    """`answer(ids, pair, new_id)` replaces the pair, from left to right."""
    numbers = random.Random(3)
    cases: list[tuple[list[int], Pair, int]] = [
        ([1, 2, 3, 1, 2], (1, 2), 9),
        ([1, 1, 1], (1, 1), 9),
        ([2, 1, 2, 1], (1, 2), 9),
        ([4, 4, 4, 4, 4, 3, 4], (4, 4), 300),
        ([5], (5, 5), 9),
        ([], (1, 2), 9),
        ([numbers.randrange(3) for _ in range(40)], (0, 1), 7),
        ([numbers.randrange(2) for _ in range(40)], (1, 1), 7),
    ]
    try:
        try_cases(answer, merge_pair, _MERGE_MISTAKES, cases, _take_list)
    except IndexError:
        raise Mistake("it looked past the end: the last id begins no pair") from None


# 01.decode_bytes


def _decoded(values: list[int], errors: str = "replace") -> str:
    return bytes(values).decode("utf-8", errors)


_DECODE_MISTAKES: Mistakes = {
    "each byte was taken for a character: decode them together, as UTF-8": (
        lambda values: "".join(chr(value) for value in values)
    ),
    "each byte was decoded alone: é or ж need their bytes together": (
        lambda values: "".join(_decoded([value]) for value in values)
    ),
    'broken bytes vanished: use errors="replace"': (
        lambda values: _decoded(values, "ignore")
    ),
    'broken bytes became codes like \\xf0: use errors="replace"': (
        lambda values: _decoded(values, "backslashreplace")
    ),
    "broken bytes became a question mark: the sign for them is �": (
        lambda values: _decoded(values).replace("�", "?")
    ),
}


@exercise("01.decode_bytes", "bytes become text, and broken ones are shown as �")
def decode_bytes(answer: Any) -> None:
    """`answer(values)` gives the text of the bytes, � where they make none."""
    whole = [(list(text.encode("utf-8")),) for text in ("hen", "ёж", "a 🐭!", "")]
    broken = [([240, 159, 144, 32, 104],), ([104, 255, 105],)]

    def take(result: Any) -> str:
        if isinstance(result, bytes):
            raise Mistake("it returned bytes: decode them to a string")
        return str(want_type(result, str, "your function"))

    try:
        try_cases(answer, _decoded, _DECODE_MISTAKES, whole + broken, take)
    except UnicodeDecodeError:
        raise Mistake(
            "half a character raised UnicodeDecodeError: a model can write such bytes, "
            'so decode with errors="replace"'
        ) from None


# 01.bits_per_character

_BITS_MISTAKES: Mistakes = {
    "that is nats per character: divide by ln 2 for bits": (
        lambda nats, tokens, characters: nats * tokens / characters
    ),
    "that is bits per token: spread them over the characters": (
        lambda nats, tokens, characters: nats / math.log(2)
    ),
    "tokens and characters are swapped: fewer tokens mean fewer bits": (
        lambda nats, tokens, characters: nats / math.log(2) * characters / tokens
    ),
    "ln 2 was multiplied by: a nat is more than a bit, so divide": (
        lambda nats, tokens, characters: nats * math.log(2) * tokens / characters
    ),
    "that is the bits of the whole text: divide by its characters": (
        lambda nats, tokens, characters: nats / math.log(2) * tokens
    ),
    "log10 is another logarithm: use math.log(2), the natural one": (
        lambda nats, tokens, characters: nats / math.log10(2) * tokens / characters
    ),
}


@exercise("01.bits_per_character", "now any two tokenizers can be compared")
def bits_per_character(answer: Any) -> None:
    """`answer(nats_per_token, n_tokens, n_characters)` gives bits per character."""

    def take(result: Any) -> float:
        if result is None or result is ...:
            raise Mistake("your function returned nothing: does it end in a return?")
        try:
            # A number of any kind, but not the string of one.
            return round(float(result + 0), 4)
        except (TypeError, ValueError, RuntimeError):
            kind = type(result).__name__
            raise Mistake(f"it returned a {kind}, not a number") from None

    try_cases(
        answer,
        lambda nats, tokens, chars: round(nats / math.log(2) * tokens / chars, 4),
        _BITS_MISTAKES,
        [(3.0, 100, 250), (1.2, 40, 40), (5.5, 7, 31)],
        take,
    )


# 01.split


def _parts(ids: list[int], n_train: int, gap: int = 0) -> Parts:
    return [ids[:n_train], ids[n_train + gap :]]


def _n_val(ids: list[int], share: float) -> int:
    return round(share * len(ids))


def _right_parts(ids: list[int], share: float) -> Parts:
    return _parts(ids, len(ids) - _n_val(ids, share))


_SPLIT_MISTAKES: Mistakes = {
    "the parts are swapped: return train first, then val": (
        lambda ids, share: _right_parts(ids, share)[::-1]
    ),
    "the beginning was kept for the test: keep the end": (
        lambda ids, share: _parts(ids, _n_val(ids, share))[::-1]
    ),
    "val_share is the share of val, but train got it": (
        lambda ids, share: _parts(ids, _n_val(ids, share))
    ),
    "an id is in both parts: what is tested must not be learned": (
        lambda ids, share: [
            ids[: len(ids) - _n_val(ids, share) + 1],
            _right_parts(ids, share)[1],
        ]
    ),
    "the id at the cut is lost": (
        lambda ids, share: _parts(ids, len(ids) - _n_val(ids, share), gap=1)
    ),
    "train is the whole text: the test would be on what was learned": (
        lambda ids, share: [ids, _right_parts(ids, share)[1]]
    ),
}


def _take_parts(result: Any) -> Parts:
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise Mistake("return two lists: return train, val")
    if any(not isinstance(part, list) for part in result):
        raise Mistake("return two lists: slices of a list are lists")
    return [list(part) for part in result]


@exercise("01.split", "the last part is kept for the test, and nothing is lost")
def split(answer: Any) -> None:
    """`answer(ids, val_share)` gives the first part, and the last to be tested on."""
    numbers = random.Random(4)
    cases = [
        (list(range(10)), 0.1),
        ([numbers.randrange(60) for _ in range(40)], 0.25),
        ([numbers.randrange(60) for _ in range(20)], 0.4),
    ]
    try:
        mixed = all(_is_mixed(answer(list(ids), share), ids) for ids, share in cases)
    except TypeError as error:
        if "slice indices" in str(error):
            raise Mistake("the place to cut is not a whole number: use int()") from None
        raise
    if mixed:
        raise Mistake(
            "the ids were mixed: the test needs a stretch of real text, in order"
        )
    try_cases(answer, _right_parts, _SPLIT_MISTAKES, cases, _take_parts)


def _is_mixed(result: Any, ids: list[int]) -> bool:
    """Whether nothing is lost, but the ids are not in their order."""
    train, val = _take_parts(result)
    complete = Counter(train + val) == Counter(ids)
    return complete and train + val != ids and val + train != ids

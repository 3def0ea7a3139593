"""Give the exercises of lesson 01 the answers that learners give."""

import math
import random
from collections import Counter
from itertools import combinations, pairwise

import pytest
import torch

from minigpt.course.exercises import check
from minigpt.tokenizer import merge_pair


def merge_at_every_place(ids, pair, new):
    """Merge a pair wherever it begins, also in its own middle."""
    merged, skip = [], False
    for i in range(len(ids)):
        if tuple(ids[i : i + 2]) == pair:
            merged.append(new)
            skip = True
        elif skip:
            skip = False
        else:
            merged.append(ids[i])
    return merged


def merge_in_place(ids, pair, new):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            ids[i : i + 2] = [new]
        i += 1
    return ids


def merge_without_tail(ids, pair, new):
    merged, i = [], 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


def merge_past_the_end(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        if (ids[i], ids[i + 1]) == pair:
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


def merge_and_keep_the_second(ids, pair, new):
    return [new if tuple(ids[i : i + 2]) == pair else ids[i] for i in range(len(ids))]


def merge_both_orders(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) in (pair, pair[::-1]):
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


def merge_first(ids, pair, new):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return [*ids[:i], new, *ids[i + 2 :]]
    return ids


def count_by_index(ids):
    counts = {}
    for i in range(len(ids)):
        pair = ids[i], ids[i + 1]
        counts[pair] = counts.get(pair, 0) + 1
    return counts


def count_from_nothing(ids):
    counts = {}
    for pair in pairwise(ids):
        counts[pair] += 1
    return counts


def one_by_one(values):
    return "".join(bytes([v]).decode("utf-8", "replace") for v in values)


def shuffled_split(ids, share):
    ids = random.Random(9).sample(ids, len(ids))
    n = round(share * len(ids))
    return ids[n:], ids[:n]


def cut(ids, share):
    return len(ids) - round(share * len(ids))


def skip_unknown(text, characters):
    return [characters.index(c) for c in text if c in characters]


WRONG = {
    "01.encode": {
        "start at 1": lambda t, c: [c.index(x) + 1 for x in t],
        "Unicode code points": lambda t, c: [ord(x) for x in t],
        "indices into the text": lambda t, c: list(range(len(t))),
        "the characters of this text": lambda t, c: [
            sorted(set(t)).index(x) for x in t
        ],
        "You encoded each character once": lambda t, c: [
            c.index(x) for x in dict.fromkeys(t)
        ],
        "You left out an unknown character silently": skip_unknown,
        "became id -1": lambda t, c: [c.find(x) for x in t],
        "raised KeyError": lambda t, c: [{x: i for i, x in enumerate(c)}[x] for x in t],
        "should raise ValueError, not return [0, 3, None, 2]": lambda t, c: [
            {x: i for i, x in enumerate(c)}.get(x) for x in t
        ],
        "has type Tensor, not list": lambda t, c: torch.tensor([c.index(x) for x in t]),
        "has type str, not list": lambda t, c: "".join(str(c.index(x)) for x in t),
    },
    "01.count_pairs": {
        "You cut the ids into separate pairs": lambda ids: Counter(
            zip(ids[::2], ids[1::2], strict=False)
        ),
        "order matters": lambda ids: Counter(tuple(sorted(p)) for p in pairwise(ids)),
        "reversed": lambda ids: Counter((b, a) for a, b in pairwise(ids)),
        "not a circle": lambda ids: Counter(
            (ids[i - 1], ids[i]) for i in range(len(ids))
        ),
        "not neighbours": lambda ids: Counter(combinations(ids, 2)),
        "count 1": lambda ids: dict.fromkeys(pairwise(ids), 1),
        "one too high": lambda ids: {
            pair: n + 1 for pair, n in Counter(pairwise(ids)).items()
        },
        "past the end": count_by_index,
        "raised KeyError": count_from_nothing,
        "You counted single ids": lambda ids: Counter(ids),
        "has type list, not dict": lambda ids: list(pairwise(ids)),
    },
    "01.merge": {
        "You used one id for two merges": merge_at_every_place,
        "right to left": lambda ids, pair, new: merge_pair(ids[::-1], pair[::-1], new)[
            ::-1
        ],
        "Your function changed ids": merge_in_place,
        "You merged only the first occurrence": merge_first,
        "You merged the pair in both orders, but the order matters": merge_both_orders,
        "even where they stand alone": lambda ids, pair, new: [
            new if i in pair else i for i in ids
        ],
        "kept the second id of the pair": merge_and_keep_the_second,
        "The last id is lost": merge_without_tail,
        "past the end": merge_past_the_end,
        "You merged nothing": lambda ids, pair, new: list(ids),
        "has type tuple, not list": lambda ids, pair, new: tuple(
            merge_pair(ids, pair, new)
        ),
        "the result should be [], not [9, 3, 9]": lambda ids, pair, new: [9, 3, 9],
    },
    "01.decode_bytes": {
        "You treated each byte as a character": lambda v: "".join(map(chr, v)),
        "You decoded each byte alone, but é or ж needs its bytes together": one_by_one,
        "vanished": lambda v: bytes(v).decode("utf-8", errors="ignore"),
        "Broken bytes raised an error": lambda v: bytes(v).decode("utf-8"),
        "codes like": lambda v: bytes(v).decode("utf-8", errors="backslashreplace"),
        "returned bytes": lambda v: bytes(v),
        "has type list, not str": lambda v: [chr(x) for x in v],
    },
    "01.bits_per_character": {
        "nats per character": lambda n, t, c: n * t / c,
        "bits per token": lambda n, t, c: n / math.log(2),
        "swapped": lambda n, t, c: n / math.log(2) * c / t,
        "multiplied": lambda n, t, c: n * math.log(2) * t / c,
        "of the whole text": lambda n, t, c: n / math.log(2) * t,
        "log10": lambda n, t, c: n / math.log10(2) * t / c,
        "has type str, not float": lambda n, t, c: "1.2",
    },
    "01.split": {
        "swapped": lambda ids, s: (ids[cut(ids, s) :], ids[: cut(ids, s)]),
        "You kept the beginning for validation": lambda ids, s: (
            ids[round(s * len(ids)) :],
            ids[: round(s * len(ids))],
        ),
        "val_share is the share of val, but you gave it to train": lambda ids, s: (
            ids[: round(s * len(ids))],
            ids[round(s * len(ids)) :],
        ),
        "in both parts": lambda ids, s: (ids[: cut(ids, s) + 1], ids[cut(ids, s) :]),
        "You lost the id at the cut": lambda ids, s: (
            ids[: cut(ids, s)],
            ids[cut(ids, s) + 1 :],
        ),
        "whole text": lambda ids, s: (ids, ids[cut(ids, s) :]),
        "You shuffled the ids": shuffled_split,
        "whole number": lambda ids, s: (ids[: (1 - s) * len(ids)], []),
        "your function should return 2 things: train and val": lambda ids, s: ids[
            : cut(ids, s)
        ],
    },
}


@pytest.mark.parametrize(
    ("name", "said", "answer"),
    [(name, said, f) for name, ways in WRONG.items() for said, f in ways.items()],
)
def test_wrong_answer_is_told_what_is_wrong(name, said, answer):
    text = check(name, answer).text
    assert text.startswith("✗") and said in text, text
    assert "\n" not in text


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_get_verdicts_of_their_own(name):
    verdicts = [check(name, answer).text for answer in WRONG[name].values()]
    assert len(set(verdicts)) == len(verdicts) >= 3


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize(
    "result", [..., None, 0, 1.0, "", [], {}, ([], []), object(), torch.zeros(2)]
)
def test_no_constant_passes(name, result):
    verdict = check(name, lambda *_: result)
    assert verdict.text.startswith("✗")


def test_other_right_ways_pass():
    ids_of = {"encode": lambda t, c: [list(c).index(x) for x in t]}
    assert check("01.encode", ids_of["encode"]).passed
    assert check("01.count_pairs", lambda ids: Counter(pairwise(ids))).passed
    assert check("01.merge", merge_pair).passed
    assert check(
        "01.bits_per_character",
        lambda n, t, c: torch.tensor(n * t / c) / torch.tensor(2.0).log(),
    ).passed
    assert check("01.bits_per_character", lambda n, t, c: n * t / c * math.log2(math.e))
    assert check(
        "01.split", lambda ids, s: [ids[: cut(ids, s)], ids[cut(ids, s) :]]
    ).passed


def test_a_loop_that_never_ends_is_stopped(monkeypatch):
    from minigpt.course.exercises import verdict

    monkeypatch.setattr(verdict, "TIME_LIMIT_SECONDS", 0.2)

    def merge(ids, pair, new_id):
        i = 0
        while i < len(ids):
            if tuple(ids[i : i + 2]) == pair:
                i += 2

    assert "never ends" in check("01.merge", merge).text

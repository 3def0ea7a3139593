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


def drop_pair_by_pair(ids, pair, new):
    for i in range(len(ids)):
        if (ids[i], ids[i + 1]) == pair:
            ids[i] = new
            ids.pop(i + 1)
    return ids


def drop_from_a_copy(ids, pair, new):
    ids = list(ids)
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            ids[i] = new
            del ids[i + 1]
    return ids


def merge_slices(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        if ids[i : i + 2] == pair:
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


def merge_two_by_two(ids, pair, new):
    merged = []
    for i in range(0, len(ids), 2):
        merged += [new] if tuple(ids[i : i + 2]) == pair else ids[i : i + 2]
    return merged


def merge_inside(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            out += [*pair, new]
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def merge_without_a_return(ids, pair, new):
    merge_pair(ids, pair, new)


def merge_and_return_early(ids, pair, new):
    merged = []
    for i in range(len(ids)):
        merged.append(ids[i])
        return merged


def encode_while_known(text, characters):
    ids = []
    for c in text:
        if c not in characters:
            break
        ids.append(characters.index(c))
    return ids


def pop_values(values):
    text = b""
    while values:
        text += bytes([values.pop(0)])
    return text.decode("utf-8", errors="replace")


def sort_in_place(ids, share):
    ids.sort()
    return ids[: cut(ids, share)], ids[cut(ids, share) :]


def count_and_forget(ids):
    counts = {}
    for pair in pairwise(ids):
        counts = {pair: counts.get(pair, 0) + 1}
    return counts


# What the notebook has by these names, which an answer may read by mistake.
pairs = [(1, 2)]
ids = [1, 2, 1, 2]
pieces = ["t", "h", "e"]
by_pairs = 1.2878
new_id = 9


def counted(ids):
    return Counter(pairwise(ids))


def top(ids):
    return counted(ids).most_common(1)[0][0]


def step_with(choose, way=merge_pair):
    return lambda ids, new: (choose(ids), way(ids, choose(ids), new))


def step_of_singles(ids, new):
    (a, _), (b, _) = Counter(ids).most_common(2)
    return (a, b), merge_pair(ids, (a, b), new)


def step_in_place(ids, new):
    pair = top(ids)
    ids[:] = merge_pair(ids, pair, new)
    return pair, ids


def step_on_none(ids, new):
    counts = print(end="")  # as `count_pairs` that was never written
    return max(counts, key=counts.get), ids


def step_until_done(ids, new):
    first = top(ids)
    while counted(ids) and counted(ids).most_common(1)[0][1] > 1:
        ids, new = merge_pair(ids, top(ids), new), new + 1
    return first, ids


def step_twice(ids, new):
    first = top(ids)
    ids = merge_pair(ids, first, new)
    return first, merge_pair(ids, top(ids), new + 1) if len(ids) > 1 else ids


def step_by_index(ids, new):
    counts = count_by_index(ids)
    pair = max(counts, key=counts.get)
    return pair, merge_pair(ids, pair, new)


def bits(nats, tokens, chars):
    return nats / math.log(2) * tokens / chars


WRONG = {
    "01.encode": [
        ("start at 1", lambda t, c: [c.index(x) + 1 for x in t]),
        ("Unicode code points", lambda t, c: [ord(x) for x in t]),
        ("indices into the text", lambda t, c: list(range(len(t)))),
        ("indices into the text", lambda t, c: [i for i, x in enumerate(t)]),
        (
            "the characters of this text",
            lambda t, c: [sorted(set(t)).index(x) for x in t],
        ),
        ("each character once", lambda t, c: [c.index(x) for x in dict.fromkeys(t)]),
        ("left out an unknown character silently", skip_unknown),
        ("became id -1", lambda t, c: [c.find(x) for x in t]),
        (
            "raised KeyError",
            lambda t, c: [{x: i for i, x in enumerate(c)}[x] for x in t],
        ),
        ("became None", lambda t, c: list(map({x: i for i, x in enumerate(c)}.get, t))),
        (
            "became id 0",
            lambda t, c: [{x: i for i, x in enumerate(c)}.get(x, 0) for x in t],
        ),
        ("got a new id", lambda t, c: [(c + x).index(x) for x in t]),
        ("should raise ValueError, not return [0, 3]", encode_while_known),
        (
            "has type Tensor, not list",
            lambda t, c: torch.tensor([c.index(x) for x in t]),
        ),
        ("returned a string", lambda t, c: "".join(str(c.index(x)) for x in t)),
        ("returned a dict", lambda t, c: {x: c.index(x) for x in t}),
        ("has type tuple, not list", lambda t, c: tuple(c.index(x) for x in t)),
        ("has type generator, not list", lambda t, c: (c.index(x) for x in t)),
        ("lost the spaces at the ends", lambda t, c: [c.index(x) for x in t.strip()]),
        ("left out the spaces", lambda t, c: [c.index(x) for x in t if x != " "]),
        ("capital letters into small", lambda t, c: [c.index(x) for x in t.lower()]),
        ("sorted the vocabulary", lambda t, c: [sorted(c).index(x) for x in t]),
        ("in the order of the vocabulary", lambda t, c: sorted(c.index(x) for x in t)),
        ("count from the end", lambda t, c: [c[::-1].index(x) for x in t]),
        ("encoded the vocabulary", lambda t, c: [t.index(x) for x in c]),
        ("should be [0, 3, 1, 2], not [0]", lambda t, c: [c.index(x) for x in t[:1]]),
        ("reads ids from the notebook", lambda t, c: ids),
    ],
    "01.count_pairs": [
        ("separate pairs", lambda ids: Counter(zip(ids[::2], ids[1::2], strict=False))),
        ("order matters", lambda ids: Counter(tuple(sorted(p)) for p in pairwise(ids))),
        ("reversed", lambda ids: Counter((b, a) for a, b in pairwise(ids))),
        (
            "not a circle",
            lambda ids: Counter((ids[i - 1], ids[i]) for i in range(len(ids))),
        ),
        ("not neighbours", lambda ids: Counter(combinations(ids, 2))),
        ("count 1", lambda ids: dict.fromkeys(pairwise(ids), 1)),
        ("one too high", lambda ids: {p: n + 1 for p, n in counted(ids).items()}),
        ("one too low", lambda ids: {p: n - 1 for p, n in counted(ids).items()}),
        ("past the end", count_by_index),
        ("raised KeyError", count_from_nothing),
        (
            "cannot be the key of a dict",
            lambda ids: {ids[i : i + 2]: 1 for i in range(len(ids) - 1)},
        ),
        ("You counted single ids", lambda ids: Counter(ids)),
        ("returned a list", lambda ids: list(pairwise(ids))),
        ("returned a list", lambda ids: counted(ids).most_common()),
        ("returned a set", lambda ids: set(pairwise(ids))),
        ("left out the last pair", lambda ids: counted(ids[:-1])),
        ("left out the first pair", lambda ids: counted(ids[1:])),
        (
            "another one between them",
            lambda ids: Counter(zip(ids, ids[2:], strict=False)),
        ),
        (
            "two equal ids",
            lambda ids: Counter(p for p in pairwise(ids) if p[0] != p[1]),
        ),
        (
            "more than once",
            lambda ids: {p: n for p, n in counted(ids).items() if n > 1},
        ),
        (
            "joined into strings",
            lambda ids: Counter(f"{a}{b}" for a, b in pairwise(ids)),
        ),
        ("added the two ids", lambda ids: Counter(a + b for a, b in pairwise(ids))),
        (
            "divided",
            lambda ids: {p: n / (len(ids) - 1) for p, n in counted(ids).items()},
        ),
        ("should be {(3, 1): 1, (1, 2): 1}, not", count_and_forget),
        ("has type int, not dict", lambda ids: len(counted(ids))),
        ("reads pairs from the notebook", lambda ids: dict(Counter(pairs))),
    ],
    "01.merge": [
        ("You used one id for two merges", merge_at_every_place),
        (
            "right to left",
            lambda ids, p, new: merge_pair(ids[::-1], p[::-1], new)[::-1],
        ),
        ("Your function changed ids", merge_in_place),
        ("only the first occurrence", merge_first),
        ("both orders, but the order matters", merge_both_orders),
        (
            "even where they stand alone",
            lambda ids, pair, new: [new if i in pair else i for i in ids],
        ),
        ("kept the second id of the pair", merge_and_keep_the_second),
        ("The last id is lost", merge_without_tail),
        ("past the end", merge_past_the_end),
        ("a list never equals a tuple", merge_slices),
        ("You merged nothing", lambda ids, pair, new: list(ids)),
        ("has type tuple, not list", lambda *case: tuple(merge_pair(*case))),
        ("the result should be [], not [9, 3, 9]", lambda ids, pair, new: [9, 3, 9]),
        ("The list shrinks", drop_pair_by_pair),
        ("The list shrinks", drop_from_a_copy),
        ("You skip two ids after every id", merge_two_by_two),
        ("beside the pair", merge_inside),
        (
            "removed the pair",
            lambda ids, pair, new: [
                i for i in merge_pair(ids, pair, None) if i is not None
            ],
        ),
        (
            "left out the ids",
            lambda ids, pair, new: [
                i for i in merge_pair(ids, pair, "x") if i == "x" for i in [new]
            ],
        ),
        ("looked for the pair reversed", lambda ids, p, n: merge_pair(ids, p[::-1], n)),
        ("the pair itself", lambda ids, pair, new: merge_pair(ids, pair, pair)),
        (
            "invented a new id",
            lambda ids, p, n: merge_pair(ids, p, max(ids or [0]) + 1),
        ),
        ("returned nothing", merge_without_a_return),
        ("returned nothing", merge_and_return_early),
        ("returned a string", lambda *case: str(merge_pair(*case))),
        (
            "reads new_id from the notebook",
            lambda ids, p, n: merge_pair(ids, p, new_id),
        ),
    ],
    "01.bpe_step": [
        ("needs key=counts.get", step_with(lambda ids: max(counted(ids)))),
        ("You returned the pair alone", lambda ids, new_id: max(counted(ids))),
        ("least frequent", step_with(lambda ids: min((c := counted(ids)), key=c.get))),
        ("first pair of the list", step_with(lambda ids: (ids[0], ids[1]))),
        ("two most frequent ids", step_of_singles),
        (
            "every second pair",
            step_with(
                lambda ids: max(
                    (c := Counter(zip(ids[::2], ids[1::2], strict=False))), key=c.get
                )
            ),
        ),
        (
            "the one that occurs last",
            step_with(lambda ids: max(reversed(c := counted(ids)), key=c.get)),
        ),
        (
            "the highest ids",
            step_with(lambda ids: max((c := counted(ids)), key=lambda p: (c[p], p))),
        ),
        (
            "the lowest ids",
            step_with(
                lambda ids: max((c := counted(ids)), key=lambda p: (c[p], -p[0], -p[1]))
            ),
        ),
        (
            "pair is reversed",
            lambda ids, new: (top(ids)[::-1], merge_pair(ids, top(ids), new)),
        ),
        (
            "returned the new ids first",
            lambda ids, new: (merge_pair(ids, top(ids), new), top(ids)),
        ),
        ("did not merge", lambda ids, new: (top(ids), ids)),
        ("only the first occurrence", step_with(top, merge_first)),
        ("both orders", step_with(top, merge_both_orders)),
        (
            "even where they stand alone",
            step_with(top, lambda ids, p, new: [new if i in p else i for i in ids]),
        ),
        ("kept the second id", step_with(top, merge_and_keep_the_second)),
        (
            "invented a new id",
            lambda ids, new: (top(ids), merge_pair(ids, top(ids), max(ids) + 1)),
        ),
        ("always use 256", lambda ids, new: (top(ids), merge_pair(ids, top(ids), 256))),
        ("kept on merging", step_twice),
        ("new ids should be", step_until_done),
        (
            "together with its count",
            lambda ids, new: (
                counted(ids).most_common(1)[0],
                merge_pair(ids, top(ids), new),
            ),
        ),
        (
            "most_common(1)[0][0]",
            lambda ids, new: (
                counted(ids).most_common(1),
                merge_pair(ids, top(ids), new),
            ),
        ),
        ("all the counts", lambda ids, new: (counted(ids), ids)),
        (
            "a single number",
            lambda ids, new: (
                max(counted(ids).values()),
                merge_pair(ids, top(ids), new),
            ),
        ),
        (
            "should return 2 things: pair and new ids",
            lambda ids, new: merge_pair(ids, top(ids), new),
        ),
        ("Your function changed ids", step_in_place),
        ("Have you solved count_pairs and merge", step_on_none),
        ("past the end", step_by_index),
        ("returned nothing", lambda ids, new: print(end="")),
        (
            "reads pieces from the notebook",
            lambda ids, new: (top(pieces), merge_pair(ids, top(pieces), new)),
        ),
    ],
    "01.decode_bytes": [
        ("You treated each byte as a character", lambda v: "".join(map(chr, v))),
        ("each byte alone, but é or ж needs its bytes together", one_by_one),
        ("vanished", lambda v: bytes(v).decode("utf-8", errors="ignore")),
        ("Broken bytes raised an error", lambda v: bytes(v).decode("utf-8")),
        ("codes like", lambda v: bytes(v).decode("utf-8", errors="backslashreplace")),
        ("returned bytes", lambda v: bytes(v)),
        ("returned a list", lambda v: [chr(x) for x in v]),
        ("Latin-1", lambda v: bytes(v).decode("cp1252", errors="replace")),
        ("You treated each byte as a character", lambda v: bytes(v).decode("latin-1")),
        ("each byte alone", lambda v: bytes(v).decode("ascii", errors="replace")),
        (
            "dropped every byte above 127",
            lambda v: bytes(x for x in v if x < 128).decode(),
        ),
        ("reversed", lambda v: bytes(v[::-1]).decode("utf-8", errors="replace")),
        (
            "question mark",
            lambda v: bytes(v).decode("utf-8", "replace").replace("�", "?"),
        ),
        ("wrote the numbers as text", lambda v: str(v)),
        ("shows how Python writes bytes", lambda v: str(bytes(v))),
        ("spaces at the ends", lambda v: bytes(v).decode("utf-8", "replace").strip()),
        ("capital letters", lambda v: bytes(v).decode("utf-8", "replace").lower()),
        ("Your function changed values", pop_values),
        ("returned nothing", lambda v: print(end="")),
    ],
    "01.bits_per_character": [
        ("nats per character", lambda n, t, c: n * t / c),
        ("nats per character", lambda n, t, c: n / math.log2(2) * t / c),
        ("bits per token", lambda n, t, c: n / math.log(2)),
        ("swapped", lambda n, t, c: n / math.log(2) * c / t),
        ("multiplied", lambda n, t, c: n * math.log(2) * t / c),
        ("of the whole text", lambda n, t, c: n / math.log(2) * t),
        ("log10", lambda n, t, c: n / math.log10(2) * t / c),
        ("logarithm of the loss", lambda n, t, c: math.log2(n) * t / c),
        ("divided by 2", lambda n, t, c: n / 2 * t / c),
        ("characters per bit", lambda n, t, c: 1 / bits(n, t, c)),
        ("use / and not //", lambda n, t, c: n / math.log(2) * (t // c)),
        ("rounded the result", lambda n, t, c: round(bits(n, t, c), 2)),
        ("a whole number", lambda n, t, c: round(bits(n, t, c))),
        ("rounded the result down", lambda n, t, c: n / math.log(2) * t // c),
        ("left out the last token", lambda n, t, c: bits(n, t - 1, c)),
        ("subtracted ln 2", lambda n, t, c: (n - math.log(2)) * t / c),
        ("by the characters", lambda n, t, c: bits(n, t, 1) * c),
        ("has type str, not float", lambda n, t, c: "1.2"),
        ("has type str, not float", lambda n, t, c: f"{bits(n, t, c):.3f}"),
        ("has type tuple, not float", lambda n, t, c: (bits(n, t, c), "bits")),
        ("should be 1.792, not 1.288", lambda n, t, c: 1.2878),
        ("reads by_pairs from the notebook", lambda n, t, c: by_pairs),
    ],
    "01.split": [
        ("swapped", lambda ids, s: (ids[cut(ids, s) :], ids[: cut(ids, s)])),
        (
            "You kept the beginning for validation",
            lambda ids, s: (ids[round(s * len(ids)) :], ids[: round(s * len(ids))]),
        ),
        (
            "val_share is the share of val, but you gave it to train",
            lambda ids, s: (ids[: round(s * len(ids))], ids[round(s * len(ids)) :]),
        ),
        ("in both parts", lambda ids, s: (ids[: cut(ids, s) + 1], ids[cut(ids, s) :])),
        (
            "You lost the id at the cut",
            lambda ids, s: (ids[: cut(ids, s)], ids[cut(ids, s) + 1 :]),
        ),
        ("train is the whole text", lambda ids, s: (ids, ids[cut(ids, s) :])),
        ("val is the whole text", lambda ids, s: (ids[: cut(ids, s)], ids)),
        ("You shuffled the ids", shuffled_split),
        ("whole number", lambda ids, s: (ids[: (1 - s) * len(ids)], [])),
        (
            "your function should return 2 things: train and val",
            lambda ids, s: ids[: cut(ids, s)],
        ),
        (
            "ids[-0:] is everything",
            lambda ids, s: (ids[: -round(s * len(ids))], ids[-round(s * len(ids)) :]),
        ),
        (
            "always keep a tenth",
            lambda ids, s: (ids[: round(0.9 * len(ids))], ids[round(0.9 * len(ids)) :]),
        ),
        (
            "cut in the middle",
            lambda ids, s: (ids[: len(ids) // 2], ids[len(ids) // 2 :]),
        ),
        (
            "every n-th id",
            lambda ids, s: (
                [x for n, x in enumerate(ids) if n % round(1 / s)],
                ids[:: round(1 / s)],
            ),
        ),
        (
            "You reversed val",
            lambda ids, s: (ids[: cut(ids, s)], ids[cut(ids, s) :][::-1]),
        ),
        (
            "One id too many is in train",
            lambda ids, s: (ids[: cut(ids, s) + 1], ids[cut(ids, s) + 1 :]),
        ),
        (
            "One id too many is in val",
            lambda ids, s: (ids[: cut(ids, s) - 1], ids[cut(ids, s) - 1 :]),
        ),
        (
            "You lost the last id",
            lambda ids, s: (ids[: cut(ids, s)], ids[cut(ids, s) : -1]),
        ),
        ("Your function changed ids", sort_in_place),
        ("You sorted the ids", lambda ids, s: sort_in_place(list(ids), s)),
        (
            "to the nearest whole number",
            lambda ids, s: (
                ids[: len(ids) - int(s * len(ids))],
                ids[len(ids) - int(s * len(ids)) :],
            ),
        ),
        (
            "to the nearest whole number",
            lambda ids, s: (
                ids[: math.floor((1 - s) * len(ids) + 1e-9)],
                ids[math.floor((1 - s) * len(ids) + 1e-9) :],
            ),
        ),
        ("how many ids", lambda ids, s: (cut(ids, s), len(ids) - cut(ids, s))),
        ("returned nothing", lambda ids, s: print(end="")),
        ("reads ids from the notebook", lambda _, s: (ids[: cut(ids, s)], ids[3:])),
    ],
}


@pytest.mark.parametrize(
    ("name", "said", "answer"),
    [(name, said, f) for name, ways in WRONG.items() for said, f in ways],
)
def test_wrong_answer_is_told_what_is_wrong(name, said, answer):
    text = check(name, answer).text
    assert text.startswith("✗") and said in text, text
    assert "\n" not in text


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_many_and_most_get_verdicts_of_their_own(name):
    verdicts = {check(name, answer).text for _, answer in WRONG[name]}
    assert len(WRONG[name]) >= 12
    assert len(verdicts) >= 0.8 * len(WRONG[name])


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize(
    "result", [..., None, 0, 1.0, "", [], {}, ([], []), object(), torch.zeros(2)]
)
def test_no_constant_passes(name, result):
    verdict = check(name, lambda *_: result)
    assert verdict.text.startswith("✗")


def test_other_right_ways_pass():
    assert check("01.encode", lambda t, c: [list(c).index(x) for x in t]).passed
    assert check("01.count_pairs", lambda ids: Counter(pairwise(ids))).passed
    assert check("01.merge", merge_pair).passed
    assert check("01.bpe_step", step_with(top)).passed
    assert check("01.bpe_step", lambda ids, new: [*step_with(top)(ids, new)]).passed
    assert check(
        "01.bpe_step",
        step_with(lambda ids: max((c := counted(ids)), key=lambda p: c[p])),
    ).passed
    assert check(
        "01.decode_bytes", lambda v: bytearray(v).decode(errors="replace")
    ).passed
    assert check(
        "01.bits_per_character",
        lambda n, t, c: torch.tensor(n * t / c) / torch.tensor(2.0).log(),
    ).passed
    assert check(
        "01.bits_per_character", lambda n, t, c: n * t / c * math.log2(math.e)
    ).passed
    assert check(
        "01.split", lambda ids, s: [ids[: cut(ids, s)], ids[cut(ids, s) :]]
    ).passed
    train = lambda ids, s: round((1 - s) * len(ids))  # noqa: E731
    assert check(
        "01.split", lambda ids, s: (ids[: train(ids, s)], ids[train(ids, s) :])
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

"""A mistake that nobody foresaw: how the results are related to the right ones."""

import math

import pytest
import torch

from minigpt.course.exercises.judge import Task
from minigpt.course.exercises.judge import judge as judged
from minigpt.course.exercises.verdict import Mistake

WORDS = [(["the", "fox", "ran"],), (["an", "owl", "and", "a", "hen"],)]
TABLES = [(torch.arange(6.0).view(2, 3),), (torch.arange(12.0).view(4, 3) + 0.5,)]
NUMBERS = [(7, 2), (9, 4), (3, 5), (8, 3)]
RIGHT = {
    "words": (lambda words: [word.upper() for word in words], WORDS),
    "table": (lambda x: 3 * x + 1, TABLES),
    "square": (lambda x: 3 * x + 1, [(torch.arange(9.0).view(3, 3),)]),
    "shares": (lambda x: (x + 1) / (x + 1).sum(dim=-1, keepdim=True), TABLES),
    "ratio": (lambda a, b: a / b + 0.01, NUMBERS),
    "range": (lambda a, b: list(range(a, a + b)), NUMBERS),
    "mean": (lambda words: sum(map(len, words)) / len(words), [*WORDS, (["a", "bc"],)]),
    "ends": (lambda words: {word: word[-1] for word in words}, WORDS),
}


def verdict(kind, answer):
    right, cases = RIGHT[kind]
    with pytest.raises(Mistake) as raised:
        judged(answer, Task(right, cases))
    return str(raised.value).strip()


@pytest.mark.parametrize(
    ("kind", "answer", "said"),
    [
        (
            "words",
            lambda words: ["THE", "FOX"],
            "returns ['THE', 'FOX'] for every input",
        ),
        ("words", lambda words: words, "You returned words unchanged"),
        ("words", lambda words: [w.upper() for w in words][::-1], "in reverse order"),
        ("words", lambda words: [w.upper() for w in words][1:], "lacks its first"),
        ("words", lambda words: [w.upper() for w in words][:-1], "lacks its last"),
        (
            "words",
            lambda words: [w.upper() for w in words] + ["X"],
            "too many, its last",
        ),
        ("words", lambda words: [w.upper() for w in words] * 2, "has everything twice"),
        (
            "words",
            lambda words: [[w.upper() for w in words]],
            "one pair of brackets too many",
        ),
        ("words", lambda words: sorted(w.upper() for w in words), "in another order"),
        ("table", lambda x: -3 * x - 1, "with the wrong sign"),
        ("table", lambda x: 6 * x + 2, "2 times the right ones"),
        ("table", lambda x: x + 1 / 3, "the right ones divided by 3"),
        ("table", lambda x: 3 * x + 2, "1 too large"),
        ("square", lambda x: (3 * x + 1).T, "two of its dimensions swapped"),
        ("table", lambda x: (3 * x + 1).log(), "the logarithms of the right ones"),
        (
            "shares",
            lambda x: (x + 1) / 7,
            "in the right proportions, but do not sum to 1",
        ),
        (
            "ratio",
            lambda a, b: 1 / (a / b + 0.01),
            "reciprocals of the right ones: a fraction is upside down",
        ),
        ("ratio", lambda a, b: float(a // b), "rounded down"),
        ("ratio", lambda a, b: b / a + 0.01, "right for a and b swapped"),
        ("ratio", lambda a, b: a / (b + 1) + 0.01, "right for b + 1"),
        ("ratio", lambda a, b: (a / b + 0.01) * b, "the right ones times b"),
        ("range", lambda a, b: list(range(a, a + 2)), "never uses b"),
        (
            "range",
            lambda a, b: list(range(a, a + b + (b > 3))),
            "Where they are not, your result has one element too many, its last",
        ),
        ("mean", lambda words: sum(map(len, words)), "times the length of words"),
        ("ends", lambda words: {w[-1]: w for w in words}, "keys and values swapped"),
    ],
)
def test_relation_is_found(kind, answer, said):
    text = verdict(kind, answer)
    assert said in text, text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("words", lambda words: [w.upper() for w in words[:-1]] + ["X"]),
        ("table", lambda x: 3 * x + 1 + x**3),
        ("table", torch.cos),
        ("ratio", lambda a, b: a / b + 0.01 + (a == 9)),
    ],
)
def test_no_relation_is_invented(kind, answer):
    assert verdict(kind, answer).startswith("For "), verdict(kind, answer)


def test_relation_has_to_hold_in_every_case():
    right = [(x,) for x in ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])]
    task = Task(lambda x: [math.sqrt(one) for one in x], right)
    with pytest.raises(Mistake, match=r"^ *For "):
        judged(lambda x: [2 * math.sqrt(one) if one < 4 else one for one in x], task)

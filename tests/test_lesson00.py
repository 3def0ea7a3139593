"""Give the exercises of lesson 00 the answers that learners give."""

import signal
import threading
import time
from collections import Counter
from itertools import pairwise

import pytest

from minigpt import exercises
from minigpt.course.exercises import check

ABC = "abcdefghijklmnopqrstuvwxyz"


def after(words, word):
    return [b for a, b in pairwise(words) if a == word]


def after_the_first(words, word):
    """Search with list.index, which fails where the word does not occur."""
    place = words.index(word)
    return after(words[place:], word)


def after_and_remove(words, word):
    found = []
    while word in words[:-1]:
        place = words.index(word)
        found.append(words[place + 1])
        del words[: place + 1]
    return found


def after_stepping_over(words, word):
    found, i = [], 0
    while i + 1 < len(words):
        if words[i] == word:
            found.append(words[i + 1])
            i += 2
        else:
            i += 1
    return found


def return_in_the_loop(words, word):
    for a, b in pairwise(words):
        if a == word:
            return [b]
    return []


def no_return_if_none(words, word):
    if found := after(words, word):
        return found


def sort_first(words):
    words.sort(key=words[:].count)
    return words[-1]


def grow(start, length, follow):
    words = list(start)
    while len(words) < length:
        words.append(follow(words[-1]))
    return words


def grow_in_place(start, length, follow):
    while len(start) < length:
        start.append(follow(start[-1]))
    return start


def grow_the_same_list(start, length, follow):
    words = start
    for _ in range(length - len(start)):
        words += [follow(words[-1])]
    return words


def grow_by_letters(start, length, follow):
    words = list(start)
    while len(words) < length:
        words += follow(words[-1])
    return words


def grow_at_least_once(start, length, follow):
    words = list(start)
    while True:
        words.append(follow(words[-1]))
        if len(words) >= length:
            return words


def grow_nothing(start, length, follow):
    words = list(start)
    while len(words) < length:
        words.append(follow(words[-1]))


def grow_from_all(start, length, follow):
    words = list(start)
    while len(words) < length:
        words.append(follow(words))
    return words


def grow_without_append(start, length, follow):
    words = list(start)
    while len(words) < length:
        words = words + follow(words[-1])
    return words


def grow_forgetting_to_move_on(start, length, follow):
    words, last = list(start), start[-1]
    while len(words) < length:
        words.append(follow(last))
    return words


WRONG = {
    "00.next_letter": {
        "After z the alphabet starts again with a": lambda letter: chr(ord(letter) + 1),
        "You returned the letter unchanged": lambda letter: letter,
        "the letter before it": lambda letter: chr(ord(letter) - 1),
        "You went two letters ahead": lambda letter: "cdefghijklmnopqrstuvwxyzab"[
            ord(letter) - 97
        ],
        "z has a successor, too": lambda letter: (
            letter if letter == "z" else chr(ord(letter) + 1)
        ),
        "You returned a capital letter": lambda letter: (
            "A" if letter == "z" else chr(ord(letter) + 1).upper()
        ),
        "After z comes a small a": lambda letter: (
            "A" if letter == "z" else chr(ord(letter) + 1)
        ),
        "For letter = 'a' your function returned nothing": lambda letter: print(end=""),
        "For letter = 'z' your function returned nothing": lambda letter: (
            chr(ord(letter) + 1) if letter < "z" else None
        ),
        "You returned a number": lambda letter: ord(letter) + 1,
        "You returned a list": lambda letter: [chr(ord(letter) + 1)],
        "the result should be 'c', not 'b'": lambda letter: "b",
        "the result should be 'z', not 'a'": lambda letter: (
            "a" if letter >= "y" else chr(ord(letter) + 1)
        ),
        "z needs a rule of its own": lambda letter: ABC[ABC.index(letter) + 1],
        "the result should be 'x', not 'y'": lambda letter: (
            "abcdefghijklmnopqrstuvwyza"["abcdefghijklmnopqrstuvwyz".index(letter) + 1]
        ),
        "your function raised TypeError": lambda: "b",
        "your function raised NameError": lambda letter: chr(ord(character) + 1),  # noqa: F821
    },
    "00.followers": {
        "the words before it": lambda words, word: [
            a for a, b in pairwise(words) if b == word
        ],
        "You looked past the end": lambda words, word: [
            words[i + 1] for i in range(len(words)) if words[i] == word
        ],
        "each follower once": lambda words, word: list(set(after(words, word))),
        "You listed each follower once": lambda words, word: list(
            dict.fromkeys(after(words, word))
        ),
        "not a circle": lambda words, word: [
            words[(i + 1) % len(words)] for i in range(len(words)) if words[i] == word
        ],
        "nothing comes after its last": lambda words, word: [
            words[i - len(words) + 1] for i, one in enumerate(words) if one == word
        ],
        "Your list is in alphabetical order": lambda words, word: sorted(
            after(words, word)
        ),
        "in reverse order": lambda words, word: after(words, word)[::-1],
        "Your function raised IndexError for words = []": lambda words, word: after(
            [words[0], *words[1:]], word
        ),
        "You looked only at the first place": return_in_the_loop,
        "Your list holds the word itself": lambda words, word: [
            one for one in words[:-1] if one == word
        ],
        "Your list holds pairs": lambda words, word: [
            pair for pair in pairwise(words) if pair[0] == word
        ],
        "Crow and crow as the same word": lambda words, word: [
            b for a, b in pairwise(words) if a.casefold() == word.casefold()
        ],
        "compare with ==, not with in": lambda words, word: [
            b for a, b in pairwise(words) if word in a
        ],
        "longer words that begin with it": lambda words, word: [
            b for a, b in pairwise(words) if a[: len(word)] == word
        ],
        "with a comma or a full stop": lambda words, word: [
            b for b in after(words, word) if b.isalpha()
        ],
        "two places further on": lambda words, word: [
            words[i + 2] for i in range(len(words) - 2) if words[i] == word
        ],
        "A word that follows itself": after_stepping_over,
        "You returned a string": lambda words, word: " ".join(after(words, word)),
        "You joined the words": lambda words, word: ["".join(after(words, word))],
        "You returned a dictionary": lambda words, word: Counter(after(words, word)),
        "put list(...) around it": lambda words, word: (x for x in after(words, word)),
        "You returned a set": lambda words, word: set(after(words, word)),
        "You returned a number": lambda words, word: len(after(words, word)),
        "list.index fails": after_the_first,
        "the result should be ['or'], not ['a', 'or']": lambda words, word: [
            b for a, b in pairwise(words) if a.endswith(word)
        ],
        "Your function changed words": after_and_remove,
        "your function returned nothing": no_return_if_none,
        "should be [], not ['hen', 'cat', 'owl']": lambda words, word: (
            ["hen", "cat", "owl"]
        ),
    },
    "00.likeliest": {
        "That is the last word in alphabetical order, not the most frequent": max,
        "That is the first word in alphabetical order, not the most frequent": min,
        "first word of the list": lambda words: words[0],
        "last word of the list": lambda words: words[-1],
        "the middle of the list": lambda words: words[len(words) // 2],
        "the rarest": lambda words: min(words, key=words.count),
        "the longest": lambda words: max(words, key=len),
        "the shortest": lambda words: min(words, key=len),
        "longer words that contain it": lambda words: max(
            words, key=lambda word: " ".join(words).count(word)
        ),
        "the second most frequent": lambda words: sorted(
            dict.fromkeys(words), key=words.count, reverse=True
        )[:2][-1],
        "in small letters": lambda words: max(words, key=words.count).lower(),
        "Bee and bee as the same word": lambda words: max(
            words, key=lambda word: [one.lower() for one in words].count(word.lower())
        ),
        "how often a word occurs": lambda words: max(map(words.count, words)),
        "without a list or a count": lambda words: Counter(words).most_common(1)[0],
        "Return the word alone": lambda words: Counter(words).most_common(1),
        "You returned all the counts": Counter,
        "Your function changed words": sort_first,
        "the result should be 'owl', not 'hen'": lambda words: "hen",
        "your function returned nothing": lambda words: print(end=""),
        "the result should be 'owl', not 'o'": lambda words: Counter(
            "".join(words)
        ).most_common(1)[0][0],
    },
    "00.write": {
        "asking what follows the start": grow_forgetting_to_move_on,
        "You asked about the first word": lambda start, length, f: (
            start + [f(start[0]) for _ in range(length - len(start))]
        ),
        "next_word received the list": grow_from_all,
        "`length` includes the start": lambda start, length, f: grow(
            start, len(start) + length, f
        ),
        "The start is missing from your text.": lambda start, length, f: grow(
            start, len(start) + length, f
        )[len(start) :],
        "missing from your text, and": lambda start, length, f: grow(start, length, f)[
            len(start) :
        ],
        "You added nothing to the start": lambda start, length, f: list(start),
        "You added only one word": lambda start, length, f: [*start, f(start[-1])],
        "one word too many": lambda start, length, f: grow(start, length + 1, f),
        "one word too few": lambda start, length, f: grow(start, length - 1, f),
        "before the start": lambda start, length, f: (
            grow(start, length, f)[len(start) :] + start
        ),
        "only the newest word": lambda start, length, f: grow(start, length, f)[-1:],
        "You wrote backwards": lambda start, length, f: grow(start, length, f)[::-1],
        "You returned a string": lambda start, length, f: " ".join(
            grow(start, length, f)
        ),
        "Your function changed start": grow_in_place,
        "Your function changed start, which": grow_the_same_list,
        "next_word received 'o'": lambda start, length, f: f("o"),
        "which is none of the words": grow_by_letters,
        "If the start is long enough already": grow_at_least_once,
        "your function returned nothing": grow_nothing,
        "A list and a word cannot be added": grow_without_append,
        "the result should be ['so', 'it', 'goes', 'on', 'so', 'it', 'goes']": (
            lambda start, length, f: grow(start, min(length, 5), f)
        ),
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
    assert len(verdicts) >= 12
    assert len(set(verdicts)) >= len(verdicts) - 3  # a few slips are the same one


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("result", [..., None, 0, "", [], {}, object(), float("nan")])
def test_no_constant_passes(name, result):
    assert not check(name, lambda *_: result).passed


RIGHT = {
    "00.next_letter": [
        lambda letter: "bcdefghijklmnopqrstuvwxyza"[ord(letter) - 97],
        lambda letter: chr((ord(letter) - 96) % 26 + 97),
    ],
    "00.followers": [
        lambda words, word: [
            words[i + 1] for i in range(len(words) - 1) if words[i] == word
        ],
        lambda words, word: [
            words[i] for i in range(1, len(words)) if words[i - 1] == word
        ],
    ],
    "00.likeliest": [
        lambda words: max(words, key=words.count),
        lambda words: max(set(words), key=words.count),
        lambda words: sorted(words, key=words.count)[-1],
    ],
    "00.write": [
        grow,
        lambda start, length, f: (
            start if len(start) >= length else grow([*start, f(start[-1])], length, f)
        ),
    ],
}


@pytest.mark.parametrize(
    ("name", "answer"), [(name, f) for name, ways in RIGHT.items() for f in ways]
)
def test_other_right_ways_pass(name, answer):
    verdict = check(name, answer)
    assert verdict.passed, verdict.text


def test_the_machine_works_with_functions_of_the_course_until_yours_pass():
    stub = exercises.working("00.followers", lambda words, word: ...)
    wrong = exercises.working("00.likeliest", max)
    assert stub(["a", "b", "a", "c"], "a") == ["b", "c"]
    assert wrong(["b", "c", "b"]) == "b"
    assert exercises.working("00.write", grow) is grow
    with pytest.raises(ValueError, match="there is no exercise"):
        exercises.working("00.wrote", grow)


def test_a_loop_that_never_ends_is_stopped(monkeypatch):
    from minigpt.course.exercises import verdict

    monkeypatch.setattr(verdict, "TIME_LIMIT_SECONDS", 0.2)

    def write(start, length, next_word):
        while True:
            pass

    assert "never ends" in check("00.write", write).text


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
def test_a_learner_who_interrupts_a_check_ends_the_loop_too():
    turns = [0]

    def write(start, length, next_word):
        while True:
            turns[0] += 1

    interrupt = (threading.main_thread().ident, signal.SIGINT)
    threading.Timer(0.5, lambda: signal.pthread_kill(*interrupt)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        check("00.write", write)
    assert time.monotonic() - began < 5
    before = turns[0]
    time.sleep(0.2)
    assert turns[0] == before > 0

"""Give the exercises of lesson 00 the answers that learners give."""

import itertools
import signal
import threading
import time

import pytest

from minigpt.course.exercises import check

WRONG = {
    "00.next_letter": {
        "After z the alphabet starts again with a": lambda letter: chr(ord(letter) + 1),
        "You returned the letter unchanged": lambda letter: letter,
        "the letter before it": lambda letter: chr(ord(letter) - 1),
        "returned nothing": lambda letter: print(end=""),
        "has type int, not str": lambda letter: ord(letter) + 1,
        "the result should be 'c', not 'b'": lambda letter: "b",
        "your function raised TypeError": lambda: "b",
    },
    "00.followers": {
        "the letters before it": lambda text, letter: [
            a for a, b in itertools.pairwise(text) if b == letter
        ],
        "You looked past the end": lambda text, letter: [
            text[i + 1] for i in range(len(text)) if text[i] == letter
        ],
        "each follower once": lambda text, letter: list(
            {b for a, b in itertools.pairwise(text) if a == letter}
        ),
        "not a circle": lambda text, letter: [
            text[(i + 1) % len(text)] for i in range(len(text)) if text[i] == letter
        ],
        "Your list is in alphabetical order": lambda text, letter: sorted(
            b for a, b in itertools.pairwise(text) if a == letter
        ),
        "Your function raised IndexError for an empty text": lambda text, letter: [
            b for a, b in itertools.pairwise(text[0] + text[1:]) if a == letter
        ],
        "You looked only at the first place": lambda text, letter: list(
            text[text.find(letter) + 1 : text.find(letter) + 2]
            if letter in text
            else ""
        ),
        "You returned a string": lambda text, letter: "nn",
        "the result should be [], not ['n', 'n']": lambda text, letter: (
            ["n", "n"] if letter != "h" else ["e", "e", "e"]
        ),
    },
    "00.likeliest": {
        "That is the last letter in alphabetical order, not the most frequent": max,
        "That is the first letter in alphabetical order, not the most frequent": min,
        "first letter of the list": lambda letters: letters[0],
        "last letter of the list": lambda letters: letters[-1],
        "the rarest": lambda letters: min(letters, key=letters.count),
        "how often a letter occurs": lambda letters: max(map(letters.count, letters)),
        "Return the letter alone": lambda letters: (letters[0], 2),
        "Your function changed letters": lambda letters: letters.pop(),
    },
    "00.write": {
        "asking what follows the start": lambda start, length, f: (
            start + f(start[-1]) * (length - len(start))
        ),
        "next_letter received 'ab'": lambda start, length, f: grow(
            start, length, f, all
        ),
        "`length` includes the start": lambda start, length, f: grow(
            start, len(start) + length, f
        ),
        "The start is missing from your text": lambda start, length, f: grow(
            start, len(start) + length, f
        )[len(start) :],
        "You added nothing to the start": lambda start, length, f: start,
        "You added only one letter": lambda start, length, f: start + f(start[-1]),
        "has type list, not str": lambda start, length, f: list(grow(start, length, f)),
        "the result should be 'nono', not 'nonon'": lambda start, length, f: grow(
            start, length + 1, f
        ),
    },
}


def grow(start, length, follow, look=None):
    text = start
    while len(text) < length:
        text += follow(text if look else text[-1])
    return text


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
@pytest.mark.parametrize("result", [..., None, 0, "", [], {}, object(), float("nan")])
def test_no_constant_passes(name, result):
    assert not check(name, lambda *_: result).passed


def test_other_right_ways_pass():
    from collections import Counter

    assert check("00.likeliest", lambda x: Counter(x).most_common(1)[0][0]).passed
    assert check("00.next_letter", lambda x: "bcdefghijklmnopqrstuvwxyza"[ord(x) - 97])
    assert check(
        "00.followers",
        lambda text, x: [text[i + 1] for i in range(len(text) - 1) if text[i] == x],
    ).passed
    assert check("00.write", grow).passed


def test_a_loop_that_never_ends_is_stopped(monkeypatch):
    from minigpt.course.exercises import verdict

    monkeypatch.setattr(verdict, "TIME_LIMIT_SECONDS", 0.2)

    def write(start, length, next_letter):
        while True:
            pass

    assert "never ends" in check("00.write", write).text


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
def test_a_learner_who_interrupts_a_check_ends_the_loop_too():
    turns = [0]

    def write(start, length, next_letter):
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

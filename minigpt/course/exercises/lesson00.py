"""Check the trial exercise of lesson 00 and its three warm-ups."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from minigpt.course.exercises.tools import compare, try_cases, want_type
from minigpt.course.exercises.verdict import Mistake, exercise


@exercise("00.next_letter", "each letter became the one after it in the alphabet")
def next_letter(answer: Any) -> None:
    """`answer(letter)` gives the next letter of the alphabet, and a after z."""
    for letter, right in (("a", "b"), ("m", "n"), ("z", "a")):
        result = want_type(answer(letter), str, "your function")
        compare(
            result,
            right,
            {
                f"{letter!r} came back unchanged": letter,
                f"{letter!r} became the letter before it": chr(ord(letter) - 1),
                "after z comes a, but z became '{'": "{",
            },
            f"{letter!r} became {result!r}, not {right!r}",
        )


def _followers(text: str, letter: str) -> list[str]:
    return [b for a, b in pairwise(text) if a == letter]


_FOLLOWERS_MISTAKES: dict[str, Callable[..., Any]] = {
    "these are the letters before it: the ones after it are asked for": (
        lambda text, letter: [a for a, b in pairwise(text) if b == letter]
    ),
    "only the first place counts: look at every place": (
        lambda text, letter: _followers(text, letter)[:1]
    ),
    "the text is not a circle: nothing comes after its last letter": (
        lambda text, letter: _followers(text + text[:1], letter)
    ),
    "they stand in the order of the alphabet: keep that of the text": (
        lambda text, letter: sorted(_followers(text, letter))
    ),
    "the letters are joined in one string: give a list": (
        lambda text, letter: ["".join(_followers(text, letter))]
    ),
}


@exercise("00.followers", "every letter that comes after it is in your list")
def followers(answer: Any) -> None:
    """`answer(text, letter)` lists what comes right after the letter, each time."""
    cases = [("banana", "a"), ("the hen then", "h"), ("crow", "w"), ("aab", "a")]
    cases += [("bab", "b"), ("azab", "a"), ("a fox", "e")]

    def take(result: Any) -> list[str]:
        if isinstance(result, str):
            raise Mistake("it returned a string: give a list with a letter each time")
        return list(want_type(result, list, "your function"))

    try:
        results = [take(answer(*case)) for case in cases]
    except IndexError:
        raise Mistake(
            "it looked past the end: nothing comes after the last letter of a text"
        ) from None
    once = [sorted(set(_followers(*case))) for case in cases]
    if [sorted(result, key=str) for result in results] == once:
        raise Mistake("each follower came once: list it as often as it comes")
    try_cases(answer, _followers, _FOLLOWERS_MISTAKES, [*cases, ("", "a")], take)


_LIKELIEST_MISTAKES: dict[str, Callable[..., Any]] = {
    "that is the last letter of the alphabet, not the commonest": max,
    "that is the first letter of the alphabet, not the commonest": min,
    "that is the first letter of the list, not the commonest": lambda x: x[0],
    "that is the last letter of the list, not the commonest": lambda x: x[-1],
    "that is the rarest letter": lambda x: min(x, key=x.count),
}


@exercise("00.likeliest", "the commonest letter wins")
def likeliest(answer: Any) -> None:
    """`answer(letters)` gives the letter that is in the list most often."""

    def take(result: Any) -> str:
        if isinstance(result, int) and not isinstance(result, bool):
            raise Mistake("that is how often it comes: give the letter itself")
        if isinstance(result, tuple | list):
            raise Mistake("give the letter alone, not a list or a pair with its count")
        return str(want_type(result, str, "your function"))

    try_cases(
        answer,
        lambda letters: max(letters, key=letters.count),
        _LIKELIEST_MISTAKES,
        [(list(word),) for word in ("nbbanan", "xaab", "cabbbz", "q", "zzya")],
        take,
    )


_CYCLES = ("abcdefgh", "qwe", "no")


def _next_letter(letter: str) -> str:
    """Return the next letter of a made-up text that goes around in circles."""
    if not isinstance(letter, str) or len(letter) != 1:
        raise Mistake(
            f"next_letter got {letter!r}: give it the last letter alone, text[-1]"
        )
    cycle = next(cycle for cycle in _CYCLES if letter in cycle)
    return cycle[(cycle.index(letter) + 1) % len(cycle)]


def _written(start: str, length: int, follow: Callable[[str], str]) -> str:
    text = start
    while len(text) < length:
        text += follow(text[-1])
    return text


_WRITE_MISTAKES: dict[str, Callable[..., Any]] = {
    "it always asked what follows the start: ask about the newest letter": (
        lambda start, length, f: start + f(start[-1]) * (length - len(start))
    ),
    "the text came out too long: length counts the start as well": (
        lambda start, length, f: _written(start, len(start) + length, f)
    ),
    "the start is missing from the text": (
        lambda start, length, f: _written(start, len(start) + length, f)[len(start) :]
    ),
    "nothing was added to the start": lambda start, length, f: start,
    "only one letter was added: go on until it is long enough": (
        lambda start, length, f: start + f(start[-1])
    ),
}


@exercise("00.write", "it writes: the same loop drives every GPT")
def write(answer: Any) -> None:
    """`answer(start, length, next_letter)` grows the start to that many letters."""
    try_cases(
        answer,
        _written,
        _WRITE_MISTAKES,
        [
            ("a", 5, _next_letter),
            ("w", 6, _next_letter),
            ("cd", 7, _next_letter),
            ("n", 4, _next_letter),
        ],
        lambda result: want_type(result, str, "your function"),
    )

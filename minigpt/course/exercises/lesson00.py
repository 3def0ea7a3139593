"""The exercises of lesson 00: three functions that write from counts, and a warm-up."""

from itertools import pairwise

from minigpt.course.exercises.judge import Function, exercise
from minigpt.course.exercises.verdict import Mistake


@exercise(
    "You returned the letter unchanged.",
    lambda letter: letter,
    "You returned the letter before it.",
    lambda letter: chr(ord(letter) - 1),
    "After z the alphabet starts again with a.",
    lambda letter: chr(ord(letter) + 1),
    cases=[(letter,) for letter in "abcdefghijklmnopqrstuvwxyz"],
    praise="Every letter became the one after it in the alphabet.",
)
def next_letter(letter: str) -> str:
    return "a" if letter == "z" else chr(ord(letter) + 1)


@exercise(
    "You listed the letters before it; list the ones that come after it.",
    lambda text, letter: [a for a, b in pairwise(text) if b == letter],
    "You looked only at the first place; look at every place.",
    lambda text, letter: followers(text, letter)[:1],
    "A text is not a circle: nothing comes after its last letter.",
    lambda text, letter: followers(text + text[:1], letter),
    "You listed each follower once; list it as often as it occurs.",
    lambda text, letter: list(dict.fromkeys(followers(text, letter))),
    "A set holds each follower once; list it as often as it occurs.",
    lambda text, letter: list(set(followers(text, letter))),
    "Your list is in alphabetical order; keep the order of the text.",
    lambda text, letter: sorted(followers(text, letter)),
    "You joined the letters into one string; return a list of letters.",
    lambda text, letter: ["".join(followers(text, letter))],
    cases=[
        *[("banana", "a"), ("the hen then", "h"), ("crow", "w"), ("aab", "a")],
        *[("bab", "b"), ("azab", "a"), ("a fox", "e"), ("", "a")],
    ],
    praise="Every letter that comes after it is in your list.",
    types={str: "You returned a string; return a list with one letter for each place."},
    errors={"IndexError": "You looked past the end: nothing follows the last letter."},
)
def followers(text: str, letter: str) -> list[str]:
    return [b for a, b in pairwise(text) if a == letter]


@exercise(
    "That is the last letter in alphabetical order, not the most frequent one.",
    max,
    "That is the first letter in alphabetical order, not the most frequent one.",
    min,
    "That is the first letter of the list, not the most frequent one.",
    lambda letters: letters[0],
    "That is the last letter of the list, not the most frequent one.",
    lambda letters: letters[-1],
    "That is the rarest letter, not the most frequent one.",
    lambda letters: min(letters, key=letters.count),
    cases=[(list(word),) for word in ("nbbanan", "xaab", "cabbbz", "q", "zzya")],
    praise="The most frequent letter wins.",
    types={
        int: "You returned how often a letter occurs; return the letter itself.",
        (tuple, list): "Return the letter alone, without a list or a count around it.",
    },
)
def likeliest(letters: list[str]) -> str:
    return max(letters, key=letters.count)


def _circle(letter: str) -> str:
    """Return the letter after this one in one of three circles, for `write`."""
    if not isinstance(letter, str) or len(letter) != 1:
        raise Mistake(
            f"next_letter received {letter!r}; pass it only the last letter, text[-1]."
        )
    circle = next(circle for circle in ("abcdefgh", "qwe", "no") if letter in circle)
    return circle[(circle.index(letter) + 1) % len(circle)]


@exercise(
    "You kept asking what follows the start; ask about the newest letter.",
    lambda start, length, f: start + f(start[-1]) * (length - len(start)),
    "You added `length` letters, but `length` includes the start.",
    lambda start, length, f: write(start, len(start) + length, f),
    "The start is missing from your text.",
    lambda start, length, f: write(start, len(start) + length, f)[len(start) :],
    "You added nothing to the start.",
    lambda start, length, f: start,
    "You added only one letter; continue until the text is long enough.",
    lambda start, length, f: start + f(start[-1]),
    cases=[(*case, _circle) for case in (("a", 5), ("w", 6), ("cd", 7), ("n", 4))],
    praise="It writes! The same loop drives every GPT.",
)
def write(start: str, length: int, next_letter: Function) -> str:
    text = start
    while len(text) < length:
        text += next_letter(text[-1])
    return text

"""Check the trial exercise of lesson 00."""

from typing import Any

from minigpt.exercises.tools import compare, want_type
from minigpt.exercises.verdict import exercise


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

"""Hold a session: ask for a prompt and settings, write, and ask again."""

import contextlib
import locale
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from minigpt.checkpoint import Checkpoint
from minigpt.cli.texts import EXIT, NO, TEXTS, YES, format_number, parse_number
from minigpt.cli.writing import Settings, continuation, show
from minigpt.sampling import DEFAULT_TOP_K, LARGEST_SEED
from minigpt.tokenizer import visible

Answer = TypeVar("Answer")

MAX_LENGTH = 10_000
USUAL_LENGTH = 50
TEMPERATURES = 0.1, 1.5
TOP_KS = 10, 100


class Leave(Exception):
    """The user has had enough."""


class BadAnswer(Exception):
    """An answer cannot be taken; the message says why, in the user's language."""


class Session:
    """A conversation on standard input and output.

    Args:
        settings: what empty answers take, where the user has chosen before.
        language: "en" or "ru".
    """

    def __init__(
        self, checkpoint: Checkpoint, settings: Settings, language: str
    ) -> None:
        self.checkpoint = checkpoint
        self.settings = settings
        self.language = language

    def run(self) -> None:
        """Ask and write until the user leaves."""
        _edit_lines()
        print(self.say("hello"))
        try:
            while True:
                self.write_one()
        except (EOFError, KeyboardInterrupt):
            print()
        except Leave:
            pass
        print(self.say("goodbye"))

    def write_one(self) -> None:
        """Ask for everything that a text needs, and write it."""
        print()
        prompt = self.ask(self.say("prompt"), self.read_prompt)
        settings = self.ask_settings()
        print()
        try:
            pieces = continuation(self.checkpoint, prompt, settings, USUAL_LENGTH)
            show(chain([prompt], pieces))
        except KeyboardInterrupt:
            print(f"\n{self.say('stopped')}")
        if settings.seed is not None:
            # The next text is another one, yet the session as a whole repeats.
            following = (settings.seed + 1) % (LARGEST_SEED + 1)
            self.settings = replace(self.settings, seed=following)

    def ask_settings(self) -> Settings:
        """Ask for the settings one by one."""
        given, V = self.settings, self.checkpoint.tokenizer.vocab_size
        length, top_k = given.length, given.top_k
        if length is None:
            length = USUAL_LENGTH
        if top_k is None:
            top_k = min(DEFAULT_TOP_K, V)
        low, high = (min(k, V) for k in TOP_KS)
        return replace(
            given,
            length=self.ask_whole_number("length", length, 1, MAX_LENGTH),
            temperature=self.ask_number(
                "temperature", given.temperature, *TEMPERATURES
            ),
            top_k=self.ask_whole_number("top_k", top_k, low, high),
            greedy=not self.ask_yes("sample", not given.greedy),
        )

    def ask(self, question: str, read: Callable[[str], Answer]) -> Answer:
        """Return what `read` makes of the answer; ask again while it refuses.

        Raises:
            Leave: the answer is that the session should end.
        """
        while True:
            answer = input(f"{question}: ")
            if not sys.stdin.isatty():
                print(answer)  # nobody has typed it, so it is not to be seen yet
            if answer.strip().casefold() in EXIT:
                raise Leave
            try:
                return read(answer)
            except BadAnswer as reason:
                print(reason)

    def read_prompt(self, answer: str) -> str:
        """Return the prompt, or raise BadAnswer if the model cannot read it."""
        if not answer:
            raise BadAnswer(self.say("no_prompt"))
        for position, character in enumerate(answer, start=1):
            try:
                self.checkpoint.tokenizer.encode(character)
            except ValueError:
                shown = f"'{visible(character)}' (U+{ord(character):04X})"
                raise BadAnswer(
                    self.say("unknown", character=shown, position=position)
                ) from None
        return answer

    def ask_number(self, key: str, default: float, low: float, high: float) -> float:
        """Return a number in that range."""

        def read(answer: str) -> float:
            with contextlib.suppress(ValueError):
                number = parse_number(answer) if answer.strip() else default
                if number == default or low <= number <= high:
                    return number
            raise BadAnswer(self.say("no_number", answer=answer.strip(), **limits))

        limits = {"low": self.number(low), "high": self.number(high)}
        question = f"{self.say(key, **limits)} [{self.number(default)}]"
        return self.ask(question, read)

    def ask_whole_number(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number in that range."""

        def read(answer: str) -> int:
            with contextlib.suppress(ValueError):
                number = int(answer) if answer.strip() else default
                if number == default or low <= number <= high:
                    return number
            raise BadAnswer(
                self.say("no_whole_number", answer=answer.strip(), low=low, high=high)
            )

        question = f"{self.say(key, low=low, high=high)} [{default}]"
        return self.ask(question, read)

    def ask_yes(self, key: str, default: bool) -> bool:
        """Return whether the answer is yes."""

        def read(answer: str) -> bool:
            word = answer.strip().casefold()
            if word and word not in YES | NO:
                raise BadAnswer(self.say("no_choice", answer=word))
            return word in YES if word else default

        return self.ask(
            f"{self.say(key)} [{self.say('yes' if default else 'no')}]", read
        )

    def number(self, number: float) -> str:
        """Return the number as people of the session's language write it."""
        return format_number(number, self.language)

    def say(self, key: str, **values: object) -> str:
        """Return the text of that key in the session's language."""
        return TEXTS[self.language][key].format(**values)


def _edit_lines() -> None:
    """Let arrow keys edit an answer and bring back earlier ones, where that works.

    Where the locale is missing, or the terminal is "dumb" and scrolls a long line,
    readline would tear Cyrillic to bytes.
    """
    understood = "utf" in locale.setlocale(locale.LC_CTYPE).lower()
    if understood and sys.stdin.isatty() and os.environ.get("TERM") != "dumb":
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401

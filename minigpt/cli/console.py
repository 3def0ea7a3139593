"""Hold a session: ask for a prompt and settings, write a text, and ask again."""

import contextlib
import locale
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import Any
from unicodedata import normalize

from minigpt.checkpoint import Checkpoint
from minigpt.cli.texts import EXIT, NO, TEXTS, YES, format_number, parse_number
from minigpt.cli.writing import Settings, continuation, show, unknown_words
from minigpt.sampling import LARGEST_SEED
from minigpt.tokenizer import visible

MAX_LENGTH = 10_000
TOP_KS = 10, 100


class Leave(Exception):
    """The user wants to end the session."""


class BadAnswer(Exception):
    """An answer makes no sense; the message says why, in the session's language."""


class Session:
    """Questions and answers in `language`; `settings` are the default answers."""

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
        """Ask for a prompt and settings, and write a text."""
        print()
        prompt = self.ask(self.say("prompt"), self.read_prompt)
        if unknown := unknown_words(self.checkpoint, prompt):
            print(self.say("unknown_words", words=unknown), file=sys.stderr)
        settings = self.ask_settings()
        print()
        try:
            show(chain([prompt], continuation(self.checkpoint, prompt, settings)))
        except KeyboardInterrupt:
            print(f"\n{self.say('stopped')}")
        # Each text differs from the last, but a session with a seed can be repeated.
        following = (settings.seed + 1) % (LARGEST_SEED + 1)
        self.settings = replace(self.settings, seed=following)

    def ask_settings(self) -> Settings:
        """Ask for the settings one by one."""
        usual, V = self.settings, self.checkpoint.tokenizer.vocab_size
        low, high = (min(k, V) for k in TOP_KS)
        return replace(
            usual,
            length=self.ask_number("length", usual.length, 1, MAX_LENGTH),
            temperature=self.ask_number("temperature", usual.temperature, 0.1, 1.5),
            top_k=self.ask_number("top_k", usual.top_k, low, high),
            greedy=not self.ask_yes("sample", not usual.greedy),
        )

    def ask(self, question: str, read: Callable[[str], Any]) -> Any:
        """Return `read(answer)`; ask again on BadAnswer, and raise Leave on "exit"."""
        while True:
            answer = input(f"{question}: ").removesuffix("\r")  # a file from Windows
            if not sys.stdin.isatty():
                print(answer)  # a terminal shows what is typed, a pipe does not
            if answer.strip().casefold() in EXIT:
                raise Leave
            try:
                return read(answer)
            except BadAnswer as reason:
                print(reason)

    def read_prompt(self, answer: str) -> str:
        """Return the prompt, or raise BadAnswer if it has an unknown character."""
        if not answer:
            raise BadAnswer(self.say("no_prompt"))
        characters = "" if self.can_encode(answer) else normalize("NFC", answer)
        for position, character in enumerate(characters, start=1):
            if not self.can_encode(character):
                shown = f"'{visible(character)}' (U+{ord(character):04X})"
                raise BadAnswer(self.say("unknown", character=shown, position=position))
        return answer

    def can_encode(self, text: str) -> bool:
        """Return whether the model knows every character of the text."""
        try:
            self.checkpoint.tokenizer.encode(text)
        except ValueError:
            return False
        return True

    def ask_number(self, key: str, default: float, low: float, high: float) -> Any:
        """Return a number in that range, or the default; whole if the default is."""
        whole = isinstance(default, int)
        limits = {"low": self.number(low), "high": self.number(high)}

        def read(answer: str) -> float:
            with contextlib.suppress(ValueError):
                number = int(answer) if whole else parse_number(answer)
                if number == default or low <= number <= high:
                    return number
            if not answer.strip():
                return default
            complaint = "no_whole_number" if whole else "no_number"
            raise BadAnswer(self.say(complaint, answer=answer.strip(), **limits))

        question = f"{self.say(key, **limits)} [{self.number(default)}]"
        return self.ask(question, read)

    def ask_yes(self, key: str, default: bool) -> bool:
        """Return whether the answer is yes."""

        def read(answer: str) -> bool:
            word = answer.strip().casefold()
            if word and word not in YES | NO:
                raise BadAnswer(self.say("no_choice", answer=word))
            return word in YES if word else default

        usual = self.say("yes" if default else "no")
        return self.ask(f"{self.say(key)} [{usual}]", read)

    def number(self, number: float) -> str:
        """Return the number as people of the session's language write it."""
        return format_number(number, self.language)

    def say(self, key: str, **values: object) -> str:
        """Return the text of that key in the session's language."""
        return TEXTS[self.language][key].format(**values)


def _edit_lines() -> None:
    """Let arrow keys edit an answer and bring back earlier ones, where that works.

    Without a UTF-8 locale, or in a "dumb" terminal that scrolls long lines sideways,
    readline would split Cyrillic letters into bytes.
    """
    understood = "utf" in locale.setlocale(locale.LC_CTYPE).lower()
    if understood and sys.stdin.isatty() and os.environ.get("TERM") != "dumb":
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401

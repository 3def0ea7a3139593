"""Read a grammar of tales from a TOML file, and say exactly where a fault is."""

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from minigpt.paths import TEXTS
from minigpt.tales.grammar import (
    A_BEFORE_VOWEL,
    LIST_OF,
    LISTS,
    SLOT,
    SLOTS,
    Grammar,
    Plot,
)
from minigpt.text_file import read_utf8

BUILT_IN = TEXTS / "tales.toml"
# A blank line comes before each paragraph; the parts within one are joined by spaces.
PARAGRAPHS = ("open", "want", "meet"), ("talk",), ("turn", "end"), ("moral",)
REQUIRED = {"titles": "titles = [...]", "slots": "[slots]", "plot": "[[plot]]"}
PARTS = [part for paragraph in PARAGRAPHS for part in paragraph]
SPEAKERS = {"hero": "{Hero}: ", "other": "{Other}: "}
WORD_LISTS = ["name_she", "name_he", *(name for name in LISTS if name != "name")]
FAULTS = {
    r"^\s*$": "a string is empty",
    r"[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]": "a string must not contain a line break",
    r"^\s|\s$": "a string must not begin or end with a space",
    r"\b[Aa]n?$": 'a string must not end in the article "a" or "an"',
    rf"(?i:{A_BEFORE_VOWEL.pattern})(\w+)": r'write "\1n \2" instead of "\1 \2"',
    r"\b([Aa])n (\{\w*\})": r'write "\1 \2": the n is added where it is needed',
    r"^[^\s:]+: ": "a word and a colon at its beginning look like a speech",
    r"Moral: |^Moral$": '"Moral" announces the end of a tale: use another word',
}


@dataclass(frozen=True)
class _Place:
    """A place in the file: its name, and patterns that lead to its line."""

    path: Path
    source: str
    name: str = ""
    marks: tuple[str, ...] = ()

    def inside(self, name: str, *marks: str) -> "_Place":
        names = ", ".join(filter(None, [self.name, name]))
        return replace(self, name=names, marks=self.marks + marks)

    def key(self, name: str) -> "_Place":
        return self.inside(name, rf"^[ \t]*[\"']?{re.escape(name)}[\"']?[ \t]*=")

    def error(self, fault: str, *strings: str) -> ValueError:
        """Return the error to raise, on the line of the last of these strings."""
        at = 0
        for mark in *self.marks, *(f"[\"']{re.escape(s)}[\"']" for s in strings):
            if found := re.compile(mark, re.MULTILINE).search(self.source, at):
                at = found.end()
        number = len(self.source[:at].split("\n"))
        where = [str(self.path), f"line {number}" if at else "", self.name]
        return ValueError(f"{', '.join(filter(None, where))}: {fault}")


def read_grammar(path: str | Path = BUILT_IN) -> Grammar:
    """Read a grammar of tales from a TOML file; without a path it is the course's own.

    Raises:
        ValueError: the file cannot be read or is no grammar; the message says where.
    """
    path = Path(path)
    source = read_utf8(path, "a grammar (a TOML file)")
    try:
        content = tomllib.loads(source)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from None
    file = _Place(path, source)
    _check_keys(file, content, REQUIRED)
    for key, written in REQUIRED.items():
        if content.get(key) in (None, []):
            raise file.error(f"{written} is missing, and every grammar needs it")
    words, she = _read_words(file, content["slots"])
    titles = _alternatives(file.key("titles"), content["titles"], words)
    if not isinstance(content["plot"], list):
        raise file.inside("plot").error("write [[plot]] with two brackets on each side")
    plots = [
        _read_plot(file, number, table, titles, words)
        for number, table in enumerate(content["plot"], 1)
    ]
    return Grammar(words, she, plots)


def _read_words(file: _Place, table: Any) -> tuple[dict[str, list[str]], list[str]]:
    """Return the lists of words by name, and the names that are a she."""
    slots = file.inside("slots", r"^[ \t]*\[[ \t]*slots[ \t]*\]")
    _check_keys(slots, table, WORD_LISTS)
    words = {name: _words(slots.key(name), value) for name, value in table.items()}
    she, he = words.pop("name_she", []), words.pop("name_he", [])
    if both := [name for name in he if name in she]:
        raise slots.key("name_he").error(f"{both[0]} is also in name_she", both[0])
    return {"name": she + he, **words}, she


def _read_plot(
    file: _Place,
    number: int,
    table: Any,
    titles: Sequence[str],
    words: Mapping[str, Sequence[str]],
) -> Plot:
    place = file.inside(
        f"plot {number}", *[r"^[ \t]*\[\[[ \t]*plot[ \t]*\]\]"] * number
    )
    trait = ""
    if isinstance(table, dict) and "trait" in table:
        [trait] = _words(place.key("trait"), [table["trait"]])
        place = replace(place, name=f"{place.name} ({trait})")
    _check_keys(place, table, ["trait", "about", *PARTS])
    for part in "open", "moral":
        if part not in table:
            raise place.error(f"{part} = [...] is missing, and every plot needs it")
    steps = [titles]
    for paragraph in PARAGRAPHS:
        before = "\n\n"
        for part in filter(table.__contains__, paragraph):
            for speaker, texts in _speeches(place.key(part), part, table[part]):
                _check_slots(place.key(part), speaker, words)
                texts = _alternatives(place.key(part), texts, words)
                steps.append([before + speaker + text for text in texts])
            before = " "
    if not trait and any("{trait}" in text for step in steps for text in step):
        raise place.error(
            'a title or part uses {trait}: add trait = "..." to this plot'
        )
    steps = [[text.replace("{trait}", trait) for text in step] for step in steps]
    return Plot(trait, steps)


def _speeches(place: _Place, part: str, value: Any) -> list[tuple[str, Any]]:
    """Return what a part consists of: what comes before its alternatives, and these."""
    if part != "talk":
        return [("Moral: " if part == "moral" else "", value)]
    if not isinstance(value, list) or not value:
        raise place.error("talk must be a list of at least one speech")
    for speech in value:
        match speech:
            case ["hero" | "other", _]:
                continue
            case [str(speaker), _]:
                raise place.error(
                    f'the speaker must be "hero" or "other", not {speaker!r}', speaker
                )
        raise place.error('a speech must look like ["hero", ["Yes.", "No."]]')
    return [(SPEAKERS[speaker], texts) for speaker, texts in value]


def _alternatives(
    place: _Place, value: Any, words: Mapping[str, Sequence[str]]
) -> list[str]:
    for text in _strings(place, value):
        _check_slots(place, text, words)
    return value


def _words(place: _Place, value: Any) -> list[str]:
    for word in _strings(place, value):
        if re.search("[{}]", word):
            raise place.error("only alternatives have slots, a word does not", word)
    return value


def _strings(place: _Place, value: Any) -> list[str]:
    """Return the value if it is a list of strings that can stand in a tale."""
    if not isinstance(value, list) or not value:
        raise place.error("this must be a list of at least one string")
    for i, text in enumerate(value):
        if not isinstance(text, str):
            raise place.error(f"every item must be a string, not {text!r}")
        for pattern, advice in FAULTS.items():
            if found := re.search(pattern, text):
                raise place.error(found.expand(advice), text)
        if text in value[:i]:
            raise place.error("the same string is in this list twice", text, text)
    return value


def _check_slots(place: _Place, text: str, words: Mapping[str, Sequence[str]]) -> None:
    """Raise ValueError unless all slots of an alternative can be filled."""
    for slot in SLOT.findall(text):
        if slot == "trait":
            continue  # the plot says what it is
        if slot not in SLOTS:
            meant = LISTS[slot][0] if slot in LISTS else slot  # an {animal} is a {hero}
            advice = _advice(meant, [*SLOTS, "trait"], "{%s}")
            raise place.error(f"unknown slot {{{slot}}}: {advice}", text)
        filled_by, _ = SLOTS[slot]
        name = LIST_OF[filled_by]
        needed, given = 1 + LISTS[name].index(filled_by), len(words.get(name, ()))
        if given < needed:
            lists = "name_she and name_he" if name == "name" else name
            raise place.error(
                f"{{{slot}}} needs {('one word', 'two words')[needed - 1]} or more in "
                f"[slots] ({lists}), not {given}",
                text,
            )
    if stray := re.search(r"[{}]", SLOT.sub("", text)):
        raise place.error(f"a stray {stray[0]}: a slot looks like {{hero}}", text)


def _check_keys(place: _Place, table: Any, known: Collection[str]) -> None:
    if not isinstance(table, dict):
        raise place.error("this must be a table of keys and values")
    for key in table:
        if key not in known:
            raise place.key(key).error(f"unknown key: {_advice(key, known)}")


def _advice(name: str, known: Collection[str], form: str = "%s") -> str:
    if near := get_close_matches(name, known, n=1):
        return f"did you mean {form % near[0]}?"
    return f"use one of {', '.join(form % other for other in known)}"

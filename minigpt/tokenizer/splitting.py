"""Cut a text into the words within which GPT-2 merges bytes."""

import re
import unicodedata
from functools import cache

# GPT-2's pattern is written with \p{L}, \p{N} and Unicode's \s, which `re` lacks, so
# this is its ASCII half. `split_words` runs it over a stand-in for the text.
_WORD = re.compile(
    r"""'s|'t|'re|'ve|'m|'ll|'d"""  # the ends of I'm, we'll, ...
    r"""| ?[A-Za-z]+"""  # letters, with the space before them
    r"""| ?[0-9]+"""  # digits
    r"""| ?[^\sA-Za-z0-9]+"""  # whatever else leaves ink
    r"""|\s+(?!\S)|\s+""",  # spaces, but the last goes with the word after it
    re.ASCII,
)


def split_words(text: str) -> list[str]:
    r"""Return the words of the text, spaces included: joined they are the text.

    Characters that Python's Unicode tables do not know yet count as punctuation.
    Source: `encoder.py` of GPT-2 (Radford et al., 2019).

    >>> split_words("We'll see:  42 crows!\n")
    ['We', "'ll", ' see', ':', ' ', ' 42', ' crows', '!', '\n']
    """
    stand_in = text if text.isascii() else "".join(map(_stand_in, text))
    return [text[m.start() : m.end()] for m in _WORD.finditer(stand_in)]


@cache
def _stand_in(character: str) -> str:
    """Return an ASCII character of the same kind: letter, number, space or other."""
    if character.isascii():
        return character
    kind = unicodedata.category(character)[0]
    if kind == "Z" or character == "\x85":
        return "\t"
    return {"L": "a", "N": "0"}.get(kind, ".")

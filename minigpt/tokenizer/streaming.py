"""Turn ids into text while they are still coming."""

from collections.abc import Iterable, Iterator

from minigpt.tokenizer.base import Tokenizer

UNREADABLE = "\N{REPLACEMENT CHARACTER}"


def stream_text(tokenizer: Tokenizer, ids: Iterable[int]) -> Iterator[str]:
    """Yield the text of the ids piece by piece, each as soon as it is certain.

    Joined, the pieces are `tokenizer.decode(ids)`. A byte-pair token may end in the
    middle of a character; the piece then waits for the rest of the character.
    """
    waiting: list[int] = []
    shown = 0
    for i in ids:
        waiting.append(i)
        text = tokenizer.decode(waiting)
        # Only a last character that is unreadable so far can change with more bytes.
        certain = len(text.removesuffix(UNREADABLE))
        if certain > shown:
            yield text[shown:certain]
        shown = certain
        if certain == len(text):
            waiting, shown = [], 0
    if waiting:
        yield tokenizer.decode(waiting)[shown:]

"""Decode ids one by one while they are generated."""

from collections.abc import Iterable, Iterator

from minigpt.tokenizer.base import Tokenizer

UNREADABLE = "\N{REPLACEMENT CHARACTER}"


def stream_text(tokenizer: Tokenizer, ids: Iterable[int]) -> Iterator[str]:
    """Yield the text of the ids piece by piece, as soon as each piece is certain.

    The pieces together are `tokenizer.decode(ids)`. A byte-pair token may end in the
    middle of a character; its piece is then held back until the character is complete.

    Args:
        ids: any one-dimensional integers, or an iterator that generates them.
    """
    waiting: list[int] = []
    shown = 0
    for i in ids:
        waiting.append(i)
        text = tokenizer.decode(waiting)
        # Only an incomplete last character can change when more bytes follow.
        certain = len(text.removesuffix(UNREADABLE))
        if certain > shown:
            yield text[shown:certain]
        shown = certain
        if certain == len(text):
            waiting, shown = [], 0
    if waiting:
        yield tokenizer.decode(waiting)[shown:]

"""Measure how much of a text stands in another one already, or in itself.

Works on strings, so on any model's text, whatever its tokens are.
"""

from collections.abc import Sequence


def copied_lengths(text: str, source: str) -> list[int]:
    """Return, for each position, how many characters from there on stand in `source`.

    The run that starts at a position is the longest one that `source` holds as it is,
    anywhere. Takes about a millisecond a character for a source of a megabyte.

    >>> copied_lengths("the cat", "a fat hat, the end")
    [4, 3, 2, 1, 0, 2, 1]
    """
    lengths = []
    length = 0
    for start in range(len(text)):
        # What is copied from here on, less one, is copied from the next one on.
        length = max(length - 1, 0)
        while start + length < len(text) and text[start : start + length + 1] in source:
            length += 1
        lengths.append(length)
    return lengths


def longest_copy(text: str, source: str) -> str:
    """Return the longest run of characters of `text` that stands in `source`.

    Of equally long ones it is the first; "" if they share no character.

    >>> longest_copy("the cat", "a fat hat, the end")
    'the '
    """
    lengths = copied_lengths(text, source)
    length = max(lengths, default=0)
    start = lengths.index(length) if length else 0
    return text[start : start + length]


def whole_runs(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Return (start, length) of the runs of `copied_lengths` that no other holds.

    >>> whole_runs([4, 3, 2, 1, 0, 2, 1])
    [(0, 4), (5, 2)]
    """
    return [
        (start, length)
        for start, length in enumerate(lengths)
        if length and (start == 0 or lengths[start - 1] <= length)
    ]


def repeated_share(text: str, window: int = 12) -> float:
    """Return the share of the text's windows of characters that it held before.

    0 is a text that never repeats a run of `window` characters; a text that goes round
    and round comes close to 1.

    Raises:
        ValueError: the window is empty, or longer than the text.

    >>> repeated_share("ab ab ab ab ab", window=3)
    0.75
    """
    if not 1 <= window <= len(text):
        raise ValueError(
            f"the window must be from 1 to the text's {len(text)} characters, "
            f"not {window}"
        )
    seen: set[str] = set()
    repeated = 0
    windows = len(text) - window + 1
    for start in range(windows):
        piece = text[start : start + window]
        repeated += piece in seen
        seen.add(piece)
    return repeated / windows

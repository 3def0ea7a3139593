"""Measure how much of a text was copied from another, and how much it repeats itself.

All functions work on strings, so they fit any model, whatever its tokens are.
"""

from collections.abc import Sequence


def copied_lengths(text: str, source: str) -> list[int]:
    """Return for each position of `text` the longest match that starts there.

    A match is a run of characters that occurs anywhere in `source`; its length is 0 if
    not even the first character does. With a source of a megabyte this takes about a
    millisecond per character.

    >>> copied_lengths("the cat", "a fat hat, the end")
    [4, 3, 2, 1, 0, 2, 1]
    """
    lengths = []
    length = 0
    for start in range(len(text)):
        # A match without its first character is a match at the next position.
        length = max(length - 1, 0)
        where = 0  # a longer match can't begin before the first shorter one
        while start + length < len(text):
            where = source.find(text[start : start + length + 1], where)
            if where < 0:
                break
            length += 1
        lengths.append(length)
    return lengths


def longest_copy(text: str, source: str) -> str:
    """Return the longest substring of `text` that occurs in `source`.

    If several are equally long, the first is returned; "" if no character matches.

    >>> longest_copy("the cat", "a fat hat, the end")
    'the '
    """
    lengths = copied_lengths(text, source)
    length = max(lengths, default=0)
    start = lengths.index(length) if length else 0
    return text[start : start + length]


def maximal_runs(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Return (start, length) of each match that lies inside no longer match.

    Args:
        lengths: from `copied_lengths`.

    >>> maximal_runs([4, 3, 2, 1, 0, 2, 1])
    [(0, 4), (5, 2)]
    """
    return [
        (start, length)
        for start, length in enumerate(lengths)
        if length and (start == 0 or lengths[start - 1] <= length)
    ]


def longest_loop(items: Sequence[object], longest: int = 300) -> tuple[int, int, int]:
    """Return the longest stretch that goes round in a circle: start, period, length.

    In the stretch every item equals the one a period before it, and it holds at least
    three rounds; (0, 0, 0) if there is none. The period is the shortest possible one.

    Args:
        items: a text or a sequence of ids.
        longest: the longest period that is tried.

    >>> longest_loop("so it goes it goes it goes")
    (2, 8, 24)
    """
    best = (0, 0, 0)
    for period in range(1, min(longest, len(items) // 3) + 1):
        run = 0
        for end in range(period, len(items)):
            run = run + 1 if items[end] == items[end - period] else 0
            length = run + period
            if length >= 3 * period and length > best[2]:
                best = (end + 1 - length, period, length)
    return best


def repeated_share(text: str, window: int = 12) -> float:
    """Return the fraction of windows that already occurred earlier in the text.

    A window is a run of `window` characters; one starts at every position. The result
    is 0 if no window repeats, and close to 1 for a text that goes round in circles.

    Raises:
        ValueError: `window` is below 1 or longer than the text.

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

"""The measures of copied and of repeated text agree with their definitions."""

import doctest
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigpt.course import overlap
from minigpt.course.overlap import (
    copied_lengths,
    longest_copy,
    longest_loop,
    maximal_runs,
    repeated_share,
)
from minigpt.data import read_text
from minigpt.paths import TEXTS

examples = settings(deadline=None)
short_texts = st.text(alphabet="abc ", max_size=30)


def lengths_by_definition(text: str, source: str) -> list[int]:
    """For each position the longest run that `source` holds, tried out one by one."""
    return [
        max(
            n for n in range(len(text) - start + 1) if text[start : start + n] in source
        )
        for start in range(len(text))
    ]


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(overlap).failed == 0


@examples
@given(short_texts, short_texts)
def test_copied_lengths_are_what_they_say(text, source):
    assert copied_lengths(text, source) == lengths_by_definition(text, source)


@examples
@given(short_texts, short_texts)
def test_longest_copy_stands_in_both_and_none_is_longer(text, source):
    copy = longest_copy(text, source)
    assert copy in text and copy in source
    assert len(copy) == max(lengths_by_definition(text, source), default=0)


def test_the_longest_loop_is_found_with_its_shortest_period():
    assert longest_loop([7, 1, 2, 1, 2, 1, 2, 1, 9]) == (1, 2, 7)
    assert longest_loop("aaaa") == (0, 1, 4)
    assert longest_loop("no no") == longest_loop("") == (0, 0, 0)
    assert longest_loop("x" + 3 * "abcd", longest=3) == (0, 0, 0)


@examples
@given(short_texts)
def test_a_loop_holds_three_rounds(text):
    start, period, length = longest_loop(text)
    stretch = text[start : start + length]
    assert len(stretch) == length >= 3 * period
    assert stretch[period:] == stretch[: length - period]


@examples
@given(short_texts, short_texts)
def test_maximal_runs_cover_every_copied_character(text, source):
    lengths = copied_lengths(text, source)
    covered = {i for start, n in maximal_runs(lengths) for i in range(start, start + n)}
    assert covered == {i for i, n in enumerate(lengths) if n}
    ends = [start + n for start, n in maximal_runs(lengths)]
    assert ends == sorted(set(ends)), "no run lies within another"


@pytest.mark.parametrize(
    ("text", "source", "copy"),
    [
        ("", "abc", ""),
        ("abc", "", ""),
        ("xyz", "abc", ""),
        ("abc", "abc", "abc"),
        ("лиса и луна", "и лиса", "лиса"),
        ("ab\ncd", "b\nc", "b\nc"),
    ],
)
def test_longest_copy_at_the_edges(text, source, copy):
    assert longest_copy(text, source) == copy


def test_a_piece_of_the_fables_is_found_whole_and_soon():
    fables = read_text(TEXTS / "fables.txt")
    start = time.perf_counter()
    assert (
        longest_copy(fables[500_000:501_000] + "~", fables) == fables[500_000:501_000]
    )
    assert time.perf_counter() - start < 10


@examples
@given(st.text(alphabet="ab", min_size=4, max_size=40), st.integers(1, 4))
def test_repeated_share_counts_windows_seen_before(text, window):
    windows = [text[i : i + window] for i in range(len(text) - window + 1)]
    expected = 1 - len(set(windows)) / len(windows)
    assert repeated_share(text, window) == pytest.approx(expected)


@pytest.mark.parametrize(("text", "window"), [("abc", 4), ("", 1), ("abc", 0)])
def test_a_window_that_does_not_fit_is_refused(text, window):
    with pytest.raises(ValueError, match="the window must be from 1 to the text's"):
        repeated_share(text, window)

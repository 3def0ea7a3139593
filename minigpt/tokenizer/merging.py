"""Find the pair of neighbours that comes most often, merge it, and again.

Sources: Gage (1994) for the algorithm, Sennrich et al. (2016) for words.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

Pair = tuple[int, int]
# A word as the ids it is made of, and how often it comes in the text.
Word = tuple[Sequence[int], int]


def count_pairs(words: Iterable[Word]) -> Counter[Pair]:
    """Return how often each pair of neighbours comes in the words.

    >>> count_pairs([([1, 2, 1, 2], 10), ([2, 1], 1)])
    Counter({(1, 2): 20, (2, 1): 11})
    """
    counts: Counter[Pair] = Counter()
    for ids, count in words:
        for pair in pairwise(ids):
            counts[pair] += count
    return counts


def most_frequent(counts: Counter[Pair]) -> Pair:
    """Return the pair with the highest count, and of equals the one of lowest ids.

    >>> most_frequent(Counter({(7, 1): 5, (2, 9): 5, (2, 3): 4}))
    (2, 9)

    Raises:
        ValueError: there are no pairs.
    """
    highest = max(counts.values())
    return min(pair for pair, count in counts.items() if count == highest)


def merge_pair(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """Return the ids with a new id wherever the pair stood, from left to right.

    >>> merge_pair([1, 2, 3, 1, 2], (1, 2), 9)
    [9, 3, 9]
    >>> merge_pair([1, 1, 1], (1, 1), 9)
    [9, 1]
    """
    first, second = pair
    merged: list[int] = []
    for i in ids:
        if i == second and merged and merged[-1] == first:
            merged[-1] = new_id
        else:
            merged.append(i)
    return merged


def learn_merges(words: Iterable[Word], n_merges: int, first_id: int) -> list[Pair]:
    """Return the pairs to merge, in order; first_id is the id of the first merge.

    There are fewer than n_merges if every word has become a single id before. The
    pairs are counted once and then kept up to date: a merge looks only at the words
    that hold its pair.

    >>> learn_merges([([1, 2, 1, 2], 10), ([2, 1], 1)], n_merges=9, first_id=3)
    [(1, 2), (3, 3), (2, 1)]
    """
    words = list(words)
    counts = count_pairs(words)
    holders: defaultdict[Pair, set[int]] = defaultdict(set)
    for index, (ids, _) in enumerate(words):
        for pair in pairwise(ids):
            holders[pair].add(index)
    merges: list[Pair] = []
    while counts and len(merges) < n_merges:
        pair = most_frequent(counts)
        new_id = first_id + len(merges)
        merges.append(pair)
        for index in holders.pop(pair):
            ids, count = words[index]
            merged = merge_pair(ids, pair, new_id)
            words[index] = merged, count
            for old, new in _changed_pairs(merged, pair, new_id):
                _subtract(counts, old, count)
                counts[new] += count
                holders[new].add(index)
        counts.pop(pair, None)
    return merges


def _changed_pairs(
    merged: Sequence[int], pair: Pair, new_id: int
) -> Iterator[tuple[Pair, Pair]]:
    """Yield each pair that holds the new id, what it was before the merge first."""
    first, second = pair
    for left, right in pairwise(merged):
        if new_id in (left, right):
            old_left = second if left == new_id else left
            old_right = first if right == new_id else right
            yield (old_left, old_right), (left, right)


def _subtract(counts: Counter[Pair], pair: Pair, count: int) -> None:
    counts[pair] -= count
    if not counts[pair]:
        del counts[pair]

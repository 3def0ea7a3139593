"""Find how this machine multiplies a few positions with a matrix the fastest."""

from functools import lru_cache
from timeit import repeat

import numpy as np

from minigpt.decoding.threads import one_thread


def stack_of(rows: int, channels: int) -> int:
    """Return how many of `rows` positions to multiply at a time: 1, 8 or all of them.

    Libraries differ. OpenBLAS, which comes with NumPy, copies a matrix into another
    order before it multiplies, and spares itself that where it has a routine for a few
    rows: for a single one everywhere, for up to eight with AVX-512. So on one machine
    a stack of small products is the fastest way and on another the slowest.
    """
    # As many rows as the next power of two stand for all below: trying costs time too.
    return min(rows, _fastest(1 << (rows - 1).bit_length(), channels))


@lru_cache
def _fastest(rows: int, channels: int) -> int:
    sizes = sorted({min(size, rows) for size in (1, 8, rows)})
    with one_thread():
        return min(sizes, key=lambda size: _seconds(rows, size, channels))


def _seconds(rows: int, size: int, channels: int) -> float:
    positions = np.ones((rows // size, size, channels + 1), np.float32)
    matrix = np.ones((channels + 1, 4 * channels), np.float32)
    result = np.empty((*positions.shape[:-1], 4 * channels), np.float32)
    multiply = lambda: np.matmul(positions, matrix, out=result)  # noqa: E731
    return min(repeat(multiply, number=1, repeat=8))

"""Hold NumPy's products to one thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock

from threadpoolctl import (  # type: ignore[import-untyped]
    LibController,
    ThreadpoolController,
)


@lru_cache
def _libraries() -> list[LibController]:
    return ThreadpoolController().select(user_api="blas").lib_controllers


_lock = Lock()
_inside = 0
_before: list[int] = []


@contextmanager
def one_thread() -> Iterator[None]:
    """Run products on one thread inside, and restore what was set.

    Those of a few tokens are so small that a second thread hardly helps. Where another
    program keeps a core busy it is the second thread that everything waits for.

    Several threads may be inside: the last to leave restores.
    """
    global _inside, _before
    with _lock:
        if not _inside:
            _before = [library.get_num_threads() for library in _libraries()]
            for library in _libraries():
                library.set_num_threads(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                for library, threads in zip(_libraries(), _before, strict=True):
                    library.set_num_threads(threads)

"""Hold NumPy's products to one thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import (  # type: ignore[import-untyped]
    LibController,
    ThreadpoolController,
)


@lru_cache
def _libraries() -> list[LibController]:
    return ThreadpoolController().select(user_api="blas").lib_controllers


@contextmanager
def one_thread() -> Iterator[None]:
    """Run products on one thread inside, and restore what was set.

    Those of a few tokens are so small that a second thread hardly helps. Where another
    program keeps a core busy it is the second thread that everything waits for.
    """
    before = [library.get_num_threads() for library in _libraries()]
    try:
        for library in _libraries():
            library.set_num_threads(1)
        yield
    finally:
        for library, threads in zip(_libraries(), before, strict=True):
            library.set_num_threads(threads)

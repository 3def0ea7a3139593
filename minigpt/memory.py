"""Keep the memory of large tensors from one iteration to the next."""

import ctypes
import platform

# The options of mallopt, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_BLOCK = 32 * 2**20  # bytes; glibc accepts no larger threshold everywhere
LARGEST_REST = 2**30


def keep_memory() -> None:
    """Let this process keep what it frees, on Linux, instead of returning it.

    The logits of a batch and their gradient take 16 MB each. The system would have to
    find and clear this memory again in every iteration, page by page.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)
        libc.mallopt(M_TRIM_THRESHOLD, LARGEST_REST)

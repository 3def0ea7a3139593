"""Limit how often side work is done, and how much of the time it takes."""

import time
from collections.abc import Callable


class Throttle:
    """Calls a function when it is due again, and otherwise does nothing.

    Args:
        interval: the shortest time between two calls, in seconds.
        fraction: of the time that passes, the calls take at most this much.
    """

    def __init__(self, interval: float, fraction: float = 1.0) -> None:
        self.interval, self.fraction = interval, fraction
        self._next = 0.0

    def __call__(self, work: Callable[[], object]) -> None:
        """Call `work` if it is due."""
        began = time.perf_counter()
        if began < self._next:
            return
        work()
        ended = time.perf_counter()
        pause = (ended - began) * (1 / self.fraction - 1)
        self._next = ended + max(self.interval, pause)

    def postpone(self) -> None:
        """Let one interval pass before it is due."""
        self._next = time.perf_counter() + self.interval

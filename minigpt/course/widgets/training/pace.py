"""Keep what is asked of a thread, and keep what it does beside its work small."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")

PATIENCE = 0.1  # seconds between two looks at the gate while something else is awaited


class Stopped(Exception):
    """The reader has asked to stop before there was anything to keep."""


class Gate:
    """What a panel asks of its thread: hold on, go on, or stop.

    The panel's callbacks and the thread share this and nothing else.
    """

    def __init__(self) -> None:
        self._open = threading.Event()
        self._stop = threading.Event()
        self._asking = threading.Lock()
        self._waited = 0.0
        self._open.set()

    def hold(self) -> None:
        """Ask the thread to wait at its next look at the gate, unless it has to end."""
        with self._asking:
            if not self.stopped:
                self._open.clear()

    def go_on(self) -> None:
        """Let a waiting thread go on."""
        self._open.set()

    def stop(self) -> None:
        """Ask the thread to end, also if it waits."""
        with self._asking:
            self._stop.set()
            self._open.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    @property
    def open(self) -> bool:
        """Whether nothing is asked: the thread may work."""
        return self._open.is_set() and not self.stopped

    def wait(self) -> None:
        """Return as soon as the thread may go on or has to stop."""
        began = time.perf_counter()
        self._open.wait()
        self._waited += time.perf_counter() - began

    def clock(self) -> float:
        """Return the time in seconds, from any start; it stands still while waiting."""
        return time.perf_counter() - self._waited

    def check(self) -> None:
        """Wait while on hold; raise Stopped if the thread has to stop."""
        self.wait()
        if self.stopped:
            raise Stopped


def patiently(work: Callable[[], Result], gate: Gate) -> Result:
    """Return what `work` returns, or raise Stopped while it is still at it.

    For work that can't look at the gate itself, such as a download. Work left behind
    ends by itself, and nobody looks at its result.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(PATIENCE)
        gate.check()
    if errors:
        raise errors[0]
    return results[0]


class Pace:
    """Says when something may be done again, so that it takes a small share of time.

    Args:
        interval: seconds from one time to the next, at least.
        share: of the time that passes, at most this much goes into it.
    """

    def __init__(self, interval: float, share: float) -> None:
        self.interval = interval
        self.share = share
        self.spent = 0.0
        self._next = 0.0

    @property
    def due(self) -> bool:
        return time.perf_counter() >= self._next

    def put_off(self) -> None:
        """Let an interval pass before it is due."""
        self._next = time.perf_counter() + self.interval

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the time that the block takes, and set the next one's time by it."""
        began = time.perf_counter()
        try:
            yield
        finally:
            now = time.perf_counter()
            self.spent += now - began
            self._next = now + max(self.interval, (now - began) / self.share)

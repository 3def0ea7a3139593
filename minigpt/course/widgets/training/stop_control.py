"""Let a panel ask the thread that trains to pause, to continue or to stop."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

Result = TypeVar("Result")

PATIENCE = 0.1  # seconds between two checks while waiting for something else


class Stopped(Exception):
    """Raised in the thread when it is asked to stop before there is a model."""


class StopControl:
    """What a panel asks of its thread; they share nothing else."""

    def __init__(self) -> None:
        self._running, self._stop = threading.Event(), threading.Event()
        self._running.set()
        self.pause, self.resume = self._running.clear, self._running.set
        self.stop = self._stop.set

    @property
    def asked(self) -> str:
        """What the thread has to do, "Stopping" or "Pausing"; "" if nothing."""
        if self._stop.is_set():
            return "Stopping"
        return "" if self._running.is_set() else "Pausing"

    def wait(self) -> None:
        """Wait while paused; raise Stopped if the thread has to end."""
        while self.asked == "Pausing":
            self._running.wait(PATIENCE)
        if self.asked:
            raise Stopped

    def run(self, work: Callable[[], Result]) -> Result:
        """Return the result of `work`, or raise Stopped without waiting for its end.

        This is for work that cannot be interrupted, such as a download: what is left
        behind runs to its end in a thread of its own, and its result is ignored.
        """
        future: Future[Result] = Future()

        def call() -> None:
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=call, daemon=True).start()
        while wait([future], PATIENCE).not_done:
            self.wait()
        self.wait()
        return future.result()

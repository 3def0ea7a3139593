"""Show a text while it is written, and drop it as soon as another one is wanted."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

SLICE = 0.01  # seconds of writing after which the event loop gets its turn
BETWEEN_VIEWS = 0.04  # seconds

Part = TypeVar("Part")


class Stream(Generic[Part]):
    """Writes one text at a time, part by part: the one that was started last.

    Where an event loop runs, as in a notebook, a task writes the text in short slices,
    between which the loop can handle a moved slider. The task of an older text ends at
    its next slice and shows nothing any more, even if it runs in another thread's
    loop. Without a loop the whole text is written at once.

    Attributes:
        turn: the number of the newest text.
        lock: held while a part of a text is shown.
    """

    def __init__(self, fail: Callable[[Exception], None]) -> None:
        self.fail = fail
        self.turn = 0  # a task whose turn is over stops
        self.lock = threading.RLock()
        self._task: asyncio.Task[None] | None = None

    def start(
        self, parts: Iterator[Part], show: Callable[[list[Part], bool], None]
    ) -> None:
        """Write a text, and drop the one before it.

        `show` is called with the parts so far and whether the text is complete: after
        the first part at once, then several times a second.
        """
        turn = self.drop()
        slices = self._slices(turn, parts, show)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            for _ in slices:
                pass
        else:
            self._task = loop.create_task(_run(slices))

    def drop(self) -> int:
        """Stop writing; return the turn of the next text."""
        with self.lock:
            self.turn += 1
            return self.turn

    @property
    def writing(self) -> bool:
        """Whether a text is still growing."""
        return self._task is not None and not self._task.done()

    def _slices(
        self, turn: int, parts: Iterator[Part], show: Callable[[list[Part], bool], None]
    ) -> Iterator[None]:
        """Write and show a text, and yield after each slice."""
        written: list[Part] = []
        shown = began = -float("inf")

        def show_if_newest(whole: bool) -> None:
            # Under the lock, so that an older text never covers a newer one.
            with self.lock:
                if turn == self.turn:
                    show(list(written), whole)

        try:
            for part in parts:
                written.append(part)
                now = time.perf_counter()
                if now - shown >= BETWEEN_VIEWS:
                    show_if_newest(whole=False)
                    shown = time.perf_counter()
                if now - began >= SLICE:
                    yield
                    began = time.perf_counter()
                if turn != self.turn:
                    return
            show_if_newest(whole=True)
        except Exception as error:  # a learner may have changed parts of the model
            if turn == self.turn:
                self.fail(error)


async def _run(slices: Iterator[None]) -> None:
    for _ in slices:
        await asyncio.sleep(0)

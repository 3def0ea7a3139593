"""Show a text while it is written, and drop it as soon as another one is wanted."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

SLICE = 0.01  # seconds of writing after which others get their turn
BETWEEN_VIEWS = 0.04  # seconds

Show = Callable[[list[int], bool], None]  # (ids written so far, whether that is all)


class Stream:
    """Writes one text at a time: the one that was started last.

    Where an event loop runs, as in a notebook, the text grows in a task of it, in
    small slices between which a moved slider is heard. The task of an older text ends
    at its next slice and shows nothing any more, in whichever thread's loop it runs.
    Without a loop the whole text is written at once.
    """

    def __init__(self, fail: Callable[[Exception], None]) -> None:
        self.fail = fail
        self.turn = 0
        self._lock = threading.RLock()
        self._task: asyncio.Task[None] | None = None

    def start(self, ids: Iterator[int], show: Show) -> None:
        """Write the ids, and drop what was under way.

        `show` gets the ids so far: the first at once, then several times a second.
        """
        with self._lock:
            self.turn += 1
            turn = self.turn
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            for _ in self._slices(turn, ids, show):
                pass
        else:
            self._task = loop.create_task(self._write(turn, ids, show))

    def drop(self) -> None:
        """Stop writing."""
        with self._lock:
            self.turn += 1

    @property
    def writing(self) -> bool:
        """Whether a text is still growing."""
        return self._task is not None and not self._task.done()

    async def _write(self, turn: int, ids: Iterator[int], show: Show) -> None:
        for _ in self._slices(turn, ids, show):
            await asyncio.sleep(0)

    def _slices(self, turn: int, ids: Iterator[int], show: Show) -> Iterator[None]:
        """Write and show; yield whenever others should have their turn."""
        written: list[int] = []
        shown = began = -float("inf")
        try:
            while turn == self.turn and (i := next(ids, None)) is not None:
                written.append(i)
                now = time.perf_counter()
                if now - shown >= BETWEEN_VIEWS:
                    self._show(turn, show, written, False)
                    shown = time.perf_counter()
                if now - began >= SLICE:
                    yield
                    began = time.perf_counter()
            self._show(turn, show, written, True)
        except Exception as error:  # a model may have parts that a learner wrote
            if turn == self.turn:
                self.fail(error)

    def _show(self, turn: int, show: Show, written: list[int], whole: bool) -> None:
        # Under the lock, so that an older text never covers a newer one.
        with self._lock:
            if turn == self.turn:
                show(list(written), whole)

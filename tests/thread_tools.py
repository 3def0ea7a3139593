"""Do things at the same moment, as a cell and the buttons of a panel may."""

import threading
from collections.abc import Callable

WAIT = 60  # seconds until something has surely gone wrong


def at_once(*calls: Callable[[], object]) -> None:
    """Make each call in a thread of its own, and wait for all of them."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)

"""Choose how many threads to train with, while training."""

import torch

from minigpt.training import Step


class ThreadChoice:
    """Use all of PyTorch's threads or a single one, whichever trains faster now.

    After every product all threads wait for the slowest. Beside other programs that
    are busy, one of the threads is often late, and then a single thread is several
    times as fast as all of them. So both are timed every now and then.
    """

    EVERY = 60  # iterations between two trials, so that these cost about one percent
    FIRST = 2  # the first iteration of a run is slow for other reasons

    def __init__(self) -> None:
        self.all = torch.get_num_threads()
        self._speed: dict[int, float] = {}  # tokens per second, by number of threads

    def after(self, step: Step) -> None:
        """Set the number of threads for the iteration that follows this step."""
        self._speed[torch.get_num_threads()] = step.tokens / step.seconds
        turn = step.iteration % self.EVERY - self.FIRST
        if turn == 0:
            torch.set_num_threads(self.all)
        elif turn == 1:
            torch.set_num_threads(1)
        elif turn == 2:
            torch.set_num_threads(max(self._speed, key=self._speed.__getitem__))

    def restore(self) -> None:
        """Use all threads again."""
        torch.set_num_threads(self.all)

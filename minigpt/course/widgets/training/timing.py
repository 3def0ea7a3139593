"""See how fast this machine trains a model, and with how many threads."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace

import torch

from minigpt.config import TrainConfig
from minigpt.course.widgets.training.pace import Gate
from minigpt.data import Dataset
from minigpt.model import GPT
from minigpt.training import evaluation, train

# Small batches, so that an evaluation can be left within a fraction of a second.
EVAL_TOKENS = 1024
TRIAL_SECONDS, MOST_TRIALS = 1.0, 40
WARM = 2  # iterations, slower than those after them


def time_iteration(
    model: GPT, dataset: Dataset, config: TrainConfig, gate: Gate
) -> float:
    """Return the seconds that an iteration takes once warm, tried on a copy.

    Raises:
        ValueError: the text is too short.
        Stopped: the gate asks for it.
    """
    endless = replace(config, max_iters=10**6, eval_interval=10**6)
    copy, seconds, began = deepcopy(model), [], gate.clock()
    for step in train(copy, dataset.train_ids, dataset.val_ids, endless):
        seconds.append(step.seconds)
        gate.check()
        tried = gate.clock() - began > TRIAL_SECONDS and len(seconds) > WARM
        if tried or len(seconds) == MOST_TRIALS:
            break
    return statistics.median(seconds[WARM:])


def time_evaluation(model: GPT, dataset: Dataset) -> float:
    """Return the seconds that an evaluation of the whole validation text takes."""
    ids, times = dataset.val_ids, []
    some = ids[: EVAL_TOKENS + 1]
    for _ in range(4):
        began = time.perf_counter()
        sum(evaluation(model, some, EVAL_TOKENS))
        times.append(time.perf_counter() - began)
    # The least: the first is cold, and other programs only ever make it slower.
    return min(times) * len(ids) / len(some)


@contextmanager
def threads_restored() -> Iterator[None]:
    """Give torch the number of threads back that it had, when the block ends."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def choose_threads(
    model: GPT, dataset: Dataset, config: TrainConfig, gate: Gate
) -> int:
    """Let torch use all its threads or half of them, whichever trains faster now.

    Threads wait for each other at every product. Where a browser or another program
    keeps a core busy, all of them wait for the one that has to share it.
    """
    most = torch.get_num_threads()
    seconds: dict[int, float] = {}
    for threads in (most // 2, most) if most > 1 else ():
        torch.set_num_threads(threads)
        seconds[threads] = time_iteration(model, dataset, config, gate)
    best = min(seconds, key=lambda n: seconds[n], default=most)
    torch.set_num_threads(best)
    return best

"""Decide how large the learning rate is, when to evaluate, and when a run ends."""

import math
import time

from minigpt.config import TrainConfig


def decay_multiplier(progress: float, config: TrainConfig) -> float:
    """Return the decay, from 1 to `config.min_lr_ratio`, at a progress from 0 to 1."""
    remaining = {
        "cosine": 0.5 * (1 + math.cos(math.pi * progress)),
        "linear": 1 - progress,
        "constant": 1.0,
    }[config.schedule]
    return config.min_lr_ratio + (1 - config.min_lr_ratio) * remaining


def lr_multiplier(iteration: int, config: TrainConfig) -> float:
    """Return the factor on the peak learning rate in iteration 0, 1, 2 and so on.

    It rises linearly during the warm-up and then follows `config.schedule`.
    """
    if iteration < config.warmup_iters:
        return (iteration + 1) / config.warmup_iters
    decay_iters = max(config.max_iters - config.warmup_iters, 1)
    progress = min((iteration - config.warmup_iters) / decay_iters, 1.0)
    return decay_multiplier(progress, config)


class Schedule:
    """Decide by iterations when a run ends and what its learning rate is.

    `ClockSchedule` decides by the time instead.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def lr_multiplier(self, iteration: int) -> float:
        """Return the factor on the peak learning rate in iteration 0, 1, 2, ..."""
        return lr_multiplier(iteration, self.config)

    def progress(self, iterations: int) -> float:
        """Return the fraction of the run that is done after that many iterations."""
        return min(iterations / self.config.max_iters, 1.0)

    def finished(self, iterations: int) -> bool:
        """Return whether the run ends after that many iterations."""
        return self.progress(iterations) >= 1

    def evaluation_due(self, iterations: int) -> bool:
        """Return whether to evaluate after that many iterations."""
        at_interval = iterations % self.config.eval_interval == 0
        return at_interval or self.finished(iterations)


class Clock:
    """A stopwatch that can be stopped and started again."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._before = seconds
        self._started: float | None = None

    @property
    def seconds(self) -> float:
        """How long it has run, in seconds."""
        started = self._started
        running = 0.0 if started is None else time.perf_counter() - started
        return self._before + running

    def start(self) -> None:
        """Run, from now on."""
        if self._started is None:
            self._started = time.perf_counter()

    def stop(self) -> None:
        """Stand still, from now on."""
        self._before, self._started = self.seconds, None


class ClockSchedule(Schedule):
    """Decide by the time that a run has used of its `config.minutes`.

    Evaluations take about a tenth of the time at most. The last one is reserved: the
    run ends early enough for it.
    """

    WARMUP = 0.1  # of the time at most, on machines too slow for `warmup_iters`
    MOST_EVALUATIONS, EVALUATION_FRACTION = 20, 0.1

    def __init__(self, config: TrainConfig, clock: Clock) -> None:
        super().__init__(config)
        self.clock, self.budget = clock, 60 * config.minutes
        self._evaluation_seconds = 0.0
        self._next_evaluation = clock.seconds + self.budget / self.MOST_EVALUATIONS

    def progress(self, iterations: int) -> float:
        """Return the fraction of the time for training that has passed."""
        available = max(self.budget - self._evaluation_seconds, 1e-3)
        return min(self.clock.seconds / available, 1.0)

    def lr_multiplier(self, iteration: int) -> float:
        """Return the factor on the peak learning rate in iteration 0, 1, 2, ..."""
        progress = self.progress(iteration)
        by_iterations = (iteration + 1) / max(self.config.warmup_iters, 1)
        warmup = min(max(by_iterations, progress / self.WARMUP), 1.0)
        return warmup * decay_multiplier(progress, self.config)

    def evaluation_due(self, iterations: int) -> bool:
        """Return whether it is time to evaluate."""
        return self.finished(iterations) or self.clock.seconds >= self._next_evaluation

    def evaluated(self, seconds: float) -> None:
        """Take note of an evaluation that took that long."""
        self._evaluation_seconds = seconds
        interval = self.budget / self.MOST_EVALUATIONS
        interval = max(interval, seconds / self.EVALUATION_FRACTION)
        self._next_evaluation = self.clock.seconds + interval

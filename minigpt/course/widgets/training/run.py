"""Hold a run: a model in training, how far it is, and how long it will take."""

import math
import statistics
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace

import torch

from minigpt.baselines import Baselines, baseline_losses
from minigpt.checkpoint import Checkpoint, TrainingState
from minigpt.config import TrainConfig
from minigpt.course.widgets.training.choices import Choice, opening, sizes
from minigpt.course.widgets.training.pace import Gate
from minigpt.course.widgets.training.timing import (
    EVAL_TOKENS,
    time_evaluation,
    time_iteration,
)
from minigpt.data import Dataset
from minigpt.device import find_device
from minigpt.model import GPT
from minigpt.optim import Optimizer, make_optimizer
from minigpt.training import Step, evaluation, train

FEWEST_EVALUATIONS, MOST_EVALUATIONS, EVAL_SHARE = 3, 20, 0.1
RECENT = 50  # iterations
REFIT = 1.1  # the smallest factor that a plan is changed by
FEWEST_ITERATIONS = 20


@dataclass
class Run:
    """A model in training.

    Attributes:
        start: how a sample of its text begins.
        iteration: updates made so far.
        steps: those made since the run was begun or taken up here.
        val_losses: (iteration, nats per token) of each evaluation so far.
        unmeasured: whether an evaluation that was due has been left.
        evaluation_seconds: how long the last one took.
        threads: how many of torch's it trains with; None for as many as are set.
    """

    dataset: Dataset
    baselines: Baselines
    start: str
    model: GPT
    config: TrainConfig
    optimizer: Optimizer
    iteration: int = 0
    steps: list[Step] = field(default_factory=list)
    val_losses: list[tuple[int, float]] = field(default_factory=list)
    unmeasured: bool = False
    evaluation_seconds: float = 0.0
    threads: int | None = None

    @property
    def finished(self) -> bool:
        """Whether all iterations are done."""
        return self.iteration >= self.config.max_iters

    def advance(self, gate: Gate) -> Iterator[Step]:
        """Yield the steps that are left, measured where that is due.

        An evaluation ends early, its step without `val_loss`, as soon as the gate
        closes, and is made up for when the run goes on.
        """
        if self.unmeasured:
            self.measure_end(gate)
        while not self.finished:
            config = self.config
            for step in self._train(config, gate):
                self.iteration = step.iteration
                self.steps.append(step)
                if step.val_loss is not None:
                    self.val_losses.append((step.iteration, step.val_loss))
                yield step
                if self.config is not config:
                    break  # refitted: go on from here by the new one

    def _train(self, config: TrainConfig, gate: Gate) -> Iterator[Step]:
        return train(
            self.model,
            self.dataset.train_ids,
            self.dataset.val_ids,
            config,
            optimizer=self.optimizer,
            start=self.iteration,
            measure=lambda model, ids: self._measure(gate),
        )

    def _measure(self, gate: Gate) -> float | None:
        ids, total, began = self.dataset.val_ids, 0.0, time.perf_counter()
        parts = evaluation(self.model, ids, EVAL_TOKENS)
        for part in parts:
            total += part
            if not gate.open:
                parts.close()  # type: ignore[attr-defined]
                self.unmeasured = True
                return None
        self.unmeasured = False
        self.evaluation_seconds = time.perf_counter() - began
        return total / (len(ids) - 1)

    def measure_end(self, gate: Gate) -> None:
        """Measure the model as it is now, unless that was done or the gate closes."""
        if self.val_losses and self.val_losses[-1][0] == self.iteration:
            return
        loss = self._measure(gate)
        if loss is not None:
            self.val_losses.append((self.iteration, loss))
            if self.steps:
                self.steps[-1] = replace(self.steps[-1], val_loss=loss)

    def refit(self, seconds: float) -> None:
        """Take on more iterations, or fewer, if the seconds left ask for it clearly.

        A machine may be faster or slower than it was when the run was planned.
        """
        recent = statistics.mean(step.seconds for step in self.steps[-RECENT:])
        # Until there is one: a token is measured in a third of the time of training.
        guess = recent * len(self.dataset.val_ids) / self.steps[-1].tokens / 3
        per_evaluation = self.evaluation_seconds or guess
        fitted = fit(self.config, self.iteration, seconds, recent, per_evaluation)
        change = fitted.max_iters / self.config.max_iters
        if not 1 / REFIT < change < REFIT:
            self.config = fitted

    def state(self) -> TrainingState:
        """Return what a checkpoint must hold so that the run can go on."""
        optimizer, done = self.optimizer.state_dict(), list(self.val_losses)
        return TrainingState(self.config, self.iteration, optimizer, done)

    def snapshot(self) -> Checkpoint:
        """Return the model as it is now, in a copy that further training leaves."""
        return Checkpoint(deepcopy(self.model).eval(), self.dataset.tokenizer, None)

    def extend(self, seconds: float, gate: Gate) -> None:
        """Give a finished run as many more iterations as fit into the seconds."""
        more = plan(self.model, self.dataset, self.config, seconds, gate)
        max_iters = self.iteration + more.max_iters
        self.config = replace(more, max_iters=max_iters)


def begin(choice: Choice, dataset: Dataset, content: str) -> Run:
    """Return a new run whose config does not know yet how long it will be.

    Raises:
        ValueError: the text has too few tokens.
    """
    shape, config = sizes()[choice.size]
    V = dataset.tokenizer.vocab_size
    known = baseline_losses(dataset.train_ids, dataset.val_ids, V)
    torch.manual_seed(config.seed)
    model = GPT(replace(shape, vocab_size=V)).to(find_device(config.device))
    start = opening(choice.text, content)
    return Run(dataset, known, start, model, config, make_optimizer(model, config))


def take_up(saved: Checkpoint, choice: Choice, dataset: Dataset, content: str) -> Run:
    """Return the run that was saved, to go on with the same text.

    Raises:
        ValueError: it was saved for writing only, or learned from another text.
    """
    state = saved.training
    if state is None:
        raise ValueError("the saved model cannot be trained on: train a new one")
    if saved.tokenizer.to_dict() != dataset.tokenizer.to_dict():
        raise ValueError(
            "the saved model learned from a text with other characters: choose that "
            "text to go on, or train a new model"
        )
    V = dataset.tokenizer.vocab_size
    known = baseline_losses(dataset.train_ids, dataset.val_ids, V)
    model = saved.model.to(find_device(state.config.device))
    optimizer = make_optimizer(model, state.config)
    optimizer.load_state_dict(state.optimizer)
    start = opening(choice.text, content)
    run = Run(dataset, known, start, model, state.config, optimizer)
    run.iteration, run.val_losses = state.iteration, list(state.val_losses)
    return run


def plan(
    model: GPT, dataset: Dataset, config: TrainConfig, seconds: float, gate: Gate
) -> TrainConfig:
    """Return the config with as many iterations as fit into the seconds here.

    A copy of the model is trained for a moment to see how fast this machine is. The
    whole schedule of the learning rate thus fits into the time.

    Raises:
        ValueError: the text is too short.
        Stopped: the gate asks for it.
    """
    began = gate.clock()
    per_iteration = time_iteration(model, dataset, config, gate)
    per_evaluation = time_evaluation(model, dataset)
    left = seconds - (gate.clock() - began)
    fitted = fit(config, 0, left, per_iteration, per_evaluation)
    warmup_iters = min(config.warmup_iters, fitted.max_iters // 10)
    return replace(fitted, warmup_iters=warmup_iters)


def fit(
    config: TrainConfig,
    done: int,
    seconds: float,
    per_iteration: float,
    per_evaluation: float,
) -> TrainConfig:
    """Return the config with what fits into the seconds left, after `done` iterations.

    A tenth of the time goes into evaluations, but there are a few in any case.
    """
    affordable = int(EVAL_SHARE * seconds / max(per_evaluation, 1e-6))
    evaluations = min(max(affordable, FEWEST_EVALUATIONS), MOST_EVALUATIONS)
    fitting = (seconds - evaluations * per_evaluation) / per_iteration
    more = max(int(fitting), FEWEST_ITERATIONS)
    eval_interval = math.ceil(more / evaluations)
    return replace(config, max_iters=done + more, eval_interval=eval_interval)

"""Begin a training run or resume a saved one, and save it without replacing another."""

import hashlib
import math
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from minigpt.checkpoint import TrainingState, load_checkpoint, peek, save_checkpoint
from minigpt.checkpoint_folder import FINAL, saved_in, set_aside
from minigpt.config import GPTConfig, Preset, TrainConfig, get_preset
from minigpt.data import Dataset
from minigpt.device import find_device
from minigpt.memory import keep_memory
from minigpt.model import GPT
from minigpt.optim import MuonAdamW, make_optimizer
from minigpt.schedule import Clock, ClockSchedule, Schedule
from minigpt.threads import ThreadChoice
from minigpt.training import Step, TrainingDiverged, evaluate, random_batch, train

# Above these a typing error is likelier than a machine that can do it.
MAX_PARAMETERS = 1_000_000_000
MAX_BATCH_TOKENS = 10_000_000

Config = TypeVar("Config", GPTConfig, TrainConfig)
Measure = Callable[[GPT, Tensor], float | None]


@dataclass
class Run:
    """A model in training, and how far it is.

    Attributes:
        run_id: names the run in its checkpoints; later runs sort last.
        iteration: number of updates so far.
        val_losses: (iteration, nats per token) of each evaluation so far.
        clock: time spent in `steps`, its consumer's work between two steps included.
        checkpoint: the file that was saved or resumed last.
        set_aside: the folder that another run's files were moved to, if there were any.
    """

    dataset: Dataset
    model: GPT
    config: TrainConfig
    optimizer: MuonAdamW
    run_id: str = field(default_factory=lambda: _new_id())
    iteration: int = 0
    val_losses: list[tuple[int, float]] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    checkpoint: Path | None = None
    set_aside: Path | None = None

    def __post_init__(self) -> None:
        self.text_id = text_id(self.dataset)
        self._saved: set[Path] = set()
        known = [self.checkpoint.absolute()] if self.checkpoint else []
        self._stamps = {path: _stamp(path) for path in known}
        self._plan()

    def _plan(self) -> None:
        config, clock = self.config, self.clock
        by_clock = config.minutes > 0
        self.schedule = ClockSchedule(config, clock) if by_clock else Schedule(config)
        self._start, self._seconds_before = self.iteration, clock.seconds
        self._progress_before = self.progress

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return next(self.model.parameters()).device

    @property
    def finished(self) -> bool:
        """Whether all iterations are done, or all minutes used."""
        return self.schedule.finished(self.iteration)

    @property
    def progress(self) -> float:
        """The fraction of the run that is done, from 0 to 1."""
        return self.schedule.progress(self.iteration)

    @property
    def seconds_left(self) -> float | None:
        """How many seconds the rest will take; None before the first iteration."""
        if self.iteration == self._start:
            return None
        done = self.progress - self._progress_before
        seconds = self.clock.seconds - self._seconds_before
        return (1 - self.progress) * seconds / max(done, 1e-9)

    def steps(self, measure: Measure | None = None) -> Iterator[Step]:
        """Yield the steps that are left, and keep count of them.

        Args:
            measure: computes the validation loss; None instead of a number leaves the
                evaluation for later. By default it is `evaluate`.
        """
        data, measured = self.dataset, measure or self.measure
        starts = data.starts(data.train_ids)
        threads = ThreadChoice()
        keep_memory()
        self.clock.start()
        try:
            for step in train(
                self.model,
                data.train_ids,
                data.val_ids,
                self.config,
                optimizer=self.optimizer,
                start=self.iteration,
                schedule=self.schedule,
                sample_batch=partial(random_batch, starts=starts),
                measure=lambda model, ids: self._timed(measured, model, ids),
            ):
                self.iteration = step.iteration
                self.record(step.val_loss)
                threads.after(step)
                yield step
        finally:
            threads.restore()
            self.clock.stop()

    def measure(self, model: GPT, ids: Tensor) -> float:
        """Return the loss of the model on ids of the dataset's text."""
        return evaluate(model, ids, starts=self.dataset.starts(ids))

    def _timed(self, measure: Measure, model: GPT, ids: Tensor) -> float | None:
        began = time.perf_counter()
        loss = measure(model, ids)
        if loss is not None and isinstance(self.schedule, ClockSchedule):
            self.schedule.evaluated(time.perf_counter() - began)
        return loss

    def record(self, val_loss: float | None) -> None:
        """Keep a validation loss of the model as it is now; None is not kept."""
        if val_loss is not None:
            self.val_losses.append((self.iteration, val_loss))

    def extend(self, minutes: float) -> None:
        """Let the run go on for that much longer than it has trained so far."""
        minutes += self.clock.seconds / 60
        self.config = replace(self.config, minutes=minutes)
        self._plan()

    def save(self, path: str | Path) -> None:
        """Write a checkpoint that the run can be resumed from.

        What another run has saved there is moved to a subfolder first, and so is what
        this run has saved beyond the iteration that it was resumed from.

        Raises:
            TrainingDiverged: the model is broken, so it is not worth keeping.
            OSError: the file cannot be written.
        """
        few = self.dataset.val_ids[: self.model.config.block_size + 1]
        if not math.isfinite(evaluate(self.model, few)):
            raise TrainingDiverged(
                f"the model is broken after iteration {self.iteration}: start again "
                f"with a learning rate below {self.config.learning_rate}"
            )
        path = Path(path).absolute()
        self._make_room(path)
        try:
            save_checkpoint(path, self.model, self.dataset.tokenizer, self.state())
        except BaseException:
            moved = self.set_aside and self.set_aside / path.name
            if moved and moved.exists() and not path.exists():
                os.replace(moved, path)
            raise
        self._stamps[path] = _stamp(path)
        self.checkpoint = path

    def _make_room(self, path: Path) -> None:
        folder, used = path.parent, self.set_aside
        first = folder not in {known.parent for known in self._saved}
        others = [p for p in saved_in(folder) if first and self._is_strange(p)]
        # Only what this run has written or resumed, and nobody else since, is replaced.
        if _stamp(path) not in (None, self._stamps.get(path)):
            others = [*{path, *others}]
        reusable = used if used and used.parent == folder else None
        self.set_aside = set_aside(others, reusable)
        self._saved.add(path)

    def _is_strange(self, path: Path) -> bool:
        """Return whether `--resume` could take a checkpoint for one of this run."""
        state = peek(path)
        if path.name == FINAL and (state is None or state.run_id < self.run_id):
            return False  # the last finished model stays until there is a new one
        own = state is not None and state.run_id == self.run_id
        return not own or (state is not None and state.iteration > self._start)

    def state(self) -> TrainingState:
        """Return what a checkpoint needs so that the run can be resumed from it."""
        # The last evaluation may take less time than was reserved for it.
        whole = 60 * self.config.minutes if self.finished else 0.0
        return TrainingState(
            config=self.config,
            iteration=self.iteration,
            optimizer=self.optimizer.state_dict(),
            val_losses=list(self.val_losses),
            run_id=self.run_id,
            text_id=self.text_id,
            seconds=max(self.clock.seconds, whole),
        )


def suitable_preset(dataset: Dataset) -> Preset:
    """Return the preset that trains a model of this text in a few minutes."""
    return get_preset("laptop" if dataset.entropy is None else "tales")


def begin(dataset: Dataset, shape: GPTConfig, config: TrainConfig) -> Run:
    """Return a new run, nothing trained yet; the vocabulary is that of the data.

    Raises:
        ValueError: the model or its batches are too large, or the text is too short.
    """
    shape = replace(shape, vocab_size=dataset.tokenizer.vocab_size)
    _check_sizes(dataset, shape, config)
    device = find_device(config.device)
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(config.seed)
        model = GPT(shape).to(device)
    return Run(dataset, model, config, make_optimizer(model, config))


def resume(dataset: Dataset, path: str | Path, changes: dict | None = None) -> Run:
    """Return the run that was saved at `path`.

    Args:
        changes: fields of `TrainConfig` to be replaced. With max_iters a run that was
            given minutes goes by iterations from now on.

    Raises:
        ValueError: the checkpoint cannot be trained on with this data.
    """
    path, changes = Path(path), changes or {}
    checkpoint = load_checkpoint(path)
    state, shape = checkpoint.training, checkpoint.model.config
    if state is None:
        raise ValueError(f"{path} was exported for generating only: start a new run")
    known = checkpoint.tokenizer.to_dict() == dataset.tokenizer.to_dict()
    if not known or state.text_id not in ("", text_id(dataset)):
        raise ValueError(
            f"{path} was trained on another {'text' if known else 'vocabulary'} than "
            "that of the data: prepare the text it was trained on, or start a new run"
        )
    if changed(shape, changes) != shape:
        raise ValueError(f"the model in {path} has another shape: start a new run")
    if "max_iters" in changes:
        changes = {"minutes": 0.0} | changes
    config = changed(state.config, changes)
    _check_sizes(dataset, shape, config)
    model = checkpoint.model.to(find_device(config.device))
    run = Run(
        dataset,
        model,
        config,
        make_optimizer(model, config),
        state.run_id or _new_id(),
        state.iteration,
        list(state.val_losses),
        Clock(state.seconds),
        path,
    )
    try:
        run.optimizer.load_state_dict(state.optimizer)
    except ValueError as error:
        raise ValueError(
            f"{path} was trained with another optimizer than {config.optimizer}, or by "
            "an earlier minigpt: start a new run"
        ) from error
    return run


def check_unfinished(run: Run) -> None:
    """Raise ValueError if a resumed run has nothing left to do.

    Killed between its last checkpoint and `model_final.pt`, it still has to save that.
    """
    path, config = run.checkpoint, run.config
    end = peek(path.with_name(FINAL)) if path else None
    ended = end is not None and end.run_id == run.run_id
    beyond = config.minutes or run.iteration > config.max_iters
    if run.finished and (ended or beyond):
        done = f"{config.max_iters:,} iterations: to go on, give a larger --max-iters"
        if config.minutes:
            done = f"{config.minutes:g} minutes: to go on, give a larger --minutes"
        raise ValueError(f"{path} has done all of its {done}")


def changed(config: Config, changes: dict) -> Config:
    """Return the config with those of the changes that are its fields."""
    own = {f.name for f in fields(config)}
    return replace(config, **{k: v for k, v in changes.items() if k in own})


def text_id(dataset: Dataset) -> str:
    """Return a hash of the training and validation ids."""
    digest = hashlib.sha256()
    for ids in dataset.train_ids, dataset.val_ids:
        digest.update(ids.numpy().astype("<u2").tobytes())
    return digest.hexdigest()[:16]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when somebody else writes the file; None without one."""
    with suppress(OSError):
        now = path.stat()
        return now.st_ino, now.st_size, now.st_mtime_ns
    return None


def _new_id() -> str:
    began = datetime.now(UTC).isoformat(timespec="microseconds")
    return f"{began} {secrets.token_hex(4)}"


def _check_sizes(dataset: Dataset, shape: GPTConfig, config: TrainConfig) -> None:
    """Raise ValueError if the text is too short, or the model or a batch too large."""
    C, T, learned = shape.n_embd, shape.block_size, len(dataset.train_ids)
    parameters = C * (shape.vocab_size + T + 12 * C * shape.n_layer)  # about
    tokens = config.batch_size * T
    if learned <= T:
        raise ValueError(
            f"the text has {learned:,} tokens to learn from, too few for a block of "
            f"{T:,} and the token after it: prepare a longer text, or choose a smaller "
            "--block-size"
        )
    if len(dataset.val_ids) < 2:
        raise ValueError(
            "the validation text, the last tenth, has fewer than two tokens: prepare a "
            "longer text"
        )
    if parameters > MAX_PARAMETERS:
        raise ValueError(
            f"the model would have about {parameters:.1g} parameters, and more than "
            f"{MAX_PARAMETERS:.0g} will not fit: choose a smaller --n-embd, --n-layer "
            "or --block-size"
        )
    if tokens > MAX_BATCH_TOKENS:
        raise ValueError(
            f"a batch would have {tokens:,} tokens, and more than "
            f"{MAX_BATCH_TOKENS:,} will not fit: choose a smaller --batch-size"
        )

"""Train a model on the prepared text: `minigpt train`."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import FrameType
from typing import TypeVar

import torch
from tqdm import tqdm

from minigpt.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from minigpt.config import GPTConfig, TrainConfig, get_preset
from minigpt.data import Dataset, load_dataset
from minigpt.distributed import World, process_group
from minigpt.files import CHECKPOINTS, DATA
from minigpt.model import GPT
from minigpt.optim import Optimizer, make_optimizer
from minigpt.training import Step, TrainingDiverged, find_device, train


Config = TypeVar("Config", GPTConfig, TrainConfig)


def run(
    preset: str | None = None,
    resume: str | None = None,
    data_dir: Path = DATA,
    out_dir: Path = CHECKPOINTS,
    quiet: bool = False,
    changes: dict | None = None,
) -> None:
    """Train from a preset, or go on from a checkpoint, with changes to its config."""
    dataset = load_dataset(data_dir)
    if resume is None:
        training = start(dataset, preset or "laptop", changes or {})
    elif preset is not None:
        raise ValueError("--resume keeps the preset of its checkpoint: leave one out")
    else:
        path = find_newest(out_dir) if resume == "newest" else Path(resume)
        training = go_on(dataset, path, changes or {})
    with process_group(training.device) as world:
        if world.rank == 0:
            lead(training, dataset, world, out_dir, quiet)
        else:
            follow(training, dataset, world)


@dataclass
class Training:
    """A run and how far it is."""

    model: GPT
    config: TrainConfig
    optimizer: Optimizer
    iteration: int = 0
    val_losses: list[tuple[int, float]] = field(default_factory=list)

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def steps(self, dataset: Dataset) -> Iterator[Step]:
        """Yield the steps that are left, keeping count of them."""
        for step in train(
            self.model,
            dataset.train_ids,
            dataset.val_ids,
            self.config,
            optimizer=self.optimizer,
            start=self.iteration,
        ):
            self.iteration = step.iteration
            if step.val_loss is not None:
                self.val_losses.append((step.iteration, step.val_loss))
            yield step


def start(dataset: Dataset, preset_name: str, changes: dict) -> Training:
    """Return a new run of that preset, fields in `changes` replaced."""
    preset = get_preset(preset_name)
    vocab_size = dataset.tokenizer.vocab_size
    model_config = _changed(replace(preset.model, vocab_size=vocab_size), changes)
    config = _changed(preset.training, changes)
    device = find_device(config.device)
    torch.manual_seed(config.seed)
    model = GPT(model_config).to(device)
    return Training(model, config, make_optimizer(model, config))


def go_on(dataset: Dataset, path: Path, changes: dict) -> Training:
    """Return the run that was saved at `path`, training fields in `changes` replaced.

    Raises:
        ValueError: the checkpoint cannot be trained on with this data.
    """
    checkpoint = load_checkpoint(path)
    state = checkpoint.training
    if state is None:
        raise ValueError(f"{path} was saved for writing only: start a new run")
    if checkpoint.tokenizer.to_dict() != dataset.tokenizer.to_dict():
        raise ValueError(
            f"{path} was trained with another vocabulary than that of the data: "
            "prepare the text it was trained on, or start a new run"
        )
    if _changed(checkpoint.model.config, changes) != checkpoint.model.config:
        raise ValueError(
            f"the shape of a trained model cannot change ({path}): start a new run"
        )
    config = _changed(state.config, changes)
    if state.iteration >= config.max_iters:
        raise ValueError(
            f"{path} has done all of its {config.max_iters} iterations: to go on, "
            "give a larger --max-iters"
        )
    model = checkpoint.model.to(find_device(config.device))
    optimizer = make_optimizer(model, config)
    optimizer.load_state_dict(state.optimizer)
    return Training(model, config, optimizer, state.iteration, list(state.val_losses))


def _changed(config: Config, changes: dict) -> Config:
    own = {f.name for f in fields(config)}
    return replace(config, **{k: v for k, v in changes.items() if k in own})


def find_newest(out_dir: Path) -> Path:
    """Return the checkpoint in `out_dir` that was written last.

    Raises:
        ValueError: there is none.
    """
    paths = list(out_dir.glob("model_*.pt"))
    if not paths:
        raise ValueError(f"there is no checkpoint in {out_dir} to go on from")
    return max(paths, key=lambda path: path.stat().st_mtime_ns)


class Keeper:
    """Logs a run and saves its checkpoints."""

    def __init__(self, training: Training, dataset: Dataset, out_dir: Path) -> None:
        self.training = training
        self.tokenizer = dataset.tokenizer
        self.out_dir = out_dir
        self.last_saved: Path | None = None
        self.batch_losses: list[float] = []
        self.rate = 0.0

    def save(self, name: str) -> None:
        """Write a checkpoint of that name to go on from."""
        training, path = self.training, self.out_dir / name
        state = TrainingState(
            training.config,
            training.iteration,
            training.optimizer.state_dict(),
            training.val_losses,
        )
        save_checkpoint(path, training.model, self.tokenizer, state)
        self.last_saved = path

    def keep(self, step: Step, bar: tqdm) -> None:
        """Show the step on the bar, log it if it was evaluated, save it if due."""
        self.batch_losses.append(step.loss)
        rate = step.tokens / step.seconds
        self.rate = 0.9 * self.rate + 0.1 * rate if self.rate else rate
        bar.set_postfix_str(
            f"loss {step.loss:.3f}, {self.rate:,.0f} tokens/s", refresh=False
        )
        bar.update()
        if step.val_loss is not None:
            train_loss = sum(self.batch_losses) / len(self.batch_losses)
            self.batch_losses.clear()
            bar.write(
                f"iteration {step.iteration:>5}   train {train_loss:.4f}   "
                f"validation {step.val_loss:.4f} nats per token"
            )
        if step.iteration % self.training.config.save_interval == 0:
            self.save(f"model_iter_{step.iteration}.pt")

    def finish(self) -> None:
        """Save the end of the run, or the place where it was stopped, and say so."""
        training, total = self.training, self.training.config.max_iters
        if training.iteration == total:
            self.save("model_final.pt")
            print(f"saved {self.last_saved}; to write: minigpt generate")
        else:
            self.save(f"model_iter_{training.iteration}.pt")
            print(f"stopped after {training.iteration} of {total} iterations")
            print(f"saved {self.last_saved}; to go on: minigpt train --resume")


def lead(
    training: Training, dataset: Dataset, world: World, out_dir: Path, quiet: bool
) -> None:
    """Train to the end or to Ctrl-C, logging and saving.

    Raises:
        ValueError, OSError: the loss is NaN or a checkpoint cannot be written; the
            message names the last good checkpoint.
    """
    keeper = Keeper(training, dataset, out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    print(describe(training, dataset), flush=True)
    bar = tqdm(
        total=training.config.max_iters,
        initial=training.iteration,
        disable=quiet,
        dynamic_ncols=True,
    )
    try:
        with bar, ctrl_c() as pressed:
            for step in training.steps(dataset):
                keeper.keep(step, bar)
                if world.any(bool(pressed)):
                    break
        keeper.finish()
    except (TrainingDiverged, OSError) as error:
        last = keeper.last_saved or "none of this run"
        raise type(error)(f"{error}; last good checkpoint: {last}") from error


def follow(training: Training, dataset: Dataset, world: World) -> None:
    """Train as one of several processes, beside the one that logs and saves."""
    with ctrl_c() as pressed:
        for _ in training.steps(dataset):
            if world.any(bool(pressed)):
                break


def describe(training: Training, dataset: Dataset) -> str:
    """Return two lines that say what is about to be trained."""
    model, config = training.model, training.config
    shape = model.config
    return (
        f"model   {model.num_parameters():,} parameters: {shape.n_layer} layers, "
        f"{shape.n_head} heads, {shape.n_embd} channels, block {shape.block_size}\n"
        f"text    {len(dataset.train_ids):,} tokens to learn from, "
        f"{len(dataset.val_ids):,} to be tested on, vocabulary {shape.vocab_size:,}\n"
        f"run     {config.max_iters:,} iterations of {config.batch_size} blocks, "
        f"{config.optimizer}, on {training.device.type}"
    )


@contextmanager
def ctrl_c() -> Iterator[list[int]]:
    """Collect Ctrl-C (and a polite kill) in a list instead of breaking off at once.

    A second one breaks off as usual, for who cannot wait for the iteration to end.
    """
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    before = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield pressed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

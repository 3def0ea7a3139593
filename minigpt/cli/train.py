"""Train a model on the prepared text: `minigpt train`."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from minigpt.atomic import check_writable
from minigpt.cli import until_nobody_reads
from minigpt.cli.keeper import Keeper
from minigpt.data import Dataset, load_dataset
from minigpt.device import use_local_gpu
from minigpt.distributed import World, process_group
from minigpt.paths import CHECKPOINTS, DATA
from minigpt.run import Run, begin, find_newest, take_up
from minigpt.training import TrainingDiverged


def run(
    preset: str | None = None,
    resume: str | None = None,
    data_dir: Path = DATA,
    out_dir: Path = CHECKPOINTS,
    export: Path | None = None,
    quiet: bool = False,
    changes: dict | None = None,
) -> None:
    """Train from a preset, or go on from a checkpoint, with changes to its config.

    A run that is stopped by Ctrl-C ends with that signal's exit status, so that no
    command waiting for the model to be finished starts.
    """
    if resume is not None and preset is not None:
        raise ValueError("--resume keeps the preset of its checkpoint: leave one out")
    dataset = load_dataset(data_dir)
    use_local_gpu()
    if resume is None:
        training = begin(dataset, preset or "laptop", changes or {})
    else:
        path = find_newest(out_dir) if resume == "newest" else Path(resume)
        training = take_up(dataset, path, changes or {})
    with process_group(training.device) as world, stop_signals(world.size > 1) as seen:
        if world.rank == 0:
            check_writable(out_dir)
            if export is not None:
                if export.is_dir():
                    raise ValueError(f"{export} is a folder: give --export a file")
                check_writable(export.parent)
            with until_nobody_reads():
                print(describe(training, dataset), flush=True)
            keeper = Keeper(training, dataset, data_dir, out_dir, export, quiet)
            lead(keeper, world, seen)
        else:
            follow(training, dataset, world, seen)
    if seen and not training.finished:
        sys.exit(128 + seen[0])


def lead(keeper: Keeper, world: World, seen: list[int]) -> None:
    """Train to the end or to Ctrl-C, logging and saving.

    Raises:
        TrainingDiverged, OSError: the loss is NaN, or a checkpoint cannot be written;
            the message names the last good checkpoint.
    """
    try:
        with keeper.bar:
            for step in keeper.run.steps(keeper.dataset):
                keeper.keep(step)
                if world.any(bool(seen)):
                    break
        keeper.finish()
    except (TrainingDiverged, OSError) as error:
        good = keeper.run.checkpoint or "none, as nothing was saved before"
        raise type(error)(f"{error}; last good checkpoint: {good}") from error


def follow(training: Run, dataset: Dataset, world: World, seen: list[int]) -> None:
    """Train as one of several processes, beside the one that logs and saves."""
    for _ in training.steps(dataset):
        if world.any(bool(seen)):
            break


def describe(training: Run, dataset: Dataset) -> str:
    """Return three lines that say what is about to be trained, and how."""
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
def stop_signals(patient: bool) -> Iterator[list[int]]:
    """Collect Ctrl-C (and a polite kill) in a list instead of breaking off at once.

    A second one breaks off as usual, for who cannot wait for the iteration to end;
    unless `patient`, because torchrun passes on a Ctrl-C that has come already.
    """
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if seen and not patient:
            raise KeyboardInterrupt
        seen.append(number)

    before = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

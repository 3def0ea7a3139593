"""Train a model on the prepared text: `minigpt train`."""

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import torch

from minigpt.atomic import check_writable
from minigpt.checkpoint import save_checkpoint
from minigpt.checkpoint_folder import FINAL, find_furthest
from minigpt.cli.output import until_nobody_reads
from minigpt.cli.training_logger import TrainingLogger
from minigpt.config import get_preset
from minigpt.data import load_dataset
from minigpt.device import use_local_gpu
from minigpt.distributed import World, process_group
from minigpt.model import GPT
from minigpt.paths import CHECKPOINTS, DATA
from minigpt.run import Run, begin, changed, check_unfinished
from minigpt.run import resume as resume_run
from minigpt.training import TrainingDiverged

FURTHEST = "furthest"  # the value of --resume without a file


@dataclass(frozen=True)
class Folders:
    """Where the data of a run come from, and where its checkpoints go."""

    data_dir: Path
    out_dir: Path
    export: Path | None

    def check(self) -> None:
        """Raise OSError or ValueError if something could not be written later."""
        check_writable(self.out_dir)
        if self.export is not None:
            if self.export.is_dir():
                raise ValueError(f"{self.export} is a folder: give --export a file")
            check_writable(self.export.parent)

    def options(self) -> list[str]:
        """Return the options that name these folders again, where they are unusual."""
        words = []
        if self.data_dir != DATA:
            words += ["--data-dir", str(self.data_dir)]
        if self.out_dir != CHECKPOINTS:
            words += ["--out-dir", str(self.out_dir)]
        if self.export is not None:
            words += ["--export", str(self.export)]
        return words


def run(
    preset: str | None = None,
    resume: str | None = None,
    data_dir: Path = DATA,
    out_dir: Path | None = None,
    export: Path | None = None,
    quiet: bool = False,
    changes: dict | None = None,
) -> None:
    """Train from a preset, or resume a checkpoint, with changes to its config.

    A run that is stopped by Ctrl-C ends with that signal's exit status, so that no
    command that needs the finished model is started after it.

    Args:
        resume: a checkpoint file, or "furthest" for the furthest one in `out_dir`.
        out_dir: where checkpoints go. By default it is the folder of the checkpoint
            that `resume` names, or else the course's own.
    """
    if resume is not None and preset is not None:
        raise ValueError("--resume keeps the preset of its checkpoint: leave one out")
    named = Path(resume) if resume not in (None, FURTHEST) else None
    folders = Folders(
        data_dir, out_dir or (named or CHECKPOINTS / FINAL).parent, export
    )
    use_local_gpu()
    if resume is None:
        training = start(preset or "laptop", data_dir, changes or {})
    else:
        path = named or find_furthest(folders.out_dir)
        training = resume_run(load_dataset(data_dir), path, changes)
        check_unfinished(training)
    with process_group(training.device) as world, stop_signals(world.size > 1) as seen:
        if world.rank == 0:
            folders.check()
            with until_nobody_reads():
                print(describe(training), flush=True)
            lead(training, folders, TrainingLogger(training, quiet), world, seen)
        else:
            follow(training, world, seen)
    if seen and not training.finished:
        sys.exit(128 + seen[0])


def start(preset: str, data_dir: Path, changes: dict) -> Run:
    """Return a new run of that preset, with changes to its model and its training."""
    chosen, dataset = get_preset(preset), load_dataset(data_dir)
    return begin(
        dataset, changed(chosen.model, changes), changed(chosen.training, changes)
    )


def lead(
    run: Run, folders: Folders, logger: TrainingLogger, world: World, seen: list[int]
) -> None:
    """Train to the end or to Ctrl-C, logging and saving.

    Raises:
        TrainingDiverged, OSError: the loss is not finite, or a checkpoint cannot be
            written; the message names the last good checkpoint.
    """
    try:
        for step in run.steps():
            logger.log(step)
            if step.iteration % run.config.save_interval == 0:
                save(run, folders.out_dir / f"model_iter_{step.iteration}.pt", logger)
            if world.any(bool(seen)):
                break
        logger.close()
        finish(run, folders, logger)
    except (TrainingDiverged, OSError) as error:
        good = run.checkpoint or "none, as nothing was saved before"
        raise type(error)(f"{error}; last good checkpoint: {good}") from error
    finally:
        logger.close()


def follow(run: Run, world: World, seen: list[int]) -> None:
    """Train as one of several processes, beside the one that logs and saves."""
    for _ in run.steps():
        if world.any(bool(seen)):
            break


def save(run: Run, path: Path, logger: TrainingLogger) -> None:
    """Save the run, and say so if another run's checkpoints had to be moved."""
    before = run.set_aside
    run.save(path)
    if run.set_aside != before:
        logger.print(f"kept the earlier checkpoints in {run.set_aside}")


def finish(run: Run, folders: Folders, logger: TrainingLogger) -> None:
    """Save the end of the run, or the point where it was stopped, and say so."""
    if run.finished:
        save(run, folders.out_dir / FINAL, logger)
        words = ["minigpt", "generate"]
        if folders.out_dir != CHECKPOINTS:
            words += ["--checkpoint", str(run.checkpoint)]
        logger.print(f"saved {run.checkpoint}; to write: {shlex.join(words)}")
        if folders.export is not None:
            export_model(run, folders.export)
            logger.print(f"exported {folders.export}")
    else:
        save(run, folders.out_dir / f"model_iter_{run.iteration}.pt", logger)
        words = ["minigpt", "train", "--resume", *folders.options()]
        logger.print(f"stopped after iteration {run.iteration} of {length(run)}")
        logger.print(f"saved {run.checkpoint}; to continue: {shlex.join(words)}")


def export_model(run: Run, path: Path) -> None:
    """Write the model for writing only: no dropout, its weights in 16 bits."""
    model = GPT(replace(run.model.config, dropout=0.0))
    model.load_state_dict(run.model.state_dict())
    save_checkpoint(path, model, run.dataset.tokenizer, dtype=torch.float16)


def length(run: Run) -> str:
    """Return how long the run is meant to be: "1,100", or "2 minutes"."""
    minutes = run.config.minutes
    return f"{minutes:g} minutes" if minutes else f"{run.config.max_iters:,}"


def describe(run: Run) -> str:
    """Return lines that say what is about to be trained or resumed, and how."""
    dataset, config, shape = run.dataset, run.config, run.model.config
    unit = "" if config.minutes else " iterations"
    lines = [
        f"model   {run.model.num_parameters():,} parameters: {shape.n_layer} layers, "
        f"{shape.n_head} heads, {shape.n_embd} channels, block {shape.block_size}",
        f"text    {len(dataset.train_ids):,} tokens to learn from, "
        f"{len(dataset.val_ids):,} to be tested on, vocabulary {shape.vocab_size:,}",
        f"run     {length(run)}{unit} with batches of {config.batch_size} blocks, "
        f"{config.optimizer}, on {run.device.type}",
    ]
    if run.checkpoint is not None:
        losses = ", ".join(f"{loss:.4f}" for _, loss in run.val_losses[-3:])
        lines.append(
            f"resumes {run.checkpoint} at iteration {run.iteration:,}; "
            f"validation losses so far: {losses or 'none'}"
        )
    return "\n".join(lines)


@contextmanager
def stop_signals(patient: bool) -> Iterator[list[int]]:
    """Collect Ctrl-C (and a polite kill) in a list instead of stopping at once.

    A second Ctrl-C stops at once as usual; unless `patient`, because torchrun passes on
    a Ctrl-C that every process has received already.
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

"""Train a model on the prepared text: `minigpt train`."""

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from minigpt.atomic import check_writable
from minigpt.checkpoint import peek, save_checkpoint
from minigpt.checkpoint_folder import FINAL, find_furthest
from minigpt.cli.output import count, until_nobody_reads
from minigpt.cli.training_logger import TrainingLogger
from minigpt.config import get_preset
from minigpt.data import load_dataset
from minigpt.device import use_local_gpu
from minigpt.distributed import World, process_group
from minigpt.model import GPT
from minigpt.paths import CHECKPOINTS, DATA
from minigpt.run import Run, begin, changed, check_unfinished, suitable_preset
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
            beside = self.export.parent.resolve() == self.out_dir.resolve()
            own = beside and self.export.name.startswith(("model_iter_", FINAL))
            if own or peek(self.export):
                raise ValueError(
                    f"{self.export} is for a run that can be resumed: give --export "
                    "another file"
                )
            check_writable(self.export.parent)

    def options(self) -> list[str]:
        """Return the options that name these folders again, but not the usual ones."""
        usual = {"data_dir": DATA, "out_dir": CHECKPOINTS, "export": None}
        words: list[str] = []
        for name, value in vars(self).items():
            if value != usual[name]:
                words += [f"--{name.replace('_', '-')}", str(value)]
        return words


def run(
    preset: str | None,
    resume: str | None,
    data_dir: Path,
    out_dir: Path | None,
    export: Path | None,
    quiet: bool,
    changes: dict[str, Any],
) -> None:
    """Train from a preset, or resume a checkpoint, with changes to its config.

    A run that Ctrl-C has stopped ends with that signal's exit status, so that no
    command that needs the finished model is started after it. `resume` is a file, or
    "furthest". Checkpoints go to `out_dir`, or to the folder of that file.
    """
    if resume is not None and preset is not None:
        raise ValueError(
            "--resume uses the preset of its checkpoint: leave --preset out"
        )
    named = Path(resume) if resume not in (None, FURTHEST) else None
    out_dir = out_dir or (named.parent if named else CHECKPOINTS)
    folders = Folders(data_dir, out_dir, export)
    use_local_gpu()
    if resume is None:
        training = start(preset, data_dir, changes)
    else:
        path = named or find_furthest(out_dir)
        training = resume_run(load_dataset(data_dir), path, changes)
        check_unfinished(training)
    with process_group(training.device) as world, stop_signals(world.size > 1) as seen:
        if world.size > 1 and training.config.minutes:
            raise ValueError(
                "--minutes works in a single process only: use --max-iters"
            )
        if world.rank == 0:
            folders.check()
            with until_nobody_reads():
                print(describe(training), flush=True)
            lead(training, folders, TrainingLogger(training, quiet), world, seen)
        else:
            follow(training, world, seen)
    if seen and not training.finished:
        sys.exit(128 + seen[0])


def start(preset: str | None, data_dir: Path, changes: dict) -> Run:
    """Return a new run of that preset, with changes to its model and its training.

    Without a preset it is the one that suits the text.
    """
    named = get_preset(preset) if preset else None
    dataset = load_dataset(data_dir)
    base = named or suitable_preset(dataset)
    return begin(dataset, changed(base.model, changes), changed(base.training, changes))


def lead(
    run: Run, folders: Folders, logger: TrainingLogger, world: World, seen: list[int]
) -> None:
    """Train to the end or to Ctrl-C; an error names the last good checkpoint."""
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
        logger.print(f"moved the earlier checkpoints to {run.set_aside}")


def finish(run: Run, folders: Folders, logger: TrainingLogger) -> None:
    """Save the end of the run, or the point where it was stopped, and say so."""
    if not run.finished:
        save(run, folders.out_dir / f"model_iter_{run.iteration}.pt", logger)
        again = shlex.join(["minigpt", "train", "--resume", *folders.options()])
        logger.print(f"stopped after iteration {run.iteration} of {length(run)}")
        logger.print(f"saved {run.checkpoint}; to continue: {again}")
        return
    save(run, folders.out_dir / FINAL, logger)
    usual = folders.out_dir == CHECKPOINTS
    base = [] if usual else ["--checkpoint", str(run.checkpoint)]
    generate = shlex.join(["minigpt", "generate", *base])
    logger.print(f"saved {run.checkpoint}; to generate text: {generate}")
    if folders.export is not None:
        model = GPT(replace(run.model.config, dropout=0.0))
        model.load_state_dict(run.model.state_dict())
        tokenizer = run.dataset.tokenizer
        save_checkpoint(folders.export, model, tokenizer, dtype=torch.float16)
        logger.print(f"exported {folders.export}")


def length(run: Run) -> str:
    """Return how long the run is meant to be: "1,100 iterations" or "2 minutes"."""
    if run.config.minutes:
        return f"{run.config.minutes:g} minutes"
    return count(run.config.max_iters, "iteration")


def describe(run: Run) -> str:
    """Return lines that say what is about to be trained or resumed, and how."""
    dataset, config, shape = run.dataset, run.config, run.model.config
    lines = [
        f"model   {count(run.model.num_parameters(), 'parameter')}: "
        f"{count(shape.n_layer, 'layer')}, {count(shape.n_head, 'head')}, "
        f"{count(shape.n_embd, 'channel')}, block size {shape.block_size}",
        f"text    {count(len(dataset.train_ids), 'token')} for training, "
        f"{len(dataset.val_ids):,} for validation, vocabulary size "
        f"{shape.vocab_size:,}",
        f"run     {length(run)}, batch size {config.batch_size}, {config.optimizer}, "
        f"on {run.device.type}",
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
    """Collect Ctrl-C and SIGTERM in a list instead of stopping at once.

    A second signal stops at once, unless `patient`: torchrun passes on a Ctrl-C that
    every process has received already.
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

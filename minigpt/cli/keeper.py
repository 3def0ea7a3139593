"""Log a run and save its checkpoints."""

import math
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from minigpt.checkpoint import save_checkpoint
from minigpt.cli import until_nobody_reads
from minigpt.data import Dataset
from minigpt.model import GPT
from minigpt.paths import CHECKPOINTS, DATA
from minigpt.run import Run
from minigpt.training import Step, TrainingDiverged, evaluate

BAR = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}, {remaining} left{postfix}"


class Keeper:
    """Watches over a run: a progress bar, log lines, checkpoints.

    Where standard error is no terminal the bar is left out: the lines tell enough.
    """

    def __init__(
        self,
        run: Run,
        dataset: Dataset,
        data_dir: Path,
        out_dir: Path,
        export: Path | None,
        quiet: bool,
    ) -> None:
        self.run = run
        self.dataset = dataset
        self.data_dir = data_dir
        self.out_dir = out_dir
        self.export = export
        self.losses: list[float] = []
        self.rate = 0.0
        self.bar = tqdm(
            total=run.config.max_iters,
            initial=run.iteration,
            disable=quiet or not sys.stderr.isatty(),
            bar_format=BAR,
            dynamic_ncols=True,
        )

    def keep(self, step: Step) -> None:
        """Show the step, log it if it was evaluated, save it if that is due."""
        self.losses.append(step.loss)
        rate = step.tokens / step.seconds
        self.rate = 0.9 * self.rate + 0.1 * rate if self.rate else rate
        self.bar.set_postfix_str(
            f"loss {step.loss:.3f}, {self.rate:,.0f} tokens/s", refresh=False
        )
        self.bar.update()
        if step.val_loss is not None:
            train_loss = sum(self.losses) / len(self.losses)
            self.losses.clear()
            self.say(
                f"iteration {step.iteration:>5}   train {train_loss:.4f}   "
                f"validation {step.val_loss:.4f} nats per token   "
                f"{self.rate:,.0f} tokens/s"
            )
        if step.iteration % self.run.config.save_interval == 0:
            self.save(f"model_iter_{step.iteration}.pt")

    def save(self, name: str) -> None:
        """Write a checkpoint of that name to go on from.

        Raises:
            TrainingDiverged: the model is broken, which is not worth keeping.
            OSError: the file cannot be written.
        """
        run = self.run
        few = self.dataset.val_ids[: run.model.config.block_size + 1]
        if not math.isfinite(evaluate(run.model, few)):
            raise TrainingDiverged(
                f"the model is broken after iteration {run.iteration}: start again "
                f"with a learning rate below {run.config.learning_rate}"
            )
        path = self.out_dir / name
        save_checkpoint(path, run.model, self.dataset.tokenizer, run.state())
        run.checkpoint = path

    def finish(self) -> None:
        """Save the end of the run, or the place where it was stopped, and say so."""
        run = self.run
        self.bar.close()
        if run.finished:
            self.save("model_final.pt")
            self.say(f"saved {run.checkpoint}; to write: {self.command_to_write()}")
            if self.export is not None:
                self.ship(self.export)
        else:
            self.save(f"model_iter_{run.iteration}.pt")
            self.say(
                f"stopped after iteration {run.iteration} of {run.config.max_iters}"
            )
            self.say(f"saved {run.checkpoint}; to go on: {self.command_to_go_on()}")

    def ship(self, path: Path) -> None:
        """Write the model for writing only: no dropout, its weights in 16 bits."""
        trained, tokenizer = self.run.model, self.dataset.tokenizer
        model = GPT(replace(trained.config, dropout=0.0))
        model.load_state_dict(trained.state_dict())
        save_checkpoint(path, model, tokenizer, dtype=torch.float16)
        self.say(f"shipped {path}")

    def command_to_write(self) -> str:
        """Return the command that writes text with the model just saved."""
        words = ["minigpt", "generate"]
        if self.out_dir != CHECKPOINTS:
            words += ["--checkpoint", str(self.run.checkpoint)]
        return shlex.join(words)

    def command_to_go_on(self) -> str:
        """Return the command that goes on from the checkpoint just saved."""
        words = ["minigpt", "train", "--resume"]
        if self.data_dir != DATA:
            words += ["--data-dir", str(self.data_dir)]
        if self.out_dir != CHECKPOINTS:
            words += ["--out-dir", str(self.out_dir)]
        if self.export is not None:
            words += ["--export", str(self.export)]
        return shlex.join(words)

    def say(self, line: str) -> None:
        """Print the line above the bar."""
        with until_nobody_reads():
            self.bar.write(line)
            sys.stdout.flush()

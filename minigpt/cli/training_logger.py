"""Log a training run to the terminal: a progress bar and a line per evaluation."""

import sys

from tqdm import tqdm

from minigpt.cli.output import until_nobody_reads
from minigpt.run import Run
from minigpt.training import Step


class TrainingLogger:
    """Print a line per evaluation and, in a terminal, show a progress bar."""

    def __init__(self, run: Run, quiet: bool) -> None:
        self.run = run
        self.losses: list[float] = []
        self.tokens_per_second = 0.0
        self.bar = tqdm(
            total=100,
            disable=quiet or not sys.stderr.isatty(),
            bar_format="{percentage:3.0f}%|{bar}| {postfix}",
            dynamic_ncols=True,
        )

    def log(self, step: Step) -> None:
        """Move the bar, and print a line if the step was evaluated.

        The mean of the training losses leaves out iterations that practise copying.
        """
        if step.iteration > self.run.config.copy_iters:
            self.losses.append(step.loss)
        now = step.tokens / step.seconds
        before = self.tokens_per_second or now
        self.tokens_per_second = 0.9 * before + 0.1 * now
        self._move_bar(step)
        if step.val_loss is not None:
            n = len(self.losses)
            train_loss = f"{sum(self.losses) / n:.4f}" if n else f"{'–':>6}"
            self.losses.clear()
            self.print(
                f"iteration {step.iteration:>5}   train {train_loss}   "
                f"validation {step.val_loss:.4f} nats per token   "
                f"{self.tokens_per_second:,.0f} tokens/s"
            )

    def _move_bar(self, step: Step) -> None:
        seconds = self.run.seconds_left
        left = "" if seconds is None else f"{tqdm.format_interval(seconds)} left, "
        of = "" if self.run.config.minutes else f"/{self.run.config.max_iters}"
        self.bar.set_postfix_str(
            f"{step.iteration}{of}, {left}loss {step.loss:.3f}, "
            f"{self.tokens_per_second:,.0f} tokens/s",
            refresh=False,
        )
        self.bar.update(100 * self.run.progress - self.bar.n)

    def print(self, line: str) -> None:
        """Print a line above the bar."""
        with until_nobody_reads():
            self.bar.write(line)
            sys.stdout.flush()

    def close(self) -> None:
        """Leave the bar as it stands."""
        self.bar.close()

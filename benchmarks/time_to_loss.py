"""Measure how long each recipe trains, and what loss it has then.

The recipes named are trained side by side, each a little at a time, so that a noisy
machine is equally noisy to all of them; only their own iterations are on the clock.

    python benchmarks/time_to_loss.py reference quick
    python benchmarks/time_to_loss.py laptop
    python benchmarks/time_to_loss.py headline --target 1.4697 --evaluations 10
"""

import argparse
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from recipes import Recipe, read_dataset, recipes

from minigpt.data import Dataset
from minigpt.run import Run, begin
from minigpt.training import Step


@dataclass
class Contestant:
    """One recipe being trained, and what it has come to."""

    name: str
    run: Run
    steps: Iterator[Step]
    seconds: float = 0.0
    curve: list[tuple[int, float, float]] = field(default_factory=list)

    def advance(self, target: int) -> None:
        """Train until the iteration `target`."""
        while self.run.iteration < target:
            step = next(self.steps)
            self.seconds += step.seconds
            if step.val_loss is not None:
                self.curve.append((step.iteration, self.seconds, step.val_loss))

    def seconds_to(self, target: float) -> float | None:
        """Return how long it took to a validation loss of `target`, if it did."""
        return next(
            (seconds for _, seconds, loss in self.curve if loss <= target), None
        )


def start(
    name: str, recipe: Recipe, dataset: Dataset, args: argparse.Namespace
) -> Contestant:
    """Return the run of a recipe, nothing trained yet."""
    shape, training = recipe
    training = replace(
        training,
        seed=args.seed,
        dtype=args.dtype or training.dtype,
        device="cpu",
        max_iters=args.iterations or training.max_iters,
    )
    interval = -(-training.max_iters // args.evaluations)
    run = begin(dataset, shape, replace(training, eval_interval=interval))
    return Contestant(name, run, run.steps())


def race(runs: list[Contestant], parts: int = 100) -> None:
    """Train all runs side by side, each a part of its iterations at a time."""
    for part in range(1, parts + 1):
        for run in runs:
            run.advance(run.run.config.max_iters * part // parts)
        if sys.stderr.isatty():
            print(f"\r{part} %", end="", file=sys.stderr)


def print_table(rounds: list[list[Contestant]], target: float) -> None:
    """Print one line per recipe, medians over the rounds."""
    print(
        "| recipe | parameters | iterations | seconds | of the first's | loss | "
        f"seconds to {target} |"
    )
    print("|---|---|---|---|---|---|---|")
    for runs in zip(*rounds, strict=True):
        first_run = runs[0]
        run, curve = first_run.run, first_run.curve
        seconds = statistics.median(r.seconds for r in runs)
        ratio = statistics.median(
            r.seconds / first.seconds
            for r, (first, *_) in zip(runs, rounds, strict=True)
        )
        reached = [r.seconds_to(target) for r in runs]
        times = [t for t in reached if t is not None]
        until = f"{statistics.median(times):.1f}" if len(times) == len(runs) else "–"
        print(
            f"| {first_run.name} | {run.model.num_parameters():,} | "
            f"{run.iteration:,} | {seconds:.1f} | 1/{1 / ratio:.1f} | "
            f"{curve[-1][2]:.4f} | {until} |"
        )


def print_curves(runs: list[Contestant]) -> None:
    """Print every loss measured on the way, where there was more than the last."""
    for run in runs:
        if len(run.curve) > 1:
            points = (f"{s:.0f} s {loss:.4f}" for _, s, loss in run.curve)
            print(f"\n{run.name}: {', '.join(points)}")


def main() -> None:
    names = list(recipes())
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipes", nargs="+", choices=names, metavar="RECIPE")
    parser.add_argument("--text", type=Path, default=Path("data/tinyshakespeare.txt"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1, help="medians are over these")
    parser.add_argument("--evaluations", type=int, default=1)
    parser.add_argument("--iterations", type=int, help="in place of the recipe's own")
    parser.add_argument("--target", type=float, default=1.88)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", help="in place of the recipe's own")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    dataset, rounds = read_dataset(args.text), []
    for _ in range(args.rounds):
        rounds.append([start(n, recipes()[n], dataset, args) for n in args.recipes])
        race(rounds[-1])
    print_table(rounds, args.target)
    print_curves(rounds[0])


if __name__ == "__main__":
    main()

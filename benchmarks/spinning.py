"""Measure what it costs that threads wait for each other, alone and on busy cores.

    python benchmarks/spinning.py
    python benchmarks/spinning.py --iterations 2 --rounds 1

The preset `laptop` trains on the fables by characters, in a new process for each
environment. They take turns, on the machine as it is and beside two processes
that never rest, and the table has the medians over the rounds.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CHOOSES = "minigpt chooses"
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "GOMP_SPINCOUNT unset": {},
    "GOMP_SPINCOUNT=100000": {"GOMP_SPINCOUNT": "100000"},
    "GOMP_SPINCOUNT=0": {"GOMP_SPINCOUNT": "0"},
    "one thread": {"OMP_NUM_THREADS": "1"},
    CHOOSES: {"GOMP_SPINCOUNT": "100000"},
}
# PyTorch is imported before minigpt, which would set GOMP_SPINCOUNT.
TRAIN = """
import sys
import torch
from dataclasses import replace
from minigpt.config import get_preset
from minigpt.data import BUILT_IN, read_dataset
from minigpt.run import begin
from minigpt.threads import ThreadChoice

if sys.argv[2] == "all":  # of the threads, all the time
    ThreadChoice.EVERY = 10**9
dataset, preset = read_dataset(BUILT_IN["fables"]), get_preset("laptop")
# One iteration more, as the first one is slow; and no evaluation before the last.
n = int(sys.argv[1]) + 1
config = replace(preset.training, max_iters=n, eval_interval=n, copy_iters=0)
run = begin(dataset, preset.model, config)
steps = list(run.steps(lambda model, ids: None))[1:]
print(sum(step.tokens for step in steps) / sum(step.seconds for step in steps))
"""


def tokens_per_second(name: str, iterations: int) -> float:
    """Train in a new process, and return how fast it was."""
    unset = {"GOMP_SPINCOUNT", "OMP_NUM_THREADS", "OMP_WAIT_POLICY"}
    usual = {name: value for name, value in os.environ.items() if name not in unset}
    threads = "chosen" if name == CHOOSES else "all"
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(iterations), threads],
        env=usual | ENVIRONMENTS[name], check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return float(done.stdout)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many processes running that never rest."""
    command = [sys.executable, "-c", "while True: pass"]
    started = [subprocess.Popen(command) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def main() -> None:
    """Print one row for each environment."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--busy", type=int, default=2, help="processes that never rest")
    options = parser.parse_args()
    speeds: dict[tuple[str, int], list[float]] = {}
    for number in range(options.rounds):
        for others in 0, options.busy:
            names = list(ENVIRONMENTS)[:: 1 if number % 2 else -1]
            with busy(others):
                for name in names:
                    speed = tokens_per_second(name, options.iterations)
                    speeds.setdefault((name, others), []).append(speed)
    print(f"| tokens/s | as it is | beside {options.busy} busy processes |")
    print("|---|---|---|")
    for name in ENVIRONMENTS:
        medians = [statistics.median(speeds[name, n]) for n in (0, options.busy)]
        print(f"| {name} |", *(f"{speed:,.0f} |" for speed in medians))


if __name__ == "__main__":
    main()

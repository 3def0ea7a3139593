"""Measure what an iteration takes in float32 and in the numbers that "auto" chooses.

    python benchmarks/precision.py
    python benchmarks/precision.py --threads 1

Each recipe is trained in both, one iteration each in turn; medians.
"""

import argparse
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from recipes import read_ids, recipes

from minigpt.model import GPT
from minigpt.training import Step, train

DTYPES = ("float32", "auto")
WARM = 3  # iterations, slower than those after them


def start(name: str, dtype: str, text: tuple) -> Iterator[Step]:
    """Return the steps of a recipe's run, never evaluated."""
    train_ids, val_ids, vocab_size = text
    shape, config = recipes()[name]
    config = replace(config, device="cpu", dtype=dtype)
    torch.manual_seed(0)
    model = GPT(replace(shape, vocab_size=vocab_size))
    return train(model, train_ids, val_ids, config, measure=lambda *_: None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, default=Path("data/tinyshakespeare.txt"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=25)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    text = read_ids(args.text)
    print("| recipe | float32 (ms) | auto (ms) | ratio |\n|---|---|---|---|")
    for name in "quick", "laptop", "shipped", "headline":
        runs = [start(name, dtype, text) for dtype in DTYPES]
        rows = [[next(run).seconds for run in runs] for _ in range(args.iterations)]
        slow, fast = (
            1e3 * statistics.median(c) for c in zip(*rows[WARM:], strict=True)
        )
        print(f"| {name} | {slow:.1f} | {fast:.1f} | {slow / fast:.2f} × |", flush=True)


if __name__ == "__main__":
    main()

"""Measure how many tokens per second the cache gives, beside the readable path.

The paths generate the same texts in turn, several times over. Every number is the
median of these runs, and counts copying the weights and reading the prompt.

    python benchmarks/generation.py
    python benchmarks/generation.py --shipped --tokens 500
    python benchmarks/generation.py --busy 2 --tokens 200 --runs 3
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import torch

from minigpt import decoding, sampling
from minigpt.checkpoint import load_checkpoint
from minigpt.config import GPTConfig
from minigpt.model import GPT
from minigpt.paths import SHIPPED_CHECKPOINT

HEAD = "| block | tokens | readable | cached | ratio |"


def tokens_per_second(generate, model: GPT, tokens: int, seed: int) -> float:
    """Return how fast a text of that many tokens is generated."""
    start = time.perf_counter()
    for _ in generate(model, [0], tokens, top_k=50, seed=seed):
        pass
    return tokens / (time.perf_counter() - start)


def measure(model: GPT, tokens: int, runs: int) -> list[float]:
    """Return medians: both rates in tokens per second, and their ratio."""
    rows = []
    for seed in range(runs + 1):
        slow, fast = (
            tokens_per_second(generate, model, tokens, seed)
            for generate in (sampling.generate, decoding.generate)
        )
        rows.append([slow, fast, fast / slow])
    # The first run is for warming up.
    return [statistics.median(column) for column in zip(*rows[1:], strict=True)]


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many other processes computing without end."""
    code = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(code) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def models(args: argparse.Namespace) -> Iterator[GPT]:
    """Yield the models to measure."""
    if args.shipped:
        yield load_checkpoint(SHIPPED_CHECKPOINT).model
        return
    for block_size in args.block:
        torch.manual_seed(0)
        yield GPT(GPTConfig(block_size=block_size, modern=args.modern))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--block", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--tokens", type=int, nargs="+", default=[200, 500, 1000])
    parser.add_argument("--runs", type=int, default=5, help="the median is of so many")
    parser.add_argument("--threads", type=int, help="of torch, for the readable path")
    parser.add_argument("--busy", type=int, default=0, help="other busy processes")
    parser.add_argument("--modern", action="store_true")
    parser.add_argument("--shipped", action="store_true", help="the shipped model")
    parser.add_argument("--quick", action="store_true", help="a glance, in seconds")
    args = parser.parse_args()
    if args.quick:
        args.tokens, args.runs = [100], 1
    if args.threads:
        torch.set_num_threads(args.threads)
    print(
        f"tokens per second; threads of torch: {torch.get_num_threads()}, "
        f"other busy processes: {args.busy}\n\n{HEAD}\n|{' ---: |' * 5}"
    )
    with busy(args.busy):
        for model in models(args):
            for tokens in args.tokens:
                slow, fast, ratio = measure(model, tokens, args.runs)
                row = f"{model.config.block_size} | {tokens:,} | {slow:,.0f}"
                print(f"| {row} | {fast:,.0f} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main()

"""Measure how many tokens per second the cache gives, beside the readable path.

The paths generate the same texts one after the other, several times over. Every number
is the median of these runs, and counts copying the weights and reading the prompt.

    python benchmarks/generation.py
    python benchmarks/generation.py --threads 1
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
from minigpt.config import GPTConfig
from minigpt.decoding import generation
from minigpt.model import GPT

TEXTS = 16
HEAD = "| block | tokens | readable | cached | ratio | 16 texts | ratio | redrawn |"


def seconds_of(path: Iterator) -> float:
    """Return how long it takes to generate all of a text."""
    start = time.perf_counter()
    for _ in path:
        pass
    return time.perf_counter() - start


def late(call, *args, **kwargs) -> Iterator:
    """Yield what a call yields, and make the call itself on the first step."""
    yield from call(*args, **kwargs)


def measure(model: GPT, tokens: int, runs: int) -> list[float]:
    """Return medians: three rates in tokens per second, and the two ratios of them."""
    rows = []
    for seed in range(runs + 1):
        paths = [
            late(sampling.generate, model, [0], tokens, seed=seed),
            late(decoding.generate, model, [0], tokens, seed=seed),
            late(decoding.generate_batch, model, [[0]] * TEXTS, tokens),
        ]
        slow, fast, batch = map(seconds_of, paths)
        row = [tokens / slow, tokens / fast, TEXTS * tokens / batch]
        rows.append([*row, row[1] / row[0], row[2] / row[1]])
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


@contextlib.contextmanager
def counted(redrawn: list[int]) -> Iterator[None]:
    """Count in redrawn[0] the tokens that are drawn again on the readable path."""
    original = generation.exact

    def exact(*args) -> int:
        redrawn[0] += 1
        return original(*args)

    generation.exact = exact
    try:
        yield
    finally:
        generation.exact = original


def table(args: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the table, each as soon as it is measured."""
    yield HEAD
    yield "|" + " ---: |" * HEAD.count(" | ") + " ---: |"
    for block_size in args.block:
        torch.manual_seed(0)
        model = GPT(GPTConfig(block_size=block_size, modern=args.modern))
        for tokens in args.tokens:
            redrawn = [0]
            with counted(redrawn):
                slow, fast, batch, faster, wider = measure(model, tokens, args.runs)
            share = redrawn[0] / ((args.runs + 1) * (1 + TEXTS) * tokens)
            yield (
                f"| {block_size} | {tokens:,} | {slow:,.0f} | {fast:,.0f} "
                f"| {faster:.1f} | {batch:,.0f} | {wider:.1f} | {share:.3%} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--block", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--tokens", type=int, nargs="+", default=[200, 500, 1000])
    parser.add_argument("--runs", type=int, default=5, help="the median is of so many")
    parser.add_argument("--threads", type=int, help="of torch, for the readable path")
    parser.add_argument("--busy", type=int, default=0, help="other busy processes")
    parser.add_argument("--modern", action="store_true")
    parser.add_argument("--quick", action="store_true", help="a glance, in seconds")
    args = parser.parse_args()
    if args.quick:
        args.tokens, args.runs = [100], 1
    if args.threads:
        torch.set_num_threads(args.threads)
    parameters = GPT(GPTConfig(block_size=64, modern=args.modern)).num_parameters()
    print(
        f"{parameters:,} parameters, tokens per second; threads of torch: "
        f"{torch.get_num_threads()}, other busy processes: {args.busy}\n"
    )
    with busy(args.busy):
        for line in table(args):
            print(line, flush=True)


if __name__ == "__main__":
    main()

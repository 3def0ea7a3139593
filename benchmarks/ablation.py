"""Measure what each change to GPT-2 is worth, alone and taken from all of them.

    python benchmarks/ablation.py

Small models and few iterations: 4 layers, 128 channels, block 64, batch 16, 400
iterations. Runs that are in the file of results already are not run again.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import torch
from recipes import read_ids
from torch import nn

from minigpt.config import GPTConfig, TrainConfig
from minigpt.model import GPT
from minigpt.modern import QKNorm, ReLUSquared, Rotary
from minigpt.training import train

SHAPE = GPTConfig(block_size=64, n_layer=4, n_head=4, n_embd=128)
TRAINING = TrainConfig(
    batch_size=16,
    max_iters=400,
    optimizer="muon",
    learning_rate=4e-3,
    muon_learning_rate=0.04,
    warmup_iters=20,
    schedule="linear",
    min_lr_ratio=0.0,
    eval_interval=10**9,
    device="cpu",
)
CHANGES = {
    "Muon for AdamW": "muon",
    "rotary for learned positions": "rotary",
    "normalised queries and keys": "qk_norm",
    "RMSNorm for LayerNorm": "rms_norm",
    "squared ReLU for GELU": "squared_relu",
}
ALL = frozenset(CHANGES.values())


def build(vocab_size: int, parts: Iterable[str], seed: int) -> GPT:
    """Return a GPT-2 with some of its parts replaced by modern ones."""
    torch.manual_seed(seed)
    model = GPT(replace(SHAPE, vocab_size=vocab_size))
    if "rotary" in parts:
        model.position_embedding = None
    if "rms_norm" in parts:
        model.final_norm = nn.RMSNorm(SHAPE.n_embd)
    for block in model.blocks:
        if "rms_norm" in parts:
            block.norm1, block.norm2 = (nn.RMSNorm(SHAPE.n_embd) for _ in range(2))
        if "squared_relu" in parts:
            block.feed_forward.activation = ReLUSquared()
        if "rotary" in parts:
            block.attention.rotary = Rotary(SHAPE.head_size, SHAPE.block_size)
        if "qk_norm" in parts:
            block.attention.qk_norm = QKNorm()
    return model


def measure(text: tuple, parts: frozenset[str], seed: int) -> float:
    """Return the validation loss of one run."""
    train_ids, val_ids, vocab_size = text
    config = replace(TRAINING, seed=seed)
    if "muon" not in parts:
        config = replace(config, optimizer="adamw")
    model = build(vocab_size, parts, seed)
    *_, last = train(model, train_ids, val_ids, config)
    return last.val_loss


def variants() -> dict[str, frozenset[str]]:
    """Return every set of parts that the table needs, by name."""
    found = {"none": frozenset(), "all": ALL}
    found |= {f"+{part}": frozenset({part}) for part in ALL}
    return found | {f"-{part}": ALL - {part} for part in ALL}


def run_all(text: tuple, seeds: int, path: Path) -> dict[str, list[float]]:
    """Return the losses of every variant, one per seed, and keep them in a file."""
    results = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for seed in range(seeds):
        for name, parts in variants().items():
            losses = results.setdefault(name, [])
            if len(losses) <= seed:
                losses.append(measure(text, parts, seed))
                path.write_text(json.dumps(results), "utf-8")
    return results


def describe(losses: list[float], base: list[float]) -> str:
    """Return the mean difference of paired losses, and its standard deviation."""
    gains = [a - b for a, b in zip(losses, base, strict=False)]
    spread = statistics.stdev(gains) if len(gains) > 1 else 0.0
    return f"{statistics.mean(gains):+.3f} ± {spread:.3f}"


def print_table(results: dict[str, list[float]]) -> None:
    """Print what each change adds to GPT-2, and what all lose without it."""
    mean: Callable[[str], float] = lambda name: statistics.mean(results[name])  # noqa: E731
    seeds = len(results["none"])
    print(
        f"GPT-2 and AdamW {mean('none'):.3f}, all changes {mean('all'):.3f} "
        f"({seeds} seeds)\n"
    )
    print("| change | added to GPT-2 and AdamW | taken from all |\n|---|---|---|")
    for title, part in CHANGES.items():
        added = describe(results[f"+{part}"], results["none"])
        taken = describe(results[f"-{part}"], results["all"])
        print(f"| {title} | {added} | {taken} |")


def read_options(about: str, results: str) -> argparse.Namespace:
    """Return the options of a benchmark that keeps its results in a temporary file."""
    parser = argparse.ArgumentParser(description=about.split("\n")[0])
    parser.add_argument("--text", type=Path, default=Path("data/tinyshakespeare.txt"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--results", type=Path, default=Path(tempfile.gettempdir()) / results
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    return options


def main() -> None:
    args = read_options(__doc__, "ablation.json")
    print_table(run_all(read_ids(args.text), args.seeds, args.results))


if __name__ == "__main__":
    main()

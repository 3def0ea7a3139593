"""Compare AdamW, torch's own Muon and minigpt's: what a step costs, what it gains.

    python benchmarks/optimizers.py

The same model (4 layers, 128 channels, block 64, batch 16) is trained by all of them,
one iteration each in turn. The learning rates fall linearly to zero.
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch
from recipes import read_ids

from minigpt.config import GPTConfig, TrainConfig
from minigpt.model import GPT
from minigpt.optim import MuonAdamW, make_optimizer
from minigpt.training import train

SHAPE = GPTConfig(block_size=64, n_layer=4, n_head=4, n_embd=128)
TRAINING = TrainConfig(
    batch_size=16,
    optimizer="muon",
    learning_rate=4e-3,
    muon_learning_rate=0.04,
    warmup_iters=20,
    schedule="linear",
    min_lr_ratio=0.0,
    eval_interval=10**9,
    device="cpu",
)


class TorchMuon:
    """`make_optimizer`'s optimizer with torch's Muon in place of minigpt's."""

    def __init__(self, model: GPT, config: TrainConfig) -> None:
        self.adamw = make_optimizer(model, config)
        groups = self.adamw.param_groups
        muon = [group for group in groups if group["kind"] == "muon"]
        groups[:] = [group for group in groups if group["kind"] != "muon"]
        self.muon = torch.optim.Muon(
            [p for group in muon for p in group["params"]],
            lr=config.muon_learning_rate,
            weight_decay=config.weight_decay,
            momentum=0.95,
        )
        self.max_lr = config.muon_learning_rate

    def set_lr_multiplier(self, multiplier: float) -> None:
        self.adamw.set_lr_multiplier(multiplier)
        self.muon.param_groups[0]["lr"] = self.max_lr * multiplier

    def step(self) -> None:
        self.muon.step()
        self.adamw.step()

    def zero_grad(self) -> None:
        self.muon.zero_grad()
        self.adamw.zero_grad()


class Timed:
    """An optimizer that keeps the time of its steps."""

    def __init__(self, optimizer: MuonAdamW | TorchMuon) -> None:
        self.optimizer, self.seconds = optimizer, []

    def __getattr__(self, name: str) -> object:
        return getattr(self.optimizer, name)

    def step(self) -> None:
        began = time.perf_counter()
        self.optimizer.step()
        self.seconds.append(time.perf_counter() - began)


def contestants(vocab_size: int, iterations: int) -> dict[str, tuple]:
    """Return model, optimizer and config of every row, all from the same weights."""
    muon = replace(TRAINING, max_iters=iterations)
    slow_muon = replace(muon, muon_learning_rate=0.02)
    adamw = replace(muon, optimizer="adamw")
    rows = {
        "AdamW, 0.001": (make_optimizer, replace(adamw, learning_rate=1e-3)),
        "AdamW, 0.004": (make_optimizer, adamw),
        "torch.optim.Muon, 0.02": (TorchMuon, slow_muon),
        "torch.optim.Muon, 0.04": (TorchMuon, muon),
        "minigpt's Muon, 0.02": (make_optimizer, slow_muon),
        "minigpt's Muon, 0.04": (make_optimizer, muon),
    }
    found = {}
    for name, (make, config) in rows.items():
        torch.manual_seed(0)
        model = GPT(replace(SHAPE, vocab_size=vocab_size))
        found[name] = model, Timed(make(model, config)), config
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--text", type=Path, default=Path("data/tinyshakespeare.txt"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=400)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train_ids, val_ids, vocab_size = read_ids(args.text)
    rows = contestants(vocab_size, args.iterations)
    runs = [
        train(model, train_ids, val_ids, config, optimizer=optimizer)
        for model, optimizer, config in rows.values()
    ]
    rounds = list(zip(*runs, strict=True))
    print("| optimizer and learning rate | ms a step | share of the iteration | loss |")
    print("|---|---|---|---|")
    for i, (name, (_, optimizer, _)) in enumerate(rows.items()):
        milliseconds = 1e3 * statistics.median(optimizer.seconds)
        whole = 1e3 * statistics.median(steps[i].seconds for steps in rounds)
        print(
            f"| {name} | {milliseconds:.1f} | {milliseconds / whole:.0%} | "
            f"{rounds[-1][i].val_loss:.3f} |"
        )


if __name__ == "__main__":
    main()

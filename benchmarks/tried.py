"""Try changes from the speed-runs on top of all that `modern` has, one at a time.

    python benchmarks/tried.py

The model and the training of `ablation.py`, three seeds. Runs that are in the file of
results already are not run again. Sources: modded-nanogpt's record history (Jordan et
al., https://github.com/KellerJordan/modded-nanogpt) and, for the cautious decay, Chen
et al. (2025).
"""

import json
import statistics
import time
from dataclasses import replace

import torch
from ablation import SHAPE, TRAINING, describe, read_options
from recipes import read_ids
from torch import Tensor, nn
from torch.nn import functional as F

from minigpt.config import GPTConfig
from minigpt.model import GPT
from minigpt.optim import MuonAdamW, make_optimizer
from minigpt.training import random_batch, train

CHANGES = {
    "values mixed with token embeddings": "values",
    "first stream mixed into later layers": "first",
    "exact table of pairs added to the logits": "pairs",
    "previous key smeared into each key": "smear",
    "cautious weight decay": "cautious",
    "half the block in the first half": "short",
}


class Candidate(GPT):
    """The modern GPT with some of the changes."""

    def __init__(self, config: GPTConfig, parts: set[str], pairs: Tensor) -> None:
        super().__init__(config)
        self.parts, self.pairs = parts, pairs
        V, C, L, H = config.vocab_size, config.n_embd, config.n_layer, config.n_head
        if "values" in parts:
            self.token_values = nn.ModuleList(nn.Embedding(V, C) for _ in range(L))
            self.value_share = nn.Parameter(torch.full((L,), 0.5))
        if "first" in parts:
            self.kept = nn.Parameter(torch.ones(L))
            self.first_share = nn.Parameter(torch.zeros(L))
        if "pairs" in parts:
            self.pair_share = nn.Parameter(torch.tensor([0.5]))
        if "smear" in parts:
            self.smear = nn.Parameter(torch.zeros(L, H))

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits (B, T, V)."""
        B, T = ids.shape
        H = self.config.n_head
        x = first = self.embed(ids)
        for n, block in enumerate(self.blocks):
            if "first" in self.parts:
                x = self.kept[n] * x + self.first_share[n] * first
            attention = block.attention
            q, k, v = attention.heads(block.norm1(x))  # each (B, H, T, D)
            if "values" in self.parts:
                own = self.token_values[n](ids).view(B, T, H, -1).transpose(1, 2)
                v = v + self.value_share[n] * own
            if "smear" in self.parts:
                before = F.pad(k, (0, 0, 1, 0))[:, :, :-1]
                k = k + self.smear[n].view(H, 1, 1) * before
            x = x + attention.merge(attention.attend(q, k, v))
            x = x + block.feed_forward(block.norm2(x))
        logits = self.unembed(x)
        if "pairs" in self.parts:
            logits = logits + self.pair_share * self.pairs[ids]
        return logits


class CautiousMuonAdamW(MuonAdamW):
    """Decay a weight only where the update makes it smaller, too."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        decays = [group["weight_decay"] for group in self.param_groups]
        before = [[p.clone() for p in g["params"]] for g in self.param_groups]
        for group in self.param_groups:
            group["weight_decay"] = 0.0
        super().step()
        for group, decay, old in zip(self.param_groups, decays, before, strict=True):
            group["weight_decay"] = decay
            for p, was in zip(group["params"], old, strict=True):
                agrees = (was - p) * was > 0
                p.sub_(group["lr"] * decay * was * agrees)


def log_pairs(train_ids: Tensor, V: int) -> Tensor:
    """Return ln p(next | this) (V, V) by the counts of the training text."""
    ids = train_ids.long()
    counts = torch.bincount(ids[:-1] * V + ids[1:], minlength=V * V).view(V, V) + 1.0
    return (counts / counts.sum(dim=1, keepdim=True)).log()


def measure(text: tuple, part: str | None, seed: int) -> tuple[float, float]:
    """Return the validation loss of one run, and the seconds that it trained."""
    train_ids, val_ids, V = text
    config = replace(TRAINING, seed=seed)
    torch.manual_seed(seed)
    shape = replace(SHAPE, vocab_size=V, modern=True)
    model = Candidate(shape, {part} if part else set(), log_pairs(train_ids, V))
    optimizer = make_optimizer(model, config)
    if part == "cautious":
        optimizer = CautiousMuonAdamW(optimizer.param_groups)
    calls = iter(range(config.max_iters))

    def sample(ids: Tensor, B: int, T: int, generator: torch.Generator) -> tuple:
        if part == "short" and next(calls) < config.max_iters // 2:
            return random_batch(ids, 2 * B, T // 2, generator)
        return random_batch(ids, B, T, generator)

    began = time.perf_counter()
    *_, last = train(
        model, train_ids, val_ids, config, optimizer=optimizer, sample_batch=sample
    )
    return last.val_loss, time.perf_counter() - began


def main() -> None:
    args = read_options(__doc__, "tried.json")
    text, path = read_ids(args.text), args.results
    results = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for seed in range(args.seeds):
        for part in (None, *CHANGES.values()):
            runs = results.setdefault(part or "none", [])
            if len(runs) <= seed:
                runs.append(measure(text, part, seed))
                path.write_text(json.dumps(results), "utf-8")
    base = [loss for loss, _ in results["none"]]
    print(f"modern {statistics.mean(base):.3f} ({len(base)} seeds)\n")
    print("| change | difference in loss | time |\n|---|---|---|")
    for title, part in CHANGES.items():
        losses = [loss for loss, _ in results[part]]
        ratios = [
            b / a for (_, a), (_, b) in zip(results["none"], results[part], strict=True)
        ]
        time_ratio = statistics.median(ratios)
        print(f"| {title} | {describe(losses, base)} | × {time_ratio:.2f} |")


if __name__ == "__main__":
    main()

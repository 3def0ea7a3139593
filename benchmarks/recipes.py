"""Name the recipes and the text that the training benchmarks share."""

from pathlib import Path

from torch import Tensor

from minigpt.config import PRESETS, GPTConfig, TrainConfig
from minigpt.data import Dataset, make_dataset, read_text

Recipe = tuple[GPTConfig, TrainConfig]

# nanoGPT's settings for a CPU: github.com/karpathy/nanoGPT#i-only-have-a-macbook
REFERENCE = (
    GPTConfig(block_size=64, n_layer=4, n_head=4, n_embd=128),
    TrainConfig(
        batch_size=12,
        max_iters=2000,
        optimizer="adamw",
        learning_rate=1e-3,
        warmup_iters=100,
        schedule="cosine",
        min_lr_ratio=0.1,
        weight_decay=0.1,
        beta1=0.9,
        beta2=0.99,
        grad_clip=1.0,
    ),
)

# GPT-2's architecture, no better than the reference and as soon as possible.
QUICK = (
    GPTConfig(block_size=32, n_layer=2, n_head=8, n_embd=128),
    TrainConfig(
        batch_size=32,
        max_iters=413,
        optimizer="muon",
        learning_rate=1e-2,
        muon_learning_rate=0.05,
        warmup_iters=5,
        schedule="linear",
        min_lr_ratio=0.0,
        dtype="auto",
    ),
)


# Towards 1.4697, the loss of nanoGPT's 10.7 million parameters on a GPU.
HEADLINE = (
    GPTConfig(block_size=256, n_layer=4, n_head=4, n_embd=192, modern=True),
    TrainConfig(
        batch_size=8,
        max_iters=2500,
        optimizer="muon",
        learning_rate=4e-3,
        muon_learning_rate=0.02,
        warmup_iters=20,
        schedule="linear",
        min_lr_ratio=0.0,
        dtype="auto",
    ),
)


def recipes() -> dict[str, Recipe]:
    """Return every recipe by its name, the presets of the package among them."""
    presets = {name: (p.model, p.training) for name, p in PRESETS.items()}
    ours = {"reference": REFERENCE, "quick": QUICK, "headline": HEADLINE}
    return ours | presets


def read_dataset(path: Path) -> Dataset:
    """Return a text by characters, the last tenth of it to validate on."""
    return make_dataset(read_text(path))


def read_ids(path: Path) -> tuple[Tensor, Tensor, int]:
    """Return the ids of `read_dataset`, and the number of different characters."""
    dataset = read_dataset(path)
    return dataset.train_ids, dataset.val_ids, dataset.tokenizer.vocab_size

"""Define the configurations of a model and of a training run, and named presets."""

import sys
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

MAX_BLOCK_SIZE = 65_536
LARGEST = 2**63 - 1  # that fits into a tensor

KINDS: dict[Any, tuple[Any, str]] = {
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    bool: (bool, "True or False"),
    str: (str, "a text"),
}


def _make_plain(config: Any) -> None:
    """Check the types of all fields, and replace scalars of NumPy and PyTorch.

    A checkpoint with anything but plain Python numbers in it could not be loaded.
    """
    for field in fields(config):
        value: Any = getattr(config, field.name)
        if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
            value = value.item()
        own_type: Any = field.type
        kind, words = KINDS[own_type]
        # subtle: a bool is an int to Python.
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
            raise ValueError(f"{field.name} must be {words}, not {value!r}")
        if kind is Integral and not -LARGEST <= value <= LARGEST:
            raise ValueError(f"{field.name} must be below 2^63, not {value}")
        if kind is Real and not -sys.float_info.max <= value <= sys.float_info.max:
            raise ValueError(f"{field.name} must be a finite number, not {value}")
        object.__setattr__(config, field.name, own_type(value))  # it is frozen


def _check_positive(config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if not value > 0:
            raise ValueError(f"{name} must be above 0, not {value}")


def _check_fraction(config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {value}")


def _check_choice(config: object, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(config, name)
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a model.

    Args:
        vocab_size: V, number of different tokens.
        block_size: largest number of positions that attention can see.
        n_layer: number of blocks.
        n_head: H, number of attention heads in each block.
        n_embd: C, number of channels that describe one position.
        dropout: fraction of activations set to zero in training.
        modern: rotary positions, normalised queries and keys, RMSNorm and squared
            ReLU instead of GPT-2's learned positions, LayerNorm and GELU.

    Raises:
        ValueError: a value is of another type or out of its range, or n_embd is not
            divisible by n_head.
    """

    vocab_size: int = 65
    block_size: int = 64
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    dropout: float = 0.0
    modern: bool = False

    def __post_init__(self) -> None:
        _make_plain(self)
        _check_positive(self, "vocab_size", "block_size", "n_layer", "n_head", "n_embd")
        if self.block_size > MAX_BLOCK_SIZE:
            raise ValueError(
                f"block_size must be at most {MAX_BLOCK_SIZE:,}, not {self.block_size}"
            )
        _check_fraction(self, "dropout")
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd ({self.n_embd}) must be divisible by n_head ({self.n_head}): "
                "every attention head gets the same number of channels"
            )
        if self.modern and self.head_size % 2:
            raise ValueError(
                f"a modern model rotates pairs of channels, so n_embd / n_head must be "
                f"even, not {self.head_size}"
            )

    @property
    def head_size(self) -> int:
        """D, number of channels per attention head."""
        return self.n_embd // self.n_head


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained.

    Args:
        batch_size: B, number of sequences per iteration.
        max_iters: number of iterations, each of which updates the weights once.
        minutes: how long to train instead of max_iters iterations; 0 for max_iters.
        optimizer: "adamw", or "muon": Muon for the matrices inside the blocks and
            AdamW for all other parameters.
        learning_rate: peak learning rate of AdamW.
        muon_learning_rate: peak learning rate of Muon.
        warmup_iters: iterations in which the learning rates rise from 0 to the peak.
        schedule: "cosine", "linear" or "constant": how they fall afterwards.
        min_lr_ratio: final learning rate as a fraction of the peak.
        weight_decay: decoupled weight decay, for matrices only.
        beta1: decay rate of AdamW's average of the gradient.
        beta2: decay rate of AdamW's average of the squared gradient.
        grad_clip: largest norm of the gradient; 0 for no limit.
        eval_interval: iterations between two evaluations of the validation loss.
        save_interval: iterations between two checkpoints.
        seed: seed of all random numbers of the run.
        device: "auto" (CUDA if available, otherwise the CPU), "cpu", "cuda" or "mps".
        dtype: number format of matrix products: "float32", "bfloat16" or "auto", which
            is bfloat16 if the device has native instructions for it.
        compile: whether to compile the model first (faster on CUDA, slow to start).

    Raises:
        ValueError: a value is of another type or out of its range.
    """

    batch_size: int = 32
    max_iters: int = 1000
    minutes: float = 0.0
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    muon_learning_rate: float = 0.02
    warmup_iters: int = 50
    schedule: str = "cosine"
    min_lr_ratio: float = 0.1
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.99
    grad_clip: float = 1.0
    eval_interval: int = 100
    save_interval: int = 500
    seed: int = 0
    device: str = "auto"
    dtype: str = "float32"
    compile: bool = False

    def __post_init__(self) -> None:
        _make_plain(self)
        _check_positive(self, "batch_size", "max_iters", "learning_rate")
        _check_positive(self, "muon_learning_rate", "eval_interval", "save_interval")
        _check_fraction(self, "beta1", "beta2")
        for name in "minutes", "warmup_iters", "weight_decay", "grad_clip":
            if not getattr(self, name) >= 0:
                raise ValueError(
                    f"{name} must be at least 0, not {getattr(self, name)}"
                )
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be from 0 to 2^32 - 1, not {self.seed}")
        if not 0 <= self.min_lr_ratio <= 1:
            raise ValueError(f"min_lr_ratio must be 0 to 1, not {self.min_lr_ratio}")
        _check_choice(self, "optimizer", ("adamw", "muon"))
        _check_choice(self, "schedule", ("cosine", "linear", "constant"))
        _check_choice(self, "device", ("auto", "cpu", "cuda", "mps"))
        _check_choice(self, "dtype", ("auto", "float32", "bfloat16"))


@dataclass(frozen=True)
class Preset:
    """A model and a way to train it that suit each other."""

    model: GPTConfig
    training: TrainConfig
    about: str


# The vocabulary size is a placeholder: the prepared text decides it.
PRESETS = {
    "laptop": Preset(
        GPTConfig(block_size=128, n_layer=4, n_head=4, n_embd=128),
        TrainConfig(
            batch_size=16,
            max_iters=1100,
            optimizer="muon",
            learning_rate=4e-3,
            muon_learning_rate=0.05,
            warmup_iters=20,
            schedule="linear",
            min_lr_ratio=0.0,
            eval_interval=150,
            dtype="auto",
        ),
        "about two minutes on two cores, the best text you can get from them",
    ),
    "shipped": Preset(
        GPTConfig(block_size=128, n_layer=4, n_head=4, n_embd=192, dropout=0.1),
        TrainConfig(
            batch_size=16,
            max_iters=2500,
            optimizer="muon",
            learning_rate=4e-3,
            muon_learning_rate=0.03,
            warmup_iters=20,
            schedule="linear",
            min_lr_ratio=0.0,
            dtype="auto",
            eval_interval=250,
        ),
        "a quarter of an hour or so, the model that comes with the course",
    ),
    "readme": Preset(
        GPTConfig(block_size=64, n_layer=3, n_head=4, n_embd=128, dropout=0.1),
        TrainConfig(
            batch_size=32,
            max_iters=100,
            learning_rate=3e-4,
            warmup_iters=10,
            eval_interval=20,
            save_interval=50,
        ),
        "the classic script's 100 iterations",
    ),
    "tiny": Preset(
        GPTConfig(block_size=32, n_layer=2, n_head=2, n_embd=32),
        TrainConfig(
            batch_size=16,
            max_iters=60,
            learning_rate=3e-3,
            warmup_iters=5,
            eval_interval=20,
            save_interval=20,
        ),
        "seconds, for tests",
    ),
}


def get_preset(name: str) -> Preset:
    """Return the preset of that name, or raise ValueError naming all of them."""
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}: choose from {', '.join(PRESETS)}")
    return PRESETS[name]

"""Define the configurations of a model and of a training run, and named presets."""

import sys
from collections.abc import Callable
from dataclasses import Field, dataclass, fields, replace
from numbers import Integral, Real
from typing import Any

LARGEST = 2**63 - 1  # that fits into a tensor

TYPES: dict[Any, tuple[Any, str]] = {
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    bool: (bool, "True or False"),
    str: (str, "a text"),
}
# Conditions in words and as functions, and the fields that they hold for.
RANGES: list[tuple[str, Callable[[Any], bool], str]] = [
    ("above 0", lambda x: x > 0, "vocab_size block_size n_layer n_head n_embd"),
    ("above 0", lambda x: x > 0, "batch_size max_iters eval_interval save_interval"),
    ("above 0", lambda x: x > 0, "learning_rate muon_learning_rate"),
    ("at least 0", lambda x: x >= 0, "minutes copy_iters warmup_iters"),
    ("at least 1", lambda x: x >= 1, "copy_weight"),
    ("at least 0", lambda x: x >= 0, "weight_decay grad_clip"),
    ("at least 0 and below 1", lambda x: 0 <= x < 1, "dropout beta1 beta2"),
    ("at least 0 and below 1", lambda x: 0 <= x < 1, "muon_momentum"),
    ("from 0 to 1", lambda x: 0 <= x <= 1, "min_lr_ratio"),
    ("from 0 to 2^32 - 1", lambda x: 0 <= x < 2**32, "seed"),
    ("at most 65,536", lambda x: x <= 65_536, "block_size"),
]
CHOICES = {
    "optimizer": ("adamw", "muon"),
    "schedule": ("cosine", "linear", "constant"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "dtype": ("auto", "float32", "bfloat16"),
}


def _check(config: Any) -> None:
    """Check types and ranges, and replace scalars of NumPy and PyTorch.

    A checkpoint with anything but plain Python numbers in it could not be loaded.
    """
    for field in fields(config):
        value = _plain(getattr(config, field.name), field)
        object.__setattr__(config, field.name, value)  # it is frozen
        for condition, holds, names in RANGES:
            if field.name in names.split() and not holds(value):
                raise ValueError(f"{field.name} must be {condition}, not {value}")
        choices = CHOICES.get(field.name, (value,))
        if value not in choices:
            raise ValueError(
                f"{field.name} must be one of {', '.join(choices)}, not {value!r}"
            )


def _plain(value: Any, field: Field) -> Any:
    """Return a field's value as a plain Python number, bool or string."""
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    own_type: Any = field.type
    kind, words = TYPES[own_type]
    # subtle: a bool is an int to Python.
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        raise ValueError(f"{field.name} must be {words}, not {value!r}")
    if kind is Integral and not -LARGEST <= value <= LARGEST:
        raise ValueError(f"{field.name} must be below 2^63, not {value}")
    if kind is Real and not -sys.float_info.max <= value <= sys.float_info.max:
        raise ValueError(f"{field.name} must be a finite number, not {value}")
    return own_type(value)


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
        _check(self)
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd ({self.n_embd}) must be divisible by n_head ({self.n_head}): "
                "every attention head gets the same number of channels"
            )
        if self.modern and self.head_size % 2:
            raise ValueError(
                "a modern model rotates pairs of channels, so n_embd / n_head must be "
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
        optimizer: "adamw", or "muon": Muon for the matrices inside the blocks and
            AdamW for all other parameters.
        learning_rate: peak learning rate of AdamW.
        muon_learning_rate: peak learning rate of Muon.
        muon_momentum: decay rate of Muon's average of the gradient.
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
        minutes: how long to train instead of max_iters iterations; 0 for max_iters.
        copy_iters: number of iterations, at the beginning, that practise copying
            instead of learning the text (see `training.copying_batch`).
        copy_weight: weight in the loss of a target that looking back can find (see
            `training.copy_weights`), in the first three quarters of the run. All other
            targets have the weight 1.

    Raises:
        ValueError: a value is of another type or out of its range.
    """

    batch_size: int = 32
    max_iters: int = 1000
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    muon_learning_rate: float = 0.02
    muon_momentum: float = 0.95
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
    minutes: float = 0.0
    copy_iters: int = 0
    copy_weight: float = 1.0

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class Preset:
    """A model and a way to train it that suit each other."""

    model: GPTConfig
    training: TrainConfig
    about: str


_LAPTOP = TrainConfig(
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
)
_TALES = replace(
    _LAPTOP,
    batch_size=8,
    max_iters=3000,
    learning_rate=1.6e-2,
    muon_learning_rate=0.035,
    muon_momentum=0.9,
    copy_iters=100,
    copy_weight=2.0,
)
# The vocabulary size is a placeholder: the prepared text decides it.
PRESETS = {
    "tales": Preset(
        GPTConfig(block_size=256, n_layer=2, n_head=4, n_embd=128),
        _TALES,
        "two to eight minutes on two cores, for tales",
    ),
    "laptop": Preset(
        GPTConfig(block_size=128, n_layer=4, n_head=4, n_embd=128),
        _LAPTOP,
        "about two minutes on two cores, for any other text",
    ),
    "shipped": Preset(
        GPTConfig(block_size=256, n_layer=4, n_head=5, n_embd=160),
        # The seed decides how the heads share their work: benchmarks/training.md.
        replace(_TALES, batch_size=16, max_iters=2200, eval_interval=250, seed=3),
        "ten to thirty minutes, the model that comes with the course",
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

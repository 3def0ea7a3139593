"""A GPT small enough to read in one sitting and to train on a laptop.

The names below can be imported from here: `from minigpt import GPT, GPTConfig, train`.
Each loads its module when it is first asked for, so that `import minigpt` is quick and
loads neither PyTorch nor Matplotlib.
"""

import os
from importlib import import_module
from typing import Any

__version__ = "1.0.0"

_PUBLIC = {
    "attention": ("CausalSelfAttention", "causal_attention", "causal_mask"),
    "baselines": ("Baselines", "baseline_losses"),
    "checkpoint": ("Checkpoint", "TrainingState", "load_checkpoint", "save_checkpoint"),
    "config": ("GPTConfig", "TrainConfig", "get_preset"),
    "data": ("Dataset", "load_dataset", "make_dataset", "read_text", "save_dataset"),
    "decoding": ("generate",),
    "inspection": ("attention_maps", "leak_grid", "residual_stream"),
    "model": ("GPT", "Block", "FeedForward"),
    "optim": ("make_optimizer",),
    "paths": ("SHIPPED_CHECKPOINT",),
    "sampling": ("next_token_logits", "next_token_probabilities"),
    "tales": ("Grammar", "Tale", "draw_tales", "read_grammar"),
    "tokenizer": ("BPETokenizer", "CharTokenizer", "WordTokenizer", "visible"),
    "training": ("Step", "cross_entropy", "evaluate", "random_batch", "train"),
    "course": ("exercises", "faults", "overlap", "plots", "widgets"),
}
# The threads of a product spin while they wait for the slowest, and on cores that other
# programs use, spinning takes most of the time. When PyTorch loads OpenMP, it reads how
# long to spin: GNU's (Linux) in turns, LLVM's and Intel's (macOS, Windows) in
# milliseconds.
SPINNING = {"GOMP_SPINCOUNT": "100000", "KMP_BLOCKTIME": "1"}
for _name, _value in SPINNING.items():
    os.environ.setdefault(_name, _value)

_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'minigpt' has no attribute {name!r}")
    module = _MODULE_OF[name]
    if module == "course":
        return import_module(f"minigpt.course.{name}")
    return getattr(import_module(f"minigpt.{module}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

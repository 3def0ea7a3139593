"""Choose the device and the number format that a run computes with."""

import os
from collections.abc import Mapping
from typing import Any

import torch


def find_device(name: str) -> torch.device:
    """Return the device of that name; "auto" is CUDA where available, else the CPU.

    Apple's "mps" is only used when asked for by name.

    Raises:
        ValueError: PyTorch does not know the name, or this machine lacks the device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"unknown device {name!r}: try auto, cpu or cuda") from None
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available.get(device.type, True):
        raise ValueError(f"this machine has no {name} device: use auto or cpu")
    return device


def use_local_gpu() -> None:
    """Make "cuda" mean this process's own GPU when torchrun has started several."""
    if "LOCAL_RANK" in os.environ and torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def has_native_bfloat16(device: torch.device) -> bool:
    """Return whether the device has instructions for bfloat16.

    A CPU without them can multiply bfloat16 too, but more slowly than float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Older releases of PyTorch cannot report what a CPU has.
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    has_some = any(capabilities.get(n) for n in ("avx512_bf16", "amx_bf16"))
    return device.type == "cpu" and has_some


def autocast_context(dtype: str, device: torch.device) -> torch.autocast:
    """Return the autocast context of a run: `with autocast_context("auto", device):`.

    Weights stay float32; with "bfloat16" the matrix products run in bfloat16. "auto"
    means bfloat16 where `has_native_bfloat16` is true, and float32 elsewhere.
    """
    lower = dtype == "bfloat16" or (dtype == "auto" and has_native_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=lower)

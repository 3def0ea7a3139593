"""Choose the numbers that a run's matrix products are computed in."""

from collections.abc import Mapping
from typing import Any

import torch


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16, so that it is the faster one.

    Without them a CPU computes bfloat16 products too, but more slowly than float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Older releases of PyTorch cannot say what a CPU has.
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    has_some = any(capabilities.get(n) for n in ("avx512_bf16", "amx_bf16"))
    return device.type == "cpu" and has_some


def products(name: str, device: torch.device) -> torch.autocast:
    """Return the context in which a run computes: `with products("auto", device):`.

    The weights stay float32; in "bfloat16" only products and what stands between them
    lose digits. "auto" is bfloat16 where `multiplies_bfloat16`, else float32.
    """
    lower = name == "bfloat16" or (name == "auto" and multiplies_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=lower)

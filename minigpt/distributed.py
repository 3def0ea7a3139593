"""Share a batch among the processes that torchrun has started, if it has."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn


class World:
    """The processes that train together; outside torchrun, this one alone."""

    def __init__(self) -> None:
        self.active = distributed.is_available() and distributed.is_initialized()
        self.rank = distributed.get_rank() if self.active else 0
        self.size = distributed.get_world_size() if self.active else 1

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return the model, its gradients averaged over all processes."""
        return nn.parallel.DistributedDataParallel(model) if self.active else model

    def shard(self, batch: Tensor) -> Tensor:
        """Return this process's rows of a batch (B, T).

        Raises:
            ValueError: B is not a multiple of the number of processes.
        """
        if len(batch) % self.size:
            raise ValueError(
                f"batch_size ({len(batch)}) must be a multiple of the number of "
                f"processes ({self.size})"
            )
        return batch[self.rank :: self.size]

    def mean(self, value: Tensor) -> float:
        """Return the mean of a scalar over all processes."""
        if self.active:
            distributed.all_reduce(value)
        return value.item() / self.size

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any of the processes."""
        if not self.active:
            return flag
        # NCCL passes nothing on but what lies on a GPU.
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        return self.mean(torch.tensor(float(flag), device=device)) > 0


def unwrap(model: nn.Module) -> nn.Module:
    """Return the model without what torch.compile or `World.wrap` put around it."""
    while True:
        inner = getattr(model, "_orig_mod", None) or getattr(model, "module", None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner


@contextmanager
def process_group(device: torch.device) -> Iterator[World]:
    """Join the processes of torchrun for as long as the context lasts."""
    if "WORLD_SIZE" not in os.environ:
        yield World()
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World()
    finally:
        distributed.destroy_process_group()

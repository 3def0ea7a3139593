"""Update the weights: AdamW everywhere, or Muon on the matrices inside the blocks.

Sources: AdamW from Loshchilov and Hutter (2019); Muon from Jordan et al. (2024),
https://kellerjordan.github.io/posts/muon/.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from minigpt.config import TrainConfig


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """Return matrices (N, rows, columns) with all singular values brought near 1.

    Newton-Schulz iteration with Muon's coefficients, on N matrices of one shape at
    once, because a few large products are faster than many small ones.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose every update is made orthogonal, for matrices only."""

    def __init__(
        self, params: Iterable[Any], lr: float, momentum: float, weight_decay: float
    ) -> None:
        super().__init__(
            params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    by_shape.setdefault(p.shape, []).append(p)
            for params in by_shape.values():
                self._update(params, group)

    def _update(self, params: list[Tensor], group: dict) -> None:
        for p in params:
            self.state[p].setdefault("momentum", torch.zeros_like(p))
        grads = torch.stack([p.grad for p in params])
        momenta = torch.stack([self.state[p]["momentum"] for p in params])
        momenta.lerp_(grads, 1 - group["momentum"])
        updates = orthogonalize(grads.lerp(momenta, group["momentum"]))  # Nesterov
        rows, columns = params[0].shape
        scale = max(1.0, rows / columns) ** 0.5
        for p, momentum, update in zip(params, momenta, updates, strict=True):
            self.state[p]["momentum"].copy_(momentum)
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.add_(update, alpha=-group["lr"] * scale)


class Optimizer:
    """One or more torch optimizers that move as one.

    `param_groups` is the list of all their groups, each with its highest learning
    rate under "max_lr".
    """

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts
        for group in self.param_groups:
            group["max_lr"] = group["lr"]

    @property
    def param_groups(self) -> list[dict]:
        return list(chain.from_iterable(part.param_groups for part in self.parts))

    def set_learning_rate(self, share: float) -> None:
        """Set every group to that share of its highest learning rate."""
        for group in self.param_groups:
            group["lr"] = group["max_lr"] * share

    def step(self) -> None:
        for part in self.parts:
            part.step()

    def zero_grad(self) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> dict:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state: dict) -> None:
        """Restore what `state_dict` gave, or raise ValueError if it does not fit."""
        if len(state["parts"]) != len(self.parts):
            raise ValueError("the optimizer's state is that of another optimizer")
        for part, part_state in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(part_state)


def make_optimizer(model: nn.Module, config: TrainConfig) -> Optimizer:
    """Return the optimizer of that config; only matrices decay, and all are covered."""
    matrices = {n: p for n, p in model.named_parameters() if p.ndim >= 2}
    vectors = [p for p in model.parameters() if p.ndim < 2]
    hidden = []
    if config.optimizer == "muon":
        hidden = [matrices.pop(n) for n in list(matrices) if n.startswith("blocks.")]
    adamw = torch.optim.AdamW(
        [
            {"params": list(matrices.values()), "weight_decay": config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        fused=True,
    )
    if not hidden:
        return Optimizer(adamw)
    muon = Muon(hidden, config.muon_learning_rate, 0.95, config.weight_decay)
    return Optimizer(muon, adamw)

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

# Each step turns every singular value x into a x + b x³ + c x⁵. These three, worked out
# as in "The Polar Express" (Amsel et al., 2025), bring all from 0.01 to 1 near 1 (0.73
# to 1.27), for three fifths of the work of Muon's own five steps.
POLAR_EXPRESS = (
    (8.0934, -23.6204, 17.4462),
    (3.6366, -2.7219, 0.5365),
    (2.6613, -1.9772, 0.4526),
)


def orthogonalize(matrices: Tensor) -> Tensor:
    """Return matrices (N, rows, columns) with their singular values brought near 1.

    A Newton-Schulz iteration on N matrices of one shape at once, because a few large
    products are faster than many small ones.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for a, b, c in POLAR_EXPRESS:
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose every update is made orthogonal, for matrices only.

    A group's "parts" says how many matrices each of its parameters holds, one above
    the other: `qkv` holds three, and each is made orthogonal for itself.
    """

    def __init__(
        self, params: Iterable[Any], lr: float, momentum: float, weight_decay: float
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"parts": 1})

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
        grads = torch.stack([p.grad for p in params if p.grad is not None])
        momenta = torch.stack([self.state[p]["momentum"] for p in params])
        momenta.lerp_(grads, 1 - group["momentum"])
        updates = grads.lerp(momenta, group["momentum"])  # Nesterov
        rows, columns = params[0].shape[0] // group["parts"], params[0].shape[1]
        updates = orthogonalize(updates.view(-1, rows, columns)).view_as(grads)
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
        """Remember what `state_dict` gave of past gradients; settings stay one's own.

        Raises:
            ValueError: it is the state of an optimizer of other parameters.
        """
        try:
            self._remember(state)
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError("the state is not one of these optimizers") from error

    def _remember(self, state: dict) -> None:
        parts = []
        for own, part in zip(self.parts, state["parts"], strict=True):
            groups = own.state_dict()["param_groups"]
            sizes = [len(group["params"]) for group in groups]
            if sizes != [len(group["params"]) for group in part["param_groups"]]:
                raise ValueError("the optimizers do not have the same parameters")
            _check_memory(own, part["state"])
            parts.append({"state": part["state"], "param_groups": groups})
        for own, part in zip(self.parts, parts, strict=True):
            own.load_state_dict(part)


def _check_memory(optimizer: torch.optim.Optimizer, state: dict) -> None:
    """Raise ValueError unless the state remembers as much of every parameter."""
    params = list(chain.from_iterable(g["params"] for g in optimizer.param_groups))
    if not state:
        return  # of an optimizer that has not made a step
    muon = isinstance(optimizer, Muon)
    names = {"momentum"} if muon else {"step", "exp_avg", "exp_avg_sq"}
    for i, p in enumerate(params):
        memory = state[i]
        if memory.keys() != names or not all(map(_is_plain, memory.values())):
            raise ValueError("it does not remember what it should of all parameters")
        shapes = {name: () if name == "step" else p.shape for name in names}
        if any(m.shape != shapes[name] for name, m in memory.items()):
            raise ValueError("what it remembers has not the shape of its parameters")


def _is_plain(memory: object) -> bool:
    """Whether it is a tensor that a fused kernel can work on without looking."""
    return (
        isinstance(memory, Tensor)
        and memory.layout is torch.strided
        and not memory.is_meta
        and memory.is_floating_point()
        and memory.is_contiguous()
    )


def make_optimizer(model: nn.Module, config: TrainConfig) -> Optimizer:
    """Return the optimizer of that config; only matrices decay, and all are covered."""
    matrices = {n: p for n, p in model.named_parameters() if p.ndim >= 2}
    vectors = [p for p in model.parameters() if p.ndim < 2]
    muon = None
    if config.optimizer == "muon":
        inside = {n: matrices.pop(n) for n in list(matrices) if n.startswith("blocks.")}
        qkv = [p for n, p in inside.items() if n.endswith(".qkv.weight")]
        others = [p for n, p in inside.items() if not n.endswith(".qkv.weight")]
        muon = Muon(
            [{"params": others}, {"params": qkv, "parts": 3}],
            lr=config.muon_learning_rate,
            momentum=0.95,
            weight_decay=config.weight_decay,
        )
    adamw = torch.optim.AdamW(
        [
            {"params": list(matrices.values()), "weight_decay": config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        fused=True,
    )
    return Optimizer(muon, adamw) if muon else Optimizer(adamw)

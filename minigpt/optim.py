"""Update the weights with AdamW, or with Muon for the matrices inside the blocks.

Sources: AdamW from Loshchilov and Hutter (2019); Muon from Jordan et al. (2024),
https://kellerjordan.github.io/posts/muon/.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from minigpt.config import TrainConfig
from minigpt.distributed import unwrap

# Each step maps every singular value x to a x + b x³ + c x⁵. These coefficients, found
# as in "The Polar Express" (Amsel et al., 2025), bring all values from 0.01 to 1 close
# to 1 (0.73 to 1.27) in three steps; Muon's original coefficients need five.
POLAR_EXPRESS = (
    (8.0934, -23.6204, 17.4462),
    (3.6366, -2.7219, 0.5365),
    (2.6613, -1.9772, 0.4526),
)


def orthogonalize(matrices: Tensor) -> Tensor:
    """Return matrices (N, rows, columns) with their singular values brought near 1.

    This is a Newton-Schulz iteration. It takes N matrices of one shape at once, because
    a few large products are faster than many small ones.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for a, b, c in POLAR_EXPRESS:
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class MuonAdamW(torch.optim.Optimizer):
    """Apply AdamW or Muon to each parameter group, as its "kind" says.

    Every group also holds "max_lr", the learning rate that `set_lr_multiplier` scales.
    A Muon group's "parts" is the number of matrices stacked in each of its parameters:
    the weight `qkv` holds three, and each is orthogonalized by itself.
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        for group in groups:
            group["max_lr"] = group["lr"]
        super().__init__(groups, {})

    def set_lr_multiplier(self, multiplier: float) -> None:
        """Set the learning rate of every group to `multiplier` times its "max_lr"."""
        for group in self.param_groups:
            group["lr"] = group["max_lr"] * multiplier

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if group["kind"] == "muon":
                for shape in dict.fromkeys(p.shape for p in params):
                    self._muon([p for p in params if p.shape == shape], group)
            else:
                for p in params:
                    self._adamw(p, group)

    def _adamw(self, p: Tensor, group: dict[str, Any]) -> None:
        grad, state, (beta1, beta2) = p.grad, self.state[p], group["betas"]
        assert grad is not None
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(p)
            state["exp_avg_sq"] = torch.zeros_like(p)
        state["step"] += 1
        steps = state["step"].item()
        mean = state["exp_avg"].lerp_(grad, 1 - beta1)
        square = state["exp_avg_sq"].lerp_(grad.square(), 1 - beta2)
        root = (square / (1 - beta2**steps)).sqrt_().add_(1e-8)
        p.mul_(1 - group["lr"] * group["weight_decay"])
        p.addcdiv_(mean, root, value=-group["lr"] / (1 - beta1**steps))

    def _muon(self, params: list[Tensor], group: dict[str, Any]) -> None:
        """Update parameters of one shape: Nesterov momentum, then orthogonalization."""
        for p in params:
            if not self.state[p]:
                self.state[p]["momentum"] = torch.zeros_like(p)
        momenta = [self.state[p]["momentum"] for p in params]
        grads = torch.stack([p.grad for p in params if p.grad is not None])
        for momentum, grad in zip(momenta, grads, strict=True):
            momentum.lerp_(grad, 1 - group["momentum"])
        updates = grads.lerp(torch.stack(momenta), group["momentum"])
        rows, columns = params[0].shape[0] // group["parts"], params[0].shape[1]
        updates = orthogonalize(updates.view(-1, rows, columns)).view_as(grads)
        scale = math.sqrt(max(1.0, rows / columns))
        for p, update in zip(params, updates, strict=True):
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.add_(update, alpha=-group["lr"] * scale)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the moments; learning rates and other settings stay as they are.

        Raises:
            ValueError: the state belongs to other parameters or another optimizer.
        """
        own = self.state_dict()["param_groups"]
        try:
            saved = state_dict["param_groups"]
            kinds = [[(g["kind"], len(g["params"])) for g in x] for x in (own, saved)]
            fits = kinds[0] == kinds[1] and self._fits(state_dict["state"])
        except (LookupError, TypeError, AttributeError):
            fits = False
        if not fits:
            raise ValueError("the state belongs to another optimizer or another model")
        super().load_state_dict({"state": state_dict["state"], "param_groups": own})

    def _fits(self, state: dict[int, dict[str, Tensor]]) -> bool:
        """Return whether each parameter has its own moments, or none yet."""
        params = [(p, g["kind"]) for g in self.param_groups for p in g["params"]]
        for i, moments in state.items():
            p, kind = params[i]
            shapes: dict[str, Any] = {"momentum": p.shape}
            if kind == "adamw":
                shapes = {"step": (), "exp_avg": p.shape, "exp_avg_sq": p.shape}
            if {name: moment.shape for name, moment in moments.items()} != shapes:
                return False
        return True


def make_optimizer(model: nn.Module, config: TrainConfig) -> MuonAdamW:
    """Return the optimizer of a training config for all parameters of a model.

    Only matrices decay. With "muon" the matrices inside the blocks are updated by Muon;
    all other parameters, the embeddings among them, by AdamW.
    """
    named = dict(unwrap(model).named_parameters())
    vectors = [p for p in named.values() if p.ndim < 2]
    matrices = {n: p for n, p in named.items() if p.ndim >= 2}
    betas = (config.beta1, config.beta2)
    adamw = {"kind": "adamw", "lr": config.learning_rate, "betas": betas}
    muon = {
        "kind": "muon",
        "lr": config.muon_learning_rate,
        "momentum": config.muon_momentum,
    }
    by_muon = config.optimizer == "muon"
    inside = [n for n in matrices if by_muon and n.startswith("blocks.")]
    qkv = [matrices[n] for n in inside if n.endswith(".qkv.weight")]
    single = [matrices[n] for n in inside if not n.endswith(".qkv.weight")]
    rest = [p for n, p in matrices.items() if n not in inside]
    decay = config.weight_decay
    groups = [
        muon | {"params": single, "parts": 1, "weight_decay": decay},
        muon | {"params": qkv, "parts": 3, "weight_decay": decay},
        adamw | {"params": rest, "weight_decay": decay},
        adamw | {"params": vectors, "weight_decay": 0.0},
    ]
    return MuonAdamW([group for group in groups if group["params"]])

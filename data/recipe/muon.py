"""Muon for matrices, AdamW for everything else."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# parts of the names of weights that AdamW keeps: a network's ends
NOT_MATRICES = ("conv_in.", "conv_out.", "embedding", "pos_embed.", "transformer.proj_out.")
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
STEPS = 5  # of Newton–Schulz


def takes(name: str, parameter: Tensor) -> bool:
    """Whether Muon trains a parameter: weights of two dimensions and more, but not the ends of a network."""
    return parameter.ndim >= 2 and not any(part in name for part in NOT_MATRICES)


class Muon(torch.optim.Optimizer):
    """Momentum whose steps are orthogonal matrices (Moonlight, 2502.16982).

    A convolution's weight is seen as out × (in · k · k). An orthogonal step times
    0.2 √max(rows, columns) has the size of AdamW's. Weights of one shape take their step together.
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        lr: float,
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        products: torch.dtype = torch.float32,
    ) -> None:
        """``products``: the type of the matrix products, bfloat16 where the device multiplies it natively."""
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.products = products

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One step along the gradients."""
        for group in self.param_groups:
            alike: dict[tuple[int, int], list[nn.Parameter]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    alike.setdefault((p.shape[0], p[0].numel()), []).append(p)
            for (rows, columns), parameters in alike.items():
                wanted = torch.stack([self._momentum(p, group["momentum"]).flatten(1) for p in parameters])
                steps = orthogonal(wanted, self.products) * (0.2 * max(rows, columns) ** 0.5)
                for p, along in zip(parameters, steps, strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.sub_(along.reshape(p.shape), alpha=group["lr"])

    def _momentum(self, p: nn.Parameter, momentum: float) -> Tensor:
        """Nesterov's: the gradient once more on top of the running mean that has it already."""
        state = self.state[p]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(p)
        state["momentum"].lerp_(p.grad, 1 - momentum)
        return p.grad.lerp(state["momentum"], momentum)


def orthogonal(matrices: Tensor, products: torch.dtype = torch.float32) -> Tensor:
    """The nearest matrices whose singular values are all about 1, (n, rows, columns), by Newton–Schulz."""
    a, b, c = NEWTON_SCHULZ
    x = (matrices / (matrices.flatten(1).norm(dim=1)[:, None, None] + 1e-7)).to(products)
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    for _ in range(STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)

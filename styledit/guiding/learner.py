"""What is learned, and the one optimiser of it: offsets from what an edit reads, by Adam, the best kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

Tensors = dict[str, torch.Tensor]
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class Learner:
    """Offsets with their bases, Adam, and the offsets of the lowest loss so far.

    What a network reads is base + offset. `best`: the offsets of the lowest loss; `loss`: that loss; `idle`:
    iterations since it was last beaten by more than `tolerance` of itself.

    Args:
        bases: what an edit would read, (1, N, d) each.
        offsets: where to start, of the same shapes.
        rate: Adam's learning rate.
        clamp: whether base + offset is kept in [-1, 1].
        tolerance: what counts as no improvement, as a fraction of the loss.
        free: (N, 1), 1 where value inputs may move, 0 where they stay; what the unconditional branch reads
            may move everywhere.
        each: how many tensors a step has: value inputs, and what the unconditional branch reads.
    """

    def __init__(
        self,
        bases: Sequence[torch.Tensor],
        offsets: Sequence[torch.Tensor],
        *,
        rate: float,
        clamp: bool,
        tolerance: float,
        free: torch.Tensor,
        each: int,
    ) -> None:
        self.parameters = [offset.detach().clone().requires_grad_() for offset in offsets]
        self.clamp = clamp
        self.tolerance = tolerance
        self.free = free
        self.each = each
        self.adam = torch.optim.Adam(self.parameters, lr=rate)
        self.begin(bases)

    def begin(self, bases: Sequence[torch.Tensor]) -> None:
        """Another loss, with bases of its own; offsets and moments go on."""
        self.bases = [base.detach().to(p) for base, p in zip(bases, self.parameters, strict=True)]
        self._bound()
        self.forget()

    def forget(self) -> None:
        """What was best is no more."""
        self.best = [p.detach().clone() for p in self.parameters]
        self.loss = math.inf
        self.idle = 0

    def read(self) -> list[torch.Tensor]:
        """base + offset of each, with gradients."""
        return [base + p for base, p in zip(self.bases, self.parameters, strict=True)]

    def best_read(self) -> list[torch.Tensor]:
        """The same of the best offsets, without gradients."""
        return [base + best for base, best in zip(self.bases, self.best, strict=True)]

    def note(self, loss: float) -> None:
        """Compare the loss of the present offsets with the best."""
        self.idle = (
            0
            if loss < self.loss - self.tolerance * abs(self.loss) or self.loss == math.inf
            else self.idle + 1
        )
        if loss < self.loss:
            self.loss = loss
            self.best = [p.detach().clone() for p in self.parameters]

    def move(self, gradients: Sequence[torch.Tensor]) -> None:
        """One step of Adam."""
        for k, (p, part) in enumerate(zip(self.parameters, gradients, strict=True)):
            p.grad = part if k % self.each else part * self.free.to(part)  # Adam leaves a gradient of 0 alone
        self.adam.step()
        self.adam.zero_grad()
        self._bound()

    def take_best(self) -> None:
        """Go on from the best offsets."""
        with torch.no_grad():
            for p, best in zip(self.parameters, self.best, strict=True):
                p.copy_(best)

    def state(self) -> Tensors:
        """Everything that it goes on from, copied."""
        tensors = {"loss": torch.tensor(self.loss, dtype=torch.float64)}
        tensors["idle"] = torch.tensor(float(self.idle), dtype=torch.float64)
        for k, (p, best) in enumerate(zip(self.parameters, self.best, strict=True)):
            tensors |= {f"{k}/offset": p.detach().clone(), f"{k}/best": best.clone()}
            moments = self.adam.state[p]
            tensors |= {f"{k}/{name}": torch.as_tensor(moments[name]).clone() for name in MOMENTS if moments}
        return tensors

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go on from `state`.

        Raises:
            KeyError, RuntimeError: it is that of other offsets.
        """
        self.loss = float(tensors["loss"])
        self.idle = int(tensors["idle"])
        self.adam.state.clear()
        with torch.no_grad():
            for k, p in enumerate(self.parameters):
                p.copy_(tensors[f"{k}/offset"])
                self.best[k] = tensors[f"{k}/best"].to(p).clone()
                if f"{k}/step" in tensors:
                    moments = {name: tensors[f"{k}/{name}"].clone() for name in MOMENTS}
                    self.adam.state[p] = moments | {"step": moments["step"].cpu()}

    @torch.no_grad()
    def _bound(self) -> None:
        """Keep base + offset in [-1, 1], where asked."""
        if self.clamp:
            for base, p in zip(self.bases, self.parameters, strict=True):
                p.copy_((base + p).clamp(-1, 1) - base)

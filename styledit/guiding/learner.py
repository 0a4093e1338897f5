"""What is learned, and the one optimiser of it: offsets from what an edit reads, by Adam, the best kept."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch


class Learner:
    """Offsets with their bases, Adam, and the offsets of the lowest loss so far.

    What a network reads is base + offset. `best`: the offsets of the lowest loss; `loss`: that loss;
    `stalled`: iterations since it was last beaten by more than `tolerance` of itself.

    Args:
        bases: what an edit would read, (1, N, d) each; offsets begin at 0.
        rate: Adam's learning rate.
        clamp: whether base + offset is kept in [-1, 1].
        tolerance: what counts as no improvement, as a fraction of the loss.
        free: (N, 1), 1 where value inputs may move, 0 where they stay; what the unconditional branch reads
            may move everywhere.
        per_step: how many tensors a step has: value inputs, and what the unconditional branch reads.
    """

    def __init__(
        self,
        bases: Sequence[torch.Tensor],
        *,
        rate: float,
        clamp: bool,
        tolerance: float,
        free: torch.Tensor,
        per_step: int,
    ) -> None:
        self.parameters = [torch.zeros_like(base).requires_grad_() for base in bases]
        self.clamp = clamp
        self.tolerance = tolerance
        self.free = free
        self.per_step = per_step
        self.adam = torch.optim.Adam(self.parameters, lr=rate)
        self.begin(bases)

    def begin(self, bases: Sequence[torch.Tensor]) -> None:
        """Another loss, with bases of its own; offsets and moments go on."""
        self.bases = [base.detach().to(p) for base, p in zip(bases, self.parameters, strict=True)]
        self._clamp()
        self.best = [p.detach().clone() for p in self.parameters]
        self.loss = math.inf
        self.stalled = 0

    def inputs(self) -> list[torch.Tensor]:
        """base + offset of each, with gradients."""
        return [base + p for base, p in zip(self.bases, self.parameters, strict=True)]

    def best_inputs(self) -> list[torch.Tensor]:
        """The same of the best offsets, without gradients."""
        return [base + best for base, best in zip(self.bases, self.best, strict=True)]

    def compare(self, loss: float) -> None:
        """The loss of the present offsets against the lowest so far."""
        improved = self.loss == math.inf or loss < self.loss - self.tolerance * abs(self.loss)
        self.stalled = 0 if improved else self.stalled + 1
        if loss < self.loss:
            self.loss = loss
            self.best = [p.detach().clone() for p in self.parameters]

    def step(self, gradients: Sequence[torch.Tensor]) -> None:
        """One step of Adam."""
        for k, (p, part) in enumerate(zip(self.parameters, gradients, strict=True)):
            is_values = k % self.per_step == 0
            p.grad = part * self.free.to(part) if is_values else part  # Adam leaves a gradient of 0 alone
        self.adam.step()
        self.adam.zero_grad()
        self._clamp()

    @torch.no_grad()
    def take_best(self) -> None:
        """Go on from the best offsets."""
        for p, best in zip(self.parameters, self.best, strict=True):
            p.copy_(best)

    @torch.no_grad()
    def _clamp(self) -> None:
        """Keep base + offset in [-1, 1], where asked."""
        if self.clamp:
            for base, p in zip(self.bases, self.parameters, strict=True):
                p.copy_((base + p).clamp(-1, 1) - base)

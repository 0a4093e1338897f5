"""The losses are taken of the finished picture of a whole run, and go back through all of its steps."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import torch

from styledit.attention import SourceAttention
from styledit.denoising import State, check_finite
from styledit.guiding.shared import GuidedState, Shared, Tensors, present, quietly
from styledit.guiding.terms import LossValues
from styledit.objectives import gradient
from styledit.storage.files import group


class WholeRun(Shared):
    """Value inputs of all steps, a full run, losses of its picture, and the way back step by step.

    Going back, each step is computed again from the latents that it started from, so that memory holds the
    activations of one step only.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        pairs = [self.start(i) for i in range(self.steps)]
        bases = [read for pair in pairs for read in present(pair)]
        zero = [torch.zeros_like(base) for base in bases]
        self.of_a_step = len(bases) // self.steps
        self.learner = self.new_learner(bases, zero, self.of_a_step)

    def run(self) -> Generator[State, None, None]:
        yield from self.edit_run.source.reach(self.steps)
        while self.finished < self.plan.iterations and self.learner.idle < self.plan.patience:
            yield from self._iterate()

    def settle(self) -> None:
        """The best of all iterations."""
        self.edit_run.states = []
        self._leave(self.learner.best_read())

    def state(self) -> Tensors:
        return super().state() | {f"learner/{name}": t for name, t in self.learner.state().items()}

    def restore(self, tensors: Tensors) -> None:
        super().restore(tensors)
        self.learner.restore(group(tensors, "learner/"))

    def _leave(self, reads: list[torch.Tensor]) -> None:
        """Let the run read these."""
        n = self.of_a_step
        for i in range(self.steps):
            own = [read.detach() for read in reads[i * n : (i + 1) * n]]
            self.edit_run.learned[i] = (own[0], own[1] if n > 1 else None)

    def _iterate(self) -> Generator[State, None, None]:
        """There and back once."""
        run = self.edit_run
        run.states = []
        self._leave(self.learner.read())
        while len(run.states) < self.steps:
            yield from self.advance()
        said, pixels, toward = self._look()
        gradients: list[list[torch.Tensor]] = []
        extra: dict[str, float] = {}
        maps: dict[str, torch.Tensor] = {}
        for i in reversed(range(self.steps)):
            attention = yield from quietly(run.source.step(i, self.needs_source(i)))
            toward, own, parts, recorded = self._back(i, attention, toward)
            gradients.insert(0, own)
            extra = {name: extra.get(name, 0.0) + value / self.steps for name, value in parts.items()}
            maps = maps or recorded
            yield self.guided_state(i, run.states[i].z, run.states[-1].z, finished=False)
        weights = {name: weight for name, (weight, _) in self.terms.weighted.items()}
        loss = said.loss + sum(weights[name] * value for name, value in extra.items())
        said = LossValues(loss, said.parts | extra)
        yield self._finish(said, pixels, maps, gradients)

    def _look(self) -> tuple[LossValues, torch.Tensor, torch.Tensor]:
        """What the terms say of the picture, its pixels (1, 3, H, W), and the gradient with respect to its
        latents, (1, C, h, w).
        """
        run = self.edit_run
        check_finite(run.states[-1].z, self.steps - 1)
        with torch.enable_grad():
            z = run.states[-1].z.detach().requires_grad_()
            seen = run.objective_state(0, {}, self.scales, lambda: z, SourceAttention())
            said = self.terms.of("x0", "pixels")(seen)
            if not said.loss.requires_grad:  # attention terms alone
                return said, seen.pixels, torch.zeros_like(z)
            (toward,) = gradient(said.loss, [z], run.pipe.unet.dtype)
        return LossValues(said.loss.detach(), said.parts), seen.pixels.detach(), toward

    def _back(
        self, i: int, attention: SourceAttention, toward: torch.Tensor
    ) -> tuple[torch.Tensor, list[torch.Tensor], dict[str, float], dict[str, torch.Tensor]]:
        """From the gradient at the latents that step i reached to those that it started from, and to what it
        reads: the chain rule by hand; what the terms said, and the maps.
        """
        run, n = self.edit_run, self.of_a_step
        before = run.states[i - 1].z if i else run.source.inversion.z_T
        with torch.enable_grad():
            z = before.detach().requires_grad_()
            own = [read.detach().requires_grad_() for read in self.learner.read()[i * n : (i + 1) * n]]
            pair = (own[0], own[1] if n > 1 else None)
            with run.passing(
                z, i, attention, pair, None, frozenset(self.scales), self.plan.low_memory
            ) as passed:
                reached = run.blended(passed.z, run.states[i].masks[0], i + 1)
                seen = run.objective_state(0, passed.maps, self.scales, lambda: passed.x0, attention)
                said = self.terms.of("maps")(seen)
                # d L / d(z, v) = (d L / d z') (d z' / d(z, v)): the gradient of <toward, z'>
                pull = (toward * reached).sum() + said.loss / self.steps
                back, *parts = gradient(pull, [z, *own], run.pipe.unet.dtype)
        self.log.evaluations += 3 * (1 + run.needs_unconditional(i))
        return back, parts, said.parts, {layer: kept.detach() for layer, kept in passed.maps.items()}

    def _finish(
        self,
        said: LossValues,
        pixels: torch.Tensor,
        maps: dict[str, torch.Tensor],
        gradients: list[list[torch.Tensor]],
    ) -> GuidedState:
        """Take the step of Adam."""
        loss = float(said.loss)
        last = self.edit_run.states[-1]
        frame = self.note(self.steps - 1, said, pixels, maps)
        self.learner.note(loss)
        self.learner.move([part for own in gradients for part in own])
        self.finished += 1
        told = {"loss": loss, "terms": said.parts, "best": self.learner.loss, "frame": frame}
        return self.guided_state(self.steps - 1, last.z, last.z, **told)

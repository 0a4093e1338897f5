"""The losses are taken of the finished picture of a whole run, and go back through all of its steps."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import torch

from styledit.attention import SourceAttention
from styledit.denoising import State, check_finite
from styledit.guiding.optimisation import (
    GuidedState,
    Optimisation,
    as_substeps,
    inputs_of,
    recomputing_decoder,
    tensors_of,
)
from styledit.guiding.terms import LossValues
from styledit.objectives import gradient


class WholeRunOptimisation(Optimisation):
    """Value inputs of all steps, a full run, losses of its picture, and the way back step by step.

    Going back, each step is computed again from the latents that it started from, so that memory holds the
    activations of one step only.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        bases = [tensor for i in range(self.steps) for tensor in tensors_of(self.start(i))]
        self.per_step = len(bases) // self.steps
        self.learner = self.new_learner(bases, self.per_step)

    @property
    def length(self) -> int:
        return self.settings.iterations_in_all

    def run(self) -> Generator[State, None, None]:
        yield from self.edit_run.source.reach(self.steps)
        patience = self.settings.patience_in_use
        while self.log.iterations < self.length and self.learner.stalled < patience:
            yield from self._iterate()

    def use_best(self) -> None:
        """The best of all iterations."""
        self.edit_run.restart()
        self._set_inputs(self.learner.best_inputs())

    def _set_inputs(self, tensors: list[torch.Tensor]) -> None:
        """Let the run read these, of all steps in turn."""
        for i in range(self.steps):
            self.edit_run.learned[i] = inputs_of([tensor.detach() for tensor in self._of_step(i, tensors)])

    def _of_step(self, i: int, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        return tensors[i * self.per_step : (i + 1) * self.per_step]

    def _iterate(self) -> Generator[State, None, None]:
        """There and back once."""
        run = self.edit_run
        run.restart()
        self._set_inputs(self.learner.inputs())
        while len(run.states) < self.steps:
            yield from self.advance()
        losses, pixels, toward = self._losses_of_picture()
        gradients: list[torch.Tensor] = []
        of_maps: dict[str, float] = {}
        maps: dict[str, torch.Tensor] = {}
        for i in reversed(range(self.steps)):
            attention = yield from as_substeps(run.source.step(i, self.needs_source(i)))
            toward, own, parts, recorded = self._back(i, attention, toward)
            gradients = own + gradients
            of_maps = {name: of_maps.get(name, 0.0) + value / self.steps for name, value in parts.items()}
            maps = maps or recorded
            yield self.guided_state(i, run.states[i].z, run.states[-1].z, finished=False)
        weighted = self.terms.weighted
        loss = losses.loss + sum(weighted[name][0] * value for name, value in of_maps.items())
        yield self._step_of_adam(LossValues(loss, losses.parts | of_maps), pixels, maps, gradients)

    def _losses_of_picture(self) -> tuple[LossValues, torch.Tensor, torch.Tensor]:
        """The terms that read the finished picture, its pixels (1, 3, H, W), and the gradient with respect to
        its latents, (1, C, h, w).
        """
        run = self.edit_run
        check_finite(run.states[-1].z, self.steps - 1)
        with torch.enable_grad(), recomputing_decoder(run.pipe, self.settings.low_memory):
            z = run.states[-1].z.detach().requires_grad_()
            state = run.objective_state(0, {}, self.scales, lambda: z, SourceAttention())
            losses = self.terms.of("x0", "pixels")(state)
            if not losses.loss.requires_grad:  # attention terms alone
                return losses, state.pixels, torch.zeros_like(z)
            (toward,) = gradient(losses.loss, [z], run.pipe.unet.dtype)
        return LossValues(losses.loss.detach(), losses.parts), state.pixels.detach(), toward

    def _back(
        self, i: int, attention: SourceAttention, toward: torch.Tensor
    ) -> tuple[torch.Tensor, list[torch.Tensor], dict[str, float], dict[str, torch.Tensor]]:
        """From the gradient at the latents that step i reached to those that it started from, and to what it
        reads: the chain rule by hand; the terms that read the step's maps, and the maps.
        """
        run = self.edit_run
        before = run.states[i - 1].z if i else run.source.inversion.z_T
        with torch.enable_grad():
            z = before.detach().requires_grad_()
            own = [tensor.detach().requires_grad_() for tensor in self._of_step(i, self.learner.inputs())]
            step = self.differentiable_step(z, i, attention, inputs_of(own))
            reached = run.blended(step.z, run.states[i].masks[0], i + 1)
            state = run.objective_state(0, step.maps, self.scales, lambda: step.x0, attention)
            losses = self.terms.of("maps")(state)
            # d L / d(z, v) = (d L / d z') (d z' / d(z, v)): the gradient of <toward, z'>
            total = (toward * reached).sum() + losses.loss / self.steps
            back, *parts = gradient(total, [z, *own], run.pipe.unet.dtype)
        self.log.evaluations += 3 * (1 + run.needs_unconditional(i))
        return back, parts, losses.parts, {layer: kept.detach() for layer, kept in step.maps.items()}

    def _step_of_adam(
        self,
        losses: LossValues,
        pixels: torch.Tensor,
        maps: dict[str, torch.Tensor],
        gradients: list[torch.Tensor],
    ) -> GuidedState:
        """Log the iteration and take the step."""
        loss = float(losses.loss)
        last = self.edit_run.states[-1]
        frame = self.record(self.steps - 1, losses, pixels, maps)
        self.learner.compare(loss)
        self.learner.step(gradients)
        about = {"loss": loss, "terms": losses.parts, "best": self.learner.loss, "frame": frame}
        return self.guided_state(self.steps - 1, last.z, last.z, **about)

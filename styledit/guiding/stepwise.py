"""The losses are taken at every step, on the clean estimate: one network call and the decoder."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import torch

from styledit.attention import SourceAttention
from styledit.denoising import State
from styledit.guiding.learner import Learner
from styledit.guiding.log import LOSS
from styledit.guiding.optimisation import (
    GuidedState,
    Optimisation,
    as_substeps,
    inputs_of,
    recomputing_decoder,
    tensors_of,
)
from styledit.objectives import gradient


class StepwiseOptimisation(Optimisation):
    """At each step, from the noisiest: a few iterations on the clean estimate, then the step itself."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.learner: Learner | None = None
        self.current = -1  # the step that the learner is at

    @property
    def length(self) -> int:
        return self.steps

    def run(self) -> Generator[State, None, None]:
        run = self.edit_run
        yield from run.source.reach(self.steps)
        for i in range(len(run.states), self.steps):
            attention = yield from as_substeps(run.source.step(i, self.needs_source(i)))
            learner = self._begin(i)
            yield from self._optimise(i, attention, learner)
            run.learned[i] = inputs_of(learner.best_inputs())
            yield from self.advance()
            last = run.states[-1]
            yield self.guided_state(i, last.z, last.x0, **self._last_losses(learner))

    def use_best(self) -> None:
        """The best of each step; the steps that were not begun go on from where the last one was."""
        learned = self.edit_run.learned
        if self.learner is not None:
            learned[self.current] = inputs_of(self.learner.best_inputs())
            self.learner.take_best()
        for i in range(self.current + 1, self.steps):
            learned[i] = inputs_of(self._begin(i).best_inputs())

    def _begin(self, i: int) -> Learner:
        """The learner at step i."""
        bases = tensors_of(self.start(i))
        if self.learner is None or not self.settings.warm:
            self.learner = self.new_learner(bases, len(bases))
        else:
            self.learner.begin(bases)
        self.current = i
        return self.learner

    def _optimise(self, i: int, attention: SourceAttention, learner: Learner) -> Generator[State, None, None]:
        """The iterations of step i."""
        run = self.edit_run
        count = self._iterations_at(i)
        z = run.z
        unconditional = None
        if count and not self.settings.both_branches:
            unconditional = run.unconditional_output(z, i, attention)
            self.log.evaluations += unconditional is not None
        for _ in range(count):
            yield self._iterate(i, z, attention, learner, unconditional)
            if learner.stalled >= self.settings.patience_in_use:
                break

    def _iterations_at(self, i: int) -> int:
        """How many of the iterations belong to step i: they are spread evenly over the guided steps."""
        first = round(self.settings.since * self.steps, 6)
        before = sum(k < first for k in range(self.steps))
        if i < before:
            return 0
        return share(self.settings.iterations_in_all, i - before, self.steps - before)

    def _iterate(
        self,
        i: int,
        z: torch.Tensor,
        attention: SourceAttention,
        learner: Learner,
        unconditional: torch.Tensor | None,
    ) -> GuidedState:
        """One iteration of step i."""
        run = self.edit_run
        with torch.enable_grad(), recomputing_decoder(run.pipe, self.settings.low_memory):
            step = self.differentiable_step(z, i, attention, inputs_of(learner.inputs()), unconditional)
            x0 = run.blended(step.x0, run.mask(), self.steps)
            state = run.objective_state(0, step.maps, self.scales, lambda: x0, attention)
            losses = self.terms(state)
            gradients = gradient(losses.loss, learner.parameters, run.pipe.unet.dtype)
        self.log.evaluations += 3 * (1 + (unconditional is None and run.needs_unconditional(i)))
        frame = self.record(i, losses, state.pixels, step.maps)
        learner.compare(float(losses.loss.detach()))
        learner.step(gradients)
        return self.guided_state(i, z, x0, finished=False, frame=frame, **self._last_losses(learner))

    def _last_losses(self, learner: Learner) -> dict[str, Any]:
        """Those of the last iteration, as `GuidedState` has them."""
        last = self.log.last
        if not last:
            return {}
        terms = {name: value for name, value in last.items() if name not in ("step", LOSS)}
        return {"loss": last[LOSS], "terms": terms, "best": learner.loss}


def share(total: int, i: int, steps: int) -> int:
    """How many of the iterations belong to the i-th of some steps, spread evenly."""
    return total * (i + 1) // steps - total * i // steps

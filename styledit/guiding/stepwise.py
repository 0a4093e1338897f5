"""The losses are taken at every step, on the clean estimate: one network call and the decoder."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import torch

from styledit.attention import SourceAttention
from styledit.denoising import State
from styledit.guiding.learner import Learner
from styledit.guiding.log import LOSS
from styledit.guiding.shared import GuidedState, Shared, Tensors, present, quietly
from styledit.objectives import gradient
from styledit.storage.files import group


class Stepwise(Shared):
    """At each step, from the noisiest: a few iterations on the clean estimate, then the step itself."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.learner: Learner | None = None
        self.current = -1  # the step that the learner is at

    def run(self) -> Generator[State, None, None]:
        run = self.edit_run
        yield from run.source.reach(self.steps)
        while len(run.states) < self.finished:
            yield from quietly(run.advance())
        for i in range(self.finished, self.steps):
            attention = yield from quietly(run.source.step(i, self.needs_source(i)))
            yield from self._optimise(i, attention)
            self.settle_step(i)
            yield from self.advance()
            self.finished = i + 1
            last = run.states[-1]
            yield self.guided_state(i, last.z, last.x0, **self._said())

    def settle(self) -> None:
        """The best of each step; the steps that were not reached go on from where the last one was."""
        run, learner, reached = self.edit_run, self.learner, self.finished
        run.states = run.states[:reached]
        run.learned = {i: read for i, read in run.learned.items() if i < reached}
        if learner is None:
            return
        if self.current == reached:
            self.settle_step(reached)
            reached += 1
        learner.take_best()
        for i in range(reached, self.steps if self.plan.warm else reached):
            learner.begin(present(self.start(i)))
            self.settle_step(i)

    def settle_step(self, i: int) -> None:
        """Leave the best of a step in the run."""
        assert self.learner is not None
        read = self.learner.best_read()
        self.edit_run.learned[i] = (read[0], read[1] if len(read) > 1 else None)

    def state(self) -> Tensors:
        tensors = super().state()
        for i, (values, null) in self.edit_run.learned.items():
            tensors[f"learned/{i}/values"] = values.clone()
            if null is not None:
                tensors[f"learned/{i}/null"] = null.clone()
        if self.learner is not None:
            tensors |= {f"learner/{name}": tensor for name, tensor in self.learner.state().items()}
        return tensors

    def restore(self, tensors: Tensors) -> None:
        super().restore(tensors)
        run = self.edit_run
        run.states = run.states[: self.finished]
        run.learned = {
            i: (tensors[f"learned/{i}/values"], tensors.get(f"learned/{i}/null"))
            for i in range(self.finished)
        }
        self.learner = None
        stored = group(tensors, "learner/")
        if stored:
            self._begin(self.finished - 1)
            assert self.learner is not None
            self.learner.restore(stored)

    def _begin(self, i: int) -> Learner:
        """The learner at step i."""
        self.current = i
        bases = present(self.start(i))
        if self.learner is None or not self.plan.warm:
            zero = [torch.zeros_like(base) for base in bases]
            self.learner = self.new_learner(bases, zero, len(bases))
        else:
            self.learner.begin(bases)
        return self.learner

    def _optimise(self, i: int, attention: SourceAttention) -> Generator[State, None, None]:
        """The iterations of step i."""
        run, plan = self.edit_run, self.plan
        learner = self._begin(i)
        first = round(plan.since * self.steps, 6)
        before = sum(k < first for k in range(self.steps))
        count = share(plan.iterations, i - before, self.steps - before) if i >= before else 0
        z = run.z
        fixed = None
        if count and not plan.both:
            fixed = run.unconditional(z, i, attention)
            self.log.evaluations += fixed is not None
        for _ in range(count):
            yield self._iterate(i, z, attention, learner, fixed)
            if learner.idle >= plan.patience:
                break

    def _iterate(
        self,
        i: int,
        z: torch.Tensor,
        attention: SourceAttention,
        learner: Learner,
        fixed: torch.Tensor | None,
    ) -> GuidedState:
        """One iteration of step i."""
        run = self.edit_run
        with torch.enable_grad():
            read = learner.read()
            pair = (read[0], read[1] if len(read) > 1 else None)
            passing = run.passing(z, i, attention, pair, fixed, frozenset(self.scales), self.plan.low_memory)
            with passing as passed:
                x0 = run.blended(passed.x0, run.mask(), self.steps)
                seen = run.objective_state(0, passed.maps, self.scales, lambda: x0, attention)
                said = self.terms(seen)
                parts = gradient(said.loss, learner.parameters, run.pipe.unet.dtype)
        self.log.evaluations += 3 * (1 + (fixed is None and run.needs_unconditional(i)))
        frame = self.note(i, said, seen.pixels, passed.maps)
        learner.note(float(said.loss.detach()))
        learner.move(parts)
        about = {"loss": float(said.loss.detach()), "terms": said.parts, "best": learner.loss, "frame": frame}
        return self.guided_state(i, z, x0, finished=False, **about)

    def _said(self) -> dict[str, Any]:
        """What the last iteration said."""
        if not self.log.iterations:
            return {}
        terms = {name: curve[-1] for name, curve in self.log.curves.items() if name not in ("step", LOSS)}
        assert self.learner is not None
        return {"loss": self.log.curves[LOSS][-1], "terms": terms, "best": self.learner.loss}


def share(total: int, i: int, steps: int) -> int:
    """How many of the iterations belong to the i-th of some steps, spread evenly."""
    return total * (i + 1) // steps - total * i // steps

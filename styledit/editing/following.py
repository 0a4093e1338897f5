"""A run whose targets follow the source's trajectory by an `UpdateRule`: its network calls."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import torch

from styledit.attention import SourceAttention
from styledit.ddim import predict_x0_eps
from styledit.denoising import State, Step, call_branches
from styledit.editing.guidance_mask import dilated
from styledit.editing.run import EditRun
from styledit.editing.update import Estimates, SourceStep, UpdateRule, Weights

PULL_BELOW = 0.4  # of the training timesteps, as in proximal guidance's code


class FollowingRun(EditRun):
    """An edit's run by its source's rule. Prompt-to-Prompt's switches, blend, masks and recording act as in
    any run: of the network's calls on the target alone, since delta is found again from the latents.

    Raises:
        ValueError: the rule skips every step, reads maps that the network does not have, or is implicit
            beside a regularisation.
    """

    rule: UpdateRule

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        assert self.source.rule is not None
        self.rule = self.source.rule
        self.first = self.rule.first_step(self.source.inversion.steps)
        mask = self.rule.mask
        self.mask_layers = () if mask is None else tuple(mask.layers(self.pipe.unet))
        if self.rule.implicit and self.plans[0].regularisation:
            raise ValueError("An implicit rule takes no regularisation; use implicit=False.")

    @property
    def z(self) -> torch.Tensor:
        """The targets' latents where the next step begins, (n, C, h, w)."""
        k = len(self.states)
        if k < len(self.pairs) and self.pairs[k][0] < self.first:
            return self._of_source(self.first)
        return super().z

    @torch.no_grad()
    def step(self, i: int, j: int) -> Generator[State, None, None]:
        """As `EditRun.step`; at the steps that are skipped, the targets stay the source."""
        if j > self.first:
            yield from super().step(self.acting(i, j), j)
            return
        step = None
        if self.recorders[0].layers_at(i):
            attention = yield from self.attention_of(i, i)
            _, step = yield from self._estimates(i, i, self._of_source(i), attention, self._read_at(i))
        sums = self.states[-1].sums if self.states else tuple(blend.sums for blend in self.blends)
        clean = self._of_source(self.source.inversion.steps)
        yield self.finish(i, j, self._of_source(j), clean, sums, (None,) * len(clean), step)

    def acting(self, i: int, j: int) -> int:
        """A step that begins among the skipped ones and ends behind them is that of the first that runs."""
        return max(i, self.first) if j > self.first else i

    def source_step(self, i: int, j: int) -> int:
        """Of an implicit rule that of the latents which the step reaches."""
        return j if self.rule.implicit else i

    def advance_latents(
        self, i: int, j: int, z: torch.Tensor, attention: SourceAttention
    ) -> Generator[State, None, Step]:
        """The update from index i to index j, and the targets' call in it."""
        rule, plan, inversion = self.rule, self.plans[i], self.source.inversion
        levels = inversion.levels[i], inversion.levels[j]
        source = yield from self._source(i, j)
        base, edit = rule.weights(plan.guidance, plan.guide_from_source)
        needed = rule.needed(plan.guidance, plan.guide_from_source)
        if rule.implicit:
            known = yield from self._source_estimates(i, z, base)
            noise = known.weighted(base)
            reached = rule.reach(z, noise, source, levels)
            found, step = yield from self._estimates(i, j, reached, attention, needed)
            term, mask = self._masked(j, found, edit, step)
            noise = noise + term
            reached = reached + rule.shift(term, levels)
        else:
            found, step = yield from self._estimates(i, i, z, attention, needed)
            if rule.mask is None:
                noise, mask = found.weighted(base.plus(edit)), None
            else:
                term, mask = self._masked(i, found, edit, step)
                noise = found.weighted(base) + term
            reached = rule.reach(z, noise, source, levels)
        if rule.pull and mask is not None and self._time(i) < PULL_BELOW:
            pulled = reached - rule.pull * (reached - inversion.latents[j])
            reached = torch.where(dilated(mask), reached, pulled)
        x0 = (z - (1 - levels[0]) ** 0.5 * noise) / levels[0] ** 0.5
        return replace(step, z=reached, x0=x0)

    def _source(self, i: int, j: int) -> Generator[State, None, SourceStep | None]:
        """What corrects the step from i to j; None where nothing does."""
        rule, source = self.rule, self.source
        last = j == source.inversion.steps
        if not rule.follows or (last and rule.corrected == "all but the last"):
            return None
        yield from source.step(i, attention=False)
        return SourceStep(source.latents[i], source.latents[j], source.noise[i])

    def _read_at(self, i: int) -> Weights:
        """The prompts that the targets' call of step i reads, where nothing is made of its estimates."""
        plan = self.plans[i]
        needed = self.rule.needed(plan.guidance, plan.guide_from_source)
        return needed._replace(source=0 if needed.null else needed.source)

    def _masked(
        self, index: int, found: Estimates, edit: Weights, step: Step
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The term in brackets where guidance acts, and M."""
        term = found.weighted(edit)
        if self.rule.mask is None:
            return term, None
        maps = {layer: step.prediction.maps[layer][step.rows.uncond :] for layer in self.mask_layers}
        mask = self.rule.mask(term, maps, self.target.new_tokens, self._time(index))
        return mask * term, mask

    def _estimates(
        self, i: int, index: int, z: torch.Tensor, attention: SourceAttention, needed: Weights
    ) -> Generator[State, None, tuple[Estimates, Step]]:
        """The noise at targets' latents (n, C, h, w) of an index, under the target prompts and what else is
        needed, and the targets' call, by the plan of step i.
        """
        known = Estimates()
        if needed.null and needed.source:
            known = yield from self._source_estimates(index, z, Weights(0, needed.source, 0))
        timestep, level = self._told(index)
        null = self.source.null(index) if needed.null else None
        null_values = None
        if needed.source and not needed.null:  # the first row reads the source prompt, as the source does
            null, null_values = self.source.inversion.c, self.source.values_at(index)
            attention = attention.conditional
        prediction, rows = call_branches(
            self.pipe,
            z,
            timestep,
            null,
            self.target.c,
            values=self.learned_values(i, index),
            null_values=null_values,
            edit=self.attention_edit(i, attention),
            record=self.layers_at(i).union(self.mask_layers),
        )
        *other, target = self._noises(prediction.output, z, level)
        if other:
            known = known._replace(**{"null" if needed.null else "source": other[0]})
        return known._replace(target=target), Step(z, z, target, prediction, rows)

    def _source_estimates(
        self, index: int, z: torch.Tensor, needed: Weights
    ) -> Generator[State, None, Estimates]:
        """The noise at targets' latents (n, C, h, w) of an index under the source prompt, and the empty one
        where it is needed, in a call of its own that takes nothing over.
        """
        n, inversion = len(z), self.source.inversion
        timestep, level = self._told(index)
        values = self.source.values_at(index)
        prediction, _ = call_branches(
            self.pipe,
            z,
            timestep,
            self.source.null(index) if needed.null else None,
            inversion.c.expand(n, -1, -1),
            values=None if values is None else values.expand(n, -1, -1),
        )
        *other, source = self._noises(prediction.output, z, level)
        yield State(min(index, inversion.steps - 1), timestep, z, z, finished=False).copy()
        return Estimates(null=other[0] if other else None, source=source)

    def _noises(self, output: torch.Tensor, z: torch.Tensor, level: torch.Tensor) -> list[torch.Tensor]:
        """A call's output as noise, branch by branch, (n, C, h, w) each."""
        prediction_type = self.pipe.scheduler.config.prediction_type
        return [predict_x0_eps(branch, z, level, prediction_type)[1] for branch in output.split(len(z))]

    def _told(self, index: int) -> tuple[int, torch.Tensor]:
        """The timestep that the network is told at an index, and its abar."""
        return self.source.inversion.schedule.told(self.pipe.scheduler, index)

    def _time(self, index: int) -> float:
        """That timestep as a fraction of the training timesteps."""
        return self._told(index)[0] / self.pipe.scheduler.config.num_train_timesteps

    def _of_source(self, index: int) -> torch.Tensor:
        """The source's latents, for each target, (n, C, h, w)."""
        return self.source.latents[index].expand(len(self.target.prompts), -1, -1, -1)

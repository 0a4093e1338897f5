"""An edit's run whose target reads learned inputs, and one step of it with gradients."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import torch

from styledit.attention import AttentionCall, AttentionEdit, Rows, SourceAttention
from styledit.ddim import guide, predict_x0_eps
from styledit.denoising import State, predict
from styledit.editing.run import EditRun

# What the branches read at a step: value inputs (1, N, d), and the unconditional branch's input (1, N, d), or
# None where that is the edit's own.
StepInputs = tuple[torch.Tensor, torch.Tensor | None]


@dataclass(frozen=True)
class GradientStep:
    """One step with gradients: the clean estimate and the latents reached, (1, C, h, w), and the recorded
    maps {layer: (heads, HW, N)} of the target.
    """

    x0: torch.Tensor
    z: torch.Tensor
    maps: dict[str, torch.Tensor]


class GuidedRun(EditRun):
    """A run of one target, whose steps read what was learned for them; the others read what an edit does.

    `learned`: {i: what the branches read at step i}.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.learned: dict[int, StepInputs] = {}

    def advance(self) -> Generator[State, None, None]:
        """The next step: a state after each network call.

        Raises:
            FloatingPointError: what was learned for it makes NaN or infinite values.
        """
        i, j = self.pairs[len(self.states)]
        try:
            yield from self.step(i, j)
        except ValueError as error:
            if i not in self.learned:
                raise
            raise FloatingPointError(str(error)) from error

    def restart(self) -> None:
        """Back to the noisiest latents."""
        self.states = []

    def edit_inputs(self, i: int, both: bool) -> StepInputs:
        """What step i reads of an edit without guiding; of both branches, or the conditional one alone."""
        values = super().values_at(i)
        return self.target.c if values is None else values, super().null_at(i) if both else None

    def inputs(self, i: int, both: bool) -> StepInputs:
        """What step i reads: what was learned for it, else `edit_inputs`."""
        return self.learned.get(i) or self.edit_inputs(i, both)

    def values_at(self, i: int) -> torch.Tensor | None:
        if i in self.learned:
            return self.learned[i][0].to(self.target.c.dtype)
        return super().values_at(i)

    def null_at(self, i: int) -> torch.Tensor:
        null = self.learned[i][1] if i in self.learned else None
        return super().null_at(i) if null is None else null.to(self.target.c.dtype)

    def needs_unconditional(self, i: int) -> bool:
        """Whether that branch runs at step i."""
        return self.plans[i].guidance != 1

    def differentiable_step(
        self,
        z: torch.Tensor,
        i: int,
        attention: SourceAttention,
        inputs: StepInputs,
        *,
        unconditional: torch.Tensor | None = None,
        record: frozenset[str] = frozenset(),
        recompute: bool = False,
    ) -> GradientStep:
        """Step i from latents (1, C, h, w); gradients flow through.

        Args:
            attention: the source's at that step.
            unconditional: that branch's output, (1, C, h, w), where it is known already.
            record: layers whose maps are wanted.
            recompute: recompute activations in the backward pass instead of keeping them.

        Raises:
            FloatingPointError: the clean estimate is NaN or infinite.
        """
        values, null = inputs
        both = self.needs_unconditional(i) and unconditional is None
        nulls = self.null_at(i) if null is None else null
        nulls = nulls if both else nulls[:0]
        dtype = self.target.c.dtype
        call = AttentionCall(
            values=torch.cat([nulls, values]).to(dtype),
            rows=Rows(len(nulls), 1),
            edit=self.attention_edit(i, attention),
            record=record,
        )
        rows = torch.cat([z, z]) if both else z
        context = torch.cat([nulls.to(dtype), self.target.c])
        timestep = self.source.inversion.timesteps[i]
        prediction = predict(self.pipe, rows, timestep, context, call, recompute=recompute)
        output = prediction.output[-1:]
        if both:
            unconditional = prediction.output[:1]
        if unconditional is not None:
            output = guide(unconditional, output, self.plans[i].guidance)
        levels = self.source.inversion.levels
        x0, eps = predict_x0_eps(output, z, levels[i], self.pipe.scheduler.config.prediction_type)
        if not torch.isfinite(x0).all():
            raise FloatingPointError(f"the clean estimate of step {i} is NaN or infinite")
        # z_{t-1} = sqrt(abar_{t-1}) x0_hat + sqrt(1 - abar_{t-1}) eps
        reached = levels[i + 1] ** 0.5 * x0 + (1 - levels[i + 1]) ** 0.5 * eps
        return GradientStep(x0, reached, {layer: maps[-1] for layer, maps in prediction.maps.items()})

    @torch.no_grad()
    def unconditional_output(
        self, z: torch.Tensor, i: int, attention: SourceAttention
    ) -> torch.Tensor | None:
        """That branch's output at step i, (1, C, h, w), which no value input changes; None where it does not
        run.
        """
        if not self.needs_unconditional(i):
            return None
        edit = AttentionEdit(attention, self_uncond=True) if self.plans[i].self_uncond else None
        call = AttentionCall(rows=Rows(1, 0), edit=edit)
        return predict(self.pipe, z, self.source.inversion.timesteps[i], self.null_at(i), call).output

    def blended(self, x: torch.Tensor, mask: torch.Tensor | None, index: int) -> torch.Tensor:
        """Latents with the source's at an index outside a mask (h, w)."""
        return x if mask is None else torch.where(mask, x, self.source.latents[index])

    def mask(self) -> torch.Tensor | None:
        """The blend's mask as far as it is known now, (h, w)."""
        if self.painted is not None:
            return self.painted.to(self.target.c.device)
        return self.states[-1].masks[0] if self.states else None

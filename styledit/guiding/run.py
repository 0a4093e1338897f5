"""An edit's run whose target reads learned value inputs, and one step of it with gradients."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from styledit.attention import AttentionCall, AttentionEdit, Rows, SourceAttention
from styledit.ddim import guide, predict_x0_eps
from styledit.denoising import State, predict
from styledit.editing.run import EditRun

Read = tuple[torch.Tensor, torch.Tensor | None]


@dataclass(frozen=True)
class Pass:
    """One step with gradients: the clean estimate and the latents reached, (1, C, h, w), and the recorded
    maps {layer: (heads, HW, N)} of the target.
    """

    x0: torch.Tensor
    z: torch.Tensor
    maps: dict[str, torch.Tensor]


class GuidedRun(EditRun):
    """A run of one target, whose steps read what was learned for them; the others read what an edit does.

    `learned`: {i: (value inputs (1, N, d), what the unconditional branch reads (1, N, d) or None)}.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.learned: dict[int, Read] = {}

    def advance(self) -> Generator[State, None, None]:
        """One step with what the run reads there: a state after each network call.

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

    def plain(self, i: int, both: bool) -> Read:
        """What step i reads of an edit without guiding; of both branches, or the conditional one alone."""
        values = super().values_at(i)
        return self.target.c if values is None else values, super().null_at(i) if both else None

    def needs_unconditional(self, i: int) -> bool:
        """Whether that branch runs at step i."""
        return self.plans[i].guidance != 1

    @contextmanager
    def passing(
        self,
        z: torch.Tensor,
        i: int,
        attention: SourceAttention,
        read: Read,
        unconditional: torch.Tensor | None,
        record: frozenset[str],
        recompute: bool,
    ) -> Iterator[Pass]:
        """Step i from latents (1, C, h, w), for a block that takes gradients.

        Args:
            read: what the branches read.
            unconditional: that branch's output, where it is known already.
            record: layers whose maps are wanted.
            recompute: recompute activations in the backward pass instead of keeping them.
        """
        plan = self.plans[i]
        values, null = read
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
            output = guide(unconditional, output, plan.guidance)
        x0, eps = self._estimate(output, z, i)
        if not torch.isfinite(x0).all():
            raise FloatingPointError(f"the clean estimate of step {i} is NaN or infinite")
        level = self.source.inversion.levels[i + 1]
        reached = level**0.5 * x0 + (1 - level) ** 0.5 * eps
        yield Pass(x0, reached, {layer: maps[-1] for layer, maps in prediction.maps.items()})

    @torch.no_grad()
    def unconditional(self, z: torch.Tensor, i: int, attention: SourceAttention) -> torch.Tensor | None:
        """That branch's output at step i, (1, C, h, w), which no value input changes; None where it does not
        run.
        """
        if not self.needs_unconditional(i):
            return None
        plan = self.plans[i]
        edit = AttentionEdit(attention, self_uncond=True) if plan.self_uncond else None
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

    def _estimate(self, output: torch.Tensor, z: torch.Tensor, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The clean estimate and the noise of a guided output."""
        level = self.source.inversion.levels[i]
        return predict_x0_eps(output, z, level, self.pipe.scheduler.config.prediction_type)

    def values_at(self, i: int) -> torch.Tensor | None:
        if i in self.learned:
            return self.learned[i][0].to(self.target.c.dtype)
        return super().values_at(i)

    def null_at(self, i: int) -> torch.Tensor:
        null = self.learned[i][1] if i in self.learned else None
        return super().null_at(i) if null is None else null.to(self.target.c.dtype)

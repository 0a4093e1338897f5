"""The source branch of an edit: replayed where it is kept, run where it is not.

An edit denoises two prompts. What it needs of the source, the latents and the attention of every step, does not
depend on the target, so it is computed once. Source and target run in calls of their own and never share a batch:
a replayed step is bit for bit the step that would run alongside.
"""

from __future__ import annotations

import torch
from diffusers import StableDiffusionPipeline

from styledit.attention import Control, SourceAttention, attention_layers
from styledit.denoising import check_finite, guided_step
from styledit.inversion import Inversion
from styledit.maps import grid
from styledit.values.inputs import ValueInputs


class SourceBranch:
    """The source prompt's denoising run from zhat_T.

    `latents`: z_i of the steps known so far, (1, C, h, w) each, from the noisiest.

    Args:
        values: value inputs that the conditional branch reads; None reads the prompt.
        nulls: (T or 1, N, d), what the unconditional branch reads at each step; None reads the empty prompt.
        direct: the latents are the inversion's own, whatever the network says (direct inversion, 2310.01506).
        unconditional: whether the unconditional branch runs, whose attention an edit may need.
        limit: bytes that the kept attention may take; steps beyond it run again whenever they are needed.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        inversion: Inversion,
        values: ValueInputs | None,
        *,
        guidance: float,
        nulls: torch.Tensor | None = None,
        direct: bool = False,
        unconditional: bool = True,
        limit: int = 0,
    ) -> None:
        self.pipe, self.inversion, self.values = pipe, inversion, values
        self.guidance, self.nulls, self.unconditional = guidance, nulls, unconditional
        self.latents = list(inversion.latents) if direct else [inversion.z_T]
        self._room = limit // attention_bytes(pipe, inversion.z_T.shape[-2:], 1 + unconditional)
        self._kept: dict[int, SourceAttention] = {}

    def null(self, i: int) -> torch.Tensor:
        """What the unconditional branch reads at step i, (1, N, d)."""
        if self.nulls is None:
            return self.inversion.null
        return self.nulls[i : i + 1] if len(self.nulls) > 1 else self.nulls

    def step(self, control: Control, i: int, attention: bool = True) -> SourceAttention | None:
        """The attention of step i, whose latent is known; afterwards `latents[i + 1]` is known too.

        Without `attention` the network runs only where the latent is still to be found.
        """
        if i in self._kept or not attention and len(self.latents) > i + 1:
            return self._kept.get(i)
        inversion = self.inversion
        control.edit, control.keep = None, SourceAttention()
        recorded, control.recorded = control.recorded, frozenset()
        v = None if self.values is None else self.values.v(i, inversion.c)
        z = guided_step(
            self.pipe, control, self.latents[i], inversion.timesteps[i], inversion.levels[i : i + 2], self.null(i),
            inversion.c, self.guidance, v, self.unconditional,
        )
        kept, control.keep, control.recorded = control.keep, None, recorded
        if len(self.latents) == i + 1:
            check_finite(z, i)
            self.latents.append(z)
        if len(self._kept) < self._room:
            self._kept[i] = kept
        return kept


def attention_bytes(pipe: StableDiffusionPipeline, latent_size: tuple[int, int], rows: int) -> int:
    """Memory of one step's `SourceAttention` for (h, w) latents and a call of `rows` rows."""
    numbers = 0
    for kind in ("cross", "self"):
        for layer, scale in attention_layers(pipe.unet, kind).items():
            height, width = grid(latent_size, scale)
            attention = pipe.unet.get_submodule(layer)
            if kind == "cross":  # one row's maps
                numbers += attention.heads * height * width * pipe.tokenizer.model_max_length
            else:  # queries and keys
                numbers += 2 * rows * height * width * attention.inner_dim
    return numbers * pipe.unet.dtype.itemsize

"""The source branch of an edit: replayed where it is kept, run where it is not.

An edit denoises two prompts. What it needs of the source, the latents and the attention of every step, does
not depend on the target, so it is computed once. Source and target run in calls of their own and never share
a batch: a replayed step is bit for bit the step that would run alongside.
"""

from __future__ import annotations

from collections.abc import Generator

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.attention import SourceAttention, attention_layers, decoder_blocks
from styledit.denoising import State, check_finite, guided_step
from styledit.editing.injection import NOTHING, Injection
from styledit.editing.update import UpdateRule
from styledit.generation import LearnedValues
from styledit.inversion import Inversion
from styledit.maps import Size, map_size
from styledit.pictures import decode_latents


class SourceBranch:
    """The source prompt's denoising run from zhat_T.

    `latents`: {i: z_i (1, C, h, w)} of the indices known so far, from the noisiest. The kept attention lies
    in host memory, also where the network runs on another device; a step's is fetched while the
    step before is computed. `noise`: {i: e_src at z_i (1, C, h, w)}, where a rule corrects the target by it.

    Args:
        values: value inputs that the conditional branch reads; None reads the prompt.
        guidance: w.
        null_embeddings: (T or 1, N, d), what the unconditional branch reads at each step;
            None reads the empty prompt.
        follow_inversion: the latents are the inversion's own, whatever the network says
            (direct inversion, 2310.01506).
        rule: how the targets follow; None lets them run free.
        unconditional: whether the unconditional branch runs, whose attention an edit may need.
        injection: what a target takes over beside the maps; its values and features are kept too.
        limit: bytes that the kept attention may take; steps beyond it run again whenever they are needed.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        inversion: Inversion,
        values: LearnedValues | None,
        *,
        guidance: float,
        null_embeddings: torch.Tensor | None = None,
        follow_inversion: bool = False,
        rule: UpdateRule | None = None,
        unconditional: bool = True,
        injection: Injection = NOTHING,
        limit: int = 0,
    ) -> None:
        self.pipe = pipe
        self.inversion = inversion
        self.values = values
        self.guidance = guidance
        self.null_embeddings = null_embeddings
        self.rule = rule
        self.unconditional = unconditional
        self.injection = injection
        self.noise: dict[int, torch.Tensor] = {}
        self.latents = dict(enumerate(inversion.latents)) if follow_inversion else {0: inversion.z_T}
        self._room = limit // attention_bytes(pipe, inversion.z_T.shape[-2:], 1 + unconditional, injection)
        self._kept: dict[int, SourceAttention] = {}
        self._fetched: tuple[int, SourceAttention] | None = None
        self._reconstruction: Image.Image | None = None

    def null(self, i: int) -> torch.Tensor:
        """What the unconditional branch reads at step i, (1, N, d); at the clean latents, as at the step
        before.
        """
        if self.null_embeddings is None:
            return self.inversion.null
        i = min(i, len(self.null_embeddings) - 1)
        return self.null_embeddings[i : i + 1]

    def replays(self, i: int) -> bool:
        """Whether the attention of step i is kept."""
        return i in self._kept

    @torch.no_grad()
    def reach(self, index: int) -> Generator[State, None, None]:
        """Run until the latent of an index is known; a state after each network call."""
        while index not in self.latents:
            yield from self.step(max(self.latents), attention=False)

    @torch.no_grad()
    def step(self, i: int, attention: bool = True) -> Generator[State, None, SourceAttention]:
        """The attention of step i, whose latent is known; afterwards `latents[i + 1]` is known too.

        Without `attention` the network runs only where the latent, or the noise that a rule needs, is still
        to be found; where it does not run, the attention is empty. Step T is a look at the clean latents.
        """
        if i in self._kept or (not attention and self._knows(i)):
            return self._fetch(i) if attention else SourceAttention()
        inversion = self.inversion
        timestep, level = inversion.schedule.told(self.pipe.scheduler, i)
        step = guided_step(
            self.pipe,
            self.latents[i],
            timestep,
            (level, inversion.levels[min(i + 1, inversion.steps)]),
            self.null(i),
            inversion.c,
            self.guidance,
            values=self.values_at(i),
            unconditional=self.unconditional,
            keep_source=True,
            keep_values=self.injection.mutual,
            keep_features=self.injection.features,
        )
        if i < inversion.steps and i + 1 not in self.latents:
            check_finite(step.z, i)
            self.latents[i + 1] = step.z
        if self.rule is not None and self.rule.follows:
            self.noise[i] = step.eps
        source = step.prediction.source
        assert source is not None  # the call keeps it
        if len(self._kept) < self._room:
            self._kept[i] = source.to_host()
        reached = self.latents[min(i + 1, inversion.steps)]
        yield State(i, timestep, reached, step.x0, finished=False).copy()
        return source

    def values_at(self, i: int) -> torch.Tensor | None:
        """What the source prompt's value projections read at step i, (1, N, d), at the clean latents as at
        the step before; None reads the prompt.
        """
        i = min(i, self.inversion.steps - 1)
        return None if self.values is None else self.values.v(i, self.inversion.c)

    def _knows(self, i: int) -> bool:
        """Whether nothing but the attention of step i is still to be found."""
        by_rule = self.rule is None or not self.rule.follows or i in self.noise
        return i + 1 in self.latents and by_rule

    def reconstruction(self) -> Image.Image:
        """The source's picture, once all its latents are known; decoded once."""
        if self._reconstruction is None:
            self._reconstruction = decode_latents(self.pipe, self.latents[self.inversion.steps])[0]
        return self._reconstruction

    def _fetch(self, i: int) -> SourceAttention:
        """The kept attention of step i on the network's device; that of the next step is on its way."""
        device = self.inversion.z_T.device
        fetched = self._fetched
        found = fetched[1] if fetched is not None and fetched[0] == i else self._kept[i].to(device)
        following = self._kept.get(i + 1)
        self._fetched = None if following is None else (i + 1, following.to(device))
        return found


def attention_bytes(
    pipe: StableDiffusionPipeline, latent_size: Size, rows: int, injection: Injection = NOTHING
) -> int:
    """Memory of one step's `SourceAttention` for (h, w) latents and a call of `rows` rows, with what an
    injection needs of it.
    """
    numbers = 0
    for kind in ("cross", "self"):
        for layer, scale in attention_layers(pipe.unet, kind).items():
            height, width = map_size(latent_size, scale)
            attention = pipe.unet.get_submodule(layer)
            if kind == "cross":  # one row's maps
                numbers += attention.heads * height * width * pipe.tokenizer.model_max_length
            else:  # queries and keys, and values where they are needed
                kept = 2 + (layer in injection.mutual)
                numbers += kept * rows * height * width * attention.inner_dim
    for block, scale in decoder_blocks(pipe.unet).items() if injection.features else ():
        if block in injection.features:
            height, width = map_size(latent_size, scale)
            numbers += rows * height * width * pipe.unet.get_submodule(block).out_channels
    return numbers * pipe.unet.dtype.itemsize

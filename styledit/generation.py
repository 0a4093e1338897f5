"""Pictures from prompts, and an inversion walked back."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit import validation as check
from styledit.attention import Layers
from styledit.denoising import (
    Callback,
    NoiseSchedule,
    State,
    check_finite,
    follow,
    guided_step,
    resolve_guidance,
)
from styledit.inversion import Inversion, check_inversion
from styledit.maps import AttentionMaps
from styledit.pictures import decode_latents
from styledit.pipeline import picture_size
from styledit.prompts import encode_null, encode_prompt
from styledit.recording import Record, Recorder


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class Denoised:
    """A denoising run: the picture, its latents (T + 1, 1, C, h, w) from the noisiest,
    and the maps where recorded.
    """

    image: Image.Image
    prompt: str
    guidance: float
    latents: torch.Tensor
    maps: AttentionMaps | None = None


@runtime_checkable
class LearnedValues(Protocol):
    """What a run needs of value inputs; see `styledit.values.ValueInputs`."""

    @property
    def guidance(self) -> float:
        """The w they were fitted at."""

    def v(self, i: int, c: torch.Tensor) -> torch.Tensor:
        """What the value projections read at step i in the place of c."""

    def check(self, inversion: Inversion) -> None:
        """Raise ValueError unless they belong to this inversion."""


def generate(
    pipe: StableDiffusionPipeline,
    prompt: str,
    *,
    z_T: torch.Tensor | None = None,
    seed: int = 0,
    steps: int = 30,
    guidance: float | None = None,
    record: Record | Layers | None = None,
    progress: bool = True,
    callback: Callback | None = None,
) -> Denoised:
    """A picture from a prompt, as the stock pipeline makes it with DDIM.

    Args:
        z_T: the latent to start from, (1, C, h, w); None draws one with `seed` at the model's own size.
        steps: T.
        guidance: w; 1 runs the conditional branch only; None takes the package's default, 7.5.
        record: whose attention maps to keep; None keeps none.
        callback: called after each step with a dict of `i`, `timestep`, `z`.

    Raises:
        TypeError: an argument of another type.
        ValueError: a prompt, a number, or a shape of `z_T` that cannot be used.
    """
    run = generating(pipe, prompt, z_T=z_T, seed=seed, steps=steps, guidance=guidance, record=record)
    return follow(run, "denoising", steps, progress, callback)


def generating(
    pipe: StableDiffusionPipeline,
    prompt: str,
    *,
    z_T: torch.Tensor | None = None,
    seed: int = 0,
    steps: int = 30,
    guidance: float | None = None,
    record: Record | Layers | None = None,
) -> Generator[State, None, Denoised]:
    """`generate` as a run: a `State` after each network call, and the `Denoised` as its result."""
    check.pipeline(pipe)
    guidance = resolve_guidance(guidance)
    c = encode_prompt(pipe, prompt)
    seed = check.seed(seed)
    if z_T is None:
        z_T = torch.randn(_latent_shape(pipe), generator=torch.Generator().manual_seed(seed))
    z_T = check.finite(
        check.tensor("z_T", z_T, 1, pipe.unet.config.in_channels, "h", "w"), "z_T", "draw it again"
    )
    z_T = z_T.to(pipe.unet.device, torch.promote_types(pipe.unet.dtype, torch.float32))
    schedule = NoiseSchedule.of(pipe.scheduler, steps, z_T)
    recorder = Recorder(pipe, record, prompt, z_T.shape[-2:], len(schedule.timesteps), guidance != 1)
    return _denoise(pipe, prompt, z_T, c, encode_null(pipe), schedule, guidance, None, recorder)


def reconstruct(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    *,
    values: LearnedValues | None = None,
    guidance: float | None = None,
    record: Record | Layers | None = None,
    progress: bool = True,
    callback: Callback | None = None,
) -> Denoised:
    """Denoise an inversion's zhat_T with its own prompt, with learned value inputs where given.

    Args:
        values: learned value inputs; steps that were not fitted read the plain embedding.
        guidance: w; None takes the guidance the values were fitted at, and without values 1, the way back.
        record, callback: as for `generate`.

    Raises:
        TypeError: an argument of another type.
        ValueError: a guidance that is not finite, or an inversion or value inputs that do not belong here.
    """
    run = reconstructing(pipe, inversion, values=values, guidance=guidance, record=record)
    return follow(run, "denoising", inversion.steps, progress, callback)


def reconstructing(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    *,
    values: LearnedValues | None = None,
    guidance: float | None = None,
    record: Record | Layers | None = None,
) -> Generator[State, None, Denoised]:
    """`reconstruct` as a run: a `State` after each network call, and the `Denoised` as its result."""
    check_inversion(pipe, inversion)
    check_values(values, inversion)
    guidance = resolve_guidance(guidance, None if values is None else values.guidance, otherwise=1.0)
    recorder = Recorder(
        pipe, record, inversion.prompt, inversion.z_T.shape[-2:], inversion.steps, guidance != 1
    )
    return _denoise(
        pipe,
        inversion.prompt,
        inversion.z_T,
        inversion.c,
        inversion.null,
        inversion.schedule,
        guidance,
        values,
        recorder,
    )


def check_values(values: LearnedValues | None, inversion: Inversion) -> None:
    """Check that value inputs, where there are any, belong to an inversion.

    Raises:
        TypeError: they are something else.
        ValueError: they were fitted to another inversion.
    """
    if values is None:
        return
    if not isinstance(values, LearnedValues):
        raise TypeError(f"values must be ValueInputs or None, not {type(values).__name__}; see fit_values().")
    values.check(inversion)


@torch.no_grad()
def _denoise(
    pipe: StableDiffusionPipeline,
    prompt: str,
    z: torch.Tensor,
    c: torch.Tensor,
    null: torch.Tensor,
    schedule: NoiseSchedule,
    guidance: float,
    values: LearnedValues | None,
    recorder: Recorder,
) -> Generator[State, None, Denoised]:
    """A guided run from z; only the conditional branch reads the values."""
    latents = [z]
    recorded = []
    for i, timestep in enumerate(schedule.timesteps):
        v = None if values is None else values.v(i, c)
        step = guided_step(
            pipe,
            z,
            timestep,
            schedule.levels[i : i + 2],
            null,
            c,
            guidance,
            values=v,
            record=recorder.layers_at(i),
        )
        z = step.z
        check_finite(z, i)
        maps = recorder.take(i, step.prediction, step.rows)
        if recorder.keeps:
            recorded.append(maps)
        latents.append(z)
        yield State(i, timestep, z, step.x0, maps=maps).copy()
    return Denoised(
        decode_latents(pipe, z)[0],
        prompt,
        guidance,
        torch.stack(latents),
        recorder.maps(recorded, hand_over=True),
    )


def _latent_shape(pipe: StableDiffusionPipeline) -> tuple[int, int, int, int]:
    """(1, C, h, w) of a latent at the model's own picture size."""
    width, height = (side // pipe.vae_scale_factor for side in picture_size(pipe))
    return 1, pipe.unet.config.in_channels, height, width

"""Pictures from prompts, and an inversion walked back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.attention import Layers, attention_control
from styledit.ddim import check_number, timesteps
from styledit.denoising import Callback, check_finite, check_scheduler, guided_step, levels_for, notify, track
from styledit.inversion import Inversion, check_inversion
from styledit.maps import AttentionMaps
from styledit.pictures import decode_latents
from styledit.pipeline import picture_size
from styledit.prompts import encode_null, encode_prompt
from styledit.recording import Record, Recorder
from styledit.values.inputs import ValueInputs, check_values


@dataclass(frozen=True)
class Denoised:
    """A denoising run: the picture, its latents (T + 1, 1, C, h, w) from the noisiest, and the maps where recorded."""

    image: Image.Image
    prompt: str
    guidance: float
    latents: torch.Tensor
    maps: AttentionMaps | None = None


def generate(
    pipe: StableDiffusionPipeline,
    prompt: str,
    z_T: torch.Tensor | None = None,
    *,
    seed: int = 0,
    steps: int = 30,
    guidance: float = 5.0,
    record: Record | Layers | None = None,
    progress: bool = True,
    callback: Callback | None = None,
) -> Denoised:
    """A picture from a prompt, as the stock pipeline makes it with DDIM.

    Args:
        z_T: the latent to start from, (1, C, h, w); None draws one with `seed` at the model's own size.
        guidance: w; 1 runs the conditional branch only.
        record: whose attention maps to keep; None keeps none.
        callback: called after each step with a dict of `i`, `timestep`, `z`.

    Raises:
        TypeError: the guidance is no number, or `z_T` no tensor.
        ValueError: a prompt, a guidance, or a shape of `z_T` that cannot be used.
    """
    check_number("guidance", guidance)
    check_scheduler(pipe)
    if z_T is None:
        width, height = (side // pipe.vae_scale_factor for side in picture_size(pipe))
        shape = (1, pipe.unet.config.in_channels, height, width)
        z_T = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    _check_latent(pipe, z_T)
    z_T = z_T.to(pipe.unet.device, torch.promote_types(pipe.unet.dtype, torch.float32))
    c, null = encode_prompt(pipe, prompt), encode_null(pipe)
    told, levels = timesteps(pipe.scheduler, steps), levels_for(pipe, steps, z_T)
    recorder = Recorder(pipe, record, prompt, z_T.shape[-2:], steps, guidance != 1)
    latents = _denoise(pipe, z_T, c, null, told, levels, guidance, None, recorder, progress, callback)
    return Denoised(decode_latents(pipe, latents[-1])[0], prompt, guidance, latents, recorder.maps())


def reconstruct(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    guidance: float | None = None,
    values: ValueInputs | None = None,
    *,
    record: Record | Layers | None = None,
    progress: bool = True,
    callback: Callback | None = None,
) -> Denoised:
    """Denoise an inversion's zhat_T with its own prompt, with learned value inputs where given.

    Args:
        guidance: w; None takes the guidance the values were fitted at, and 1 without values.
        values: learned value inputs; steps that were not fitted read the plain embedding.
        record, callback: as for `generate`.

    Raises:
        TypeError: the guidance is no number.
        ValueError: a guidance that is not finite, or value inputs of another inversion.
    """
    check_inversion(pipe, inversion)
    check_values(values, inversion)
    if guidance is None:
        guidance = values.guidance if values is not None else 1.0
    check_number("guidance", guidance)
    recorder = Recorder(pipe, record, inversion.prompt, inversion.z_T.shape[-2:], inversion.steps, guidance != 1)
    latents = _denoise(
        pipe, inversion.z_T, inversion.c, inversion.null, inversion.timesteps, inversion.levels, guidance, values,
        recorder, progress, callback,
    )
    return Denoised(decode_latents(pipe, latents[-1])[0], inversion.prompt, guidance, latents, recorder.maps())


def _check_latent(pipe: StableDiffusionPipeline, z: torch.Tensor) -> None:
    """Refuse what is no latent of one picture."""
    if not isinstance(z, torch.Tensor):
        raise TypeError(f"z_T must be a tensor, not {type(z).__name__}.")
    channels = pipe.unet.config.in_channels
    if z.ndim != 4 or z.shape[:2] != (1, channels) or 0 in z.shape:
        raise ValueError(f"z_T must have shape (1, {channels}, h, w), not {tuple(z.shape)}.")


def _denoise(
    pipe: StableDiffusionPipeline,
    z: torch.Tensor,
    c: torch.Tensor,
    null: torch.Tensor,
    told: Sequence[int],
    levels: torch.Tensor,
    guidance: float,
    values: ValueInputs | None,
    recorder: Recorder,
    progress: bool,
    callback: Callback | None,
) -> torch.Tensor:
    """All T + 1 latents of a guided run from z; only the conditional branch reads the values."""
    latents = [z]
    with attention_control(pipe.unet, recorder.layers) as control, torch.no_grad():
        for i in track(range(len(told)), "denoising", progress):
            v = None if values is None else values.v(i, c)
            z = guided_step(pipe, control, z, told[i], levels[i : i + 2], null, c, guidance, v)
            check_finite(z, i)
            recorder.add(i, control)
            latents.append(z)
            notify(callback, i=i, timestep=told[i], z=z)
    return torch.stack(latents)

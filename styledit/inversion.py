"""Inversion of a picture into a trajectory of latents, and denoising from a latent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from PIL import Image
from tqdm.auto import tqdm

from styledit.attention import Control, Layers, Rows, attention_control
from styledit.ddim import check_number, ddim_inverse_step, ddim_step, guide, noise_levels, timesteps
from styledit.images import ImageSource, decode_latents, encode_image, open_rgb, read_image
from styledit.maps import AttentionMaps
from styledit.models import model_fingerprint, picture_size
from styledit.prompts import encode_null, encode_prompt
from styledit.recording import Record, Recorder
from styledit.trajectory import Inversion
from styledit.values import ValueInputs, check_values

Callback = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Denoised:
    """A denoising run: the picture, its latents (T + 1, 1, C, h, w) from the noisiest, and the maps where recorded."""

    image: Image.Image
    prompt: str
    guidance: float
    latents: torch.Tensor
    maps: AttentionMaps | None = None


def invert(
    pipe: StableDiffusionPipeline,
    image: ImageSource,
    prompt: str,
    steps: int = 30,
    *,
    record: Record | Layers | None = Layers(),
    progress: bool = True,
    callback: Callback | None = None,
) -> Inversion:
    """Walk a picture to noise with DDIM at guidance 1 (2010.02502, section 4.3; method section 1).

    Costs T network calls, and one more where maps are recorded (those of the noisiest latent).

    Args:
        image: a PIL picture whose sides suit the model, or whatever `read_image` takes.
        prompt: what the picture shows.
        steps: T.
        record: whose maps to keep; None keeps none. `Record.bytes` tells the memory beforehand.
        callback: called after each step with a dict of `i` (index of the latent reached), `timestep`, `z`.

    Raises:
        ValueError: the picture or the prompt cannot be used, the network returned NaN, or the maps need too much memory.
    """
    _check_scheduler(pipe)
    image = open_rgb(image) if isinstance(image, Image.Image) else read_image(image, picture_size(pipe))
    c, null, z = encode_prompt(pipe, prompt), encode_null(pipe), encode_image(pipe, image)
    scheduler, kind = pipe.scheduler, pipe.scheduler.config.prediction_type
    told, levels = (*timesteps(scheduler, steps), 0), _levels(pipe, steps, z)
    if levels[0] == 0:
        raise ValueError(
            "This scheduler's noisiest latent is noise alone, from which no picture comes back; give the pipeline "
            'DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing="leading").'
        )
    latents, recorder = [z], Recorder(pipe, record, prompt, z.shape[-2:], steps)
    with attention_control(pipe.unet, recorder.layers) as control, torch.no_grad():
        for i in track(range(steps, 0, -1), "inverting", progress):
            output = predict(pipe, z, told[i], c)
            abar_told = scheduler.alphas_cumprod[0].to(levels) if i == steps else None
            z = ddim_inverse_step(output, z, levels[i], levels[i - 1], kind, abar_told)
            check_finite(z, i - 1)
            latents.append(z)
            recorder.add(i, control)  # what the network gives for latents[i]; the clean picture belongs to no denoising step
            notify(callback, i=i - 1, timestep=told[i], z=z)
        if 0 in recorder.steps:
            predict(pipe, z, told[0], c)
            recorder.add(0, control)
    return Inversion(
        image=image,
        prompt=prompt,
        timesteps=told[:-1],
        levels=levels,
        latents=torch.stack(latents[::-1]),
        c=c,
        null=null,
        maps=recorder.maps(backwards=True),
        model=model_fingerprint(pipe),
    )


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
    _check_scheduler(pipe)
    if z_T is None:
        width, height = (side // pipe.vae_scale_factor for side in picture_size(pipe))
        shape = (1, pipe.unet.config.in_channels, height, width)
        z_T = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    _check_latent(pipe, z_T)
    z_T = z_T.to(pipe.unet.device, torch.promote_types(pipe.unet.dtype, torch.float32))
    c, null = encode_prompt(pipe, prompt), encode_null(pipe)
    told, levels = timesteps(pipe.scheduler, steps), _levels(pipe, steps, z_T)
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


def drift(latents: torch.Tensor, inversion: Inversion) -> torch.Tensor:
    """Root mean squared distance to the inversion's latents at each of the T + 1 indices, (T + 1,).

    Raises:
        ValueError: the latents are not those of a run of T steps on this picture's size.
    """
    if latents.shape != inversion.latents.shape:
        raise ValueError(
            f"The latents have shape {tuple(latents.shape)} and the inversion's {tuple(inversion.latents.shape)}; compare a whole run."
        )
    return (latents - inversion.latents).float().pow(2).flatten(1).mean(1).sqrt()


def predict(pipe: StableDiffusionPipeline, z: torch.Tensor, timestep: int, context: torch.Tensor) -> torch.Tensor:
    """The network's output for latents (B, C, h, w), one timestep, and prompt embeddings (B, N, d).

    A network of half precision is given half-precision latents; the latents themselves are kept in at least float32.
    """
    return pipe.unet(z.to(pipe.unet.dtype), timestep, encoder_hidden_states=context).sample.to(z.dtype)


def guided_step(
    pipe: StableDiffusionPipeline,
    control: Control,
    z: torch.Tensor,
    timestep: int,
    levels: torch.Tensor,
    null: torch.Tensor,
    c: torch.Tensor,
    guidance: float,
    values: torch.Tensor | None = None,
    unconditional: bool | None = None,
) -> torch.Tensor:
    """One guided DDIM step for n latents at once, (n, C, h, w), in one network call.

    Args:
        levels: abar of z and of the result, (2,).
        null, c: what the two branches read, (1 or n, N, d) and (n, N, d); only the conditional one reads `values` (n, N, d).
        unconditional: whether that branch runs; None runs it unless the guidance is 1.
    """
    n, both = len(z), guidance != 1 if unconditional is None else unconditional
    nulls = null.expand(n, -1, -1) if both else null[:0]
    control.rows = Rows(len(nulls), n)
    control.values = None if values is None else torch.cat([nulls, values])
    output = predict(pipe, torch.cat([z, z]) if both else z, timestep, torch.cat([nulls, c]))
    if both:
        output = guide(*output.chunk(2), guidance)
    return ddim_step(output, z, levels[0], levels[1], pipe.scheduler.config.prediction_type)


def track(loop: Iterable[int], title: str, progress: bool) -> Iterator[int]:
    """The loop, with a progress bar where wanted."""
    return iter(tqdm(loop, desc=title, disable=not progress))


def notify(callback: Callback | None, **state: Any) -> None:
    """Call back with the state of a loop, where someone listens."""
    if callback is not None:
        callback(state)


def check_inversion(pipe: StableDiffusionPipeline, *inversions: Inversion) -> None:
    """Raise TypeError for what is no Inversion, ValueError for one of another model, or on another device."""
    for inversion in inversions:
        if not isinstance(inversion, Inversion):
            raise TypeError(f"An Inversion is needed here, not {type(inversion).__name__}; make one with invert().")
        if inversion.model != model_fingerprint(pipe):
            raise ValueError(
                "The inversion was made with another model, noise schedule or precision than this pipeline's; invert the "
                "picture again with this one."
            )
        if inversion.latents.device != pipe.unet.device:
            raise ValueError(
                f"The inversion is on {inversion.latents.device} and the pipeline on {pipe.unet.device}; load it with "
                f"Inversion.load(path, {str(pipe.unet.device)!r})."
            )


def check_finite(z: torch.Tensor, i: int) -> None:
    """Raise ValueError where a latent has NaN or infinite values."""
    if not torch.isfinite(z).all():
        raise ValueError(
            f"The network returned NaN or infinite values at step {i}; load the model with dtype=torch.float32."
        )


def _check_scheduler(pipe: StableDiffusionPipeline) -> None:
    """Refuse a pipeline whose scheduler was replaced by one that is not DDIM's."""
    if not isinstance(pipe.scheduler, DDIMScheduler):
        raise ValueError(
            f"Inversion needs a DDIM scheduler, and this pipeline has a {type(pipe.scheduler).__name__}; set pipe.scheduler = "
            "DDIMScheduler.from_config(pipe.scheduler.config, clip_sample=False)."
        )


def _levels(pipe: StableDiffusionPipeline, steps: int, z: torch.Tensor) -> torch.Tensor:
    """The noise levels where z is, in at least float32: half precision would round them."""
    return noise_levels(pipe.scheduler, steps, torch.promote_types(z.dtype, torch.float32)).to(z.device)


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

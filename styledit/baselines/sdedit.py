"""SDEdit (2108.01073)."""

from __future__ import annotations

from collections.abc import Generator

import torch
from diffusers import StableDiffusionPipeline

from styledit import validation as check
from styledit.denoising import Callback, State, check_finite, follow, guided_step
from styledit.editing import Edit, Settings
from styledit.inversion import Inversion, check_inversion
from styledit.pictures import decode_latents
from styledit.prompts import encode_prompt


def sdedit(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    strength: float = 0.6,
    guidance: float = 7.5,
    seed: int = 0,
    progress: bool = True,
    callback: Callback | None = None,
) -> Edit:
    """Noise the picture, denoise with the target prompt. Only the picture's z_0 and timesteps are used.

    Before `first_step`, from which it denoises, the result's latents are the picture's under the same noise.

    Args:
        strength: the fraction of the T steps that are denoised, in (0, 1].
        guidance: w.
        seed: of the noise.

    Raises:
        TypeError: an argument of another type.
        ValueError: a strength outside (0, 1] or so small that no step is left.
    """
    run = sdediting(pipe, inversion, target_prompt, strength=strength, guidance=guidance, seed=seed)
    return follow(run, "SDEdit", _denoised(strength, inversion.steps), progress, callback)


def sdediting(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    strength: float = 0.6,
    guidance: float = 7.5,
    seed: int = 0,
) -> Generator[State, None, Edit]:
    """`sdedit` as a run: a `State` after each network call, and the `Edit` as its result."""
    check_inversion(pipe, inversion)
    guidance = check.number("guidance", guidance)
    first = inversion.steps - _denoised(strength, inversion.steps)
    c = encode_prompt(pipe, target_prompt)
    generator = torch.Generator().manual_seed(check.seed(seed))
    eps = torch.randn(inversion.z_0.shape, generator=generator).to(inversion.z_0)
    return _editing(pipe, inversion, target_prompt, c, eps, first, guidance)


def _denoised(strength: float, steps: int) -> int:
    """How many of T steps are denoised."""
    strength = check.number("strength", strength)
    denoised = int(round(strength * steps, 6)) if 0 < strength <= 1 else 0
    if not denoised:
        raise ValueError(
            f"strength must lie in (0, 1] and leave a step of {steps} to denoise, not {strength}."
        )
    return denoised


def _editing(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    c: torch.Tensor,
    eps: torch.Tensor,
    first: int,
    guidance: float,
) -> Generator[State, None, Edit]:
    latents = yield from _denoise(pipe, inversion, c, eps, first, guidance)
    return Edit(
        image=decode_latents(pipe, latents[-1])[0],
        reconstruction=decode_latents(pipe, inversion.z_0)[0],
        source_prompt=inversion.prompt,
        target_prompt=target_prompt,
        latents=latents,
        source_latents=inversion.latents,
        mask=None,
        settings=Settings(guidance=guidance, tau_v=0.0, tau_c=0.0, tau_s=0.0),
        first_step=first,
        inversion=inversion,
    )


@torch.no_grad()
def _denoise(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    c: torch.Tensor,
    eps: torch.Tensor,
    first: int,
    guidance: float,
) -> Generator[State, None, torch.Tensor]:
    """All T + 1 latents, (T + 1, 1, C, h, w): noised up to the first step, denoised from it."""
    levels = inversion.levels
    # z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps
    latents = [
        (abar**0.5 * inversion.z_0 + (1 - abar) ** 0.5 * eps).to(inversion.z_0)
        for abar in levels[: first + 1]
    ]
    for i in range(first, inversion.steps):
        timestep = inversion.timesteps[i]
        step = guided_step(pipe, latents[-1], timestep, levels[i : i + 2], inversion.null, c, guidance)
        check_finite(step.z, i)
        latents.append(step.z)
        yield State(i, timestep, step.z, step.x0).copy()
    return torch.stack(latents)

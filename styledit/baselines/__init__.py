"""What value inputs are compared with (method section 6): one call each, all with an `Edit` as the result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from diffusers import StableDiffusionPipeline

from styledit.attention import attention_control
from styledit.ddim import check_number, ddim_step, guide
from styledit.editing.editor import Edit, Editor, Settings
from styledit.values.fitting import check_together, minimise
from styledit.pictures import decode_latents
from styledit.objectives.attention import wide
from styledit.denoising import Callback, check_finite, guided_step, notify, predict, track
from styledit.inversion import Inversion, check_inversion
from styledit.prompts import encode_prompt


@dataclass(frozen=True)
class Nulls:
    """Learned embeddings of the empty prompt: `nulls` (T, N, d), float32, for `Editor(nulls=...)`.

    `guidance`: the w they were fitted at; `losses` (T,): what remains at each step; `evaluations`: cost, a forward
    counted as 1, a backward as 2; `fingerprint`: that of the inversion they were fitted to.
    """

    nulls: torch.Tensor
    guidance: float
    losses: tuple[float, ...]
    evaluations: int
    fingerprint: str


def ddim_p2p(
    pipe: StableDiffusionPipeline, inversion: Inversion, target_prompt: str, *, guidance: float = 7.5, progress: bool = True,
    callback: Callback | None = None, **settings: object,
) -> Edit:
    """Prompt-to-Prompt (2208.01626) from the inverted latent as it is: the source drifts. Arguments as for `styledit.edit`."""
    editor = Editor(pipe, inversion, limit=0)
    return editor.edit(target_prompt, guidance=guidance, progress=progress, callback=callback, **settings)


def null_text(
    pipe: StableDiffusionPipeline, inversion: Inversion, target_prompt: str, *, guidance: float = 7.5, nulls: Nulls | None = None,
    progress: bool = True, callback: Callback | None = None, **settings: object,
) -> Edit:
    """Null-text inversion (2211.09794): learned null embeddings keep the source, Prompt-to-Prompt edits.

    Args:
        nulls: from `fit_nulls`; None fits them first.
    """
    check_inversion(pipe, inversion)
    nulls = fit_nulls(pipe, inversion, guidance, progress=progress) if nulls is None else nulls
    if not isinstance(nulls, Nulls):
        raise TypeError(f"nulls must be Nulls or None, not {type(nulls).__name__}; make them with fit_nulls().")
    if nulls.fingerprint != inversion.fingerprint:
        raise ValueError("The null embeddings were fitted to another inversion; fit them to this one with fit_nulls().")
    editor = Editor(pipe, inversion, guidance=nulls.guidance, nulls=nulls.nulls, limit=0)
    return editor.edit(target_prompt, guidance=guidance, progress=progress, callback=callback, **settings)


def negative_prompt(
    pipe: StableDiffusionPipeline, inversion: Inversion, target_prompt: str, *, guidance: float = 7.5, progress: bool = True,
    callback: Callback | None = None, **settings: object,
) -> Edit:
    """Negative-prompt inversion (2305.16807): the source prompt in place of the empty one, so nothing is guided in the source."""
    check_inversion(pipe, inversion)
    editor = Editor(pipe, inversion, nulls=inversion.c, limit=0)
    return editor.edit(target_prompt, guidance=guidance, progress=progress, callback=callback, **settings)


def direct_inversion(
    pipe: StableDiffusionPipeline, inversion: Inversion, target_prompt: str, *, guidance: float = 7.5, progress: bool = True,
    callback: Callback | None = None, **settings: object,
) -> Edit:
    """Direct (PnP) inversion (2310.01506): the source's latents are set to the inversion's at every step."""
    editor = Editor(pipe, inversion, direct=True, limit=0)
    return editor.edit(target_prompt, guidance=guidance, progress=progress, callback=callback, **settings)


def sdedit(
    pipe: StableDiffusionPipeline, inversion: Inversion, target_prompt: str, *, strength: float = 0.6, guidance: float = 7.5,
    seed: int = 0, progress: bool = True, callback: Callback | None = None,
) -> Edit:
    """SDEdit (2108.01073): noise the picture, denoise with the target prompt. Only the picture's z_0 and timesteps are used.

    The result's latents begin at the step from which it denoises, `first_step`.

    Args:
        strength: the fraction of the T steps that are denoised, in (0, 1].
        seed: of the noise.

    Raises:
        ValueError: a strength outside (0, 1] or so small that no step is left.
    """
    check_inversion(pipe, inversion)
    check_number("strength", strength)
    check_number("guidance", guidance)
    first = inversion.steps - int(round(strength * inversion.steps, 6))
    if not 0 < strength <= 1 or first == inversion.steps:
        raise ValueError(f"strength must lie in (0, 1] and leave a step of {inversion.steps} to denoise, not {strength}.")
    levels, z_0 = inversion.levels, inversion.z_0
    eps = torch.randn(z_0.shape, generator=torch.Generator().manual_seed(seed)).to(z_0)
    z = levels[first] ** 0.5 * z_0 + (1 - levels[first]) ** 0.5 * eps
    latents, c = [z.to(z_0)], encode_prompt(pipe, target_prompt)
    with attention_control(pipe.unet) as control, torch.no_grad():
        for i in track(range(first, inversion.steps), "SDEdit", progress):
            z = guided_step(pipe, control, latents[-1], inversion.timesteps[i], levels[i : i + 2], inversion.null, c, guidance)
            check_finite(z, i)
            latents.append(z)
            notify(callback, i=i, timestep=inversion.timesteps[i], z=z)
    reconstruction, image = decode_latents(pipe, torch.cat([z_0, z]))
    off = Settings(guidance=guidance, tau_v=0.0, tau_c=0.0, tau_s=0.0)
    return Edit(
        image, reconstruction, inversion.prompt, target_prompt, torch.stack(latents), inversion.latents[first:], None, off,
        first_step=first,
    )


def fit_nulls(
    pipe: StableDiffusionPipeline,
    inversion: Inversion | Sequence[Inversion],
    guidance: float = 7.5,
    *,
    iterations: int = 10,
    learning_rate: Callable[[int], float] = lambda i: max(0.0, 0.01 * (1 - i / 100)),
    tolerance: Callable[[int], float] = lambda i: 1e-5 + 2e-5 * i,
    progress: bool = True,
    callback: Callback | None = None,
) -> Nulls | list[Nulls]:
    """Null-text inversion's fit (2211.09794, section 3.2): each step's null embedding, warm-started from the one before.

    Args:
        inversion: an inversion, or several of equal size and steps, which are fitted in one batch.
        learning_rate, tolerance: of Adam, which starts anew at each step i; a step ends early below the tolerance.
        callback: called after each step with a dict of `i`, `timestep`, `loss`, `iterations`, `z`.

    Raises:
        ValueError: a guidance that is 1 or not finite, or NaN or infinite values in the fit.
    """
    check_number("guidance", guidance)
    if guidance == 1:
        raise ValueError("At guidance 1 the null embedding is not used; choose another guidance.")
    one = isinstance(inversion, Inversion)
    if not one and not isinstance(inversion, (list, tuple)):
        raise TypeError(f"Null embeddings are fitted to an Inversion or a list of them, not {type(inversion).__name__}.")
    inversions = (inversion,) if one else tuple(inversion)
    check_inversion(pipe, *inversions)
    check_together(inversions)
    c, latents = torch.cat([v.c for v in inversions]), torch.cat([v.latents for v in inversions], 1)
    told, levels, kind = inversions[0].timesteps, inversions[0].levels, pipe.scheduler.config.prediction_type
    nulls = [wide(v.null).clone().requires_grad_() for v in inversions]  # (1, N, d) each
    z, kept, remaining, cost = latents[0], [], [], [0] * len(inversions)
    for i in track(range(len(told)), "fitting null embeddings", progress):
        with torch.no_grad():
            cond = predict(pipe, z, told[i], c)

        def reach(active: list[int]) -> torch.Tensor:
            uncond = predict(pipe, z[active], told[i], torch.cat([nulls[j] for j in active]).to(c.dtype))
            return ddim_step(guide(uncond, cond[active], guidance), z[active], levels[i], levels[i + 1], kind)

        def losses(active: list[int]) -> torch.Tensor:
            return wide(reach(active) - latents[i + 1][active]).square().flatten(1).mean(1)

        adams = [torch.optim.Adam([null], lr=learning_rate(i)) for null in nulls]
        try:
            done = minimise(losses, [[null] for null in nulls], adams, iterations, tolerance(i))
        except FloatingPointError as error:
            raise ValueError(f"Null-text inversion met NaN or infinite values at step {i}; load the model in float32.") from error
        with torch.no_grad():
            z = reach(list(range(len(nulls))))
        check_finite(z, i)
        kept.append(torch.cat([null.detach().clone() for null in nulls]))
        remaining.append(wide(z - latents[i + 1]).square().flatten(1).mean(1).tolist())
        cost = [spent + 3 * n + 2 for spent, n in zip(cost, done)]
        notify(callback, i=i, timestep=told[i], loss=math.fsum(remaining[-1]) / len(nulls), iterations=sum(done), z=z)
    results = [
        Nulls(torch.stack([step[j] for step in kept]), float(guidance), tuple(step[j] for step in remaining), cost[j], v.fingerprint)
        for j, v in enumerate(inversions)
    ]
    return results[0] if one else results

"""h-Edit (2503.02187)."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline

from styledit import validation as check
from styledit.baselines.once import ONCE
from styledit.denoising import Callback
from styledit.editing import Edit, Editor, UpdateRule
from styledit.inversion import Inversion, noised


def h_edit_editor(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    *,
    guidance: float = 7.5,
    reference_guidance: float = 5.0,
    random: bool = True,
    implicit: bool = True,
    skip: float = 0.0,
    seed: int = 0,
    **options: Any,
) -> Editor:
    """The editor of `h_edit`; options as for `Editor`. Where `automatic` is False its
    `edit(target, tau_c=0.4, tau_s=0.35)` (`tau_s=0.6` where not random) is that call.
    """
    random = check.flag("random", random)
    rule = UpdateRule(
        reference_guidance=reference_guidance, eta=1.0 if random else 0.0, implicit=implicit, skip=skip
    )
    source = noised(pipe, inversion, seed=seed) if random else inversion
    return Editor(pipe, source, guidance=guidance, rule=rule, **options)


def h_edit(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    guidance: float = 7.5,
    reference_guidance: float = 5.0,
    random: bool = True,
    implicit: bool = True,
    skip: float = 0.0,
    seed: int = 0,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit:
    """A step of reconstruction, which takes the source's noise, and a term that edits.

    Equations 22 to 25: x_base is the target's latent denoised by the *source* prompt with the source's noise;
    to it comes a multiple of w (eps_t - eps_n) - w_hat (eps_s - eps_n), taken at the latent before the step
    (explicit) or at x_base (implicit). Published: T = 50, w 7.5, w_hat 5, Prompt-to-Prompt at 0.4 (cross) and
    0.35 (self; 0.6 for h-Edit-D) of the steps. More than one implicit iteration a step is left out.

    Args:
        reference_guidance: w_hat.
        random: h-Edit-R, on independent noises (DDPM), of which the inversion gives only z_0 and the
            timesteps; otherwise h-Edit-D, on the inversion (DDIM).
        implicit: one more evaluation a step, four in place of three, beside the source's.
        skip: fraction of the steps that are left out, noisiest first.
        seed: of the noises.
        settings: as for `styledit.edit`; the maps that are taken over are those of the paper unless one says
            otherwise.

    Raises:
        TypeError, ValueError: as `styledit.edit`, or a choice out of range.
    """
    editor = h_edit_editor(
        pipe,
        inversion,
        guidance=guidance,
        reference_guidance=reference_guidance,
        random=random,
        implicit=implicit,
        skip=skip,
        seed=seed,
        **ONCE,
    )
    settings = {"tau_c": 0.4, "tau_s": 0.35 if random else 0.6} | settings
    return editor.edit(target_prompt, progress=progress, callback=callback, **settings)

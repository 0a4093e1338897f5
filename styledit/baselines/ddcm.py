"""Denoising diffusion consistent models, the sampling of InfEdit (2312.04965)."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline

from styledit.baselines.once import NO_MAPS, ONCE
from styledit.denoising import Callback
from styledit.editing import Edit, Editor, UpdateRule
from styledit.inversion import Inversion, noised


def ddcm_editor(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    *,
    guidance: float = 2.3,
    source_guidance: float = 1.0,
    steps: int | None = 12,
    seed: int = 0,
    **options: Any,
) -> Editor:
    """The editor of `ddcm`; options as for `Editor`. Where `automatic` is False its
    `edit(target, tau_c=0, tau_s=0)` is that call.
    """
    rule = UpdateRule(source_guidance=source_guidance, reference_guidance=source_guidance, eta="fresh")
    return Editor(
        pipe, noised(pipe, inversion, steps=steps, seed=seed), guidance=guidance, rule=rule, **options
    )


def ddcm(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    guidance: float = 2.3,
    source_guidance: float = 1.0,
    steps: int | None = 12,
    seed: int = 0,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit:
    """Virtual inversion (section 3.2): every step draws its noise anew, which puts the estimates right.

    With the source's noise N_t known, e_tgt + N_t - e_src is the target's, and its clean picture
    (z_t - sqrt(1 - abar_t) (e_tgt + N_t - e_src)) / sqrt(abar_t) is noised again for the next step.
    Published: 12 steps, w 2.3 after 1 for the source, with attention control of its own and on a consistency
    model; both of which are left out here: any DDIM model does, and `settings` are Prompt-to-Prompt's.
    `ddcm_editor(..., injection=mutual_attention(pipe))` adds the other half of its control, mutual
    self-attention (section 4.2), to the target itself, without a layout branch between the two. The noisiest
    latent is the noised picture, not noise alone. Of the inversion only the picture's z_0 is used.

    Args:
        source_guidance: w of the source.
        steps: T; None takes the inversion's.
        seed: of the noises.
        settings: as for `styledit.edit`; here no map is taken over unless one says so.

    Raises:
        TypeError, ValueError: as `styledit.edit`, or a choice out of range.
    """
    editor = ddcm_editor(
        pipe,
        inversion,
        guidance=guidance,
        source_guidance=source_guidance,
        steps=steps,
        seed=seed,
        **ONCE,
    )
    chosen = NO_MAPS | settings
    return editor.edit(target_prompt, progress=progress, callback=callback, **chosen)

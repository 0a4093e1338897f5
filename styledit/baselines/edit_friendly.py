"""Edit-friendly DDPM inversion (2304.06140)."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline

from styledit.baselines.once import NO_MAPS, ONCE
from styledit.denoising import Callback
from styledit.editing import Edit, Editor, UpdateRule
from styledit.inversion import Inversion, noised


def edit_friendly_editor(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    *,
    guidance: float = 15.0,
    source_guidance: float = 3.5,
    skip: float = 0.36,
    seed: int = 0,
    **options: Any,
) -> Editor:
    """The editor of `edit_friendly`; options as for `Editor`. Where `automatic` is False its
    `edit(target, tau_c=0, tau_s=0)` is that call.
    """
    rule = UpdateRule(
        source_guidance=source_guidance,
        reference_guidance=source_guidance,
        eta=1.0,
        corrected="all but the last",
        skip=skip,
    )
    return Editor(pipe, noised(pipe, inversion, seed=seed), guidance=guidance, rule=rule, **options)


def edit_friendly(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    guidance: float = 15.0,
    source_guidance: float = 3.5,
    skip: float = 0.36,
    seed: int = 0,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit:
    """The picture under independent noises, and what DDPM would have had to draw between them.

    Section 3.2: z_t = (x_{t-1} - mu_t(x_t)) / s_t are the source's noises (x_{t-1} is set to what they give,
    so that nothing drifts); the target takes the same, but for z_1 = 0. Published: T = 100, of which 36 are
    skipped, w 15 after 3.5 for the source; without attention control, or with Prompt-to-Prompt's at 0.6
    (cross) and 0.2 (self) of the steps, counted from the first that runs. Of the inversion only the picture's
    z_0 and its timesteps are used.

    Args:
        source_guidance: w of the source.
        skip: fraction of the steps that are left out, noisiest first.
        seed: of the noises.
        settings: as for `styledit.edit`; here no map is taken over unless one says so.

    Raises:
        TypeError, ValueError: as `styledit.edit`, or a choice out of range.
    """
    editor = edit_friendly_editor(
        pipe,
        inversion,
        guidance=guidance,
        source_guidance=source_guidance,
        skip=skip,
        seed=seed,
        **ONCE,
    )
    chosen = NO_MAPS | settings
    return editor.edit(target_prompt, progress=progress, callback=callback, **chosen)

"""LEDITS++ (2311.16711)."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline

from styledit.baselines.once import NO_MAPS, ONCE
from styledit.denoising import Callback
from styledit.editing import Edit, Editor, UpdateRule, WordsAndLargestValues
from styledit.inversion import Inversion, noised


def ledits_pp_editor(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    *,
    guidance: float = 5.0,
    skip: float = 0.13,
    quantile: float = 0.9,
    scale: int = 4,
    seed: int = 0,
    **options: Any,
) -> Editor:
    """The editor of `ledits_pp`; options as for `Editor`. Where `automatic` is False its
    `edit(target, tau_c=0, tau_s=0)` is that call.
    """
    mask = WordsAndLargestValues(quantile, scale)
    rule = UpdateRule(source_guidance=0.0, reference_guidance=0.0, eta=1.0, skip=skip, mask=mask)
    return Editor(pipe, noised(pipe, inversion, seed=seed), guidance=guidance, rule=rule, **options)


def ledits_pp(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    guidance: float = 5.0,
    skip: float = 0.13,
    quantile: float = 0.9,
    scale: int = 4,
    seed: int = 0,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit:
    """Edit-friendly noise under the empty prompt, and guidance in a mask: eps_n + s M (eps_t - eps_n).

    Section 3.3: M is where the new words look and where guidance is large, each the top tenth. Published: s 5
    for each thing that is to change; as many noisiest steps are left out as 0.15 of those that run, which
    are 0.13 of all. There the prompt names the change alone ("sunglasses"); a whole target prompt does as
    well, of which M takes the words that the source prompt does not have. Of the inversion only the picture's
    z_0 and its timesteps are used.

    Args:
        guidance: s.
        skip: fraction of the steps that are left out, noisiest first.
        quantile: of maps and guidance, below which M is 0.
        scale: of the maps, see `Layers`; where a picture has few latents, finer ones (1 or 2) say more.
        seed: of the noises.
        settings: as for `styledit.edit`; here no map is taken over unless one says so.

    Raises:
        TypeError, ValueError: as `styledit.edit`, or a choice out of range.
    """
    editor = ledits_pp_editor(
        pipe,
        inversion,
        guidance=guidance,
        skip=skip,
        quantile=quantile,
        scale=scale,
        seed=seed,
        **ONCE,
    )
    chosen = NO_MAPS | settings
    return editor.edit(target_prompt, progress=progress, callback=callback, **chosen)

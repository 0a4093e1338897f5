"""Proximal guidance (2306.05414)."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline

from styledit import validation as check
from styledit.baselines.once import ONCE
from styledit.denoising import Callback
from styledit.editing import Edit, Editor, LargestValues, UpdateRule
from styledit.inversion import Inversion


def proximal_editor(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    *,
    quantile: float = 0.7,
    inversion_guidance: float = 0.1,
    follow: bool = False,
    **options: Any,
) -> Editor:
    """The editor of `proximal`; options as for `Editor`. Where `automatic` is False its
    `edit(target)` is that call.
    """
    rule = UpdateRule(
        reference_guidance=None,
        corrected="all" if check.flag("follow", follow) else "none",
        mask=LargestValues(quantile),
        pull=inversion_guidance,
    )
    return Editor(pipe, inversion, rule=rule, **options)


def proximal(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    guidance: float = 7.5,
    quantile: float = 0.7,
    inversion_guidance: float = 0.1,
    follow: bool = False,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit:
    """Negative-prompt inversion whose small differences are no edit: eps_s + w prox(eps_t - eps_s).

    Section 3.2: prox sets to 0 what lies below a quantile of the difference's magnitudes (hard thresholding,
    L0); published at 0.7. Inversion guidance (section 3.3), below 0.4 of the timesteps: where the difference
    was 0, a cell around the rest left out, the latent moves towards the inversion's.

    Args:
        quantile: of the difference's magnitudes; 0 keeps all.
        inversion_guidance: the fraction of the way that the latent moves; 0 leaves that out.
        follow: whether the target takes the source's noise too, so that where nothing is edited the source
            comes back; as published it is denoised freely.
        settings: as for `styledit.edit`.

    Raises:
        TypeError, ValueError: as `styledit.edit`, or a choice out of range.
    """
    editor = proximal_editor(
        pipe,
        inversion,
        quantile=quantile,
        inversion_guidance=inversion_guidance,
        follow=follow,
        **ONCE,
    )
    return editor.edit(target_prompt, guidance=guidance, progress=progress, callback=callback, **settings)

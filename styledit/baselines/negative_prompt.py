"""Negative-prompt inversion (2305.16807)."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline

from styledit import validation as check
from styledit.baselines.once import ONCE
from styledit.denoising import Callback
from styledit.editing import Edit, Editor, UpdateRule
from styledit.inversion import Inversion, check_inversion


def negative_prompt_editor(
    pipe: StableDiffusionPipeline, inversion: Inversion, *, follow: bool = False, **options: Any
) -> Editor:
    """The editor of `negative_prompt`; options as for `Editor`. Where `automatic` is False its
    `edit(target)` is that call.
    """
    check_inversion(pipe, inversion)
    if check.flag("follow", follow):
        return Editor(pipe, inversion, rule=UpdateRule(reference_guidance=None), **options)
    return Editor(pipe, inversion, null_embeddings=inversion.c, **options)


def negative_prompt(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    guidance: float = 7.5,
    follow: bool = False,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit:
    """The source prompt in place of the empty one, so nothing is guided in the source.

    Arguments as for `styledit.edit`.

    Args:
        follow: whether the target also takes what corrects the source at every step, as direct inversion's
            source does: where the prompts do not differ, the picture comes back. As published it does not.
    """
    editor = negative_prompt_editor(pipe, inversion, follow=follow, **ONCE)
    return editor.edit(target_prompt, guidance=guidance, progress=progress, callback=callback, **settings)

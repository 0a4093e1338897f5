"""Negative-prompt inversion (2305.16807)."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline

from styledit.denoising import Callback
from styledit.editing import Edit, Editor
from styledit.inversion import Inversion, check_inversion


def negative_prompt(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    guidance: float = 7.5,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit:
    """The source prompt in place of the empty one, so nothing is guided in the source.

    Arguments as for `styledit.edit`.
    """
    check_inversion(pipe, inversion)
    editor = Editor(pipe, inversion, null_embeddings=inversion.c, limit=0, history=0, automatic=False)
    return editor.edit(target_prompt, guidance=guidance, progress=progress, callback=callback, **settings)

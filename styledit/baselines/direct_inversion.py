"""Direct (PnP) inversion (2310.01506)."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline

from styledit.baselines.once import ONCE
from styledit.denoising import Callback
from styledit.editing import Edit, Editor
from styledit.inversion import Inversion


def direct_inversion(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    guidance: float = 7.5,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit:
    """The source's latents are set to the inversion's at every step. Arguments as for `styledit.edit`."""
    editor = Editor(pipe, inversion, follow_inversion=True, **ONCE)
    return editor.edit(target_prompt, guidance=guidance, progress=progress, callback=callback, **settings)

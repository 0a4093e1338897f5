"""Prompt-to-Prompt on a plain DDIM inversion (2208.01626)."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline

from styledit.baselines.once import ONCE
from styledit.denoising import Callback
from styledit.editing import Edit, Editor
from styledit.inversion import Inversion


def ddim_p2p(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    guidance: float = 7.5,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit:
    """Prompt-to-Prompt from the inverted latent as it is: the source drifts.

    Arguments as for `styledit.edit`.
    """
    editor = Editor(pipe, inversion, **ONCE)
    return editor.edit(target_prompt, guidance=guidance, progress=progress, callback=callback, **settings)

"""Own methods for the comparison: ``make compare METHOD=measure.example:plain_ddim``."""

from __future__ import annotations

import styledit


def plain_ddim(pipe, inversion: styledit.Inversion, target_prompt: str, settings: dict) -> styledit.Edit:
    """The target's words from the inverted latent; nothing of the source's attention is kept."""
    editor = styledit.Editor(pipe, inversion, rule=None)
    return editor.edit(target_prompt, guidance=settings["guidance"], progress=False)


def follow_inversion(
    pipe, inversion: styledit.Inversion, target_prompt: str, settings: dict
) -> styledit.Edit:
    """Lesson 07's own method: nothing is fitted, the source's latents are the inversion's own, and the
    settings are those that the plain call chooses.
    """
    editor = styledit.Editor(pipe, inversion, follow_inversion=True)
    return editor.edit(target_prompt, progress=False)

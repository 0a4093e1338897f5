"""An own method for the comparison: ``make compare METHOD=measure.example:plain_ddim``."""

from __future__ import annotations

import styledit


def plain_ddim(pipe, inversion: styledit.Inversion, target_prompt: str, settings: dict) -> styledit.Edit:
    """The target's words from the inverted latent; nothing of the source's attention is kept."""
    editor = styledit.Editor(pipe, inversion)
    return editor.edit(target_prompt, guidance=settings["guidance"], progress=False)

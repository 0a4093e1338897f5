"""The methods that the lab can edit with: the kit's own, the baselines, and functions of the user's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from diffusers import StableDiffusionPipeline

from styledit import baselines
from styledit.editing import Edit, Editor, Settings
from styledit.lab.keeping import PLAIN
from styledit.lab.session import Prepared

OWN = "value inputs"
SDEDIT = "SDEdit"
BASELINES = ("DDIM + P2P", "direct inversion", "negative prompt", "null-text", SDEDIT)
Method = Callable[[StableDiffusionPipeline, Any, str, dict[str, Any]], Edit]


def names(own: Mapping[str, Method]) -> list[str]:
    """All methods by name, the kit's first."""
    return [OWN, *BASELINES, *own]


def editors(pipe: StableDiffusionPipeline, prepared: Prepared) -> dict[str, Callable[[], Editor]]:
    """The methods that are the editor with other options: each made when it is asked for."""
    inversion = prepared.inversion
    guidance = prepared.values.guidance

    def null_text() -> Editor:
        nulls = baselines.fit_nulls(pipe, inversion, guidance=guidance, progress=False)
        return Editor(pipe, inversion, guidance=guidance, null_embeddings=nulls.embeddings)

    return {
        OWN: lambda: prepared.editor,
        "DDIM + P2P": lambda: Editor(pipe, inversion, guidance=guidance),
        "direct inversion": lambda: Editor(pipe, inversion, guidance=guidance, follow_inversion=True),
        "negative prompt": lambda: Editor(pipe, inversion, guidance=guidance, null_embeddings=inversion.c),
        "null-text": null_text,
    }


def sdedit(pipe: StableDiffusionPipeline, inversion: Any, target: str, settings: dict[str, Any]) -> Edit:
    """SDEdit reads the guidance only."""
    guidance = settings.get("guidance")
    return baselines.sdedit(
        pipe, inversion, target, guidance=3.0 if guidance is None else guidance, progress=False
    )


def checked(methods: Mapping[str, Method] | None) -> dict[str, Method]:
    """A user's own methods by name.

    Raises:
        TypeError: they are no functions of four arguments by name.
    """
    if methods is None:
        return {}
    if not isinstance(methods, Mapping):
        raise TypeError("methods must be a dict {name: function(pipe, inversion, target_prompt, settings)}.")
    for name, function in methods.items():
        try:
            inspect.signature(function).bind(None, None, "", {})
        except (TypeError, ValueError):
            raise TypeError(
                f"The method {name!r} must be a function of four arguments: (pipe, inversion, target_prompt, "
                "settings)."
            ) from None
    return {str(name): function for name, function in methods.items()}


def run_function(
    function: Method, pipe: StableDiffusionPipeline, prepared: Prepared, target: str, settings: Settings
) -> Edit:
    """A user's function on one picture.

    Raises:
        ValueError: it raised, or gave something that is no `Edit`.
    """
    keywords = {name: getattr(settings, name) for name in PLAIN}
    if settings.mask is not None:
        keywords["mask"] = settings.mask
    try:
        edit = function(pipe, prepared.inversion, target, keywords)
    except Exception as error:
        raise ValueError(f"The method raised {type(error).__name__}: {error}") from error
    if not isinstance(edit, Edit):
        raise ValueError(f"The method must return a styledit.Edit, not {type(edit).__name__}.")
    return edit

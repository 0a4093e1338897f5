"""The methods that the lab can edit with: the kit's own, the baselines, and functions of the user's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from copy import deepcopy
from typing import Any

from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.baselines.null_text import fitting_nulls
from styledit.denoising import State
from styledit.editing import Edit, Editor, Settings
from styledit.lab.edit.png_recipe import PLAIN
from styledit.lab.edit.session import Prepared

OWN = "value inputs"
FOLLOWING = "direct inversion"  # and what stands in for the kit's own while there are no value inputs
SDEDIT = "SDEdit"
BASELINES = ("DDIM + P2P", FOLLOWING, "negative prompt", "null-text", SDEDIT)
Method = Callable[[StableDiffusionPipeline, Any, str, dict[str, Any]], Edit]


def names(own: Mapping[str, Method]) -> list[str]:
    """All methods by name, the kit's first."""
    return [OWN, *BASELINES, *own]


def making_editor(
    name: str, pipe: StableDiffusionPipeline, prepared: Prepared
) -> Generator[State, None, Editor | None]:
    """The editor of a baseline as a run; None of a method that is none of the editor's."""
    inversion, guidance = prepared.inversion, prepared.guidance
    if name == "null-text":
        nulls = yield from fitting_nulls(pipe, inversion, guidance)
        return Editor(pipe, inversion, guidance=guidance, null_embeddings=nulls.embeddings)
    options: dict[str, dict[str, Any]] = {
        "DDIM + P2P": {},
        FOLLOWING: {"follow_inversion": True},
        "negative prompt": {"null_embeddings": inversion.c},
    }
    return Editor(pipe, inversion, guidance=guidance, **options[name]) if name in options else None


def editor_code(name: str, guidance: float) -> list[str] | None:
    """Lines of code that make the editor of a method; None of a method that is none of the editor's."""
    given = f"pipe, inversion, guidance={guidance!r}"
    codes = {
        OWN: ["editor = styledit.Editor(pipe, inversion, values=values)"],
        "DDIM + P2P": [f"editor = styledit.Editor({given})"],
        FOLLOWING: [f"editor = styledit.Editor({given}, follow_inversion=True)"],
        "negative prompt": [f"editor = styledit.Editor({given}, null_embeddings=inversion.c)"],
        "null-text": [
            f"nulls = styledit.baselines.fit_nulls({given})",
            f"editor = styledit.Editor({given}, null_embeddings=nulls.embeddings)",
        ],
    }
    return codes.get(name)


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
    keywords = deepcopy({name: getattr(settings, name) for name in PLAIN})
    if settings.mask is not None:
        keywords["mask"] = settings.mask
    try:
        edit = function(pipe, prepared.inversion, target, keywords)
    except (Exception, SystemExit) as error:
        raise ValueError(f"The method raised {type(error).__name__}: {error}") from error
    if not isinstance(edit, Edit):
        raise ValueError(f"The method must return a styledit.Edit, not {type(edit).__name__}.")
    for name in ("image", "reconstruction"):
        picture = getattr(edit, name)
        if not isinstance(picture, Image.Image) or picture.size != prepared.picture.size:
            raise ValueError(
                f"The method's Edit must have a picture of {prepared.picture.width}×"
                f"{prepared.picture.height} as its {name}."
            )
    return edit

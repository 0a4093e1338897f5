"""How a lab is opened: on a lesson picture, one of your own, an inversion, an edit, or a drawn one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diffusers import StableDiffusionPipeline

from styledit import validation as check
from styledit.editing import Edit
from styledit.editing.suggestion import suggest_rule
from styledit.generation import Denoised
from styledit.guiding import Guided
from styledit.inversion import Inversion
from styledit.lab.edit import png_recipe
from styledit.lab.edit.methods import FOLLOW, VALUES, MethodFunction, checked
from styledit.lab.edit.requests import EditRequest
from styledit.lab.edit.samples import samples
from styledit.lab.edit.session import MOST_STEPS, Ready, Source
from styledit.lab.edit.widget import EditLab
from styledit.pictures import ImageSource, read_image
from styledit.prompts import prompt_slots, split_words
from styledit.values import ValueInputs

STEPS = 15  # T where nothing else is said


def edit_lab(
    pipe: StableDiffusionPipeline,
    picture: ImageSource | Inversion | Edit | Guided | Denoised | None = None,
    prompt: str | None = None,
    *,
    target: str | None = None,
    steps: int = STEPS,
    seed: int = 0,
    methods: Mapping[str, MethodFunction] | None = None,
) -> EditLab:
    """The live lab: a widget in which an edit follows its sliders.

    Args:
        picture: what to edit: any picture, an `Inversion`, an `Edit` or a `Guided` (which open with
            their settings), or a drawn picture (`Denoised`); None begins with a lesson picture, or draws one
            where there are none.
        prompt: what the picture shows; needed for a picture of your own.
        target: the first target prompt; None takes another style.
        steps: T.
        seed: of a source that is drawn.
        methods: {name: function(pipe, inversion, target_prompt, settings) -> Edit}: your own methods, beside
            the baselines.

    Raises:
        TypeError: an argument of another type.
        ValueError: a picture without a prompt, or a prompt that cannot be used.
    """
    check.pipeline(pipe)
    steps = check.whole("steps", steps, least=1, most=MOST_STEPS)
    own = checked(methods)
    if isinstance(picture, Guided):
        picture = picture.edit
    if isinstance(picture, Edit):
        return _lab_of_edit(pipe, picture, own)
    if isinstance(picture, Inversion):
        if prompt is not None and prompt != picture.prompt:
            raise ValueError(f"This inversion was made with the prompt {picture.prompt!r}; leave prompt out.")
        first = Source("upload", "inversion", picture.prompt, picture.steps, picture.image)
        return EditLab(pipe, first, _request(target), Ready(picture), own)
    if isinstance(picture, Denoised):
        prompt = prompt or picture.prompt
        picture = picture.image
    if picture is None:
        first = _first_source(pipe, prompt, steps, check.seed(seed))
        return EditLab(pipe, first, _request(target), own=own)
    if prompt is None:
        raise ValueError("Say what the picture shows: edit_lab(pipe, picture, prompt).")
    split_words(pipe, prompt)
    first = Source("upload", "your picture", prompt, steps, read_image(pipe, picture))
    return EditLab(pipe, first, _request(target), own=own)


def _lab_of_edit(pipe: StableDiffusionPipeline, edit: Edit, own: Mapping[str, Any]) -> EditLab:
    if edit.inversion is None:
        raise ValueError("This edit does not know its inversion; give edit_lab(pipe, picture, prompt).")
    inversion = edit.inversion
    values = edit.values if isinstance(edit.values, ValueInputs) else None
    method = FOLLOW if values is None else VALUES
    by_method = values is not None or (edit.rule is not None and edit.rule == suggest_rule(pipe))
    foreign = not by_method or bool(edit.settings.regularisation)
    note = (
        "This edit was made in a way for which the lab has no control: the first change makes it anew, by "
        f"{method}."
    )
    first = Source(
        "upload", "edit", inversion.prompt, inversion.steps, inversion.image, note=note if foreign else ""
    )
    request = EditRequest(0, False, edit.target_prompt, png_recipe.as_dict(edit.settings), method)
    return EditLab(pipe, first, request, Ready(inversion, values, edit if foreign else None), own)


def _request(target: str | None) -> EditRequest | None:
    """The first edit, where a target is given."""
    if target is None:
        return None
    return EditRequest.first(check.text("target", target))


def _first_source(pipe: StableDiffusionPipeline, prompt: str | None, steps: int, seed: int) -> Source:
    """A lesson picture, or one that the model draws."""
    there = samples() if prompt_slots(pipe) and prompt is None else []
    if there:
        sample = there[0]
        return Source("sample", sample.name, sample.prompt, steps, read_image(pipe, sample.picture))
    prompt = "a photo of a cat" if prompt is None else prompt
    split_words(pipe, prompt)
    return Source("seed", "", prompt, steps, None, seed)

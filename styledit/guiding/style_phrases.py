"""A picture's look in words: which of a model's ways to say one CLIP finds in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from diffusers import StableDiffusionPipeline

from styledit import validation as check
from styledit.editing.suggestion import Change
from styledit.perception.clip import Clip, load_clip
from styledit.pictures import ImageSource, as_pixels, read_image
from styledit.prompts import prompt_slots

TOGETHER = 256  # sentences that CLIP reads in one call


@torch.no_grad()
def classify_style(
    pipe: StableDiffusionPipeline,
    prompt: str,
    style_image: ImageSource,
    *,
    looks: Sequence[str] | None = None,
    clip: Clip | None = None,
) -> str:
    """A prompt with the look of a picture: "a red fox" becomes "a watercolor painting of a red fox".

    The look is that of the sentence whose CLIP cosine to the picture is highest (zero-shot classification,
    Radford et al., 2103.00020, section 3.1). The sentences say each look of each thing in each place that the
    model's own words have; of a model without such a list, of what the prompt shows. A look that the prompt
    begins with, one of `looks` or the model's own, makes room.

    Args:
        style_image: whose look is wanted.
        looks: phrases that may stand before what is shown, such as "a watercolor painting of"; None takes the
            model's own.
        clip: None takes the embedded CLIP.

    Raises:
        TypeError: an argument of another type.
        ValueError: a picture, prompt or phrase that cannot be used, or no looks for a model that has none of
            its own.
    """
    words = " ".join(check.text("The prompt", prompt).split())
    if not words:
        raise ValueError("The prompt is empty; say what the picture shows.")
    known = style_phrases_of(pipe) if looks is None else phrases(looks)
    if not known:
        raise ValueError('There are no looks to choose from; name some: looks=("an oil painting of", ...).')
    worn = max(
        (look for look in (*known, *style_phrases_of(pipe)) if _begins(words, look)), key=len, default=""
    )
    rest = words[len(worn) :].strip()
    slots = prompt_slots(pipe)
    shows = (
        [f"{check.with_article(thing)} {place}" for thing, place in product(slots["thing"], slots["place"])]
        if slots
        else [rest]
    )
    clip = (
        load_clip(device=pipe.device) if clip is None else check.instance("clip", clip, Clip, "load_clip()")
    )
    pixels = as_pixels(read_image(pipe, style_image)).to(clip.model.device)
    sentences = [f"{look} {show}".strip() for look, show in product(known, shows)]
    parts = [sentences[start : start + TOGETHER] for start in range(0, len(sentences), TOGETHER)]
    said = torch.cat([clip.embed_text(*part) for part in parts])
    best = int(torch.cosine_similarity(said, clip.embed_pictures(pixels)).argmax())
    return f"{known[best // len(shows)]} {rest}".strip()


def with_style_phrase(
    pipe: StableDiffusionPipeline,
    source: str,
    target: str,
    style_image: ImageSource,
    looks: Sequence[str] | None = None,
    clip: Clip | None = None,
) -> str:
    """The target prompt of an edit with a style picture: one that changes no word of the source's says that
    picture's look, where there is a list of looks, and room.

    Arguments and errors as `classify_style`; no looks keep the prompt.
    """
    known = style_phrases_of(pipe) if looks is None else phrases(looks)
    if not known or changes_words(pipe, source, target):
        return target
    named = classify_style(pipe, target, style_image, looks=known, clip=clip)
    try:
        return named if changes_words(pipe, source, named) else target
    except ValueError:  # too long for the model, or a word that it does not know
        return target


def changes_words(pipe: StableDiffusionPipeline, source: str, target: str) -> bool:
    """Whether a target prompt has other words than the source's. Raises as `encode_prompt`."""
    change = Change.between(pipe, source, target)
    return bool(change.added or change.removed)


def style_phrases_of(pipe: StableDiffusionPipeline) -> tuple[str, ...]:
    """The phrases that a model's own list has for the look of a picture; empty where it has none."""
    return prompt_slots(pipe).get("style", ())


def phrases(looks: Sequence[str]) -> tuple[str, ...]:
    """Looks that a user names.

    Raises:
        TypeError: one that is no string.
        ValueError: an empty one.
    """
    found = tuple(
        " ".join(check.text("Each of looks", look).split()) for look in check.several("looks", looks)
    )
    if not all(found):
        raise ValueError('One of looks is empty; each is a phrase such as "an oil painting of".')
    return found


def _begins(words: str, look: str) -> bool:
    return f"{words} ".lower().startswith(f"{look.lower()} ")

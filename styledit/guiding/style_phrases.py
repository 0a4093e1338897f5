"""The style of a picture in words: which of a model's style phrases CLIP finds in it."""

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
# The settings of an edit with a style picture and an unchanged prompt; an edit without one keeps everything.
# On training scenes, see `styledit.guiding.weights`.
REPAINTING = {"tau_v": 0.0, "tau_c": 0.4, "tau_s": 0.2, "tau_u": 0.2}


@torch.no_grad()
def classify_style(
    pipe: StableDiffusionPipeline,
    prompt: str,
    style_image: ImageSource,
    *,
    style_phrases: Sequence[str] | None = None,
    clip: Clip | None = None,
) -> str:
    """A prompt with the style of a picture: "a red fox" becomes "a watercolor painting of a red fox".

    The style is that of the sentence whose CLIP cosine to the picture is highest (zero-shot classification,
    Radford et al., 2103.00020, section 3.1). The sentences combine each style phrase with each thing in each
    place that the model's own words have; of a model without such a list, with what the prompt shows. A
    phrase that the prompt begins with, one of `style_phrases` or the model's own, makes room.

    Args:
        style_image: whose style is wanted.
        style_phrases: phrases that may stand before what is shown, such as "a watercolor painting of"; None
            takes the model's own.
        clip: None takes the embedded CLIP.

    Raises:
        TypeError: an argument of another type.
        ValueError: a picture, prompt or phrase that cannot be used, or no phrases for a model that has none
            of its own.
    """
    words = " ".join(check.text("The prompt", prompt).split())
    if not words:
        raise ValueError("The prompt is empty; say what the picture shows.")
    known = phrases_of(pipe, style_phrases)
    if not known:
        raise ValueError(
            'There are no style phrases to choose from; give some: style_phrases=("an oil painting of", ...).'
        )
    removable = [phrase for phrase in (*known, *phrases_of(pipe)) if _begins_with(words, phrase)]
    content = words[len(max(removable, key=len, default="")) :].strip()
    slots = prompt_slots(pipe)
    contents = (
        [f"{check.with_article(thing)} {place}" for thing, place in product(slots["thing"], slots["place"])]
        if slots
        else [content]
    )
    if clip is None:
        clip = load_clip(device=pipe.device)
    check.instance("clip", clip, Clip, "load_clip()")
    pixels = as_pixels(read_image(pipe, style_image)).to(clip.model.device)
    sentences = [f"{phrase} {shown}".strip() for phrase, shown in product(known, contents)]
    parts = [sentences[start : start + TOGETHER] for start in range(0, len(sentences), TOGETHER)]
    embeddings = torch.cat([clip.embed_text(*part) for part in parts])
    best = int(torch.cosine_similarity(embeddings, clip.embed_pictures(pixels)).argmax())
    return f"{known[best // len(contents)]} {content}".strip()


def with_style_phrase(
    pipe: StableDiffusionPipeline,
    source: str,
    target: str,
    style_image: ImageSource,
    style_phrases: Sequence[str] | None = None,
    clip: Clip | None = None,
) -> str:
    """The target prompt of an edit with a style picture: one that changes no word of the source's gets that
    picture's style phrase, where there is a list of phrases, and room.

    Arguments and errors as `classify_style`; no phrases keep the prompt.
    """
    known = phrases_of(pipe, style_phrases)
    if not known or changes_words(pipe, source, target):
        return target
    named = classify_style(pipe, target, style_image, style_phrases=known, clip=clip)
    try:
        return named if changes_words(pipe, source, named) else target
    except ValueError:  # too long for the model, or a word that it does not know
        return target


def style_settings(pipe: StableDiffusionPipeline, source: str, target: str) -> dict[str, float]:
    """The settings, by name, of an edit with a style picture: where no word of the prompt changes, other ones
    than those of an edit without. Raises as `encode_prompt`.
    """
    return {} if changes_words(pipe, source, target) else dict(REPAINTING)


def changes_words(pipe: StableDiffusionPipeline, source: str, target: str) -> bool:
    """Whether a target prompt has other words than the source's. Raises as `encode_prompt`."""
    change = Change.between(pipe, source, target)
    return bool(change.added or change.removed)


def phrases_of(pipe: StableDiffusionPipeline, given: Sequence[str] | None = None) -> tuple[str, ...]:
    """Style phrases that are given, or the model's own; empty where it has none. Raises as
    `check_phrases`.
    """
    return prompt_slots(pipe).get("style", ()) if given is None else check_phrases(given)


def check_phrases(style_phrases: Sequence[str]) -> tuple[str, ...]:
    """Style phrases that a user gives, with single spaces.

    Raises:
        TypeError: one that is no string.
        ValueError: an empty one.
    """
    given = check.several("style_phrases", style_phrases)
    phrases = tuple(" ".join(check.text("Each of style_phrases", phrase).split()) for phrase in given)
    if not all(phrases):
        raise ValueError('One of style_phrases is empty; each is a phrase such as "an oil painting of".')
    return phrases


def _begins_with(words: str, phrase: str) -> bool:
    return f"{words} ".lower().startswith(f"{phrase.lower()} ")

"""The source, the words, the steps and the sheet as plain dicts for the page; `PROTOCOL.md` has their fields.

The score is in `scores`, what a guided edit publishes in `guided`, the history in `history`."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.editing import Edit, Settings
from styledit.editing.blend import blend_start
from styledit.editing.settings import is_on
from styledit.editing.suggestion import Change
from styledit.lab.edit import png_recipe
from styledit.lab.edit.guided import guiding_dict
from styledit.lab.edit.samples import challenges, samples
from styledit.lab.edit.session import MOST_STEPS, Source
from styledit.lab.edit.sheet import AXES, METHODS, PROMPTS, Sheet
from styledit.lab.frames import encode, thumbnail
from styledit.pipeline import picture_size
from styledit.prompts import known_words, prompt_slots, split_words


def world_dict(pipe: StableDiffusionPipeline, names: list[str]) -> dict[str, Any]:
    """What never changes."""
    embedded = bool(prompt_slots(pipe))
    width, height = picture_size(pipe)
    factor = pipe.vae_scale_factor
    return {
        "size": [width, height],
        "mask_size": [width // factor, height // factor],
        "model": "the embedded model" if embedded else str(pipe.name_or_path or "your model"),
        "samples": [
            {"name": sample.name, "prompt": sample.prompt, "thumb": thumbnail(sample.picture)}
            for sample in (samples() if embedded else ())
        ],
        "challenges": [
            {
                "name": challenge.name,
                "label": challenge.label,
                "prompt": challenge.prompt,
                "target": challenge.target,
                "thumb": thumbnail(challenge.picture),
            }
            for challenge in (challenges() if embedded else ())
        ],
        "methods": names,
        "sheets": [{"name": name, "label": about[0]} for name, about in AXES.items()]
        + [{"name": name, "label": name} for name in (PROMPTS, METHODS)],
        "slots": [{"label": label, "words": list(words)} for label, words in prompt_slots(pipe).items()],
        "words": sorted(known_words(pipe)) if embedded else [],
        "most_steps": MOST_STEPS,
        "guiding": guiding_dict(),
    }


def source_dict(
    pipe: StableDiffusionPipeline, number: int, source: Source, picture: Image.Image, state: str
) -> dict[str, Any]:
    """The source, once it has a picture; `state`: how far it is."""
    return {
        "id": number,
        "kind": source.kind,
        "name": source.name,
        "seed": source.seed,
        "prompt": source.prompt,
        "steps": source.steps,
        "state": state,
        "picture": encode(picture),
        "reconstruction": None,
        "words": [word.text for word in split_words(pipe, source.prompt)],
        "note": source.note,
    }


def words_dict(pipe: StableDiffusionPipeline, source: str, target: str) -> dict[str, Any]:
    """A target prompt with what it changes."""
    change = Change.between(pipe, source, target)
    return {
        "prompt": target,
        "words": [{"text": word.text, "changed": k in change.added} for k, word in enumerate(change.target)],
        "removed": [change.source[k].text for k in change.removed],
    }


def step_states(edit: Edit, settings: Settings, steps: int) -> list[dict[str, Any]]:
    """What happens at each step."""
    blending = settings.mask is not None or bool(settings.blend)
    start = 0 if settings.mask is not None else blend_start(steps)
    return [
        {
            "state": "kept"
            if i < edit.first_step
            else "replayed"
            if i < edit.first_step + edit.replayed
            else "computed",
            "switches": {
                **{
                    name: is_on(i, getattr(settings, name), steps)
                    for name in ("tau_v", "tau_c", "tau_s", "tau_u")
                },
                "blend": blending and i >= start,
            },
        }
        for i in range(steps)
    ]


def sheet_dict(number: int, sheet: Sheet) -> dict[str, Any]:
    """A contact sheet as far as it is drawn."""
    tiles = [
        {
            "row": tile.row,
            "column": tile.column,
            "settings": png_recipe.as_dict(Settings.of(**tile.settings)) if tile.settings else None,
            "prompt": tile.prompt,
            "method": tile.method,
            "picture": None if tile.picture is None else encode(tile.picture, moving=True),
            "exact": tile.exact,
            "succeeded": tile.succeeded,
        }
        for tile in sheet.tiles
    ]
    about = {"id": number, "label": sheet.label, "rows": list(sheet.rows), "columns": list(sheet.columns)}
    return about | {"tiles": tiles}


def first_target(pipe: StableDiffusionPipeline, prompt: str) -> str:
    """The same thing in the next of the model's styles, for the embedded model; else the prompt itself."""
    styles = prompt_slots(pipe).get("style", ())
    for style, another in zip(styles, (*styles[1:], *styles[:1]), strict=True):
        if prompt.lower().startswith(style):
            return another + prompt[len(style) :]
    return prompt

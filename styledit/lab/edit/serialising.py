"""The source, the words, the steps and the sheet as plain dicts for the page; `PROTOCOL.md` has their fields.

The score is in `scores`, what a guided edit publishes in `guided`, the history in `history`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Literal

from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.editing import Edit, Settings
from styledit.editing.blend import blend_start
from styledit.editing.settings import is_on
from styledit.editing.suggestion import Change, suggest_rule
from styledit.lab.edit import methods, png_recipe
from styledit.lab.edit.guided import guiding_dict
from styledit.lab.edit.methods import SDEDIT, MethodFunction
from styledit.lab.edit.samples import challenges, samples
from styledit.lab.edit.session import MOST_STEPS, Source
from styledit.lab.edit.sheet import MOST_TILES, Sheet
from styledit.lab.edit.sheet_axes import AXES
from styledit.lab.frames import encode, thumbnail
from styledit.pipeline import picture_size
from styledit.prompts import known_words, prompt_slots, split_words

MASK_SIDE = 128  # cells of a painted mask's longer side


def world_dict(pipe: StableDiffusionPipeline, own: Mapping[str, MethodFunction]) -> dict[str, Any]:
    """What never changes. `own`: the user's own methods."""
    embedded = bool(prompt_slots(pipe))
    width, height = picture_size(pipe)
    factor = pipe.vae_scale_factor
    return {
        "size": [width, height],
        "mask_size": list(painting_size((width, height), factor)),
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
        "methods": methods.as_dicts(own, suggest_rule(pipe) is not None),
        "axes": [asdict(kind) for kind in AXES.values()],
        "most_tiles": MOST_TILES,
        "slots": [{"label": label, "words": list(words)} for label, words in prompt_slots(pipe).items()],
        "words": sorted(known_words(pipe)) if embedded else [],
        "most_steps": MOST_STEPS,
        "guiding": guiding_dict(),
    }


def painting_size(size: tuple[int, int], factor: int) -> tuple[int, int]:
    """How many cells (width, height) the page paints on: a multiple of the latents' that divides the
    picture's pixels, the finest with at most `MASK_SIDE`, and finer than the latents where it can be.

    Args:
        size: (width, height) of the picture; factor: pixels of a latent's side.
    """
    latents = size[0] // factor, size[1] // factor
    finer = [k for k in range(2, factor + 1) if factor % k == 0] or [1]
    fitting = [k for k in finer if k * max(latents) <= MASK_SIDE] or finer[:1]
    return latents[0] * fitting[-1], latents[1] * fitting[-1]


def source_dict(
    pipe: StableDiffusionPipeline,
    number: int,
    source: Source,
    picture: Image.Image,
    state: Literal["inverting", "inverted"],
) -> dict[str, Any]:
    """The source, once it has a picture."""
    return source.about() | {
        "id": number,
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


def step_states(edit: Edit, settings: Settings, steps: int, method: str) -> list[dict[str, Any]]:
    """What happens at each step; only the switches that the method reads are there."""
    reads = methods.named(method).reads
    return [
        {
            "state": _step_state(i, edit, method),
            "switches": {name: on for name, on in switches.items() if reads(name)},
        }
        for i, switches in enumerate(switches_on(settings, steps))
    ]


def switches_on(settings: Settings, steps: int) -> list[dict[str, bool]]:
    """Which switches are on at each step."""
    blending = settings.mask is not None or bool(settings.blend)
    start = 0 if settings.mask is not None else blend_start(steps)
    return [
        {
            **{
                name: is_on(i, getattr(settings, name), steps)
                for name in ("tau_v", "tau_c", "tau_s", "tau_u")
            },
            "blend": blending and i >= start,
        }
        for i in range(steps)
    ]


def _step_state(i: int, edit: Edit, method: str) -> str:
    """How step i was done."""
    if i < edit.first_step:
        return "skipped" if method == SDEDIT else "kept"
    return "replayed" if i < edit.first_step + edit.replayed else "computed"


def sheet_dict(sheet: Sheet) -> dict[str, Any]:
    """A contact sheet as far as it is drawn."""
    tiles = [
        {
            "row": tile.row,
            "column": tile.column,
            "prompt": tile.request.prompt,
            "settings": png_recipe.as_dict(replace(tile.settings, mask=None)),
            "auto": tile.request.settings is None,
            "picture": tile.small,
            "exact": tile.exact,
            "psnr": None if tile.psnr == math.inf else tile.psnr,
            "truth_psnr": tile.truth_psnr,
            "succeeded": tile.succeeded,
            "seconds": tile.seconds,
        }
        | tile.request.for_page()
        for tile in sheet.tiles
    ]
    about = {"id": sheet.id, "title": sheet.title, "rows": list(sheet.rows), "columns": list(sheet.columns)}
    return about | {"mask": png_recipe.as_dict(sheet.tiles[0].settings)["mask"], "tiles": tiles}


def first_target(pipe: StableDiffusionPipeline, prompt: str) -> str:
    """The same thing in the next of the model's styles, for the embedded model; else the prompt itself."""
    styles = prompt_slots(pipe).get("style", ())
    for style, another in zip(styles, (*styles[1:], *styles[:1]), strict=True):
        if prompt.lower().startswith(style):
            return another + prompt[len(style) :]
    return prompt

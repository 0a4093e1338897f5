"""The source pictures that a page can choose: lesson pictures, challenges, drawn ones, the user's files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit import validation as check
from styledit.lab.edit.samples import Challenge, Sample, challenges, samples
from styledit.lab.edit.session import MOST_STEPS, Prepared, Source
from styledit.pictures import open_rgb, read_image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")  # other decoders run programs of their own


def source_of(
    pipe: StableDiffusionPipeline, message: Mapping[str, Any], data: bytes, present: Prepared | None
) -> Source:
    """What a `source` message asks for.

    Args:
        data: the picture file that came with it, if any.
        present: the source that stands, whose picture an upload without a file keeps.

    Raises:
        TypeError, ValueError: what cannot be used.
    """
    kind = message["kind"]
    steps = check.whole("steps", message["steps"], least=1, most=MOST_STEPS)
    prompt = str(message["prompt"])
    if kind == "seed":
        return Source("seed", "", prompt, steps, None, check.seed(int(message.get("seed") or 0)))
    name = str(message.get("name", ""))
    return Source(kind, name, prompt, steps, picture_of(pipe, kind, name, data, present))


def picture_of(
    pipe: StableDiffusionPipeline, kind: str, name: str, data: bytes, present: Prepared | None
) -> Image.Image:
    """The picture of a kind ("sample", "challenge", "upload") and name, at the model's size.

    Raises:
        ValueError: there is none, or it cannot be read.
    """
    if kind == "upload":
        if data:
            return read_image(pipe, _decoded(data))
        if present is None:
            raise ValueError("There is no picture; choose or drop one.")
        return present.picture  # only its prompt or steps are new
    known: list[Sample] | list[Challenge] = challenges() if kind == "challenge" else samples()
    for entry in known:
        if entry.name == name:
            return read_image(pipe, entry.picture)
    raise ValueError(f"There is no picture {name!r} here; choose another.")


def _decoded(data: bytes) -> Image.Image:
    """A picture file's bytes as a picture."""
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
        picture.load()
    except Exception as error:  # decoders raise whatever the bytes make them
        raise ValueError("The file could not be read as a picture; take a PNG, JPEG, WebP or GIF.") from error
    return open_rgb(picture)

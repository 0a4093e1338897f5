"""An edit that can be made again: a PNG file that carries its recipe."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from diffusers import StableDiffusionPipeline
from PIL import Image, PngImagePlugin
from safetensors.torch import load as read_safetensors
from safetensors.torch import save as write_safetensors

from styledit import validation as check
from styledit.editing import Settings
from styledit.editing.mask import PaintedMask
from styledit.lab.edit.guided import Guide
from styledit.lab.edit.session import MOST_STEPS
from styledit.pipeline import model_fingerprint

CHUNK = "styledit"  # the PNG's text chunk
SOURCE, STYLE = b"stYp", b"stYs"  # its chunks with the source and the style picture, PNG files themselves
VALUES = b"stYv"  # and with the value inputs of a guided edit that was stopped, a safetensors file
LARGEST = 64 * 2**20  # bytes of a file that is opened
LONGEST_NAME = 60  # letters of a file's name
PLAIN = (
    "guidance", "tau_v", "tau_v_changed", "tau_v_padding", "tau_v_words", "tau_c", "tau_s", "tau_u",
    "guide_from_source", "tau_c_words", "reweight", "blend", "blend_threshold", "keep_details",
)  # fmt: skip
EARLIER = {"tau_words": "tau_c_words"}  # what older files call a setting
EARLIER_METHODS = {"negative prompt": "negative-prompt"}  # and a method


@dataclass(frozen=True)
class SavedEdit:
    """What a saved PNG carries: the edit's `image`, the source `picture`, both prompts, the number of
    steps T, the settings as `Settings` takes them, the method's name, the fingerprint of the model, whether
    its value inputs were given (they are not in the file), what guided the edit, if anything did, the
    method's own parameters by name, and whether the settings were the suggested ones.
    """

    image: Image.Image
    picture: Image.Image
    prompt: str
    target: str
    steps: int
    settings: dict[str, Any]
    method: str
    model: str
    given: bool = False
    guide: Guide | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    auto: bool = False


def as_dict(settings: Settings) -> dict[str, Any]:
    """Settings as JSON takes them. Objectives have no text form and are left out."""
    plain: dict[str, Any] = {name: getattr(settings, name) for name in PLAIN}
    plain["blend"] = list(settings.blend)
    plain["mask"] = None if settings.mask is None else mask_as_dict(settings.mask)
    return plain


def keywords(settings: Settings) -> dict[str, Any]:
    """Settings as keywords, each of them by hand; objectives aside."""
    return {name: getattr(settings, name) for name in (*PLAIN, "mask")}


def from_dict(given: Mapping[str, Any]) -> dict[str, Any]:
    """What `as_dict` made, as keywords of `Settings`.

    Raises:
        TypeError, ValueError: something else.
    """
    given = {EARLIER.get(name, name): value for name, value in given.items()}
    known = {name: given[name] for name in PLAIN if name in given}
    for name in ("tau_v_words", "tau_c_words", "reweight"):
        if name in known:
            known[name] = dict(known[name] or {})
    if "blend" in known:
        known["blend"] = tuple(known["blend"] or ())
    if given.get("mask"):
        known["mask"] = mask_from_dict(given["mask"])
    Settings.of(**known)
    return known


def mask_as_dict(mask: PaintedMask) -> dict[str, Any]:
    """A mask as JSON takes it; see `runs_of`."""
    return {"width": mask.width, "height": mask.height, "runs": runs_of(mask)}


def runs_of(mask: PaintedMask) -> list[int]:
    """How many of its cells, row by row, are kept, painted, kept, and so on in turn; the first number may be
    0.
    """
    cells = mask.array.ravel()
    ends = np.flatnonzero(np.diff(cells)) + 1
    lengths = np.diff([0, *ends, cells.size]).tolist()
    return [0, *lengths] if cells[0] else lengths


def mask_from_dict(given: Mapping[str, Any]) -> PaintedMask | None:
    """The mask of such runs, or of rows of 0 and 1, as earlier files have it; None where nothing is painted.

    Raises:
        ValueError: they are something else.
    """
    try:
        if "rows" in given:
            cells = np.array([[int(cell) > 0 for cell in row] for row in given["rows"]])
        else:
            width, height = (
                check.whole(name, given[name], least=1, most=4096) for name in ("width", "height")
            )
            lengths = [check.whole("a run", length, least=0) for length in given["runs"]]
            if sum(lengths) != width * height:
                raise ValueError("other cells")
            cells = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(height, width)
        return PaintedMask.of(cells) if cells.any() else None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("The painted mask is damaged; clear it and paint again.") from error


def save_png(pipe: StableDiffusionPipeline, saved: SavedEdit) -> bytes:
    """The edit's picture as a PNG file, its recipe in a text chunk; the source, a style picture and the value
    inputs of a stopped guided edit are in chunks of their own.
    """
    about = {
        "prompt": saved.prompt,
        "target": saved.target,
        "steps": saved.steps,
        "settings": saved.settings,
        "method": saved.method,
        "model": saved.model or model_fingerprint(pipe),
        "given": saved.given,
        "guide": None if saved.guide is None else saved.guide.as_dict(),
        "parameters": dict(saved.parameters),
        "auto": saved.auto,
    }
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text(CHUNK, json.dumps(about), zip=True)
    chunks.add(SOURCE, _png(saved.picture))
    if saved.guide is not None and saved.guide.style is not None:
        chunks.add(STYLE, _png(saved.guide.style.picture))
    if saved.guide is not None and saved.guide.values is not None:
        chunks.add(VALUES, write_safetensors({"values": saved.guide.values}))
    return _png(saved.image, chunks)


def open_png(source: bytes | str) -> SavedEdit:
    """What `save_png` wrote, from its bytes or a path.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file that the lab did not save, or a damaged one.
    """
    data = source if isinstance(source, bytes) else check.path_to_read("path", source).read_bytes()
    try:
        if len(data) > LARGEST:
            raise ValueError("too large")
        image = _opened(data)
        about = json.loads(image.info[CHUNK])
        parts = dict(getattr(image, "private_chunks", ()))
        style = _opened(parts[STYLE]).convert("RGB") if STYLE in parts else None
        values = read_safetensors(parts[VALUES])["values"] if VALUES in parts else None
        return SavedEdit(
            image.convert("RGB"),
            _opened(parts[SOURCE]).convert("RGB"),
            check.text("prompt", about["prompt"]),
            check.text("target", about["target"]),
            check.whole("steps", about["steps"], least=1, most=MOST_STEPS),
            from_dict(about["settings"]),
            EARLIER_METHODS.get(about["method"], str(about["method"])),
            str(about["model"]),
            check.flag("given", about["given"]),
            Guide.from_dict(about["guide"], style, values) if about["guide"] else None,
            {name: check.number(name, value) for name, value in about.get("parameters", {}).items()},
            check.flag("auto", about.get("auto", False)),
        )
    except Exception as error:  # decoders raise whatever the bytes make them
        raise ValueError(
            "This file carries no edit of the lab; open a PNG that its save button made (a screenshot, or a "
            "copy by another program, has lost the recipe)."
        ) from error


def file_name(title: str, recipe: bytes) -> str:
    """A name for the file of an edit: words, and a number that only the same recipe has."""
    words = "_".join(re.findall(r"\w+", title))[:LONGEST_NAME] or "edit"
    return f"{words}_{hashlib.sha256(recipe).hexdigest()[:6]}.png"


def differences(saved: SavedEdit, model: str, known: bool) -> str:
    """Why an edit that is opened will not be the saved picture; empty where it will be.

    Args:
        model: the fingerprint of the pipeline that is to make it.
        known: whether the method is there.
    """
    found = []
    if saved.model != model:
        found.append("it was made with another model")
    if saved.given:
        found.append("its value inputs were given, and are not in the file")
    if not known:
        found.append(f"its method {saved.method!r} is not there, so it follows the source")
    return f"The saved edit is made anew, and will differ: {', and '.join(found)}." if found else ""


def _opened(data: bytes) -> Image.Image:
    """A PNG file's picture; no other decoder is let at the bytes."""
    image = Image.open(io.BytesIO(data), formats=("PNG",))
    image.load()
    return image


def _png(picture: Image.Image, chunks: PngImagePlugin.PngInfo | None = None) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()

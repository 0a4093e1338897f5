"""The artists' drawings as pictures with transparency, each also in every colour that it comes in."""

from __future__ import annotations

import json
from functools import cache
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from recipe.edition import COLOURS
from recipe.folders import DRAWINGS

RENDER = 144  # side of a rendered drawing before it is placed
TRAIN_ARTISTS = ("noto", "fluent-emoji", "fluent-emoji-flat", "emojione")
OTHER_HANDS = ("noto-v1", "openmoji")  # the networks that look at pictures are shown these too
SEEN_ARTISTS = (*TRAIN_ARTISTS, *OTHER_HANDS)
AUTHOR_OF = {artist: artist.split("-")[0] for artist in SEEN_ARTISTS}
AUTHORS = tuple(dict.fromkeys(AUTHOR_OF.values()))
HELD_OUT_ARTIST = "twemoji"
# the least saturation that takes a colour, where it is not 60
PALE = {"shirt": 30, ("openmoji", "umbrella"): 20}


def artists_of(author: str) -> tuple[str, ...]:
    """The artists of an author, who may have drawn the same things in two manners."""
    return tuple(artist for artist in SEEN_ARTISTS if AUTHOR_OF[artist] == author)


@cache
def _drawings(artist: str) -> dict[str, str]:
    return json.loads((DRAWINGS / f"{artist}.json").read_text(encoding="utf-8"))["svg"]


@cache
def drawing(artist: str, name: str) -> np.ndarray:
    """The artist's drawing of an object, (RENDER, RENDER, 4) uint8, cut to its ink."""
    import resvg_py

    svg = _drawings(artist)[name]
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=RENDER, height=RENDER))
    rgba = np.array(Image.open(BytesIO(png)).convert("RGBA"))
    inked = rgba[..., 3] > 8
    rows = np.flatnonzero(inked.any(1))
    columns = np.flatnonzero(inked.any(0))
    ink = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side = max(ink.shape[:2])
    square = np.zeros((side, side, 4), np.uint8)
    y = (side - ink.shape[0]) // 2
    x = (side - ink.shape[1]) // 2
    square[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    interpolation = cv2.INTER_AREA if side > RENDER else cv2.INTER_LINEAR
    return cv2.resize(square, (RENDER, RENDER), interpolation=interpolation)


@cache
def coloured_drawing(artist: str, name: str, colour: str | None) -> np.ndarray:
    """The drawing with its saturated parts in one hue, premultiplied RGBA; a tulip keeps its green leaves."""
    rgba = drawing(artist, name)
    if colour is not None:
        hue, saturation, value = cv2.split(cv2.cvtColor(rgba[..., :3], cv2.COLOR_RGB2HSV))
        change = saturation > PALE.get((artist, name), PALE.get(name, 60))
        if name == "tulip":
            change &= (hue < 25) | (hue > 95)
        lift = {"yellow": 0.6, "green": 0.15, "blue": 0.25, "purple": 0.25}.get(colour, 0.1)
        value = np.where(change, 255 - (255 - value.astype(np.float32)) * (1 - lift), value).astype(np.uint8)
        saturation = np.where(change, np.maximum(saturation, 170), saturation).astype(np.uint8)
        hue = np.where(change, COLOURS[colour], hue).astype(np.uint8)
        rgb = cv2.cvtColor(cv2.merge([hue, saturation, value]), cv2.COLOR_HSV2RGB)
        rgba = np.dstack([rgb, rgba[..., 3]])
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return np.dstack([rgba[..., :3] * alpha, rgba[..., 3:]]).astype(np.uint8)

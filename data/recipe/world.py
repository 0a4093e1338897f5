"""The picture world: scenes whose every factor is known, with captions, masks and true edits.

A scene is object × colour × place × style. Everything random in it (position, scale, flip, the details
of the place, the grain of the style) comes from its seed, in streams that do not depend on the factors:
two scenes that differ in one factor differ in nothing else. So ``replace(scene, place="snow")`` is the
true answer to the edit "... on the beach" → "... in the snow".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from recipe.folders import DRAWINGS

SIDE = 128  # pixels; every scene is SIDE × SIDE
RENDER = 144  # side of a rendered drawing before it is placed

TRAIN_ARTISTS = ("noto", "fluent-emoji", "fluent-emoji-flat", "emojione")
HELD_OUT_ARTIST = "twemoji"

# word in the caption -> name in the icon sets
OBJECTS = {
    "cat": "cat-face", "dog": "dog-face", "fox": "fox", "lion": "lion", "panda": "panda",
    "rabbit": "rabbit-face", "frog": "frog", "penguin": "penguin", "turtle": "turtle",
    "butterfly": "butterfly", "car": "automobile", "umbrella": "umbrella", "balloon": "balloon",
    "heart": "red-heart", "tulip": "tulip", "book": "closed-book", "rocket": "rocket", "house": "house",
    "hamburger": "hamburger", "donut": "doughnut", "strawberry": "strawberry", "mushroom": "mushroom",
    "cactus": "cactus", "sunflower": "sunflower",
}  # fmt: skip
COLOURED = ("butterfly", "car", "umbrella", "balloon", "heart", "tulip", "book")
COLOURS = {"red": 0, "yellow": 25, "green": 62, "blue": 108, "purple": 140}  # OpenCV hue, 0–179
STYLES = {"sticker": "a plain sticker of", "watercolor": "a watercolor painting of",
          "sketch": "a pencil sketch of", "pixel": "a pixel picture of"}  # fmt: skip
SCENIC = {"beach": "on the beach", "meadow": "in the meadow", "snow": "in the snow",
          "night": "in the night", "desert": "in the desert", "forest": "in the forest"}  # fmt: skip
PLAIN = {"white": (250, 250, 250), "pink": (250, 178, 200), "teal": (105, 190, 186), "gray": (150, 152, 158)}
PLACES = {**SCENIC, **{name: f"on a {name} background" for name in PLAIN}}


@dataclass(frozen=True)
class Scene:
    """The factors of one picture. ``colour`` is None for objects that keep their own colours.

    ``says_colour`` False leaves the colour word out of the caption; the picture is the same.
    """

    object: str
    place: str
    style: str
    artist: str
    seed: int
    colour: str | None = None
    says_colour: bool = True

    def __post_init__(self) -> None:
        if self.object not in OBJECTS or self.place not in PLACES or self.style not in STYLES:
            raise ValueError(f"No such object, place or style: {self.object}, {self.place}, {self.style}.")
        has_colour = self.object in COLOURED
        if has_colour != (self.colour is not None):
            raise ValueError(f"A {self.object} comes {'with' if has_colour else 'without'} a colour.")
        if self.colour not in (None, *COLOURS):
            raise ValueError(f"No such colour: {self.colour}; choose one of {', '.join(COLOURS)}.")

    @property
    def caption(self) -> str:
        """The prompt that describes the picture."""
        says_colour = self.colour and self.says_colour and self.style != "sketch"  # a pencil has no colour
        colour = f"{self.colour} " if says_colour else ""
        article = "an" if not colour and self.object[0] in "aeiou" else "a"
        return f"{STYLES[self.style]} {article} {colour}{self.object} {PLACES[self.place]}"


def allowed(place: str, style: str) -> bool:
    """A pencil has no colour: of the plain backgrounds only white can be told in a sketch."""
    return style != "sketch" or place in SCENIC or place == "white"


def sample_scene(rng: np.random.Generator, artists: tuple[str, ...] = TRAIN_ARTISTS) -> Scene:
    """One scene, its factors drawn evenly; one coloured object in ten does not say its colour."""
    name = str(rng.choice(list(OBJECTS)))
    style = str(rng.choice(list(STYLES)))
    place = str(rng.choice([p for p in PLACES if allowed(p, style)]))
    colour = str(rng.choice(list(COLOURS))) if name in COLOURED else None
    artist = str(rng.choice(artists))
    seed = int(rng.integers(2**31))
    says_colour = bool(rng.random() < 0.9)
    return Scene(name, place, style, artist, seed, colour, says_colour)


# --- drawings ---------------------------------------------------------------------------------------


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
        change = saturation > 60
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


# --- places -----------------------------------------------------------------------------------------

_X = np.arange(SIDE, dtype=np.float32)
_ROWS = np.arange(SIDE, dtype=np.float32)[:, None, None]


def _gradient(top: tuple, bottom: tuple) -> np.ndarray:
    t = _ROWS / (SIDE - 1)
    column = (1 - t) * np.float32(top) + t * np.float32(bottom)
    return np.repeat(column.astype(np.uint8), SIDE, axis=1)


def _hill(rng: np.random.Generator, level: float, height: float, waves: float) -> np.ndarray:
    """A wavy skyline as a polygon that is filled down to the bottom edge."""
    y = level + height * np.sin(_X / SIDE * 2 * np.pi * waves + rng.uniform(0, 2 * np.pi))
    return np.concatenate([np.stack([_X, y], 1), [[SIDE, SIDE], [0, SIDE]]]).astype(np.int32)


def _dots(
    picture: np.ndarray,
    rng: np.random.Generator,
    n: int,
    colour: tuple,
    radius: tuple,
    top: float,
    bottom: float,
) -> None:
    columns = rng.integers(0, SIDE, n)
    rows = rng.uniform(top, bottom, n)
    radii = rng.integers(*radius, n)
    for x, y, r in zip(columns, rows, radii, strict=True):
        cv2.circle(picture, (int(x), int(y)), int(r), colour, -1, cv2.LINE_AA)


def _beach(rng):
    p = _gradient((120, 195, 245), (205, 235, 250))
    sea = int(rng.uniform(44, 60))
    cv2.rectangle(p, (0, sea), (SIDE, SIDE), (40, 130, 190), -1)
    cv2.circle(p, (int(rng.uniform(12, 116)), int(rng.uniform(10, 26))), 9, (255, 235, 130), -1, cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, sea + 26, 4, 1)], (225, 245, 245), cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, sea + 31, 4, 1)], (240, 215, 160), cv2.LINE_AA)
    return p


def _meadow(rng):
    p = _gradient((150, 210, 250), (225, 243, 250))
    level = rng.uniform(50, 66)
    cv2.fillPoly(p, [_hill(rng, level - 6, 8, 0.8)], (150, 205, 95), cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, level + 10, 6, 1.2)], (110, 180, 65), cv2.LINE_AA)
    for colour in ((255, 255, 255), (250, 220, 80), (235, 120, 160)):
        _dots(p, rng, 5, colour, (2, 4), level + 22, SIDE)
    return p


def _snow(rng):
    p = _gradient((175, 195, 220), (215, 225, 238))
    level = rng.uniform(62, 80)
    for x in rng.uniform(4, 124, 4):
        h = rng.uniform(22, 36)
        tree = np.int32([[x, level - h], [x - h / 3, level + 6], [x + h / 3, level + 6]])
        cv2.fillPoly(p, [tree], (95, 130, 135), cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, level, 5, 1)], (246, 250, 254), cv2.LINE_AA)
    _dots(p, rng, 26, (255, 255, 255), (1, 3), 0, SIDE)
    return p


def _night(rng):
    p = _gradient((12, 16, 48), (44, 48, 100))
    _dots(p, rng, 16, (250, 245, 210), (1, 2), 0, 80)
    x = int(rng.uniform(16, 112))
    y = int(rng.uniform(14, 28))
    cv2.circle(p, (x, y), 11, (250, 240, 190), -1, cv2.LINE_AA)
    cv2.circle(p, (x + 6, y - 3), 10, (18, 22, 56), -1, cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, rng.uniform(94, 108), 5, 1)], (16, 30, 40), cv2.LINE_AA)
    return p


def _desert(rng):
    p = _gradient((250, 190, 110), (253, 228, 175))
    cv2.circle(p, (int(rng.uniform(20, 108)), int(rng.uniform(20, 34))), 13, (255, 245, 205), -1, cv2.LINE_AA)
    level = rng.uniform(58, 74)
    cv2.fillPoly(p, [_hill(rng, level, 10, 0.7)], (222, 150, 80), cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, level + 20, 8, 0.9)], (200, 118, 60), cv2.LINE_AA)
    return p


def _forest(rng):
    p = _gradient((60, 105, 75), (110, 150, 100))
    for x in np.linspace(4, 124, 7) + rng.uniform(-6, 6, 7):
        top = rng.uniform(-12, 22)
        width = rng.uniform(11, 16)
        cv2.rectangle(p, (int(x) - 2, 60), (int(x) + 2, 104), (84, 58, 40), -1)
        cv2.fillPoly(p, [np.int32([[x, top], [x - width, 84], [x + width, 84]])], (28, 74, 48), cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, 102, 3, 1)], (74, 84, 44), cv2.LINE_AA)
    return p


_PAINT = {
    "beach": _beach,
    "meadow": _meadow,
    "snow": _snow,
    "night": _night,
    "desert": _desert,
    "forest": _forest,
}


def _place(place: str, rng: np.random.Generator) -> np.ndarray:
    return _PAINT[place](rng) if place in _PAINT else np.full((SIDE, SIDE, 3), PLAIN[place], np.uint8)


# --- styles -----------------------------------------------------------------------------------------


def _watercolor(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Soft washes with darker rims and blotches, on paper that stays white at the ragged edge."""
    soft = cv2.bilateralFilter(cv2.medianBlur(picture, 5), 7, 60, 5).astype(np.float32)
    rim = cv2.absdiff(soft, cv2.GaussianBlur(soft, (0, 0), 2.5)).max(2, keepdims=True)
    coarse = rng.normal(0, 1, (9, 9)).astype(np.float32)
    blotch = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)[..., None]
    wash = 255 - (255 - soft) * np.clip(0.72 + 0.12 * blotch, 0.4, 1.0) - 0.8 * rim
    border = np.minimum(_X, SIDE - 1 - _X)  # how far each row or column lies from the nearer border
    edge = np.minimum(border[None, :], border[:, None])
    paper = np.clip((edge + 3 * blotch[..., 0] - 5) / 3, 0, 1)[..., None]
    return np.clip(paper * wash + (1 - paper) * np.float32((252, 250, 244)), 0, 255).astype(np.uint8)


def _sketch(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colour dodge of the grey picture with its own blurred negative, over a light shading."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    dodge = cv2.divide(grey, cv2.GaussianBlur(grey, (0, 0), 3), scale=250).astype(np.float32)
    shaded = 0.72 * dodge * np.clip(dodge / 250, 0, 1) + 0.28 * grey
    return cv2.cvtColor(np.clip(shaded, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)


def _pixel(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blocks of 4 × 4 pixels, six levels a channel."""
    small = cv2.resize(picture, (SIDE // 4, SIDE // 4), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = (np.round(small / 51) * 51).astype(np.uint8)
    return cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)


_STYLE = {"watercolor": _watercolor, "sketch": _sketch, "pixel": _pixel}


# --- scenes -----------------------------------------------------------------------------------------


def render(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Picture (SIDE, SIDE, 3) uint8 and object mask (SIDE, SIDE) bool of a scene."""
    layout, details, grain = (np.random.default_rng([scene.seed, stream]) for stream in range(3))
    side = SIDE * layout.uniform(0.5, 0.75)
    x, y = layout.uniform(3, SIDE - side - 3, 2)
    flip = -1 if layout.random() < 0.5 else 1
    k = side / RENDER
    place_it = np.float32([[flip * k, 0, x if flip > 0 else x + side], [0, k, y]])
    drawn = coloured_drawing(scene.artist, scene.object, scene.colour)
    rgba = cv2.warpAffine(drawn, place_it, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    alpha = rgba[..., 3:].astype(np.float32) / 255
    picture = _place(scene.place, details).astype(np.float32)
    if scene.style == "sticker":  # a white rim, as cut from paper
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
        rim = cv2.dilate(rgba[..., 3], disc)[..., None] / np.float32(255)
        picture = picture * (1 - rim) + 255 * rim
    picture = np.clip(picture * (1 - alpha) + rgba[..., :3], 0, 255).astype(np.uint8)
    if scene.style in _STYLE:
        picture = _STYLE[scene.style](picture, grain)
    return picture, rgba[..., 3] > 127

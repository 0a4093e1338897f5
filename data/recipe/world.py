"""The picture world: scenes whose every factor is known, with captions, masks and true edits.

A scene is one thing or two × their colours × place × style. Everything random in it (position, scale, flip,
the details of the place, the grain of the style) comes from its seed, in streams that do not depend on the
factors: two scenes that differ in one factor differ in nothing else. So ``replace(scene, place="snow")`` is
the true answer to the edit "... on the beach" → "... in the snow".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from recipe.artwork import HELD_OUT_ARTIST, RENDER, TRAIN_ARTISTS, coloured_drawing
from recipe.edition import (
    COLOURED,
    COLOURLESS,
    COLOURS,
    COMMITTED,
    ICONS,
    PLACES,
    PLAIN,
    PLAIN_IN,
    SIZES,
    STYLES,
    Edition,
)
from recipe.places import SIDE, paint_place
from recipe.styles import FILTERS
from styledit.validation import with_article

__all__ = [
    "HELD_OUT_ARTIST",
    "SIDE",
    "TRAIN_ARTISTS",
    "Redraw",
    "Scene",
    "Spot",
    "Thing",
    "allowed",
    "draw",
    "render",
    "sample_scene",
    "spots_of",
]

MARGIN = 3  # pixels between a thing and the border
ROOM = 0.15  # share of the scenes in which a single thing leaves room for a second
SIZED = 0.3  # share of the other scenes of one thing whose caption says its size


@dataclass(frozen=True)
class Thing:
    """An object of a scene. ``colour`` is None for objects that keep their own colours.

    ``says_colour`` False leaves the colour word out of the caption, ``said`` False the whole thing; the
    picture stays the same.
    """

    object: str
    colour: str | None = None
    says_colour: bool = True
    said: bool = True

    def __post_init__(self) -> None:
        if self.object not in ICONS:
            raise ValueError(f"No such object: {self.object}.")
        has_colour = self.object in COLOURED
        if has_colour != (self.colour is not None):
            raise ValueError(f"A {self.object} comes {'with' if has_colour else 'without'} a colour.")
        if self.colour not in (None, *COLOURS):
            raise ValueError(f"No such colour: {self.colour}; choose one of {', '.join(COLOURS)}.")


@dataclass(frozen=True)
class Scene:
    """The factors of one picture: a thing, perhaps an ``other`` beside it, a place, a style, an artist.

    ``colour`` and ``says_colour`` are those of the first thing, see ``Thing``. ``size`` is a word that the
    caption says of a thing that is alone; without one it is of middle size. ``room``: the thing keeps to its
    half of the picture as if another stood beside it, so that the other can go and nothing else changes.
    """

    object: str
    place: str
    style: str
    artist: str
    seed: int
    colour: str | None = None
    says_colour: bool = True
    size: str | None = None
    other: Thing | None = None
    room: bool = False

    def __post_init__(self) -> None:
        if self.place not in PLACES or self.style not in STYLES:
            raise ValueError(f"No such place or style: {self.place}, {self.style}.")
        if self.size not in (None, *SIZES):
            raise ValueError(f"No such size: {self.size}; choose one of {', '.join(SIZES)}.")
        if len({thing.object for thing in self.things}) < len(self.things):
            raise ValueError(f"The two things of a scene must differ; both are a {self.object}.")
        if self.size is not None and (self.other is not None or self.room):
            raise ValueError("Only a thing that has the picture to itself comes in a size.")

    @property
    def things(self) -> tuple[Thing, ...]:
        """One or two, in the order in which the caption names them."""
        first = Thing(self.object, self.colour, self.says_colour)
        return (first,) if self.other is None else (first, self.other)

    @property
    def caption(self) -> str:
        """The prompt that describes the picture."""
        named = []
        for thing in self.things:
            says_colour = thing.colour and thing.says_colour and self.style not in COLOURLESS
            words = [self.size, thing.colour if says_colour else None, thing.object]
            phrase = " ".join(word for word in words if word)
            named += [with_article(phrase)] if thing.said else []
        return f"{STYLES[self.style]} {' and '.join(named)} {PLACES[self.place]}"


def allowed(place: str, style: str) -> bool:
    """Whether a place can be told in a style: a pencil, for instance, knows no plain background but white."""
    return place not in PLAIN or place in PLAIN_IN.get(style, PLAIN)


def sample_scene(
    rng: np.random.Generator, artists: tuple[str, ...] = TRAIN_ARTISTS, edition: Edition = COMMITTED
) -> Scene:
    """One scene, its factors drawn evenly; one coloured object in ten does not say its colour."""
    name = str(rng.choice(edition.objects))
    style = str(rng.choice(edition.styles))
    place = str(rng.choice([p for p in edition.places if allowed(p, style)]))
    colour = str(rng.choice(list(COLOURS))) if name in COLOURED else None
    artist = str(rng.choice(artists))
    seed = int(rng.integers(2**31))
    says_colour = bool(rng.random() < 0.9)
    scene = Scene(name, place, style, artist, seed, colour, says_colour)
    return _company(scene, edition, rng) if edition.pairs else scene


def _company(scene: Scene, edition: Edition, rng: np.random.Generator) -> Scene:
    """The scene with another thing, with room for one, or with its thing in a size; or as it is."""
    kind = rng.random()
    if kind < edition.pairs:
        name = str(rng.choice([word for word in edition.objects if word != scene.object]))
        colour = str(rng.choice(list(COLOURS))) if name in COLOURED else None
        return replace(scene, other=Thing(name, colour, bool(rng.random() < 0.9)))
    if kind < edition.pairs + ROOM:
        return replace(scene, room=True)
    if kind < edition.pairs + ROOM + SIZED * (1 - edition.pairs - ROOM):
        return replace(scene, size=str(rng.choice(edition.sizes)))
    return scene


# --- pictures ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spot:
    """Where a drawing goes: its side, its left and upper border in pixels, and whether it is mirrored."""

    side: float
    x: float
    y: float
    mirrored: bool

    def lay(self, drawing: np.ndarray) -> np.ndarray:
        """The drawing (RENDER, RENDER, 4) in its place on an empty picture (SIDE, SIDE, 4)."""
        k = self.side / RENDER
        row = [-k, 0, self.x + self.side] if self.mirrored else [k, 0, self.x]
        affine = np.float32([row, [0, k, self.y]])
        return cv2.warpAffine(drawing, affine, (SIDE, SIDE), flags=cv2.INTER_LINEAR)


def render(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Picture (SIDE, SIDE, 3) uint8 of a scene, and the mask (SIDE, SIDE) bool of its (first) object."""
    picture, masks = draw(scene)
    return picture, masks[0]


Redraw = Callable[[np.ndarray, Thing], np.ndarray]  # what changes a premultiplied drawing before it is placed


def draw(
    scene: Scene,
    redraw: Redraw | None = None,
    *,
    details: int | None = None,
    grain: int | None = None,
    spots: Sequence[Spot] | None = None,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Picture (SIDE, SIDE, 3) uint8 of a scene, and a mask (SIDE, SIDE) bool for each of its things.

    Args:
        redraw: changes each drawing before it is placed.
        details, grain: seeds of the place's details and of the style's grain; None takes the scene's.
        spots: where its things stand; None takes `spots_of`.
    """
    of_place, of_style = (
        np.random.default_rng([scene.seed if seed is None else seed, stream])
        for seed, stream in ((details, 1), (grain, 2))
    )
    picture = paint_place(scene.place, of_place).astype(np.float32)
    masks: list[np.ndarray] = []
    for thing, spot in zip(scene.things, spots_of(scene) if spots is None else spots, strict=False):
        drawing = coloured_drawing(scene.artist, thing.object, thing.colour)
        rgba = spot.lay(drawing if redraw is None else redraw(drawing, thing))
        alpha = rgba[..., 3:].astype(np.float32) / 255
        if scene.style == "sticker":  # a white rim, as cut from paper
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
            rim = cv2.dilate(rgba[..., 3], disc)[..., None] / np.float32(255)
            picture = picture * (1 - rim) + 255 * rim
        picture = picture * (1 - alpha) + rgba[..., :3]
        mask = rgba[..., 3] > 127
        masks = [*(behind & ~mask for behind in masks), mask]
    painted = np.clip(picture, 0, 255).astype(np.uint8)
    return (FILTERS[scene.style](painted, of_style) if scene.style in FILTERS else painted), masks


def spots_of(scene: Scene) -> list[Spot]:
    """Where the things stand: one in the middle of things, or two side by side."""
    if scene.other is None and not scene.room:
        return [_alone(np.random.default_rng([scene.seed, 0]), scene.size)]
    return _side_by_side(np.random.default_rng([scene.seed, 3]))


def _alone(rng: np.random.Generator, size: str | None) -> Spot:
    side = SIDE * rng.uniform(0.5, 0.75)
    x, y = rng.uniform(MARGIN, SIDE - side - MARGIN, 2)
    mirrored = bool(rng.random() < 0.5)
    if size is None:
        return Spot(side, x, y, mirrored)
    low, high = SIZES[size]
    sized = SIDE * (low + (high - low) * (side / SIDE - 0.5) / 0.25)
    x, y = np.clip([x + (side - sized) / 2, y + (side - sized) / 2], MARGIN, SIDE - sized - MARGIN)
    return Spot(sized, x, y, mirrored)


def _side_by_side(rng: np.random.Generator) -> list[Spot]:
    """Both stand on about the same ground; either may be the left one."""
    sides = SIDE * rng.uniform(0.42, 0.48, 2)
    middle = SIDE / 2
    lefts = [rng.uniform(2, middle - sides[0] + 1), rng.uniform(middle - 1, SIDE - sides[1] - 2)]
    ground = SIDE * rng.uniform(0.66, 0.9) + rng.uniform(-6, 6, 2)
    mirrored = rng.random(2) < 0.5
    spots = [Spot(sides[i], lefts[i], ground[i] - sides[i], bool(mirrored[i])) for i in range(2)]
    return spots if rng.random() < 0.5 else spots[::-1]

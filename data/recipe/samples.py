"""What the stages are trained on: scenes, pictures as tensors, augmented pictures, and the judge's labels."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import torch

from recipe import patch_pca
from recipe.artwork import SEEN_ARTISTS, TRAIN_ARTISTS
from recipe.edition import COLOURED, COLOURLESS, COLOURS, COMMITTED, Edition
from recipe.world import SIDE, Redraw, Scene, Thing, draw, render, sample_scene
from styledit.perception.judge import half

ALIKE = 4  # scenes of one style and place that CLIP is shown together
NO_COLOUR = "none"
NOTHING = "nothing"  # what the judge sees in an empty half


def labels(edition: Edition = COMMITTED) -> dict[str, list[str]]:
    """The judge's factors and the names that it knows of each."""
    return {
        "object": [*edition.objects, *([NOTHING] if edition.pairs else [])],
        "colour": [*COLOURS, NO_COLOUR],
        "place": list(edition.places),
        "style": list(edition.styles),
    }


@lru_cache(maxsize=2)
def scenes(n: int, seed: int, edition: Edition = COMMITTED) -> list[Scene]:
    """So many scenes of the training artists, always the same for a seed."""
    rng = np.random.default_rng(seed)
    return [sample_scene(rng, TRAIN_ARTISTS, edition) for _ in range(n)]


def training_scenes(edition: Edition = COMMITTED) -> list[Scene]:
    """The scenes of the cached latents, in their order."""
    return scenes(edition.pictures, 2, edition)


def pictures_of(some: list[Scene]) -> np.ndarray:
    """The scenes' pictures, (n, SIDE, SIDE, 3) uint8."""
    return np.stack([render(scene)[0] for scene in some])


def to_tensor(pictures: np.ndarray, *, signed: bool) -> torch.Tensor:
    """(n, H, W, 3) uint8 → (n, 3, H, W) float32, in [-1, 1] where signed, in [0, 1] otherwise."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    return x / 127.5 - 1 if signed else x / 255


def factors(scene: Scene, thing: Thing | None = None) -> dict[str, str]:
    """The judge's labels of a scene, or of the half with a ``thing``; some styles show no colour."""
    thing = thing or scene.things[0]
    colour = NO_COLOUR if scene.style in COLOURLESS or thing.colour is None else thing.colour
    return {"object": thing.object, "colour": colour, "place": scene.place, "style": scene.style}


def augmented(
    rng: np.random.Generator, n: int, edition: Edition = COMMITTED
) -> tuple[list[Scene], torch.Tensor]:
    """Fresh scenes and their pictures (n, 3, H, W) in [0, 1], drawn a little differently each time.

    Scenes come in fours of one style and place, so that a caption is told from its neighbours by the things
    in it. Half of the drawings are redrawn as another hand might. Small turns and stretches, colour and
    contrast, blur, and for one in three what a code of 12 components a patch loses, so that a network learns
    what a thing is rather than how one artist's pixels lie.
    """
    picked: list[Scene] = []
    for k in range(n):
        scene = sample_scene(rng, SEEN_ARTISTS, edition)
        picked.append(replace(scene, style=picked[-1].style, place=picked[-1].place) if k % ALIKE else scene)
    distorted = np.stack([_distort(draw(scene, _hand(rng))[0], rng) for scene in picked])
    return picked, to_tensor(distorted, signed=False)


def judged(
    rng: np.random.Generator,
    n: int,
    edition: Edition = COMMITTED,
    artists: tuple[str, ...] = SEEN_ARTISTS,
) -> tuple[list[dict[str, str]], torch.Tensor]:
    """Labels of fresh scenes and what the judge sees of them, (n, 3, SIDE, W) in [0, 1].

    Every third batch of an edition with two things in a scene shows halves. Half of the drawings are redrawn
    as another hand might, the pictures are distorted as in ``augmented``.
    """
    by_halves = edition.pairs > 0 and rng.random() < 1 / 3
    truths = []
    shown = []
    parts = []
    while len(truths) < n:
        scene = sample_scene(rng, artists, edition)
        if not by_halves and scene.other is not None:
            scene = replace(scene, other=None)
        if by_halves and scene.other is None and not scene.room:
            continue
        picture, masks = draw(scene, _hand(rng))
        shown.append(_distort(picture, rng))
        side = ("left", "right")[rng.integers(2)] if by_halves else None
        sides = zip(scene.things, map(side_of, masks), strict=True)
        inside = [thing for thing, its_side in sides if side in (None, its_side)]
        truth = factors(scene, inside[0] if inside else None)
        truths.append(truth if inside else truth | {"object": NOTHING, "colour": NO_COLOUR})
        parts.append(side)
    pixels = to_tensor(np.stack(shown), signed=False)
    return truths, torch.stack([half(x, side) for x, side in zip(pixels, parts, strict=True)])


def side_of(mask: np.ndarray) -> str:
    """In which half, "left" or "right", a thing is that a mask (SIDE, SIDE) shows."""
    return "right" if np.flatnonzero(mask.any(0)).mean() > SIDE / 2 else "left"


# --- other hands ------------------------------------------------------------------------------------


def _hand(rng: np.random.Generator) -> Redraw | None:
    """What redraws a scene's things as an artist of another manner might; None for half of the scenes."""
    if rng.random() < 0.5:
        return None
    flat, outline, line_art = rng.random(3) < (0.4, 0.4, 0.15)
    width = int(rng.integers(1, 4))
    ink = rng.integers(0, 90, 3)
    warp = rng.normal(0, 1, (2, 4, 4)).astype(np.float32)
    tint = rng.normal(0, (8, 40, 25))  # of hue, saturation and value

    def redraw(rgba: np.ndarray, thing: Thing) -> np.ndarray:
        rgb = np.ascontiguousarray(rgba[..., :3])
        hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV).astype(np.float32)
        keeps_hue = thing.object in COLOURED
        hsv += np.float32(tint) * (hsv[..., 2:] > 0) * np.float32((not keeps_hue, 1, 1))
        hsv = np.dstack([hsv[..., :1] % 180, np.clip(hsv[..., 1:], 0, 255)]).astype(np.uint8)
        rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
        if flat:
            rgb = (np.round(cv2.medianBlur(rgb, 7) / 48) * 48).clip(0, 255).astype(np.uint8)
        alpha = rgba[..., 3]
        if outline or line_art:
            kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
            lines = cv2.dilate(alpha, kernel) - cv2.erode(alpha, kernel)
            inner = cv2.dilate(cv2.Canny(rgb, 60, 140), np.ones((width, width)))
            if line_art and thing.colour is None:
                rgb = np.repeat(alpha[..., None], 3, 2)  # white
            alpha = cv2.dilate(alpha, kernel)
            cover = (np.maximum(lines, inner) / np.float32(255))[..., None]
            rgb = (rgb * (1 - cover) + ink * cover).astype(np.uint8)
        rgb = np.minimum(rgb, alpha[..., None])  # colours are premultiplied
        side = alpha.shape[0]
        grid = np.mgrid[:side, :side].astype(np.float32)
        shift = [cv2.resize(w, (side, side), interpolation=cv2.INTER_CUBIC) * side / 40 for w in warp]
        return cv2.remap(np.dstack([rgb, alpha]), grid[1] + shift[0], grid[0] + shift[1], cv2.INTER_LINEAR)

    return redraw


def _distort(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = picture.shape[0]
    linear = np.eye(2) + rng.normal(0, 0.07, (2, 2))
    shift = (np.eye(2) - linear) @ np.full(2, side / 2) + rng.uniform(-5, 5, 2)
    affine = np.c_[linear, shift].astype(np.float32)
    picture = cv2.warpAffine(picture, affine, (side, side), borderMode=cv2.BORDER_REFLECT_101)
    if rng.random() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.6))
    if rng.random() < 0.33:
        picture = patch_pca.committed().project(picture)
    gain = rng.uniform(0.85, 1.15, 3) * rng.uniform(0.85, 1.15)
    bias = rng.uniform(-15, 15)
    noise = rng.normal(0, rng.uniform(0, 6), picture.shape)
    return np.clip(picture * gain + bias + noise, 0, 255).astype(np.uint8)

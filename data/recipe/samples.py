"""What the stages are trained on: scenes, pictures as tensors, augmented pictures, and the judge's labels."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import torch

from recipe import patch_pca
from recipe.world import COLOURS, OBJECTS, PLACES, STYLES, TRAIN_ARTISTS, Scene, render, sample_scene

PICTURES = 60_000  # scenes whose latents the diffusion model is trained on
NO_COLOUR = "none"
LABELS = {
    "object": list(OBJECTS),
    "colour": [*COLOURS, NO_COLOUR],
    "place": list(PLACES),
    "style": list(STYLES),
}


@lru_cache(maxsize=2)
def scenes(n: int, seed: int) -> list[Scene]:
    """So many scenes of the training artists, always the same for a seed."""
    rng = np.random.default_rng(seed)
    return [sample_scene(rng, TRAIN_ARTISTS) for _ in range(n)]


def training_scenes() -> list[Scene]:
    """The scenes of the cached latents, in their order."""
    return scenes(PICTURES, 2)


def pictures_of(some: list[Scene]) -> np.ndarray:
    """The scenes' pictures, (n, SIDE, SIDE, 3) uint8."""
    return np.stack([render(scene)[0] for scene in some])


def to_tensor(pictures: np.ndarray, *, signed: bool) -> torch.Tensor:
    """(n, H, W, 3) uint8 → (n, 3, H, W) float32, in [-1, 1] where signed, in [0, 1] otherwise."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    return x / 127.5 - 1 if signed else x / 255


def factors(scene: Scene) -> dict[str, str]:
    """The judge's labels of a scene; a pencil shows no colour."""
    colour = NO_COLOUR if scene.style == "sketch" or scene.colour is None else scene.colour
    return {"object": scene.object, "colour": colour, "place": scene.place, "style": scene.style}


def augmented(rng: np.random.Generator, n: int) -> tuple[list[Scene], torch.Tensor]:
    """Fresh training scenes and their pictures (n, 3, H, W) in [0, 1], drawn a little differently each time.

    Small turns and stretches, colour and contrast, blur, and for one in three the latents' own loss, so that
    a network learns what a thing is rather than how one artist's pixels lie.
    """
    picked = [sample_scene(rng) for _ in range(n)]
    distorted = np.stack([_distort(render(scene)[0], rng) for scene in picked])
    return picked, to_tensor(distorted, signed=False)


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

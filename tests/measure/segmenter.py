"""Where the object is in a picture of one: a small head on the judge's features, trained when needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from recipe.edition import COMMITTED
from recipe.world import TRAIN_ARTISTS, render, sample_scene
from styledit.perception.judge import Judge

SCENES = 64  # that it is trained on
SIDE = 64  # of its masks
STEPS = 250
SEED = 31


class Segmenter:
    """Two 1×1 convolutions over all of the judge's stages, brought to one size.

    Args:
        judge: whose features it reads; they stay as they are.
    """

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        rng = np.random.default_rng(SEED)
        alone = replace(COMMITTED, pairs=0.0)
        drawn = [render(sample_scene(rng, TRAIN_ARTISTS, alone)) for _ in range(SCENES)]
        seen = torch.cat([self._features(Image.fromarray(picture)) for picture, _ in drawn])
        wanted = torch.stack([small(mask) for _, mask in drawn])[:, None]
        torch.manual_seed(SEED)
        self.head = nn.Sequential(nn.Conv2d(seen.shape[1], 24, 1), nn.ReLU(), nn.Conv2d(24, 1, 1))
        adam = torch.optim.Adam(self.head.parameters(), 3e-3)
        for step in range(STEPS):
            some = torch.randperm(SCENES, generator=torch.Generator().manual_seed(step))[:8]
            loss = F.binary_cross_entropy_with_logits(self.head(seen[some]), wanted[some])
            adam.zero_grad()
            loss.backward()
            adam.step()

    @torch.no_grad()
    def mask(self, picture: Image.Image) -> np.ndarray:
        """Where the object is, bool (SIDE, SIDE)."""
        return (self.head(self._features(picture))[0, 0] > 0).numpy()

    def iou(self, picture: Image.Image, mask: np.ndarray) -> float:
        """Intersection over union of what it finds with a true mask (H, W)."""
        return iou(self.mask(picture), small(mask).numpy() > 0.5)

    @torch.no_grad()
    def _features(self, picture: Image.Image) -> torch.Tensor:
        """All stages side by side, (1, channels, SIDE, SIDE)."""
        pixels = torch.from_numpy(np.asarray(picture) / 255).permute(2, 0, 1)[None].float()
        stages = self.judge.features(pixels)
        return torch.cat([F.interpolate(s, (SIDE, SIDE), mode="bilinear") for s in stages], 1)


def small(mask: np.ndarray) -> torch.Tensor:
    """A mask (H, W) as shares of cells, (SIDE, SIDE)."""
    return F.adaptive_avg_pool2d(torch.from_numpy(mask.astype(np.float32))[None], SIDE)[0]


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two bool masks of one size."""
    together = (first | second).sum()
    return float((first & second).sum() / together) if together else 1.0

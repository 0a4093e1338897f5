"""A linear code of pictures, which the first channels of the latents follow: components of patches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from safetensors.torch import load_file

from recipe.folders import RECIPE

PATCH = 8
# The signs of components are arbitrary, and the committed weights know these.
FILE = RECIPE / "pca.safetensors"


@dataclass(frozen=True)
class PatchPCA:
    """The leading components of patches in [-1, 1], flattened as (row, column, rgb).

    A latent channel is a component divided by the square root of its standard deviation. The square root
    keeps the order of importance (coarse colour is loudest, so it is denoised first) but less steeply than
    plain PCA.
    """

    mean: np.ndarray  # (192,)
    components: np.ndarray  # (channels, 192), orthonormal rows
    deviations: np.ndarray  # (channels,), standard deviations along the components
    overall: np.ndarray  # (1,), the standard deviation of the latents before they are scaled to 1

    @property
    def rows(self) -> np.ndarray:
        """The encoder's matrix, (channels, 192): the components over the square roots of their deviations."""
        return self.components / np.sqrt(self.deviations)[:, None]

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """Latents (n, H/8, W/8, channels) of pictures (n, H, W, 3) uint8, scaled to unit variance."""
        return (patches(pictures) - self.mean) @ self.rows.T / self.overall

    def project(self, picture: np.ndarray) -> np.ndarray:
        """What the components keep of a picture (H, W, 3) uint8, as such a picture."""
        kept = (patches(picture[None]) - self.mean) @ self.components.T @ self.components + self.mean
        rows, columns = kept.shape[1:3]
        unfolded = (
            kept.reshape(rows, columns, PATCH, PATCH, 3).transpose(0, 2, 1, 3, 4).reshape(picture.shape)
        )
        return np.clip((unfolded + 1) * 127.5, 0, 255).astype(np.uint8)


def fit(pictures: np.ndarray, channels: int) -> PatchPCA:
    """So many components of the patches of pictures (n, H, W, 3) uint8."""
    x = patches(pictures).reshape(-1, PATCH * PATCH * 3)
    mean = x.mean(0)
    variance, vectors = np.linalg.eigh(np.cov((x - mean).T))
    leading = slice(None, -channels - 1, -1)
    deviations = np.sqrt(variance[leading])
    return PatchPCA(mean, vectors[:, leading].T, deviations, np.sqrt(deviations.mean())[None])


@lru_cache(maxsize=1)
def committed() -> PatchPCA:
    """The components that the committed encoder follows."""
    return PatchPCA(**{name: tensor.numpy() for name, tensor in load_file(FILE).items()})


def patches(pictures: np.ndarray) -> np.ndarray:
    """(n, H, W, 3) uint8 → (n, H/8, W/8, 192) float32 in [-1, 1]."""
    n, height, width, _ = pictures.shape
    x = pictures.reshape(n, height // PATCH, PATCH, width // PATCH, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, height // PATCH, width // PATCH, -1).astype(np.float32) / 127.5 - 1

"""A painted mask: where an edit may change the picture.

Latents are blended by cells. A mask that is finer than they are decides at the pixels of the finished
picture: what lies outside is the source picture's own, untouched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from styledit import validation as check
from styledit.maps import Size

MOST_PIXELS = 4096 * 4096


@dataclass(frozen=True)
class PaintedMask:
    """Cells (height, width) of which the painted ones may change; two equal masks compare equal.

    `packed`: the cells, row by row, eight in a byte.
    """

    height: int
    width: int
    packed: bytes

    @classmethod
    def of(cls, given: object) -> Self:
        """A mask from a grey or RGB picture (painted where it is brighter than 127), or an array or
        tensor (h, w): bool, whole numbers from 0 to 255, or floats in [0, 1], painted above the middle.

        Raises:
            TypeError: something else.
            ValueError: another shape or range, or no painted cell.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, Image.Image):
            given = np.asarray(given.convert("L"))
        if isinstance(given, torch.Tensor):
            given = given.detach().cpu().numpy()
        if isinstance(given, (list, tuple)):
            given = np.array(given)
        if not isinstance(given, np.ndarray):
            raise TypeError(f"A mask must be a picture or an array (h, w), not {check.shown(given)}.")
        painted = _painted(given)
        if painted.ndim != 2 or not painted.size:
            raise ValueError(f"A mask must have shape (h, w), not {painted.shape}.")
        if painted.size > MOST_PIXELS:
            raise ValueError(f"A mask of shape {painted.shape} is too large; give at most 4096 x 4096 cells.")
        if not painted.any():
            raise ValueError("The mask is empty; paint where the edit may change the picture.")
        height, width = painted.shape
        return cls(height, width, np.packbits(painted).tobytes())

    @property
    def array(self) -> np.ndarray:
        """The cells (height, width), bool."""
        bits = np.unpackbits(np.frombuffer(self.packed, np.uint8), count=self.height * self.width)
        return bits.reshape(self.height, self.width).astype(bool)

    def cells(self, size: Size) -> torch.Tensor:
        """The mask on the latents' cells, (h, w), bool: of a finer mask, all that it touches; elsewhere those
        of which at least half is painted, and the most painted one always.

        Raises:
            ValueError: a mask that is finer and of another ratio, as that of a picture before its crop.
        """
        finer = self.height >= size[0] and self.width >= size[1]
        if finer and abs(self.width * size[0] / self.height - size[1]) > 1:
            raise ValueError(
                f"A mask of {self.width} x {self.height} does not fit the edited picture, whose sides have "
                f"another ratio ({size[1]}:{size[0]}); crop it like the picture: read_image(pipe, mask)."
            )
        painted = torch.from_numpy(self.array).float()[None, None]
        covered = F.adaptive_avg_pool2d(painted, (size[0], size[1]))[0, 0]
        return covered > 0 if self.is_finer(size) else covered >= min(0.5, float(covered.max()))

    def is_finer(self, size: Size) -> bool:
        """Whether it has more cells than latents of (h, w) have."""
        return self.height > size[0] and self.width > size[1]

    def paste(self, edited: Image.Image, source: Image.Image, latents: Size) -> Image.Image:
        """The edited picture inside the mask, the source picture outside, pixel by pixel; the edited picture
        where the mask is no finer than the latents, whose blend has seen to it.

        The mask's edge is soft towards its inside, over a quarter of a latent's cell: outside it no pixel of
        the source picture changes.

        Args:
            edited, source: RGB pictures of one size.
            latents: (h, w) of the edit's latents.
        """
        if not self.is_finer(latents):
            return edited
        painted = torch.from_numpy(self.array).float()[None, None]
        inside = F.interpolate(painted, (edited.height, edited.width), mode="nearest-exact")
        rings = edited.height // latents[0] // 4
        shares = softened(inside, rings)[0, 0, :, :, None].numpy()  # (H, W, 1)
        pixels = np.asarray(edited, np.float32) * shares + np.asarray(source, np.float32) * (1 - shares)
        return Image.fromarray(np.rint(pixels).astype(np.uint8))

    def __repr__(self) -> str:
        return f"PaintedMask({self.height}, {self.width}, {self.packed!r})"


def softened(inside: torch.Tensor, rings: int) -> torch.Tensor:
    """A mask (n, 1, H, W) of 0 and 1 that falls to 0 in so many rings of pixels along its inner side; the
    picture's border is no edge.
    """
    shares = outside = 1 - inside
    for _ in range(rings):
        outside = F.max_pool2d(outside, 3, stride=1, padding=1)
        shares = shares + outside
    return 1 - shares / (rings + 1)


def _painted(values: np.ndarray) -> np.ndarray:
    """Which values count as painted."""
    if values.dtype == bool:
        return values
    if np.issubdtype(values.dtype, np.floating):
        if not np.isfinite(values).all() or values.min(initial=0) < 0 or values.max(initial=0) > 1:
            raise ValueError("A mask of floats must lie in [0, 1]; rescale it.")
        return values > 0.5
    if np.issubdtype(values.dtype, np.integer):
        if values.min(initial=0) < 0 or values.max(initial=0) > 255:
            raise ValueError("A mask of whole numbers must lie in 0 to 255; rescale it.")
        return values > (0 if values.max(initial=0) <= 1 else 127)
    raise TypeError(f"A mask must hold numbers or True and False, not {values.dtype}.")

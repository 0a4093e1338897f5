"""A painted mask: where an edit may change the picture."""

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
        """The mask at another size, (h, w), bool: a cell is in it where at least half of it is painted, and
        the most painted one always is.

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
        return covered >= min(0.5, float(covered.max()))

    def __repr__(self) -> str:
        return f"PaintedMask({self.height}, {self.width}, {self.packed!r})"


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

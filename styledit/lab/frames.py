"""Pictures as the browser takes them."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image


def encode(picture: Image.Image, moving: bool = False) -> bytes:
    """A picture as bytes: lossy and fast while something moves (WebP), exact otherwise (PNG)."""
    buffer = io.BytesIO()
    if moving:
        picture.save(buffer, "WEBP", quality=80, method=0)
    else:
        picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def encode_mask(mask: torch.Tensor | np.ndarray) -> bytes:
    """A mask (h, w), bool, as a grey PNG of its own size: 255 inside."""
    cells = np.asarray(mask.cpu() if isinstance(mask, torch.Tensor) else mask, dtype=bool)
    return encode(Image.fromarray(cells.astype(np.uint8) * 255))


def thumbnail(picture: Image.Image, side: int = 64) -> bytes:
    """A small copy, at most `side` pixels wide and high, as WebP."""
    small = picture.copy()
    small.thumbnail((side, side))
    return encode(small, moving=True)


def side_by_side(pictures: list[Image.Image], gap: int = 4) -> Image.Image:
    """Pictures of one height in a row on white, such as a snapshot shows them."""
    width = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    row = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white")
    x = 0
    for picture in pictures:
        row.paste(picture, (x, 0))
        x += picture.width + gap
    return row

"""Pictures as the browser takes them."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

FONT = ImageFont.load_default(12)
LINE = 18  # pixels, the height of a line of text
GAP = 6  # pixels between tiles


def encode(picture: Image.Image, moving: bool = False) -> bytes:
    """A picture as bytes: lossy and fast while something moves (WebP), exact otherwise (PNG)."""
    buffer = io.BytesIO()
    if moving:
        picture.save(buffer, "WEBP", quality=80, method=0)
    else:
        picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def decode(data: bytes) -> Image.Image:
    """The picture that `encode` made exact bytes of."""
    return Image.open(io.BytesIO(data), formats=("PNG",)).convert("RGB")


def encode_mask(mask: torch.Tensor | np.ndarray) -> bytes:
    """A mask (h, w), bool, as a grey PNG of its own size: 255 inside."""
    cells = np.asarray(mask.cpu() if isinstance(mask, torch.Tensor) else mask, dtype=bool)
    return encode(Image.fromarray(cells.astype(np.uint8) * 255))


def thumbnail(picture: Image.Image, side: int = 64) -> bytes:
    """A small copy, at most `side` pixels wide and high, as WebP."""
    small = picture.copy()
    small.thumbnail((side, side))
    return encode(small, moving=True)


def sized(
    picture: Image.Image, side: int, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> Image.Image:
    """A copy whose longer side has so many pixels."""
    factor = side / max(picture.size)
    sides = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(sides, resample)


def side_by_side(pictures: list[Image.Image], gap: int = 4) -> Image.Image:
    """Pictures of one height in a row on white, such as a snapshot shows them."""
    width = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    row = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white")
    x = 0
    for picture in pictures:
        row.paste(picture, (x, 0))
        x += picture.width + gap
    return row


def tiled(
    tiles: list[tuple[str, Image.Image]], lines: list[str], columns: int, foot: Image.Image | None = None
) -> Image.Image:
    """Labelled pictures of one size in rows on white, below lines of text and above a `foot`."""
    width, height = tiles[0][1].size
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    top = LINE * len(lines) + 4
    grid = rows * (height + LINE + GAP)
    wide, high = (0, 0) if foot is None else foot.size
    size = max(columns * (width + GAP) + GAP, wide + 2 * GAP), top + grid + high + 8
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for k, line in enumerate(lines):
        draw.text((GAP, 3 + k * LINE), _fitting(line, page.width - 2 * GAP), "black", font=FONT)
    for k, (label, tile) in enumerate(tiles):
        x = GAP + k % columns * (width + GAP)
        y = top + k // columns * (height + LINE + GAP)
        draw.text((x, y), _fitting(label, width), "black", font=FONT)
        page.paste(tile, (x, y + LINE))
    if foot is not None:
        page.paste(foot, (GAP, top + grid + 4))
    return page


def _fitting(text: str, width: int) -> str:
    """A text cut to a width in pixels."""
    if FONT.getlength(text) <= width:
        return text
    while text and FONT.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"

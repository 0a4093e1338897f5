"""Pictures as the browser takes them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

FONT = ImageFont.load_default(12)
LINE = 18  # pixels, the height of a line of text
GAP = 6  # pixels between tiles
SIDE = 150  # the most pixels of a row's label


def encode(picture: Image.Image, moving: bool = False) -> bytes:
    """A picture as bytes: lossy and fast while something moves (WebP), exact otherwise (PNG)."""
    buffer = io.BytesIO()
    if moving:
        picture.save(buffer, "WEBP", quality=80, method=0)
    else:
        picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def decode(data: bytes) -> Image.Image:
    """A picture of such bytes, RGB."""
    return Image.open(io.BytesIO(data)).convert("RGB")


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


def labelled_grid(
    pictures: Mapping[tuple[int, int], Image.Image],
    rows: Sequence[str],
    columns: Sequence[str],
    lines: Sequence[str],
) -> Image.Image:
    """Pictures of one size on white, a label left of each row and above each column, below lines of text.

    Args:
        pictures: by (row, column); a place without one stays white.
    """
    width, height = next(iter(pictures.values())).size
    sides = [_wrapped(label, SIDE) for label in rows]
    heads = [_wrapped(label, width) for label in columns]
    left = GAP + max((int(FONT.getlength(line)) + GAP for side in sides for line in side if line), default=0)
    head = LINE * len(lines) + GAP
    top = head + LINE * max(map(len, heads))
    size = (left + len(columns) * (width + GAP), top + len(rows) * (height + GAP))
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for k, line in enumerate(lines):
        draw.text((GAP, 3 + k * LINE), _fitting(line, page.width - 2 * GAP), "black", font=FONT)
    for column, texts in enumerate(heads):
        for k, text in enumerate(texts):
            draw.text((left + column * (width + GAP), head + k * LINE), text, "black", font=FONT)
    for row, texts in enumerate(sides):
        middle = top + row * (height + GAP) + (height - LINE * len(texts)) // 2
        for k, text in enumerate(texts):
            draw.text((GAP, middle + k * LINE), text, "black", font=FONT)
    for (row, column), picture in pictures.items():
        page.paste(picture, (left + column * (width + GAP), top + row * (height + GAP)))
    return page


def _wrapped(text: str, width: int) -> list[str]:
    """A text in lines of a width in pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and FONT.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [_fitting(line, width) for line in lines]


def _fitting(text: str, width: int) -> str:
    """A text cut to a width in pixels."""
    if FONT.getlength(text) <= width:
        return text
    while text and FONT.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"

"""Attention maps in colour: the palettes, which the browser takes from here, and a drawing of word maps."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from styledit.lab.frames import FONT, sized, tiled

# Nine colours from the lowest value to the highest, those between are mixed. Both are told apart by
# colour-blind readers: matplotlib's "inferno" and "RdBu", reversed.
Palette = tuple[tuple[int, int, int], ...]
SEQUENTIAL: Palette = (
    (0, 0, 4),
    (33, 12, 74),
    (87, 16, 110),
    (138, 34, 106),
    (188, 55, 84),
    (228, 90, 49),
    (249, 142, 9),
    (249, 203, 53),
    (252, 255, 164),
)
DIVERGING: Palette = (
    (5, 48, 97),
    (42, 113, 178),
    (107, 172, 209),
    (194, 221, 236),
    (247, 246, 246),
    (251, 204, 180),
    (228, 128, 102),
    (186, 40, 50),
    (103, 0, 31),
)
PICTURE_SHARE = 0.35  # of the grey picture in what is shown, the rest is the map
TILE = 112  # pixels of a tile's longer side in a drawing
COLUMNS = 7


def paint(values: np.ndarray, low: float, high: float, palette: Palette = SEQUENTIAL) -> np.ndarray:
    """Values (h, w) as colours (h, w, 3), uint8; what lies outside [low, high] takes the end's colour."""
    places = (values - low) / max(high - low, 1e-12)
    anchors = np.array(palette)
    where = np.linspace(0, 1, len(anchors))
    channels = [np.interp(places.clip(0, 1), where, anchors[:, k]) for k in range(3)]
    return np.stack(channels, -1).round().astype(np.uint8)


def over_grey(picture: Image.Image, colours: np.ndarray, share: float = PICTURE_SHARE) -> Image.Image:
    """Colours (h, w, 3) over the picture in grey, at the picture's size."""
    grey = picture.convert("L").convert("RGB")
    return Image.blend(Image.fromarray(colours).resize(grey.size, Image.Resampling.BILINEAR), grey, share)


def draw_word_maps(
    picture: Image.Image, maps: list[tuple[str, np.ndarray]], title: str, own: set[int], signed: bool = False
) -> Image.Image:
    """The picture and a tile for each (word, map), with a colour bar and its numbers.

    Args:
        title: a line above.
        own: which maps have a scale of their own, up to the number beside the word; the others share one.
        signed: whether the maps are differences, coloured around zero.
    """
    palette = DIVERGING if signed else SEQUENTIAL
    peaks = [float(np.abs(values).max()) or 1.0 for _, values in maps]
    common = max((peak for k, peak in enumerate(peaks) if k not in own), default=0.0)
    small = sized(picture, TILE)
    tiles = [("picture", small)]
    for k, (word, values) in enumerate(maps):
        high = peaks[k] if k in own else common
        colours = paint(values, -high if signed else 0.0, high, palette)
        label = f"{word} (to {100 * high:.2g} %)" if k in own else word
        tiles.append((label, over_grey(small, colours)))
    return tiled(tiles, [title], COLUMNS, _colour_bar(common, signed, palette))


def _colour_bar(high: float, signed: bool, palette: Palette) -> Image.Image:
    """A horizontal colour bar with its ends and middle in percent; without numbers where there is no common
    scale.
    """
    low = -high if signed else 0.0
    bar = Image.new("RGB", (320, 30), "white")
    ramp = paint(np.linspace(0, 1, 200)[None].repeat(10, 0), 0, 1, palette)
    mixed = ramp * (1 - PICTURE_SHARE) + 128 * PICTURE_SHARE
    bar.paste(Image.fromarray(mixed.astype(np.uint8)), (0, 2))
    draw = ImageDraw.Draw(bar)
    for value, x, anchor in ((low, 0, "la"), ((low + high) / 2, 100, "ma"), (high, 200, "ra")):
        if high:
            draw.text((x, 14), f"{100 * value:.3g}", "black", font=FONT, anchor=anchor)
    if not high:
        draw.text((0, 14), "each word to its own most", "black", font=FONT)
    draw.text((208, 0), "% of what a pixel", "black", font=FONT)
    draw.text((208, 13), "reads", "black", font=FONT)
    return bar

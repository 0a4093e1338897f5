"""Attention maps over a grey picture, on one colour scale that says its numbers.

The palettes are those of the lab.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image

from styledit import validation as check
from styledit.lab.palettes import DIVERGING, SEQUENTIAL, paint
from styledit.lessons.pictures import MANY, Pictures, data_uri, grid
from styledit.maps import AttentionMaps

LESS, MORE = DIVERGING[1], DIVERGING[-2]  # blue, red
DARKEST = 0.25  # of the sequential palette: what lies below is too dark to be told apart on a grey picture
STRONGEST = 0.92  # opacity of the largest value
LIFTED, CONTRAST = 0.55, 0.45  # of the grey picture: LIFTED + CONTRAST × luminance


def grey(picture: Image.Image) -> Image.Image:
    """A picture in light grey, so that whatever colour lies on it comes from a map."""
    light = np.asarray(picture.convert("L"), float) / 255
    return Image.fromarray((255 * (LIFTED + CONTRAST * light)).astype(np.uint8)).convert("RGB")


def map_layer(heat: torch.Tensor, most: float, *, signed: bool = False) -> Image.Image:
    """A map (H, W) as colours with opacity, RGBA, at its own size; see `show_maps`.

    Raises:
        ValueError: a tensor that is not (H, W).
    """
    share = _plane(heat).numpy() / (most or 1.0)
    strength = np.clip(np.abs(share), 0, 1)
    if signed:
        colours = np.where(share[..., None] < 0, LESS, MORE)
    else:
        colours = paint(DARKEST + (1 - DARKEST) * strength, 0.0, 1.0, SEQUENTIAL)
    opacity = 255 * STRONGEST * strength[..., None] ** 0.85
    return Image.fromarray(np.concatenate([colours, opacity.round()], -1).astype(np.uint8))


def overlay(heat: torch.Tensor, picture: Image.Image, most: float, *, signed: bool = False) -> Image.Image:
    """A map (H, W) over the grey picture, RGB, at the picture's size."""
    layer = map_layer(heat, most, signed=signed).resize(picture.size, Image.Resampling.BILINEAR)
    return Image.alpha_composite(grey(picture).convert("RGBA"), layer).convert("RGB")


def show_maps(
    maps: Mapping[str, torch.Tensor | Image.Image],
    picture: Image.Image,
    *,
    most: float | None = None,
    signed: bool = False,
    unit: str = "attention",
    columns: int | None = None,
    width: int = 200,
) -> Pictures:
    """Maps over the grey picture, all on one colour scale, whose numbers stand below.

    Args:
        maps: {title: (H, W)}, of any resolution; an entry may be a PIL picture, which is shown as it is.
        most: where the scale ends; None takes the largest value of all maps.
        signed: whether below zero means less (blue) and above more (red), as in a difference.
        unit: what is measured, for the legend.
        columns, width: as in `show_images`.

    Raises:
        TypeError: something that is neither a map nor a picture, or a title that is no string.
        ValueError: no maps, or a tensor that is not (H, W).
    """
    if not check.mapping("maps", maps):
        raise ValueError("There are no maps to show; give {title: map (H, W)}.")
    check.instance("picture", picture, Image.Image, "inversion.image")
    planes = {title: _plane(heat) for title, heat in maps.items() if not isinstance(heat, Image.Image)}
    if most is None:
        most = max(float(plane.abs().max()) for plane in planes.values())
    shown = {
        title: heat if isinstance(heat, Image.Image) else overlay(planes[title], picture, most, signed=signed)
        for title, heat in maps.items()
    }
    columns, width = grid(columns, width, 6, len(shown))
    return Pictures(shown, columns, width, legend(most, signed, unit), lossless=len(shown) <= MANY // 2)


def show_words(
    maps: AttentionMaps,
    picture: Image.Image,
    words: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    most: float | None = None,
    width: int = 200,
) -> Pictures:
    """The picture, and the map of each word over it; all words of the prompt unless given.

    Raises:
        ValueError: a word that is not in the prompt.
    """
    words = list(words or dict.fromkeys(word.text for word in maps.words))
    shown: dict[str, torch.Tensor | Image.Image] = {"picture": picture}
    shown |= {word: maps.word(word) for word in words}
    unit = "share of a pixel's attention"
    return show_maps(shown, picture, most=most, unit=unit, columns=columns, width=width)


def plot_map(
    maps: AttentionMaps,
    shown: str | torch.Tensor,
    ax: Axes | None = None,
    image: Image.Image | None = None,
    *,
    most: float | None = None,
) -> Axes:
    """Draw a word's map, or any map (H, W), into matplotlib's `ax`, over `image` in grey where one is given.

    Args:
        most: where the colour scale ends; None takes the map's largest value.

    Raises:
        ValueError: the word is not in the prompt, or a tensor that is not (H, W).
    """
    heat = maps.word(shown) if isinstance(shown, str) else _plane(shown)
    ax = ax or plt.gca()
    if image is not None:
        ax.imshow(grey(image), interpolation="none")
    width, height = image.size if image is not None else heat.shape[::-1]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)  # a coarser map still covers the whole picture
    alpha = 1 if image is None else 0.7
    colours = LinearSegmentedColormap.from_list("sequential", np.array(SEQUENTIAL) / 255)
    ax.imshow(heat.numpy(), cmap=colours, vmin=0, vmax=most, alpha=alpha, extent=extent)
    if isinstance(shown, str):
        ax.set_title(shown)
    ax.set_axis_off()
    return ax


def legend(most: float, signed: bool, unit: str) -> str:
    """The colour scale as HTML: a bar, drawn as the maps are, between its two numbers."""
    low = -1.0 if signed else 0.0
    ramp = torch.linspace(low, 1, 120)[None].expand(6, -1)
    source = data_uri(overlay(ramp, Image.new("RGB", (120, 6), (128, 128, 128)), 1, signed=signed))
    ends = (f"−{_short(most)}", f"+{_short(most)}") if signed else ("0", _short(most))
    return (
        f'<div style="font-size:15px;margin:0 0 6px">{ends[0]} <img src="{source}" alt="colour scale" '
        f'width="240" height="12" style="display:inline-block;vertical-align:middle;width:240px;height:12px">'
        f" {ends[1]} &nbsp;{unit}</div>"
    )


def _short(number: float) -> str:
    """A number in two digits that count."""
    return f"{number:.2g}"


def _plane(heat: torch.Tensor) -> torch.Tensor:
    """A map as (H, W) on the CPU, or one sentence."""
    if not isinstance(heat, (torch.Tensor, np.ndarray)):
        raise TypeError(f"A map to draw must be a tensor (H, W), not {check.shown(heat)}.")
    plane = torch.as_tensor(heat).detach().float().cpu()
    if plane.ndim != 2:
        raise ValueError(
            f"A map to draw must have shape (H, W), not {tuple(plane.shape)}; draw one at a time."
        )
    return plane

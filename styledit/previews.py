"""A cheap look at latents: one linear map from a latent pixel to its patch of colours, in place of the
decoder.

An autoencoder's latents are nearly a small picture, so that a linear map gives back its colours. Here it
gives the whole patch of f × f pixels that a latent pixel stands for, and it is fitted to each pipeline's own
autoencoder: any model has a preview.
"""

from __future__ import annotations

import math
import weakref

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from PIL import Image, ImageDraw
from torch.nn import functional

from styledit import validation
from styledit.pictures import as_pixels, check_latents, encode_image, raw_pixels, to_pictures, unscale
from styledit.pipeline import picture_size

_LATENT_PIXELS = 4096  # what a map is fitted to, at least
_FEWEST = 3  # pictures
_SHAPES = 12  # in each

_maps: weakref.WeakKeyDictionary[AutoencoderKL, torch.Tensor] = weakref.WeakKeyDictionary()


def preview(pipe: StableDiffusionPipeline, x0: torch.Tensor) -> list[Image.Image]:
    """Pictures of latents, such as estimates of the clean picture in the middle of a run, without the
    decoder.

    The first call for an autoencoder fits the map: it encodes and decodes a few drawn pictures of the model's
    size, which takes about as long as decoding as many pictures twice. Later calls take well under a tenth of
    a network call.

    Args:
        x0: latents (n, C, h, w).

    Returns:
        n RGB pictures of the size that the decoder would give.

    Raises:
        TypeError: `pipe` is no pipeline, or `x0` no tensor.
        ValueError: `x0` has another shape or NaN or infinite values, or the autoencoder makes such values.
    """
    validation.pipeline(pipe, needs_ddim=False)
    check_latents(pipe, "x0", x0)
    return to_pictures(_colours(pipe, x0))


def preview_change(pipe: StableDiffusionPipeline, picture: Image.Image, change: torch.Tensor) -> Image.Image:
    """A decoded picture as it will look when its latents change: sharp where nothing changes.

    The map being linear, picture + map(z + change) - map(z) needs no z; its error is that of the change only.

    Args:
        change: of the picture's latents, (1, C, h, w).

    Raises:
        TypeError, ValueError: as `preview`.
    """
    validation.pipeline(pipe, needs_ddim=False)
    check_latents(pipe, "change", change)
    moved = _colours(pipe, change) - _colours(pipe, torch.zeros_like(change))
    return to_pictures(as_pixels(picture).to(moved) + moved)[0]


def _colours(pipe: StableDiffusionPipeline, z: torch.Tensor) -> torch.Tensor:
    """The map applied to latents: (n, 3, H, W), about [0, 1]."""
    if pipe.vae not in _maps:
        _maps[pipe.vae] = _fit(pipe)
    with torch.no_grad():
        latents = unscale(pipe, z.float())
        weights = _maps[pipe.vae].to(latents)  # (C + 1, 3 f f)
        channels = weights.shape[0] - 1
        patches = functional.conv2d(
            latents, weights[:channels].T[:, :, None, None], weights[channels]
        )  # (n, 3 f f, h, w)
        return functional.pixel_shuffle(patches, pipe.vae_scale_factor)


def _fit(pipe: StableDiffusionPipeline) -> torch.Tensor:
    """The linear map from (latent pixel, 1), as the decoder takes it, to a patch of colours in [0, 1]; (C +
    1, 3 f f).

    Least squares over drawn pictures that the autoencoder has encoded and decoded: what is learned is what it
    shows.
    """
    factor = pipe.vae_scale_factor
    width, height = picture_size(pipe)
    count = max(_FEWEST, math.ceil(_LATENT_PIXELS * factor**2 / (width * height)))
    size = pipe.vae.config.latent_channels + 1
    with torch.inference_mode(False), torch.no_grad():
        gram = torch.zeros(size, size, dtype=torch.float64)
        moment = torch.zeros(size, 3 * factor**2, dtype=torch.float64)
        for k in range(count):
            z = encode_image(pipe, _draw(width, height, np.random.default_rng(k)))
            shown = validation.finite(raw_pixels(pipe, z), "What the autoencoder decoded").float().clamp(0, 1)
            patches = functional.pixel_unshuffle(shown, factor).double().cpu().flatten(2)[0].T  # (h w, 3 f f)
            latents = unscale(pipe, z).double().cpu().flatten(2)[0].T  # (h w, C)
            inputs = torch.cat([latents, torch.ones(len(latents), 1, dtype=latents.dtype)], 1)  # (h w, C + 1)
            gram += inputs.T @ inputs
            moment += inputs.T @ patches
        # Channels that an autoencoder leaves empty would make the equations singular.
        ridge = 1e-6 * gram.diagonal().mean() * torch.eye(size, dtype=gram.dtype)
        return torch.linalg.solve(gram + ridge, moment).float().to(pipe.vae.device)


def _draw(width: int, height: int, random: np.random.Generator) -> Image.Image:
    """A picture of coloured shapes and strokes on a gradient."""
    corners = random.integers(0, 256, (2, 2, 3), dtype=np.uint8)
    picture = Image.fromarray(corners).resize((width, height), Image.Resampling.BILINEAR)
    pen, size = ImageDraw.Draw(picture), np.array([width, height])
    for kind in random.permutation(_SHAPES):
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        points = random.uniform(-0.1, 1.1, (3, 2)) * size
        box = [*np.minimum(points[0], points[1]), *np.maximum(points[0], points[1])]
        if kind % 4 == 0:
            pen.ellipse(box, fill=colour)
        elif kind % 4 == 1:
            pen.rectangle(box, fill=colour)
        elif kind % 4 == 2:
            pen.polygon([tuple(point) for point in points], fill=colour)
        else:
            stroke = 1 + int(random.uniform(0, 0.04) * max(width, height))
            pen.line([tuple(point) for point in points], fill=colour, width=stroke)
    return picture

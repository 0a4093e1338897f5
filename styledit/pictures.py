"""Pictures in and out: reading any picture a user has, and the autoencoder both ways."""

from __future__ import annotations

import operator
import os
from typing import Literal

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image, ImageOps
from skimage.metrics import peak_signal_noise_ratio

EMBEDDED_SIDE = 128  # side of the embedded model's pictures; other models: `models.picture_size(pipe)`

ImageSource = str | os.PathLike | Image.Image | np.ndarray


def read_image(
    source: ImageSource,
    size: int | tuple[int, int] = EMBEDDED_SIDE,
    fit: Literal["crop", "pad"] = "crop",
) -> Image.Image:
    """Read a picture and fit it to `size`.

    Args:
        source: a path, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): uint16 over
            its full range, other integers from 0 to 255, bool, or floats in [0, 1]. EXIF rotation is applied,
            transparency is laid on white, grey and 16-bit pictures become 8-bit RGB.
        size: side in pixels, or (width, height).
        fit: "crop" cuts the largest centred part of the right shape, "pad" keeps everything and fills with white.

    Returns:
        An RGB picture of exactly `size`.

    Raises:
        ValueError: the file is missing or no picture, or the picture is empty, has NaN or values out of range.
        TypeError: `source` or `size` is something else.
    """
    width, height = _sides(size)
    picture = open_rgb(source)
    if fit == "crop":
        return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    if fit == "pad":
        return ImageOps.pad(picture, (width, height), Image.Resampling.LANCZOS, color="white")
    raise ValueError(f"fit must be 'crop' or 'pad', not {fit!r}.")


def open_rgb(source: ImageSource) -> Image.Image:
    """What `read_image` reads, at the picture's own size. Raises as `read_image`."""
    return _to_rgb(_open(source))


def encode_image(pipe: StableDiffusionPipeline, image: Image.Image) -> torch.Tensor:
    """The latents of a picture: z_0 = (VAE mean - shift) × scaling factor, of shape (1, C, h, w), in at least float32.

    Raises:
        ValueError: a side of the picture is not a multiple of the autoencoder's factor, or as `read_image`.
    """
    image = open_rgb(image)
    factor = pipe.vae_scale_factor
    if image.width % factor or image.height % factor:
        raise ValueError(
            f"The picture is {image.width}×{image.height}, and this model needs sides that are multiples of {factor}; "
            "fit it with read_image(picture, size=...)."
        )
    pixels = torch.from_numpy(np.asarray(image, dtype=np.float32) / 255)  # (H, W, 3)
    pixels = (2 * pixels - 1).permute(2, 0, 1)[None].to(pipe.vae.device, pipe.vae.dtype)  # (1, 3, H, W)
    with torch.no_grad():
        mean = pipe.vae.encode(pixels).latent_dist.mean  # (1, C, h, w)
    shift, scale = _shift_and_scale(pipe)
    return (mean.to(torch.promote_types(mean.dtype, torch.float32)) - shift) * scale


def decode_tensor(pipe: StableDiffusionPipeline, z: torch.Tensor) -> torch.Tensor:
    """Decode latents (B, C, h, w) to pixels (B, 3, H, W) in [0, 1]; gradients flow through."""
    shift, scale = _shift_and_scale(pipe)
    pixels = pipe.vae.decode((z / scale + shift).to(pipe.vae.dtype)).sample
    return (pixels / 2 + 0.5).clamp(0, 1)


def decode_latents(pipe: StableDiffusionPipeline, z: torch.Tensor) -> list[Image.Image]:
    """Decode latents (B, C, h, w) to B RGB pictures."""
    with torch.no_grad():
        pixels = decode_tensor(pipe, z).float().permute(0, 2, 3, 1).cpu().numpy()  # (B, H, W, 3)
    return [Image.fromarray((picture * 255).round().astype(np.uint8)) for picture in pixels]


def psnr(image: Image.Image, other: Image.Image) -> float:
    """Peak signal-to-noise ratio in dB of two pictures of the same size; infinite where they are equal."""
    if image.size != other.size:
        raise ValueError(f"PSNR needs pictures of the same size, these are {image.size} and {other.size}.")
    first, second = (np.asarray(picture.convert("RGB")) for picture in (image, other))
    if np.array_equal(first, second):
        return float("inf")
    return float(peak_signal_noise_ratio(first, second, data_range=255))


def _shift_and_scale(pipe: StableDiffusionPipeline) -> tuple[float, float]:
    """The affine map between the autoencoder's output and the latents that the UNet sees."""
    return getattr(pipe.vae.config, "shift_factor", None) or 0.0, pipe.vae.config.scaling_factor


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """(width, height) of a size."""
    sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(sides) != 2 or any(isinstance(side, bool) or not hasattr(side, "__index__") for side in sides):
        raise TypeError(f"size must be a whole number or a (width, height) of two, not {size!r}.")
    width, height = map(operator.index, sides)
    if width < 1 or height < 1:
        raise ValueError(f"A picture cannot have size {width}×{height}; both sides must be at least 1.")
    return width, height


def _open(source: ImageSource) -> Image.Image:
    """A loaded PIL image of any mode, upright."""
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        name = "The PIL image"
    elif not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"A picture must be a path, a PIL image or a numpy array, not {type(source).__name__}.")
    elif not os.path.isfile(source):
        raise ValueError(f"There is no picture at {os.fspath(source)!r}; check the path.")
    else:
        name = repr(os.fspath(source))
    try:
        if isinstance(source, Image.Image):
            return ImageOps.exif_transpose(source)
        with Image.open(source) as picture:
            return ImageOps.exif_transpose(picture)
    except Exception as error:  # decoders raise whatever the bytes make them
        raise ValueError(f"{name} could not be read as a picture; save it as PNG or JPEG ({error}).") from error


def _from_array(array: np.ndarray) -> Image.Image:
    """An 8-bit picture from an array of any numeric type."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or not (array.ndim == 2 or array.ndim == 3 and array.shape[2] in (3, 4)):
        raise ValueError(f"An array of shape {array.shape} is no picture; give (H, W), (H, W, 3) or (H, W, 4).")
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise ValueError("The array has NaN or infinite values; replace them before reading it as a picture.")
        if array.min() < 0 or array.max() > 1:
            raise ValueError(
                f"A float array must lie in [0, 1], this one spans [{array.min():.3g}, {array.max():.3g}]; rescale it."
            )
        return Image.fromarray((array * 255).round().astype(np.uint8))
    if array.dtype == bool:
        return Image.fromarray(array.astype(np.uint8) * 255)
    if array.dtype == np.uint16:
        return Image.fromarray((array / 257).round().astype(np.uint8))
    if not np.issubdtype(array.dtype, np.integer) or array.min() < 0 or array.max() > 255:
        raise ValueError(
            f"An array of type {array.dtype} must hold whole numbers from 0 to 255 (or be uint16, or float in [0, 1])."
        )
    return Image.fromarray(array.astype(np.uint8))


def _to_rgb(picture: Image.Image) -> Image.Image:
    """8-bit RGB, transparency laid on white."""
    if 0 in picture.size:
        raise ValueError(f"A picture of {picture.width}×{picture.height} pixels is empty.")
    if picture.mode == "F":
        picture = _from_array(np.asarray(picture))
    elif picture.mode.startswith("I"):  # 16 and 32 bits a pixel, grey
        picture = _from_array(_deep(picture))
    if picture.has_transparency_data:
        if picture.mode == "La":
            picture = picture.convert("LA")  # the only mode that PIL converts it to
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def _deep(picture: Image.Image) -> np.ndarray:
    """The values of a deep grey picture, as uint16 unless they are those of an 8-bit one."""
    values = np.asarray(picture)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(f"A grey picture of mode {picture.mode} must hold values from 0 to 65535; rescale it.")
    return values if picture.mode == "I" and values.max() <= 255 else values.astype(np.uint16)

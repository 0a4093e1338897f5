"""Pictures in and out: reading any picture a user has, and the autoencoder both ways."""

from __future__ import annotations

import os
from typing import Literal

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image, ImageOps
from skimage.metrics import peak_signal_noise_ratio

from styledit import validation
from styledit.pipeline import picture_size

_LONGEST_SIDE = 8192  # of a picture that `read_image` gives

ImageSource = str | os.PathLike | Image.Image | np.ndarray


def read_image(
    pipe: StableDiffusionPipeline,
    source: ImageSource,
    *,
    size: int | tuple[int, int] | None = None,
    fit: Literal["crop", "pad"] = "crop",
) -> Image.Image:
    """Read a picture and fit it to the model's size, or to another.

    Args:
        pipe: the pipeline that the picture is for.
        source: a path, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): uint16 over
            its full range, other integers from 0 to 255, bool, or floats in [0, 1]. EXIF rotation is applied,
            transparency is laid on white, grey and 16-bit pictures become 8-bit RGB.
        size: side in pixels, or (width, height); None takes what the pipeline was trained at,
            `picture_size(pipe)`.
        fit: "crop" cuts the largest centred part of the right shape, "pad" keeps everything and fills with
            white.

    Returns:
        An RGB picture of exactly `size`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no picture, or the picture is empty, has NaN or values out of range; or `size`
            or `fit` cannot be used.
        TypeError: `pipe`, `source`, `size` or `fit` is something else.
    """
    validation.pipeline(pipe, needs_ddim=False)
    shape = picture_size(pipe) if size is None else _sides(size)
    how = validation.choice("fit", fit, ("crop", "pad"))
    picture = open_rgb(source)
    if how == "crop":
        return ImageOps.fit(picture, shape, Image.Resampling.LANCZOS)
    return ImageOps.pad(picture, shape, Image.Resampling.LANCZOS, color="white")


def open_rgb(source: ImageSource) -> Image.Image:
    """What `read_image` reads, at the picture's own size. Raises as `read_image`."""
    return _to_rgb(_open(source))


def encode_image(pipe: StableDiffusionPipeline, image: ImageSource) -> torch.Tensor:
    """The latents of a picture: z_0 = (VAE mean - shift) × scaling factor, of shape (1, C, h, w), in at least
    float32.

    Raises:
        TypeError: `pipe` is no pipeline, or as `read_image`.
        ValueError: a side of the picture is not a multiple of the autoencoder's factor, the encoder makes NaN
            or infinite values, or as `read_image`.
    """
    validation.pipeline(pipe, needs_ddim=False)
    picture = open_rgb(image)
    factor = pipe.vae_scale_factor
    if picture.width % factor or picture.height % factor:
        raise ValueError(
            f"The picture is {picture.width}×{picture.height}, and this model needs sides that are multiples "
            f"of {factor}; "
            "fit it with read_image(pipe, picture)."
        )
    pixels = as_pixels(picture).to(pipe.vae.device)  # (1, 3, H, W)
    with torch.no_grad():
        mean = pipe.vae.encode((2 * pixels - 1).to(pipe.vae.dtype)).latent_dist.mean  # (1, C, h, w)
    validation.finite(mean, "What the autoencoder makes of the picture")
    shift, scale = _shift_and_scale(pipe)
    return (mean.to(torch.promote_types(mean.dtype, torch.float32)) - shift) * scale


def as_pixels(picture: Image.Image | np.ndarray) -> torch.Tensor:
    """An RGB picture, or its uint8 array (H, W, 3), as (1, 3, H, W) in [0, 1], float32."""
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255).permute(2, 0, 1)[None]


def decode_tensor(pipe: StableDiffusionPipeline, z: torch.Tensor) -> torch.Tensor:
    """Decode latents (B, C, h, w) to pixels (B, 3, H, W) in [0, 1]; gradients flow through.

    Raises:
        TypeError: `pipe` is no pipeline, or `z` no tensor.
        ValueError: `z` has another shape, or it or what the decoder makes of it has NaN or infinite values.
    """
    validation.pipeline(pipe, needs_ddim=False)
    check_latents(pipe, "z", z)
    return validation.finite(raw_pixels(pipe, z), "What the autoencoder decodes").clamp(0, 1)


def decode_latents(pipe: StableDiffusionPipeline, z: torch.Tensor) -> list[Image.Image]:
    """Decode latents (B, C, h, w) to B RGB pictures.

    Raises:
        TypeError: `pipe` is no pipeline, or `z` no tensor.
        ValueError: `z` has another shape, or it or what the decoder makes of it has NaN or infinite values.
    """
    validation.pipeline(pipe, needs_ddim=False)
    check_latents(pipe, "z", z)
    with torch.no_grad():
        pixels = validation.finite(raw_pixels(pipe, z), "What the autoencoder decodes")
    return to_pictures(pixels)


def check_latents(pipe: StableDiffusionPipeline, name: str, z: object) -> torch.Tensor:
    """Latents (B, C, h, w) of this pipeline, of finite numbers.

    Raises:
        TypeError: `z` is no floating-point tensor.
        ValueError: it has another shape, or NaN or infinite values.
    """
    return validation.finite(
        validation.tensor(name, z, "B", pipe.vae.config.latent_channels, "h", "w"), name, "make them again"
    )


def unscale(pipe: StableDiffusionPipeline, z: torch.Tensor) -> torch.Tensor:
    """Latents as the decoder takes them: z / scaling factor + shift."""
    shift, scale = _shift_and_scale(pipe)
    return z / scale + shift


def raw_pixels(pipe: StableDiffusionPipeline, z: torch.Tensor) -> torch.Tensor:
    """What the decoder makes of latents (B, C, h, w): pixels (B, 3, H, W), about [0, 1] and not clipped to
    it.
    """
    return pipe.vae.decode(unscale(pipe, z).to(pipe.vae.device, pipe.vae.dtype)).sample / 2 + 0.5


def to_pictures(pixels: torch.Tensor) -> list[Image.Image]:
    """Pixels (B, 3, H, W) as RGB pictures; what is outside [0, 1] is clipped."""
    rounded = (pixels.detach().float().clamp(0, 1) * 255).round().to(torch.uint8)
    return [Image.fromarray(picture) for picture in rounded.permute(0, 2, 3, 1).cpu().numpy()]  # (B, H, W, 3)


def psnr(image: ImageSource, other: ImageSource) -> float:
    """Peak signal-to-noise ratio in dB of two pictures of the same size; infinite where they are equal.

    Raises:
        TypeError: something that is no picture.
        ValueError: pictures of different size, or as `read_image`.
    """
    first, second = (np.asarray(open_rgb(picture)) for picture in (image, other))  # (H, W, 3)
    if first.shape != second.shape:
        sizes = " and ".join(f"{pixels.shape[1]}×{pixels.shape[0]}" for pixels in (first, second))
        raise ValueError(
            f"PSNR needs pictures of the same size, these are {sizes}; fit them with read_image."
        )
    if np.array_equal(first, second):
        return float("inf")
    return float(peak_signal_noise_ratio(first, second, data_range=255))


def _shift_and_scale(pipe: StableDiffusionPipeline) -> tuple[float, float]:
    """The affine map between the autoencoder's output and the latents that the UNet sees."""
    return getattr(pipe.vae.config, "shift_factor", None) or 0.0, pipe.vae.config.scaling_factor


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """(width, height) of a size."""
    sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(sides) != 2:
        raise TypeError(
            f"size must be a whole number or a (width, height) of two, not {validation.shown(size)}."
        )
    width, height = (validation.whole("A side of size", side, least=1, most=_LONGEST_SIDE) for side in sides)
    return width, height


def _open(source: ImageSource) -> Image.Image:
    """A loaded PIL image of any mode, upright."""
    if isinstance(source, (str, os.PathLike)):
        source = os.path.expanduser(source)
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        name = "The PIL image"
    elif not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            f"A picture must be a path, a PIL image or a numpy array, not {validation.shown(source)}."
        )
    elif not os.path.isfile(source):
        raise FileNotFoundError(f"There is no picture at {os.fspath(source)!r}; check the path.")
    else:
        name = repr(os.fspath(source))
    try:
        if isinstance(source, Image.Image):
            return ImageOps.exif_transpose(source)
        with Image.open(source) as picture:
            return ImageOps.exif_transpose(picture)
    except Exception as error:  # decoders raise whatever the bytes make them
        raise ValueError(
            f"{name} could not be read as a picture; save it as PNG or JPEG ({error})."
        ) from error


def _from_array(array: np.ndarray) -> Image.Image:
    """An 8-bit picture from an array of any numeric type."""
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise ValueError(
            f"An array of shape {array.shape} is no picture; give (H, W), (H, W, 3) or (H, W, 4)."
        )
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise ValueError(
                "The array has NaN or infinite values; replace them before reading it as a picture."
            )
        if array.min() < 0 or array.max() > 1:
            raise ValueError(
                f"A float array must lie in [0, 1], this one spans [{array.min():.3g}, {array.max():.3g}]; "
                "rescale it."
            )
        return Image.fromarray((array * 255).round().astype(np.uint8))
    if array.dtype == bool:
        return Image.fromarray(array.astype(np.uint8) * 255)
    if array.dtype == np.uint16:
        return Image.fromarray((array / 257).round().astype(np.uint8))
    if not np.issubdtype(array.dtype, np.integer) or array.min() < 0 or array.max() > 255:
        raise ValueError(
            f"An array of type {array.dtype} must hold whole numbers from 0 to 255 (or be uint16, or float "
            "in [0, 1])."
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
        raise ValueError(
            f"A grey picture of mode {picture.mode} must hold values from 0 to 65535; rescale it."
        )
    return values if picture.mode == "I" and values.max() <= 255 else values.astype(np.uint16)

"""How good an edit is: what stayed as it was, and whether the target prompt is met.

The metrics and their names are those of PIE-Bench (Ju et al., 2310.01506). By default they look with the
networks of the embedded model, which know its picture world only; `load_networks` takes the standard ones
instead.

Pictures are PIL images of one size. A mask is True (a PIL picture: white) inside the edit: a bool array or
tensor (H, W), or a PIL picture. The background is what lies outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity
from torch import Tensor, nn
from torch.nn import functional

from styledit import pictures, validation
from styledit.perception.clip import Clip, load_clip
from styledit.perception.judge import Judge, load_judge
from styledit.perception.lpips import load_lpips
from styledit.perception.vit import Vit, load_vit, make_vit
from styledit.storage.data import EMBEDDED_FOLDER

Mask = np.ndarray | Tensor | Image.Image

_SSIM_SIGMA, _SSIM_SIDE = 1.5, 11  # the window of Wang et al. (2004), which PIE-Bench uses


@dataclass(frozen=True)
class Metric:
    """What a table says of a metric."""

    label: str
    unit: str  # "" where it has none
    better: Literal["higher", "lower"]

    @property
    def header(self) -> str:
        """The head of its column, such as "background PSNR (dB) ↑"."""
        return (
            f"{self.label}{f' ({self.unit})' if self.unit else ''} {'↑' if self.better == 'higher' else '↓'}"
        )


METRICS = {
    "structure_distance": Metric("structure distance", "", "lower"),
    "background_psnr": Metric("background PSNR", "dB", "higher"),
    "background_lpips": Metric("background LPIPS", "", "lower"),
    "background_mse": Metric("background MSE", "", "lower"),
    "background_ssim": Metric("background SSIM", "", "higher"),
    "clip_similarity": Metric("CLIP similarity", "100 cos", "higher"),
    "clip_similarity_edited": Metric("CLIP similarity, edited region", "100 cos", "higher"),
    "truth_psnr": Metric("PSNR to ground truth", "dB", "higher"),
    "truth_lpips": Metric("LPIPS to ground truth", "", "lower"),
}


@dataclass(frozen=True)
class Networks:
    """What the metrics look with. `perceptual` is the judge, or an `lpips.LPIPS` made with spatial=True."""

    clip: Clip
    vit: Vit
    perceptual: nn.Module


def load_networks(
    clip: str | Path | None = None,
    vit: str | Path | None = None,
    lpips: Literal["alex", "vgg", "squeeze"] | None = None,
    *,
    device: str | torch.device | None = None,
) -> Networks:
    """Load what the metrics look with: the embedded networks, or the standard ones, frozen, in float32.

    Numbers to compare with published ones need the standard networks at once: PIE-Bench uses
    clip="openai/clip-vit-large-patch14", vit="facebook/dino-vitb8" and lpips="squeeze".

    Args:
        clip: a CLIP's folder or hub id; None for the embedded CLIP.
        vit: a vision transformer's folder or hub id; None for the image side of the CLIP.
        lpips: a network of the package `lpips`, where that is installed; None for the embedded judge.
        device: where the networks run; None keeps them on the CPU.

    Raises:
        TypeError: a model that is no name of a folder or hub id, or an `lpips` that is no string.
        ValueError: a network cannot be loaded (the message says which and why), or the device is not there.
    """
    similarity = load_clip(clip, device=device)
    structure = (
        make_vit(similarity.model, similarity.prepare) if vit is None else load_vit(vit, device=device)
    )
    judge = (
        load_judge(EMBEDDED_FOLDER / "judge").to(device)
        if lpips is None
        else load_lpips(lpips, device=device)
    )
    return Networks(similarity, structure, judge)


def edit_metrics(
    source: Image.Image,
    edited: Image.Image,
    target_prompt: str,
    networks: Networks,
    mask: Mask | None = None,
    truth: Image.Image | None = None,
) -> dict[str, float]:
    """A row of PIE-Bench's table for one edit; names, units and directions are in METRICS.

    Args:
        source: the picture before the edit.
        edited: the picture after it.
        target_prompt: what the edit should show.
        networks: from `load_networks`.
        mask: where the edit is; None, as for an edit of the whole picture, leaves out background and edited
            region.
        truth: the picture that a perfect edit gives, where it is known; None leaves out what compares with
            it.

    Raises:
        TypeError, ValueError: as the metrics below.
    """
    validation.instance("networks", networks, Networks, "load_networks()")
    row = {
        "structure_distance": structure_distance(source, edited, networks.vit),
        "clip_similarity": clip_similarity(edited, target_prompt, networks.clip),
    }
    if mask is not None:
        row["background_psnr"] = psnr(source, edited, mask)
        row["background_lpips"] = perceptual_distance(source, edited, networks.perceptual, mask)
        row["background_mse"] = mse(source, edited, mask)
        row["background_ssim"] = ssim(source, edited, mask)
        row["clip_similarity_edited"] = clip_similarity(edited, target_prompt, networks.clip, mask)
    if truth is not None:
        row["truth_psnr"] = psnr(truth, edited)
        row["truth_lpips"] = perceptual_distance(truth, edited, networks.perceptual)
    return {name: row[name] for name in METRICS if name in row}


def mse(a: Image.Image, b: Image.Image, mask: Mask | None = None) -> float:
    """Mean squared difference of two pictures in [0, 1], all of them or the background.

    Raises:
        TypeError: a mask that is neither bool nor a picture.
        ValueError: pictures or mask of different size, or a mask with nothing inside or nothing outside.
    """
    first, second, where = _compared(a, b, mask)
    return float(mean_squared_error(first[where] / 255, second[where] / 255))


def psnr(a: Image.Image, b: Image.Image, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB, -10 log10 of `mse`; infinite where the pictures are equal. Raises as
    `mse`.
    """
    first, second, where = _compared(a, b, mask)
    if np.array_equal(first, second):
        return float("inf")
    return float(peak_signal_noise_ratio(first[where], second[where], data_range=255))


def ssim(a: Image.Image, b: Image.Image, mask: Mask | None = None) -> float:
    """Structural similarity in [-1, 1] with the Gaussian window of Wang et al. (2004), all of it or the
    background.

    With a mask the edit is black in both pictures, so that windows across its border see no change, and the
    map is averaged over the background.

    Raises:
        TypeError, ValueError: as `mse`, or the pictures are smaller than the window.
    """
    first, second, where = _compared(a, b, mask)
    if min(where.shape) < _SSIM_SIDE:
        raise ValueError(f"SSIM looks at windows of {_SSIM_SIDE}×{_SSIM_SIDE} pixels; give larger pictures.")
    window = {"gaussian_weights": True, "sigma": _SSIM_SIGMA, "use_sample_covariance": False}
    mean, full = structural_similarity(first, second, channel_axis=2, data_range=255, full=True, **window)
    return float(mean if mask is None else full[where].mean())


@torch.no_grad()
def perceptual_distance(
    a: Image.Image, b: Image.Image, network: nn.Module, mask: Mask | None = None
) -> float:
    """LPIPS (Zhang et al., 1801.03924, equation 1) of two pictures, all of them or the background.

    With the judge: its features of each stage have length 1 along the channels, their squared differences are
    summed over the channels (w = 1) and averaged over positions and stages (not summed over stages), which
    gives [0, 2]. Any other network is called as `lpips.LPIPS(spatial=True)` is, with two tensors (1, 3, H, W)
    in [-1, 1].

    With a mask the edit is black in both pictures, as in PIE-Bench, so that no feature sees it; averages are
    taken over the background, each position of a smaller map counting by its share of it.

    Raises:
        TypeError: as `mse`, or `network` is no network.
        ValueError: as `mse`, or the pictures are too small for the judge.
    """
    if not isinstance(network, nn.Module):
        raise TypeError(
            "network must be the judge from load_networks() or an lpips.LPIPS, not "
            f"{validation.shown(network)}."
        )
    first, second, where = _compared(a, b, mask)
    device = next((parameter.device for parameter in network.parameters()), None)
    x, y = pictures.as_pixels(first).to(device), pictures.as_pixels(second).to(device)  # (1, 3, H, W)
    if isinstance(network, Judge):
        least = 2 ** (len(network.stages) - 1)
        if min(where.shape) < least:
            raise ValueError(
                f"The judge needs pictures of at least {least}×{least} pixels; give larger ones."
            )
        units = [
            [functional.normalize(stage, dim=1) for stage in network.features(pixels)] for pixels in (x, y)
        ]
        pairs = zip(*units, strict=True)
        maps = [((u - v) ** 2).sum(1, keepdim=True) for u, v in pairs]  # of each stage (1, 1, h, w)
    else:
        maps = [_lpips_map(network, x, y)]
    share = torch.from_numpy(where).to(x)[None, None]  # (1, 1, H, W)
    shares = [functional.adaptive_avg_pool2d(share, tuple(map.shape[2:])) for map in maps]
    means = [(map * share).sum() / share.sum() for map, share in zip(maps, shares, strict=True)]
    return float(validation.finite(sum(means) / len(means), "The perceptual distance", "check the network"))


def _lpips_map(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Where two pictures (1, 3, H, W) differ, (1, 1, h, w), as `lpips.LPIPS(spatial=True)` says it."""
    try:
        found = network(2 * x - 1, 2 * y - 1)
    except Exception as error:  # it may be any network
        raise TypeError(
            f"A {type(network).__name__} does not compare two pictures ({error}); give the judge from "
            "load_networks() or an lpips.LPIPS."
        ) from error
    if not isinstance(found, Tensor) or found.ndim != 4 or found.shape[:2] != (1, 1):
        raise TypeError(
            f"A {type(network).__name__} gives no map (1, 1, h, w) of two pictures; make an lpips.LPIPS with "
            "spatial=True."
        )
    return found


def structure_distance(a: Image.Image, b: Image.Image, vit: Vit) -> float:
    """Mean squared difference of two pictures' self-similarities (Tumanyan et al., 2201.00424, section 3).

    A picture's self-similarity (P, P) holds the cosine of every two patches' keys, in the last layer, all
    heads side by side. The class token, which the published code counts as one more patch, is left out.

    Raises:
        TypeError: `vit` is something else than a Vit.
        ValueError: pictures of different size, or the network does not make one key for each patch.
    """
    validation.instance("vit", vit, Vit, "load_networks()")
    first, second, _ = _compared(a, b, None)
    return float(((_self_similarity(first, vit) - _self_similarity(second, vit)) ** 2).mean())


@torch.no_grad()
def clip_similarity(image: Image.Image, prompt: str, clip: Clip, mask: Mask | None = None) -> float:
    """100 times the cosine of a picture's and a prompt's CLIP embedding (CLIPScore, 2104.08718, not clipped
    at 0).

    With a mask the picture is black outside it, as PIE-Bench does for the edited region.

    Raises:
        TypeError: the prompt is no string, `clip` is something else than a Clip, or a mask neither bool nor a
            picture.
        ValueError: the prompt is empty, too long or cannot be spelled, or the mask is empty or of another
            size.
    """
    validation.instance("clip", clip, Clip, "load_clip()")
    pixels = np.array(pictures.open_rgb(image))  # (H, W, 3)
    if mask is not None:
        pixels[~_inside(mask, pixels.shape[:2])] = 0
    text = clip.embed_text(prompt)  # (1, d)
    picture = clip.embed_pictures(pictures.as_pixels(pixels).to(clip.model.device))  # (1, d)
    return 100 * float(functional.cosine_similarity(picture, text))


@torch.no_grad()
def _self_similarity(pixels: np.ndarray, vit: Vit) -> Tensor:
    """Cosines (P, P) of the keys of a picture's patches."""
    x = vit.prepare(pictures.as_pixels(pixels)).to(next(vit.model.parameters()).device)
    kept: list[Tensor] = []
    handle = vit.keys.register_forward_hook(lambda module, inputs, output: kept.append(output))
    try:
        vit.model(pixel_values=x)
    finally:
        handle.remove()
    side = vit.model.config.patch_size
    height, width = (side, side) if isinstance(side, int) else side
    patches = (x.shape[2] // height) * (x.shape[3] // width)
    # Tokens of another kind, such as the class token, stand in front of the patches.
    if len(kept) != 1 or kept[0].ndim != 3 or len(kept[0]) != 1 or kept[0].shape[1] < patches:
        kind = type(vit.model).__name__
        raise ValueError(
            f"A {kind} does not make one key for each patch; use a network such as 'facebook/dino-vitb8'."
        )
    keys = functional.normalize(kept[0][0, -patches:], dim=1)  # (P, d)
    return keys @ keys.T


def _compared(a: Image.Image, b: Image.Image, mask: Mask | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two pictures as uint8 (H, W, 3), black inside the mask, and where to compare them, bool (H, W)."""
    first, second = (np.array(pictures.open_rgb(picture)) for picture in (a, b))
    if first.shape != second.shape:
        sizes = " and ".join(f"{pixels.shape[1]}×{pixels.shape[0]}" for pixels in (first, second))
        raise ValueError(
            f"Pictures to compare must be of the same size, these are {sizes}; fit them with read_image."
        )
    where = np.ones(first.shape[:2], bool) if mask is None else ~_inside(mask, first.shape[:2])
    if not where.any():
        raise ValueError(
            "The mask covers the whole picture, so there is no background to compare; leave the mask out."
        )
    first[~where] = second[~where] = 0
    return first, second, where


def _inside(mask: Mask, shape: tuple[int, int]) -> np.ndarray:
    """A mask as bool (H, W), True somewhere."""
    if isinstance(mask, Image.Image):
        inside = np.asarray(mask.convert("L")) >= 128
    elif isinstance(mask, Tensor) and mask.is_meta:
        raise ValueError("The mask is on the device 'meta', which holds no numbers; make it on another.")
    elif isinstance(mask, (np.ndarray, Tensor)):
        inside = np.asarray(mask.cpu() if isinstance(mask, Tensor) else mask)
    else:
        raise TypeError(
            f"A mask must be a bool array or tensor (H, W) or a PIL picture, not {type(mask).__name__}."
        )
    if inside.dtype != bool:
        raise TypeError(
            f"A mask must be bool, True inside the edit, not {inside.dtype}; write it as mask > 0.5, say."
        )
    if inside.shape != shape:
        raise ValueError(
            f"The mask has shape {inside.shape} and the picture (H, W) = {shape}; they must be the same."
        )
    if not inside.any():
        raise ValueError(
            "The mask is empty; it must be True inside the edit. Leave it out to use the whole picture."
        )
    return inside

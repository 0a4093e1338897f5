"""Loading a latent diffusion pipeline: the embedded model, a folder, or a hub id."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from diffusers.utils import logging
from transformers.utils import logging as transformers_logging

EMBEDDED_FOLDER = Path(__file__).resolve().parent.parent / "data" / "model"
_REPAIR = "Run `git checkout -- data/model` in the repository, or clone it again."


def load(
    model: str | Path | None = None,
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> StableDiffusionPipeline:
    """Load a pipeline, ready for inversion and editing: frozen, in eval mode, with a DDIM scheduler.

    Args:
        model: None for the embedded model; a folder in the layout of
            `StableDiffusionPipeline.from_pretrained`; or a hub id, the only case in which the
            network may be used. Weights are read from safetensors only.
        device: where the networks run; None keeps them on the CPU.
        dtype: precision of the networks.

    Raises:
        TypeError: `model` is no name of a folder or hub id, or `dtype` no floating-point torch dtype.
        ValueError: the embedded model's files are missing or damaged, the folder or the hub id
            cannot be read as a pipeline, the pipeline is not of the Stable Diffusion 1/2 family, or
            the device is not there.
    """
    if not isinstance(model, (str, Path, type(None))):
        raise TypeError(f"A model must be a folder, a hub id or None, not {type(model).__name__}.")
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(f"dtype must be a floating-point dtype of torch such as torch.float32, not {dtype!r}.")
    _check_device(device)
    if model is None:
        check_files(EMBEDDED_FOLDER)
        model = EMBEDDED_FOLDER
    folder = Path(model).expanduser()
    local = folder.is_dir()
    is_hub_id = isinstance(model, str) and model.count("/") == 1 and not model.startswith((".", "/", "~"))
    if not local and not is_hub_id:
        raise ValueError(f"There is no folder {str(folder)!r}; give a folder that exists, or a hub id such as 'owner/name'.")
    # A folder loads in a moment; downloads do show their progress.
    shown = [log for log in (logging, transformers_logging) if local and log.is_progress_bar_enabled()]
    for log in shown:
        log.disable_progress_bar()
    try:
        pipe = StableDiffusionPipeline.from_pretrained(
            str(folder) if local else str(model),
            dtype=dtype,
            safety_checker=None,
            requires_safety_checker=False,
            local_files_only=local,
            use_safetensors=True,
        )
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"{str(model)!r} could not be loaded as a Stable Diffusion pipeline: {reason[0]}") from error
    finally:
        for log in shown:
            log.enable_progress_bar()
    return _prepare(pipe, device)


def check_files(folder: Path) -> None:
    """Compare every file of `folder` with its sha256 in `folder/hashes.json`.

    Raises:
        ValueError: naming the first file that is missing or differs, and what to do.
    """
    listing = folder / "hashes.json"
    if not listing.is_file():
        raise ValueError(f"The embedded model is missing ({listing} does not exist). {_REPAIR}")
    try:
        hashes = json.loads(listing.read_text())
    except ValueError:
        hashes = None
    if not isinstance(hashes, dict) or not hashes or not all(_inside(folder, name) for name in hashes):
        raise ValueError(f"The embedded model is damaged: {listing} does not list the folder's files. {_REPAIR}")
    for name, expected in hashes.items():
        file = folder / name
        if not file.is_file():
            raise ValueError(f"The embedded model is incomplete: {file} is missing. {_REPAIR}")
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != expected:
            raise ValueError(f"The embedded model is damaged: {file} differs from what was published. {_REPAIR}")


def picture_size(pipe: StableDiffusionPipeline) -> tuple[int, int]:
    """The (width, height) in pixels that the pipeline was trained at, from its configs."""
    side = pipe.unet.config.sample_size
    height, width = (side, side) if isinstance(side, int) else side
    return width * pipe.vae_scale_factor, height * pipe.vae_scale_factor


def _inside(folder: Path, name: str) -> bool:
    """Whether a listed name stays in the folder."""
    return (folder / name).resolve().is_relative_to(folder.resolve())


def _check_device(device: str | torch.device | None) -> None:
    """Refuse a device that torch does not know or this machine does not have."""
    try:
        torch.empty(0, device=device)
    except Exception as error:  # which one depends on how torch was built
        raise ValueError(f"The device {str(device)!r} is not available here; use 'cpu', or None.") from error


def _prepare(pipe: StableDiffusionPipeline, device: str | torch.device | None) -> StableDiffusionPipeline:
    """DDIM scheduler, eval mode, no gradients for weights, no progress bars of its own."""
    if getattr(pipe.unet.config, "addition_embed_type", None) is not None:
        raise ValueError("This UNet needs more inputs than a prompt (SDXL or similar); use a Stable Diffusion 1 or 2 model.")
    # Latents have no fixed range: clipping, the scheduler's default, would break the inverse.
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, clip_sample=False, thresholding=False)
    for network in (pipe.unet, pipe.vae, pipe.text_encoder):
        network.eval().requires_grad_(False)
    pipe.set_progress_bar_config(disable=True)
    return pipe if device is None else pipe.to(device)

"""The diffusion pipeline: embedded, from a folder or by hub id, ready for inversion and editing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

from styledit import validation
from styledit.perception.loading import EMBEDDED_FOLDER, check_files, loading

# Settings of a UNet that are None where latents, a timestep and a prompt are all it is given.
_MORE_INPUTS = ("addition_embed_type", "class_embed_type", "num_class_embeds", "encoder_hid_dim", "time_cond_proj_dim")
# What of a scheduler's config decides the levels and how the network's output is read.
_SCHEDULE = ("prediction_type", "beta_start", "beta_end", "beta_schedule", "rescale_betas_zero_snr", "set_alpha_to_one")


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
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(f"dtype must be a floating-point dtype of torch such as torch.float32, not {dtype!r}.")
    validation.device(device)
    if model is None:
        check_files(EMBEDDED_FOLDER)
        model = EMBEDDED_FOLDER
    with loading(model, "Stable Diffusion pipeline") as source:
        pipe = StableDiffusionPipeline.from_pretrained(
            **source, dtype=dtype, use_safetensors=True, safety_checker=None, requires_safety_checker=False
        )
    return _prepare(pipe, device)


def picture_size(pipe: StableDiffusionPipeline) -> tuple[int, int]:
    """The (width, height) in pixels that the pipeline was trained at, from its configs."""
    side = pipe.unet.config.sample_size
    height, width = (side, side) if isinstance(side, int) else side
    return width * pipe.vae_scale_factor, height * pipe.vae_scale_factor


def model_fingerprint(pipe: StableDiffusionPipeline) -> str:
    """A short hash that tells this network and noise schedule from others, fine-tunes and other precisions included."""
    config, unet = pipe.scheduler.config, pipe.unet
    schedule = {name: config.get(name) for name in _SCHEDULE}
    digest = hashlib.sha256(f"{schedule} {unet.dtype}".encode())
    first_values = next(module for name, module in unet.named_modules() if name.endswith("attn2.to_v"))
    for weight in (unet.conv_in.weight, first_values.weight, unet.conv_out.weight):
        digest.update(weight.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _check_family(pipe: StableDiffusionPipeline) -> None:
    """Refuse a UNet that takes anything but latents of the autoencoder, a timestep and a prompt."""
    unet, channels = pipe.unet.config, pipe.vae.config.latent_channels
    if any(getattr(unet, setting, None) is not None for setting in _MORE_INPUTS):
        raise ValueError(
            "This UNet needs more inputs than a prompt (SDXL or similar); use a Stable Diffusion 1 or 2 model."
        )
    if not unet.in_channels == unet.out_channels == channels:
        raise ValueError(
            f"This UNet takes {unet.in_channels} channels and returns {unet.out_channels}, and the autoencoder's "
            f"latents have {channels} (an inpainting or similar model); use a text-to-image model."
        )


def _prepare(pipe: StableDiffusionPipeline, device: str | torch.device | None) -> StableDiffusionPipeline:
    """DDIM scheduler, eval mode, no gradients for weights, no progress bars of its own."""
    _check_family(pipe)
    # Latents have no fixed range: clipping, the scheduler's default, would break the inverse.
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, clip_sample=False, thresholding=False)
    for network in (pipe.unet, pipe.vae, pipe.text_encoder):
        network.eval().requires_grad_(False)
    pipe.set_progress_bar_config(disable=True)
    return pipe if device is None else pipe.to(device)

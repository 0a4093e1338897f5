"""Loading networks, embedded, from a folder or by hub id: the diffusion pipeline, and what the metrics look with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from diffusers.utils import logging
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoImageProcessor, AutoModel, CLIPModel, CLIPTokenizer, PreTrainedModel
from transformers.models.auto.image_processing_auto import get_image_processor_config
from transformers.utils import logging as transformers_logging

EMBEDDED_FOLDER = Path(__file__).resolve().parent.parent / "data" / "model"
# Settings of a UNet that are None where latents, a timestep and a prompt are all it is given.
_MORE_INPUTS = ("addition_embed_type", "class_embed_type", "num_class_embeds", "encoder_hid_dim", "time_cond_proj_dim")
# What of a scheduler's config decides the levels and how the network's output is read.
_SCHEDULE = ("prediction_type", "beta_start", "beta_end", "beta_schedule", "rescale_betas_zero_snr", "set_alpha_to_one")
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
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(f"dtype must be a floating-point dtype of torch such as torch.float32, not {dtype!r}.")
    _check_device(device)
    if model is None:
        check_files(EMBEDDED_FOLDER)
        model = EMBEDDED_FOLDER
    with _loading(model, "Stable Diffusion pipeline") as source:
        pipe = StableDiffusionPipeline.from_pretrained(
            **source, dtype=dtype, use_safetensors=True, safety_checker=None, requires_safety_checker=False
        )
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


def model_fingerprint(pipe: StableDiffusionPipeline) -> str:
    """A short hash that tells this network and noise schedule from others, fine-tunes and other precisions included."""
    config, unet = pipe.scheduler.config, pipe.unet
    schedule = {name: config.get(name) for name in _SCHEDULE}
    digest = hashlib.sha256(f"{schedule} {unet.dtype}".encode())
    first_values = next(module for name, module in unet.named_modules() if name.endswith("attn2.to_v"))
    for weight in (unet.conv_in.weight, first_values.weight, unet.conv_out.weight):
        digest.update(weight.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _inside(folder: Path, name: str) -> bool:
    """Whether a listed name stays in the folder."""
    return (folder / name).resolve().is_relative_to(folder.resolve())


def _check_device(device: str | torch.device | None) -> None:
    """Refuse a device that torch does not know or this machine does not have."""
    try:
        torch.empty(0, device=device)
    except Exception as error:  # which one depends on how torch was built
        raise ValueError(f"The device {str(device)!r} is not available here; use 'cpu', or None.") from error


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


@contextmanager
def _loading(model: str | Path, kind: str) -> Iterator[dict[str, object]]:
    """Arguments that name a model for `from_pretrained`; what goes wrong inside becomes one sentence."""
    if not isinstance(model, (str, Path)):
        raise TypeError(f"A model must be a folder, a hub id or None, not {type(model).__name__}.")
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
        yield {"pretrained_model_name_or_path": str(folder if local else model), "local_files_only": local}
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"{str(model)!r} could not be loaded as a {kind}: {reason[0]}") from error
    finally:
        for log in shown:
            log.enable_progress_bar()


@dataclass(frozen=True)
class Preparation:
    """How pictures enter a vision network.

    `resize`: the length of the shorter side, or the exact (height, width); `size`: the (height, width) of
    the centre that is cut out then; `mean`, `std`: of each channel of pictures in [0, 1].
    """

    resize: int | tuple[int, int]
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mode: str = "bicubic"

    def __call__(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1] as the network wants them, (B, 3, *size); gradients flow through."""
        resize = self.resize
        if isinstance(resize, int):
            shorter = min(pictures.shape[2:])
            resize = tuple(resize * side // shorter for side in pictures.shape[2:])
        x = functional.interpolate(pictures, resize, mode=self.mode, antialias=True).clamp(0, 1)
        top, left = ((have - want) // 2 for have, want in zip(x.shape[2:], self.size))
        x = x[:, :, top : top + self.size[0], left : left + self.size[1]]  # (B, 3, *size)
        mean, std = (x.new_tensor(values)[:, None, None] for values in (self.mean, self.std))  # (3, 1, 1)
        return (x - mean) / std


@dataclass(frozen=True)
class Clip:
    """A CLIP (2103.00020) with all it takes to show it pictures and tell it prompts."""

    model: CLIPModel
    tokenizer: CLIPTokenizer
    prepare: Preparation


@dataclass(frozen=True)
class Vit:
    """A vision transformer (2010.11929); `keys` is the key projection of its last layer."""

    model: PreTrainedModel
    keys: nn.Module
    prepare: Preparation


def load_clip(model: str | Path | None = None, *, device: str | torch.device | None = None) -> Clip:
    """Load a CLIP with its tokenizer, frozen, float32: None for the embedded one, a folder, or a hub id.

    Raises:
        TypeError: `model` is no name of a folder or hub id.
        ValueError: it cannot be read as a CLIP from safetensors, or the device is not there.
    """
    tokens = model
    if model is None:
        check_files(EMBEDDED_FOLDER)
        model, tokens = EMBEDDED_FOLDER / "clip", EMBEDDED_FOLDER / "tokenizer"
    network, prepare = _load_network(model, "CLIP", device)
    if not isinstance(network, CLIPModel):
        kind = type(network).__name__
        raise ValueError(f"{str(model)!r} is a {kind}; give a CLIP such as 'openai/clip-vit-base-patch16'.")
    with _loading(tokens, "tokenizer") as source:
        tokenizer = CLIPTokenizer.from_pretrained(**source)
        if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):  # what comes of missing files
            raise ValueError("it has no vocabulary.")
    return Clip(network, tokenizer, prepare)


def load_vit(model: str | Path, *, device: str | torch.device | None = None) -> Vit:
    """Load a vision transformer (ViT, DINO, a CLIP's image side), frozen, float32. Raises as `load_clip`."""
    return make_vit(*_load_network(model, "vision transformer", device))


def make_vit(network: PreTrainedModel, prepare: Preparation) -> Vit:
    """A vision transformer, or the vision side of a CLIP, with its last key projection.

    Raises:
        ValueError: the network has no key projection of its own, or no patches.
    """
    tower = getattr(network, "vision_model", network)
    keys = [module for name, module in tower.named_modules() if name.rpartition(".")[2] in ("k_proj", "key")]
    if not keys or not hasattr(tower.config, "patch_size"):
        kind = type(tower).__name__
        raise ValueError(f"A {kind} is no vision transformer with keys; give one such as 'facebook/dino-vitb8'.")
    return Vit(tower, keys[-1], prepare)


def load_lpips(net: str, *, device: str | torch.device | None = None) -> nn.Module:
    """LPIPS with the learned weights of its authors, by their package `lpips`, which the kit does not install.

    That package fetches its networks and reads them in its own way, which is not safetensors.

    Args:
        net: "alex", "vgg" or "squeeze" (PIE-Bench's).

    Raises:
        ValueError: the package is not installed or cannot load the network, or the device is not there.
    """
    _check_device(device)
    try:
        import lpips
    except ImportError as error:
        raise ValueError(
            "The package lpips is not installed; run `pip install lpips`, or leave lpips=None for the embedded network."
        ) from error
    try:
        network = lpips.LPIPS(net=net, spatial=True, verbose=False)
    except Exception as error:  # an unknown name, no connection, a damaged file
        raise ValueError(f"The package lpips could not load its network {net!r}: {error}") from error
    return network.eval().requires_grad_(False).to(device)


def _load_network(
    model: str | Path, kind: str, device: str | torch.device | None
) -> tuple[PreTrainedModel, Preparation]:
    """A network of transformers, frozen, and how pictures enter it."""
    _check_device(device)
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # what it would warn of, missing weights, is refused below
    try:
        with _loading(model, kind) as source:
            network, report = AutoModel.from_pretrained(
                **source, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, output_loading_info=True
            )
            prepare = _preparation(network, source)
    finally:
        transformers_logging.set_verbosity(verbosity)
    # A pooler is a head that nothing here reads, and DINO has none.
    missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
    if missing:
        raise ValueError(f"{str(model)!r} lacks weights ({missing[0]} for one); get the whole model.")
    return network.eval().requires_grad_(False).to(device), prepare


def _preparation(network: PreTrainedModel, source: dict[str, object]) -> Preparation:
    """From the model's preprocessor config; without one, the network's own size and pictures in [-1, 1]."""
    if not get_image_processor_config(**source):
        side = getattr(getattr(network.config, "vision_config", network.config), "image_size", None)
        if side is None:
            raise ValueError("it has neither a preprocessor config nor an image_size.")
        size = (side, side) if isinstance(side, int) else tuple(side)
        return Preparation(size, size, (0.5,) * 3, (0.5,) * 3)
    processor = AutoImageProcessor.from_pretrained(**source, backend="pil", trust_remote_code=False)
    resize = processor.size.shortest_edge or (processor.size.height, processor.size.width)
    size = processor.crop_size if getattr(processor, "do_center_crop", None) else processor.size
    mode = "bilinear" if processor.resample == Image.Resampling.BILINEAR else "bicubic"
    return Preparation(resize, (size.height, size.width), tuple(processor.image_mean), tuple(processor.image_std), mode)

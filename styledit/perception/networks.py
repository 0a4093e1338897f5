"""Networks that look at pictures: CLIP, vision transformers, LPIPS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoImageProcessor, AutoModel, CLIPModel, CLIPTokenizer, PreTrainedModel
from transformers.models.auto.image_processing_auto import get_image_processor_config
from transformers.utils import logging as transformers_logging

from styledit.perception.loading import EMBEDDED_FOLDER, check_device, check_files, loading


@dataclass(frozen=True)
class Preprocessing:
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
    prepare: Preprocessing


@dataclass(frozen=True)
class Vit:
    """A vision transformer (2010.11929); `keys` is the key projection of its last layer."""

    model: PreTrainedModel
    keys: nn.Module
    prepare: Preprocessing


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
    with loading(tokens, "tokenizer") as source:
        tokenizer = CLIPTokenizer.from_pretrained(**source)
        if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):  # what comes of missing files
            raise ValueError("it has no vocabulary.")
    return Clip(network, tokenizer, prepare)


def load_vit(model: str | Path, *, device: str | torch.device | None = None) -> Vit:
    """Load a vision transformer (ViT, DINO, a CLIP's image side), frozen, float32. Raises as `load_clip`."""
    return make_vit(*_load_network(model, "vision transformer", device))


def make_vit(network: PreTrainedModel, prepare: Preprocessing) -> Vit:
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
    check_device(device)
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
) -> tuple[PreTrainedModel, Preprocessing]:
    """A network of transformers, frozen, and how pictures enter it."""
    check_device(device)
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # what it would warn of, missing weights, is refused below
    try:
        with loading(model, kind) as source:
            network, report = AutoModel.from_pretrained(
                **source, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, output_loading_info=True
            )
            prepare = _preprocessing(network, source)
    finally:
        transformers_logging.set_verbosity(verbosity)
    # A pooler is a head that nothing here reads, and DINO has none.
    missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
    if missing:
        raise ValueError(f"{str(model)!r} lacks weights ({missing[0]} for one); get the whole model.")
    return network.eval().requires_grad_(False).to(device), prepare


def _preprocessing(network: PreTrainedModel, source: dict[str, object]) -> Preprocessing:
    """From the model's preprocessor config; without one, the network's own size and pictures in [-1, 1]."""
    if not get_image_processor_config(**source):
        side = getattr(getattr(network.config, "vision_config", network.config), "image_size", None)
        if side is None:
            raise ValueError("it has neither a preprocessor config nor an image_size.")
        size = (side, side) if isinstance(side, int) else tuple(side)
        return Preprocessing(size, size, (0.5,) * 3, (0.5,) * 3)
    processor = AutoImageProcessor.from_pretrained(**source, backend="pil", trust_remote_code=False)
    resize = processor.size.shortest_edge or (processor.size.height, processor.size.width)
    size = processor.crop_size if getattr(processor, "do_center_crop", None) else processor.size
    mode = "bilinear" if processor.resample == Image.Resampling.BILINEAR else "bicubic"
    return Preprocessing(resize, (size.height, size.width), tuple(processor.image_mean), tuple(processor.image_std), mode)

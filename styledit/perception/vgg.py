"""VGG-16 (Simonyan and Zisserman, 1409.1556) as the network of style transfer (Gatys et al., 1508.06576)."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from huggingface_hub import hf_hub_download
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from styledit import validation
from styledit.storage.loading import hub_answers, is_hub_id

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions between two poolings
LAYERS = tuple(f"conv{k}_{j}" for k, (_, count) in enumerate(BLOCKS, 1) for j in range(1, count + 1))
# Where torchvision's list of modules, in which poolings and ReLUs count too, has these convolutions.
TORCHVISION = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
CONTENT = ("conv4_2",)
STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CAFFE_MEAN = (103.939, 116.779, 123.68)  # blue, green, red, of pictures in [0, 255]
TORCHVISION_MEAN, TORCHVISION_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Vgg16(nn.Module):
    """The thirteen convolutions, with average pooling as in Gatys et al.

    Features are taken after a convolution's ReLU. Gatys et al. scale each filter to a mean activation of 1;
    here the distances are divided by the target's own power instead, which needs no pictures.

    Args:
        caffe: whether the weights are those of VGG's authors (blue first, means of [0, 255] taken off), as
            Gatys et al. use them, or torchvision's.
        content_layers, style_layers: which layers the two distances compare.
        recompute: recompute activations in the backward pass instead of keeping them.

    Raises:
        ValueError: there is no such layer.
    """

    def __init__(
        self,
        caffe: bool = False,
        content_layers: tuple[str, ...] = CONTENT,
        style_layers: tuple[str, ...] = STYLE,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.caffe = caffe
        self.content_layers = tuple(validation.choice("A layer", name, LAYERS) for name in content_layers)
        self.style_layers = tuple(validation.choice("A layer", name, LAYERS) for name in style_layers)
        self.recompute = recompute
        channels = [3, *(width for width, count in BLOCKS for _ in range(count))]
        for name, inputs, outputs in zip(LAYERS, channels[:-1], channels[1:], strict=True):
            self.add_module(name, nn.Conv2d(inputs, outputs, 3, padding=1))

    def features(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        """{layer: (B, C, h, w)} of pictures (B, 3, H, W) in [0, 1], as far as a distance needs them."""
        wanted = {*self.content_layers, *self.style_layers}
        x = self._prepare(pixels)
        found = {}
        for name in LAYERS:
            if not wanted:
                break
            if name.endswith("_1") and name != LAYERS[0]:
                x = functional.avg_pool2d(x, 2)
            layer = self.get_submodule(name)
            again = self.recompute and torch.is_grad_enabled()
            x = functional.relu(checkpoint(layer, x, use_reentrant=False) if again else layer(x))
            if name in wanted:
                found[name] = x
                wanted.discard(name)
        return found

    def _prepare(self, pixels: torch.Tensor) -> torch.Tensor:
        if self.caffe:
            return 255 * pixels.flip(1) - pixels.new_tensor(CAFFE_MEAN)[:, None, None]
        mean, std = (pixels.new_tensor(v)[:, None, None] for v in (TORCHVISION_MEAN, TORCHVISION_STD))
        return (pixels - mean) / std


def load_vgg(
    weights: str | os.PathLike,
    *,
    content_layers: tuple[str, ...] = CONTENT,
    style_layers: tuple[str, ...] = STYLE,
    recompute: bool = False,
    device: str | torch.device | None = None,
) -> Vgg16:
    """VGG-16 with the convolutions of a safetensors file, frozen, float32.

    Args:
        weights: a safetensors file, or a hub id such as "timm/vgg16.tv_in1k", whose model.safetensors is
            read. Names are torchvision's (features.0.weight …), or those of Gatys et al. (conv1_1.weight …),
            for whom pictures are prepared as Caffe's.
        content_layers, style_layers, recompute: as for `Vgg16`.
        device: where it runs; None keeps it on the CPU.

    Raises:
        TypeError: `weights` is no path.
        ValueError: there is no such file, it holds no VGG-16, or the device is not there.
    """
    place = validation.device(device)
    tensors = _read(weights)
    caffe = f"{LAYERS[0]}.weight" in tensors
    network = Vgg16(caffe, content_layers, style_layers, recompute)
    stored = LAYERS if caffe else [f"features.{k}" for k in TORCHVISION]
    try:
        chosen = {
            f"{name}.{part}": tensors[f"{there}.{part}"].float()
            for name, there in zip(LAYERS, stored, strict=True)
            for part in ("weight", "bias")
        }
        network.load_state_dict(chosen)
    except (KeyError, RuntimeError) as error:
        raise ValueError(
            f"{os.fspath(weights)!r} holds no VGG-16: {str(error).splitlines()[0]}; give a file whose "
            "tensors are named features.0.weight … as in torchvision, or conv1_1.weight …"
        ) from error
    return network.eval().requires_grad_(False).to(place)


def _read(weights: str | os.PathLike) -> dict[str, torch.Tensor]:
    """The tensors of a file, or of a model on the hub."""
    if not isinstance(weights, (str, os.PathLike)):
        raise TypeError(f"weights must be a safetensors file or a hub id, not {validation.shown(weights)}.")
    file = Path(weights).expanduser()
    name = os.fspath(weights)
    try:
        if not file.is_file() and is_hub_id(name):
            file = Path(hf_hub_download(name, "model.safetensors", local_files_only=not hub_answers()))
        return load_file(file)
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f"{name!r} could not be read as a VGG-16 in a safetensors file: {reason[0]}"
        ) from error

"""What the judge and the perceptual encoder share: stages of two convolutions, and how they are loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from safetensors.torch import load_file
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def make_stage(inputs: int, outputs: int, activation: type[nn.Module]) -> nn.Sequential:
    """Two 3×3 convolutions, each with batch norm and an activation."""

    def convolution(channels: int) -> list[nn.Module]:
        return [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), activation()]

    return nn.Sequential(*convolution(inputs), *convolution(outputs))


def load_labelled(kind: type[Network], folder: str | Path, name: str) -> Network:
    """A network that is made from its labels, from `config.json` and `model.safetensors` in a folder;
    frozen, float32.

    Args:
        name: what messages call it.

    Raises:
        ValueError: the folder does not hold one.
    """
    folder = Path(folder)
    try:
        network = kind(json.loads((folder / "config.json").read_text(encoding="utf-8"))["labels"])
        # a batch norm's counter may be left out
        counters = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
        weights = {k: v.float() for k, v in load_file(folder / "model.safetensors").items()}
        network.load_state_dict(counters | weights)
    except Exception as error:
        raise ValueError(
            f"There is no {name} in {str(folder)!r}; the embedded model's is "
            f"data/model/{name.replace(' ', '_')}."
        ) from error
    return network.eval().requires_grad_(False)

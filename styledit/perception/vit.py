"""Vision transformers (Dosovitskiy et al., 2010.11929), for the keys of their last layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel

from styledit.perception.loading import load_network
from styledit.perception.preprocessing import Preprocessing


@dataclass(frozen=True)
class Vit:
    """A vision transformer (2010.11929); `keys` is the key projection of its last layer."""

    model: PreTrainedModel
    keys: nn.Module
    prepare: Preprocessing


def load_vit(model: str | Path, *, device: str | torch.device | None = None) -> Vit:
    """Load a vision transformer (ViT, DINO, a CLIP's image side), frozen, float32. Raises as `load_clip`."""
    return make_vit(*load_network(model, "vision transformer", device))


def make_vit(network: PreTrainedModel, prepare: Preprocessing) -> Vit:
    """A vision transformer, or the vision side of a CLIP, with its last key projection.

    Raises:
        ValueError: the network has no key projection of its own, or no patches.
    """
    tower = getattr(network, "vision_model", network)
    keys = [module for name, module in tower.named_modules() if name.rpartition(".")[2] in ("k_proj", "key")]
    if not keys or not hasattr(tower.config, "patch_size"):
        kind = type(tower).__name__
        raise ValueError(
            f"A {kind} is no vision transformer with keys; give one such as 'facebook/dino-vitb8'."
        )
    return Vit(tower, keys[-1], prepare)

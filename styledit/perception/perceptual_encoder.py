"""A small network that guides: perceptual and style distances compare its features.

It is trained on the embedded picture world to name a picture's factors, as the judge is, and it is another
network: other weights, other layers, other pictures. What guides an edit never scores it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from styledit.perception.stages import load_labelled, make_stage

WIDTHS = (12, 24, 48, 96, 96)
NAMES = tuple(f"stage {k + 1}" for k in range(len(WIDTHS)))


class PerceptualEncoder(nn.Module):
    """Stages of two 3×3 convolutions with SiLU, between which pictures are halved by averaging: smooth
    throughout, so that gradients reach every pixel (average pooling as in Gatys et al., 1508.06576).

    Args:
        labels: factor name → its class names; one linear head each, over the averaged last features.
    """

    content_layers = NAMES[2:4]
    style_layers = NAMES[1:4]

    def __init__(self, labels: Mapping[str, list[str]]) -> None:
        super().__init__()
        self.labels = dict(labels)
        self.stages = nn.ModuleList(make_stage(a, b, nn.SiLU) for a, b in pairwise((3, *WIDTHS)))
        self.heads = nn.ModuleDict(
            {factor: nn.Linear(WIDTHS[-1], len(names)) for factor, names in labels.items()}
        )

    def features(self, pixels: Tensor) -> dict[str, Tensor]:
        """{stage: (B, channels, H / 2^k, W / 2^k)} of pictures (B, 3, H, W) in [0, 1]."""
        x = 2 * pixels - 1
        found = {}
        for k, (name, stage) in enumerate(zip(NAMES, self.stages, strict=True)):
            x = stage(functional.avg_pool2d(x, 2) if k else x)
            found[name] = x
        return found

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Logits (B, classes) of every factor, for pictures (B, 3, H, W) in [0, 1]."""
        pooled = self.features(pixels)[NAMES[-1]].mean((2, 3))
        return {factor: head(pooled) for factor, head in self.heads.items()}


def load_perceptual_encoder(
    folder: str | Path, *, device: str | torch.device | None = None
) -> PerceptualEncoder:
    """The trained network in ``folder`` (``config.json`` and ``model.safetensors``), frozen, float32.

    Raises:
        ValueError: where the folder does not hold one.
    """
    return load_labelled(PerceptualEncoder, folder, "perceptual encoder").to(device)

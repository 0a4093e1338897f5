"""A small VGG-style network that names a picture's factors and lends its features to losses.

It is trained on the embedded picture world only (see ``data/model/README.md``): it judges generated and
edited scenes of that world, and its convolutional features serve as the perceptual and style distance.
It never takes part in training the generator.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from styledit.perception.stages import load_labelled, make_stage

WIDTHS = (16, 32, 64, 128, 128)


class Judge(nn.Module):
    """VGG (Simonyan & Zisserman, arXiv 1409.1556): stages of two 3×3 convolutions, each followed by pooling.

    Args:
        labels: factor name → its class names; one linear head each, over the averaged last features.
    """

    def __init__(self, labels: dict[str, list[str]]) -> None:
        super().__init__()
        self.labels = labels
        channels = (3, *WIDTHS)
        self.stages = nn.ModuleList(make_stage(a, b, nn.ReLU) for a, b in pairwise(channels))
        self.pool = nn.MaxPool2d(2)
        self.heads = nn.ModuleDict(
            {factor: nn.Linear(2 * WIDTHS[-1], len(names)) for factor, names in labels.items()}
        )

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Maps of every stage, (B, WIDTHS[k], H / 2^k, W / 2^k), of pictures (B, 3, H, W) in [0, 1]."""
        x, maps = pictures * 2 - 1, []
        for k, stage in enumerate(self.stages):
            x = stage(self.pool(x) if k else x)
            maps.append(x)
        return maps

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Logits (B, classes) of every factor, for pictures (B, 3, H, W) in [0, 1]."""
        last = self.features(pictures)[-1]
        pooled = torch.cat([last.mean((2, 3)), last.amax((2, 3))], 1)  # (B, 2 WIDTHS[-1])
        return {factor: head(pooled) for factor, head in self.heads.items()}

    @torch.no_grad()
    def name(self, pictures: Tensor) -> list[dict[str, str]]:
        """The most likely class of every factor for each of the pictures (B, 3, H, W) in [0, 1]."""
        logits = self(pictures)
        picks = {factor: values.argmax(1).tolist() for factor, values in logits.items()}
        return [{f: self.labels[f][picks[f][i]] for f in picks} for i in range(len(pictures))]


def half(pictures, side: str | None):
    """The part of pictures (..., W) that the judge is shown to name one thing of two: "left", "right", or
    None for all of it. A half reaches an eighth of itself over the middle.
    """
    if side is None:
        return pictures
    columns = pictures.shape[-1] // 2 + pictures.shape[-1] // 16
    return pictures[..., :columns] if side == "left" else pictures[..., -columns:]


def load_judge(folder: str | Path) -> Judge:
    """The trained judge in ``folder`` (``config.json`` and ``model.safetensors``), frozen, float32.

    Raises:
        ValueError: where the folder does not hold a judge.
    """
    return load_labelled(Judge, folder, "judge")

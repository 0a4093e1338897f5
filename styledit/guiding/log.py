"""What is kept of a guided edit while it is optimised: curves, filmstrip, cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from styledit.maps import map_size, resize

LOSS = "loss"  # the name of the weighted sum among the curves


@dataclass(frozen=True)
class Frame:
    """A picture of the filmstrip.

    `iteration`, `step`: when it was taken; `picture`: the estimate; `heat` (h, w) or None: where the object's
    word looked.
    """

    iteration: int
    step: int
    picture: Image.Image
    heat: torch.Tensor | None


@dataclass(frozen=True)
class WordMap:
    """Where a word looks, of the maps of one step.

    `scales`: {layer: scale} of the layers that are averaged; `positions`: of the word's tokens;
    `latent_size`: (h, w).
    """

    scales: Mapping[str, int]
    positions: Sequence[int]
    latent_size: tuple[int, int]

    def __call__(self, maps: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
        """(h, w) of maps {layer: (heads, HW, N)}; None where no layer was recorded, or there is no word."""
        sizes = {
            layer: map_size(self.latent_size, scale) for layer, scale in self.scales.items() if layer in maps
        }
        if not sizes or not self.positions:
            return None
        planes = []
        for layer, size in sizes.items():
            flat = maps[layer].detach()[..., list(self.positions)].float().sum(-1).mean(0)  # (HW,)
            planes.append(resize(flat.view(size), max(sizes.values())))
        return torch.stack(planes).mean(0).cpu()


class Log:
    """Curves, frames and evaluations of a guided edit so far.

    `curves`: {"loss", "step" or a term: its number at each iteration}; `evaluations`: network calls a branch,
    a forward counted as 1, a backward as 2.
    """

    def __init__(self, terms: Sequence[str]) -> None:
        self.curves: dict[str, list[float]] = {name: [] for name in ("step", LOSS, *terms)}
        self.frames: list[Frame] = []
        self.evaluations = 0

    @property
    def iterations(self) -> int:
        """How many there were so far."""
        return len(self.curves[LOSS])

    @property
    def last(self) -> dict[str, float]:
        """The numbers of the last iteration, by the curve's name."""
        return {name: curve[-1] for name, curve in self.curves.items() if curve}

    def add(self, step: int, loss: float, terms: Mapping[str, float]) -> None:
        """The numbers of one iteration."""
        for name, value in ({"step": float(step), LOSS: loss} | dict(terms)).items():
            self.curves[name].append(value)

"""Where an edit's guidance may act: masks M of the editing term, found anew at every step.

A painted mask or a blend decides where the *latents* may differ from the source's; these decide where the
noise estimate may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel

from styledit import validation as check
from styledit.attention import Layers, select_layers
from styledit.maps import map_size

# LEDITS++: above 0.8 of the training timesteps the difference is noise, and the maps decide alone.
TRUSTED_BELOW = 0.8
KERNEL_SIGMA = 0.5


@runtime_checkable
class GuidanceMask(Protocol):
    """A rule for M; see `LargestValues` and `WordsAndLargestValues`."""

    def layers(self, unet: UNet2DConditionModel) -> dict[str, int]:
        """{layer: scale} of the cross-attention maps that it reads."""

    def __call__(
        self, edit: torch.Tensor, maps: Mapping[str, torch.Tensor], tokens: Sequence[list[int]], time: float
    ) -> torch.Tensor:
        """M, True where guidance acts, (n, C or 1, h, w).

        Args:
            edit: the editing term of each target, (n, C, h, w).
            maps: {layer: (n, heads, HW, N)} of the targets.
            tokens: positions of each target's new words, or of all where none is new.
            time: the timestep told, as a fraction of the training timesteps.
        """


@dataclass(frozen=True)
class LargestValues:
    """The values of the editing term above a quantile of their magnitudes: hard thresholding, the proximal
    operator of L0 (proximal guidance, 2306.05414, section 3.2); at a quantile of 0 all of them.

    Raises:
        TypeError, ValueError: the quantile is no fraction.
    """

    quantile: float = 0.7

    def __post_init__(self) -> None:
        object.__setattr__(self, "quantile", check.fraction("quantile", self.quantile))

    def layers(self, unet: UNet2DConditionModel) -> dict[str, int]:
        """None: it reads no maps."""
        return {}

    def __call__(
        self, edit: torch.Tensor, maps: Mapping[str, torch.Tensor], tokens: Sequence[list[int]], time: float
    ) -> torch.Tensor:
        """(n, C, h, w)."""
        size = edit.abs()
        if not self.quantile:
            return torch.ones_like(size, dtype=torch.bool)
        return size > size.flatten(1).quantile(self.quantile, dim=1)[:, None, None, None]


@dataclass(frozen=True)
class WordsAndLargestValues:
    """Where the new words look *and* the editing term is large (LEDITS++, 2311.16711, section 3.3): the cells
    above a quantile of the words' smoothed maps, and above the same quantile of the term's magnitude.

    Args:
        quantile: 0.9 is the top tenth.
        scale: of the maps, see `Layers`; 4 is LEDITS++'s 16 x 16 of Stable Diffusion's 64 x 64 cells.

    Raises:
        TypeError, ValueError: the quantile is no fraction, or the scale no whole number.
    """

    quantile: float = 0.9
    scale: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "quantile", check.fraction("quantile", self.quantile))
        object.__setattr__(self, "scale", check.whole("scale", self.scale, least=1))

    def layers(self, unet: UNet2DConditionModel) -> dict[str, int]:
        """Those of the way down and up, as published.

        Raises:
            ValueError: the network has none of this scale.
        """
        return select_layers(unet, Layers(("down", "up"), (self.scale,)))

    def __call__(
        self, edit: torch.Tensor, maps: Mapping[str, torch.Tensor], tokens: Sequence[list[int]], time: float
    ) -> torch.Tensor:
        """(n, 1, h, w)."""
        size = (edit.shape[-2], edit.shape[-1])
        by_head = torch.cat([*maps.values()], 1)  # (n, heads of all layers, HW, N)
        of_words = [rows[..., own].sum(-1).mean(0) for rows, own in zip(by_head, tokens, strict=True)]
        planes = torch.stack(of_words).to(edit).unflatten(-1, map_size(size, self.scale))[:, None]
        looked = self._above(_smoothed(planes)).to(edit)  # (n, 1, h', w')
        mask = F.interpolate(looked, size, mode="nearest") > 0
        return mask & self._above(edit.abs().sum(1, keepdim=True)) if time <= TRUSTED_BELOW else mask

    def _above(self, planes: torch.Tensor) -> torch.Tensor:
        """Cells of (n, 1, h, w) at or above the quantile of their plane."""
        return planes >= planes.flatten(1).quantile(self.quantile, dim=1)[:, None, None, None]


def _smoothed(planes: torch.Tensor) -> torch.Tensor:
    """Planes (n, 1, h, w) under LEDITS++'s 3 x 3 Gaussian, exp(-(x / 2 sigma)^2) a side."""
    side = torch.exp(-((torch.arange(-1.0, 2.0) / (2 * KERNEL_SIGMA)) ** 2))
    kernel = torch.outer(side, side) / side.sum() ** 2
    return F.conv2d(F.pad(planes, (1, 1, 1, 1), mode="reflect"), kernel.to(planes)[None, None])


def dilated(mask: torch.Tensor) -> torch.Tensor:
    """A mask (n, C, h, w) grown by one cell."""
    return F.max_pool2d(mask.float(), 3, stride=1, padding=1) > 0

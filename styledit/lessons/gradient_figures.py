"""Gradients and Gram matrices as pictures."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import Tensor

from styledit.lab.palettes import DIVERGING, paint

GREY = 0.5  # where a gradient is zero


def gradient_picture(gradient: Tensor, gain: float = 1.0) -> Image.Image:
    """Into which colour gradient descent moves each pixel: -gradient (1, 3, H, W) around grey, scaled to its
    own strongest hundredth.

    Raises:
        ValueError: something that is no (1, 3, H, W).
    """
    if gradient.ndim != 4 or gradient.shape[:2] != (1, 3):
        raise ValueError(f"A gradient of one picture is (1, 3, H, W), not {tuple(gradient.shape)}.")
    descent = -gradient[0].detach().float().cpu()
    strongest = float(descent.abs().quantile(0.99)) or 1.0
    shown = (GREY + 0.5 * gain * descent / strongest).clamp(0, 1)
    return Image.fromarray((255 * shown).round().byte().permute(1, 2, 0).numpy())


def share_inside(gradient: Tensor, mask: np.ndarray) -> float:
    """How much of a gradient (1, 3, H, W), by its absolute values, lies inside a mask (H, W): 0 to 1."""
    strength = gradient[0].detach().abs().sum(0).cpu().numpy()
    return float(strength[mask].sum() / max(strength.sum(), 1e-12))


def matrix_picture(matrix: Tensor, most: float, size: int = 192) -> Image.Image:
    """A matrix (C, C) as a square of red (above 0) and blue (below) on white; `most` is full colour."""
    share = (matrix.detach().float().cpu() / most).clamp(-1, 1).numpy()
    strength = np.sign(share) * np.abs(share) ** 0.6  # small entries count, too
    cells = paint(strength, -1.0, 1.0, DIVERGING)
    return Image.fromarray(cells).resize((size, size), Image.Resampling.NEAREST)

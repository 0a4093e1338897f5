"""The exercises of lesson 09, guided objectives, and how it shows gradients and Gram matrices.

from styledit.lessons.guided_exercises import check_gram
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from styledit.lessons.exercises.checking import NotYet, answer, call, exercise, noise, number, same
from styledit.objectives import gram, hinge_critic
from styledit.objectives.critic import receptive_field

GREY = 0.5  # where nothing pulls


def pull_picture(gradient: Tensor, gain: float = 1.0) -> Image.Image:
    """Where and into which colour a loss pulls each pixel: -gradient (1, 3, H, W) around grey, scaled to its
    own strongest hundredth.

    Raises:
        ValueError: something that is no (1, 3, H, W).
    """
    if gradient.ndim != 4 or gradient.shape[:2] != (1, 3):
        raise ValueError(f"A gradient of one picture is (1, 3, H, W), not {tuple(gradient.shape)}.")
    pull = -gradient[0].detach().float().cpu()
    strongest = float(pull.abs().quantile(0.99)) or 1.0
    shown = (GREY + 0.5 * gain * pull / strongest).clamp(0, 1)
    return Image.fromarray((255 * shown).round().byte().permute(1, 2, 0).numpy())


def share_inside(gradient: Tensor, mask: np.ndarray) -> float:
    """How much of a gradient (1, 3, H, W), by its absolute values, lies inside a mask (H, W): 0 to 1."""
    strength = gradient[0].detach().abs().sum(0).cpu().numpy()
    return float(strength[mask].sum() / max(strength.sum(), 1e-12))


def matrix_picture(matrix: Tensor, most: float, size: int = 192) -> Image.Image:
    """A matrix (C, C) as a square of orange (above 0) and blue (below) on white; `most` is full colour."""
    share = (matrix.detach().float().cpu() / most).clamp(-1, 1).numpy()
    strength = np.abs(share)[..., None] ** 0.6  # small entries count, too
    colour = np.where(share[..., None] > 0, (213, 94, 0), (0, 114, 178))
    cells = (255 * (1 - strength) + colour * strength).round().astype(np.uint8)
    return Image.fromarray(cells).resize((size, size), Image.Resampling.NEAREST)


@exercise("09 A Gram matrix", right="it knows which features go together, and not where")
def check_gram(mine: Callable[[Tensor], Any]) -> None:
    """Check `mine(F)`: the Gram matrix (C, C) of features F (C, h, w), as method section 5 scales it."""
    features = noise(1, 4, 3, 5)[0]  # (C, h, w), not square
    wanted = gram(features[None])[0]
    got = answer(mine, features)
    if got.shape != (4, 4):
        raise NotYet(f"a row and a column for each channel, (4, 4), not {tuple(got.shape)}.")
    if torch.allclose(got, wanted * 4 * 15, atol=1e-4) or torch.allclose(got, wanted * 15, atol=1e-4):
        raise NotYet("a picture twice as large would have a larger matrix; divide by C h w.")
    if torch.allclose(got, wanted * 4, atol=1e-4):
        raise NotYet("divided by the places; divide by the channels, too: C h w.")
    shifted = features.roll(2, -1)
    if not torch.allclose(answer(mine, shifted), got, atol=1e-5):
        raise NotYet("it changes where the features are moved along. Sum over the places.")
    same(got, wanted, "G = F Fᵀ / (C h w), with F as (C, h w).")


@exercise("09 What a patch sees", right="each layer sees four of the layer below it, two apart")
def check_patch(side: Callable[[int], Any]) -> None:
    """Check `side(halvings)`: the pixels (of one side) behind one output of the patch critic."""
    if number(call(side, 1)) == 7:
        raise NotYet("that is two layers of 4×4 without stride; the first one moves by two pixels.")
    if number(call(side, 1)) != 10:
        raise NotYet("the last layer sees 4 of the one before, which lie 2 pixels apart, and see 4 each.")
    for halvings in (2, 3, 5):
        wanted = receptive_field(halvings)
        if number(call(side, halvings)) != wanted:
            raise NotYet(f"right for one halving; with {halvings} it should be {wanted} pixels.")


@exercise("09 The hinge", right="a patch that is told apart with room to spare pulls no more")
def check_hinge(loss: Callable[[Tensor, Tensor], Any]) -> None:
    """Check `loss(real, fake)`: what the critic minimises, from its numbers for patches of both kinds."""
    real, fake = torch.tensor([3.0, 2.0]), torch.tensor([-2.0, -1.5])
    same(answer(loss, real, fake), torch.tensor(0.0), "real above 1 and fake below -1: nothing is left.")
    zero = torch.zeros(2)
    same(answer(loss, zero, zero), torch.tensor(2.0), "a critic that says 0 to all pays 1 for each kind.")
    if float(answer(loss, -real, -fake)) <= 2:
        raise NotYet("a critic that has it the wrong way round should pay more than one that says nothing.")
    real, fake = noise(2, 1, 1, 4, 4)
    same(answer(loss, real, fake), hinge_critic(real, fake), "means over the patches, then the sum of both.")

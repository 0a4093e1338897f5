"""Lesson 09, guided objectives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from styledit.lessons.exercises.checking import NotYet, answer, call, exercise, noise, number, same
from styledit.objectives import gram, hinge_critic
from styledit.objectives.critic import receptive_field


@exercise("09 A Gram matrix", right="it knows which features go together, and not where")
def check_gram(mine: Callable[[Tensor], Any]) -> None:
    """Check `mine(F)`: G = F Fᵀ / (C h w), the Gram matrix (C, C) of features F (C, h, w)
    (Gatys et al., 1508.06576, divided by the number of features).
    """
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

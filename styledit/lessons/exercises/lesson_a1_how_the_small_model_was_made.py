"""Lesson A1, how the small model was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from styledit.lessons.exercises.checking import NotYet, answer, call, exercise, noise, number, same


@exercise(
    "A1 What the network believes",
    right="v and z are two mixtures of picture and noise, solved for the picture",
)
def check_belief(estimate: Callable[..., Any]) -> None:
    """Check `estimate(z, v, abar)`: the picture's latent that a network which says v believes in."""
    z_0, eps = noise(2)
    for level in (1.0, 0.9, 0.36, 0.0):
        abar = torch.tensor(level)
        z = abar.sqrt() * z_0 + (1 - abar).sqrt() * eps
        v = abar.sqrt() * eps - (1 - abar).sqrt() * z_0
        got = answer(estimate, z, v, abar)
        if level < 1 and torch.allclose(got, abar.sqrt() * z + (1 - abar).sqrt() * v, atol=1e-5):
            raise NotYet(
                "right without noise (ᾱ = 1), and the worse the more noise there is. In v, which sign has z₀?"
            )
        same(got, z_0, f"at ᾱ = {level:g} it does not give the picture back; put z and v into it by hand.")


@exercise("A1 The learning rate", right="up, along, and down")
def check_rate(rate: Callable[[int, int, float], Any]) -> None:
    """Check `rate(step, steps, peak)`: 300 steps up, a plateau, and down over the last 30 % of the steps."""
    if abs(number(call(rate, 2000, 10_000, 2.0)) - 2.0) > 1e-6:
        raise NotYet("in the middle of training, at step 2000 of 10,000, the rate should be `peak`.")
    if abs(number(call(rate, 149, 10_000, 1.0)) - 0.5) > 0.01:
        raise NotYet("half way through the first 300 steps it should be half of the peak.")
    if abs(number(call(rate, 8500, 10_000, 1.0)) - 0.5) > 0.01:
        raise NotYet("half way through the last 30 % of the steps it should be half of the peak.")
    if abs(number(call(rate, 850, 1000, 1.0)) - 0.5) > 0.01:
        raise NotYet("it is right for 10,000 steps; does the descent know how many there are?")

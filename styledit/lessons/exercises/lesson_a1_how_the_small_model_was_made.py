"""Lesson A1, how the small model was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from styledit.lessons.exercises.checking import NotYet, answer, call, exercise, noise, number, same


@exercise("A1 What the network should say", right="that is v, the target of every training step")
def check_v(v: Callable[..., Any]) -> None:
    """Check `v(z_0, eps, abar)`: the target of a network that predicts v."""
    z_0, eps = noise(2)
    same(answer(v, z_0, eps, torch.tensor(1.0)), eps, "without noise (ᾱ = 1), only ε is left to say.")
    same(
        answer(v, z_0, eps, torch.tensor(0.0)),
        -z_0,
        "in pure noise (ᾱ = 0), it is the picture; its sign?",
    )
    wanted = 0.36**0.5 * eps - 0.64**0.5 * z_0
    same(answer(v, z_0, eps, torch.tensor(0.36)), wanted, "both ends are right; where are the roots?")


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

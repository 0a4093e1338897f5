"""Lesson 01, noise and back."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor

from styledit.ddim import ddim_inverse_step, guide
from styledit.lab.edit.samples import judged
from styledit.lessons.exercises.checking import Empty, NotYet, answer, exercise, noise, same
from styledit.lessons.pictures import FOLDER
from styledit.metrics import psnr
from styledit.pictures import as_pixels, to_pictures

Network = Callable[[Tensor, int], Tensor]
CAR = FOLDER / "01_car.png"
BETTER_THAN = 14.5  # dB; the way back at w = 7.5 reaches less


@exercise("01 The clean estimate", right="the noising equation, solved for the picture")
def check_estimate(estimate: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Check `estimate(z, eps, abar)`, x0_hat for a network that predicts the noise."""
    z_0, eps = noise(2)
    for level in (1.0, 0.6, 0.1):
        abar = torch.tensor(level)
        z = abar.sqrt() * z_0 + (1 - abar).sqrt() * eps
        hint = "mix a picture and noise yourself, and see whether your function gives that picture back."
        if level == 1.0:
            hint = "at abar = 1 the latent is the picture already."
        same(answer(estimate, z, eps, abar), z_0, hint, tolerance=1e-4)


@exercise("01 A walk that goes wrong", right="the network is asked where the walk is, not where it began")
def check_walk(walk: Callable[[Network, Tensor, Tensor, list[int]], Tensor]) -> None:
    """Check `walk(network, z_0, abar, t)`: z_T by DDIM inversion, where `network(z, t)` predicts noise."""
    z_0 = noise(1)[0]
    abar, t = torch.tensor([0.05, 0.3, 0.7, 1.0]), [900, 500, 100, 0]
    got = answer(walk, _toy_network, z_0, abar, t)
    given = _walk(lambda z, told: _toy_network(z_0, told), z_0, abar, t)
    if got.shape == z_0.shape and torch.allclose(got, given, atol=1e-5):
        raise Empty("the loop goes wrong as it was given; find the line, change it, and run the cell again.")
    same(
        got,
        _walk(_toy_network, z_0, abar, t),
        "this is not the walk yet. Which latent does a step take apart, and which level and timestep does "
        "that latent have? Only the last line speaks of where the step arrives.",
    )


def _walk(network: Network, z_0: Tensor, abar: Tensor, t: list[int]) -> Tensor:
    """z_T by DDIM inversion."""
    z = z_0
    for i in range(len(abar) - 1, 0, -1):
        z = ddim_inverse_step(network(z, t[i]), z, abar[i], abar[i - 1], "epsilon")
    return z


def _toy_network(z: Tensor, t: int) -> Tensor:
    """A noise estimate that depends on both of its arguments."""
    return (0.2 + 0.001 * t) * z.tanh() + math.cos(t / 300)


@exercise("01 Guidance", right="from the empty prompt through the prompt, and beyond")
def check_guidance(guided: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """Check `guided(uncond, cond, w)`, classifier-free guidance."""
    uncond, cond = noise(2)
    same(answer(guided, uncond, cond, 1.0), cond, "at w = 1 only the prompt's output may remain.")
    same(answer(guided, uncond, cond, 0.0), uncond, "at w = 0 only the empty prompt's output may remain.")
    same(
        answer(guided, uncond, cond, 7.5),
        guide(uncond, cond, 7.5),
        "w = 0 and w = 1 are right; where on the straight line through those two does w = 7.5 lie?",
    )


@exercise("01 A good number", right="PSNR is higher than that of a picture with a car, and there is no car")
def check_no_car(fake: Callable[[Tensor], Tensor]) -> None:
    """Check `fake(pixels)`: from the lesson's picture (1, 3, H, W) in [0, 1] another that is near it in PSNR
    and in which the judge sees no car.
    """
    source = Image.open(CAR).convert("RGB")
    pixels = as_pixels(source)
    got = answer(fake, pixels)
    if got.shape != pixels.shape:
        raise NotYet(f"the result has shape {tuple(got.shape)} and should have {tuple(pixels.shape)}.")
    (made,) = to_pictures(got)
    number, seen = psnr(made, source), judged(made)["object"]
    if number < BETTER_THAN:
        raise NotYet(f"your picture has {number:.1f} dB; more than {BETTER_THAN:g} are asked for.")
    if seen == "car":
        raise NotYet(f"{number:.1f} dB, and the car can still be seen. What does a mean of squares forgive?")

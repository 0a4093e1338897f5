"""Lesson 01, noise and back."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from styledit.ddim import ddim_inverse_step, guide
from styledit.lessons.exercises.checking import NotYet, answer, exercise, noise, same


@exercise("01 Noising", right="any noise level in one step, without walking there")
def check_noising(noised: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Check `noised(z_0, eps, abar)`, the latent at a noise level."""
    z_0, eps = noise(2)
    clean, nothing, middle = torch.tensor(1.0), torch.tensor(0.0), torch.tensor(0.3)
    same(answer(noised, z_0, eps, clean), z_0, "at abar = 1 nothing but the picture may be left.")
    same(answer(noised, z_0, eps, nothing), eps, "at abar = 0 nothing but the noise may be left.")
    mixed = answer(noised, z_0, eps, middle)
    if torch.allclose(mixed, middle * z_0 + (1 - middle) * eps, atol=1e-5):
        raise NotYet(
            "both ends are right, but the result has too little variance in between; where is a root?"
        )
    same(mixed, middle.sqrt() * z_0 + (1 - middle).sqrt() * eps, "both ends are right; what is between them?")


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


@exercise("01 One step towards noise", right="`ddim_step` with the same eps undoes it")
def check_inverse_step(step: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> None:
    """Check `step(eps, z, abar, abar_next)`, one DDIM inversion step for a network that predicts noise."""
    z, eps = noise(2)
    abar, abar_next = torch.tensor(0.8), torch.tensor(0.5)
    same(
        answer(step, eps, z, abar, abar),
        z,
        "where both levels are the same, the latent should stay what it is; two lines are needed, and the "
        "first has no `abar_next` in it.",
    )
    same(
        answer(step, eps, z, abar, abar_next),
        ddim_inverse_step(eps, z, abar, abar_next, "epsilon"),
        "which level does the latent have that you take apart, and which the one you put together?",
    )


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

"""Checks for the lessons' exercises: each runs the learner's function and says what to
look at when it is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from styledit.ddim import ddim_inverse_step


def check_inverse_step(step: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> None:
    """Check `step(eps, z, abar, abar_next)`, one DDIM inversion step for a network
    that predicts the noise.
    """
    z, eps = _noise(2)
    abar, abar_next = torch.tensor(0.8), torch.tensor(0.5)
    there = _call(step, eps, z, abar, abar_next)
    _same(
        there,
        ddim_inverse_step(eps, z, abar, abar_next, "epsilon"),
        "divide by sqrt(abar) to get x0_hat, then mix x0_hat and eps at the level abar_next, not abar",
    )
    print("Right: one step towards noise, and ddim_step with the same eps undoes it.")


def check_guidance(guided: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """Check `guided(uncond, cond, w)`, classifier-free guidance."""
    uncond, cond = _noise(2)
    _same(_call(guided, uncond, cond, 1.0), cond, "at w = 1 only the prompt's output remains")
    _same(_call(guided, uncond, cond, 0.0), uncond, "at w = 0 only the empty prompt's output remains")
    _same(
        _call(guided, uncond, cond, 7.5),
        uncond + 7.5 * (cond - uncond),
        "start at uncond and go w times towards cond",
    )
    print("Right: guidance walks from the empty prompt through the prompt and beyond.")


def check_value_input(value_input: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Check `value_input(c, s, b)`, the embedding that the value projections read."""
    c, s, b = _noise(3)
    _same(
        _call(value_input, c, torch.ones_like(s), torch.zeros_like(b)),
        c,
        "s = 1 and b = 0 must leave the prompt as it is",
    )
    _same(_call(value_input, c, s, b), c * s + b, "scale the embedding, element by element, then shift it")
    print("Right: a scale and a shift, so it can be applied to any other prompt's embedding too.")


def check_guess(guess: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """Check `guess(c, null, w)`, the shift for which value inputs undo guidance, were the network linear."""
    c, null = _noise(2)
    _same(_call(guess, c, null, 1.0), torch.zeros_like(c), "at w = 1 there is nothing to undo")
    shift = _call(guess, c, null, 7.5)
    _same(null + 7.5 * (c + shift - null), c, "null + w (c + b - null) must be c; solve it for b")
    print("Right: with v = c + b, guidance ends where the plain prompt is.")


def _noise(n: int) -> tuple[Tensor, ...]:
    return torch.randn(n, 1, 4, 6, 6, generator=torch.Generator().manual_seed(0)).unbind(0)


def _call(function: Callable, *arguments) -> Tensor:
    result = function(*arguments)
    if not isinstance(result, Tensor):
        raise TypeError(
            f"The function returned {type(result).__name__}; it should return a tensor. Is a `return` "
            "missing?"
        )
    return result


def _same(got: Tensor, wanted: Tensor, hint: str) -> None:
    if got.shape != wanted.shape:
        raise ValueError(
            f"Not yet: the result has shape {tuple(got.shape)} and should have {tuple(wanted.shape)}."
        )
    if not torch.allclose(got, wanted, atol=1e-5):
        raise ValueError(f"Not yet: {hint}.")

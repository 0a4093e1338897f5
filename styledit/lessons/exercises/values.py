"""Lesson 03, value inputs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from styledit.lessons.exercises.checking import answer, exercise, noise, same


@exercise(
    "03 The value input", right="a scale and a shift, so it can be applied to any other prompt's embedding"
)
def check_value_input(value_input: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Check `value_input(c, s, b)`, the embedding that the value projections read."""
    c, s, b = noise(3)
    ones, zeros = torch.ones_like(s), torch.zeros_like(b)
    same(answer(value_input, c, ones, zeros), c, "s = 1 and b = 0 must leave the prompt as it is.")
    same(answer(value_input, c, s, zeros), c * s, "with b = 0, each number of c is stretched by its own s.")
    same(answer(value_input, c, s, b), c * s + b, "the scale is right; is the shift stretched too?")


@exercise("03 The linear guess", right="with v = c + b, guidance ends where the plain prompt is")
def check_guess(guess: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """Check `guess(c, null, w)`, the shift for which value inputs undo guidance, were the network linear."""
    c, null = noise(2)
    same(answer(guess, c, null, 1.0), torch.zeros_like(c), "at w = 1 there is nothing to undo.")
    shift = answer(guess, c, null, 7.5)
    same(
        null + 7.5 * (c + shift - null),
        c,
        "put your b into v = c + b and guide the embeddings themselves: c should come out.",
    )

"""Lesson 03, value inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from styledit.lessons.exercises.checking import NotYet, answer, call, exercise, noise, number, same


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


@exercise("03 The cost of a fit", right="iterations cost three each, and every step costs two more")
def check_cost(cost: Callable[[Sequence[int]], Any]) -> None:
    """Check `cost(iterations)`: the evaluations of a fit that takes `iterations[i]` at step i."""
    none = number(call(cost, [0, 0, 0, 0]))
    if none == 0:
        raise NotYet("a fit without iterations still walks; whom does each step of a guided walk ask?")
    one = number(call(cost, [1, 0, 0, 0])) - none
    if one == 1:
        raise NotYet("an iteration goes through the network and back again; what is the way back worth?")
    if (none, one) != (8, 3):
        raise NotYet(
            f"four steps without iterations cost {none:g} by your count, and one iteration {one:g} more; "
            "the table above the exercise has both prices."
        )
    if number(call(cost, [3, 5, 0, 1])) != 35:
        raise NotYet("steps may differ in how many iterations they take; is each counted?")


@exercise("03 By word", right="what was learned for the old words does not colour the new one")
def check_by_word(values: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> None:
    """Check `values(c_tgt, s, b, new)`: c_tgt, s, b (N, d) and new (N,) of bool; the new words read c_tgt."""
    c, s, b = noise(3, 6, 4)
    nobody, everybody = torch.zeros(6, dtype=torch.bool), torch.ones(6, dtype=torch.bool)
    same(answer(values, c, s, b, nobody), c * s + b, "without any new word, every row is a value input.")
    same(answer(values, c, s, b, everybody), c, "a row of a new word is the prompt's own.")
    some = torch.tensor([False, True, False, False, True, False])
    wanted = c * s + b
    wanted[some] = c[some]
    same(answer(values, c, s, b, some), wanted, "all or nothing is right; which rows are which in between?")

"""Lesson 04, holding and shaping maps."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from styledit.lessons.exercises.checking import NotYet, answer, call, exercise, noise, same


@exercise("04 Holding", right="a mean over each layer's map, summed over the layers")
def check_hold(hold: Callable[[list[Tensor], list[Tensor]], Tensor]) -> None:
    """Check `hold(A, A_hat)`: L_attn of lists of maps (heads, HW, N), one a layer."""
    A = [noise(1, 2, 4, 5)[0].softmax(-1), noise(1, 2, 16, 5)[0].softmax(-1)]
    A_hat = [maps.flip(1) for maps in A]
    same(answer(hold, A, A), torch.tensor(0.0), "maps that have not moved cost nothing.")
    each = [(maps - other).square().mean() for maps, other in zip(A, A_hat, strict=True)]
    total = torch.stack(each).sum()
    got = answer(hold, A, A_hat)
    absolute = sum((maps - other).abs().mean() for maps, other in zip(A, A_hat, strict=True))
    if got.numel() == 1 and torch.allclose(got.double(), torch.as_tensor(absolute).double(), rtol=1e-3):
        raise NotYet("that is L1; in L2 a large difference counts for more than many small ones.")
    if got.numel() == 1 and torch.allclose(got.double(), total.double() / 2, rtol=1e-3, atol=0.0):
        raise NotYet("two layers that moved weigh no more than one by your count; are they added up?")
    if got.numel() == 1 and float(got) > 3 * float(total):
        raise NotYet("a layer of more pixels weighs more by your count; what is taken within a layer?")
    same(got, total, "how is a difference made positive, so that a large one counts more?", 1e-7)


@exercise("04 Sparsity", right="0 for a single pixel, 1 where all are alike, whatever the map's size")
def check_entropy(entropy: Callable[[Tensor], Tensor]) -> None:
    """Check `entropy(heat)`: the entropy of a map (h, w), as a fraction of the largest it could have."""
    even = answer(entropy, torch.full((4, 4), 0.3))
    if torch.allclose(even.double(), torch.tensor(math.log(16)).double(), atol=1e-3):
        raise NotYet("that is the entropy itself; a larger map could have more of it. Make 1 the most.")
    same(even, torch.tensor(1.0), "a map that is the same everywhere should have 1.", 1e-3)
    half = torch.zeros(4, 4)
    half[:2] = 3.0
    same(
        answer(entropy, half + 1e-9),
        torch.tensor(0.75),
        "a map is no distribution yet: first its pixels must add up to 1.",
        1e-3,
    )
    one = torch.zeros(4, 4)
    one[1, 2] = 1.0
    same(answer(entropy, one + 1e-9), torch.tensor(0.0), "one pixel alone should have 0.", 1e-3)
    if torch.as_tensor(call(entropy, one)).isnan().any():
        raise NotYet("right but for a map with zeros: 0 ln 0 counts as 0, and a computer says nan.")


@exercise("04 Localisation", right="and two far corners are sparse but not local")
def check_spread(spread: Callable[[Tensor], Tensor]) -> None:
    """Check `spread(heat)`: the variance of a map (h, w) about its centre, on a picture with sides of 1."""
    one = torch.zeros(4, 8)
    one[1, 2] = 2.0
    same(answer(spread, one), torch.tensor(0.0), "one pixel has no spread, wherever it is.")
    pair = torch.zeros(4, 8)
    pair[1, 2] = pair[1, 6] = 0.5
    got = answer(spread, pair)
    if torch.allclose(got.double(), torch.tensor(4.0).double(), atol=1e-4):
        raise NotYet(
            "that is counted in pixels; on a picture whose sides are 1, how wide is one of 8 pixels?"
        )
    hint = "two pixels of a row, half a picture apart: the mean square of how far they are from their centre."
    same(got, torch.tensor(1 / 16), hint, 1e-5)
    corners = torch.zeros(4, 4)
    corners[0, 0] = corners[3, 3] = 1.0
    same(
        answer(spread, corners),
        torch.tensor(2 * 0.375**2),
        "along a row it is right. A distance has two directions, and a map must add up to 1 first.",
        1e-5,
    )

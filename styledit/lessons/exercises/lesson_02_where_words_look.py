"""Lesson 02, where words look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from styledit.lessons.exercises.checking import Empty, NotYet, answer, exercise, kind_of, noise, same
from styledit.maps import AttentionMaps

WORD = "beach"
CLAIM = 2.0  # times as much of the word's attention on the car as the car covers of the picture


@exercise("02 Attention", right="a softmax over tokens: each pixel shares itself out among the words")
def check_attention(attention: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Check `attention(Q, K)`: A from queries (B, heads, HW, d_head) and keys (B, heads, N, d_head)."""
    Q = noise(1, 1, 2, 9, 4)[0]
    K = noise(2, 1, 2, 5, 4)[1]
    A = answer(attention, Q, K)
    if A.shape == (1, 2, 9, 5):
        if torch.allclose(A.sum(-2), torch.ones(1, 2, 5), atol=1e-5):
            raise NotYet(
                "each token shares itself out among the pixels; over which axis should the sum be 1?"
            )
        if not torch.allclose(A.sum(-1), torch.ones(1, 2, 9), atol=1e-5):
            raise NotYet("a pixel's shares do not add up to 1 yet.")
    same(
        A,
        (Q @ K.transpose(-1, -2) / 4**0.5).softmax(-1),
        "the shares add up, but they are too sharp or too flat; what divides the products?",
    )


@exercise("02 Heads", right="each head gets numbers that lie side by side")
def check_heads(split: Callable[[Tensor, int], Tensor]) -> None:
    """Check `split(x, heads)`: (B, n, channels) as (B, heads, n, d_head), head by head."""
    x = torch.arange(24.0).view(1, 2, 12)
    got = answer(split, x, 3)
    if got.shape == (1, 3, 2, 4) and torch.equal(got, x.unflatten(-1, (-1, 3)).permute(0, 3, 1, 2)):
        raise Empty("the split is as it was given; find what is wrong with it, and run the cell again.")
    same(
        got,
        x.unflatten(-1, (3, -1)).transpose(1, 2),
        "of 12 numbers and 3 heads, the first head gets numbers 0 to 3, the second 4 to 7, the third 8 to "
        "11; the axes of the result are (B, heads, n, d_head).",
    )


@exercise("02 A map for any claim", right="with so many maps to choose from, one of them says what you like")
def check_choice(choice: Any, maps: AttentionMaps, mask: np.ndarray) -> None:
    """Check a `choice` (layer, head, step): on this one map, *beach* is read on the car (`mask`, (H, W))."""
    if not isinstance(choice, (tuple, list)) or len(choice) != 3:
        raise NotYet(f"a choice is (layer, head, step), not {kind_of(choice)}.")
    layer, head, step = choice
    try:
        heat = maps.select(layers=layer, heads=int(head)).word(WORD, steps=int(step))
    except (TypeError, ValueError) as error:
        raise NotYet(f"there is no such map: {error}") from error
    inside = torch.from_numpy(mask)
    times = float(heat[inside].sum() / heat.sum() / inside.float().mean())
    if times < CLAIM:
        raise NotYet(
            f"the car gets {times:.2f} times as much of *{WORD}* as it covers of the picture; find a map "
            f"with {CLAIM:g} times or more. A loop over layers, heads and steps may look for you."
        )

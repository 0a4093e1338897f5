"""Lesson 02, where words look."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from styledit.lessons.exercises.checking import NotYet, answer, exercise, noise, same


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


@exercise(
    "02 A word's map", right="averaged over heads, summed over the word's tokens, laid out as a picture"
)
def check_word_map(word_map: Callable[[Tensor, list[int], int, int], Tensor]) -> None:
    """Check `word_map(A, tokens, h, w)`: (h, w) from A (heads, HW, N)."""
    A = noise(1, 3, 8, 5)[0].softmax(-1)
    one = answer(word_map, A, [2], 2, 4)
    same(one, A[..., 2].mean(0).view(2, 4), "for a word of one token: its column, averaged over heads.")
    same(
        answer(word_map, A, [1, 3], 2, 4),
        A[..., [1, 3]].sum(-1).mean(0).view(2, 4),
        "one token is right. A pixel that gives each of a word's two tokens 0.3 looks at the word with 0.6.",
    )


@exercise("02 The centre of a map", right="and where a word looks at two corners, its centre is in between")
def check_centre(centre: Callable[[Tensor], Tensor]) -> None:
    """Check `centre(heat)`: the centre of mass (row, column) of a map (h, w), a tensor of 2."""
    spike = torch.zeros(4, 6)
    spike[1, 5] = 3.0
    same(
        answer(centre, spike).float(),
        torch.tensor([1.0, 5.0]),
        "one bright pixel is the centre, (row, column) as indices from 0, however bright it is.",
    )
    corners = torch.zeros(4, 6)
    corners[0, 0] = corners[3, 5] = 0.5
    same(
        answer(centre, corners).float(), torch.tensor([1.5, 2.5]), "two equal pixels: half-way between them."
    )

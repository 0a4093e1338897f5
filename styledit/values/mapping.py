"""The mapping network M_t of StyleDiffusion (2303.15649, section 3.2):
from a picture's tokens to value inputs.
"""

from __future__ import annotations

from torch import Tensor, nn

from styledit import validation as check

MOST = 65536  # of patches, tokens and widths


class MappingNetwork(nn.Module):
    """Patch tokens E(x) of an image encoder, mixed along the token axis into a scale s_t and a shift b_t.

    Conv1d P -> 2N, [Conv1d 2N -> 2N, BatchNorm1d, LeakyReLU], Conv1d 2N -> 2N, all of width 1; the 2N rows of
    the result are s_t and b_t. Where the encoder's width differs from the prompt's, a linear layer follows.

    Args:
        patches, width: P and d_img, of the picture's tokens.
        tokens, embedding: N and d, of the prompt's embedding.

    Raises:
        TypeError: one of them is no whole number.
        ValueError: one is out of range.
    """

    def __init__(self, patches: int, width: int, tokens: int, embedding: int) -> None:
        super().__init__()
        counts = {"patches": patches, "width": width, "tokens": tokens, "embedding": embedding}
        for name, count in counts.items():
            check.whole(name, count, least=1, most=MOST)
        rows = 2 * tokens
        self.mix = nn.Sequential(
            nn.Conv1d(patches, rows, 1),
            nn.Conv1d(rows, rows, 1), nn.BatchNorm1d(rows), nn.LeakyReLU(),
            nn.Conv1d(rows, rows, 1),
        )  # fmt: skip
        self.widen = nn.Identity() if width == embedding else nn.Linear(width, embedding)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Picture tokens (1, P, d_img) to s_t and b_t, each (N, d)."""
        scale, shift = self.widen(self.mix(picture))[0].chunk(2)
        return scale, shift

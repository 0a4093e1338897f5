"""Cross-attention maps with named axes, and the map of a word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from PIL import Image

from styledit.prompts import Word, find_word


@dataclass(frozen=True)
class AttentionMaps:
    """Cross-attention probabilities of a run.

    `layers`: {layer: A} with A of shape (step, head, pixel, token), steps counted from the noisiest;
    `grids`: {layer: (h, w)} with h * w pixels; `words`: the prompt's words and their token positions
    (0 is the start token, the ones after the last word are end and padding); `size`: the picture's (H, W).
    """

    layers: dict[str, torch.Tensor]
    grids: dict[str, tuple[int, int]]
    words: tuple[Word, ...]
    size: tuple[int, int]

    def step(self, i: int) -> dict[str, torch.Tensor]:
        """{layer: (head, pixel, token)} at step i."""
        return {layer: maps[i] for layer, maps in self.layers.items()}

    def word(
        self, word: str, *, steps: Iterable[int] | None = None, size: tuple[int, int] | None = None
    ) -> torch.Tensor:
        """Where a word looks: (H, W), averaged over steps, layers and heads, summed over its tokens.

        Args:
            word: one word of the prompt, or several in a row.
            steps: which steps to average over; None takes all.
            size: (H, W) of the result; None takes the picture's.

        Raises:
            ValueError: the word is not in the prompt, or `steps` names no step.
        """
        return self.tokens(find_word(self.words, word), steps=steps, size=size)

    def tokens(
        self, positions: list[int], *, steps: Iterable[int] | None = None, size: tuple[int, int] | None = None
    ) -> torch.Tensor:
        """As `word`, by token positions; (H, W)."""
        chosen = slice(None) if steps is None else list(steps)
        if chosen == []:
            raise ValueError("There is no step to average over; give at least one, or steps=None for all.")
        total = torch.zeros(size or self.size)
        for layer, maps in self.layers.items():
            flat = maps[chosen][..., positions].float().sum(-1).mean((0, 1))  # (pixel,)
            total += resize(flat.view(self.grids[layer]).cpu(), size or self.size)
        return total / len(self.layers)

    def plot(self, word: str, ax: Axes | None = None, image: Image.Image | None = None) -> Axes:
        """Draw a word's map into `ax`, over `image` where one is given."""
        ax = ax or plt.gca()
        if image is not None:
            ax.imshow(image)
        ax.imshow(self.word(word).numpy(), cmap="viridis", alpha=1 if image is None else 0.6)
        ax.set_title(word)
        ax.set_axis_off()
        return ax


def grid(latent_size: tuple[int, int], scale: int) -> tuple[int, int]:
    """(h, w) of the maps at a scale; every halving in the UNet rounds up."""
    height, width = latent_size
    return -(-height // scale), -(-width // scale)


def resize(plane: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear resampling of (h, w) to `size`."""
    return F.interpolate(plane[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]

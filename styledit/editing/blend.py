"""Local blend (Prompt-to-Prompt, 2208.01626): outside the words' maps the target stays at the source's latent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from diffusers import StableDiffusionPipeline

from styledit.attention import Layers, SourceAttention, attention_layers
from styledit.inversion import Inversion
from styledit.maps import grid, resize
from styledit.prompts import positions_of, split_words

BLEND_START = 0.2  # fraction of the steps before the mask is trusted, as in Prompt-to-Prompt's code


def blend_start(steps: int) -> float:
    """The step from which the mask is used; the last one at the latest."""
    return min(round(BLEND_START * steps, 6), steps - 1)


class LocalBlend:
    """The union of the regions where the named words look, each averaged over the steps so far.

    `sums[i]` (words, h, w): each word's map, of the source's or the target's prompt, before step i; `mask` (h, w), bool,
    or None: the last.

    Args:
        words: words of the source prompt, the target prompt or both.
        threshold: fraction of a word map's maximum from which a cell belongs to the mask.

    Raises:
        ValueError: a prompt pair that has none of the words.
    """

    layers = Layers()

    def __init__(
        self, pipe: StableDiffusionPipeline, inversion: Inversion, target: str, words: Sequence[str], threshold: float
    ) -> None:
        self.start, self.threshold = blend_start(inversion.steps), threshold
        self.size = inversion.z_T.shape[-2:]
        self.scales = attention_layers(pipe.unet)
        self.tokens = _blend_tokens(pipe, inversion.prompt, target, words)
        self.sums = [torch.zeros(len(self.tokens), *self.size, device=inversion.z_T.device)]
        self.mask: torch.Tensor | None = None

    def apply(
        self, z: torch.Tensor, source: torch.Tensor, attention: SourceAttention, maps: dict[str, torch.Tensor], row: int, i: int
    ) -> torch.Tensor:
        """Add this step's maps, and past the start set the target (1, C, h, w) to the source outside the mask."""
        total = self.sums[i].clone()
        for layer, scale in self.scales.items():
            of = {"source": attention.cross[layer], "target": maps[layer][row]}
            for plane, (prompt, tokens) in zip(total, self.tokens):
                flat = of[prompt][..., tokens].float().sum(-1).mean(0)  # (HW,)
                plane += resize(flat.view(grid(self.size, scale)), self.size)
        self.sums.append(total)
        if i < self.start:
            return z
        self.mask = torch.stack([self._threshold(plane) for plane in total]).any(0)
        return torch.where(self.mask, z, source)

    def _threshold(self, total: torch.Tensor) -> torch.Tensor:
        """A word map's region, grown by one cell as in Prompt-to-Prompt."""
        grown = F.max_pool2d(total[None], 3, stride=1, padding=1)[0]
        return grown >= self.threshold * grown.max()


def _blend_tokens(
    pipe: StableDiffusionPipeline, source: str, target: str, words: Sequence[str]
) -> list[tuple[Literal["source", "target"], list[int]]]:
    """Prompt and token positions of the words that are there; a word of both prompts comes twice."""
    split = {"source": split_words(pipe, source), "target": split_words(pipe, target)}
    found = [(prompt, positions_of(prompt_words, word)) for word in words for prompt, prompt_words in split.items()]
    tokens = [(prompt, positions) for prompt, positions in found if positions]
    if not tokens:
        there = dict.fromkeys(entry.text for prompt_words in split.values() for entry in prompt_words)
        raise ValueError(
            f"None of the blend words {', '.join(map(repr, words))} is in {source!r} or {target!r}; their words are: {', '.join(there)}."
        )
    return tokens

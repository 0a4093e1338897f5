"""Local blend (Prompt-to-Prompt, 2208.01626): outside the words' maps the target stays
at the source's latent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from diffusers import StableDiffusionPipeline

from styledit.attention import SourceAttention, attention_layers
from styledit.inversion import Inversion
from styledit.maps import map_size, resize
from styledit.prompts import Word, positions_of, split_words

BLEND_START = 0.2  # fraction of the steps before the mask is trusted, as in Prompt-to-Prompt's code


def blend_start(steps: int) -> float:
    """The step from which the mask is used; the last one at the latest."""
    return min(round(BLEND_START * steps, 6), steps - 1)


Branch = Literal["source", "target"]


class Blended(NamedTuple):
    """`z` (1, C, h, w) after a blend, the words' maps summed over the steps so far (words, h, w),
    and the mask (h, w).
    """

    z: torch.Tensor
    sums: torch.Tensor
    mask: torch.Tensor | None


class LocalBlend:
    """The union of the regions where the named words look, each averaged over the steps so far.

    `sums`: the words' maps before any step, (words, h, w);
    `scales`: {layer: scale} of the maps that it reads.

    Args:
        words: words of the source prompt, the target prompt or both.
        threshold: fraction of a word map's maximum from which a cell belongs to the mask.

    Raises:
        ValueError: a prompt pair that has none of the words.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        inversion: Inversion,
        target: str,
        words: Sequence[str],
        threshold: float,
    ) -> None:
        self.start = blend_start(inversion.steps)
        self.threshold = threshold
        self.size = inversion.z_T.shape[-2:]
        self.scales = attention_layers(pipe.unet)
        self.tokens = _blend_tokens(pipe, inversion.prompt, target, words)
        self.sums = torch.zeros(len(self.tokens), *self.size, device=inversion.z_T.device)

    def apply(
        self,
        z: torch.Tensor,
        source: torch.Tensor,
        attention: SourceAttention,
        maps: Mapping[str, torch.Tensor],
        sums: torch.Tensor,
        i: int,
    ) -> Blended:
        """Add the maps of step i, and past the start set the target (1, C, h, w) to the
        source outside the mask.

        Args:
            maps: {layer: (heads, HW, N)} of the target.
            sums: of the steps before.
        """
        total = sums.clone()
        for layer, scale in self.scales.items():
            of: dict[Branch, torch.Tensor] = {"source": attention.cross[layer], "target": maps[layer]}
            for plane, (prompt, tokens) in zip(total, self.tokens, strict=True):
                flat = of[prompt][..., tokens].float().sum(-1).mean(0)  # (HW,)
                plane += resize(flat.view(map_size(self.size, scale)), self.size)
        if i < self.start:
            return Blended(z, total, None)
        mask = torch.stack([self._threshold(plane) for plane in total]).any(0)
        return Blended(torch.where(mask, z, source), total, mask)

    def _threshold(self, total: torch.Tensor) -> torch.Tensor:
        """A word map's region, grown by one cell as in Prompt-to-Prompt."""
        grown = F.max_pool2d(total[None], 3, stride=1, padding=1)[0]
        return grown >= self.threshold * grown.max()


def _blend_tokens(
    pipe: StableDiffusionPipeline, source: str, target: str, words: Sequence[str]
) -> list[tuple[Branch, list[int]]]:
    """Prompt and token positions of the words that are there; a word of both prompts comes twice."""
    split: dict[Branch, tuple[Word, ...]] = {
        "source": split_words(pipe, source),
        "target": split_words(pipe, target),
    }
    found = [
        (prompt, positions_of(prompt_words, word)) for word in words for prompt, prompt_words in split.items()
    ]
    tokens = [(prompt, positions) for prompt, positions in found if positions]
    if not tokens:
        there = dict.fromkeys(entry.text for prompt_words in split.values() for entry in prompt_words)
        named = ", ".join(map(repr, words))
        raise ValueError(
            f"None of the blend words {named} is in {source!r} or {target!r}; "
            f"their words are: {', '.join(there)}."
        )
    return tokens

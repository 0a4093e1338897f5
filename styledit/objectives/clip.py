"""What the decoded picture should mean: CLIP's embedding of it near that of a prompt.

The functions take embeddings, (1, d), of `Clip.embed_pictures` and `Clip.embed_text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch.nn import functional

from styledit import validation as check
from styledit.objectives.state import ObjectiveState, OfThePicture
from styledit.perception.clip import Clip


def clip_similarity(picture: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
    """L_clip = 1 - cos(E_I(x), E_T(p)) (StyleCLIP, 2103.17249, section 4), a scalar in [0, 2].

    Args:
        picture, prompt: embeddings, (1, d).

    Raises:
        TypeError, ValueError: they are no two embeddings of one space.
    """
    return 1 - _cosine(picture, prompt)


def clip_direction(
    picture: torch.Tensor, source: torch.Tensor, prompt: torch.Tensor, source_prompt: torch.Tensor
) -> torch.Tensor:
    """L_direction = 1 - cos(E_I(x) - E_I(x_src), E_T(p) - E_T(p_src)) (StyleGAN-NADA, 2108.00946,
    equation 3), a scalar in [0, 2].

    Where picture or prompt is the source's there is no direction, and the cosine counts 0. Embeddings are
    brought to length 1 before they are subtracted.

    Args:
        picture, source, prompt, source_prompt: embeddings, (1, d).

    Raises:
        TypeError, ValueError: they are no embeddings of one space.
    """
    embeddings = {"picture": picture, "source": source, "prompt": prompt, "source_prompt": source_prompt}
    for name, embedding in embeddings.items():
        _check_embedding(name, embedding)
    image_shift = functional.normalize(picture, dim=1) - functional.normalize(source.to(picture), dim=1)
    text_shift = functional.normalize(prompt, dim=1) - functional.normalize(source_prompt.to(prompt), dim=1)
    return 1 - _cosine(image_shift, text_shift)


@dataclass(frozen=True, eq=False)
class ClipObjective(OfThePicture):
    """What the two CLIP objectives have in common.

    Args:
        clip: from `load_clip`, on the device of the pictures.
        prompt: what the picture should show.
    """

    clip: Clip
    prompt: str

    def __post_init__(self) -> None:
        check.instance("clip", self.clip, Clip, "load_clip()")
        self.clip.tokens(self.prompt)

    @cached_property
    def prompt_embedding(self) -> torch.Tensor:
        """The prompt's embedding, (1, d), computed once."""
        with torch.no_grad():
            return self.clip.embed_text(self.prompt)


@dataclass(frozen=True, eq=False)
class ClipSimilarity(ClipObjective):
    """`clip_similarity` to a prompt."""

    def __call__(self, state: ObjectiveState) -> torch.Tensor:
        """A scalar."""
        return clip_similarity(state.embedding(self.clip), self.prompt_embedding)


@dataclass(frozen=True, eq=False)
class ClipDirection(ClipObjective):
    """`clip_direction` from a source picture and its prompt.

    Args:
        source_prompt: what the source shows.
        source: the source picture, (1, 3, H, W) in [0, 1].
    """

    source_prompt: str
    source: torch.Tensor

    def __post_init__(self) -> None:
        super().__post_init__()
        self.clip.tokens(self.source_prompt)
        check.tensor("The source picture", self.source, 1, 3, "H", "W")

    @cached_property
    def source_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The embeddings of the source picture and its prompt, (1, d) each, computed once."""
        with torch.no_grad():
            return self.clip.embed_pictures(self.source), self.clip.embed_text(self.source_prompt)

    def __call__(self, state: ObjectiveState) -> torch.Tensor:
        """A scalar."""
        source, source_prompt = self.source_embeddings
        return clip_direction(state.embedding(self.clip), source, self.prompt_embedding, source_prompt)


def _cosine(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """The cosine of two embeddings; 0 where one of them has no length."""
    _check_embedding("first", first)
    _check_embedding("second", second)
    if first.shape != second.shape:
        raise ValueError(
            f"The embeddings have shapes {tuple(first.shape)} and {tuple(second.shape)}; "
            "both must be of one CLIP."
        )
    return functional.cosine_similarity(first, second.to(first)).squeeze(0)


def _check_embedding(name: str, value: object) -> None:
    check.tensor(f"The embedding {name!r}", value, 1, "d")

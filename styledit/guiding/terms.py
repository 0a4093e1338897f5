"""The terms of a guided edit: objectives with their weights, and what each of them says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.guiding.weights import Weights
from styledit.objectives import (
    L2,
    Adversarial,
    ClipDirection,
    ClipSimilarity,
    GramStyle,
    Objective,
    ObjectiveState,
    Perceptual,
)
from styledit.objectives.critic import Critic
from styledit.objectives.pixels import FeatureNetwork
from styledit.perception.clip import Clip
from styledit.pictures import as_pixels
from styledit.prompts import Word, find_word


@dataclass(frozen=True)
class LossValues:
    """What the terms say of a state: their weighted sum, with gradients, and each one's own number."""

    loss: torch.Tensor
    parts: dict[str, float]


@dataclass(frozen=True, eq=False)
class Terms:
    """Named objectives with their weights; those of weight 0 are not here.

    `critic`: the one that learns meanwhile, where the adversarial term pulls.
    """

    weighted: Mapping[str, tuple[float, Objective]] = field(default_factory=dict)
    critic: Critic | None = None

    def of(self, *reads: str) -> Terms:
        """Those that read nothing else than "maps", "x0" or "pixels"."""
        chosen = {name: pair for name, pair in self.weighted.items() if pair[1].reads <= set(reads)}
        return Terms(chosen, self.critic)

    def __call__(self, state: ObjectiveState) -> LossValues:
        """Sum of weight times term, and the terms themselves. Raises as they do."""
        loss = torch.zeros(())
        parts = {}
        for name, (weight, objective) in self.weighted.items():
            value = objective(state)
            loss = loss + weight * value
            parts[name] = float(value.detach())
        return LossValues(loss, parts)

    def learn(self, pixels: torch.Tensor) -> None:
        """The critic's own step on a picture (1, 3, H, W), where there is a critic."""
        if self.critic is not None:
            self.critic.learn(pixels)


def make_terms(
    weights: Weights,
    pipe: StableDiffusionPipeline,
    source: Image.Image,
    style: Image.Image | None,
    prompts: tuple[str, str],
    words: Sequence[Word],
    clip: Clip | None,
    network: FeatureNetwork,
    seed: int,
) -> Terms:
    """The objectives of some weights.

    Args:
        style: what the style and the critic's reality come from; None takes the source.
        prompts: the source's and the target's; `words`: of the target's.
        clip: None where no term needs one.
        network: whose features the perceptual and the style term compare.
        seed: of the critic.

    Raises:
        ValueError: no term is left, since a direction needs two prompts.
    """
    here = {"device": pipe.vae.device, "dtype": torch.promote_types(pipe.vae.dtype, torch.float32)}
    kept = as_pixels(source).to(**here)
    look = kept if style is None else as_pixels(style).to(**here)
    weighted: dict[str, tuple[float, Objective]] = {}
    if weights.l2:
        weighted["l2"] = (weights.l2, L2(kept))
    if weights.perceptual:
        weighted["perceptual"] = (weights.perceptual, Perceptual(kept, network))
    if weights.style:
        weighted["style"] = (weights.style, GramStyle(look, network))
    if weights.clip and clip is not None:
        weighted["clip"] = (weights.clip, ClipSimilarity(clip, prompts[1]))
    if weights.direction and clip is not None and prompts[0] != prompts[1]:
        weighted["direction"] = (weights.direction, ClipDirection(clip, prompts[1], prompts[0], kept))
    critic = Critic(look, seed=seed) if weights.adversarial else None
    if critic is not None:
        weighted["adversarial"] = (weights.adversarial, Adversarial(critic))
    if weights.attention:
        for word in weights.attention.words:
            find_word(tuple(words), word)
        weighted["attention"] = (1.0, weights.attention.for_prompt(words))
    if not weighted:
        raise ValueError(
            "Nothing pulls: the weight direction needs a target prompt with other words than the source's."
        )
    return Terms(weighted, critic)

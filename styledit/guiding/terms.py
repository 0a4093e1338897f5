"""The terms of a guided edit: objectives with their weights, and the value of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.guiding.run import GuidedRun
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
from styledit.perception.clip import Clip, load_clip
from styledit.perception.features import EncoderFeatures
from styledit.perception.perceptual_encoder import load_perceptual_encoder
from styledit.pictures import as_pixels
from styledit.prompts import find_word


@dataclass(frozen=True)
class LossValues:
    """The terms at a state: their weighted sum, with gradients, and each one's own number."""

    loss: torch.Tensor
    parts: dict[str, float]


@dataclass(frozen=True, eq=False)
class Terms:
    """Named objectives with their weights; those of weight 0 are not here.

    `critic`: the one that learns meanwhile, where there is an adversarial term.
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
    run: GuidedRun,
    style: Image.Image | None,
    *,
    clip: Clip | None,
    network: FeatureNetwork | None,
    low_memory: bool,
    seed: int,
) -> Terms:
    """The objectives of some weights, with the networks that they need.

    Args:
        style: what the style and the critic's reality come from; None takes the source.
        clip: None takes the embedded one.
        network: whose features the perceptual and the style term compare; None takes `guiding_network`.
        low_memory: whether that one recomputes its activations.
        seed: of the critic.

    Raises:
        ValueError: no term is left, since a direction needs two prompts; or a word that is not in the prompt.
    """
    pipe, inversion = run.pipe, run.source.inversion
    target, words = run.target.prompts[0], run.target.words[0]
    here = {"device": pipe.vae.device, "dtype": torch.promote_types(pipe.vae.dtype, torch.float32)}
    source_pixels = as_pixels(inversion.image).to(**here)
    style_pixels = source_pixels if style is None else as_pixels(style).to(**here)
    network = guiding_network(pipe, low_memory) if network is None else network
    if clip is None and (weights.clip or weights.direction):
        clip = load_clip(device=inversion.z_T.device)
    weighted: dict[str, tuple[float, Objective]] = {}
    if weights.l2:
        weighted["l2"] = (weights.l2, L2(source_pixels))
    if weights.perceptual:
        weighted["perceptual"] = (weights.perceptual, Perceptual(source_pixels, network))
    if weights.style:
        weighted["style"] = (weights.style, GramStyle(style_pixels, network))
    if weights.clip and clip is not None:
        weighted["clip"] = (weights.clip, ClipSimilarity(clip, target))
    if weights.direction and clip is not None and inversion.prompt != target:
        direction = ClipDirection(clip, target, inversion.prompt, source_pixels)
        weighted["direction"] = (weights.direction, direction)
    critic = Critic(style_pixels, seed=seed) if weights.adversarial else None
    if critic is not None:
        weighted["adversarial"] = (weights.adversarial, Adversarial(critic))
    if weights.attention:
        for word in weights.attention.words:
            find_word(words, word)
        weighted["attention"] = (1.0, weights.attention.for_prompt(words))
    if not weighted:
        raise ValueError(
            "There is nothing to minimise: the weight direction needs a target prompt with other words than "
            "the source's."
        )
    return Terms(weighted, critic)


def guiding_network(pipe: StableDiffusionPipeline, recompute: bool = False) -> FeatureNetwork:
    """What guides where no network is named: the model's perceptual encoder, or else its VAE's encoder.

    Args:
        recompute: recompute the VAE's activations in the backward pass instead of keeping them.
    """
    folder = Path(pipe.name_or_path or "") / "perceptual_encoder"
    if pipe.name_or_path and folder.is_dir():
        return load_perceptual_encoder(folder, device=pipe.vae.device)
    return EncoderFeatures(pipe.vae, recompute=recompute)

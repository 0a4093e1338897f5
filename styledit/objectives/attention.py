"""Attention regularisation (StyleDiffusion, 2303.15649, section 3.2): what a word's map should be like.

Every function takes {layer: A}, A (heads, HW, N) being one row of a batch, and returns a differentiable
scalar in at least float32. Gradients reach the latents and, through the queries of deeper layers, the value
inputs; the maps of the network's first cross-attention layer do not depend on value inputs at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from styledit import validation as check
from styledit.attention import Layers
from styledit.denoising import wide
from styledit.objectives.state import ObjectiveState
from styledit.prompts import Word, find_word, positions_of

Maps = Mapping[str, torch.Tensor]
MapSizes = Mapping[str, tuple[int, int]]

WEIGHTS = ("l2", "l1", "sparsity", "localisation")


@dataclass(frozen=True)
class Regularisation:
    """Which of this module's terms to add to a loss, and how strongly.

    `l2`, `l1`, `sparsity`, `localisation`: weights, at least 0; the published method is l2=1. `words`: the
    words of the prompt to look at; without any, `l2` and `l1` compare the maps of all tokens, the others look
    at every word. `layers`: whose cross-attention maps to record for it.

    Raises:
        TypeError: a weight that is no number, a word that is no string, or `layers` that is no Layers.
        ValueError: a weight that is negative or not finite, or layers of self-attention.
    """

    l2: float = 0.0
    l1: float = 0.0
    sparsity: float = 0.0
    localisation: float = 0.0
    words: tuple[str, ...] = ()
    layers: Layers = Layers(places=("down", "up"), scales=(4,))
    reads: ClassVar[frozenset[str]] = frozenset({"maps"})

    def __post_init__(self) -> None:
        for name in WEIGHTS:
            object.__setattr__(self, name, check.number(f"The weight {name}", getattr(self, name), least=0))
        words = () if self.words is None else check.several("Regularisation.words", self.words)
        for word in words:
            check.text("A word of a Regularisation", word)
        object.__setattr__(self, "words", words)
        if not isinstance(self.layers, Layers):
            raise TypeError(
                f"layers must be a Layers, such as Layers(scales=4), not {check.shown(self.layers)}."
            )
        if self.layers.kind != "cross":
            raise ValueError("Regularisation acts on the maps of words; choose layers of kind 'cross'.")

    def __bool__(self) -> bool:
        """Whether any weight is above 0."""
        return any(getattr(self, name) for name in WEIGHTS)

    @property
    def needs_targets(self) -> bool:
        """Whether it compares with other maps."""
        return bool(self.l2 or self.l1)

    def for_prompt(self, prompt_words: Sequence[Word]) -> Regularisation:
        """The same for a prompt that may have some of the words only; without weights where it has none."""
        there = tuple(word for word in self.words if positions_of(tuple(prompt_words), word))
        return replace(self, words=there) if there or not self.words else Regularisation(layers=self.layers)

    def tokens(self, prompt_words: Sequence[Word]) -> list[int]:
        """Positions of the tokens of `words`, of every word of the prompt where there are none.

        Raises:
            ValueError: one of the words is not in the prompt (the message says which are).
        """
        if not self.words:
            return [position for word in prompt_words for position in word.positions]
        return sorted({position for word in self.words for position in find_word(tuple(prompt_words), word)})

    def __call__(self, state: ObjectiveState) -> torch.Tensor:
        """The weighted sum, a scalar; terms of weight 0 cost nothing.

        Raises:
            ValueError: as the functions of the terms, and where a word is not in the prompt.
        """
        total = torch.zeros(())
        if not self:
            return total
        maps = {layer: state.maps[layer] for layer in state.layers(self)}
        tokens = self.tokens(state.words)
        if self.needs_targets:
            own: Maps = maps
            targets: Maps = {} if state.targets is None else state.targets
            if self.words:
                own, targets = _only(own, tokens), _only(targets, tokens)
            if self.l2:
                total = total + self.l2 * attention_l2(own, targets)
            if self.l1:
                total = total + self.l1 * attention_l1(own, targets)
        if self.sparsity:
            total = total + self.sparsity * sparsity(maps, tokens)
        if self.localisation:
            total = total + self.localisation * localisation(maps, state.map_sizes, tokens)
        return total


def attention_l2(maps: Maps, targets: Maps) -> torch.Tensor:
    """L_attn = sum over layers of mean (A - Ahat)^2 (2303.15649, section 3.2), a scalar.

    Args:
        targets: {layer: Ahat (heads, HW, N)}, at least the layers of `maps`.

    Raises:
        ValueError: there are no maps, a layer without a target, or shapes that do not fit.
    """
    return sum((difference.square().mean() for difference in _differences(maps, targets)), torch.zeros(()))


def attention_l1(maps: Maps, targets: Maps) -> torch.Tensor:
    """Sum over layers of mean |A - Ahat|, a scalar.

    Arguments and errors as `attention_l2`.
    """
    return sum((difference.abs().mean() for difference in _differences(maps, targets)), torch.zeros(()))


def sparsity(maps: Maps, tokens: Sequence[int]) -> torch.Tensor:
    """Entropy of the tokens' maps over log(HW), the mean over tokens and layers: 0 one
    pixel, 1 spread evenly.

    A token's map is the average over heads, divided by its sum over pixels;
    one that is zero everywhere counts 0.

    Args:
        tokens: positions in the padded sequence.

    Raises:
        ValueError: there are no maps, no tokens, a position out of range,
            or maps that are not (heads, HW, N).
    """
    entropies = []
    for layer, p in _distributions(maps, tokens).items():
        # H = - sum p log p; the bound keeps the gradient finite at p = 0, in the precision of the maps too
        entropy = -(p * p.clamp_min(torch.finfo(maps[layer].dtype).eps ** 2).log()).sum(0)  # (n,)
        entropies.append(entropy.mean() / math.log(max(len(p), 2)))  # a single pixel has entropy 0
    return torch.stack(entropies).mean()


def localisation(maps: Maps, map_sizes: MapSizes, tokens: Sequence[int]) -> torch.Tensor:
    """Spatial variance of the tokens' maps about their own centres of mass, the mean over tokens and layers.

    In units where both sides of the picture are 1: 0 for one pixel, 1/6 spread evenly, at most 1/2
    (two opposite corners). A token's map is that of `sparsity`.

    Args:
        map_sizes: {layer: (h, w)}, h * w = HW, at least the layers of `maps`.
        tokens: positions in the padded sequence.

    Raises:
        ValueError: as `sparsity`, and where a layer has no grid or one of another size.
    """
    variances = []
    for layer, p in _distributions(maps, tokens).items():
        places = _places(layer, len(p), map_sizes).to(p)  # (HW, 2)
        centre = p.T @ places  # (n, 2)
        # sum over pixels of p |x - centre|^2
        variances.append((p * (places[:, None] - centre).square().sum(-1)).sum(0).mean())
    return torch.stack(variances).mean()


def _differences(maps: Maps, targets: Maps) -> list[torch.Tensor]:
    """A - Ahat of every layer, (heads, HW, N)."""
    _check_maps("maps", maps)
    check.mapping("targets", targets)
    differences = []
    for layer, probs in maps.items():
        if layer not in targets:
            raise ValueError(
                f"There is no target for the maps of {layer!r}; record that layer at inversion, or set l2 "
                "and l1 to 0."
            )
        own = wide(probs)
        target = check.tensor(f"The target of {layer!r}, as its maps,", targets[layer], *own.shape)
        differences.append(own - target.to(own))
    return differences


def _distributions(maps: Maps, tokens: Sequence[int]) -> dict[str, torch.Tensor]:
    """{layer: (HW, n)}, each column a token's map as a distribution over pixels."""
    _check_maps("maps", maps)
    tokens = check.indices("tokens", tokens)
    if not tokens:
        raise ValueError("There are no tokens to look at; name a word of the prompt.")
    distributions = {}
    for layer, probs in maps.items():
        if not all(0 <= position < probs.shape[-1] for position in tokens):
            raise ValueError(
                f"Token positions run from 0 to {probs.shape[-1] - 1}; {tokens} are not all among them."
            )
        mass = wide(probs[..., tokens]).mean(0)  # (HW, n)
        # A token that looks nowhere has no distribution;
        # the bound keeps its gradient finite, as in `sparsity`.
        distributions[layer] = mass / mass.sum(0).clamp_min(torch.finfo(probs.dtype).eps)
    return distributions


def _places(layer: str, pixels: int, map_sizes: MapSizes) -> torch.Tensor:
    """Centres (y, x) of a grid's pixels in a picture whose sides are 1; (HW, 2)."""
    size = check.mapping("map_sizes", map_sizes).get(layer)
    if not isinstance(size, (tuple, list)) or math.prod(check.sides(layer, size, pixels)) != pixels:
        raise ValueError(
            f"The maps of {layer!r} have {pixels} pixels and need a size (h, w) of as many, not "
            f"{check.shown(size)}."
        )
    y, x = ((torch.arange(side, dtype=torch.float64) + 0.5) / side for side in size)
    return torch.cartesian_prod(y, x)


def _only(maps: Maps, tokens: list[int]) -> Maps:
    """The columns of some tokens."""
    return {layer: probs[..., tokens] for layer, probs in maps.items()}


def _check_maps(name: str, maps: Maps) -> None:
    """Refuse nothing at all, and what is not (heads, HW, N), one row of a batch."""
    if not check.mapping(name, maps):
        raise ValueError(
            "There are no attention maps; record some layers with attention_control(unet, layers)."
        )
    for layer, probs in maps.items():
        check.tensor(f"The maps of {layer!r}, of one row,", probs, "heads", "HW", "N")

"""What the decoded picture should look like: near a picture, its features, its style.

Pictures are (B, 3, H, W) in [0, 1]. Features are {layer: F (B, C, h, w)} of a `FeatureNetwork`: VGG-16, the
autoencoder's encoder, or another. The functions are pure; the classes are their faces as objectives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch

from styledit import validation as check
from styledit.objectives.state import ObjectiveState, OfThePicture

Features = Mapping[str, torch.Tensor]


@runtime_checkable
class FeatureNetwork(Protocol):
    """A network that looks at pictures."""

    @property
    def content_layers(self) -> tuple[str, ...]:
        """Names of the layers that the perceptual distance compares."""

    @property
    def style_layers(self) -> tuple[str, ...]:
        """Names of the layers that the style distance compares."""

    def features(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        """{layer: F (B, C, h, w)} of pictures (B, 3, H, W) in [0, 1]; differentiable."""


def l2(pixels: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """L_l2 = mean (x - y)^2, a scalar.

    Args:
        pixels, target: pictures of one shape, (B, 3, H, W).

    Raises:
        TypeError: something that is no tensor.
        ValueError: pictures of different shape.
    """
    _check_same("pictures", pixels, target)
    return (pixels - target.to(pixels)).square().mean()


def perceptual(features: Features, targets: Features, relative: bool = False) -> torch.Tensor:
    """L_perceptual = mean over layers of mean (F - Fhat)^2 (Johnson et al., 1603.08155, equation 2).

    Args:
        features, targets: {layer: (B, C, h, w)}, the same layers.
        relative: divide each layer by its target's mean Fhat^2, so that a weight means the same for networks
            whose features are large and for those whose features are small.

    Raises:
        TypeError: `relative` is no bool.
        ValueError: there are no layers, or layers or shapes that do not fit.
    """
    return _mean_over_layers(features, targets, lambda own: own, relative)


def gram(features: torch.Tensor) -> torch.Tensor:
    """G = F F^T / (C h w), F (B, C, h w) (Gatys et al., 1508.06576, equation 3): which features go together,
    wherever they are; (B, C, C).

    Raises:
        ValueError: the features are no (B, C, h, w).
    """
    check.tensor("The features", features, "B", "C", "h", "w")
    rows = features.flatten(2)  # (B, C, hw)
    return rows @ rows.transpose(1, 2) / (rows.shape[1] * rows.shape[2])


def gram_style(features: Features, targets: Features, relative: bool = False) -> torch.Tensor:
    """L_style = mean over layers of sum (G - Ghat)^2 (Gatys et al., 1508.06576, equations 4 and 5), a scalar.

    Args:
        features, targets: {layer: (B, C, h, w)}, the same layers; their sizes (h, w) may differ.
        relative: divide each layer by its target's sum Ghat^2, as in `perceptual`.

    Raises:
        TypeError: `relative` is no bool.
        ValueError: there are no layers, or layers or channels that do not fit.
    """
    return _mean_over_layers(features, targets, gram, relative, square=_sum_of_squares)


@dataclass(frozen=True, eq=False)
class PictureObjective(OfThePicture):
    """What objectives that compare with a picture have in common.

    `target` (1, 3, H, W): the picture to compare with.
    """

    target: torch.Tensor

    def __post_init__(self) -> None:
        check.finite(check.tensor("The picture of an objective", self.target, 1, 3, "H", "W"), "The picture")


@dataclass(frozen=True, eq=False)
class L2(PictureObjective):
    """`l2` to a picture."""

    def __call__(self, state: ObjectiveState) -> torch.Tensor:
        """A scalar. Raises as `l2`."""
        return l2(state.pixels, self.target)


@dataclass(frozen=True, eq=False)
class Perceptual(PictureObjective):
    """`perceptual`, relative, to a picture.

    Args:
        network: whose `content_layers` are compared.
    """

    network: FeatureNetwork

    def __post_init__(self) -> None:
        super().__post_init__()
        check_network(self.network)

    @cached_property
    def target_features(self) -> dict[str, torch.Tensor]:
        """The picture's features, computed once."""
        return _features_of(self.network, self.target, self.network.content_layers)

    def __call__(self, state: ObjectiveState) -> torch.Tensor:
        """A scalar. Raises as `perceptual`."""
        features = _chosen(state.features(self.network), self.network.content_layers)
        return perceptual(features, self.target_features, relative=True)


@dataclass(frozen=True, eq=False)
class GramStyle(PictureObjective):
    """`gram_style`, relative, to a picture of any size.

    Args:
        network: whose `style_layers` are compared.
    """

    network: FeatureNetwork

    def __post_init__(self) -> None:
        super().__post_init__()
        check_network(self.network)

    @cached_property
    def target_features(self) -> dict[str, torch.Tensor]:
        """The picture's features, computed once."""
        return _features_of(self.network, self.target, self.network.style_layers)

    def __call__(self, state: ObjectiveState) -> torch.Tensor:
        """A scalar. Raises as `gram_style`."""
        features = _chosen(state.features(self.network), self.network.style_layers)
        return gram_style(features, self.target_features, relative=True)


def _sum_of_squares(values: torch.Tensor) -> torch.Tensor:
    return values.square().sum()


def _mean_of_squares(values: torch.Tensor) -> torch.Tensor:
    return values.square().mean()


def _mean_over_layers(
    features: Features,
    targets: Features,
    view: Callable[[torch.Tensor], torch.Tensor],
    relative: bool,
    square: Callable[[torch.Tensor], torch.Tensor] = _mean_of_squares,
) -> torch.Tensor:
    """The mean over layers of the squared difference of what a view shows of two pictures' features."""
    if not check.mapping("features", features):
        raise ValueError("There are no features to compare; name some layers of the network.")
    relative = check.flag("relative", relative)
    parts = []
    for layer, own in features.items():
        if layer not in check.mapping("targets", targets):
            raise ValueError(
                f"There is no target for the features of {layer!r}; give the same layers of both."
            )
        ours, theirs = view(own), view(targets[layer].to(own))
        _check_same(f"features of {layer!r}", ours, theirs)
        part = square(ours - theirs)
        if relative:
            part = part / square(theirs).clamp_min(torch.finfo(theirs.dtype).eps)
        parts.append(part)
    return torch.stack(parts).mean()


@torch.no_grad()
def _features_of(
    network: FeatureNetwork, picture: torch.Tensor, layers: tuple[str, ...]
) -> dict[str, torch.Tensor]:
    """Some layers' features of a picture to compare with."""
    return _chosen(check.mapping("The network's features", network.features(picture)), layers)


def _chosen(features: Features, layers: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """The features of the layers that a network names."""
    for layer in layers:
        if layer not in features:
            raise ValueError(
                f"The network names the layer {layer!r}, and its features have none of that name; they have "
                f"{check.shown(list(features))}."
            )
    return {layer: features[layer] for layer in layers}


def check_network(network: object) -> None:
    """Raise TypeError for what is no `FeatureNetwork`."""
    if not isinstance(network, FeatureNetwork):
        raise TypeError(
            f"network must look at pictures, such as load_vgg(...) or EncoderFeatures(pipe.vae), "
            f"not {check.shown(network)}."
        )


def _check_same(what: str, first: torch.Tensor, second: torch.Tensor) -> None:
    """Refuse what broadcasting would hide."""
    for value in (first, second):
        check.floats(f"The {what}", value)
    if first.shape != second.shape:
        raise ValueError(
            f"The two {what} have shapes {tuple(first.shape)} and {tuple(second.shape)}; "
            "they must be the same."
        )

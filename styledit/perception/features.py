"""Features of pictures for perceptual and style distances, from networks that a pipeline has anyway."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL
from torch.utils.checkpoint import checkpoint

from styledit import validation
from styledit.perception.clip import Clip


@dataclass(frozen=True, eq=False)
class EncoderFeatures:
    """What an autoencoder's encoder sees: `in`, its first convolution, then `down 1`, `down 2` … its blocks.

    It comes with every pipeline, and takes no part in judging edits.

    Args:
        vae: the pipeline's autoencoder.
        content_layers, style_layers: which layers the two distances compare; by default the deepest but one,
            and all but the deepest.
        recompute: recompute activations in the backward pass instead of keeping them.

    Raises:
        TypeError: `vae` is no autoencoder.
        ValueError: it has no such layer.
    """

    vae: AutoencoderKL
    content_layers: tuple[str, ...] = ()
    style_layers: tuple[str, ...] = ()
    recompute: bool = False

    def __post_init__(self) -> None:
        validation.instance("vae", self.vae, AutoencoderKL, "pipe.vae")
        names = self.names
        _choose_layers(self, names, content_layers=names[-2:-1], style_layers=names[:-1])

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its layers, from the picture inwards."""
        return ("in", *(f"down {k + 1}" for k in range(len(self.vae.encoder.down_blocks))))

    def features(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        """{layer: (B, C, h, w)} of pictures (B, 3, H, W) in [0, 1], as far as a distance needs them."""
        wanted = {*self.content_layers, *self.style_layers}
        encoder = self.vae.encoder
        x = (2 * pixels - 1).to(encoder.conv_in.weight.dtype)
        found = {}
        for name, layer in zip(self.names, (encoder.conv_in, *encoder.down_blocks), strict=True):
            if not wanted:
                break
            again = self.recompute and torch.is_grad_enabled()
            x = checkpoint(layer, x, use_reentrant=False) if again else layer(x)
            if name in wanted:
                found[name] = x.to(pixels.dtype)
                wanted.discard(name)
        return found


@dataclass(frozen=True, eq=False)
class ClipFeatures:
    """What a CLIP's image tower sees: `layer k`, the patch tokens after its k-th layer, as maps (B, d, h, w).

    Args:
        clip: from `load_clip`.
        content_layers, style_layers: which layers the two distances compare; by default the middle one, and
            those up to it.

    Raises:
        TypeError: `clip` is no Clip.
        ValueError: it has no such layer.
    """

    clip: Clip
    content_layers: tuple[str, ...] = ()
    style_layers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        validation.instance("clip", self.clip, Clip, "load_clip()")
        count = self.clip.model.config.vision_config.num_hidden_layers
        names = tuple(f"layer {k}" for k in range(count + 1))
        middle = count // 2
        _choose_layers(
            self, names, content_layers=names[middle : middle + 1], style_layers=names[: middle + 1]
        )

    def features(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        """{layer: (B, d, h, w)} of pictures (B, 3, H, W) in [0, 1]."""
        x = self.clip.prepare(pixels)
        tower = self.clip.image_tower
        side = tower.config.patch_size
        height, width = (length // side for length in x.shape[2:])
        hidden = tower(pixel_values=x, output_hidden_states=True).hidden_states
        wanted = {*self.content_layers, *self.style_layers}
        return {
            name: tokens[:, 1:].transpose(1, 2).unflatten(2, (height, width))
            for name, tokens in ((f"layer {k}", tokens) for k, tokens in enumerate(hidden))
            if name in wanted
        }


def _choose_layers(features: object, names: tuple[str, ...], **defaults: tuple[str, ...]) -> None:
    """Set the fields of some features to the layers that were given, or else to their defaults."""
    for field, default in defaults.items():
        chosen = validation.several(field, getattr(features, field) or default)
        for name in chosen:
            validation.choice(f"A layer of {field}", name, names)
        object.__setattr__(features, field, chosen)

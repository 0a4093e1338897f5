"""More training for the decoder, on whole pictures, while the encoder stays as it is.

It learns to draw sharply: a perceptual distance by the committed perceptual encoder, and a critic of
patches (both as in guided edits, `styledit.objectives`).
"""

from __future__ import annotations

import numpy as np
import torch
from torch.func import functional_call

from recipe import folders, loop
from recipe.edition import COMMITTED, Edition
from recipe.samples import pictures_of, to_tensor, training_scenes
from recipe.stages.autoencoder import load_autoencoder, load_latents
from recipe.stages.code import MUON_RATE, difference
from recipe.world import SIDE
from styledit.objectives.critic import PatchDiscriminator, hinge_critic, hinge_generator
from styledit.objectives.pixels import perceptual
from styledit.perception.perceptual_encoder import load_perceptual_encoder

STEPS = 3_000
BATCH = 4
SEEN = SIDE // 2  # the critic's patches are at home in a picture of this side
# Weights beside `difference`: at the pictures of the trained code their pulls are 0.8 and 0.3 of its own.
PERCEPTUAL = 1.0
ADVERSARIAL = 0.02
ALONE = 1_000  # steps that the critic learns before it pulls


def train_decoder(steps: int, edition: Edition = COMMITTED) -> None:
    """Train the decoder on the cached scenes, from where the code stage left it."""
    vae = load_autoencoder().to(loop.device())
    layout = loop.faster_layout()
    decoder = vae.decoder.requires_grad_(True).to(memory_format=layout)
    latents = load_latents()
    source = training_scenes(edition)
    sharp = Sharpness()

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        pick = rng.integers(0, len(source), BATCH)
        z = torch.from_numpy(latents[pick]).float().to(vae.device) / vae.config.scaling_factor
        with loop.autocast():
            y = vae.decode(z.contiguous(memory_format=layout)).sample.float()
        x = to_tensor(pictures_of([source[i] for i in pick]), signed=True).to(vae.device)
        return difference(y, x) + sharp(y, x, step)

    modules = {"decoder": decoder, "post_quant_conv": vae.post_quant_conv.requires_grad_(True)}
    loop.train(
        "decoder",
        modules,
        loss,
        steps=steps,
        lr=2e-3,
        muon=MUON_RATE,
        critics={"critic": sharp.critic},
        ema=0.998,
    )


class Sharpness:
    """What makes pictures sharp: features of the perceptual encoder, and a critic that learns meanwhile."""

    def __init__(self) -> None:
        device = loop.device()
        self.encoder = load_perceptual_encoder(folders.MODEL / "perceptual_encoder", device=device)
        self.critic = PatchDiscriminator(SEEN).to(device)

    def __call__(self, y: torch.Tensor, x: torch.Tensor, step: int) -> torch.Tensor:
        """The loss of decoder and critic for pictures y of true pictures x, both (B, 3, H, W) in [-1, 1]; the
        critic's own part moves the critic only, its pull the decoder only.
        """
        y, x = y / 2 + 0.5, x / 2 + 0.5
        with torch.no_grad():
            wanted = self._seen(x)
        total = PERCEPTUAL * perceptual(self._seen(y), wanted, relative=True)
        total = total + hinge_critic(self.critic(x), self.critic(y.detach()))
        if step < ALONE:
            return total
        still = {name: p.detach() for name, p in self.critic.named_parameters()}
        return total + ADVERSARIAL * hinge_generator(functional_call(self.critic, still, (y,)))

    def _seen(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """The layers of the perceptual encoder that see strokes, of pictures in [0, 1]."""
        features = self.encoder.features(x)
        return {name: features[name] for name in self.encoder.style_layers}

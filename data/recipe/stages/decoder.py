"""The decoder: trained on crops, while the encoder stays as it is."""

from __future__ import annotations

import numpy as np
import torch

from recipe import loop
from recipe.edition import COMMITTED, FIRST, SECOND, Edition
from recipe.patch_pca import PATCH
from recipe.samples import to_tensor, training_scenes
from recipe.stages.autoencoder import load_autoencoder, load_latents
from recipe.stages.code import MUON_RATE, difference
from recipe.world import render

STEPS = {FIRST.name: 2_500, SECOND.name: 15_000}
BATCH = 16
CELLS = 8  # a crop's side in latent cells


def train_decoder(steps: int, edition: Edition = COMMITTED) -> None:
    """Train the decoder on 64 × 64 crops; one that was trained with its encoder goes on from there."""
    vae = load_autoencoder(edition).to(loop.device())
    layout = loop.faster_layout() if edition.code.trained else torch.channels_last
    decoder = vae.decoder.requires_grad_(True).to(memory_format=layout)
    latents = load_latents(edition)
    source = training_scenes(edition)

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        crops_of_latents = []
        crops_of_pictures = []
        for i in rng.integers(0, len(source), BATCH):
            row, column = rng.integers(0, latents.shape[-1] - CELLS + 1, 2)
            picture = render(source[i])[0]
            crops_of_latents.append(latents[i, :, row : row + CELLS, column : column + CELLS])
            rows = slice(row * PATCH, (row + CELLS) * PATCH)
            columns = slice(column * PATCH, (column + CELLS) * PATCH)
            crops_of_pictures.append(picture[rows, columns])
        z = torch.from_numpy(np.stack(crops_of_latents)).float().to(vae.device) / vae.config.scaling_factor
        with loop.autocast():
            y = vae.decode(z.contiguous(memory_format=layout)).sample.float()
        return difference(y, to_tensor(np.stack(crops_of_pictures), signed=True).to(vae.device))

    modules = {"decoder": decoder, "post_quant_conv": vae.post_quant_conv.requires_grad_(True)}
    muon = MUON_RATE if edition.code.trained else 0.0
    loop.train(edition.path("decoder"), modules, loss, steps=steps, lr=2e-3, muon=muon, ema=0.998)

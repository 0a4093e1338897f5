"""The decoder: trained on crops; it learns more than the linear inverse of the encoder."""

from __future__ import annotations

import numpy as np
import torch

from recipe import loop
from recipe.edition import COMMITTED, FIRST, SECOND, Edition
from recipe.patch_pca import PATCH
from recipe.samples import to_tensor, training_scenes
from recipe.stages.autoencoder import load_autoencoder, load_latents
from recipe.world import render

STEPS = {FIRST.name: 2_500, SECOND.name: 15_000}
BATCH = 16
CELLS = 8  # a crop's side in latent cells


def train_decoder(steps: int, edition: Edition = COMMITTED) -> None:
    """Train the decoder on 64 × 64 crops: L1, gradient difference and L2 to the picture."""
    vae = load_autoencoder().to(loop.device())
    decoder = vae.decoder.requires_grad_(True).to(memory_format=torch.channels_last)
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
            y = vae.decode(z.contiguous(memory_format=torch.channels_last)).sample.float()
        error = y - to_tensor(np.stack(crops_of_pictures), signed=True).to(vae.device)
        edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        return error.abs().mean() + 0.5 * edges + error.square().mean()

    modules = {"decoder": decoder, "post_quant_conv": vae.post_quant_conv.requires_grad_(True)}
    loop.train(edition.path("decoder"), modules, loss, steps=steps, lr=2e-3, ema=0.998)

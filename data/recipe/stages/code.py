"""The trained code of pictures: encoder and decoder learn together, before the diffusion model.

Afterwards the encoder stays as it is, so that latents can be encoded once; the decoder can be trained on.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import numpy as np
import torch
from diffusers import AutoencoderKL

from recipe import loop, patch_pca
from recipe.artwork import HELD_OUT_ARTIST, TRAIN_ARTISTS
from recipe.edition import COMMITTED, Edition
from recipe.patch_pca import PATCH
from recipe.samples import pictures_of, to_tensor
from recipe.stages.autoencoder import build, has_latents, trained_code
from recipe.world import SIDE, Scene, sample_scene

STEPS = 8_000
BATCH = 16
CROPS = 2  # of each picture in a batch
CELLS = 8  # a crop's side in latent cells
WHOLE = 1_000  # last steps, on whole pictures: crops have other statistics in group norms and attention
RATE = 2e-3  # AdamW's
MUON_RATE = 3e-3
NOISE = 0.02  # standard deviation, in the latents that are decoded: their neighbours decode alike
QUIET = 0.25  # mean square of the channels beyond the patch PCA's: what they add is finer and comes later
KEPT = 0.1  # weight of the penalty that keeps it there
NO_VARIANCE = -20.0  # logarithm: the encoder is deterministic
HELD_OUT = 8  # pictures a style that show how good the code is


def train_code(steps: int, edition: Edition = COMMITTED) -> None:
    """Train the autoencoder, mostly on 64 × 64 crops, and write the folder that ``load_autoencoder`` reads.

    The first channels are held at the committed patch PCA: the decoder has something to learn from at once,
    and a diffusion model that knows them learns only what the others add.
    """
    if has_latents():
        if loop.last_step("code") >= steps:
            return
        raise SystemExit("The latents are encoded: the encoder stays as it is. To train it on, remove them.")
    vae = build(edition.code).to(loop.device(), memory_format=loop.faster_layout())
    pca = patch_pca.committed()
    shown = pictures_of(held_out(edition))

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        pictures = crops(rng, edition) if step < steps - WHOLE else whole(rng, edition)
        x = to_tensor(pictures, signed=True).to(vae.device, memory_format=loop.faster_layout())
        with loop.autocast():
            z = vae.encode(x).latent_dist.mean
            y = vae.decode(z + NOISE * torch.randn_like(z)).sample
        z = z.float()
        linear = torch.from_numpy(pca.encode(pictures).transpose(0, 3, 1, 2)).to(z)
        known, added = z.split([linear.shape[1], z.shape[1] - linear.shape[1]], dim=1)
        held = (known - linear).square().mean() + KEPT * (added.square().mean() - QUIET).square()
        return difference(y.float(), x) + held

    def report(step: int) -> None:
        decibels = quality(vae, shown).reshape(len(edition.styles), -1).mean(1).tolist()
        of_style = zip(edition.styles, decibels, strict=True)
        styles = ", ".join(f"{style} {value:.1f}" for style, value in of_style)
        print(f"code step {step}: held-out artist {np.mean(decibels):.2f} dB ({styles})", flush=True)

    loop.train(
        "code",
        {"vae": vae},
        loss,
        steps=steps,
        lr=RATE,
        muon=MUON_RATE,
        ema=0.998,
        report=report,
    )
    _write(vae.cpu())


def difference(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """L1, gradient difference and L2 between pictures in [-1, 1]."""
    error = y - x
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.abs().mean() + 0.5 * edges + error.square().mean()


def crops(rng: np.random.Generator, edition: Edition) -> np.ndarray:
    """Crops (BATCH, 64, 64, 3) uint8 of fresh training scenes, at whole latent cells."""
    cut = []
    for picture in pictures_of([sample_scene(rng, TRAIN_ARTISTS, edition) for _ in range(BATCH // CROPS)]):
        for row, column in rng.integers(0, SIDE // PATCH - CELLS + 1, (CROPS, 2)) * PATCH:
            cut.append(picture[row : row + CELLS * PATCH, column : column + CELLS * PATCH])
    return np.stack(cut)


def whole(rng: np.random.Generator, edition: Edition) -> np.ndarray:
    """As many pixels as in ``crops``, of whole training scenes (n, SIDE, SIDE, 3) uint8."""
    count = BATCH * (CELLS * PATCH) ** 2 // SIDE**2
    return pictures_of([sample_scene(rng, TRAIN_ARTISTS, edition) for _ in range(count)])


def held_out(edition: Edition) -> list[Scene]:
    """Scenes of the held-out artist, as many of each style, always the same."""
    rng = np.random.default_rng(5)
    worlds = [replace(edition, styles=(style,)) for style in edition.styles]
    return [sample_scene(rng, (HELD_OUT_ARTIST,), world) for world in worlds for _ in range(HELD_OUT)]


@torch.no_grad()
def quality(vae: AutoencoderKL, pictures: np.ndarray) -> torch.Tensor:
    """PSNR in dB of each picture (n, H, W, 3) uint8 that has been encoded and decoded, (n,)."""
    decibels = []
    for x in to_tensor(pictures, signed=True).split(8):
        x = x.to(vae.device)
        y = vae.decode(vae.encode(x).latent_dist.mean).sample.clamp(-1, 1)
        decibels.append(10 * torch.log10(4 / (y - x).square().mean((1, 2, 3))))
    return torch.cat(decibels).cpu()


@torch.no_grad()
def _write(vae: AutoencoderKL) -> None:
    """Save the autoencoder; its latents have the patch PCA's scale already."""
    channels = vae.config.latent_channels
    vae.quant_conv.weight[channels:] = 0
    vae.quant_conv.bias[channels:] = NO_VARIANCE
    vae.register_to_config(scaling_factor=1.0)
    folder = trained_code()
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    vae.save_pretrained(unfinished)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(unfinished, folder)

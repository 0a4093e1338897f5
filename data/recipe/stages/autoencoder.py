"""The autoencoder, and the latents of the training scenes; its decoder is trained by the stage of that name.

Where an edition's encoder is not trained, it is an exact patch PCA: the latents are the leading principal
components of 8 × 8 patches, written into the standard ``AutoencoderKL`` encoder by choosing its weights.
Nothing has to be trained before the diffusion model can start, and the latents are linear in the picture.
With either encoder, the decoder can be improved at any time without touching a latent.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL
from tqdm import tqdm

from recipe import folders, loop, patch_pca
from recipe.edition import COMMITTED, LINEAR, Code, Edition
from recipe.patch_pca import PATCH, PatchPCA
from recipe.samples import pictures_of, scenes, to_tensor, training_scenes
from recipe.world import SIDE

GROUPS = 8
PER_GROUP = LINEAR.widths[-1] // GROUPS  # channels that the last GroupNorm normalises together
PAIRS = PER_GROUP // 2 - 1  # latent channels a group: each takes +x and -x; the last two places are guards
GUARD = 1000.0  # constants that hold the group norm still, see `_pass_through_norm`
NO_VARIANCE = -20.0  # logarithm: the encoder is deterministic
CHUNK = 100  # pictures that are encoded together


def train_autoencoder(edition: Edition = COMMITTED) -> None:
    """Fit the patch PCA where it is the encoder and there is none, then encode the training scenes once.

    The latents (float16, in the scale of the diffusion model) are written to a memory-mapped file by all
    cores; a killed run goes on with the chunks that are missing.
    """
    code = edition.code
    if not code.trained and not patch_pca.FILE.exists():
        patch_pca.fit(pictures_of(scenes(2500, 1, edition)), code.channels).save(patch_pca.FILE)
    vae = load_autoencoder(edition)
    file = _latents_file(edition)
    if file.exists():
        return
    unfinished = file.with_suffix(".unfinished.npy")
    written = file.with_suffix(".written.npy")  # which chunks are there
    if not written.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        shape = (edition.pictures, code.channels, SIDE // PATCH, SIDE // PATCH)
        np.lib.format.open_memmap(unfinished, "w+", np.float16, shape).flush()
        np.save(written, np.zeros(-(-edition.pictures // CHUNK), bool))
    done = np.load(written, mmap_mode="r+")
    missing = np.flatnonzero(~done)
    # spawn: a fork of a process that has multiplied matrices may hang in its first product
    encoder = trained_code(edition) if code.trained else None
    with loop.announced(), get_context("spawn").Pool(os.cpu_count(), _one_thread) as pool:
        jobs = [(unfinished, edition, encoder, int(chunk)) for chunk in missing]
        for chunk in tqdm(pool.imap_unordered(_encode, jobs), total=len(missing)):
            done[chunk] = True
            done.flush()
    latents = np.load(unfinished, mmap_mode="r")
    by_encoder = encode(vae, pictures_of(training_scenes(edition)[:8]), exact=encoder is None)
    np.testing.assert_allclose(by_encoder, latents[:8], atol=5e-3, rtol=5e-3)
    os.replace(unfinished, file)
    written.unlink()


def _one_thread() -> None:
    """A process of the pool: its share of the processor is one core."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _encode(job: tuple[Path, Edition, Path | None, int]) -> int:
    """Write one chunk: with the trained autoencoder in the folder, or where there is none, the patch PCA."""
    file, edition, encoder, chunk = job
    part = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
    pictures = pictures_of(training_scenes(edition)[part])
    latents = np.load(file, mmap_mode="r+")
    if encoder is not None:
        latents[part] = encode(_loaded(encoder), pictures)
    else:  # the matrix product that the encoder is, faster than its layers
        latents[part] = patch_pca.committed().encode(pictures).transpose(0, 3, 1, 2)
    latents.flush()
    return chunk


def _load(folder: Path) -> AutoencoderKL:
    return AutoencoderKL.from_pretrained(folder).requires_grad_(False)


_loaded = lru_cache(maxsize=1)(_load)  # of a process of the pool


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: np.ndarray, *, exact: bool = False) -> np.ndarray:
    """Scaled latents (n, channels, H/8, W/8) float32 of pictures (n, H, W, 3) uint8.

    The products are in bfloat16 where that pays, unless they are to be ``exact``.
    """
    parts = to_tensor(pictures, signed=True).split(10)
    with nullcontext() if exact else loop.autocast():
        z = torch.cat([vae.encode(x.to(vae.device)).latent_dist.mean for x in parts])
    return (z.float() * vae.config.scaling_factor).cpu().numpy()


def has_latents(edition: Edition) -> bool:
    """Whether some training scenes have been encoded."""
    file = _latents_file(edition)
    return file.exists() or file.with_suffix(".unfinished.npy").exists()


def _latents_file(edition: Edition) -> Path:
    return folders.CACHE / edition.path("latents.npy")


def load_latents(edition: Edition = COMMITTED) -> np.ndarray:
    """The latents of the training scenes, (n, channels, SIDE/8, SIDE/8) float16, mapped from their file."""
    if not _latents_file(edition).exists():
        raise SystemExit("There are no latents yet: run the autoencoder stage first.")
    return np.load(_latents_file(edition), mmap_mode="r")


def trained_code(edition: Edition) -> Path:
    """The folder with the edition's trained autoencoder, as diffusers saves it."""
    return folders.CACHE / edition.path("code")


def load_autoencoder(edition: Edition = COMMITTED) -> AutoencoderKL:
    """The autoencoder with its final encoder; nothing learns yet.

    A trained one has the decoder that was trained with it, the patch PCA one with fresh weights.
    """
    if edition.code.trained:
        if not trained_code(edition).exists():
            raise SystemExit(f"The {edition.name} edition has no encoder yet: run the code stage first.")
        return _load(trained_code(edition))
    vae = build(edition.code)
    pca = patch_pca.committed()
    write_pca(vae, pca)
    vae.register_to_config(scaling_factor=float(1 / pca.overall[0]))
    return vae.requires_grad_(False)


def build(code: Code = LINEAR) -> AutoencoderKL:
    """The network with fresh weights."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=code.channels,
        block_out_channels=code.widths,
        layers_per_block=1,
        norm_num_groups=GROUPS,
        sample_size=SIDE,
        down_block_types=("DownEncoderBlock2D",) * len(code.widths),
        up_block_types=("UpDecoderBlock2D",) * len(code.widths),
    )


# --- the encoder's weights --------------------------------------------------------------------------


@torch.no_grad()
def write_pca(vae: AutoencoderKL, pca: PatchPCA) -> None:
    """Choose the encoder's weights so that its mean is the patch PCA, not yet scaled to unit variance."""
    encoder = vae.encoder
    for block in [r for d in encoder.down_blocks for r in d.resnets] + list(encoder.mid_block.resnets):
        block.conv2.weight.zero_()
        block.conv2.bias.zero_()
        if block.conv_shortcut is not None:
            _identity(block.conv_shortcut)
    for attention in encoder.mid_block.attentions:
        attention.to_out[0].weight.zero_()
        attention.to_out[0].bias.zero_()
    _identity(encoder.conv_in)
    first, second, third = (d.downsamplers[0].conv for d in encoder.down_blocks[:3])
    _space_to_depth(first, 3)
    _space_to_depth(second, 12)
    rows = torch.from_numpy(pca.rows).float()
    offset = -rows @ torch.from_numpy(pca.mean).float()
    _write_projection(third, rows, offset)
    _pass_through_norm(encoder.conv_norm_out, encoder.conv_out)
    vae.quant_conv.weight.copy_(torch.eye(2 * LINEAR.channels)[..., None, None])
    vae.quant_conv.bias.zero_()


def _identity(conv: torch.nn.Conv2d) -> None:
    conv.weight.zero_()
    conv.bias.zero_()
    middle = conv.kernel_size[0] // 2
    for i in range(min(conv.in_channels, conv.out_channels)):
        conv.weight[i, i, middle, middle] = 1


def _space_to_depth(conv: torch.nn.Conv2d, used: int) -> None:
    """Stride 2: output channel (2 dy + dx) used + k holds channel k of the pixel at (dy, dx)."""
    conv.weight.zero_()
    conv.bias.zero_()
    for dy in (0, 1):
        for dx in (0, 1):
            for k in range(used):
                conv.weight[(2 * dy + dx) * used + k, k, dy, dx] = 1


def _slots() -> list[tuple[int, int]]:
    """Where each latent channel's +x and -x live."""
    starts = [k // PAIRS * PER_GROUP + 2 * (k % PAIRS) for k in range(LINEAR.channels)]
    return [(start, start + 1) for start in starts]


def _write_projection(conv: torch.nn.Conv2d, rows: torch.Tensor, offset: torch.Tensor) -> None:
    """The third down-sampling sees whole patches (4 positions × 48 channels): project them."""
    conv.weight.zero_()
    conv.bias.zero_()
    for end in range(PER_GROUP, conv.out_channels + 1, PER_GROUP):
        conv.bias[end - 2] = GUARD
        conv.bias[end - 1] = -GUARD
    for k, (plus, minus) in enumerate(_slots()):
        patch = rows[k].reshape(PATCH, PATCH, 3)
        for y in range(PATCH):
            for x in range(PATCH):
                middle = 2 * (y // 2 % 2) + x // 2 % 2
                inner = 2 * (y % 2) + x % 2
                rgb = slice(12 * middle + 3 * inner, 12 * middle + 3 * inner + 3)
                conv.weight[plus, rgb, y // 4, x // 4] = patch[y, x]
                conv.weight[minus, rgb, y // 4, x // 4] = -patch[y, x]
        conv.bias[plus] = offset[k]
        conv.bias[minus] = -offset[k]


def _pass_through_norm(norm: torch.nn.GroupNorm, conv: torch.nn.Conv2d) -> None:
    """Undo the last GroupNorm and SiLU: silu(x) - silu(-x) = x; the guards fix a group's mean and spread."""
    norm.weight.fill_(GUARD * (2 / PER_GROUP) ** 0.5)
    norm.bias.zero_()
    conv.weight.zero_()
    conv.bias.zero_()
    for k, (plus, minus) in enumerate(_slots()):
        conv.weight[k, plus, 1, 1] = 1
        conv.weight[k, minus, 1, 1] = -1
    conv.bias[LINEAR.channels :] = NO_VARIANCE

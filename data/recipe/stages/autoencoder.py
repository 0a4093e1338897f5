"""The autoencoder's shape, and the latents of the training scenes.

The stages ``code`` and ``decoder`` train it. Once the scenes are encoded, the encoder stays as it is; the
decoder can be improved at any time without touching a latent.
"""

from __future__ import annotations

import os
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL
from tqdm import tqdm

from recipe import folders, loop
from recipe.edition import COMMITTED, Code, Edition
from recipe.patch_pca import PATCH
from recipe.samples import pictures_of, to_tensor, training_scenes
from recipe.world import SIDE

GROUPS = 8
CHUNK = 100  # pictures that are encoded together


def encode_scenes(edition: Edition = COMMITTED) -> None:
    """Encode the training scenes once.

    The latents (float16, in the scale of the diffusion model) are written to a memory-mapped file by all
    cores; a killed run goes on with the chunks that are missing.
    """
    vae = load_autoencoder()
    file = _latents_file()
    shape = (edition.pictures, edition.code.channels, SIDE // PATCH, SIDE // PATCH)
    unfinished = file.with_suffix(".unfinished.npy")
    for there in (file, unfinished):
        if there.exists() and np.load(there, mmap_mode="r").shape != shape:
            raise SystemExit(f"{there} is of another world or code: remove it, or name another folder.")
    if file.exists():
        return
    written = file.with_suffix(".written.npy")  # which chunks are there
    if not (written.exists() and unfinished.exists()):
        file.parent.mkdir(parents=True, exist_ok=True)
        np.lib.format.open_memmap(unfinished, "w+", np.float16, shape).flush()
        np.save(written, np.zeros(-(-edition.pictures // CHUNK), bool))
    done = np.load(written, mmap_mode="r+")
    missing = np.flatnonzero(~done)
    # spawn: a fork of a process that has multiplied matrices may hang in its first product
    with loop.announced(), get_context("spawn").Pool(os.cpu_count(), _begin, (folders.CACHE,)) as pool:
        jobs = [(unfinished, edition, int(chunk)) for chunk in missing]
        for chunk in tqdm(pool.imap_unordered(_encode, jobs), total=len(missing)):
            done[chunk] = True
            done.flush()
    latents = np.load(unfinished, mmap_mode="r")
    np.testing.assert_allclose(
        encode(vae, pictures_of(training_scenes(edition)[:8])), latents[:8], atol=5e-3, rtol=5e-3
    )
    os.replace(unfinished, file)
    written.unlink()


def _begin(cache: Path) -> None:
    """A process of the pool: it reads where the first one does, and has one core."""
    folders.CACHE = cache
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _encode(job: tuple[Path, Edition, int]) -> int:
    """Write one chunk."""
    file, edition, chunk = job
    part = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
    latents = np.load(file, mmap_mode="r+")
    latents[part] = encode(_loaded(), pictures_of(training_scenes(edition)[part]))
    latents.flush()
    return chunk


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: np.ndarray) -> np.ndarray:
    """Scaled latents (n, channels, H/8, W/8) float32 of pictures (n, H, W, 3) uint8.

    The products are in bfloat16 where that pays.
    """
    parts = to_tensor(pictures, signed=True).split(10)
    with loop.autocast():
        z = torch.cat([vae.encode(x.to(vae.device)).latent_dist.mean for x in parts])
    return (z.float() * vae.config.scaling_factor).cpu().numpy()


def has_latents() -> bool:
    """Whether some training scenes have been encoded."""
    file = _latents_file()
    return file.exists() or file.with_suffix(".unfinished.npy").exists()


def _latents_file() -> Path:
    return folders.CACHE / "latents.npy"


def load_latents() -> np.ndarray:
    """The latents of the training scenes, (n, channels, SIDE/8, SIDE/8) float16, mapped from their file."""
    if not _latents_file().exists():
        raise SystemExit("There are no latents yet: run the autoencoder stage first.")
    return np.load(_latents_file(), mmap_mode="r")


def trained_code() -> Path:
    """The folder that the code stage writes its autoencoder to, as diffusers saves it."""
    return folders.CACHE / "code"


def load_autoencoder() -> AutoencoderKL:
    """That of the code stage, or else the one in ``data/model``; nothing learns yet."""
    folder = trained_code() if trained_code().exists() else folders.MODEL / "vae"
    return AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float32).requires_grad_(False)


_loaded = lru_cache(maxsize=1)(load_autoencoder)  # of a process of the pool


def build(code: Code = COMMITTED.code) -> AutoencoderKL:
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

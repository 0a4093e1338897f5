"""The autoencoder: an exact patch PCA as the encoder, a trained convolutional decoder.

The latents are the leading principal components of 8 × 8 patches, written into the standard
``AutoencoderKL`` encoder by choosing its weights. Nothing has to be trained before the diffusion model
can start, the latents are linear in the picture, and the decoder can be improved at any time without
touching a latent. The decoder is trained on crops and learns more than the linear inverse.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL

PATCH = 8
CHANNELS = 12  # latent channels
WIDTHS = (16, 48, 64, 96)
GROUPS = 8
GUARD = 1000.0  # constants that hold the group norm still, see `_pass_through_norm`


def build() -> AutoencoderKL:
    n = len(WIDTHS)
    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=CHANNELS, block_out_channels=WIDTHS, layers_per_block=1,
        norm_num_groups=GROUPS, sample_size=128, down_block_types=("DownEncoderBlock2D",) * n,
        up_block_types=("UpDecoderBlock2D",) * n,
    )  # fmt: skip


def patches(pictures: np.ndarray) -> np.ndarray:
    """(n, H, W, 3) uint8 → (n, H/8, W/8, 192) float32 in [-1, 1]."""
    n, height, width, _ = pictures.shape
    x = pictures.reshape(n, height // PATCH, PATCH, width // PATCH, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, height // PATCH, width // PATCH, -1).astype(np.float32) / 127.5 - 1


def patch_components(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (192,), components (CHANNELS, 192) and their standard deviations (CHANNELS,) of 8 × 8 patches.

    ``pictures`` (n, 128, 128, 3) uint8; patches in [-1, 1], flattened as (row, column, rgb).
    """
    x = patches(pictures).reshape(-1, PATCH * PATCH * 3)
    mean = x.mean(0)
    variance, vectors = np.linalg.eigh(np.cov((x - mean).T))
    leading = slice(None, -CHANNELS - 1, -1)
    return mean, vectors[:, leading].T, np.sqrt(variance[leading])


@torch.no_grad()
def write_pca(vae: AutoencoderKL, mean: np.ndarray, components: np.ndarray, deviations: np.ndarray) -> None:
    """Choose the encoder's weights so that its mean is the patch PCA, each component divided by sqrt(std).

    The square root keeps the order of importance (coarse colour is loudest, so it is denoised first) but
    less steeply than plain PCA.
    """
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
    rows = torch.from_numpy(components / np.sqrt(deviations)[:, None]).float()
    offset = -rows @ torch.from_numpy(mean).float()
    _write_projection(third, rows, offset)
    _pass_through_norm(encoder.conv_norm_out, encoder.conv_out)
    vae.quant_conv.weight.copy_(torch.eye(2 * CHANNELS)[..., None, None])
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


PER_GROUP = WIDTHS[-1] // GROUPS  # channels that the last GroupNorm normalises together
PAIRS = PER_GROUP // 2 - 1  # latent channels per group: each takes +x and -x; the last two places are guards


def _slots() -> list[tuple[int, int]]:
    """Where each latent channel's +x and -x live."""
    starts = [k // PAIRS * PER_GROUP + 2 * (k % PAIRS) for k in range(CHANNELS)]
    return [(start, start + 1) for start in starts]


def _write_projection(conv: torch.nn.Conv2d, rows: torch.Tensor, offset: torch.Tensor) -> None:
    """The third down-sampling sees whole patches (4 positions × 48 channels): project them on the components."""
    conv.weight.zero_()
    conv.bias.zero_()
    for end in range(PER_GROUP, conv.out_channels + 1, PER_GROUP):
        conv.bias[end - 2], conv.bias[end - 1] = GUARD, -GUARD
    for k, (plus, minus) in enumerate(_slots()):
        patch = rows[k].reshape(PATCH, PATCH, 3)
        for y in range(PATCH):
            for x in range(PATCH):
                outer, middle, inner = (y // 4, x // 4), (y // 2 % 2, x // 2 % 2), (y % 2, x % 2)
                channel = (2 * middle[0] + middle[1]) * 12 + (2 * inner[0] + inner[1]) * 3
                conv.weight[plus, channel : channel + 3, outer[0], outer[1]] = patch[y, x]
                conv.weight[minus, channel : channel + 3, outer[0], outer[1]] = -patch[y, x]
        conv.bias[plus], conv.bias[minus] = offset[k], -offset[k]


def _pass_through_norm(norm: torch.nn.GroupNorm, conv: torch.nn.Conv2d) -> None:
    """Undo the last GroupNorm and SiLU: silu(x) - silu(-x) = x, and the guards fix the group's mean and spread."""
    norm.weight.fill_(GUARD * (2 / PER_GROUP) ** 0.5)
    norm.bias.zero_()
    conv.weight.zero_()
    conv.bias.zero_()
    for k, (plus, minus) in enumerate(_slots()):
        conv.weight[k, plus, 1, 1], conv.weight[k, minus, 1, 1] = 1, -1
    conv.bias[CHANNELS:] = -20.0  # log-variance: the encoder is deterministic

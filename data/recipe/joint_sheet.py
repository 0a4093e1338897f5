"""Look at the second model as it is trained: a sheet of pictures by the averaged weights of its checkpoint.

    python -m recipe.joint_sheet [--guidance 4] [--steps 1 2 4 8 15]

A row a prompt, a column a number of Euler steps, and last the scene that the prompt describes, as the
held-out artist draws it; written to CACHE/joint.png.
"""

from __future__ import annotations

import argparse

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL, SD3Transformer2DModel

from recipe import folders, loop
from recipe.artwork import HELD_OUT_ARTIST
from recipe.edition import COMMITTED
from recipe.patch_pca import PATCH
from recipe.samples import pictures_of
from recipe.stages.autoencoder import load_autoencoder
from recipe.stages.joint import TIMES, build_joint, read
from recipe.tokenizer import build_tokenizer, committed_text_encoder, tokenize
from recipe.world import SIDE, sample_scene

ROWS = 12


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 4, 8, 15])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    network = build_joint()
    step = loop.load_weights("joint", {"transformer": network})
    print(f"the weights of step {step}")
    rng = np.random.default_rng(options.seed)
    scenes = [sample_scene(rng, (HELD_OUT_ARTIST,), COMMITTED) for _ in range(ROWS)]
    captions = [scene.caption for scene in scenes]
    print("\n".join(captions))
    sheet = contact_sheet(network.to(loop.device()), captions, options.steps, options.guidance, options.seed)
    sheet = np.concatenate([sheet, np.concatenate(pictures_of(scenes))], axis=1)
    cv2.imwrite(str(folders.CACHE / "joint.png"), sheet[..., ::-1])


def contact_sheet(
    network: SD3Transformer2DModel, captions: list[str], steps: list[int], guidance: float, seed: int
) -> np.ndarray:
    """A row a caption, a column a number of steps, (captions · SIDE, steps · SIDE, 3) uint8."""
    device = loop.device()
    tokenizer = build_tokenizer()
    text = committed_text_encoder(tokenizer).eval().to(device)
    told, told_nothing = (
        read(text, tokenize(tokenizer, prompts).to(device)) for prompts in (captions, [""] * len(captions))
    )
    shape = (len(captions), network.config.in_channels, SIDE // PATCH, SIDE // PATCH)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device)
    vae = load_autoencoder().to(device)
    columns = [decode(vae, sample(network, noise, told, told_nothing, n, guidance)) for n in steps]
    return np.concatenate([np.concatenate(list(column)) for column in columns], axis=1)


@torch.no_grad()
def sample(
    network: SD3Transformer2DModel,
    noise: torch.Tensor,
    told: tuple[torch.Tensor, torch.Tensor],
    told_nothing: tuple[torch.Tensor, torch.Tensor],
    steps: int,
    guidance: float,
) -> torch.Tensor:
    """Latents (n, channels, H/8, W/8) from noise by Euler steps of equal length along the guided velocity.

    dz/dt = v(∅) + guidance · (v(caption) − v(∅)), from t = 1 to 0.
    """
    states, pooled = (torch.cat(pair) for pair in zip(told_nothing, told, strict=True))
    z = noise
    for t in np.linspace(1, 1 / steps, steps):
        times = torch.full((2 * len(z),), TIMES * t, device=z.device)
        without, with_words = network(z.repeat(2, 1, 1, 1), states, pooled, times, return_dict=False)[
            0
        ].chunk(2)
        z = z - (without + guidance * (with_words - without)) / steps
    return z


@torch.no_grad()
def decode(vae: AutoencoderKL, z: torch.Tensor) -> np.ndarray:
    """The pictures of latents, (n, H, W, 3) uint8."""
    pixels = vae.decode(z / vae.config.scaling_factor).sample.clamp(-1, 1)
    return ((pixels + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


if __name__ == "__main__":
    main()

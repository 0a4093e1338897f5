"""Peak memory of one guided step of Stable Diffusion 1.5 at 512 × 512, random weights, on the CPU.

python -m measure.memory                 both ways, each in a process of its own
python -m measure.memory --low-memory    with recomputation; --keep-all without
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import styledit
from styledit.storage.data import EMBEDDED_FOLDER

GIB = 2**20  # in the kilobytes that the system counts


def pipeline() -> StableDiffusionPipeline:
    """The sizes of Stable Diffusion 1.5; its weights are drawn."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        sample_size=512,
    )
    config = CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
    )
    tokenizer = CLIPTokenizer.from_pretrained(EMBEDDED_FOLDER / "tokenizer", model_max_length=77)
    pipe = StableDiffusionPipeline(
        vae=vae,
        unet=unet,
        text_encoder=CLIPTextModel(config),
        tokenizer=tokenizer,
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
            set_alpha_to_one=False, steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    for network in (unet, vae, pipe.text_encoder):
        network.eval().requires_grad_(False)
    return pipe


def one_step(low_memory: bool) -> None:
    """Load, invert in one step, guide with one iteration; print the peaks."""
    pipe = pipeline()
    picture = Image.new("RGB", (512, 512), "orange")
    inversion = styledit.invert(pipe, picture, "a red car on the beach", 1, record=None, progress=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    weights = styledit.Weights(l2=0.1, perceptual=0.5, style=0.2)
    styledit.guide(
        pipe, inversion, "a blue car on the beach", weights=weights, iterations=1, every=0,
        low_memory=low_memory, limit=0, progress=False,
    )  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"low_memory={low_memory}: weights and inversion {before / GIB:.1f} GiB, peak {peak / GIB:.1f} GiB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--low-memory", action="store_true")
    parser.add_argument("--keep-all", action="store_true")
    options = parser.parse_args()
    if options.low_memory or options.keep_all:
        one_step(options.low_memory)
        return
    for way in ("--low-memory", "--keep-all"):
        subprocess.run([sys.executable, "-m", "measure.memory", way], check=True)


if __name__ == "__main__":
    main()

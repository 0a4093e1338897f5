"""Models without weights: nothing can be computed with them, and what they would take can be counted."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from styledit.storage.checkpoints import CONFIGS


def without_weights(family: str, dtype: torch.dtype = torch.float16) -> StableDiffusionPipeline:
    """The networks of a family ("sd1", "sd2-base", "sd2-v") as shapes only: they take no memory and compute
    nothing, and what they would take can be counted.
    """
    folder = CONFIGS / family
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(folder / "unet"))
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(folder / "vae"))
        config = CLIPTextConfig.from_pretrained(str(folder), subfolder="text_encoder", local_files_only=True)
        text = CLIPTextModel(config)
    for network in (unet, vae, text):
        torch.nn.Module.to(network, dtype).eval().requires_grad_(False)
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=CLIPTokenizer(
            vocab={"<|startoftext|>": 0, "<|endoftext|>": 1},
            merges=[],
            model_max_length=config.max_position_embeddings,
        ),
        unet=unet,
        scheduler=DDIMScheduler.from_config(
            DDIMScheduler.load_config(folder / "scheduler"), clip_sample=False
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )

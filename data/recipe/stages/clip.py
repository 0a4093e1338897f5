"""CLIP: an image tower, and a text tower that begins as the one of the diffusion stage."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from transformers import CLIPConfig, CLIPModel, CLIPTextModel, CLIPTokenizer
from transformers.models.clip.modeling_clip import CLIPOutput

from recipe import loop
from recipe.edition import COMMITTED, Edition
from recipe.samples import augmented
from recipe.stages.unet import TEXT_STEPS
from recipe.tokenizer import WIDTH, build_text_encoder, build_tokenizer, text_config, tokenize
from recipe.world import SIDE

STEPS = 8_000
BATCH = 64


def build_clip(tokenizer: CLIPTokenizer, tower: CLIPTextModel) -> CLIPModel:
    """CLIP with a copy of a trained text tower. Pictures go in as (B, 3, H, W) in [-1, 1]."""
    vision = {
        "hidden_size": 128,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "image_size": SIDE,
        "patch_size": 16,
        "projection_dim": WIDTH,
    }
    config = CLIPConfig(
        text_config=text_config(tokenizer).to_dict(),
        vision_config=vision,
        projection_dim=WIDTH,
        attn_implementation="eager",
    )
    clip = CLIPModel(config)
    clip.text_model.load_state_dict(tower.state_dict())
    return clip


def train_clip(steps: int, edition: Edition = COMMITTED) -> None:
    """Contrastive training (CLIP) of both towers.

    What a thing is lies deep in the diffusion model's text tower, whose last token (CLIP's summary of a
    sentence) was never asked for it: the copy learns along.
    """
    device = loop.device()
    tokenizer = build_tokenizer(edition)
    text = build_text_encoder(tokenizer)
    if loop.load_weights("unet", {"text": text}, "live") < TEXT_STEPS:
        raise SystemExit(f"The text tower still learns: train the unet stage to {TEXT_STEPS} steps first.")
    clip = build_clip(tokenizer, text).to(device)

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        picked, pictures = augmented(rng, BATCH, edition)
        ids = tokenize(tokenizer, [scene.caption for scene in picked]).to(device)
        with loop.autocast():
            out = clip(input_ids=ids, pixel_values=pictures.to(device) * 2 - 1)
        return contrastive(out, ids)

    loop.train("clip", {"clip": clip}, loss, steps=steps, lr=1e-3, ema=0.995)


def contrastive(output: CLIPOutput, ids: torch.Tensor) -> torch.Tensor:
    """CLIP's loss (2103.00020, figure 3) of captions `ids` (B, N) and their pictures, in nats; equal captions
    are right answers too.
    """
    same = (ids[:, None] == ids[None]).all(-1).float()
    wanted = same / same.sum(1, keepdim=True)
    by_text = F.cross_entropy(output.logits_per_text.float(), wanted)
    by_picture = F.cross_entropy(output.logits_per_image.float(), wanted)
    return (by_text + by_picture) / 2

"""The diffusion model: the UNet, and the text tower that is trained along for its first steps."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from safetensors.torch import load_file

from recipe import folders, loop
from recipe.edition import COMMITTED, Edition
from recipe.patch_pca import PATCH
from recipe.samples import training_scenes
from recipe.stages.autoencoder import load_latents
from recipe.tokenizer import (
    WIDTH,
    build_text_encoder,
    build_tokenizer,
    committed_text_encoder,
    committed_words,
    tokenize,
)
from recipe.world import SIDE

STEPS = 14_000
# Steps during which the text tower learns too; CLIP begins with what it is then.
TEXT_STEPS = 4_000
BATCH = 64  # pictures a step; Muon's cost does not grow with it
RATE = 1e-3  # AdamW's
MUON_RATE = 3e-3
DECAY = 1.0  # share of the steps over which the rates fall; held up, the loss comes to stand still
ALPHAS = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}


def build_unet(edition: Edition = COMMITTED) -> UNet2DConditionModel:
    """The UNet with fresh weights, for latents of the edition's code."""
    return UNet2DConditionModel(
        sample_size=SIDE // PATCH,
        in_channels=edition.code.channels,
        out_channels=edition.code.channels,
        layers_per_block=1,
        block_out_channels=(48, 96, 192),
        norm_num_groups=16,
        attention_head_dim=4,
        cross_attention_dim=WIDTH,
        down_block_types=("CrossAttnDownBlock2D",) * 3,
        up_block_types=("CrossAttnUpBlock2D",) * 3,
        mid_block_type="UNetMidBlock2DCrossAttn",
    )


def train_unet(steps: int, edition: Edition = COMMITTED, *, from_model: bool = False) -> None:
    """v-prediction, one empty prompt in ten; weights as min-SNR (2303.09556, gamma 5) at low noise.

    At high noise the weight stays 1 rather than falling with the SNR: that is where objects take shape.
    ``from_model`` starts from the weights in ``data/model``: where they know all the words, at the step where
    their curve ends; else at step 0, with fresh rows for new words.
    """
    device = loop.device()
    abar = DDIMScheduler(**ALPHAS).alphas_cumprod.to(device)
    tokenizer = build_tokenizer(edition)
    unet = build_unet(edition)
    text = build_text_encoder(tokenizer)
    start = 0
    if from_model:
        text = committed_text_encoder(tokenizer)
        take_committed(unet)
        start = loop.last_step("unet") if edition.words == committed_words() else 0
    unet.set_attn_processor(AttnProcessor())  # plain products: faster than the fused kernel in training
    layout = loop.faster_layout()
    unet.to(device, memory_format=layout)
    text.to(device)
    latents = load_latents()
    ids = tokenize(tokenizer, [scene.caption for scene in training_scenes(edition)])
    empty = tokenize(tokenizer, [""])

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        pick = rng.integers(0, len(latents), BATCH)
        z_0 = torch.from_numpy(latents[pick]).float().to(device)
        tokens = torch.where(torch.from_numpy(rng.random((BATCH, 1)) < 0.1), empty, ids[pick]).to(device)
        spread = (np.arange(BATCH) + rng.random(BATCH)) / BATCH  # one draw from each equal part of [0, 1)
        t = torch.from_numpy((spread * 1000).astype(np.int64)).to(device)
        a = abar[t][:, None, None, None]
        eps = torch.randn_like(z_0)
        z_t = a.sqrt() * z_0 + (1 - a).sqrt() * eps
        v = a.sqrt() * eps - (1 - a).sqrt() * z_0
        with loop.autocast():
            with torch.set_grad_enabled(step < TEXT_STEPS):
                c = text(tokens).last_hidden_state
            out = unet(z_t.contiguous(memory_format=layout), t, c).sample
        error = (out.float() - v).square().mean((1, 2, 3))
        snr = abar[t] / (1 - abar[t])
        return (error * (snr.clamp(max=5) + 1) / (snr + 1)).mean()

    loop.train(
        "unet",
        {"unet": unet, "text": text},
        loss,
        steps=steps,
        lr=RATE,
        muon=MUON_RATE,
        start=start,
        decay=DECAY,
        ema=0.999,
    )


def take_committed(unet: UNet2DConditionModel) -> None:
    """Put the weights in ``data/model`` in place."""
    unet.load_state_dict(load_file(folders.MODEL / "unet" / "diffusion_pytorch_model.safetensors"))

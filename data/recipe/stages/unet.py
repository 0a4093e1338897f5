"""The diffusion model: the UNet, and the text tower that is trained along for its first steps."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from safetensors.torch import load_file
from transformers import CLIPTextModel

from recipe import folders, loop
from recipe.patch_pca import CHANNELS, PATCH
from recipe.samples import PICTURES, training_scenes
from recipe.stages.autoencoder import load_latents
from recipe.tokenizer import WIDTH, build_text_encoder, build_tokenizer, tokenize
from recipe.world import SIDE

STEPS = 15_400
TEXT_STEPS = (
    2_500  # steps during which the text tower learns too; the image tower of CLIP is fitted to it then
)
BATCH = 32
ALPHAS = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}


def build_unet() -> UNet2DConditionModel:
    """The UNet with fresh weights."""
    return UNet2DConditionModel(
        sample_size=SIDE // PATCH,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        layers_per_block=1,
        block_out_channels=(48, 96, 192),
        norm_num_groups=16,
        attention_head_dim=4,
        cross_attention_dim=WIDTH,
        down_block_types=("CrossAttnDownBlock2D",) * 3,
        up_block_types=("CrossAttnUpBlock2D",) * 3,
        mid_block_type="UNetMidBlock2DCrossAttn",
    )


def train_unet(steps: int, from_model: bool = False) -> None:
    """v-prediction, one empty prompt in ten; weights as min-SNR (2303.09556, gamma 5) at low noise.

    At high noise the weight stays 1 rather than falling with the SNR: that is where objects take shape.
    ``from_model`` starts from the weights in ``data/model`` at the step where their loss curve ends.
    """
    abar = DDIMScheduler(**ALPHAS).alphas_cumprod
    tokenizer = build_tokenizer()
    unet = build_unet()
    text = build_text_encoder(tokenizer)
    start = 0
    if from_model:
        trained = CLIPTextModel.from_pretrained(folders.MODEL / "text_encoder", dtype=torch.float32)
        text.load_state_dict(trained.state_dict())
        unet.load_state_dict(load_file(folders.MODEL / "unet" / "diffusion_pytorch_model.safetensors"))
        start = loop.last_step("unet")
    unet.set_attn_processor(
        AttnProcessor()
    )  # plain matrix products: faster than the fused kernel in training
    layout = _faster_layout()
    unet.to(memory_format=layout)
    latents = load_latents()
    ids = tokenize(tokenizer, [scene.caption for scene in training_scenes()])
    empty = tokenize(tokenizer, [""])

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        pick = torch.from_numpy(rng.integers(0, PICTURES, BATCH))
        z_0 = latents[pick].float()
        tokens = torch.where(torch.from_numpy(rng.random((BATCH, 1)) < 0.1), empty, ids[pick])
        spread = (
            np.arange(BATCH) + rng.random(BATCH)
        ) / BATCH  # one draw from each of BATCH equal parts of [0, 1)
        t = torch.from_numpy((spread * 1000).astype(np.int64))
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

    loop.train("unet", {"unet": unet, "text": text}, loss, steps=steps, lr=1e-3, start=start, ema=0.999)


def _faster_layout() -> torch.memory_format:
    """The memory layout that this processor trains faster in."""
    if torch.get_num_threads() > 1 and not loop.bf16_pays():
        return torch.contiguous_format
    return torch.channels_last

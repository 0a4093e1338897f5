"""Tiny pipelines with random weights and Stable Diffusion's topology,
so that every formula is tested in seconds.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import styledit
from browser import (  # noqa: F401 (fixtures)
    chromium,
    jupyter_lab,
    jupyter_lab_without_subshells,
    jupyter_notebook7,
    open_notebook,
    open_notebook7,
    open_notebook_without_subshells,
)

torch.set_num_threads(1)

WORDS = "a red blue car cat fox in on the snow beach of plain sticker pencil sketch".split()
POSITIONS, WIDTH = 12, 16


@pytest.fixture(scope="session")
def tokenizer() -> CLIPTokenizer:
    """A CLIP tokenizer that knows WORDS as single tokens and spells everything else by letters."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    entries = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    merges = []
    for word in sorted(
        WORDS, key=len, reverse=True
    ):  # earlier merges win: long words must not be cut by short ones
        parts = [*word[:-1], word[-1] + "</w>"]
        while len(parts) > 1:
            merge = (parts[0], parts[1])
            parts[:2] = ["".join(merge)]
            if merge not in merges:
                merges.append(merge)
                entries.append(parts[0])
    vocabulary = {entry: i for i, entry in enumerate(dict.fromkeys(entries))}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=POSITIONS)
    assert all(len(tokenizer(word, add_special_tokens=False).input_ids) == 1 for word in WORDS)
    return tokenizer


def make_pipeline(
    tokenizer: CLIPTokenizer,
    prediction_type: str = "epsilon",
    dtype: torch.dtype = torch.float32,
    mid_block: str | None = "UNetMidBlock2DCrossAttn",
    **scheduler: object,
) -> StableDiffusionPipeline:
    """Three levels, cross-attention at each, 32-px pictures with 16 × 16 latents."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=3,
        out_channels=3,
        block_out_channels=(8, 16, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",) * 3,
        up_block_types=("CrossAttnUpBlock2D",) * 3,
        mid_block_type=mid_block,
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=3,
        norm_num_groups=4,
        sample_size=32,
        scaling_factor=0.7,
        shift_factor=0.1,
    )
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=POSITIONS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    settings = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1} | scheduler
    ddim = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type=prediction_type,
        **settings,
    )
    pipe = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.scheduler = ddim  # set afterwards: the pipeline's constructor rewrites steps_offset=0 to 1
    for network in (unet, vae, text_encoder):
        torch.nn.Module.to(network, dtype).eval().requires_grad_(False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="session", params=["epsilon", "v_prediction"])
def pipe(request: pytest.FixtureRequest, tokenizer: CLIPTokenizer) -> StableDiffusionPipeline:
    """A tiny float32 pipeline of each prediction type."""
    return make_pipeline(tokenizer, request.param)


@pytest.fixture(scope="session")
def pipe64(tokenizer: CLIPTokenizer) -> StableDiffusionPipeline:
    """The same in float64, for comparisons to 1e-9."""
    return make_pipeline(tokenizer, "v_prediction", torch.float64)


@pytest.fixture(scope="session")
def picture() -> Image.Image:
    """A 32 × 32 picture with some structure."""
    y, x = np.mgrid[0:32, 0:32] / 31
    return Image.fromarray((np.stack([x, y, np.hypot(x - 0.5, y - 0.5) < 0.3], -1) * 255).astype(np.uint8))


@pytest.fixture(scope="session")
def inversion(pipe: StableDiffusionPipeline, picture: Image.Image) -> styledit.Inversion:
    """The picture inverted in 6 steps."""
    return styledit.invert(pipe, picture, "a red car in the snow", 6, progress=False)


@pytest.fixture(scope="session")
def inversion64(pipe64: StableDiffusionPipeline, picture: Image.Image) -> styledit.Inversion:
    """The picture inverted in 5 steps in float64."""
    return styledit.invert(pipe64, picture, "a red car in the snow", 5, progress=False)


@pytest.fixture
def own_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of passed exercises of the test's own, not that of whoever runs it."""
    monkeypatch.setenv("STYLEDIT_PROGRESS", str(tmp_path / "progress.jsonl"))

"""What tests share: tiny pipelines with random weights and Stable Diffusion's topology, so that every formula
is tested in seconds, and one embedded pipeline.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # it warns of processors that nothing here uses

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
from styledit.storage.data import EMBEDDED_FOLDER

torch.set_num_threads(1)

WORDS = "a red blue car cat fox in on the snow beach of plain sticker pencil sketch".split()
POSITIONS, WIDTH = 12, 16
# The files whose formulas differ between prediction types; elsewhere one tiny pipeline stands for both.
BOTH_PREDICTIONS = ("test_ddim", "test_inversion", "test_values")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """In the files of BOTH_PREDICTIONS every test of `pipe` runs with each prediction type."""
    if metafunc.module.__name__ in BOTH_PREDICTIONS and "pipe" in metafunc.fixturenames:
        metafunc.parametrize("pipe", ["epsilon", "v_prediction"], indirect=True, scope="session")


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
    channels: int = 3,
    **scheduler: object,
) -> StableDiffusionPipeline:
    """Three levels, cross-attention at each, 32-px pictures with 16 × 16 latents."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=channels,
        out_channels=channels,
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
        latent_channels=channels,
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


@pytest.fixture(scope="session")
def pipe(request: pytest.FixtureRequest, tokenizer: CLIPTokenizer) -> StableDiffusionPipeline:
    """A tiny float32 pipeline."""
    return make_pipeline(tokenizer, getattr(request, "param", "epsilon"))


@pytest.fixture(scope="session")
def pipe64(tokenizer: CLIPTokenizer) -> StableDiffusionPipeline:
    """The same in float64, for comparisons to 1e-9."""
    return make_pipeline(tokenizer, "v_prediction", torch.float64)


@pytest.fixture(scope="session")
def ruled64(tokenizer: CLIPTokenizer, tmp_path_factory: pytest.TempPathFactory) -> StableDiffusionPipeline:
    """`pipe64` with a table of its own, the embedded model's, by whose rule its edits follow the source."""
    folder = tmp_path_factory.mktemp("model")
    shutil.copy(EMBEDDED_FOLDER / "editing.json", folder)
    pipe = make_pipeline(tokenizer, "v_prediction", torch.float64)
    pipe.register_to_config(_name_or_path=str(folder))
    return pipe


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


@pytest.fixture(scope="session")
def embedded() -> Iterator[StableDiffusionPipeline]:
    """The embedded pipeline, one for all tests; fails at the end where a test has left it changed."""
    pipe = styledit.load()
    yield pipe
    assert_unchanged(pipe, styledit.load())


def assert_unchanged(pipe: StableDiffusionPipeline, fresh: StableDiffusionPipeline) -> None:
    """Fail where a pipeline is not what loading it gives: settings, weights, hooks, a stock call's bits."""
    assert dict(pipe.scheduler.config) == dict(fresh.scheduler.config)
    for name in ("unet", "vae", "text_encoder"):
        network, as_loaded = getattr(pipe, name), getattr(fresh, name)
        assert not network.training and not any(p.requires_grad for p in network.parameters()), name
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules()), name
        expected = as_loaded.state_dict()
        for key, weights in network.state_dict().items():
            assert torch.equal(weights, expected[key]), f"{name}.{key}"
    z = torch.randn(1, pipe.unet.config.in_channels, 16, 16, generator=torch.Generator().manual_seed(0))
    c = styledit.encode_prompt(fresh, "a plain sticker of a fox")
    with torch.no_grad():
        calls = [each.unet(z, 500, encoder_hidden_states=c).sample for each in (pipe, fresh)]
    assert torch.equal(*calls), "the network is not stock"


@pytest.fixture
def own_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of passed exercises of the test's own, not that of whoever runs it."""
    monkeypatch.setenv("STYLEDIT_PROGRESS", str(tmp_path / "progress.jsonl"))

"""Real checkpoints' shapes: each family of Stable Diffusion at a small width, saved,
and loaded as a user loads it.
"""

from __future__ import annotations

import copy
import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import (
    AttnProcessor2_0,
    IPAdapterAttnProcessor2_0,
    LoRAAttnProcessor,
    LoRAAttnProcessor2_0,
)
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import styledit
from conftest import POSITIONS
from styledit.attention import attention_layers

PROMPT = "a red car in the snow"
STEPS = 4
SIZE = (
    40,
    72,
)  # (width, height) of a picture whose 5 × 9 latents have an odd side at every level of the UNet
ONE_ITERATION = styledit.Preset(iterations=lambda i: 1, learning_rate=lambda i: 0.01, tolerance=lambda i: 0.0)
EVERYTHING = {"tau_v": 1.0, "tau_c": 1.0, "tau_s": 1.0, "tau_u": 1.0}
BETAS = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "set_alpha_to_one": False,
}


@dataclass(frozen=True)
class Topology:
    """What tells one family from another, as its configs spell it;
    `levels`: which of the UNet's have attention.
    """

    unet: dict[str, object]
    levels: tuple[bool, ...] = (True, True, True, False)
    scheduler: type = DDIMScheduler
    schedule: dict[str, object] = field(default_factory=dict)
    text_width: int = 24
    pad_token: str | None = None
    scales: tuple[int, ...] = (1, 2, 4, 8)  # of the layers with attention, counted by hand from the configs
    picture: tuple[int, int] = (512, 512)


SD1 = {
    "sample_size": 64,
    "attention_head_dim": 8,
    "block_out_channels": (16, 32, 32, 32),
    "layers_per_block": 2,
}
SD2 = {
    "sample_size": 64,
    "attention_head_dim": [5, 10, 20, 20],
    "block_out_channels": (20, 40, 80, 80),
    "layers_per_block": 2,
    "use_linear_projection": True,
}
BK = SD1 | {"layers_per_block": 1, "mid_block_type": None}
V = {"prediction_type": "v_prediction"}
ZERO_SNR = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
TOPOLOGIES = {
    "sd1": Topology(SD1, scheduler=PNDMScheduler, schedule={"skip_prk_steps": True}),
    "sd2-base": Topology(SD2, text_width=32, pad_token="!"),
    "sd2-v": Topology(
        SD2 | {"sample_size": 96, "upcast_attention": True},
        schedule=V,
        text_width=32,
        pad_token="!",
        picture=(768, 768),
    ),
    "sd2-zero-snr": Topology(
        SD2 | {"sample_size": [72, 128]}, schedule=V | ZERO_SNR, text_width=32, picture=(1024, 576)
    ),
    "bk-small": Topology(BK, scheduler=PNDMScheduler, scales=(1, 2, 4)),
    "bk-tiny": Topology(
        BK | {"block_out_channels": (16, 32, 32)},
        levels=(True, True, True),
        scheduler=PNDMScheduler,
        scales=(1, 2, 4),
    ),
    "prompt-only": Topology(
        SD1 | {"layers_per_block": 1, "only_cross_attention": [False, True, True, False]}
    ),
}


def build_unet(topology: Topology) -> UNet2DConditionModel:
    """Random weights; a small last layer, since a random eps changes far more from step to
    step than a trained one.
    """
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        down_block_types=tuple("CrossAttnDownBlock2D" if has else "DownBlock2D" for has in topology.levels),
        up_block_types=tuple(
            "CrossAttnUpBlock2D" if has else "UpBlock2D" for has in reversed(topology.levels)
        ),
        cross_attention_dim=topology.text_width,
        norm_num_groups=4,
        **topology.unet,
    )
    unet.conv_out.weight.data *= 0.1
    return unet


def build_vae() -> AutoencoderKL:
    """Factor 8, as all of the family; scaled to latents of about unit variance, as theirs are."""
    torch.manual_seed(0)
    return AutoencoderKL(
        block_out_channels=(4, 4, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=4,
        scaling_factor=3.0,
    )


def build_text_encoder(tokenizer: CLIPTokenizer, width: int) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=POSITIONS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def save(folder: Path, tokenizer: CLIPTokenizer, topology: Topology, **unet: object) -> Path:
    """The topology with random weights, as its authors publish it; `unet` changes settings of the UNet."""
    tokenizer = copy.deepcopy(tokenizer)
    if topology.pad_token:
        tokenizer.add_special_tokens({"pad_token": topology.pad_token})
    changed = replace(topology, unet=topology.unet | unet)
    scheduler = topology.scheduler(**BETAS, **topology.schedule)
    scheduler.register_to_config(clip_sample=False)  # published with PNDM too, which does not know it
    pipe = StableDiffusionPipeline(
        vae=build_vae(),
        text_encoder=build_text_encoder(tokenizer, topology.text_width),
        tokenizer=tokenizer,
        unet=build_unet(changed),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tokenizer, tmp_path_factory):
    """{name: folder}, filled when a test asks for it."""
    saved: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in saved:
            saved[name] = save(tmp_path_factory.mktemp(name), tokenizer, TOPOLOGIES[name])
        return saved[name]

    return folder


@pytest.fixture(scope="module", params=TOPOLOGIES)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def loaded(folders, name) -> StableDiffusionPipeline:
    return styledit.load(folders(name))


@pytest.fixture(scope="module")
def tall() -> Image.Image:
    """A picture of SIZE with some structure."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]] / max(SIZE)
    return Image.fromarray((np.stack([x, y, np.hypot(x - 0.3, y - 0.5) < 0.2], -1) * 255).astype(np.uint8))


@pytest.fixture(scope="module")
def walked(loaded, tall) -> styledit.Inversion:
    """The picture inverted; with "leading" timesteps, since at abar 0 nothing would be left of it."""
    loaded.scheduler = DDIMScheduler.from_config(loaded.scheduler.config, timestep_spacing="leading")
    return styledit.invert(loaded, tall, PROMPT, STEPS, progress=False)


@pytest.fixture(scope="module")
def fitted(loaded, walked) -> styledit.ValueInputs:
    return styledit.fit_values(loaded, walked, guidance=3.0, preset=ONE_ITERATION, progress=False)


def true_grids(unet: UNet2DConditionModel, latent_size: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """{transformer: (h, w) of its input}, watched in a call rather than derived."""
    grids, handles = {}, []
    for name, module in unet.named_modules():
        if isinstance(module, Transformer2DModel):
            handles.append(
                module.register_forward_pre_hook(
                    lambda _, args, name=name: grids.__setitem__(name, tuple(args[0].shape[-2:]))
                )
            )
    with torch.no_grad():
        unet(torch.zeros(1, 4, *latent_size), 1, torch.zeros(1, POSITIONS, unet.config.cross_attention_dim))
    for handle in handles:
        handle.remove()
    return grids


def test_loading(loaded, name):
    topology = TOPOLOGIES[name]
    assert styledit.picture_size(loaded) == topology.picture
    assert type(loaded.scheduler) is DDIMScheduler
    published = {"steps_offset": 1, "set_alpha_to_one": False, "clip_sample": False} | topology.schedule
    assert {
        setting: loaded.scheduler.config.get(setting, value) for setting, value in published.items()
    } == published
    layers = attention_layers(loaded.unet)
    assert tuple(sorted(set(layers.values()))) == topology.scales
    per_level = topology.unet["layers_per_block"]
    attending = sum(topology.levels)
    assert len(layers) == attending * per_level + attending * (per_level + 1) + (
        "mid_block_type" not in topology.unet
    )


def test_maps_follow_the_grids(loaded, walked):
    grids = true_grids(loaded.unet, (9, 5))
    assert set(grids.values()) <= {(9, 5), (5, 3), (3, 2), (2, 1)} and len(set(grids.values())) >= 3
    assert {layer.split(".transformer_blocks")[0] for layer in walked.maps.layers} == set(grids)
    for layer, maps in walked.maps.layers.items():
        height, width = grids[layer.split(".transformer_blocks")[0]]
        assert walked.maps.map_sizes[layer] == (height, width)
        heads = loaded.unet.get_submodule(layer).heads
        assert maps.shape == (STEPS, heads, height * width, POSITIONS)
        assert torch.allclose(maps.sum(-1), torch.ones(()), atol=1e-5)
    assert walked.maps.word("car").shape == (72, 40)


def test_heads_are_counted_as_the_configs_mean(loaded, name):
    head_dim = TOPOLOGIES[name].unet["attention_head_dim"]
    expected = {head_dim} if isinstance(head_dim, int) else set(head_dim)
    assert {loaded.unet.get_submodule(layer).heads for layer in attention_layers(loaded.unet)} == expected


def test_reconstruction_at_guidance_one(loaded, walked):
    run = styledit.reconstruct(loaded, walked, guidance=1.0, progress=False)
    assert run.image.size == SIZE and run.latents.shape == (STEPS + 1, 1, 4, 9, 5)
    expected = walked.z_0
    if loaded.scheduler.config.prediction_type == "v_prediction":
        # with v near 0 each step turns the latent's angle by d, and scales it by cos d, in both directions
        angles = walked.levels.sqrt().arccos()
        expected = expected * angles.diff().cos().prod() ** 2
    near, far = ((run.latents[i] - expected).pow(2).mean().sqrt() / expected.std() for i in (-1, 0))
    assert near < 0.1 < 0.3 < far, (near, far)


def test_fitting(loaded, walked, fitted):
    assert fitted.scale.shape == fitted.shift.shape == (STEPS, *walked.c.shape[1:])
    assert fitted.scale.isfinite().all() and not torch.equal(
        fitted.scale[0], torch.ones_like(fitted.scale[0])
    )
    assert np.isfinite(fitted.losses).all()


def test_an_edit_to_the_same_prompt_is_the_source(loaded, walked, fitted):
    result = styledit.edit(loaded, walked, PROMPT, values=fitted, **EVERYTHING, progress=False)
    assert result.image.size == SIZE
    assert torch.allclose(result.latents, result.source_latents, atol=1e-4)


def stock_latents(pipe: StableDiffusionPipeline, z_T: torch.Tensor) -> torch.Tensor:
    """What diffusers' own loop makes of z_T."""
    settings = {"num_inference_steps": STEPS, "guidance_scale": 5.0, "output_type": "latent"}
    return pipe(PROMPT, height=SIZE[1], width=SIZE[0], latents=z_T, **settings).images


def noise(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(1, 4, 9, 5, dtype=dtype, generator=torch.Generator().manual_seed(0))


def test_generate_is_the_stock_pipeline(folders, name):
    """`load` has not touched the other pipeline; it only has DDIM in the place of the published scheduler."""
    ours, stock = styledit.load(folders(name)), StableDiffusionPipeline.from_pretrained(folders(name))
    stock.scheduler = DDIMScheduler.from_config(stock.scheduler.config)
    stock.set_progress_bar_config(disable=True)
    run = styledit.generate(ours, PROMPT, z_T=noise(), steps=STEPS, guidance=5.0, progress=False)
    assert run.image.size == SIZE
    assert torch.allclose(run.latents[-1], stock_latents(stock, noise()), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["sd1", "sd2-v"], scope="function")
def test_generate_is_the_stock_pipeline_in_float64(folders, name):
    pipe = styledit.load(folders(name), dtype=torch.float64)
    run = styledit.generate(pipe, PROMPT, z_T=noise(torch.float64), steps=STEPS, guidance=5.0, progress=False)
    # the stock step takes the roots of these tables in their precision
    pipe.scheduler.alphas_cumprod = pipe.scheduler.alphas_cumprod.double()
    pipe.scheduler.final_alpha_cumprod = pipe.scheduler.final_alpha_cumprod.double()
    assert torch.allclose(run.latents[-1], stock_latents(pipe, noise(torch.float64)), rtol=0, atol=1e-10)


@pytest.mark.parametrize("size", [(64, 64), (48, 32), (104, 24), (8, 8)])
def test_other_sizes(folders, size, tall):
    pipe = styledit.load(folders("bk-small"))
    inversion = styledit.invert(pipe, tall.resize(size), PROMPT, 2, progress=False)
    grids = true_grids(pipe.unet, (size[1] // 8, size[0] // 8))
    assert {
        layer.split(".transformer_blocks")[0]: grid for layer, grid in inversion.maps.map_sizes.items()
    } == grids
    result = styledit.edit(pipe, inversion, PROMPT, **EVERYTHING, progress=False)
    assert result.image.size == size
    assert torch.allclose(result.latents, result.source_latents, atol=1e-4)


@pytest.mark.parametrize(
    "name,dtype",
    [("bk-tiny", torch.float16), ("bk-tiny", torch.bfloat16), ("sd2-v", torch.float16)],
    scope="function",
)
def test_half_precision(folders, name, dtype, tall):
    pipe = styledit.load(folders(name), dtype=dtype)
    assert {network.dtype for network in (pipe.unet, pipe.vae, pipe.text_encoder)} == {dtype}
    inversion = styledit.invert(pipe, tall, PROMPT, 2, progress=False)
    assert inversion.latents.isfinite().all() and inversion.levels.dtype == torch.float32
    values = styledit.fit_values(pipe, inversion, guidance=3.0, preset=ONE_ITERATION, progress=False)
    for learned, start in ((values.scale, 1), (values.shift, 0)):
        assert learned.dtype == torch.float32 and learned.isfinite().all() and (learned != start).any()
    assert all(np.isfinite(loss) and loss > 0 for loss in values.losses)
    result = styledit.edit(
        pipe, inversion, "a blue car in the snow", values=values, **EVERYTHING, progress=False
    )
    assert result.latents.isfinite().all() and result.source_latents.isfinite().all()
    exact = styledit.invert(
        styledit.load(folders(name)), tall, PROMPT, 2, record=None, progress=False
    ).latents
    assert torch.allclose(inversion.latents.float(), exact, rtol=0, atol=0.05 * float(exact.abs().max()))


def test_a_pad_token_of_its_own(folders):
    """SD 2.x pads with "!", 1.x with the end token; the embeddings are the stock pipeline's."""
    pipe = styledit.load(folders("sd2-v"))
    assert pipe.tokenizer.pad_token == "!" and pipe.tokenizer.pad_token_id != pipe.tokenizer.eos_token_id
    stock, null = pipe.encode_prompt(PROMPT, "cpu", 1, True)
    assert torch.equal(styledit.encode_prompt(pipe, PROMPT), stock)
    assert torch.equal(styledit.encode_null(pipe), null)
    assert styledit.word_tokens(pipe, PROMPT, "snow") == [6]
    other = styledit.load(folders("sd2-v"))
    other.tokenizer.pad_token = other.tokenizer.eos_token
    assert not torch.allclose(styledit.encode_prompt(other, PROMPT)[:, 8:], stock[:, 8:])


@pytest.fixture
def call(folders):
    """A UNet, and a function that calls it on fixed inputs."""
    unet = styledit.load(folders("bk-tiny")).unet
    c = torch.randn(1, POSITIONS, 24, generator=torch.Generator().manual_seed(1))

    def run() -> torch.Tensor:
        with torch.no_grad():
            return unet(noise(), 10, c).sample

    return unet, run


def test_ip_adapters_are_refused_until_unloaded(folders):
    pipe = styledit.load(folders("bk-tiny"))
    stock = dict(pipe.unet.attn_processors)
    before = styledit.generate(pipe, PROMPT, z_T=noise(), steps=1, progress=False).latents
    adapters = {}
    for name in stock:
        layer = pipe.unet.get_submodule(name.removesuffix(".processor"))
        cross = name.endswith("attn2.processor")
        adapters[name] = (
            IPAdapterAttnProcessor2_0(layer.to_q.in_features, 24) if cross else AttnProcessor2_0()
        )
    pipe.unet.set_attn_processor(dict(adapters))
    with pytest.raises(
        ValueError, match=r"IPAdapterAttnProcessor2_0.*; unload IP-Adapter or legacy LoRA weights"
    ) as caught:
        styledit.generate(pipe, PROMPT, z_T=noise(), steps=1, progress=False)
    assert "\n" not in str(caught.value)
    assert pipe.unet.attn_processors == adapters
    pipe.unload_ip_adapter()
    assert torch.equal(styledit.generate(pipe, PROMPT, z_T=noise(), steps=1, progress=False).latents, before)


@pytest.mark.parametrize("kind", [LoRAAttnProcessor, LoRAAttnProcessor2_0])
def test_lora_processors_are_refused_until_unloaded(call, kind):
    unet, run = call
    before, stock = run(), dict(unet.attn_processors)
    unet.set_attn_processor(kind())
    with (
        pytest.raises(ValueError, match=f"{kind.__name__}.*; unload IP-Adapter or legacy LoRA weights"),
        styledit.attention_control(unet),
    ):
        pass
    unet.set_attn_processor(stock)
    with styledit.attention_control(unet):
        assert torch.allclose(run(), before, atol=1e-6)


class LowRank(torch.nn.Module):
    """A LoRA layer in the place of a linear one, where today's loaders put it;
    the processors stay the stock ones.
    """

    def __init__(self, base: torch.nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.down = torch.nn.Linear(base.in_features, 2, bias=False)
        self.up = torch.nn.Linear(2, base.out_features, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + self.up(self.down(x))


def test_lora_layers_are_kept(call):
    unet, run = call
    before = run()
    for name in list(unet.attn_processors):
        layer = unet.get_submodule(name.removesuffix(".processor"))
        layer.to_q, layer.to_k, layer.to_v = LowRank(layer.to_q), LowRank(layer.to_k), LowRank(layer.to_v)
        layer.to_out[0] = LowRank(layer.to_out[0])
    with_lora = run()
    with styledit.attention_control(unet):
        controlled = run()
    with styledit.attention_control(
        unet, styledit.Layers()
    ):  # the path that records computes the maps itself
        recorded = run()
    assert not torch.allclose(with_lora, before, atol=1e-4)
    assert torch.allclose(controlled, with_lora, atol=1e-6) and torch.allclose(recorded, with_lora, atol=1e-6)


def test_blocks_that_read_the_prompt_twice(folders):
    """With only_cross_attention the first attention reads the prompt too:
    it is neither self nor cross for control.
    """
    unet = styledit.load(folders("prompt-only")).unet
    c, v = torch.randn(2, 1, POSITIONS, 24, generator=torch.Generator().manual_seed(1))
    blocks = {
        name: module for name, module in unet.named_modules() if isinstance(module, BasicTransformerBlock)
    }
    first = [f"{name}.attn1" for name, block in blocks.items() if block.only_cross_attention]
    assert first and not set(first) & {*attention_layers(unet, "cross"), *attention_layers(unet, "self")}
    read = []
    for name in first:
        unet.get_submodule(name).to_v.register_forward_pre_hook(lambda _, args: read.append(args[0]))
    with torch.no_grad():
        stock = unet(noise(), 10, c).sample
        with styledit.attention_control(unet) as control:
            assert torch.allclose(unet(noise(), 10, c).sample, stock, rtol=0, atol=1e-6)
            control.values = v
            assert not torch.allclose(unet(noise(), 10, c).sample, stock, atol=1e-4)
    assert len(read) == 3 * len(first) and all(torch.equal(prompt, c) for prompt in read)


@pytest.mark.parametrize(
    "change,message",
    [
        ({"in_channels": 9}, "takes 9 channels and returns 4, and the autoencoder's latents have 4"),
        ({"out_channels": 8}, "takes 4 channels and returns 8"),
        ({"num_class_embeds": 3}, "more inputs than a prompt"),
        ({"time_cond_proj_dim": 8}, "more inputs than a prompt"),
        ({"encoder_hid_dim": 24}, "more inputs than a prompt"),
    ],
)
def test_unets_that_need_more(tokenizer, tmp_path, change, message):
    folder = save(tmp_path, tokenizer, TOPOLOGIES["bk-tiny"], **change)
    with pytest.raises(ValueError, match=message):
        styledit.load(folder)


def full_size_step(folder: str, low_memory: bool) -> None:
    """Fit one step of a full-size SD 1.5 UNet at 512 × 512 and print the peak memory;
    run in a process of its own.
    """
    tokenizer, pixels = (
        CLIPTokenizer.from_pretrained(folder),
        np.random.default_rng(0).integers(0, 256, (512, 512, 3)),
    )
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=64, cross_attention_dim=768
    )  # diffusers' defaults are SD 1.5's otherwise
    pipe = StableDiffusionPipeline(
        vae=build_vae(),
        text_encoder=build_text_encoder(tokenizer, 768),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(clip_sample=False, **BETAS),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    for network in (pipe.unet, pipe.vae, pipe.text_encoder):
        network.eval().requires_grad_(False)
    layers = styledit.Layers(places=("down", "up"), scales=(4,))
    picture = Image.fromarray(pixels.astype(np.uint8))
    inversion = styledit.invert(pipe, picture, PROMPT, 1, record=layers, progress=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    values = styledit.fit_values(
        pipe, inversion, guidance=7.5, preset=ONE_ITERATION, low_memory=low_memory, progress=False
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    weights = sum(weight.numel() for weight in unet.parameters())
    print(json.dumps({"parameters": weights, "before": before, "peak": peak, "loss": values.losses[0]}))


@pytest.mark.skipif(
    os.environ.get("STYLEDIT_FULL_SIZE") != "1", reason="minutes and 10 GB; set STYLEDIT_FULL_SIZE=1"
)
def test_low_memory_at_full_size(tokenizer, tmp_path, capsys):
    tokenizer.save_pretrained(tmp_path)
    found = {}
    for low_memory in (False, True):
        call = f"import test_topologies; test_topologies.full_size_step({str(tmp_path)!r}, {low_memory})"
        done = subprocess.run(
            [sys.executable, "-c", call],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found[low_memory] = json.loads(done.stdout.splitlines()[-1])
        with capsys.disabled():
            gib = {key: round(found[low_memory][key] / 2**20, 2) for key in ("before", "peak")}
            print(
                f"\nlow_memory={low_memory}: {gib['before']} GiB before fitting, {gib['peak']} GiB at the "
                "peak"
            )
    assert found[True]["parameters"] > 850e6
    assert found[True]["peak"] < found[False]["peak"]
    assert np.isclose(found[True]["loss"], found[False]["loss"], rtol=1e-3)

"""DDIM both ways: the steps, the index rule, and parity with the stock scheduler and pipeline."""

from __future__ import annotations

import itertools

import pytest
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput

import styledit
from conftest import make_pipeline

KINDS = ("epsilon", "v_prediction", "sample")
PROMPT = "a red car in the snow"


class ConstantNoise(UNet2DConditionModel):
    """A network whose eps is the same everywhere, whatever its output is called; it writes down what it is told."""

    def forward(self, sample, timestep, encoder_hidden_states):
        abar = self.alphas_cumprod[timestep].to(sample)
        alpha, sigma = abar.sqrt(), (1 - abar).sqrt()
        self.calls.append((timestep, sample))
        output = {
            "epsilon": self.eps.expand_as(sample),
            "v_prediction": (self.eps - sigma * sample) / alpha,
            "sample": (sample - sigma * self.eps) / alpha,
        }[self.kind]
        return UNet2DConditionOutput(output)


def constant_noise_pipeline(tokenizer, kind, **scheduler):
    pipe = make_pipeline(tokenizer, kind, torch.float64, **scheduler)
    pipe.unet.__class__ = ConstantNoise
    pipe.unet.kind, pipe.unet.calls = kind, []
    pipe.unet.alphas_cumprod = pipe.scheduler.alphas_cumprod
    pipe.unet.eps = torch.randn(1, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return pipe


@pytest.mark.parametrize("kind,offset,to_one,spacing", list(itertools.product(KINDS, (0, 1), (True, False), ("leading", "trailing"))))
def test_invert_then_denoise_returns_the_picture(tokenizer, picture, kind, offset, to_one, spacing):
    pipe = constant_noise_pipeline(
        tokenizer, kind, steps_offset=offset, set_alpha_to_one=to_one, timestep_spacing=spacing
    )
    inversion = styledit.invert(pipe, picture, PROMPT, 7, record=None, progress=False)
    run = styledit.reconstruct(pipe, inversion, 1.0, progress=False)
    assert (inversion.z_T - inversion.z_0).abs().max() > 0.5
    assert (run.latents[-1] - inversion.z_0).abs().max() < 1e-5
    assert (run.latents - inversion.latents).abs().max() < 1e-5


@pytest.mark.parametrize("offset,to_one,spacing", list(itertools.product((0, 1), (True, False), ("leading", "trailing"))))
def test_the_timestep_told_is_the_noise_level_of_the_input(tokenizer, picture, offset, to_one, spacing):
    pipe = constant_noise_pipeline(
        tokenizer, "epsilon", steps_offset=offset, set_alpha_to_one=to_one, timestep_spacing=spacing
    )
    inversion = styledit.invert(pipe, picture, PROMPT, 7, record=None, progress=False)
    calls, pipe.unet.calls = pipe.unet.calls, []
    styledit.reconstruct(pipe, inversion, 1.0, progress=False)
    final = pipe.scheduler.final_alpha_cumprod.double()
    x0 = (inversion.z_0 - (1 - final).sqrt() * pipe.unet.eps) / final.sqrt()
    (first, clean), *others = calls
    assert first == 0 and torch.equal(clean, inversion.z_0)
    for timestep, sample in [*others, *pipe.unet.calls]:
        # sqrt(1 - abar) is the noise in the sample: read it off, without the package's own tables
        abar = pipe.scheduler.alphas_cumprod[timestep].double()
        assert torch.allclose(sample, abar.sqrt() * x0 + (1 - abar).sqrt() * pipe.unet.eps, atol=1e-9)


@pytest.mark.parametrize("kind,to_one", list(itertools.product(KINDS, (True, False))))
def test_ddim_step_is_the_stock_schedulers(kind, to_one):
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, prediction_type=kind,
        set_alpha_to_one=to_one, steps_offset=1,
    )
    scheduler.set_timesteps(9)
    levels = styledit.noise_levels(scheduler, 9)
    z, output = torch.randn(2, 1, 3, 4, 4)
    for i, t in enumerate(scheduler.timesteps):
        stock = scheduler.step(output, t, z).prev_sample
        assert torch.equal(styledit.ddim_step(output, z, levels[i], levels[i + 1], kind), stock)


@pytest.mark.parametrize("kind", KINDS)
def test_inverse_step_undoes_the_step(kind):
    z, output = torch.randn(2, 1, 3, 4, 4, dtype=torch.float64)
    low, high = torch.tensor([0.9, 0.4], dtype=torch.float64)
    x0, eps = styledit.predict_x0_eps(output, z, high, kind)
    down = styledit.ddim_step(output, z, high, low, kind)
    # the same x0 and eps, told in epsilon prediction at the new level
    assert torch.allclose(styledit.ddim_inverse_step(eps, down, low, high, "epsilon"), z, atol=1e-12)
    assert torch.allclose(high.sqrt() * x0 + (1 - high).sqrt() * eps, z, atol=1e-12)


def test_generate_is_the_stock_pipeline(pipe):
    run = styledit.generate(pipe, PROMPT, seed=3, steps=6, guidance=5.0, progress=False)
    stock = pipe(
        PROMPT, latents=run.latents[0], num_inference_steps=6, guidance_scale=5.0, output_type="latent"
    ).images
    assert torch.allclose(run.latents[-1], stock, atol=1e-6)
    unguided = styledit.generate(pipe, PROMPT, seed=3, steps=6, guidance=1, progress=False)
    stock = pipe(PROMPT, latents=run.latents[0], num_inference_steps=6, guidance_scale=1.0, output_type="latent").images
    assert torch.allclose(unguided.latents[-1], stock, atol=1e-6)


def test_generate_depends_on_the_seed_alone(pipe):
    first, again, other = (
        styledit.generate(pipe, PROMPT, seed=seed, steps=2, progress=False).latents for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.allclose(first, other)


@pytest.mark.parametrize("steps", [0, -1, 1001, 2.5, True])
def test_steps_out_of_range(pipe, steps):
    with pytest.raises(ValueError, match="steps must be a whole number from 1 to 1000"):
        styledit.timesteps(pipe.scheduler, steps)


def test_unknown_prediction_type():
    with pytest.raises(ValueError, match="prediction_type"):
        styledit.predict_x0_eps(*torch.zeros(2, 1), torch.tensor(0.5), "score")

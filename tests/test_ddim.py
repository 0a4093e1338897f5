"""DDIM both ways: the steps, the index rule, and parity with the stock scheduler and pipeline."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput

import styledit
from conftest import make_pipeline

KINDS, SPACINGS = ("epsilon", "v_prediction", "sample"), ("leading", "trailing", "linspace")
PROMPT = "a red car in the snow"


class ConstantNoise(UNet2DConditionModel):
    """A network whose eps is the same everywhere, whatever its output is called; it writes down what it is
    told.
    """

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


@pytest.mark.parametrize(
    "kind,offset,to_one,spacing", list(itertools.product(KINDS, (0, 1), (True, False), SPACINGS))
)
def test_invert_then_denoise_returns_the_picture(tokenizer, picture, kind, offset, to_one, spacing):
    pipe = constant_noise_pipeline(
        tokenizer, kind, steps_offset=offset, set_alpha_to_one=to_one, timestep_spacing=spacing
    )
    inversion = styledit.invert(pipe, picture, PROMPT, 7, record=None, progress=False)
    run = styledit.reconstruct(pipe, inversion, guidance=1.0, progress=False)
    assert (inversion.z_T - inversion.z_0).abs().max() > 0.5
    assert (run.latents[-1] - inversion.z_0).abs().max() < 1e-5
    assert (run.latents - inversion.latents).abs().max() < 1e-5


@pytest.mark.parametrize("offset,to_one,spacing", list(itertools.product((0, 1), (True, False), SPACINGS)))
def test_the_timestep_told_is_the_noise_level_of_the_input(tokenizer, picture, offset, to_one, spacing):
    pipe = constant_noise_pipeline(
        tokenizer, "epsilon", steps_offset=offset, set_alpha_to_one=to_one, timestep_spacing=spacing
    )
    inversion = styledit.invert(pipe, picture, PROMPT, 7, record=None, progress=False)
    calls, pipe.unet.calls = pipe.unet.calls, []
    styledit.reconstruct(pipe, inversion, guidance=1.0, progress=False)
    final = pipe.scheduler.final_alpha_cumprod.double()
    x0 = (inversion.z_0 - (1 - final).sqrt() * pipe.unet.eps) / final.sqrt()
    (first, clean), *others = calls
    assert first == 0 and torch.equal(clean, inversion.z_0)
    for timestep, sample in [*others, *pipe.unet.calls]:
        # sqrt(1 - abar) is the noise in the sample: read it off, without the package's own tables
        abar = pipe.scheduler.alphas_cumprod[timestep].double()
        assert torch.allclose(sample, abar.sqrt() * x0 + (1 - abar).sqrt() * pipe.unet.eps, atol=1e-9)


def make_scheduler(kind="epsilon", spacing="leading", offset=1, to_one=False, zero_snr=False):
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        prediction_type=kind,
        set_alpha_to_one=to_one,
        steps_offset=offset,
        timestep_spacing=spacing,
        rescale_betas_zero_snr=zero_snr,
    )


@pytest.mark.parametrize(
    "kind,spacing,offset,to_one,zero_snr",
    list(itertools.product(KINDS, SPACINGS, (0, 1), (True, False), (True, False))),
)
def test_a_run_is_the_stock_schedulers(kind, spacing, offset, to_one, zero_snr):
    scheduler, steps = make_scheduler(kind, spacing, offset, to_one, zero_snr), 10
    if kind == "epsilon" and zero_snr and spacing != "leading":
        with pytest.raises(ValueError, match=r"At abar 0 a latent is noise.*timestep_spacing='leading'"):
            styledit.noise_levels(scheduler, steps)
        return
    scheduler.set_timesteps(steps)
    told, levels = styledit.timesteps(scheduler, steps), styledit.noise_levels(scheduler, steps)
    assert told == scheduler.timesteps.tolist()
    z = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    for i, t in enumerate(told):
        before = t - scheduler.config.num_train_timesteps // steps  # where the stock step goes
        abar = scheduler.alphas_cumprod[t]
        abar_prev = scheduler.alphas_cumprod[before] if before >= 0 else scheduler.final_alpha_cumprod
        if (
            spacing != "linspace"
        ):  # there it is not the timestep told next: the network would be told a wrong level
            assert torch.equal(levels[i : i + 2], torch.stack([abar, abar_prev]))
        output = (z + t / 1000).cos()
        stock = scheduler.step(output, t, z).prev_sample
        z = styledit.ddim_step(output, z, abar, abar_prev, kind)
        assert torch.equal(z, stock) and z.isfinite().all()


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(
    "steps", [1, 7, 61, 121, 999]
)  # with 61 and 121 the stock "trailing" has a timestep -1
def test_every_step_has_a_timestep_of_its_own(spacing, steps):
    told = styledit.timesteps(make_scheduler(spacing=spacing), steps)
    assert len(told) == steps and told == sorted(set(told), reverse=True) and told[-1] >= 0
    assert len(styledit.noise_levels(make_scheduler(spacing=spacing), steps)) == steps + 1


@pytest.mark.parametrize(
    "kind,spacing,to_one", list(itertools.product(KINDS[1:], SPACINGS[1:], (True, False)))
)
def test_zero_terminal_snr_both_ways(kind, spacing, to_one):
    """A network that knows x0 and eps: abar 0 is where inversion ends and denoising starts."""
    scheduler = make_scheduler(kind, spacing, to_one=to_one, zero_snr=True)
    levels = styledit.noise_levels(scheduler, 7, torch.float64)
    assert levels[0] == 0
    x0, eps = torch.randn(2, 1, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    trajectory = [level.sqrt() * x0 + (1 - level).sqrt() * eps for level in levels]

    def network(z: torch.Tensor, abar: torch.Tensor) -> torch.Tensor:
        # not x0 where the level told is not that of z
        x0_told = (z - (1 - abar).sqrt() * eps) / abar.sqrt() if abar > 0 else x0
        return x0_told if kind == "sample" else abar.sqrt() * eps - (1 - abar).sqrt() * x0_told

    z = trajectory[-1]
    for i in range(7, 0, -1):
        abar_told = scheduler.alphas_cumprod[0].double() if i == 7 else None
        output = network(z, levels[i] if abar_told is None else abar_told)
        z = styledit.ddim_inverse_step(output, z, levels[i], levels[i - 1], kind, abar_told)
        assert torch.allclose(z, trajectory[i - 1], rtol=0, atol=1e-5)
    for i in range(7):
        z = styledit.ddim_step(network(z, levels[i]), z, levels[i], levels[i + 1], kind)
        assert torch.allclose(z, trajectory[i + 1], rtol=0, atol=1e-5)


def test_noise_alone_says_nothing_to_an_epsilon_network():
    with pytest.raises(ValueError, match="At abar 0 a latent is noise alone"):
        styledit.predict_x0_eps(*torch.ones(2, 1), torch.tensor(0.0), "epsilon")


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
    stock = pipe(
        PROMPT, latents=run.latents[0], num_inference_steps=6, guidance_scale=1.0, output_type="latent"
    ).images
    assert torch.allclose(unguided.latents[-1], stock, atol=1e-6)


def test_generate_depends_on_the_seed_alone(pipe):
    first, again, other = (
        styledit.generate(pipe, PROMPT, seed=seed, steps=2, progress=False).latents for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.allclose(first, other)


@pytest.mark.parametrize("steps", [0, -1, 1001, 10**400])
def test_steps_out_of_range(pipe, steps):
    with pytest.raises(ValueError, match="steps must be a whole number from 1 to 1000"):
        styledit.timesteps(pipe.scheduler, steps)


@pytest.mark.parametrize("steps", [2.5, 2.0, True, "2", None, torch.tensor(2)])
def test_steps_of_another_type(pipe, steps):
    with pytest.raises(TypeError, match="steps must be a whole number from 1 to 1000"):
        styledit.noise_levels(pipe.scheduler, steps)


def test_numpy_steps(pipe):
    assert styledit.timesteps(pipe.scheduler, np.int64(6)) == styledit.timesteps(pipe.scheduler, 6)
    assert styledit.noise_levels(pipe.scheduler, np.uint8(6)).shape == (7,)


def test_what_is_no_scheduler_or_tensor(pipe):
    with pytest.raises(
        TypeError, match=r"scheduler must be a DDIMScheduler from pipe.scheduler, not a StableDiffusionP"
    ):
        styledit.timesteps(pipe, 3)
    with pytest.raises(TypeError, match="dtype must be a floating-point dtype"):
        styledit.noise_levels(pipe.scheduler, 3, torch.int64)
    with pytest.raises(TypeError, match="z must be a floating-point tensor, not 'z'"):
        styledit.predict_x0_eps(torch.ones(1), "z", torch.tensor(0.5), "epsilon")
    with pytest.raises(
        ValueError, match=r"must have the same shape and device, not \(2,\) on cpu and \(3,\) on cpu"
    ):
        styledit.predict_x0_eps(torch.ones(2), torch.ones(3), torch.tensor(0.5), "epsilon")


def test_unknown_prediction_type():
    with pytest.raises(ValueError, match="prediction_type"):
        styledit.predict_x0_eps(*torch.zeros(2, 1), torch.tensor(0.5), "score")


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_a_level_at_the_end_of_the_range_gives_numbers_or_a_sentence(kind, dtype):
    z = torch.ones(1, 1, 1, 1, dtype=dtype)
    for level in (0.0, 1e-320, 1e-40, 1e-12, 1 - 1e-12, 1.0):
        for abar in (level, torch.tensor(level, dtype=torch.float64)):
            try:
                made = (
                    styledit.ddim_step(z, z, abar, 0.5, kind),
                    styledit.ddim_inverse_step(z, z, 0.5, abar, kind),
                )
            except ValueError as error:
                assert "At abar" in str(error) and kind != "v_prediction"
            else:
                assert all(torch.isfinite(tensor).all() for tensor in made)

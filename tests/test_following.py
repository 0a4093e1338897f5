"""The one update by which a target follows its source: every published method against its own formulas,
written out with the network's calls alone, in float64.
"""

from __future__ import annotations

import pytest
import torch

import styledit
from conftest import make_pipeline
from styledit import baselines

SOURCE, TARGET = "a red car in the snow", "a blue cat in the snow"
W, W_SOURCE = 4.0, 2.5
OFF = {"tau_v": 0.0, "tau_c": 0.0, "tau_s": 0.0, "tau_u": 0.0}
STEPS = 4


@pytest.fixture(scope="module", params=["epsilon", "v_prediction", "sample"])
def own(request, tokenizer, picture):
    """A pipeline of each prediction type, and the picture's inversion."""
    pipe = make_pipeline(tokenizer, request.param, torch.float64)
    return pipe, styledit.invert(pipe, picture, SOURCE, STEPS, record=None, progress=False)


@pytest.fixture(scope="module")
def fixed(pipe64, picture):
    """One of them, that predicts v."""
    return pipe64, styledit.invert(pipe64, picture, SOURCE, STEPS, record=None, progress=False)


class Network:
    """A pipeline's noise estimates at the latents of a run, under prompts and at a guidance."""

    def __init__(self, pipe, inversion, target=TARGET):
        self.pipe, self.inversion = pipe, inversion
        self.c = {
            "null": inversion.null,
            "source": inversion.c,
            "target": styledit.encode_prompt(pipe, target),
        }

    def __call__(self, z, i, prompt):
        """The noise at latents z of index i."""
        levels, told = self.inversion.levels, self.inversion.timesteps
        end = i == len(told)
        level = self.pipe.scheduler.alphas_cumprod[0].double() if end else levels[i]
        with torch.no_grad():
            output = self.pipe.unet(z, 0 if end else told[i], encoder_hidden_states=self.c[prompt]).sample
        prediction_type = self.pipe.scheduler.config.prediction_type
        return styledit.predict_x0_eps(output, z, level, prediction_type)[1]

    def guided(self, z, i, prompt, w):
        null = self(z, i, "null")
        return null + w * (self(z, i, prompt) - null)


def noises(inversion, steps=None, seed=0, one=False):
    """The drawn noises of a seed, from the noisiest."""
    shape = (1 if one else steps or inversion.steps, *inversion.z_0.shape)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


def test_a_noised_picture(own):
    pipe, inversion = own
    for one in (False, True):
        found = styledit.noised(pipe, inversion, seed=3, one_noise=one)
        drawn = noises(inversion, seed=3, one=one).expand(STEPS, -1, -1, -1, -1)
        for abar, z, noise in zip(inversion.levels, found.latents[:-1], drawn, strict=False):
            assert torch.allclose(z, abar.sqrt() * inversion.z_0 + (1 - abar).sqrt() * noise, atol=1e-12)
        assert torch.equal(found.z_0, inversion.z_0) and found.timesteps == inversion.timesteps
    shorter = styledit.noised(pipe, inversion, steps=3)
    assert shorter.steps == 3 and shorter.maps is None and torch.equal(shorter.z_0, inversion.z_0)


def test_edit_friendly_written_out(own):
    """2304.06140, equations 2 to 6: z_t = (x_{t-1} - mu_t(x_t)) / s_t, z_1 = 0."""
    pipe, inversion = own
    network, levels = Network(pipe, inversion), inversion.levels
    x = styledit.noised(pipe, inversion, seed=3).latents

    def mean_and_deviation(z, i, prompt, w):
        eps = network.guided(z, i, prompt, w)
        x0 = (z - (1 - levels[i]).sqrt() * eps) / levels[i].sqrt()
        variance = (1 - levels[i + 1]) / (1 - levels[i]) * (1 - levels[i] / levels[i + 1])
        towards = (1 - levels[i + 1] - variance).sqrt() * eps
        return levels[i + 1].sqrt() * x0 + towards, variance.sqrt()

    first = 1
    z = x[first]
    for i in range(first, STEPS):
        mean, deviation = mean_and_deviation(x[i], i, "source", W_SOURCE)
        noise = (x[i + 1] - mean) / deviation if i < STEPS - 1 else torch.zeros_like(mean)
        mean, deviation = mean_and_deviation(z, i, "target", W)
        z = mean + deviation * noise
    edit = baselines.edit_friendly(
        pipe, inversion, TARGET, guidance=W, source_guidance=W_SOURCE, skip=0.25, seed=3, progress=False
    )
    assert torch.allclose(edit.latents[-1], z, atol=1e-9)
    assert torch.equal(edit.latents[first], x[first]) and torch.equal(edit.source_latents, x)


def test_flow_edit_written_out(fixed):
    """2412.08629, algorithm 1, for x / sqrt(abar), whose time is sigma and whose velocity the noise."""
    pipe, inversion = fixed
    network, levels = Network(pipe, inversion), inversion.levels
    sigma = ((1 - levels) / levels).sqrt()
    drawn = noises(inversion, seed=1)
    edited = inversion.z_0
    for i in range(1, STEPS):
        source = inversion.z_0 + sigma[i] * drawn[i]
        target = edited + source - inversion.z_0
        velocity = network.guided(levels[i].sqrt() * target, i, "target", W) - network.guided(
            levels[i].sqrt() * source, i, "source", W_SOURCE
        )
        edited = edited + (sigma[i + 1] - sigma[i]) * velocity
    edit = baselines.flow_edit(
        pipe, inversion, TARGET, guidance=W, source_guidance=W_SOURCE, skip=0.25, seed=1, progress=False
    )
    delta = (edit.latents[-1] - inversion.z_0) / levels[-1].sqrt()
    assert torch.allclose(inversion.z_0 + delta, edited, atol=1e-9)


def test_ddcm_written_out(fixed):
    """2312.04965, algorithm 2: e_cons = (z_t - sqrt(abar) z_0) / sqrt(1 - abar) puts the estimate right."""
    pipe, inversion = fixed
    schedule = styledit.noised(pipe, inversion, steps=3, seed=2)
    network, levels, drawn = Network(pipe, schedule), schedule.levels, noises(inversion, 3, seed=2)
    edited = inversion.z_0
    for i in range(3):
        alpha, sigma = levels[i].sqrt(), (1 - levels[i]).sqrt()
        source, target = (alpha * clean + sigma * drawn[i] for clean in (inversion.z_0, edited))
        consistent = (source - alpha * inversion.z_0) / sigma
        eps = network.guided(target, i, "target", W) + consistent - network(source, i, "source")
        edited = (target - sigma * eps) / alpha
    edit = baselines.ddcm(pipe, inversion, TARGET, guidance=W, steps=3, seed=2, progress=False)
    delta = (edit.latents[-1] - inversion.z_0) / levels[-1].sqrt()
    assert torch.allclose(inversion.z_0 + delta, edited, atol=1e-9)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("random", [False, True])
def test_h_edit_written_out(fixed, random, implicit):
    """2503.02187, equations 22 to 25: the base takes u_t, then the editing term at its coefficient."""
    pipe, inversion = fixed
    network, levels = Network(pipe, inversion), inversion.levels
    x = styledit.noised(pipe, inversion, seed=4).latents if random else inversion.latents

    def mean(z, i, eps):
        x0 = (z - (1 - levels[i]).sqrt() * eps) / levels[i].sqrt()
        return levels[i + 1].sqrt() * x0 + towards(i) * eps

    def towards(i):
        """What of the noise a step keeps: sqrt(1 - abar_{t-1} - omega_t^2)."""
        variance = (1 - levels[i + 1]) / (1 - levels[i]) * (1 - levels[i] / levels[i + 1])
        return (1 - levels[i + 1] - random * variance).sqrt()

    z = x[0]
    for i in range(STEPS):
        u = x[i + 1] - mean(x[i], i, network(x[i], i, "source"))
        base = mean(z, i, network(z, i, "source")) + u
        at, index = (base, i + 1) if implicit else (z, i)
        term = network.guided(at, index, "target", W) - network.guided(at, index, "source", W_SOURCE)
        coefficient = towards(i) - (1 - levels[i]).sqrt() * (levels[i + 1] / levels[i]).sqrt()
        z = base + coefficient * term
    edit = baselines.h_edit(
        pipe, inversion, TARGET, guidance=W, reference_guidance=W_SOURCE, random=random, implicit=implicit,
        seed=4, progress=False, **OFF,
    )  # fmt: skip
    assert torch.allclose(edit.latents[-1], z, atol=1e-9)


def ddim(levels, i, z, eps):
    """DDIM's step."""
    x0 = (z - (1 - levels[i]).sqrt() * eps) / levels[i].sqrt()
    return levels[i + 1].sqrt() * x0 + (1 - levels[i + 1]).sqrt() * eps


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_proximal_guidance_written_out(fixed, rate):
    """2306.05414, algorithm 1: hard thresholding, and towards the inversion where nothing is left."""
    pipe, inversion = fixed
    network, levels = Network(pipe, inversion), inversion.levels
    z = inversion.z_T
    for i, t in enumerate(inversion.timesteps):
        source = network(z, i, "source")
        difference = network(z, i, "target") - source
        kept = difference.abs() > difference.abs().flatten().quantile(0.7)
        z = ddim(levels, i, z, source + W * kept * difference)
        if t < 400:
            near = torch.nn.functional.max_pool2d(kept.double(), 3, stride=1, padding=1)
            z = z - rate * (1 - near) * (z - inversion.latents[i + 1])
    edit = baselines.proximal(
        pipe, inversion, TARGET, guidance=W, inversion_guidance=rate, progress=False, **OFF
    )
    assert torch.allclose(edit.latents[-1], z, atol=1e-9)


def test_negative_prompt_inversion_that_follows_written_out(fixed):
    pipe, inversion = fixed
    network, levels = Network(pipe, inversion), inversion.levels
    z = inversion.z_T
    for i in range(STEPS):
        source, target = network(z, i, "source"), network(z, i, "target")
        own_step = ddim(levels, i, inversion.latents[i], network(inversion.latents[i], i, "source"))
        z = ddim(levels, i, z, source + W * (target - source)) + inversion.latents[i + 1] - own_step
    edit = baselines.negative_prompt(pipe, inversion, TARGET, guidance=W, follow=True, progress=False, **OFF)
    assert torch.allclose(edit.latents[-1], z, atol=1e-9)


RULES = {
    "direct inversion": styledit.UpdateRule(source_guidance=W, reference_guidance=W),
    "negative prompt": styledit.UpdateRule(reference_guidance=None),
    "DDPM": styledit.UpdateRule(source_guidance=3.5, reference_guidance=None, eta=1.0, skip=0.2),
    "fresh": styledit.UpdateRule(eta="fresh", reference_guidance=None, source_guidance=0.0),
    "implicit": styledit.UpdateRule(reference_guidance=None, implicit=True),
    "masked": styledit.UpdateRule(
        reference_guidance=None, mask=styledit.editing.LargestValues(), source_guidance=2.0
    ),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("noise", [False, True])
def test_the_source_prompt_leaves_the_source(pipe64, inversion64, name, noise):
    """Where w_hat = w, nothing moves: whatever the trajectory, the noise and the maps that are taken over."""
    source = styledit.noised(pipe64, inversion64) if noise else inversion64
    editor = styledit.Editor(pipe64, source, rule=RULES[name])
    edit = editor.edit(SOURCE, guidance=W, tau_c=1.0, tau_s=1.0, progress=False)
    assert torch.allclose(edit.latents, source.latents, atol=1e-9)
    other = editor.edit(TARGET, guidance=W, **OFF, progress=False)
    assert not torch.allclose(other.latents[-1], source.latents[-1], atol=1e-3)

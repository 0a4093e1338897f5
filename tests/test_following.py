"""The one update by which a target follows its source: every published method against its own formulas,
written out with the network's calls alone, in float64.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, LEditsPPPipelineStableDiffusion

import styledit
from conftest import make_pipeline
from styledit import baselines
from styledit.editing import LargestValues, UpdateRule, WordsAndLargestValues
from styledit.editing.run import Target
from styledit.editing.source import attention_bytes

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
    refined = dataclasses.replace(inversion, renoise=2)  # of its latents nothing is left but z_0
    assert (
        styledit.noised(pipe, refined, seed=3).fingerprint
        == styledit.noised(pipe, inversion, seed=3).fingerprint
    )
    shorter = styledit.noised(pipe, inversion, steps=3)
    assert shorter.steps == 3 and shorter.maps is None and torch.equal(shorter.z_0, inversion.z_0)


def test_noised_inversions_are_told_apart(fixed, tmp_path):
    """By the seed and the kind of noise, also from a file: what was fitted to one is not another's."""
    pipe, inversion = fixed
    found = [
        styledit.noised(pipe, inversion, seed=seed, one_noise=one) for seed in (0, 1) for one in (True, False)
    ]
    assert len({each.fingerprint for each in (inversion, *found)}) == 5
    for each in (inversion, *found):
        each.save(tmp_path / "inversion.safetensors")
        again = styledit.Inversion.load(tmp_path / "inversion.safetensors")
        assert again.noise == each.noise and again.fingerprint == each.fingerprint
    with pytest.raises(ValueError, match="fitted to another inversion; fit them to this one"):
        styledit.Editor(pipe, found[0], values=values_of(inversion))
    odd = dataclasses.replace(found[0], noise=(0, True))
    with pytest.raises(TypeError, match="The noise of an inversion must be a DrawnNoise from noised"):
        styledit.Editor(pipe, odd)


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


class WholeTimesteps(DDIMScheduler):
    """Takes the timesteps that diffusers' LEDITS++ gives its scheduler, which are floats."""

    def add_noise(self, original_samples, noise, timesteps):
        return super().add_noise(original_samples, noise, timesteps.long())


def test_ledits_pp_is_that_of_diffusers(tokenizer, picture):
    """Step by step on the same noises. It counts every token but the first and the last as words, so the
    prompt has as many; the source prompt has none of them.
    """
    pipe = make_pipeline(tokenizer, dtype=torch.float64, channels=4)
    pipe.vae.register_to_config(shift_factor=None)  # which diffusers leaves out here
    inversion = styledit.invert(pipe, picture, "red car", 5, record=None, progress=False)
    target = "a blue cat on the beach of plain pencil sketch"

    scheduler = WholeTimesteps.from_config(pipe.scheduler.config)
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()  # else it takes square roots in float32
    scheduler.final_alpha_cumprod = scheduler.final_alpha_cumprod.double()
    theirs = LEditsPPPipelineStableDiffusion(
        vae=pipe.vae, text_encoder=pipe.text_encoder, tokenizer=tokenizer, unet=pipe.unet,
        scheduler=scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    theirs.set_progress_bar_config(disable=True)
    latents, processors = [], dict(pipe.unet.attn_processors)

    def keep(pipe, i, t, kept):
        latents.append(kept["latents"].clone())
        return kept

    generator = torch.Generator().manual_seed(0)
    try:
        theirs.invert(picture, num_inversion_steps=4, skip=0.25, generator=generator)
        theirs(editing_prompt=target, output_type="latent", callback_on_step_end=keep)
    finally:
        pipe.unet.set_attn_processor(processors)

    generator = torch.Generator().manual_seed(0)
    shape = inversion.z_0.shape
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(4)]
    levels = inversion.levels[1:-1, None, None, None, None]
    noised = levels.sqrt() * inversion.z_0 + (1 - levels).sqrt() * torch.stack(drawn[::-1])
    assert torch.allclose(noised[0], theirs.init_latents, atol=1e-12)
    source = dataclasses.replace(
        inversion, latents=torch.cat([inversion.z_T[None], noised, inversion.z_0[None]])
    )
    rule = baselines.ledits_pp_editor(pipe, inversion, skip=0.2).rule
    edit = styledit.Editor(pipe, source, rule=rule, automatic=False).edit(
        target, guidance=5.0, progress=False, **OFF
    )
    assert torch.allclose(edit.latents[2:], torch.stack(latents), atol=1e-9)
    assert 0 < theirs.activation_mask.mean() < 0.1
    once = baselines.ledits_pp(pipe, inversion, target, skip=0.2, seed=1, progress=False)
    again = styledit.Editor(pipe, styledit.noised(pipe, inversion, seed=1), rule=rule, automatic=False)
    assert torch.equal(once.latents, again.edit(target, guidance=5.0, progress=False, **OFF).latents)


@pytest.mark.parametrize(
    ("target", "new"),
    [
        ("a red cat in the snow", ["cat"]),  # of equal length, aligned word by word
        ("a blue cat in the snow", ["blue", "cat"]),
        ("a red car in the snow on the beach", ["on", "the", "beach"]),
        ("a red car in snow", ["a", "red", "car", "in", "snow"]),
    ],
)
def test_new_words_are_those_that_the_source_lacks(pipe, target, new):
    found = Target.of(pipe, SOURCE, (target,))
    (words,), (positions,) = found.words, found.new_tokens
    chosen = [word for word in words if {*word.positions} & {*positions}]
    assert [word.text for word in chosen] == new
    assert positions == [position for word in chosen for position in word.positions]


RULES = {
    "direct inversion": UpdateRule(source_guidance=W, reference_guidance=W),
    "negative prompt": UpdateRule(reference_guidance=None),
    "DDPM": UpdateRule(source_guidance=3.5, reference_guidance=None, eta=1.0, skip=0.2),
    "fresh": UpdateRule(eta="fresh", reference_guidance=None, source_guidance=0.0),
    "implicit": UpdateRule(reference_guidance=None, implicit=True),
    "masked": UpdateRule(reference_guidance=None, mask=LargestValues(), source_guidance=2.0),
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


FOLLOWING = {
    "follows": UpdateRule(reference_guidance=2.0),
    "skips": UpdateRule(eta=1.0, skip=0.4),
    "implicit": UpdateRule(reference_guidance=2.0, implicit=True),
    "masked": UpdateRule(mask=WordsAndLargestValues(0.5), skip=0.2),
    "free": UpdateRule(corrected="none", mask=LargestValues(), reference_guidance=None, pull=0.5),
}
EDITED = {"guidance": W, "tau_c": 0.6, "tau_s": 0.4, "progress": False}


@pytest.mark.parametrize("name", FOLLOWING)
def test_edits_go_on_from_each_other(pipe64, inversion64, name):
    """With what an editor keeps, an edit is bit for bit what it is alone; in a batch it is the same."""
    rule = FOLLOWING[name]
    editor = styledit.Editor(pipe64, inversion64, rule=rule, automatic=False)
    editor.edit(TARGET, **EDITED)
    for changed in (
        {"tau_c": 0.8, "guide_from_source": True}, {"tau_u": 0.4}, {"blend": ("car", "cat")},
    ):  # fmt: skip
        alone = styledit.Editor(pipe64, inversion64, rule=rule, automatic=False, limit=0, history=0)
        kept = editor.edit(TARGET, **EDITED | changed)
        assert torch.equal(kept.latents, alone.edit(TARGET, **EDITED | changed).latents)
    assert editor.edit(TARGET, **EDITED | changed).first_step == inversion64.steps
    both = editor.edit([TARGET, "a red fox in the snow"], **EDITED)
    assert torch.allclose(both[0].latents, editor.edit(TARGET, **EDITED).latents, atol=1e-9)


@pytest.mark.parametrize("name", FOLLOWING)
def test_masks_previews_and_maps_act_on_top(pipe64, inversion64, name):
    rule = FOLLOWING[name]
    editor = styledit.Editor(pipe64, inversion64, rule=rule, automatic=False)
    painted = np.zeros((16, 16), bool)
    painted[4:9, 3:12] = True
    edit = editor.edit(TARGET, mask=painted, record=styledit.Layers(), **EDITED)
    outside = ~torch.from_numpy(painted)
    assert torch.equal(edit.latents[..., outside], edit.source_latents[..., outside])
    assert not torch.equal(edit.latents[-1], edit.source_latents[-1])
    first = rule.first_step(inversion64.steps)
    assert torch.equal(edit.latents[: first + 1], edit.source_latents[: first + 1])
    layer = next(iter(edit.maps.layers))
    assert len(edit.maps.layers[layer]) == inversion64.steps
    states = [*editor.previewing(TARGET, calls=2, guidance=W, tau_c=0.9, tau_s=0.4, mask=painted)]
    assert torch.isfinite(states[-1].z).all() and not torch.equal(states[-1].z, inversion64.z_0)
    coarse = editor.edit(TARGET, every=3, **EDITED)
    assert torch.isfinite(coarse.latents).all() and not torch.equal(coarse.latents[-1], inversion64.z_0)


@pytest.mark.parametrize("name", FOLLOWING)
def test_coarse_edits_go_on_from_each_other(pipe64, inversion64, name):
    """A coarse step that begins among the skipped ones follows the plan of the first that runs."""
    rule = FOLLOWING[name]
    editor = styledit.Editor(pipe64, inversion64, rule=rule, automatic=False)
    alone = styledit.Editor(pipe64, inversion64, rule=rule, automatic=False, limit=0, history=0)
    for tau_c in (0.2, 0.5):
        coarse = editor.edit(TARGET, every=3, **EDITED | {"tau_c": tau_c})
        fresh = alone.edit(TARGET, every=3, **EDITED | {"tau_c": tau_c})
        assert torch.equal(coarse.latents, fresh.latents)


@pytest.mark.parametrize(
    ("rule", "settings", "source", "target"),
    [
        (UpdateRule(reference_guidance=None), {}, 5, 10),  # the empty prompt cancels
        (UpdateRule(reference_guidance=None), {"tau_u": 1.0}, 5, 10),  # and nothing is read of it
        (UpdateRule(), {}, 5, 10),  # the source prompt cancels
        (UpdateRule(), {"tau_u": 0.2}, 10, 10),
        (UpdateRule(reference_guidance=2.0), {}, 5, 15),
        (UpdateRule(reference_guidance=2.0), {"guidance": 1.0, "tau_u": 0.2}, 10, 15),
        (UpdateRule(source_guidance=2.0), {}, 10, 15),
        (UpdateRule(reference_guidance=2.0, implicit=True), {}, 5, 20),
        (UpdateRule(reference_guidance=2.0, implicit=True), {"tau_s": 1.0}, 6, 20),  # the last maps, at z_0
        (UpdateRule(source_guidance=0.0, reference_guidance=0.0, mask=LargestValues()), {}, 10, 10),
        (UpdateRule(skip=0.6), {}, 2, 4),
        (UpdateRule(corrected="none"), {}, 5, 10),
        (UpdateRule(corrected="all but the last"), {}, 4, 10),  # nothing is read in the last step
    ],
)
def test_what_an_edit_costs(pipe64, inversion64, rule, settings, source, target):
    """Evaluations of the network in five steps: for the source, once, and for each target."""
    editor = styledit.Editor(pipe64, inversion64, rule=rule, automatic=False)
    settings = {"guidance": W, "progress": False} | settings
    seen = []
    handle = pipe64.unet.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
    editor.edit(TARGET, **settings)
    both = sum(seen)
    editor.edit("a red fox in the snow", **settings)
    handle.remove()
    assert (2 * both - sum(seen), sum(seen) - both) == (source, target)


def test_a_source_of_one_row_is_kept_in_the_memory_of_one(pipe64, inversion64):
    room = inversion64.steps * attention_bytes(pipe64, inversion64.z_T.shape[-2:], 1)
    editor = styledit.Editor(pipe64, inversion64, rule=UpdateRule(), limit=room, automatic=False)
    settings = {"guidance": W, "tau_c": 1.0, "progress": False}
    editor.edit(TARGET, **settings)
    assert editor.edit("a red fox in the snow", **settings).replayed == inversion64.steps


def test_at_guidance_1_the_empty_prompts_row_reads_its_own(pipe64, inversion64):
    """Where a rule needs its estimate, w = 1 is no other case than its neighbours."""
    editor = styledit.Editor(pipe64, inversion64, rule=UpdateRule(reference_guidance=5.0), automatic=False)
    record = styledit.Record(styledit.Layers(), branch="uncond")
    settings = {"tau_c": 0.0, "tau_s": 0.0, "tau_u": 1.0, "record": record, "progress": False}
    one, near = (editor.edit(TARGET, guidance=w, **settings) for w in (1.0, 1.0 + 1e-9))
    assert torch.allclose(one.latents, near.latents, rtol=0, atol=1e-6)
    for layer, maps in one.maps.layers.items():
        assert torch.allclose(maps, near.maps.layers[layer], rtol=0, atol=1e-6)
    alone = styledit.Editor(pipe64, inversion64, rule=UpdateRule())  # where the target's is all that is left
    with pytest.raises(ValueError, match="no unconditional branch to record"):
        alone.edit(TARGET, guidance=1.0, record=record)


def test_an_implicit_rule_reads_null_embeddings_and_values_of_every_step(pipe64, inversion64):
    """At the clean latents those of the last step."""
    rule = UpdateRule(reference_guidance=2.0, implicit=True)
    nulls = inversion64.null.expand(inversion64.steps, -1, -1).clone()
    edits = [
        styledit.Editor(pipe64, inversion64, rule=rule, null_embeddings=given).edit(TARGET, **EDITED)
        for given in (None, nulls)
    ]
    assert torch.equal(edits[0].latents, edits[1].latents)
    edit = styledit.Editor(pipe64, inversion64, rule=rule, values=values_of(inversion64)).edit(
        SOURCE, guidance=2.0, **OFF | {"tau_v": 1.0}, progress=False
    )
    assert torch.allclose(edit.latents, inversion64.latents, atol=1e-9)


@pytest.mark.parametrize("w", [0.0, 1.0])
def test_guidance_that_lets_estimates_cancel(pipe64, inversion64, w):
    """Nothing is edited at w = w_hat = 0; at w = 1 the target's estimate stands alone, in one evaluation."""
    masked = UpdateRule(source_guidance=0.0, reference_guidance=0.0, mask=LargestValues())
    edit = styledit.Editor(pipe64, inversion64, rule=masked).edit(TARGET, guidance=w, progress=False, **OFF)
    assert torch.allclose(edit.latents, inversion64.latents, atol=1e-9) == (w == 0)
    edit = styledit.Editor(pipe64, inversion64, rule=UpdateRule()).edit(
        TARGET, guidance=w, progress=False, **OFF
    )
    assert torch.isfinite(edit.latents).all()
    assert not torch.allclose(edit.latents[-1], inversion64.z_0, atol=1e-3)


def values_of(inversion):
    """Value inputs that are far from the prompt."""
    generator = torch.Generator().manual_seed(5)
    shape = (inversion.steps, *inversion.c.shape[1:])
    scale = 1 + 0.2 * torch.randn(shape, generator=generator, dtype=torch.float64)
    return styledit.ValueInputs(scale, 0 * scale, W, (0.0,) * inversion.steps, 0, inversion.fingerprint)


@pytest.mark.parametrize("tau_u", [0.0, 1.0])
@pytest.mark.parametrize(
    "rule",
    [
        UpdateRule(reference_guidance=None, source_guidance=2.0),
        UpdateRule(reference_guidance=None),  # the empty prompt cancels
        UpdateRule(reference_guidance=None, mask=LargestValues()),
    ],
)
def test_value_inputs_are_read_by_the_source_prompt(pipe64, inversion64, rule, tau_u):
    """e_src is the same function at both latents: with the source prompt nothing moves."""
    editor = styledit.Editor(pipe64, inversion64, rule=rule, values=values_of(inversion64))
    edit = editor.edit(SOURCE, guidance=W, **OFF | {"tau_v": 1.0, "tau_u": tau_u}, progress=False)
    assert torch.allclose(edit.latents, inversion64.latents, atol=1e-9)


@pytest.mark.parametrize(
    ("choices", "what"),
    [
        ({"eta": 1.5}, "eta"),
        ({"corrected": "some"}, "corrected"),
        ({"skip": -0.1}, "skip"),
        ({"corrected": "none", "skip": 0.5}, "Without corrections nothing can be skipped"),
        ({"pull": 0.5}, "pull acts outside a mask"),
        ({"source_guidance": float("nan")}, "source_guidance"),
        ({"mask": 0.7}, r"mask must be a guidance mask, such as LargestValues\(\), not 0.7"),
        ({"mask": LargestValues}, "mask must be a guidance mask"),
        ({"reference_ratio": 0.5}, "reference_ratio takes the place of a reference_guidance; make that None"),
    ],
)
def test_rules_that_cannot_be(choices, what):
    with pytest.raises((TypeError, ValueError), match=what):
        UpdateRule(**choices)


@pytest.mark.parametrize(("skip", "steps", "first"), [(0.36, 6, 3), (0.14, 50, 7), (0.3, 5, 2), (0.0, 4, 0)])
def test_steps_are_skipped_while_i_is_below_skip_T(skip, steps, first):
    assert UpdateRule(skip=skip).first_step(steps) == first


def test_a_quantile_of_0_keeps_all():
    term = torch.arange(12.0).reshape(1, 3, 2, 2)
    assert LargestValues(0)(term, {}, [[1]], 0.5).all()
    assert LargestValues(0.5)(term, {}, [[1]], 0.5).sum() == 6


MAPS_OF_THE_PAPER = {
    "edit_friendly": {}, "ledits_pp": {}, "ddcm": {}, "flow_edit": {}, "masactrl": {}, "plug_and_play": {},
    "h_edit": {"tau_c": 0.4, "tau_s": 0.35}, "negative_prompt": None, "proximal": None,
}  # fmt: skip


@pytest.mark.parametrize("name", MAPS_OF_THE_PAPER)
def test_an_editor_makes_what_its_call_does(pipe, inversion, name):
    """With the settings that its docstring says."""
    call, maker = getattr(baselines, name), getattr(baselines, f"{name}_editor")
    maps = MAPS_OF_THE_PAPER[name]
    settings = {} if maps is None else {"tau_c": 0, "tau_s": 0} | maps
    own = {"scale": 2} if name == "ledits_pp" else {}
    edit = maker(pipe, inversion, automatic=False, **own).edit(TARGET, progress=False, **settings)
    assert torch.equal(edit.latents, call(pipe, inversion, TARGET, progress=False, **own).latents)


def test_editors_refuse_what_does_not_fit(pipe, inversion):
    with pytest.raises(ValueError, match=r"skip=1.0 leaves none of 6 steps; skip less"):
        styledit.Editor(pipe, inversion, rule=UpdateRule(skip=1.0))
    with pytest.raises(TypeError, match="rule must be an UpdateRule from styledit.editing, not an int"):
        styledit.Editor(pipe, inversion, rule=1)
    with pytest.raises(ValueError, match="rule, where it is a word, must be one of 'suggested'"):
        styledit.Editor(pipe, inversion, rule="DDCM")
    with pytest.raises(ValueError, match="matches no cross-attention layer"):
        baselines.ledits_pp(pipe, inversion, TARGET, scale=8)
    with pytest.raises(ValueError, match="takes no regularisation"):
        styledit.Editor(pipe, inversion, rule=UpdateRule(implicit=True)).edit(
            TARGET, regularisation=styledit.Regularisation(sparsity=1.0)
        )

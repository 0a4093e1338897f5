"""P2Plus editing: identities, and each switch alone against a few lines that do the
same with the stock parts.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch
from diffusers import DDIMScheduler

import styledit
from styledit.attention import attention_layers

TARGET = "a blue cat in the snow"  # word by word
LONGER = "a plain red car in the snow"  # a new word
OFF = {"tau_v": 0.0, "tau_c": 0.0, "tau_s": 0.0, "tau_u": 0.0}
ON = {"tau_v": 1.0, "tau_c": 1.0, "tau_s": 1.0, "tau_u": 1.0}
GUIDANCE = 4.0


@pytest.fixture(scope="module")
def values64(inversion64):
    """Value inputs that differ from the prompt at every step."""
    generator = torch.Generator().manual_seed(5)
    scale, shift = torch.randn(2, inversion64.steps, *inversion64.c.shape[1:], generator=generator) * 0.2
    return styledit.ValueInputs(
        1 + scale, shift, GUIDANCE, (0.0,) * inversion64.steps, 0, inversion64.fingerprint
    )


def run(pipe, inversion, target, values=None, **settings):
    return styledit.edit(
        pipe, inversion, target, values=values, **{"guidance": GUIDANCE, "progress": False} | settings
    )


class NaiveAttention:
    """Softmax attention by diffusers' own helpers; `change(probs, is_cross)` edits the
    maps (B, heads, Q, K).
    """

    def __init__(self, change, value_input):
        self.change, self.value_input = change, value_input

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, **unused):
        is_cross = encoder_hidden_states is not None
        context = encoder_hidden_states if is_cross else hidden_states
        values = self.value_input(context) if is_cross else context
        query, key, value = (
            attn.head_to_batch_dim(states)
            for states in (attn.to_q(hidden_states), attn.to_k(context), attn.to_v(values))
        )
        probs = attn.get_attention_scores(query, key).unflatten(0, (len(context), attn.heads))
        probs = self.change(probs.clone(), is_cross).flatten(0, 1)
        return attn.to_out[0](attn.batch_to_head_dim(probs @ value))


def reference(pipe, inversion, target, change, value_input=lambda i, context: context):
    """Both branches with the stock scheduler; rows: null, null, source, target."""
    c_tgt = styledit.encode_prompt(pipe, target)
    context = torch.cat([inversion.null, inversion.null, inversion.c, c_tgt])
    scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    scheduler.set_timesteps(inversion.steps)
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()  # else its square roots are taken in float32
    scheduler.final_alpha_cumprod = scheduler.final_alpha_cumprod.double()
    z, before = inversion.z_T.repeat(2, 1, 1, 1), dict(pipe.unet.attn_processors)
    try:
        for i, t in enumerate(scheduler.timesteps):
            pipe.unet.set_attn_processor(
                NaiveAttention(
                    lambda probs, cross: change(i, probs, cross), lambda states: value_input(i, states)
                )
            )
            with torch.no_grad():
                uncond, cond = pipe.unet(torch.cat([z, z]), t, encoder_hidden_states=context).sample.chunk(2)
            z = scheduler.step(uncond + GUIDANCE * (cond - uncond), t, z).prev_sample
    finally:
        pipe.unet.set_attn_processor(before)
    return z  # (2, C, h, w)


def assert_same(edit, expected):
    assert torch.allclose(edit.source_latents[-1], expected[:1], rtol=0, atol=1e-9)
    assert torch.allclose(edit.latents[-1], expected[1:], rtol=0, atol=1e-9)


def test_the_source_as_target_is_the_reconstruction(pipe, inversion):
    """Bit for bit within the run; to rounding against a run of its own, whose batch is smaller."""
    preset = styledit.Preset(lambda i: 1, lambda i: 0.05, lambda i: 0.0)
    values = styledit.fit_values(pipe, inversion, preset=preset, progress=False)
    same = styledit.edit(pipe, inversion, inversion.prompt, values=values, **ON, progress=False)
    assert same.settings.guidance == values.guidance == 7.5
    assert torch.equal(same.latents, same.source_latents)
    alone = styledit.reconstruct(pipe, inversion, values=values, progress=False)
    assert torch.allclose(same.latents, alone.latents, atol=1e-3)
    assert styledit.psnr(same.image, same.reconstruction) == float("inf")


def test_everything_off_is_plain_generation(pipe64, inversion64, values64):
    edit = run(pipe64, inversion64, TARGET, values64, **OFF)
    plain = styledit.generate(
        pipe64, TARGET, z_T=inversion64.z_T, steps=inversion64.steps, guidance=GUIDANCE, progress=False
    )
    assert torch.allclose(edit.latents, plain.latents, rtol=0, atol=1e-9)
    source = styledit.reconstruct(pipe64, inversion64, guidance=GUIDANCE, values=values64, progress=False)
    assert torch.allclose(edit.source_latents, source.latents, rtol=0, atol=1e-9)
    assert (edit.latents[-1] - edit.source_latents[-1]).abs().max() > 1e-4


@pytest.mark.parametrize("tau", [0.4, 1.0])
def test_tau_v(pipe64, inversion64, values64, tau):
    """The target reads c_tgt * s + b while i < tau T, the source c * s + b always, null stays null."""

    def value_input(i, context):
        s, b = values64.scale[i], values64.shift[i]
        null, other_null, source, target = context
        return torch.stack([null, other_null, source * s + b, target * s + b if i < tau * 5 else target])

    expected = reference(pipe64, inversion64, TARGET, lambda i, probs, cross: probs, value_input)
    assert_same(run(pipe64, inversion64, TARGET, values64, **OFF | {"tau_v": tau}), expected)


@pytest.mark.parametrize("target", [TARGET, LONGER])
def test_tau_c(pipe64, inversion64, target):
    """The target's cross maps become the source's, token by token, while i < tau T;
    new tokens keep their own.
    """
    # which source token each target token takes (start, words, then end and padding); -1 is a new one
    takes = list(range(12)) if target == TARGET else [0, 1, -1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

    def change(i, probs, cross):
        if cross and i < 0.6 * 5:
            for j, k in enumerate(takes):
                if k >= 0:
                    probs[3, :, :, j] = probs[2, :, :, k]
            if target == LONGER:  # the source's longer padding is gathered in the last column
                probs[3, :, :, 11] += probs[2, :, :, 11]
        return probs

    expected = reference(pipe64, inversion64, target, change)
    assert_same(run(pipe64, inversion64, target, **OFF | {"tau_c": 0.6}), expected)


@pytest.mark.parametrize("switch,source,target", [("tau_s", 2, 3), ("tau_u", 0, 1)])
def test_tau_s_and_tau_u(pipe64, inversion64, switch, source, target):
    """The target's self maps become the source's in one branch while i < tau T."""

    def change(i, probs, cross):
        if not cross and i < 0.6 * 5:
            probs[target] = probs[source]
        return probs

    expected = reference(pipe64, inversion64, TARGET, change)
    assert_same(run(pipe64, inversion64, TARGET, **OFF | {switch: 0.6}), expected)


def test_reweight(pipe64, inversion64):
    """A word's map is multiplied while the cross maps are replaced."""

    def change(i, probs, cross):
        if cross and i < 0.4 * 5:
            probs[3] = probs[2]
            probs[3, :, :, 3] *= -2
        return probs

    expected = reference(pipe64, inversion64, TARGET, change)
    assert_same(run(pipe64, inversion64, TARGET, **OFF | {"tau_c": 0.4, "reweight": {"cat": -2}}), expected)


def test_switches_compose(pipe64, inversion64, values64):
    def change(i, probs, cross):
        if cross and i < 0.6 * 5:
            probs[3] = probs[2]
        if not cross and i < 0.4 * 5:
            probs[3] = probs[2]
        if not cross and i < 0.2 * 5:
            probs[1] = probs[0]
        return probs

    def value_input(i, context):
        s, b = values64.scale[i], values64.shift[i]
        target = context[3] * s + b if i < 0.8 * 5 else context[3]
        return torch.stack([context[0], context[1], context[2] * s + b, target])

    expected = reference(pipe64, inversion64, TARGET, change, value_input)
    taus = {"tau_v": 0.8, "tau_c": 0.6, "tau_s": 0.4, "tau_u": 0.2}
    assert_same(run(pipe64, inversion64, TARGET, values64, **taus), expected)


def test_guidance_one_runs_the_conditional_branch_alone(pipe64, inversion64):
    rows = []
    handle = pipe64.unet.register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    run(pipe64, inversion64, TARGET, guidance=1.0, tau_u=1.0)
    handle.remove()
    assert rows == [1, 1] * inversion64.steps  # source and target, each in a call of its own
    for taus in ({"tau_u": 1.0}, {"tau_u": 0.0}, {"tau_u": 0.0, "tau_s": 0.0}):
        one, nearly = (run(pipe64, inversion64, TARGET, guidance=w, **taus) for w in (1.0, 1.0 + 1e-12))
        assert torch.allclose(one.latents, nearly.latents, atol=1e-8)


def test_blend_keeps_the_source_outside_the_mask(pipe64, inversion64):
    states = []
    edit = run(
        pipe64, inversion64, TARGET, blend=["car", "cat"], blend_threshold=0.99, callback=states.append
    )
    assert edit.mask.shape == inversion64.z_0.shape[-2:] and edit.mask.any() and not edit.mask.all()
    difference = (edit.latents[-1] - edit.source_latents[-1])[0]
    assert difference[:, ~edit.mask].eq(0).all() and difference[:, edit.mask].abs().max() > 1e-5
    assert (
        states[0]["masks"] == [None] and states[1]["masks"][0] is not None
    )  # starts after a fifth of 5 steps
    free = run(pipe64, inversion64, TARGET, blend="cat", blend_threshold=0.0)
    assert free.mask.all() and torch.allclose(
        free.latents, run(pipe64, inversion64, TARGET).latents, atol=1e-9
    )


def test_blend_mask_is_the_thresholded_average_map(pipe64, inversion64):
    """With the target's maps those of the source, the mask can be read off the recorded run."""
    edit = run(pipe64, inversion64, inversion64.prompt, blend="car", guidance=1.0, **OFF, blend_threshold=0.9)
    with styledit.attention_control(pipe64.unet, styledit.Layers()) as control, torch.no_grad():
        total = torch.zeros(16, 16)
        for i in range(inversion64.steps):
            pipe64.unet(edit.source_latents[i], inversion64.timesteps[i], encoder_hidden_states=inversion64.c)
            for layer, scale in attention_layers(pipe64.unet).items():
                plane = control.maps[layer][0, :, :, 3].mean(0).view(1, 1, 16 // scale, 16 // scale).float()
                total += torch.nn.functional.interpolate(plane, (16, 16), mode="bilinear")[0, 0]
    grown = torch.nn.functional.max_pool2d(total[None, None], 3, 1, 1)[0, 0]
    assert torch.equal(edit.mask, grown > 0.9 * grown.max())


def test_an_edit_leaves_its_inputs_alone(pipe64, inversion64, values64):
    before = {f.name: getattr(inversion64, f.name) for f in dataclasses.fields(inversion64)}
    copies = {name: value.clone() for name, value in before.items() if isinstance(value, torch.Tensor)}
    processors = dict(pipe64.unet.attn_processors)
    first = run(pipe64, inversion64, TARGET, values64, blend="cat", reweight={"blue": 2.0})
    again = run(pipe64, inversion64, TARGET, values64, blend="cat", reweight={"blue": 2.0})
    assert torch.equal(first.latents, again.latents)
    assert all(torch.equal(before[name], copy) for name, copy in copies.items())
    assert pipe64.unet.attn_processors == processors


@pytest.mark.parametrize(
    "settings,message",
    [
        ({"tau_v": 1.5}, "tau_v must be a number from 0 to 1, not 1.5"),
        ({"tau_u": -0.1}, "tau_u must be a number from 0 to 1"),
        ({"tau_s": float("nan")}, "tau_s must be finite, not nan"),
        (
            {"blend": "fox"},
            "'fox' is in neither prompt; their words are: a, red, car, in, the, snow, blue, cat",
        ),
        ({"reweight": {"car": 2.0}}, "'car' is not in the prompt; its words are: a, blue, cat"),
    ],
)
def test_errors(pipe64, inversion64, settings, message):
    with pytest.raises(ValueError, match=message):
        run(pipe64, inversion64, TARGET, **settings)


def test_values_of_another_inversion(pipe64, inversion64, values64):
    other = styledit.invert(
        pipe64, inversion64.image, "a blue car in the snow", inversion64.steps, progress=False
    )
    narrow = dataclasses.replace(values64, scale=values64.scale[..., :8], shift=values64.shift[..., :8])
    for inverted, values, message in (
        (other, values64, "fitted to another inversion"),
        (inversion64, narrow, "fit them with this model"),
    ):
        with pytest.raises(ValueError, match=message):
            run(pipe64, inverted, TARGET, values)
        with pytest.raises(ValueError, match=message):
            styledit.reconstruct(pipe64, inverted, values=values, progress=False)


def test_a_partial_fit_falls_back_to_the_prompt(pipe64, inversion64, values64):
    short = dataclasses.replace(
        values64, scale=values64.scale[:3], shift=values64.shift[:3], losses=values64.losses[:3]
    )
    edit = run(pipe64, inversion64, TARGET, short, **OFF)
    source = styledit.reconstruct(pipe64, inversion64, guidance=GUIDANCE, values=short, progress=False)
    assert torch.allclose(edit.source_latents, source.latents, rtol=0, atol=1e-9)
    whole = styledit.reconstruct(pipe64, inversion64, guidance=GUIDANCE, values=values64, progress=False)
    assert torch.equal(source.latents[:4], whole.latents[:4]) and not torch.equal(
        source.latents[4], whole.latents[4]
    )


def test_a_blend_word_of_one_prompt_and_the_highest_threshold(pipe64, inversion64):
    mask = run(pipe64, inversion64, TARGET, blend="cat", blend_threshold=1.0).mask
    assert mask.any() and not mask.all()


@pytest.mark.parametrize(
    "settings,error",
    [
        ({"guidance": float("nan")}, ValueError),
        ({"guidance": "7"}, TypeError),
        ({"tau_v": None}, TypeError),
        ({"reweight": {"cat": float("inf")}}, ValueError),
    ],
)
def test_settings_that_are_no_finite_number(pipe64, inversion64, settings, error):
    with pytest.raises(error, match="must be"):
        run(pipe64, inversion64, TARGET, **settings)


def test_an_empty_target(pipe64, inversion64):
    with pytest.raises(ValueError, match="The prompt is empty"):
        run(pipe64, inversion64, " ")


def test_of_several_targets_each_uses_the_words_it_has(pipe64, inversion64):
    targets, words = ["a blue cat in the snow", "a blue bus in the snow"], ("car", "cat", "bus")
    together = styledit.edit(pipe64, inversion64, targets, blend=words, blend_threshold=0.8, progress=False)
    for result, target, own in zip(together, targets, (("car", "cat"), ("car", "bus")), strict=True):
        alone = styledit.edit(pipe64, inversion64, target, blend=own, blend_threshold=0.8, progress=False)
        assert torch.equal(result.mask, alone.mask) and torch.allclose(
            result.latents, alone.latents, atol=1e-9
        )
    asked = {"tau_c": 0.0, "tau_s": 0.0, "regularisation_rate": 3.0}
    localised = styledit.Regularisation(localisation=1.0, words=("cat",))
    cat, bus = styledit.edit(pipe64, inversion64, targets, regularisation=localised, progress=False, **asked)
    alone = styledit.edit(pipe64, inversion64, targets[0], regularisation=localised, progress=False, **asked)
    plain = styledit.edit(pipe64, inversion64, targets[1], progress=False, **asked)
    assert torch.allclose(cat.latents, alone.latents, atol=1e-9) and torch.allclose(
        bus.latents, plain.latents, atol=1e-9
    )


def test_a_word_of_no_prompt_is_refused(pipe64, inversion64):
    targets = ["a blue cat in the snow", "a blue bus in the snow"]
    with pytest.raises(ValueError, match="The blend word 'dog' is in neither prompt"):
        styledit.edit(pipe64, inversion64, targets, blend=("car", "dog"), progress=False)
    with pytest.raises(
        ValueError, match="None of the blend words 'bus' is in .* or 'a blue cat in the snow'"
    ):
        styledit.edit(pipe64, inversion64, targets, blend="bus", progress=False)
    with pytest.raises(ValueError, match="'dog' is not in the prompt"):
        styledit.edit(
            pipe64,
            inversion64,
            targets,
            regularisation=styledit.Regularisation(sparsity=1, words="dog"),
            progress=False,
        )

"""What an inversion holds."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from safetensors import safe_open

import styledit
from conftest import make_pipeline
from styledit import inversion as inversion_module
from styledit.inversion import check_inversion
from styledit.storage.files import write_tensors

DATA = Path(__file__).parents[1] / "data"


def test_latents_run_from_noise_to_the_picture(pipe, inversion, picture):
    assert inversion.latents.shape == (inversion.steps + 1, *inversion.z_0.shape)
    assert torch.equal(inversion.z_0, styledit.encode_image(pipe, picture))
    assert (inversion.levels.diff() >= 0).all() and len(inversion.levels) == inversion.steps + 1
    assert list(inversion.timesteps) == sorted(inversion.timesteps, reverse=True)


def test_maps_are_those_of_the_denoising_steps(pipe64, inversion64):
    """Entry i of the maps is what the network computes for latents[i] at timesteps[i]:
    the first and the last too.
    """
    for i in range(inversion64.steps):
        with styledit.attention_control(pipe64.unet, styledit.Layers()) as control, torch.no_grad():
            pipe64.unet(
                inversion64.latents[i], inversion64.timesteps[i], encoder_hidden_states=inversion64.c
            ).sample
        for layer, maps in inversion64.maps.step(i).items():
            assert torch.allclose(maps, control.maps[layer][0], atol=1e-12)


def test_maps_are_probabilities_on_known_grids(inversion):
    for layer, maps in inversion.maps.layers.items():
        h, w = inversion.maps.map_sizes[layer]
        assert maps.shape[0] == inversion.steps and maps.shape[2] == h * w
        assert torch.allclose(maps.sum(-1), torch.ones(maps.shape[:-1]), atol=1e-5)


def test_round_trip_at_guidance_one_beats_guided(pipe, inversion):
    plain, guided = (styledit.reconstruct(pipe, inversion, guidance=w, progress=False) for w in (1.0, 7.5))
    assert styledit.drift(inversion, plain.latents)[-1] < 0.5 * styledit.drift(inversion, guided.latents)[-1]
    assert styledit.drift(inversion, inversion.latents).eq(0).all()


def test_word_map_sums_tokens_and_keeps_the_picture_size(inversion, picture):
    maps = inversion.maps
    red_car = maps.word("red car")
    assert red_car.shape == (picture.height, picture.width)
    assert torch.allclose(red_car, maps.word("red") + maps.word("car"), atol=1e-6)
    everything = maps.tokens(list(range(next(iter(maps.layers.values())).shape[-1])))
    assert torch.allclose(everything, torch.ones_like(everything), atol=1e-4)


def test_word_map_of_some_steps(inversion):
    maps = inversion.maps
    parts = torch.stack([maps.word("car", steps=[i]) for i in range(inversion.steps)])
    assert torch.allclose(parts.mean(0), maps.word("car"), atol=1e-6)


def test_word_map_of_no_step(inversion):
    with pytest.raises(ValueError, match="no step to average over"):
        inversion.maps.word("car", steps=[])


def test_word_outside_the_prompt(inversion):
    with pytest.raises(
        ValueError, match="'fox' is not in the prompt; its words are: a, red, car, in, the, snow"
    ):
        inversion.maps.word("fox")


def test_non_square_pictures(pipe):
    picture = styledit.read_image(pipe, np.full((40, 60, 3), 128, np.uint8), size=(48, 36))
    inversion = styledit.invert(pipe, picture, "a car", 2, progress=False)
    assert inversion.z_0.shape[-2:] == (18, 24)
    assert set(inversion.maps.map_sizes.values()) == {(18, 24), (9, 12), (5, 6)}
    assert inversion.maps.word("car").shape == (36, 48)


def test_a_picture_that_does_not_fit_is_refused(pipe, picture):
    with pytest.raises(ValueError, match="multiples of 2"):
        styledit.invert(pipe, picture.resize((33, 32)), "a car", 2, progress=False)


def test_nan_weights_are_reported(tokenizer, picture):
    pipe = make_pipeline(tokenizer)
    pipe.unet.conv_out.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        styledit.invert(pipe, picture, "a car", 2, progress=False)


def test_callbacks_count_down_to_the_noise(pipe, picture):
    seen = []
    inversion = styledit.invert(pipe, picture, "a car", 3, record=None, progress=False, callback=seen.append)
    assert [state["i"] for state in seen] == [2, 1, 0]
    assert torch.equal(seen[-1]["z"], inversion.z_T) and inversion.maps is None


def test_unet_without_mid_block(tokenizer, picture):
    pipe = make_pipeline(tokenizer, mid_block=None)
    inversion = styledit.invert(pipe, picture, "a car", 2, progress=False)
    assert len(inversion.maps.layers) == 9


def test_half_precision_keeps_the_schedule(tokenizer, picture):
    pipe = make_pipeline(tokenizer, dtype=torch.bfloat16)
    inversion = styledit.invert(pipe, picture, "a car", 3, progress=False)
    assert torch.equal(inversion.levels, styledit.noise_levels(pipe.scheduler, 3))
    run = styledit.reconstruct(pipe, inversion, guidance=1.0, progress=False)
    assert pipe.unet.dtype == inversion.c.dtype == torch.bfloat16
    assert inversion.latents.dtype == run.latents.dtype == torch.float32  # every step would round them anew
    assert styledit.drift(inversion, run.latents).dtype == torch.float32


def test_a_latent_of_the_users_own(pipe):
    z = torch.randn(1, 3, 12, 16, dtype=torch.float64)
    run = styledit.generate(pipe, "a car", z_T=z, steps=1, progress=False)
    assert run.latents.dtype == torch.float32 and run.image.size == (32, 24)
    with pytest.raises(ValueError, match=r"must have shape \(1, 3, h, w\), not \(3, 16, 16\)"):
        styledit.generate(pipe, "a car", z_T=torch.zeros(3, 16, 16))
    with pytest.raises(TypeError, match="z_T must be a floating-point tensor"):
        styledit.generate(pipe, "a car", z_T=[0.0])


def test_an_inversion_survives_its_file(pipe, picture, tmp_path):
    """Latents, embeddings, picture and maps come back; value inputs and edits take the
    copy for the original.
    """
    record = styledit.Record((styledit.Layers(), styledit.Layers(scales=4, kind="self")), steps=(0, 2))
    inversion = styledit.invert(pipe, picture, "a red car in the snow", 3, record=record, progress=False)
    file = tmp_path / "inversion.safetensors"
    inversion.save(file)
    again = styledit.Inversion.load(file)
    assert again.fingerprint == inversion.fingerprint and again.timesteps == inversion.timesteps
    for name in ("latents", "levels", "c", "null"):
        assert torch.equal(getattr(again, name), getattr(inversion, name))
    assert torch.equal(again.maps.word("car"), inversion.maps.word("car"))
    assert torch.equal(again.maps.pixel(3, 3), inversion.maps.pixel(3, 3)) and again.maps.steps == (0, 2)
    edits = [styledit.edit(pipe, v, "a blue cat in the snow", progress=False) for v in (inversion, again)]
    assert torch.equal(edits[0].latents, edits[1].latents)
    bare = styledit.invert(pipe, picture, "a red car", 2, record=None, progress=False)
    bare.save(file)
    assert styledit.Inversion.load(file).maps is None and [path.name for path in tmp_path.iterdir()] == [
        file.name
    ]


@pytest.mark.parametrize("renoise", [1, 3])
def test_renoise_written_out(pipe64, picture, renoise):
    """A step from z by the noise that the network sees where it arrives, again and again; the last one by the
    mean of the last two noises.
    """
    prompt, levels = "a red car in the snow", styledit.noise_levels(pipe64.scheduler, 3, torch.float64)
    inversion = styledit.invert(pipe64, picture, prompt, 3, renoise=renoise, record=None, progress=False)
    plain = styledit.invert(pipe64, picture, prompt, 3, record=None, progress=False)
    for i in (2, 1, 0):
        z, abar, noisier = inversion.latents[i + 1], levels[i + 1], levels[i]
        output = pipe64.unet(z, ([*inversion.timesteps, 0])[i + 1], encoder_hidden_states=inversion.c).sample
        x = styledit.ddim_inverse_step(
            output, z, abar, noisier, "v_prediction",
            pipe64.scheduler.alphas_cumprod[0].double() if i == 2 else None,
        )  # fmt: skip
        if i == 2:
            assert torch.allclose(x, plain.latents[2], rtol=0, atol=1e-9)
        noises = []
        for _ in range(renoise):
            v = pipe64.unet(x, inversion.timesteps[i], encoder_hidden_states=inversion.c).sample
            noises.append(noisier.sqrt() * v + (1 - noisier).sqrt() * x)
            last = len(noises) == renoise
            eps = sum(noises[-2:]) / len(noises[-2:]) if last else noises[-1]
            x = noisier.sqrt() * (z - (1 - abar).sqrt() * eps) / abar.sqrt() + (1 - noisier).sqrt() * eps
        assert torch.allclose(inversion.latents[i], x, rtol=0, atol=1e-9)


def test_renoise_brings_the_picture_back(embedded):
    """The error of the round trip at guidance 1 falls, and with more of it falls further."""
    picture = DATA / "images" / "01_car.png"
    prompt = "a plain sticker of a red car on the beach"
    errors = []
    for renoise in (0, 1, 3):
        inversion = styledit.invert(
            embedded, picture, prompt, 5, renoise=renoise, record=None, progress=False
        )
        back = styledit.reconstruct(embedded, inversion, progress=False)
        errors.append(float(styledit.drift(inversion, back)[-1]))
    assert errors[1] < 0.5 * errors[0] and errors[2] < errors[1]


def test_what_renoise_costs_and_what_knows_of_it(pipe, picture, tmp_path):
    """A state after each call, one of them finished a step; the maps are those of the refined latents; value
    inputs of the plain inversion are not taken for its own.
    """
    run = inversion_module.inverting(pipe, picture, "a red car in the snow", 4, renoise=2)
    states, calls = [], []
    handle = pipe.unet.register_forward_pre_hook(lambda module, args: calls.append(1))
    while True:
        try:
            states.append(next(run))
        except StopIteration as end:
            inversion = end.value
            break
    handle.remove()
    assert len(states) == len(calls) == 4 * (1 + 2) + 1
    finished = [state for state in states if state.finished]
    assert [state.step for state in finished] == [3, 2, 1, 0]
    for state in finished:
        assert torch.equal(state.z, inversion.latents[state.step])
    plain = styledit.invert(pipe, picture, "a red car in the snow", 4, progress=False)
    assert not torch.equal(plain.z_T, inversion.z_T) and plain.fingerprint != inversion.fingerprint
    looked = inversion_module.revisiting(pipe, inversion)
    seen = [next(looked).maps for _ in range(4)]
    for layer, maps in inversion.maps.layers.items():
        assert torch.allclose(maps, torch.stack([each[layer] for each in seen]), atol=1e-6)
    values = styledit.ValueInputs(
        torch.ones(4, *plain.c.shape[1:]), torch.zeros(4, *plain.c.shape[1:]), 7.5, (0.1,) * 4, 5,
        plain.fingerprint,
    )  # fmt: skip
    with pytest.raises(ValueError, match="fitted to another inversion"):
        styledit.reconstruct(pipe, inversion, values=values)
    inversion.save(tmp_path / "renoised")
    again = styledit.Inversion.load(tmp_path / "renoised")
    assert again.renoise == 2 and again.fingerprint == inversion.fingerprint
    check_inversion(pipe, again)


@pytest.mark.parametrize("renoise", [-1, 0.5, True, "x"])
def test_renoise_is_a_whole_number(pipe, picture, renoise):
    with pytest.raises((TypeError, ValueError), match="renoise must be a whole number from 0 to 1000"):
        styledit.invert(pipe, picture, "a car", 2, renoise=renoise)


def test_a_file_of_an_earlier_version_opens(pipe, picture, tmp_path):
    """One that does not say how often its latents were refined: never."""
    inversion = styledit.invert(pipe, picture, "a car", 2, progress=False)
    inversion.save(tmp_path / "today")
    with safe_open(tmp_path / "today", "pt") as file:
        about = json.loads(file.metadata()["inversion"])
        names = file.keys()  # safetensors' own file: it cannot be iterated over
        tensors = {name: file.get_tensor(name) for name in names}
    assert about.pop("renoise") == 0
    write_tensors(tmp_path / "earlier", tensors, {"inversion": json.dumps(about)})
    again = styledit.Inversion.load(tmp_path / "earlier")
    assert again.renoise == 0 and again.fingerprint == inversion.fingerprint


def test_a_file_that_holds_no_inversion(tmp_path):
    (tmp_path / "other").write_bytes(b"something")
    styledit.ValueInputs(torch.ones(1, 2, 3), torch.ones(1, 2, 3), 7.5, (0.1,), 5, "x").save(
        tmp_path / "values"
    )
    with pytest.raises(ValueError, match="is no safetensors file"):
        styledit.Inversion.load(tmp_path / "other")
    with pytest.raises(ValueError, match=r"holds no inversion \(its inversion is missing\); give"):
        styledit.Inversion.load(tmp_path / "values")
    with pytest.raises(FileNotFoundError, match="no file"):
        styledit.Inversion.load(tmp_path / "missing")
    with pytest.raises(ValueError, match="The device 'cuda:7' is not available"):
        styledit.Inversion.load(tmp_path / "values", "cuda:7")


@pytest.mark.parametrize(
    "change", [{"beta_end": 0.02}, {"prediction_type": "epsilon"}, {"set_alpha_to_one": True}]
)
def test_an_inversion_of_another_schedule_is_refused(tokenizer, picture, change):
    pipe = make_pipeline(tokenizer, "v_prediction")
    inversion = styledit.invert(pipe, picture, "a car", 2, progress=False)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, **change)
    refuse(pipe, inversion)


def test_an_inversion_of_another_network_or_precision_is_refused(tokenizer, picture):
    pipe = make_pipeline(tokenizer, "v_prediction")
    inversion = styledit.invert(pipe, picture, "a car", 2, progress=False)
    refuse(make_pipeline(tokenizer, "v_prediction", torch.bfloat16), inversion)
    with torch.no_grad():
        pipe.unet.conv_out.weight[0, 0, 0, 0] += 0.1  # a fine-tune
    refuse(pipe, inversion)


def refuse(pipe, inversion):
    calls = [
        lambda: styledit.reconstruct(pipe, inversion), lambda: styledit.Editor(pipe, inversion),
        lambda: styledit.fit_values(pipe, inversion), lambda: styledit.baselines.fit_nulls(pipe, inversion),
        lambda: styledit.baselines.sdedit(pipe, inversion, "a cat"),
        lambda: styledit.baselines.null_text(pipe, inversion, "a cat"),
        lambda: styledit.baselines.negative_prompt(pipe, inversion, "a cat"),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(ValueError, match="made with another model, noise schedule or precision"):
            call()


def test_what_is_no_inversion_gets_a_sentence(pipe, inversion):
    calls = [
        lambda: styledit.reconstruct(pipe, "x"), lambda: styledit.fit_values(pipe, [inversion, "x"]),
        lambda: styledit.baselines.sdedit(pipe, "x", "a cat"), lambda: styledit.Editor(pipe, "x"),
        lambda: styledit.baselines.negative_prompt(pipe, "x", "a cat"),
        lambda: styledit.baselines.fit_nulls(pipe, "x"),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(TypeError, match="Inversion"):
            call()
    with pytest.raises(TypeError, match="values must be ValueInputs or None, not str"):
        styledit.reconstruct(pipe, inversion, values="x")
    with pytest.raises(ValueError, match="compare a whole run"):
        styledit.drift(inversion, inversion.latents[2:])
    with pytest.raises(TypeError, match="run must be latents or what has them"):
        styledit.drift(inversion, inversion.latents + 1j)
    with pytest.raises(ValueError, match="There is no folder for .*create it first"):
        inversion.save("no_such_folder/x")


def test_another_scheduler_gets_a_sentence(tokenizer, picture):
    pipe = make_pipeline(tokenizer)
    pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    for call in (
        lambda: styledit.invert(pipe, picture, "a car", 2),
        lambda: styledit.generate(pipe, "a car"),
    ):
        with pytest.raises(
            ValueError, match="needs a DDIM scheduler, and this pipeline has an EulerDiscreteScheduler"
        ):
            call()


@pytest.mark.parametrize(
    "change,message",
    [
        (lambda v: {"levels": v.levels.flip(0)}, "its noise levels are not those of its timesteps"),
        (lambda v: {"timesteps": v.timesteps[::-1]}, "its noise levels are not those of its timesteps"),
        (lambda v: {"latents": v.latents.flip(3)}, "its last latent is not its picture's"),
        (lambda v: {"latents": v.latents[..., :-1]}, "its last latent is not its picture's"),
        (lambda v: {"c": v.null}, "its embedding is not its prompt's"),
        (lambda v: {"null": v.c}, "its embedding of the empty prompt is another"),
        (lambda v: {"latents": v.latents[1:]}, "needs as many latents and levels and one more"),
        (lambda v: {"levels": None}, "The levels of an inversion must be a floating-point tensor"),
        (lambda v: {"c": v.c * float("nan")}, "The c of an inversion has NaN or infinite values"),
        (lambda v: {"image": "fox.png"}, "The picture of an inversion must be an Image"),
    ],
)
def test_an_inversion_put_together_by_hand_is_refused_where_it_enters_a_run(pipe, inversion, change, message):
    made = dataclasses.replace(inversion, **change(inversion))
    for call in (lambda: styledit.reconstruct(pipe, made), lambda: styledit.Editor(pipe, made)):
        with pytest.raises((TypeError, ValueError), match=message):
            call()


def test_an_inversion_is_checked_once(pipe, inversion, monkeypatch):
    """One that was made here not at all, a copy of it once."""
    counted = []
    own = inversion_module.encode_image
    monkeypatch.setattr(inversion_module, "encode_image", lambda *args: counted.append(1) or own(*args))
    check_inversion(pipe, inversion)
    copy = dataclasses.replace(inversion)
    for _ in range(2):
        check_inversion(pipe, copy)
    assert len(counted) == 1

"""Value inputs: the loss, the presets, and what fitting must never do."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F

import styledit
from conftest import make_pipeline
from styledit.attention import Layers, attention_control
from styledit.inversion import predict
from styledit.values import PRESETS, Preset, _source_maps, _Step


def one_step(pipe, inversion, i=0, weight=1.0, z=None):
    """The fitting loss of step i as the package has it."""
    preset = dataclasses.replace(PRESETS["paper"], attention_weight=weight)
    with attention_control(pipe.unet, preset.layers) as control:
        z = inversion.latents[i] if z is None else z
        yield _Step(pipe, inversion, control, i, z, 7.5, weight, _source_maps(pipe, inversion, preset))


def test_loss_is_the_methods(pipe64, inversion64):
    """L = mean (ddim_step - zhat)^2 + sum over layers of mean (A - Ahat)^2, written out with the stock scheduler."""
    i, z = 1, inversion64.latents[1] + 0.1
    v = inversion64.c * 1.1 + 0.2
    (step,) = (s for s in one_step(pipe64, inversion64, i, z=z))
    with attention_control(pipe64.unet, PRESETS["paper"].layers) as step.control, torch.no_grad():
        loss = step.loss(v)
        step.control.values = None
        uncond = predict(pipe64, z, inversion64.timesteps[i], inversion64.null)
        step.control.values = v
        cond = predict(pipe64, z, inversion64.timesteps[i], inversion64.c)
        pipe64.scheduler.set_timesteps(inversion64.steps)
        reached = pipe64.scheduler.step(uncond + 7.5 * (cond - uncond), inversion64.timesteps[i], z).prev_sample
        expected = F.mse_loss(reached, inversion64.latents[i + 1])
        for layer, maps in step.control.maps.items():
            assert layer.startswith(("down_blocks.2", "up_blocks.0"))  # a quarter of the latent's side
            expected += F.mse_loss(maps[0], inversion64.maps.layers[layer][i])
    assert len(step.control.maps) == 3
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_gradient_is_the_numerical_one(pipe64, inversion64):
    direction = torch.randn(inversion64.c.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    preset = PRESETS["default"]
    with attention_control(pipe64.unet, preset.layers) as control:
        step = _Step(pipe64, inversion64, control, 0, inversion64.z_T, 7.5, 1.0, _source_maps(pipe64, inversion64, preset))
        v = (inversion64.c + 0.1).requires_grad_()
        (gradient,) = torch.autograd.grad(step.loss(v), v)
        with torch.no_grad():
            # the loss is taken in float32, hence the wide step
            slope = (step.loss(v + 0.05 * direction) - step.loss(v - 0.05 * direction)) / 0.1
    assert (gradient * direction).sum().item() == pytest.approx(slope.item(), rel=0.02)


@pytest.mark.parametrize("preset,left", [("default", 0.8), ("paper", 0.6)])
def test_fitting_cures_the_drift(pipe, picture, preset, left):
    """With random weights a prompt has little power, so the cure is partial; the embedded model's bar is in its tests."""
    inversion = styledit.invert(pipe, picture, "a red car in the snow", 2, progress=False)
    values = styledit.fit_values(pipe, inversion, 7.5, preset=preset, progress=False)
    plain = styledit.reconstruct(pipe, inversion, 7.5, progress=False)
    fitted = styledit.reconstruct(pipe, inversion, values=values, progress=False)
    assert fitted.guidance == 7.5
    ends = [float(styledit.drift(run.latents, inversion)[-1]) for run in (fitted, plain)]
    assert ends[0] < left * ends[1]
    # the reported losses are those of the run that the values give
    losses = (fitted.latents - inversion.latents).pow(2).flatten(1).mean(1)[1:]
    assert torch.allclose(torch.tensor(values.losses), losses, rtol=1e-2, atol=1e-6)


def test_presets():
    paper, default = PRESETS["paper"], PRESETS["default"]
    assert [paper.iterations(i) for i in (0, 10, 29)] == [100, 37, 6]
    assert sum(3 * paper.iterations(i) + 2 for i in range(30)) == 3105
    assert paper.learning_rate(0) == 0.01 and paper.learning_rate(29) == pytest.approx(0.0071)
    assert paper.learning_rate(150) == 0
    assert paper.tolerance(0) == 1e-5 and paper.tolerance(10) == pytest.approx(21e-5)
    assert paper.betas == (0.9, 0.999) and paper.attention_weight == 1
    assert 3 * sum(map(default.iterations, range(30))) < sum(map(paper.iterations, range(30)))


def test_evaluations_are_counted(pipe, inversion):
    """Against a count of the calls: a row is a picture, a backward pass counts twice."""
    rows = {"forward": 0, "backward": 0}

    def count(module, args, kwargs, output):
        rows["forward"] += len(args[0])
        if output.sample.requires_grad:
            output.sample.register_hook(lambda gradient: rows.update(backward=rows["backward"] + len(gradient)))

    handle = pipe.unet.register_forward_hook(count, with_kwargs=True)
    states = []
    preset = Preset(lambda i: 3 - i % 2, lambda i: 0.01, lambda i: 0.0)
    values = styledit.fit_values(pipe, inversion, 3.0, preset=preset, progress=False, callback=states.append)
    handle.remove()
    assert values.evaluations == rows["forward"] + 2 * rows["backward"] == states[-1]["evaluations"]
    assert [state["i"] for state in states] == list(range(inversion.steps))
    assert [state["iterations"] for state in states] == [3, 2, 3, 2, 3, 2]


def test_tolerance_stops_early(pipe, inversion):
    states = []
    preset = Preset(lambda i: 50, lambda i: 0.01, lambda i: math.inf)
    styledit.fit_values(pipe, inversion, 3.0, preset=preset, progress=False, callback=states.append)
    assert [state["iterations"] for state in states] == [1] * inversion.steps


def test_nothing_to_learn_at_guidance_one(pipe, inversion):
    """Guidance 1 with no iterations is the plain reconstruction: s = 1, b = 0."""
    preset = Preset(lambda i: 0, lambda i: 0.1, lambda i: 0.0, attention_weight=0)
    values = styledit.fit_values(pipe, inversion, 1.0, preset=preset, progress=False)
    assert values.scale.eq(1).all() and values.shift.eq(0).all() and values.evaluations == inversion.steps
    runs = [styledit.reconstruct(pipe, inversion, 1.0, v, progress=False).latents for v in (None, values)]
    assert torch.equal(*runs)


def test_save_and_load(pipe, inversion, tmp_path):
    values = styledit.ValueInputs(torch.rand(6, 12, 16), torch.rand(6, 12, 16), 7.5, (0.1, 0.2) * 3, 102, "abc")
    values.save(tmp_path / "v.safetensors")
    again = styledit.ValueInputs.load(tmp_path / "v.safetensors")
    assert torch.equal(again.scale, values.scale) and torch.equal(again.shift, values.shift)
    assert again == dataclasses.replace(values, scale=again.scale, shift=again.shift)
    assert torch.equal(again.v(2, inversion.c), inversion.c * values.scale[2] + values.shift[2])
    (tmp_path / "other").write_bytes(b"something")
    for name in ("other", "missing"):
        with pytest.raises(ValueError, match="holds no value inputs"):
            styledit.ValueInputs.load(tmp_path / name)


def test_nan_keeps_the_finished_steps(pipe, inversion):
    """The learning rate of step 3 throws the weights out; steps 0 to 2 survive."""
    preset = Preset(lambda i: 2, lambda i: math.inf if i == 3 else 0.01, lambda i: 0.0)
    before = dict(pipe.unet.attn_processors)
    with pytest.raises(styledit.FittingStopped, match="step 3 of 6; the 3 finished steps") as caught:
        styledit.fit_values(pipe, inversion, 7.5, preset=preset, progress=False)
    kept = caught.value.values
    assert len(kept.scale) == len(kept.losses) == 3 and torch.isfinite(kept.scale).all()
    assert torch.equal(kept.v(3, inversion.c), inversion.c)  # not fitted: the plain embedding
    assert pipe.unet.attn_processors == before


def test_ctrl_c_keeps_the_finished_steps(pipe, inversion):
    def interrupt(state):
        if state["i"] == 1:
            raise KeyboardInterrupt

    preset = Preset(lambda i: 1, lambda i: 0.01, lambda i: 0.0)
    with pytest.warns(UserWarning, match="the 2 finished steps of 6 are returned"):
        kept = styledit.fit_values(pipe, inversion, preset=preset, progress=False, callback=interrupt)
    assert len(kept.scale) == len(kept.shift) == len(kept.losses) == 2 and kept.evaluations == 2 * 5
    styledit.reconstruct(pipe, inversion, values=kept, progress=False)


def test_weights_stay_untouched(pipe, inversion):
    before = {name: weight.clone() for name, weight in pipe.unet.named_parameters()}
    preset = Preset(lambda i: 1, lambda i: 0.01, lambda i: 0.0)
    styledit.fit_values(pipe, inversion, preset=preset, progress=False)
    for name, weight in pipe.unet.named_parameters():
        assert torch.equal(weight, before[name]) and weight.grad is None


def test_errors(pipe, inversion, picture):
    with pytest.raises(ValueError, match="no preset 'fast'; choose from default, paper"):
        styledit.fit_values(pipe, inversion, preset="fast")
    bare = styledit.invert(pipe, picture, "a car", 2, record=Layers(("mid",)), progress=False)
    with pytest.raises(ValueError, match="recorded no maps of 'down_blocks.2.*invert again"):
        styledit.fit_values(pipe, bare)
    for guidance, error in ((math.inf, ValueError), ("7", TypeError), (True, TypeError)):
        with pytest.raises(error, match="guidance must be"):
            styledit.fit_values(pipe, inversion, guidance)
        with pytest.raises(error, match="guidance must be"):
            styledit.reconstruct(pipe, inversion, guidance)
        with pytest.raises(error, match="guidance must be"):
            styledit.generate(pipe, "a car", guidance=guidance)

"""Edits and fits stay exact whatever is done to what they hand out, and say so where they cannot be."""

from __future__ import annotations

import copy

import pytest
import torch

import styledit
from conftest import make_pipeline
from styledit.generation import generating
from styledit.inversion import inverting
from styledit.values import ValueFit

TARGET = "a blue cat in the snow"


def test_states_are_copies(pipe, inversion, picture):
    """What a caller does to a state's tensors changes neither the run nor what later runs go on from."""
    editor = styledit.Editor(pipe, inversion, follow_inversion=True)
    plain = styledit.Editor(pipe, inversion, follow_inversion=True).edit(TARGET, guidance=4.0, progress=False)
    before = inversion.latents.clone()
    for state in editor.editing(TARGET, guidance=4.0):
        state.z.fill_(3.0)
        state.x0.fill_(3.0)
    assert torch.equal(editor.edit(TARGET, guidance=4.0, progress=False).latents, plain.latents)
    assert torch.equal(inversion.latents, before)
    inverted = styledit.invert(pipe, picture, "a red car", 3, progress=False)
    generated = styledit.generate(pipe, TARGET, steps=3, progress=False)
    assert torch.equal(spoiled(inverting(pipe, picture, "a red car", 3)).latents, inverted.latents)
    assert torch.equal(spoiled(generating(pipe, TARGET, steps=3)).latents, generated.latents)


def spoiled(run):
    """The result of a run whose states are overwritten as they come."""
    while True:
        try:
            next(run).z.fill_(3.0)
        except StopIteration as end:
            return end.value


def test_a_reconstruction_is_each_edits_own(pipe, inversion):
    editor = styledit.Editor(pipe, inversion)
    first = editor.edit(TARGET, progress=False)
    pixels = first.reconstruction.tobytes()
    first.reconstruction.paste((0, 0, 0), (0, 0, 32, 32))
    assert editor.edit(TARGET, progress=False).reconstruction.tobytes() == pixels


def test_a_replaced_module_is_controlled(tokenizer, picture):
    """A block of the network that was replaced by its equal gives the same edit."""
    pipe = make_pipeline(tokenizer)
    inversion = styledit.invert(pipe, picture, "a red car in the snow", 3, progress=False)
    before = styledit.edit(pipe, inversion, TARGET, progress=False)
    pipe.unet.up_blocks[1] = copy.deepcopy(pipe.unet.up_blocks[1])
    assert torch.equal(styledit.edit(pipe, inversion, TARGET, progress=False).latents, before.latents)


def test_an_error_in_a_callback_keeps_what_was_computed(pipe, inversion):
    editor = styledit.Editor(pipe, inversion)

    def fail(state):
        if state["i"] == 3:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop") as caught:  # which holds the frames of the run
        editor.edit(TARGET, progress=False, callback=fail)
    assert editor.edit(TARGET, progress=False).first_step == 4 and caught.value


def test_a_run_too_large_for_the_memory_leaves_the_others(pipe, inversion):
    editor = styledit.Editor(pipe, inversion)
    editor.edit(TARGET, progress=False)
    editor.history = 2 * sum(run.bytes for run in editor._runs)
    editor.edit(TARGET, record=styledit.Layers(), tau_c=0.1, progress=False)
    assert editor.edit(TARGET, progress=False).first_step == inversion.steps


def test_regularised_edits_need_gradients(pipe, inversion):
    asked = {"regularisation": styledit.Regularisation(sparsity=1.0), "progress": False}
    with torch.inference_mode(), pytest.raises(ValueError, match=r"outside torch.inference_mode\(\)"):
        styledit.edit(pipe, inversion, TARGET, **asked)


def test_a_fit_left_in_the_middle_of_a_step_starts_that_step_again(pipe, inversion):
    preset = styledit.Preset(3, 0.02, betas=(0.5, 0.9), warm=True)
    whole = styledit.fit_values(pipe, inversion, guidance=3.0, preset=preset, progress=False)
    fit = ValueFit(pipe, inversion, guidance=3.0, preset=preset)
    for states in (7, 4, 9):  # none of them ends with a step
        run = fit.run()
        for _ in range(states):
            next(run)
        run.close()
    for _ in fit.run():
        pass
    assert torch.equal(fit.values().scale, whole.scale) and torch.equal(fit.values().shift, whole.shift)
    assert fit.values().evaluations == whole.evaluations


def test_the_estimate_is_of_the_clean_latents(pipe, inversion):
    """Also after the first call of a step, whose latents are as noisy as before."""
    fit = ValueFit(pipe, inversion, guidance=3.0, preset=styledit.Preset(2, 0.01))
    first = next(fit.run())
    assert not first.finished and torch.equal(first.z, inversion.z_T)
    with torch.no_grad():
        output = pipe.unet(inversion.z_T, inversion.timesteps[0], encoder_hidden_states=inversion.null).sample
    prediction_type = pipe.scheduler.config.prediction_type
    x0, _ = styledit.predict_x0_eps(output, inversion.z_T, inversion.levels[0], prediction_type)
    assert torch.equal(first.x0, x0)

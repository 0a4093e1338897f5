"""Attention regularisation while editing: the latent steps down the gradient before the network is called."""

from __future__ import annotations

import pytest
import torch

import styledit
from styledit import Layers, Regularisation
from styledit.control import attention_control
from styledit.denoising import guided_step
from styledit.objectives.attention import localisation, sparsity
from styledit.prompts import word_tokens

TARGET, LONGER = "a blue cat in the snow", "a plain red car in the snow"
OFF = {"tau_v": 0.0, "tau_c": 0.0, "tau_s": 0.0, "tau_u": 0.0}
LAYERS = Layers(("down", "up"), (4,))


def run(pipe, inversion, target, **settings):
    return styledit.edit(pipe, inversion, target, guidance=4.0, progress=False, **OFF, **settings)


@pytest.mark.parametrize("record", [None, (Layers(), Layers(kind="self"))])
def test_each_step_descends_the_gradient(pipe64, inversion64, record):
    """z <- z - rate * gradient, then the ordinary step; whatever else is recorded."""
    regularisation, rate = Regularisation(sparsity=1.0, localisation=2.0, words=("cat",)), 3.0
    record = record and styledit.Record(record)
    edit = run(
        pipe64, inversion64, TARGET, regularisation=regularisation, regularisation_rate=rate, record=record
    )
    c, tokens = styledit.encode_prompt(pipe64, TARGET), word_tokens(pipe64, TARGET, "cat")
    z = inversion64.z_T
    for i, t in enumerate(inversion64.timesteps):
        with attention_control(pipe64.unet, LAYERS) as control:
            z = z.detach().requires_grad_()
            pipe64.unet(z, t, encoder_hidden_states=c).sample
            maps = {layer: probs[0] for layer, probs in control.maps.items()}
            grids = dict.fromkeys(maps, (4, 4))
            loss = sparsity(maps, tokens) + 2 * localisation(maps, grids, tokens)
            z = (z - rate * torch.autograd.grad(loss, z)[0]).detach()
            with torch.no_grad():
                z = guided_step(pipe64, z, t, inversion64.levels[i : i + 2], inversion64.null, c, 4.0).z
    assert torch.allclose(edit.latents[-1], z, rtol=0, atol=1e-8)
    assert not torch.allclose(edit.latents[-1], run(pipe64, inversion64, TARGET).latents[-1], atol=1e-4)


def test_it_does_what_it_says(pipe64, inversion64):
    """The word's maps become sparser in the steps of the run that asked for it."""
    record = styledit.Record(LAYERS)
    tokens = word_tokens(pipe64, TARGET, "cat")

    def entropy(**settings):
        maps = run(pipe64, inversion64, TARGET, record=record, **settings).maps
        return sum(float(sparsity(maps.step(i), tokens)) for i in range(inversion64.steps))

    assert entropy(regularisation=Regularisation(sparsity=1.0), regularisation_rate=1000.0) < entropy()


def test_l2_compares_with_the_aligned_source(pipe64, inversion64):
    """Where the prompts and latents agree the first step has nothing to descend;
    a new word is compared with nothing.
    """
    same = run(
        pipe64,
        inversion64,
        inversion64.prompt,
        regularisation=Regularisation(l2=1.0),
        regularisation_rate=100.0,
    )
    assert torch.allclose(same.latents, same.source_latents, atol=1e-9)
    new = run(
        pipe64,
        inversion64,
        LONGER,
        regularisation=Regularisation(l2=1.0, words=("plain",)),
        regularisation_rate=1e6,
    )
    assert torch.allclose(new.latents, run(pipe64, inversion64, LONGER).latents, atol=1e-9)
    moved = run(pipe64, inversion64, TARGET, regularisation=Regularisation(l2=1.0), regularisation_rate=100.0)
    assert not torch.allclose(moved.latents, run(pipe64, inversion64, TARGET).latents, atol=1e-6)


def test_it_goes_with_the_switches(pipe64, inversion64):
    settings = {"guidance": 4.0, "progress": False, "regularisation": Regularisation(sparsity=1.0)}
    edit = styledit.edit(pipe64, inversion64, TARGET, regularisation_rate=1e-9, **settings)
    plain = styledit.edit(pipe64, inversion64, TARGET, guidance=4.0, progress=False)
    assert torch.allclose(edit.latents, plain.latents, atol=1e-6)


def test_it_is_part_of_the_plan(pipe64, inversion64):
    editor = styledit.Editor(pipe64, inversion64)
    editor.edit(TARGET, progress=False, **OFF)
    assert editor.edit(TARGET, progress=False, regularisation=Regularisation(l1=1.0), **OFF).first_step == 0
    assert (
        editor.edit(
            TARGET, progress=False, regularisation=Regularisation(l1=1.0), regularisation_rate=2.0, **OFF
        ).first_step
        == 0
    )
    assert (
        editor.edit(
            TARGET, progress=False, regularisation=Regularisation(l1=1.0), regularisation_rate=2.0, **OFF
        ).first_step
        == 5
    )


def test_a_word_that_is_not_there(pipe64, inversion64):
    with pytest.raises(ValueError, match="'dog' is not in the prompt"):
        run(pipe64, inversion64, TARGET, regularisation=Regularisation(sparsity=1.0, words=("dog",)))

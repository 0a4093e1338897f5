"""Runs are generators of states: they can be watched, interleaved, stopped and gone on with, to the bit."""

from __future__ import annotations

import os
import random

import pytest
import torch

import styledit
from styledit.generation import generating, reconstructing
from styledit.inversion import inverting

TARGET = "a blue cat in the snow"
LONGER = "a plain red car in the snow"
SEQUENCES = int(os.environ.get("STYLEDIT_SEQUENCES", "20"))


@pytest.fixture(scope="module")
def values(inversion):
    generator = torch.Generator().manual_seed(5)
    scale, shift = torch.randn(2, inversion.steps, *inversion.c.shape[1:], generator=generator) * 0.2
    losses = (0.0,) * inversion.steps
    return styledit.ValueInputs(1 + scale, shift, 4.0, losses, 0, inversion.fingerprint)


@pytest.fixture
def calls(pipe):
    """Rows of every network call."""
    rows = []
    handle = pipe.unet.register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    yield rows
    handle.remove()


def result_of(run):
    """The result of a run that is taken to its end."""
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value


def test_interleaved_runs_are_separate_ones(pipe, inversion, picture, values):
    editor = styledit.Editor(pipe, inversion, values=values)
    start = {
        "invert": lambda: inverting(pipe, picture, "a red car", 5),
        "generate": lambda: generating(pipe, TARGET, steps=5),
        "reconstruct": lambda: reconstructing(pipe, inversion, values=values),
        "edit": lambda: editor.editing(TARGET, tau_c=0.3),
        "another edit": lambda: editor.editing(LONGER, tau_s=0.3),
    }
    alone = {
        "edit": styledit.edit(pipe, inversion, TARGET, values=values, tau_c=0.3, progress=False),
        "another edit": styledit.edit(pipe, inversion, LONGER, values=values, tau_s=0.3, progress=False),
    }
    alone |= {name: result_of(start[name]()) for name in ("invert", "generate", "reconstruct")}
    chance = random.Random(0)
    going = {name: begin() for name, begin in start.items()}
    done = {}
    while going:
        name = chance.choice(list(going))
        try:
            next(going[name])
        except StopIteration as end:
            done[name] = end.value
            del going[name]
    for name, result in done.items():
        assert torch.equal(result.latents, alone[name].latents), name


def test_between_two_states_nothing_is_held(pipe, inversion, values):
    stock = dict(pipe.unet.attn_processors)
    preset = styledit.Preset(2, 0.01)
    runs = [
        reconstructing(pipe, inversion, values=values),
        styledit.Editor(pipe, inversion, values=values).editing(TARGET),
        styledit.values.ValueFit(pipe, inversion, preset=preset, low_memory=True).run(),
    ]
    for run in runs:
        for state in run:
            assert pipe.unet.attn_processors == stock and torch.is_grad_enabled()
            assert not pipe.unet.is_gradient_checkpointing
            assert state.z.shape == state.x0.shape == inversion.z_T.shape


def test_an_edit_inside_anothers_callback(pipe, inversion, values):
    alone = styledit.edit(pipe, inversion, TARGET, values=values, progress=False)
    inner = []

    def nest(state):
        if state["i"] == 2:
            inner.append(styledit.edit(pipe, inversion, LONGER, values=values, progress=False))

    outer = styledit.edit(pipe, inversion, TARGET, values=values, progress=False, callback=nest)
    assert torch.equal(outer.latents, alone.latents)
    other = styledit.edit(pipe, inversion, LONGER, values=values, progress=False)
    assert torch.equal(inner[0].latents, other.latents)


def test_closing_stops_at_once_and_the_next_edit_goes_on(pipe, inversion, values, calls):
    editor = styledit.Editor(pipe, inversion, values=values)
    run = editor.editing(TARGET)
    for _ in range(7):  # a call each: source and target of three steps, and the source of the fourth
        next(run)
    assert len(calls) == 7
    run.close()
    calls.clear()
    edit = editor.edit(TARGET, progress=False)
    assert edit.first_step == 3 and len(calls) == 2 * (inversion.steps - 3) - 1
    assert torch.equal(
        edit.latents, styledit.edit(pipe, inversion, TARGET, values=values, progress=False).latents
    )


def test_edits_go_on_while_maps_are_recorded(pipe, inversion, values, calls):
    editor = styledit.Editor(pipe, inversion, values=values)
    record = styledit.Record(styledit.Layers(scales=(4,)), steps=(0, 4))
    editor.edit(TARGET, record=record, tau_c=0.5, progress=False)
    calls.clear()
    again = editor.edit(TARGET, record=record, tau_c=0.8, progress=False)
    assert again.first_step == 3 and len(calls) == inversion.steps - 3
    fresh = styledit.edit(pipe, inversion, TARGET, values=values, record=record, tau_c=0.8, progress=False)
    assert torch.equal(again.latents, fresh.latents) and again.maps.steps == fresh.maps.steps == (0, 4)
    for layer, maps in fresh.maps.layers.items():
        assert torch.equal(again.maps.layers[layer], maps)
    other = editor.edit(TARGET, record=styledit.Layers(scales=(4,)), tau_c=0.8, progress=False)
    assert other.first_step == 0 and len(other.maps.steps) == inversion.steps


def test_several_runs_are_kept_within_the_memory(pipe, inversion, values):
    editor = styledit.Editor(pipe, inversion, values=values)
    for tau in (0.2, 0.5, 0.9):
        editor.edit(TARGET, tau_s=tau, progress=False)
    assert [editor.edit(TARGET, tau_s=tau, progress=False).first_step for tau in (0.2, 0.5, 0.9)] == [6, 6, 6]
    forgetful = styledit.Editor(pipe, inversion, values=values, history=0)
    forgetful.edit(TARGET, progress=False)
    assert forgetful.edit(TARGET, progress=False).first_step == 0


def test_a_coarse_edit_is_a_first_look(pipe, inversion, values, calls):
    editor = styledit.Editor(pipe, inversion, values=values)
    whole = editor.edit(LONGER, progress=False)
    calls.clear()
    coarse = editor.edit(TARGET, every=4, blend="cat", progress=False)
    assert calls == [2, 2]  # steps 0 and 4 of 6, the source's attention replayed
    assert coarse.replayed == 2 and torch.isfinite(coarse.latents).all()
    assert coarse.latents.shape == coarse.source_latents.shape == (3, *inversion.z_T.shape)
    assert torch.equal(coarse.source_latents[-1], whole.source_latents[-1])
    with pytest.raises(ValueError, match="A coarse edit records no maps"):
        editor.edit(TARGET, every=2, record=styledit.Layers(), progress=False)


def test_changed_weights_are_noticed(pipe, inversion, values):
    editor = styledit.Editor(pipe, inversion, values=values)
    editor.edit(TARGET, progress=False)
    weight = pipe.unet.mid_block.attentions[0].transformer_blocks[0].attn2.to_q.weight
    before = weight.data.clone()
    try:
        weight.data += 0.1
        with pytest.raises(ValueError, match="weights have changed since"):
            editor.edit(TARGET, progress=False)
    finally:
        weight.data = before
    editor.edit(TARGET, progress=False)


def test_callbacks_get_copies(pipe, inversion, values):
    def spoil(state):
        for value in state.values():
            if isinstance(value, torch.Tensor):
                value.fill_(3.0)

    plain = styledit.edit(pipe, inversion, TARGET, values=values, progress=False)
    spoiled = styledit.edit(pipe, inversion, TARGET, values=values, progress=False, callback=spoil)
    assert torch.equal(plain.latents, spoiled.latents)
    assert torch.equal(plain.source_latents, spoiled.source_latents)
    preset = styledit.Preset(1, 0.01)
    fits = [
        styledit.fit_values(pipe, inversion, preset=preset, progress=False, callback=callback)
        for callback in (None, spoil)
    ]
    assert torch.equal(fits[0].scale, fits[1].scale)


def drawn(chance: random.Random) -> dict:
    """Settings of one edit."""
    settings = {
        name: chance.choice([0.0, 0.2, 0.5, 0.8, 1.0]) for name in ("tau_v", "tau_c", "tau_s", "tau_u")
    }
    extras = [
        {},
        {"guidance": chance.choice([1.0, 2.0, 4.0])},
        {"blend": "snow", "blend_threshold": chance.choice([0.8, 0.95])},
        {"reweight": {"snow": 2.0}},
        {"tau_words": {"snow": chance.random()}},
        {"tau_v_changed": chance.choice([0.0, 1.0]), "tau_v_padding": chance.random()},
        {"guide_from_source": True},
        {"regularisation": styledit.Regularisation(sparsity=1.0), "regularisation_rate": 5.0},
    ]
    return settings | chance.choice(extras)


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_any_sequence_of_edits_is_a_fresh_editors(pipe, inversion, values, seed):
    chance = random.Random(seed)
    editor = styledit.Editor(pipe, inversion, values=chance.choice([values, None]))
    for _ in range(3):
        settings = drawn(chance)
        target = chance.choice([TARGET, LONGER])
        if chance.random() < 0.4:
            run = editor.editing(target, **settings)
            for _ in range(chance.randrange(1, 8)):
                next(run, None)
            run.close()
            continue
        found = editor.edit(target, progress=False, **settings)
        fresh = styledit.Editor(pipe, inversion, values=editor.values).edit(
            target, progress=False, **settings
        )
        assert torch.equal(found.latents, fresh.latents)
        assert torch.equal(found.source_latents, fresh.source_latents)
        assert (found.mask is None) == (fresh.mask is None)
        assert found.mask is None or torch.equal(found.mask, fresh.mask)

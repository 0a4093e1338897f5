"""Runs are generators of states: they can be watched, interleaved, stopped and gone on with, to the bit."""

from __future__ import annotations

import math
import os
import random

import pytest
import torch

import styledit
from conftest import make_pipeline
from styledit.control import running_controls
from styledit.generation import generating, reconstructing
from styledit.inversion import inverting
from styledit.values import ValueFit

RECORDS = (styledit.Layers(scales=(4,)), styledit.Record(styledit.Layers(scales=(2,)), steps=(0, 4)))
TARGET = "a blue cat in the snow"
LONGER = "a plain red car in the snow"
SEQUENCES = int(os.environ.get("STYLEDIT_SEQUENCES", "20"))


@pytest.fixture(scope="module")
def pipe(tokenizer):
    """One tiny pipeline for all runs."""
    return make_pipeline(tokenizer, "v_prediction")


@pytest.fixture(scope="module")
def inversion(pipe, picture):
    return styledit.invert(pipe, picture, "a red car in the snow", 6, progress=False)


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


def interleaved(runs, chance):
    """{name: result} of runs that are taken to their ends in a random order."""
    going, results = dict(runs), {}
    while going:
        name = chance.choice(list(going))
        try:
            next(going[name])
        except StopIteration as end:
            results[name] = end.value
            del going[name]
    return results


@pytest.fixture(scope="module")
def kinds(pipe, inversion, picture, values):
    """{name: a new run of a kind}; each result has latents or, of a fit, what was learned."""
    preset = styledit.Preset(2, 0.01)
    pulled = {"regularisation": styledit.Regularisation(sparsity=1.0), "regularisation_rate": 5.0}
    return {
        "invert": lambda: inverting(pipe, picture, "a red car", 5),
        "generate": lambda: generating(pipe, TARGET, steps=5),
        "reconstruct": lambda: reconstructing(pipe, inversion, values=values),
        "edit": lambda: styledit.Editor(pipe, inversion, values=values).editing(TARGET, blend="snow"),
        "pulled": lambda: styledit.Editor(pipe, inversion).editing(LONGER, **pulled),
        "fit": lambda: ValueFit(pipe, inversion, preset=preset, low_memory=True).run(),
    }


def outcome(result):
    """The numbers of a result."""
    return result.scale if isinstance(result, styledit.ValueInputs) else result.latents


@pytest.fixture(scope="module")
def alone(kinds):
    """{name: the numbers of a run that nothing comes between}."""
    return {name: outcome(result_of(start())) for name, start in kinds.items()}


@pytest.mark.parametrize("seed", range(6))
def test_interleaved_runs_are_separate_ones(kinds, alone, seed):
    chance = random.Random(seed)
    names = chance.sample(list(kinds), chance.choice([2, 3]))
    for name, result in interleaved({name: kinds[name]() for name in names}, chance).items():
        assert torch.equal(outcome(result), alone[name]), name


@pytest.mark.parametrize("seed", range(4))
def test_interleaved_edits_of_one_editor_are_separate_ones(pipe, inversion, values, seed):
    """Also where one asks for another source branch, or maps, or a first look."""
    wanted = {
        "one": (TARGET, {"tau_c": 0.3}),
        "maps": (TARGET, {"tau_s": 0.3, "record": styledit.Layers(scales=(4,))}),
        "longer": (LONGER, {"blend": "snow"}),
        "unguided": (LONGER, {"guidance": 1.0}),
        "several": ([TARGET, LONGER], {"tau_v": 0.5}),
        "coarse": (TARGET, {"every": 4}),
    }
    chance = random.Random(seed)
    given = chance.choice([None, values])
    editor = styledit.Editor(pipe, inversion, values=given)
    names = chance.sample(list(wanted), 3)
    runs = {name: editor.editing(wanted[name][0], **wanted[name][1]) for name in names}
    for name, result in interleaved(runs, chance).items():
        target, settings = wanted[name]
        fresh = styledit.Editor(pipe, inversion, values=given).edit(target, progress=False, **settings)
        assert_same(result, fresh)


def assert_same(found, fresh):
    """Edits, or lists of them, are equal to the bit; what says where they began may differ."""
    several = isinstance(found, list)
    for one, other in zip(found, fresh, strict=True) if several else [(found, fresh)]:
        assert torch.equal(one.latents, other.latents)
        assert torch.equal(one.source_latents, other.source_latents)
        assert one.image.tobytes() == other.image.tobytes()
        assert one.reconstruction.tobytes() == other.reconstruction.tobytes()
        assert one.settings == other.settings
        assert (one.mask is None) == (other.mask is None)
        assert one.mask is None or torch.equal(one.mask, other.mask)
        assert (one.maps is None) == (other.maps is None)
        if one.maps is not None:
            assert one.maps.steps == other.maps.steps and one.maps.layers.keys() == other.maps.layers.keys()
            assert all(torch.equal(maps, other.maps.layers[layer]) for layer, maps in one.maps.layers.items())


@pytest.mark.parametrize("grad", [True, False])
def test_between_two_states_nothing_is_held(pipe, inversion, kinds, grad):
    for name, start in kinds.items():
        with torch.set_grad_enabled(grad):
            for state in start():
                assert not running_controls(), name
                assert torch.is_grad_enabled() == grad, name
                assert not pipe.unet.is_gradient_checkpointing
                assert not state.z.requires_grad and not state.x0.requires_grad
                assert state.z.shape == state.x0.shape == inversion.z_T.shape


def test_each_state_is_one_network_call_and_closing_stops_at_once(kinds, calls):
    for name, start in kinds.items():
        for taken in (0, 1, 4):
            calls.clear()
            run = start()
            for k in range(taken):
                next(run)
                assert len(calls) == k + 1, name
            run.close()
            assert len(calls) == taken and next(run, None) is None
            assert len(calls) == taken


@pytest.mark.parametrize("shared", [True, False])
def test_an_edit_inside_anothers_callback(pipe, inversion, values, shared):
    """Of the same editor or of another."""
    outer_editor = styledit.Editor(pipe, inversion, values=values)
    inner_editor = outer_editor if shared else styledit.Editor(pipe, inversion, values=values)
    inner = []

    def nest(state):
        if state["i"] in (2, 4):
            inner.append(inner_editor.edit(LONGER, progress=False, tau_s=0.1 * state["i"]))

    outer = outer_editor.edit(TARGET, progress=False, callback=nest)
    assert_same(outer, styledit.edit(pipe, inversion, TARGET, values=values, progress=False))
    for tau, found in zip((0.2, 0.4), inner, strict=True):
        assert_same(found, styledit.edit(pipe, inversion, LONGER, values=values, tau_s=tau, progress=False))


def test_runs_inside_other_runs_callbacks(pipe, inversion, picture, values, kinds, alone):
    found = {}

    def nest(name):
        def callback(state):
            if state["i"] == 1:
                found[name] = outcome(result_of(kinds[name]()))

        return callback

    styledit.invert(pipe, picture, "a red car", 5, progress=False, callback=nest("fit"))
    styledit.generate(pipe, TARGET, steps=5, progress=False, callback=nest("edit"))
    preset = styledit.Preset(2, 0.01)
    fit = styledit.fit_values(pipe, inversion, preset=preset, progress=False, callback=nest("invert"))
    assert torch.equal(fit.scale, styledit.fit_values(pipe, inversion, preset=preset, progress=False).scale)
    assert found.keys() == {"fit", "edit", "invert"}
    assert all(torch.equal(numbers, alone[name]) for name, numbers in found.items())


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
    taus = (0.2, 0.5, 0.9)

    def first_steps(history):
        editor = styledit.Editor(pipe, inversion, values=values, history=history)
        for tau in taus:
            editor.edit(TARGET, tau_s=tau, progress=False)
        found = []
        for tau in reversed(taus):
            again = editor.edit(TARGET, tau_s=tau, progress=False)
            found.append(again.first_step)
            fresh = styledit.edit(pipe, inversion, TARGET, values=values, tau_s=tau, progress=False)
            assert_same(again, fresh)
        return found

    one = 2 * inversion.steps * inversion.z_T.nbytes  # a run's latents and estimates
    assert first_steps(4 * one) == [6, 6, 6]
    assert first_steps(one) == [6, 3, 2]  # only the newest, up to the first step that differs
    assert first_steps(one - 1) == first_steps(0) == [0, 0, 0]


@pytest.mark.parametrize("every", [2, 3, 4, 6, 50])
def test_a_coarse_edit_is_a_first_look(pipe, inversion, values, calls, every):
    editor = styledit.Editor(pipe, inversion, values=values)
    whole = editor.edit(LONGER, progress=False)
    calls.clear()
    coarse = editor.edit(TARGET, every=every, blend="cat", progress=False)
    steps = math.ceil(inversion.steps / every)
    assert calls == [2] * steps  # the targets' only: the source's attention is replayed
    assert coarse.replayed == steps and torch.isfinite(coarse.latents).all()
    assert coarse.latents.shape == coarse.source_latents.shape == (steps + 1, *inversion.z_T.shape)
    assert torch.equal(coarse.source_latents[-1], whole.source_latents[-1])
    assert_same(editor.edit(LONGER, progress=False), whole)
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
        {"tau_c_words": {"snow": chance.random()}},
        {"tau_v_changed": chance.choice([0.0, 1.0]), "tau_v_padding": chance.random()},
        {"guide_from_source": True},
        {"keep_details": True},
        {"regularisation": styledit.Regularisation(sparsity=1.0), "regularisation_rate": 5.0},
    ]
    return settings | chance.choice(extras)


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_any_sequence_of_edits_is_a_fresh_editors(pipe, inversion, values, seed):
    chance = random.Random(seed)
    given = chance.choice([values, None])
    memory = {"history": chance.choice([2**28, 40_000, 0]), "limit": chance.choice([2**32, 1_000_000, 0])}
    editor = styledit.Editor(pipe, inversion, values=given, **memory)
    for _ in range(3):
        settings = drawn(chance)
        target = chance.choice([TARGET, LONGER, [LONGER, TARGET]])
        how = chance.random()
        if how < 0.2:
            settings["record"] = chance.choice(RECORDS)
        elif how < 0.3:
            settings["every"] = chance.choice([2, 4])
        if chance.random() < 0.4:
            run = editor.editing(target, **settings)
            for _ in range(chance.randrange(1, 8)):
                next(run, None)
            run.close()
            continue
        found = editor.edit(target, progress=False, **settings)
        fresh = styledit.Editor(pipe, inversion, values=given).edit(target, progress=False, **settings)
        assert_same(found, fresh)

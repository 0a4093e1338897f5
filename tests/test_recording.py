"""What to record: chosen layers, steps and branch, memory known beforehand."""

from __future__ import annotations

import pytest
import torch

import styledit
from styledit import Layers, Record
from styledit.attention import attention_layers
from styledit.control import attention_control
from styledit.generation import reconstructing
from styledit.inversion import inverting, revisiting

PROMPT = "a red car in the snow"


def test_recorded_maps_take_the_memory_that_was_said(pipe, picture):
    for record in (Record(), Record((Layers(scales=2), Layers(("up",), kind="self")), steps=(1, 3))):
        maps = styledit.invert(pipe, picture, PROMPT, 5, record=record, progress=False).maps
        tensors = [*maps.layers.values(), *maps.self_layers.values()]
        assert record.bytes(pipe, (16, 16), 5) == sum(t.numel() * t.element_size() for t in tensors)


def test_chosen_steps_are_those_of_a_full_recording(pipe, picture):
    some = styledit.invert(pipe, picture, PROMPT, 5, record=Record(steps=(3, 0)), progress=False).maps
    every = styledit.invert(pipe, picture, PROMPT, 5, progress=False).maps
    assert some.steps == (0, 3) and every.steps == (0, 1, 2, 3, 4)
    for layer, maps in some.layers.items():
        assert torch.equal(maps, every.layers[layer][[0, 3]])


def test_self_maps_and_branches_are_the_networks_own(pipe, inversion):
    """Recorded while denoising, against single calls with each branch's prompt."""
    record = (Layers(kind="self"), Layers())
    for branch, context in (("cond", inversion.c), ("uncond", inversion.null)):
        run = styledit.reconstruct(
            pipe, inversion, guidance=4.0, record=Record(record, steps=(2,), branch=branch), progress=False
        )
        with attention_control(pipe.unet, record) as control, torch.no_grad():
            pipe.unet(run.latents[2], inversion.timesteps[2], encoder_hidden_states=context).sample
        recorded = run.maps.layers | run.maps.self_layers
        assert set(run.maps.self_layers) == set(attention_layers(pipe.unet, "self"))
        assert set(recorded) == set(control.maps)
        assert all(
            torch.allclose(recorded[layer][0], control.maps[layer][0], atol=1e-5) for layer in recorded
        )


def test_generation_records_too(pipe):
    run = styledit.generate(pipe, PROMPT, steps=3, record=Layers(), progress=False)
    assert run.maps.word("car").shape == (32, 32) and run.maps.steps == (0, 1, 2)
    assert styledit.generate(pipe, PROMPT, steps=3, progress=False).maps is None


@pytest.mark.parametrize(
    "record,message",
    [
        (
            Record(limit=250_000),
            r"would take 0.00 GiB, more than the limit of 0.00 GiB; record fewer layers .* or 2 of the steps",
        ),
        (Record(steps=(0, 7)), "must be some of 0 to 4"),
        (Record(steps=()), "must be some of 0 to 4"),
        (Record(branch="uncond"), "no unconditional branch"),
        (Record(Layers(scales=16)), "matches no cross-attention layer"),
    ],
)
def test_errors(pipe, picture, record, message):
    with pytest.raises(ValueError, match=message):
        styledit.invert(pipe, picture, PROMPT, 5, record=record, progress=False)


def test_an_unknown_branch():
    with pytest.raises(ValueError, match="branch must be one of 'cond', 'uncond'"):
        Record(branch="both")


@pytest.mark.parametrize(
    "call",
    [
        lambda: Record(Layers(5)),
        lambda: Layers(scales="4"),
        lambda: Record("down"),
        lambda: Record(steps=(0.7,)),
    ],
)
def test_what_is_no_choice_gets_a_sentence(call):
    with pytest.raises(TypeError, match="must be|are chosen by"):
        call()


def test_one_step_is_a_choice(pipe, picture):
    assert Record(steps=2).chosen_steps(5) == (2,)
    maps = styledit.invert(pipe, picture, PROMPT, 5, record=Record(steps=2), progress=False).maps
    assert maps.steps == (2,)


def taken_to_its_end(run):
    """A run's states and its result."""
    states = []
    while True:
        try:
            states.append(next(run))
        except StopIteration as end:
            return states, end.value


@pytest.mark.parametrize("kind", ["inverting", "revisiting", "reconstructing"])
def test_each_state_has_the_maps_of_its_call(pipe, inversion, picture, kind):
    """Also where the result does not keep them, which then takes the memory of one step."""

    def run(record):
        if kind == "inverting":
            return inverting(pipe, picture, inversion.prompt, inversion.steps, record=record)
        if kind == "revisiting":
            return revisiting(pipe, inversion, record=record)
        return reconstructing(pipe, inversion, guidance=4.0, record=record)

    limit = Record().bytes_per_step(pipe, inversion.z_T.shape[-2:])
    states, result = taken_to_its_end(run(Record()))
    slim, without = taken_to_its_end(run(Record(keep=False, limit=limit)))
    kept = result if kind == "revisiting" else result.maps
    assert without is None if kind == "revisiting" else without.maps is None
    recorded = [state.maps for state in states if state.maps is not None]
    recorded = recorded[::-1] if kind == "inverting" else recorded
    for i in range(inversion.steps):
        assert recorded[i].keys() == kept.layers.keys()
        assert all(torch.equal(maps, kept.layers[layer][i]) for layer, maps in recorded[i].items())
    for state, other in zip(states, slim, strict=True):
        assert torch.equal(state.z, other.z) and torch.equal(state.x0, other.x0)
        assert (state.maps is None) == (other.maps is None)


def test_an_inversion_is_revisited_as_it_was_made(pipe, inversion):
    states, maps = taken_to_its_end(revisiting(pipe, inversion))
    assert torch.equal(torch.stack([state.z for state in states]), inversion.latents)
    assert [state.timestep for state in states] == [*inversion.timesteps, 0]
    for layer, made in inversion.maps.layers.items():
        assert torch.equal(maps.layers[layer], made)

"""The source's run is replayed and an edit starts where its settings first differ;
both give what a full run gives.
"""

from __future__ import annotations

import pytest
import torch

import styledit
from styledit.attention import Layers
from styledit.control import attention_control
from styledit.denoising import guided_step
from styledit.editing.source import attention_bytes

TARGET, LONGER = "a blue cat in the snow", "a plain red car in the snow"
TAUS = {"tau_v": 0.5, "tau_c": 0.6, "tau_s": 0.6, "tau_u": 0.4}


@pytest.fixture(scope="module")
def values(inversion):
    generator = torch.Generator().manual_seed(5)
    scale, shift = torch.randn(2, inversion.steps, *inversion.c.shape[1:], generator=generator) * 0.2
    return styledit.ValueInputs(1 + scale, shift, 4.0, (0.0,) * inversion.steps, 0, inversion.fingerprint)


@pytest.fixture
def calls(pipe):
    """Rows of every network call."""
    rows = []
    handle = pipe.unet.register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    yield rows
    handle.remove()


def editor(pipe, inversion, values, **options):
    return styledit.Editor(pipe, inversion, values=values, **options)


def fresh(pipe, inversion, values, target, **settings):
    return styledit.edit(pipe, inversion, target, values=values, progress=False, **settings)


def test_a_replayed_edit_is_the_full_one_and_runs_the_target_only(pipe, inversion, values, calls):
    kit = editor(pipe, inversion, values)
    kit.edit(LONGER, progress=False)
    calls.clear()
    replayed = kit.edit(TARGET, progress=False, **TAUS)
    assert calls == [2] * inversion.steps
    whole = fresh(pipe, inversion, values, TARGET, **TAUS)
    assert torch.equal(replayed.latents, whole.latents) and torch.equal(
        replayed.source_latents, whole.source_latents
    )
    assert replayed.image.tobytes() == whole.image.tobytes()


@pytest.mark.parametrize(
    "change,first",
    [
        ({"tau_v": 0.7}, 3), ({"tau_v": 0.2}, 2), ({"tau_c": 0.9}, 4), ({"tau_s": 0.0}, 0),
        ({"tau_u": 0.6}, 3), ({"guidance": 2.0}, 0), ({"reweight": {"cat": 2.0}}, 0),
        ({"tau_c_words": {"cat": 0.8}}, 4), ({}, 6),
    ],
)  # fmt: skip
def test_an_edit_starts_where_its_settings_differ(pipe, inversion, values, calls, change, first):
    """Of 6 steps; step i is on while i < 6 tau."""
    kit = editor(pipe, inversion, values)
    kit.edit(TARGET, progress=False, **TAUS)
    calls.clear()
    moved = kit.edit(TARGET, progress=False, **TAUS | change)
    assert moved.first_step == first and calls == [2] * (6 - first)
    assert torch.equal(moved.latents, fresh(pipe, inversion, values, TARGET, **TAUS | change).latents)


def test_the_blend_mask_goes_on_too(pipe, inversion, values):
    blend = {"blend": ("car", "cat"), "blend_threshold": 0.95}
    kit = editor(pipe, inversion, values)
    kit.edit(TARGET, progress=False, **TAUS, **blend)
    for change, first in (({"tau_c": 0.9}, 4), ({}, 6), ({"blend_threshold": 0.9}, 2), ({"blend": "car"}, 0)):
        settings = TAUS | blend | change
        moved, whole = (
            kit.edit(TARGET, progress=False, **settings),
            fresh(pipe, inversion, values, TARGET, **settings),
        )
        kit.edit(TARGET, progress=False, **TAUS, **blend)
        assert moved.first_step == first
        assert torch.equal(moved.latents, whole.latents) and torch.equal(moved.mask, whole.mask)


def test_the_last_edit_stays_as_it_was(pipe, inversion, values):
    kit = editor(pipe, inversion, values)
    first = kit.edit(TARGET, progress=False, **TAUS)
    before = first.latents.clone()
    kit.edit(TARGET, progress=False, **TAUS | {"tau_c": 0.2})
    assert torch.equal(first.latents, before)


def test_over_the_limit_the_source_runs_alongside(pipe, inversion, values, calls):
    step = attention_bytes(pipe, inversion.z_T.shape[-2:], 2)
    whole = fresh(pipe, inversion, values, TARGET, **TAUS | {"tau_c": 1.0})
    for room in (0, 2):
        kit = editor(pipe, inversion, values, limit=room * step)
        kit.edit(LONGER, progress=False)
        calls.clear()
        edit = kit.edit(TARGET, progress=False, **TAUS | {"tau_c": 1.0})
        assert calls == [2] * room + [2, 2] * (inversion.steps - room)
        assert torch.equal(edit.latents, whole.latents)


def test_the_memory_is_what_was_said(pipe, inversion):
    """Bytes of everything that a source call keeps."""
    with torch.no_grad():
        step = guided_step(
            pipe,
            inversion.z_T,
            inversion.timesteps[0],
            inversion.levels[:2],
            inversion.null,
            inversion.c,
            4.0,
            keep_source=True,
        )
    tensors = [
        *step.prediction.source.cross.values(),
        *(t for pair in step.prediction.source.states.values() for t in pair),
    ]
    assert attention_bytes(pipe, inversion.z_T.shape[-2:], 2) == sum(
        t.numel() * t.element_size() for t in tensors
    )


def test_both_branches_in_one_batch_give_the_same(pipe, inversion, values):
    """Prompt-to-Prompt's batch of four with everything taken from its own source rows, to rounding."""
    edit = fresh(pipe, inversion, values, TARGET, tau_v=1.0, tau_c=0.0, tau_s=0.0, tau_u=0.0)
    c_tgt, z = styledit.encode_prompt(pipe, TARGET), inversion.z_T.expand(2, -1, -1, -1)
    with attention_control(pipe.unet), torch.no_grad():
        for i, t in enumerate(inversion.timesteps):
            v = torch.cat([values.v(i, inversion.c), values.v(i, c_tgt)])
            c = torch.cat([inversion.c, c_tgt])
            z = guided_step(pipe, z, t, inversion.levels[i : i + 2], inversion.null, c, 4.0, values=v).z
    assert torch.allclose(z[1:], edit.latents[-1], atol=1e-4) and torch.allclose(
        z[:1], edit.source_latents[-1], atol=1e-4
    )


def test_several_targets_in_one_batch(pipe, inversion, values, calls):
    kit = editor(pipe, inversion, values)
    alone = [
        kit.edit(target, progress=False, **TAUS, blend=word)
        for target, word in ((TARGET, "cat"), (LONGER, "car"))
    ]
    calls.clear()
    both = kit.edit([TARGET, LONGER], progress=False, **TAUS, blend="car")
    assert calls == [4] * inversion.steps
    assert [edit.target_prompt for edit in both] == [TARGET, LONGER]
    several = kit.edit([TARGET, LONGER], progress=False, **TAUS)
    for target, edit in zip((TARGET, LONGER), several, strict=True):
        assert torch.allclose(edit.latents, kit.edit(target, progress=False, **TAUS).latents, atol=1e-3)
    assert not torch.allclose(both[0].latents, both[1].latents, atol=1e-3) and both[0].mask is not None
    assert all(edit.latents.shape == (inversion.steps + 1, *inversion.z_T.shape) for edit in alone + both)


def test_the_source_keeps_its_guidance_where_value_inputs_were_fitted(pipe, inversion, values):
    kit = editor(pipe, inversion, values)
    first, second = (kit.edit(TARGET, guidance=w, progress=False) for w in (4.0, 2.0))
    assert torch.equal(first.source_latents, second.source_latents) and not torch.equal(
        first.latents, second.latents
    )
    plain = editor(pipe, inversion, None)
    first, second = (plain.edit(TARGET, guidance=w, progress=False) for w in (4.0, 2.0))
    assert not torch.equal(first.source_latents, second.source_latents)
    told = editor(pipe, inversion, None, guidance=4.0)
    third = told.edit(TARGET, guidance=2.0, progress=False)
    assert torch.equal(third.source_latents, first.source_latents) and third.settings.guidance == 2.0


def test_direct_and_nulls(pipe, inversion):
    """Direct inversion's source is the inversion; nulls are read by both unconditional branches."""
    direct = editor(pipe, inversion, None, follow_inversion=True).edit(TARGET, guidance=4.0, progress=False)
    assert torch.equal(direct.source_latents, inversion.latents)
    nulls = torch.randn(inversion.steps, *inversion.c.shape[1:], generator=torch.Generator().manual_seed(1))
    off = dict.fromkeys(TAUS, 0.0)
    edit = editor(pipe, inversion, None, null_embeddings=nulls).edit(
        TARGET, guidance=4.0, progress=False, **off
    )
    c_tgt, z = styledit.encode_prompt(pipe, TARGET), inversion.z_T
    with attention_control(pipe.unet), torch.no_grad():
        for i, t in enumerate(inversion.timesteps):
            z = guided_step(pipe, z, t, inversion.levels[i : i + 2], nulls[i : i + 1], c_tgt, 4.0).z
    assert torch.equal(edit.latents[-1], z)
    with pytest.raises(ValueError, match="null_embeddings must have shape"):
        editor(pipe, inversion, None, null_embeddings=nulls[:2])


def test_the_targets_maps_can_be_recorded(pipe, inversion, values):
    record = styledit.Record((Layers(), Layers(scales=4, kind="self")), steps=(0, 5))
    edit = fresh(pipe, inversion, values, TARGET, record=record, **TAUS)
    assert edit.maps.steps == (0, 5) and edit.maps.word("cat").shape == (32, 32)
    assert {maps.shape for maps in edit.maps.self_layers.values()} == {(2, 2, 16, 16)}
    plain = fresh(pipe, inversion, values, TARGET, **TAUS)
    assert torch.allclose(plain.latents, edit.latents, atol=1e-4)


def test_errors(pipe, inversion, values):
    kit = editor(pipe, inversion, values)
    with pytest.raises(TypeError, match="no setting 'tau_x'; choose from guidance, tau_v"):
        kit.edit(TARGET, tau_x=0.5)
    with pytest.raises(ValueError, match="no target prompt"):
        kit.edit([])
    with pytest.raises(ValueError, match="'dog' is not in the prompt"):
        kit.edit(TARGET, tau_c_words={"dog": 0.5})
    with pytest.raises(ValueError, match="tau_c of 'cat' must be a number from 0 to 1"):
        kit.edit(TARGET, tau_c_words={"cat": 1.5})


def test_an_interrupted_edit_loses_nothing(pipe, inversion, values, calls):
    kit = editor(pipe, inversion, values)
    kit.edit(TARGET, progress=False, **TAUS)

    def stop(state):
        if state["i"] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kit.edit(TARGET, progress=False, callback=stop, **TAUS | {"tau_c": 0.2})
    calls.clear()
    assert kit.edit(TARGET, progress=False, **TAUS).first_step == inversion.steps and not calls

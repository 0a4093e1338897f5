"""Attention control: parity with the stock processors, value inputs, recording, edits, and where it ends."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import gc
import pickle
import threading
import weakref

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0, SlicedAttnProcessor

import styledit
from conftest import make_pipeline
from styledit.attention import (
    AttentionCall,
    AttentionEdit,
    Layers,
    Rows,
    _probabilities,
    attention_layers,
    select_layers,
)
from styledit.control import ControlledProcessor, attention_control, running_controls
from styledit.denoising import predict


@pytest.fixture(scope="module")
def batch(pipe64):
    """Two rows of latents and two prompts, float64."""
    z = torch.randn(2, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    prompts = [styledit.encode_prompt(pipe64, prompt) for prompt in ("a red car", "a blue cat")]
    return z, torch.cat(prompts)


def call(pipe, batch):
    with torch.no_grad():
        return pipe.unet(batch[0], 501, encoder_hidden_states=batch[1]).sample


def types(unet):
    return {name: type(processor) for name, processor in unet.attn_processors.items()}


@pytest.mark.parametrize("stock", [AttnProcessor2_0, AttnProcessor])
def test_nothing_switched_on_is_the_stock_network(pipe64, batch, stock):
    before = dict(pipe64.unet.attn_processors)
    try:
        pipe64.unet.set_attn_processor(stock())
        expected = call(pipe64, batch)
        with attention_control(pipe64.unet):
            assert torch.allclose(call(pipe64, batch), expected, rtol=0, atol=1e-12)
    finally:
        pipe64.unet.set_attn_processor(before)


def test_nothing_switched_on_is_bit_for_bit_in_float32(pipe):
    z, c = torch.randn(1, 3, 16, 16), styledit.encode_prompt(pipe, "a red car")
    expected = call(pipe, (z, c))
    with attention_control(pipe.unet):
        assert torch.equal(call(pipe, (z, c)), expected)


def test_recording_changes_nothing_and_gives_probabilities(pipe64, batch):
    expected = call(pipe64, batch)
    with attention_control(pipe64.unet, Layers()) as control:
        assert torch.allclose(call(pipe64, batch), expected, rtol=0, atol=1e-12)
    assert list(control.maps) == list(attention_layers(pipe64.unet))
    for maps in control.maps.values():
        assert torch.allclose(maps.sum(-1), torch.ones_like(maps[..., 0]))


def test_recorded_maps_are_the_stock_processors(pipe64, batch):
    """Against diffusers' own get_attention_scores, layer by layer."""
    layer = "up_blocks.1.attentions.0.transformer_blocks.0.attn2"
    attn, seen = pipe64.unet.get_submodule(layer), {}
    hook = attn.register_forward_pre_hook(lambda module, args: seen.update(hidden=args[0]))
    with attention_control(pipe64.unet, Layers(("up",), (2,))) as control:
        call(pipe64, batch)
    hook.remove()
    query, key = (
        attn.head_to_batch_dim(attn.to_q(seen["hidden"])),
        attn.head_to_batch_dim(attn.to_k(batch[1])),
    )
    stock = attn.get_attention_scores(query, key)  # (B * heads, HW, N)
    assert torch.allclose(control.maps[layer].flatten(0, 1), stock, atol=1e-12)


def test_values_are_read_by_values_only(pipe64, batch):
    """Equal to hooking every to_v; equal to the plain network where the value input is the prompt."""
    _, c = batch
    v = c + 0.3 * torch.randn(c.shape, dtype=c.dtype, generator=torch.Generator().manual_seed(1))
    hooks = [
        pipe64.unet.get_submodule(layer).to_v.register_forward_pre_hook(lambda module, args: (v,))
        for layer in attention_layers(pipe64.unet)
    ]
    expected = call(pipe64, batch)
    for hook in hooks:
        hook.remove()
    plain = call(pipe64, batch)
    with attention_control(pipe64.unet) as control:
        control.values = v
        assert torch.allclose(call(pipe64, batch), expected, rtol=0, atol=1e-12)
        control.values = c
        assert torch.allclose(call(pipe64, batch), plain, rtol=0, atol=1e-12)
    assert (expected - plain).abs().max() > 1e-6


def test_values_of_the_wrong_shape(pipe64, batch):
    with (
        attention_control(pipe64.unet) as control,
        pytest.raises(ValueError, match="do not fit a prompt batch"),
    ):
        control.values = batch[1][:1]
        call(pipe64, batch)


def test_the_attention_loss_acts_through_queries_only(pipe64, batch):
    """Values change what deeper layers see; the first cross-attention layer's map cannot depend on them."""
    with attention_control(pipe64.unet, Layers()) as control:
        control.values = batch[1].clone().requires_grad_()
        pipe64.unet(batch[0], 501, encoder_hidden_states=batch[1])
        first, *_, last = control.maps.values()
        assert not first.requires_grad
        (gradient,) = torch.autograd.grad(last.pow(2).mean(), control.values)
    assert gradient.abs().max() > 0


def test_a_source_calls_queries_and_keys_are_its_self_maps(pipe64, batch):
    """Every row of another call that takes them over looks where the source looked."""
    z, c = batch
    record = frozenset(attention_layers(pipe64.unet, "self"))
    other = z[1:].expand(2, -1, -1, -1), c[1:].expand(2, -1, -1)
    with torch.no_grad():
        first = predict(pipe64, z[:1], 501, c[:1], AttentionCall(record=record, keep_source=True))
        source, maps = first.source, first.maps
        edit = AttentionEdit(source, self_cond=True)
        plain = predict(
            pipe64, other[0], 501, other[1], AttentionCall(rows=Rows(1, 1), edit=edit, record=record)
        ).maps
        edit = AttentionEdit(source, self_cond=True, self_uncond=True)
        taken = predict(
            pipe64, other[0], 501, other[1], AttentionCall(rows=Rows(1, 1), edit=edit, record=record)
        ).maps
    assert list(source.states) == list(attention_layers(pipe64.unet, "self")) == list(maps)
    for layer, (query, key) in source.states.items():
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        assert torch.allclose(maps[layer], scores.softmax(-1), rtol=0, atol=1e-12)
        assert torch.equal(plain[layer][1], maps[layer][0]) and not torch.allclose(
            plain[layer][0], maps[layer][0]
        )
        assert torch.equal(taken[layer], maps[layer].expand(2, -1, -1, -1))


def test_a_source_call_keeps_its_conditional_cross_maps(pipe64, batch):
    attention = AttentionCall(
        rows=Rows(1, 1), record=frozenset(attention_layers(pipe64.unet)), keep_source=True
    )
    with torch.no_grad():
        kept = predict(pipe64, batch[0], 501, batch[1], attention)
    assert list(kept.source.cross) == list(attention_layers(pipe64.unet))
    assert all(torch.equal(maps, kept.maps[layer][1]) for layer, maps in kept.source.cross.items())


def test_cross_edit_is_the_formula(pipe64, batch):
    """A_tgt <- (A_src @ mapper * mask + A_tgt * (1 - mask)) * scale on the conditional row alone,
    at the first layer.
    """
    z, c = batch
    generator = torch.Generator().manual_seed(3)
    n = c.shape[1]
    mapper, mask, scale = (
        torch.rand(1, n, n, generator=generator),
        torch.rand(1, n, generator=generator),
        torch.rand(1, n, generator=generator),
    )
    mapper, mask, scale = mapper.double(), mask.double(), scale.double()
    first = next(iter(attention_layers(pipe64.unet)))
    record = frozenset({first})
    with torch.no_grad():
        source = predict(pipe64, z[:1], 501, c[:1], AttentionCall(keep_source=True)).source
        own = predict(pipe64, z, 501, c, AttentionCall(rows=Rows(1, 1), record=record)).maps[first]
        edit = AttentionEdit(source, mapper, mask, scale)
        edited = predict(pipe64, z, 501, c, AttentionCall(rows=Rows(1, 1), edit=edit, record=record)).maps[
            first
        ]
    expected = (
        torch.einsum("hpi,ij->hpj", source.cross[first], mapper[0]) * mask[0] + own[1] * (1 - mask[0])
    ) * scale[0]
    assert torch.allclose(edited[1], expected, rtol=0, atol=1e-12)
    assert torch.equal(edited[0], own[0])


def test_ends_with_an_error_and_nests(pipe64, batch):
    plain = call(pipe64, batch)
    with pytest.raises(KeyboardInterrupt), attention_control(pipe64.unet) as control:
        control.values = batch[1] + 1
        raise KeyboardInterrupt
    assert not running_controls() and torch.equal(call(pipe64, batch), plain)
    with attention_control(pipe64.unet, Layers(("mid",))) as outer:
        with attention_control(pipe64.unet, Layers(("up",))) as inner:
            call(pipe64, batch)
        assert inner.maps and not outer.maps
        assert torch.equal(predict(pipe64, batch[0], 501, batch[1]).output, plain) and not outer.maps
        call(pipe64, batch)
        assert len(outer.maps) == 1
    assert not running_controls()


def test_a_block_is_entered_once(pipe64, batch):
    """Another attempt, in whichever thread, changes nothing."""
    block = attention_control(pipe64.unet, Layers(("mid",)))
    refused = []

    def enter() -> None:
        with pytest.raises(RuntimeError, match="entered already; give each `with` its own") as caught, block:
            pass
        refused.append(caught)

    with block as control:
        enter()
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        assert running_controls() == (control,)
        call(pipe64, batch)
    assert len(control.maps) == 1 and not running_controls()
    enter()
    assert len(refused) == 3 and not running_controls()
    with contextlib.ExitStack() as stack:
        stack.enter_context(attention_control(pipe64.unet))
        assert running_controls()
    assert not running_controls()


def test_blocks_of_two_networks(pipe64, tokenizer, batch):
    """Each rules its own, whichever is inside; so does a checkpointed call."""
    other = make_pipeline(tokenizer, "v_prediction", torch.float64)
    z, c = batch

    def gradient(unet):
        v = (c + 1).requires_grad_()
        with attention_control(unet, Layers()) as control, attention_control(other.unet) as inner:
            control.values, inner.values = v, c - 1
            unet(z, 501, encoder_hidden_states=c).sample.sum().backward()
            predict(other, z, 501, c)
        assert control.maps and not inner.maps
        return v.grad

    expected = gradient(pipe64.unet)
    pipe64.unet.enable_gradient_checkpointing()
    try:
        assert torch.allclose(gradient(pipe64.unet), expected, rtol=0, atol=1e-12)
    finally:
        pipe64.unet.disable_gradient_checkpointing()


def test_only_value_inputs_can_be_set(pipe64):
    with attention_control(pipe64.unet) as control:
        with pytest.raises(AttributeError, match="call"):
            control.call = AttentionCall()
        with pytest.raises(TypeError, match="control.values must be a floating-point tensor"):
            control.values = "red"


def test_nothing_lives_on(tokenizer, batch):
    """Neither a block's maps, nor the network, by reference counts alone."""
    pipe = make_pipeline(tokenizer)
    batch = batch[0].float(), batch[1].float()
    gc.disable()
    try:
        with attention_control(pipe.unet, Layers()) as control:
            call(pipe, batch)
        maps = [weakref.ref(tensor) for tensor in control.maps.values()]
        predict(pipe, *batch[:1], 501, batch[1], AttentionCall(keep_source=True))
        del control
        assert maps and not any(ref() is not None for ref in maps)
    finally:
        gc.enable()
    unet = weakref.ref(pipe.unet)
    del pipe
    gc.collect()
    assert unet() is None


def test_processors_stay_and_pass_for_the_stock_ones(tokenizer, batch, tmp_path):
    """Whatever asks for their class, copies or stores a network finds the stock processors."""
    pipe, batch = make_pipeline(tokenizer), (batch[0].float(), batch[1].float())
    stock, plain = types(pipe.unet), call(pipe, batch)
    with attention_control(pipe.unet):
        pass
    processors = pipe.unet.attn_processors
    assert {type(processor) for processor in processors.values()} == {ControlledProcessor}
    assert {name: processor.__class__ for name, processor in processors.items()} == stock
    assert torch.equal(call(pipe, batch), plain)
    with attention_control(pipe.unet):
        pass
    assert pipe.unet.attn_processors == processors
    copied, pickled = copy.deepcopy(pipe.unet), pickle.loads(pickle.dumps(pipe.unet))
    pipe.unet.save_pretrained(tmp_path)
    stored = UNet2DConditionModel.from_pretrained(tmp_path)
    with attention_control(pipe.unet) as control, torch.no_grad():
        control.values = batch[1] + 1
        assert not torch.equal(call(pipe, batch), plain)
        for other in (copied, pickled, stored):  # other networks, which this block does not rule
            assert torch.equal(other(batch[0], 501, encoder_hidden_states=batch[1]).sample, plain)
    with attention_control(copied, Layers()) as control, torch.no_grad():
        copied(batch[0], 501, encoder_hidden_states=batch[1])
    assert control.maps
    pipe.unet.set_default_attn_processor()
    assert set(types(pipe.unet).values()) == {AttnProcessor}
    with attention_control(pipe.unet, Layers()) as control:
        call(pipe, batch)
    assert list(control.maps) == list(attention_layers(pipe.unet))


def test_foreign_processors_are_refused(tokenizer, batch):
    """Before the first control and after it."""
    pipe = make_pipeline(tokenizer)
    for _ in range(2):
        pipe.unet.set_attn_processor(SlicedAttnProcessor(1))
        with pytest.raises(ValueError, match="has a SlicedAttnProcessor, .*set_default_attn_processor"):
            with attention_control(pipe.unet):
                pass
        with pytest.raises(ValueError, match="has a SlicedAttnProcessor"):
            predict(pipe, batch[0].float(), 501, batch[1].float())
        assert set(types(pipe.unet).values()) == {SlicedAttnProcessor}
        pipe.unet.set_default_attn_processor()
        predict(pipe, batch[0].float(), 501, batch[1].float())


@pytest.mark.parametrize("users", [False, True])
def test_what_the_backward_pass_computes_again_is_under_control(pipe64, batch, users):
    """After the block or call has ended, in another thread and inside another block: as in PyTorch's threads.

    Also where the user has switched gradient checkpointing on, which stays on, and theirs.
    """
    z, c = batch
    with torch.no_grad():
        source = predict(pipe64, z[:1], 501, c[:1], AttentionCall(keep_source=True)).source
    attention = AttentionCall(
        rows=Rows(1, 1),
        edit=AttentionEdit(source, self_cond=True),
        record=frozenset(attention_layers(pipe64.unet)),
    )

    def gradients(recompute: bool) -> tuple[torch.Tensor, ...]:
        v, x = (c + 0.3).requires_grad_(), z.clone().requires_grad_()
        found = predict(pipe64, z, 501, c, dataclasses.replace(attention, values=v), recompute=recompute)
        with attention_control(pipe64.unet) as control:
            control.values = v
            in_block = pipe64.unet(z, 501, encoder_hidden_states=c).sample
            control.values = None
        plain = pipe64.unet(x, 501, encoder_hidden_states=c).sample
        loss = (
            found.output.square().sum() + in_block.sum() + sum(m.square().sum() for m in found.maps.values())
        )
        thread = threading.Thread(target=loss.backward)
        with attention_control(pipe64.unet) as control:
            control.values = c - 1
            thread.start()
            thread.join()
            plain.square().sum().backward()  # no control ruled the first time: none rules now
        return found.output.detach(), v.grad, x.grad

    expected, calls = gradients(recompute=False), []
    assert not pipe64.unet.is_gradient_checkpointing

    def checkpoint_of_user(module, *inputs):
        calls.append(module)
        return torch.utils.checkpoint.checkpoint(module.__call__, *inputs, use_reentrant=False)

    if users:
        pipe64.unet.enable_gradient_checkpointing(checkpoint_of_user)
    try:
        for recompute in (True, False):
            for found, one in zip(gradients(recompute), expected, strict=True):
                assert torch.allclose(found, one, rtol=0, atol=1e-12)
            assert pipe64.unet.is_gradient_checkpointing == users and bool(calls) == users
    finally:
        pipe64.unet.disable_gradient_checkpointing()


def test_a_compiled_layer(tokenizer):
    """Outside of control it is the stock one in one graph; under control it does what it does without."""
    unet = make_pipeline(tokenizer).unet
    layer = next(iter(attention_layers(unet)))
    with attention_control(unet):
        pass
    attn = unet.get_submodule(layer)
    hidden, prompt = torch.randn(1, 9, attn.query_dim), torch.randn(1, 5, attn.cross_attention_dim)
    with torch.no_grad():
        plain = attn(hidden, prompt)
        assert torch.equal(torch.compile(attn, backend="eager", fullgraph=True)(hidden, prompt), plain)
        compiled = torch.compile(attn, backend="eager")
        for _ in range(2):
            assert torch.equal(compiled(hidden, prompt), plain)
            with attention_control(unet, Layers()) as control:
                control.values = prompt + 1
                assert torch.equal(compiled(hidden, prompt), attn(hidden, prompt))
            assert list(control.maps) == [layer]


@pytest.mark.parametrize(
    "layers,message",
    [
        (Layers(scales=(3,)), r"matches no cross-attention layer; this network has .*\('down', 1\)"),
        (Layers(("mid",), (1,)), "matches no cross-attention layer"),
        (Layers(scales=8, kind="self"), r"matches no self-attention layer; this network has .*\('down', 1\)"),
        (Layers(("middle",)), "no place 'middle' in a UNet; choose from down, mid, up"),
    ],
)
def test_a_choice_that_matches_nothing_is_an_error_at_once(pipe64, layers, message):
    with pytest.raises(ValueError, match=message):
        with attention_control(pipe64.unet, layers):
            pass


def test_there_are_two_kinds_of_attention():
    with pytest.raises(ValueError, match="Layers.kind must be one of 'cross', 'self', not 'both'"):
        Layers(kind="both")


def test_scales_follow_the_resolutions(pipe64):
    scales = {
        name.rsplit(".transformer", 1)[0]: scale for name, scale in attention_layers(pipe64.unet).items()
    }
    assert scales["down_blocks.0.attentions.0"] == 1 and scales["down_blocks.2.attentions.0"] == 4
    assert scales["mid_block.attentions.0"] == 4
    assert [scales[f"up_blocks.{i}.attentions.1"] for i in range(3)] == [4, 2, 1]
    assert len(select_layers(pipe64.unet, Layers(("down", "up"), (4,)))) == 3


def test_one_place_or_scale_is_a_choice_of_one(pipe64):
    assert Layers("up", 4) == Layers(["up"], [4]) == Layers(("up",), (4,))


def test_recorded_probabilities_survive_large_scores_in_half_precision(pipe64):
    """The scores fit float16 only after scaling."""
    attn = pipe64.unet.get_submodule("mid_block.attentions.0.transformer_blocks.0.attn2")
    query, key = (torch.full((1, 2, 3, 8), x, dtype=torch.float16) for x in (200.0, 50.0))
    probs = _probabilities(attn, query, key, None)
    assert probs.dtype == torch.float16 and torch.allclose(
        probs.float(), torch.full((1, 2, 3, 3), 1 / 3), atol=1e-3
    )

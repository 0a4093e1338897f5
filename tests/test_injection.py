"""MasaCtrl and Plug-and-Play against the same by PyTorch's own hooks on the stock network, which layers they
take in Stable Diffusion's topology, and what a feature leaves behind.
"""

from __future__ import annotations

import contextlib
import copy
import pickle

import pytest
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel

import styledit
from conftest import assert_unchanged, make_pipeline
from styledit import baselines
from styledit.attention import AttentionCall, AttentionEdit, Rows
from styledit.control import ControlledConvolution, running_controls
from styledit.denoising import guided_step, predict
from styledit.editing import Injection
from styledit.editing.source import attention_bytes

TARGET = "a blue cat in the snow"
W = 4.0
# Of the tiny network's ten self-attention layers (three down, one in the middle, six up) those from 6.25 on.
MUTUAL = tuple(f"up_blocks.{layer}.transformer_blocks.0.attn1" for layer in
               ("1.attentions.1", "2.attentions.0", "2.attentions.1"))  # fmt: skip
# Of its six decoder blocks those from the third on.
BLOCK = "up_blocks.1.resnets.0"
MAPS = ("up_blocks.1.attentions.0.transformer_blocks.0.attn1", *MUTUAL)


@contextlib.contextmanager
def hooked(unet, hook, names):
    """Forward hooks on some modules by name."""
    handles = [
        unet.get_submodule(name).register_forward_hook(
            lambda module, args, output, name=name: hook(name, output)
        )
        for name in names
    ]
    yield
    for handle in handles:
        handle.remove()


def reference(pipe, inversion, taken, rows):
    """The target's last latent: at step i the outputs of the modules `taken(i)` are those of the source's
    call of `rows` rows, from the inversion's latents.
    """
    c_tgt = styledit.encode_prompt(pipe, TARGET)
    scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    scheduler.set_timesteps(inversion.steps)
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    scheduler.final_alpha_cumprod = scheduler.final_alpha_cumprod.double()
    z = inversion.z_T
    for i, t in enumerate(scheduler.timesteps):
        kept: dict[str, torch.Tensor] = {}
        prompts = torch.cat([inversion.null, inversion.c])[-rows:]
        with torch.no_grad(), hooked(pipe.unet, kept.__setitem__, taken(i)):
            pipe.unet(inversion.latents[i].expand(rows, -1, -1, -1), t, encoder_hidden_states=prompts)

        def source_s(name, output, kept=kept):
            return kept[name].expand_as(output)

        prompts = torch.cat([inversion.null, c_tgt])
        with torch.no_grad(), hooked(pipe.unet, source_s, taken(i)):
            uncond, cond = pipe.unet(torch.cat([z, z]), t, encoder_hidden_states=prompts).sample.chunk(2)
        z = scheduler.step(uncond + W * (cond - uncond), t, z).prev_sample
    return z


@pytest.mark.parametrize("start", [0.0, 0.3, 1.0])
def test_masactrl_reads_the_sources_keys_and_values(pipe64, inversion64, start):
    """From step 1.5 of 5 on where it starts at 0.3; where it never starts, it is plain generation."""
    names = [f"{layer}.{projection}" for layer in MUTUAL for projection in ("to_k", "to_v")]
    expected = reference(pipe64, inversion64, lambda i: names if i >= start * 5 else [], rows=2)
    edit = baselines.masactrl(pipe64, inversion64, TARGET, guidance=W, start=start, progress=False)
    assert torch.allclose(edit.latents[-1], expected, rtol=0, atol=1e-9)
    assert torch.equal(edit.source_latents, inversion64.latents) and edit.settings.tau_c == 0


@pytest.mark.parametrize("taus", [(0.8, 0.4), (0.6, 0.0), (0.0, 1.0)])
def test_plug_and_play_takes_features_and_maps_of_the_decoder(pipe64, inversion64, taus):
    """Both branches take what the one row of the source has."""
    tau_f, tau_a = taus
    maps = [f"{layer}.{projection}" for layer in MAPS for projection in ("to_q", "to_k")]
    expected = reference(
        pipe64,
        inversion64,
        lambda i: [*maps * (i < tau_a * 5), *[f"{BLOCK}.conv2"] * (i < tau_f * 5)],
        rows=1,
    )
    edit = baselines.plug_and_play(
        pipe64, inversion64, TARGET, guidance=W, tau_f=tau_f, tau_a=tau_a, progress=False
    )
    assert torch.allclose(edit.latents[-1], expected, rtol=0, atol=1e-9)
    assert torch.equal(edit.source_latents, inversion64.latents)


def test_a_methods_switches_compose_with_the_settings(pipe64, inversion64):
    """Cross maps, a mask and several targets beside an injection, as without one."""
    settings = {"guidance": W, "progress": False, "tau_c": 0.6, "tau_s": 0.0, "blend": "snow"}
    plain = styledit.Editor(pipe64, inversion64, follow_inversion=True, injection=None)
    with_nothing = styledit.Editor(pipe64, inversion64, follow_inversion=True, injection=Injection())
    edits = [editor.edit(TARGET, **settings) for editor in (plain, with_nothing)]
    assert torch.equal(edits[0].latents, edits[1].latents)
    injection = baselines.mutual_attention(pipe64, start=0.4)
    editor = styledit.Editor(pipe64, inversion64, follow_inversion=True, injection=injection)
    alone = editor.edit(TARGET, **settings)
    assert torch.equal(alone.latents[:3], edits[0].latents[:3])  # two of five steps before it is on
    assert not torch.allclose(alone.latents[3], edits[0].latents[3], atol=1e-6)
    both = editor.edit([TARGET, "a red cat in the snow"], **settings)
    assert torch.allclose(both[0].latents, alone.latents, rtol=0, atol=1e-9)
    again = editor.edit(TARGET, **settings | {"tau_c": 1.0})
    fresh = styledit.Editor(pipe64, inversion64, follow_inversion=True, injection=injection)
    assert again.first_step == 3 and again.replayed == 2
    assert torch.equal(again.latents, fresh.edit(TARGET, **settings | {"tau_c": 1.0}).latents)


def test_mutual_attention_beside_a_rule(pipe64, inversion64):
    """InfEdit's two controls on its sampling: with the source's prompt the edit is the source, whatever it
    reads; with another, both switches change it, and several edits go on from each other exactly.
    """
    settings = {"guidance": 1.0, "tau_s": 0.0, "progress": False}
    injection = baselines.mutual_attention(pipe64, start=0.4)
    editor = baselines.ddcm_editor(pipe64, inversion64, steps=None, injection=injection, automatic=False)
    same = editor.edit(inversion64.prompt, **settings, tau_c=0.6)
    assert torch.allclose(same.latents, same.source_latents, rtol=0, atol=1e-9)
    both = editor.edit(TARGET, **settings, tau_c=0.6)
    one = editor.edit(TARGET, **settings, tau_c=0.0)
    plain = baselines.ddcm_editor(pipe64, inversion64, steps=None, automatic=False)
    neither = plain.edit(TARGET, **settings, tau_c=0.0)
    assert torch.allclose(one.latents[:3], neither.latents[:3], rtol=0, atol=1e-9)
    for first, second in ((both, one), (one, neither)):
        assert not torch.allclose(first.latents[-1], second.latents[-1], atol=1e-6)


@pytest.mark.parametrize("source_guidance", [1.0, 3.5])
def test_a_shared_injection_beside_a_rule(pipe64, inversion64, source_guidance):
    """The source's estimate is guided whatever is taken over of its conditional row, by both branches: with
    its own prompt the target stays it, and an injection at no step changes nothing.
    """
    rule = styledit.UpdateRule(source_guidance=source_guidance, reference_guidance=source_guidance)
    settings = {"tau_c": 0.0, "tau_s": 0.0, "progress": False}
    idle, plain, acting = (
        styledit.Editor(pipe64, inversion64, rule=rule, injection=injection, automatic=False)
        for injection in (
            baselines.feature_injection(pipe64, tau_f=0, tau_a=0), None,
            baselines.feature_injection(pipe64),
        )
    )  # fmt: skip
    same = idle.edit(inversion64.prompt, guidance=source_guidance, **settings)
    assert torch.allclose(same.latents, inversion64.latents, rtol=0, atol=1e-9)
    edit, other = (editor.edit(TARGET, guidance=W, **settings) for editor in (idle, plain))
    assert torch.allclose(edit.latents, other.latents, rtol=0, atol=1e-9)
    residuals = []
    with hooked(pipe64.unet, lambda name, output: residuals.append(output), [f"{BLOCK}.conv2"]):
        acting.edit(TARGET, guidance=W, **settings)
    for source, target in zip(residuals[:8:2], residuals[1:8:2], strict=True):  # four of five steps
        assert len(source) == 1 + (source_guidance != 1)
        assert torch.equal(target, source[-1:].expand(2, -1, -1, -1))


def test_the_source_of_plug_and_play_runs_one_row_and_only_while_it_is_read(pipe, inversion):
    rows = []
    handle = pipe.unet.register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    baselines.plug_and_play(pipe, inversion, TARGET, guidance=W, tau_f=0.5, tau_a=0.5, progress=False)
    handle.remove()
    assert rows == [1, 2] * 3 + [2] * 3


@pytest.mark.parametrize("method", ["mutual_attention", "feature_injection"])
def test_the_memory_is_what_was_said(pipe, inversion, method):
    injection = getattr(baselines, method)(pipe)
    with torch.no_grad():
        step = guided_step(
            pipe, inversion.z_T, 501, inversion.levels[:2], inversion.null, inversion.c, W,
            keep_source=True, keep_values=injection.mutual, keep_features=injection.features,
        )  # fmt: skip
    source = step.prediction.source
    tensors = [
        *source.cross.values(), *source.values.values(), *source.features.values(),
        *(tensor for pair in source.states.values() for tensor in pair),
    ]  # fmt: skip
    bytes_kept = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    size = inversion.z_T.shape[-2:]
    assert attention_bytes(pipe, size, 2, injection) == bytes_kept > attention_bytes(pipe, size, 2)


def test_the_published_layers_of_stable_diffusion(tokenizer):
    """Layer 10 of 16 is the first of the decoder's second-finest level; its decoder's layer 4 the second
    block of the first level with attention.
    """
    pipe = make_pipeline(tokenizer)
    with_attention = ("CrossAttnDownBlock2D",) * 3, ("CrossAttnUpBlock2D",) * 3
    pipe.unet = UNet2DConditionModel(
        block_out_channels=(4, 4, 4, 4),
        down_block_types=(*with_attention[0], "DownBlock2D"),
        up_block_types=("UpBlock2D", *with_attention[1]),
        attention_head_dim=2,
        cross_attention_dim=4,
        norm_num_groups=2,
    )
    masactrl, pnp = baselines.mutual_attention(pipe), baselines.feature_injection(pipe)
    layers = [{(level, k) for level in levels for k in range(3)} - {(1, 0)} for levels in ((2, 3), (1, 2, 3))]
    for found, wanted in zip((masactrl.mutual, pnp.self_layers), layers, strict=True):
        names = {f"up_blocks.{level}.attentions.{k}.transformer_blocks.0.attn1" for level, k in wanted}
        assert found == names
    assert pnp.features == {"up_blocks.1.resnets.1"} and pnp.shared and not masactrl.shared
    assert (pnp.tau_features, pnp.tau_maps, masactrl.mutual_start) == (0.8, 0.5, 0.08)


def test_features_leave_the_network_as_it_was(tokenizer, tmp_path):
    """To a stock call, a copy and a file; to the gradient of a call whose activations are computed again."""
    pipe, fresh = make_pipeline(tokenizer), make_pipeline(tokenizer)
    z = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    c = torch.cat([styledit.encode_prompt(fresh, prompt) for prompt in ("a red car", TARGET)])
    blocks = frozenset([BLOCK])
    with torch.no_grad():
        plain = fresh.unet(z, 501, encoder_hidden_states=c).sample
        kept = predict(pipe, z[:1], 501, c[:1], AttentionCall(keep_source=True, keep_features=blocks))
    edit = AttentionEdit(kept.source, features=blocks)
    call = AttentionCall(rows=Rows(1, 1), edit=edit)
    gradients = []
    for recompute in (False, True):
        x = z.clone().requires_grad_()
        output = predict(pipe, x, 501, c, call, recompute=recompute).output
        gradients += torch.autograd.grad(output.sum(), x)
    assert not torch.allclose(output, plain) and torch.allclose(*gradients, atol=1e-6)
    convolution = pipe.unet.get_submodule(BLOCK).conv2
    assert isinstance(convolution.forward, ControlledConvolution) and not running_controls()
    pipe.unet.save_pretrained(tmp_path)
    with torch.no_grad():
        for unet in (
            pipe.unet, copy.deepcopy(pipe.unet), pickle.loads(pickle.dumps(pipe.unet)),
            UNet2DConditionModel.from_pretrained(tmp_path),
        ):  # fmt: skip
            assert torch.equal(unet(z, 501, encoder_hidden_states=c).sample, plain)
    copied = copy.deepcopy(pipe.unet).get_submodule(BLOCK).conv2
    assert copied.forward.module is copied


def test_the_embedded_model_stays_as_it_is(embedded, picture):
    inversion = styledit.invert(embedded, picture.resize((128, 128)), "a red car", 2, progress=False)
    for method in (baselines.masactrl, baselines.plug_and_play):
        edit = method(embedded, inversion, "a blue car", progress=False)
        assert torch.isfinite(edit.latents).all()
    assert_unchanged(embedded, styledit.load())


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda pipe: baselines.mutual_attention(pipe, start=1.5), "start must be a number from 0 to 1"),
        (lambda pipe: baselines.mutual_attention(pipe, first_layer=-1), "first_layer must be a number from"),
        (lambda pipe: baselines.feature_injection(pipe, tau_f="x"), "tau_f must be a number"),
        (lambda pipe: baselines.feature_injection(pipe.unet), "pipe must be a pipeline"),
        (lambda pipe: Injection(features=3), "A name in features must be a string"),
        (lambda pipe: Injection(tau_maps=2), "tau_maps must be a number from 0 to 1"),
    ],
)
def test_errors(pipe, call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(pipe)


def test_an_injection_of_another_network_is_refused(pipe, inversion):
    with pytest.raises(ValueError, match="names 'up_blocks.9', which this pipeline's network does not have"):
        styledit.Editor(pipe, inversion, injection=Injection(mutual=("up_blocks.9",)))
    with pytest.raises(TypeError, match="injection must be an Injection from baselines.mutual_attention"):
        styledit.Editor(pipe, inversion, injection="masactrl")

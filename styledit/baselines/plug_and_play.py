"""Plug-and-Play diffusion features (2211.12572): the source's layout, drawn anew from the target prompt."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline

from styledit import validation as check
from styledit.attention import attention_layers, decoder_blocks
from styledit.baselines.once import NO_SWITCHES, ONCE
from styledit.denoising import Callback
from styledit.editing import Edit, Editor, Injection
from styledit.inversion import Inversion, check_inversion

TAU_F, TAU_A = 0.8, 0.5  # as published
FIRST_LAYER = 4 / 12  # layer 4 of the 12 of Stable Diffusion's decoder, counted from 0


def plug_and_play_editor(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    *,
    tau_f: float = TAU_F,
    tau_a: float = TAU_A,
    **options: Any,
) -> Editor:
    """The editor of `plug_and_play`, beside whose injection any settings act; options as for `Editor`. Where
    `automatic` is False its `edit(target, tau_c=0, tau_s=0)` is that call.
    """
    check_inversion(pipe, inversion)
    injection = feature_injection(pipe, tau_f=tau_f, tau_a=tau_a)
    return Editor(pipe, inversion, follow_inversion=True, injection=injection, **options)


def plug_and_play(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    guidance: float = 7.5,
    tau_f: float = TAU_F,
    tau_a: float = TAU_A,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit:
    """Feature injection (2211.12572, section 4): the decoder's self-attention maps, and the features of one
    of its ResNet blocks, are those of the inverted picture, in both branches of guidance.

    The source's calls are those of its inversion: its latents, at guidance 1 with the source prompt, one row
    each. Published: 50 steps, guidance 7.5, `tau_f` 0.8, `tau_a` 0.5, decoder layers 4 to 11, an inversion
    with the empty prompt in 1000 steps. Its optional negative prompt, the source's instead of the empty one,
    is the setting `guide_from_source`.

    Args:
        tau_f, tau_a: as for `feature_injection`.
        settings: as for `styledit.edit`; Prompt-to-Prompt's maps are off where they are not given.

    Raises:
        TypeError, ValueError: as `styledit.edit` and `feature_injection`.
    """
    editor = plug_and_play_editor(pipe, inversion, tau_f=tau_f, tau_a=tau_a, **ONCE)
    chosen = {"guidance": guidance} | NO_SWITCHES | settings
    return editor.edit(target_prompt, progress=progress, callback=callback, **chosen)


def feature_injection(
    pipe: StableDiffusionPipeline, *, tau_f: float = TAU_F, tau_a: float = TAU_A
) -> Injection:
    """Plug-and-Play for an `Editor` that follows the inversion.

    The features are the residual that a ResNet block adds to its input. Which block: of the decoder's n, in
    the network's order, the first k >= n / 3, which is layer 4 of Stable Diffusion's 12; the maps are those
    of the self-attention layers that follow it and all blocks behind it.

    Args:
        tau_f: the fraction of the steps at which the features are the source's, in [0, 1].
        tau_a: the same of the self-attention maps.

    Raises:
        TypeError, ValueError: `pipe` is no pipeline, or a fraction outside [0, 1].
    """
    check.pipeline(pipe, needs_ddim=False)
    tau_f, tau_a = check.fraction("tau_f", tau_f), check.fraction("tau_a", tau_a)
    blocks = list(decoder_blocks(pipe.unet))
    first = round(FIRST_LAYER * len(blocks), 6)
    chosen = [block for k, block in enumerate(blocks) if k >= first]
    transformers = tuple(block.replace(".resnets.", ".attentions.") + "." for block in chosen)
    layers = attention_layers(pipe.unet, "self")
    return Injection(
        self_layers=frozenset(layer for layer in layers if layer.startswith(transformers)),
        tau_maps=tau_a,
        features=frozenset(chosen[:1]),
        tau_features=tau_f,
        shared=True,
    )

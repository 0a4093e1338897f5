"""MasaCtrl (2304.08465): the target's layout, filled with the source's content."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline

from styledit import validation as check
from styledit.attention import attention_layers
from styledit.baselines.once import NO_SWITCHES, ONCE
from styledit.denoising import Callback
from styledit.editing import Edit, Editor, Injection
from styledit.inversion import Inversion, check_inversion

START = 4 / 50  # step 4 of 50, as published
FIRST_LAYER = 10 / 16  # layer 10 of Stable Diffusion's 16


def masactrl_editor(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    *,
    start: float = START,
    first_layer: float = FIRST_LAYER,
    **options: Any,
) -> Editor:
    """The editor of `masactrl`, beside whose injection any settings act; options as for `Editor`. Where
    `automatic` is False its `edit(target, tau_c=0, tau_s=0)` is that call.
    """
    check_inversion(pipe, inversion)
    injection = mutual_attention(pipe, start=start, first_layer=first_layer)
    return Editor(pipe, inversion, follow_inversion=True, injection=injection, **options)


def masactrl(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    guidance: float = 7.5,
    start: float = START,
    first_layer: float = FIRST_LAYER,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit:
    """Mutual self-attention control (2304.08465, section 4.1): from some step and layer on, the target's
    queries read the source's keys and values, in both branches of guidance.

    Where the queries look is the target prompt's; what they find there is the picture's. So things may change
    their pose, and keep their looks. The source's latents are the inversion's own, which the published code's
    run at guidance 1 retraces but for the error of the round trip. Published: 50 steps, guidance 7.5, step 4
    and layer 10 of 16, the first of the decoder at half the latents' resolution. The variant that is guided
    by masks of the cross-attention maps is left out: `blend` does the like on the latents.

    Args:
        start, first_layer: as for `mutual_attention`.
        settings: as for `styledit.edit`; Prompt-to-Prompt's maps are off where they are not given.

    Raises:
        TypeError, ValueError: as `styledit.edit` and `mutual_attention`.
    """
    editor = masactrl_editor(pipe, inversion, start=start, first_layer=first_layer, **ONCE)
    chosen = {"guidance": guidance} | NO_SWITCHES | settings
    return editor.edit(target_prompt, progress=progress, callback=callback, **chosen)


def mutual_attention(
    pipe: StableDiffusionPipeline, *, start: float = START, first_layer: float = FIRST_LAYER
) -> Injection:
    """MasaCtrl for an `Editor`.

    Args:
        start: the fraction of the steps from which it is on, in [0, 1]; 1 is never.
        first_layer: the fraction of the network's self-attention layers, counted from its input through the
            encoder, the middle and the decoder, from which it is on, in [0, 1]; 1 is none. Layer k of n is on
            where k >= `first_layer` n, whatever the topology.

    Raises:
        TypeError, ValueError: `pipe` is no pipeline, or a fraction outside [0, 1].
    """
    check.pipeline(pipe, needs_ddim=False)
    start = check.fraction("start", start)
    layers = list(attention_layers(pipe.unet, "self"))
    first = round(check.fraction("first_layer", first_layer) * len(layers), 6)
    return Injection(
        mutual=frozenset(layer for k, layer in enumerate(layers) if k >= first), mutual_start=start
    )

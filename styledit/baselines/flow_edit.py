"""FlowEdit (2412.08629), for networks that predict noise."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline

from styledit.baselines.once import NO_MAPS, ONCE
from styledit.denoising import Callback
from styledit.editing import Edit, Editor, UpdateRule
from styledit.inversion import Inversion, noised


def flow_edit_editor(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    *,
    guidance: float = 13.5,
    source_guidance: float = 3.5,
    skip: float = 0.34,
    seed: int = 0,
    **options: Any,
) -> Editor:
    """The editor of `flow_edit`; options as for `Editor`. Where `automatic` is False its
    `edit(target, tau_c=0, tau_s=0)` is that call.
    """
    rule = UpdateRule(source_guidance=source_guidance, reference_guidance=source_guidance, skip=skip)
    return Editor(pipe, noised(pipe, inversion, seed=seed), guidance=guidance, rule=rule, **options)


def flow_edit(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    guidance: float = 13.5,
    source_guidance: float = 3.5,
    skip: float = 0.34,
    seed: int = 0,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit:
    """No inversion: the clean picture moves by what target and source prompt say at one and the same noise.

    Algorithm 1 with n_avg = 1 and n_min = 0, in the variable in which DDIM is an ODE: the picture over
    sqrt(abar), whose velocity by sigma = sqrt((1 - abar) / abar) is the noise. At each step the picture is
    noised anew, and delta <- delta + (sigma_{i+1} - sigma_i) (e_tgt - e_src). Published for Stable
    Diffusion 3: 50 steps, of which the 33 cleanest run (n_max), w 13.5 after 3.5 for the source; no attention
    control. Of the inversion only the picture's z_0 and its timesteps are used.

    Args:
        source_guidance: w of the source.
        skip: fraction of the steps that are left out, noisiest first: 1 - n_max / T.
        seed: of the noises.
        settings: as for `styledit.edit`; here no map is taken over unless one says so.

    Raises:
        TypeError, ValueError: as `styledit.edit`, or a choice out of range.
    """
    editor = flow_edit_editor(
        pipe,
        inversion,
        guidance=guidance,
        source_guidance=source_guidance,
        skip=skip,
        seed=seed,
        **ONCE,
    )
    chosen = NO_MAPS | settings
    return editor.edit(target_prompt, progress=progress, callback=callback, **chosen)

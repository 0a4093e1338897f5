"""What value inputs cost and gain, for lesson 03: fits by preset, and edits with them and without."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from diffusers import StableDiffusionPipeline

from styledit.baselines.null_text import fit_nulls
from styledit.editing import Edit, Editor
from styledit.generation import reconstruct
from styledit.inversion import Inversion, drift, invert
from styledit.lab.edit.samples import Challenge, challenges
from styledit.lessons.pictures import lesson_picture
from styledit.metrics import psnr
from styledit.objectives import Regularisation
from styledit.pictures import decode_latents
from styledit.values import PRESETS, ValueInputs, fit_values

PICTURE = "fox"
GUIDANCE = 7.5
DEFAULT, PAPER = PRESETS["default"], PRESETS["paper"]
FITS = {
    "nothing fitted": replace(DEFAULT, iterations=0, warm=False),
    "the guess alone": replace(DEFAULT, iterations=0),
    "default, cold": replace(DEFAULT, warm=False),
    "default": DEFAULT,
    "fine": PRESETS["fine"],
    "published, λ = 1": PAPER,
    "published, λ = 0": replace(PAPER, regularisation=Regularisation()),
    "published, λ = 0, free": replace(PAPER, regularisation=Regularisation(), parameterisation="free"),
}
NULL_TEXT = "null-text"
WAYS: dict[str, dict[str, Any]] = {
    "in the source only": {"tau_v": 0.0},
    "by word": {"tau_v": 0.5, "tau_v_changed": 0.0},
    "half of the steps": {"tau_v": 0.5},
    "all steps": {"tau_v": 1.0},
}
STRIDE = 3  # of the benchmark's edits, every third


def value_fits(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """Fits of one picture at guidance 7.5: presets, the published schedule with its attention term and
    without, and null-text inversion.

    A row: `fit`, `evaluations`, `psnr` (dB, the reconstruction against the autoencoder's own), `drift` (T + 1
    numbers).
    """
    picture = lesson_picture(pipe, PICTURE)
    inversion = invert(pipe, picture.image, picture.prompt, progress=False)
    return [fitted(pipe, inversion, name) for name in (*FITS, NULL_TEXT)]


def fitted(pipe: StableDiffusionPipeline, inversion: Inversion, name: str) -> dict[str, Any]:
    """One row of `value_fits`."""
    if name == NULL_TEXT:
        nulls = fit_nulls(pipe, inversion, guidance=GUIDANCE, progress=False)
        editor = Editor(pipe, inversion, guidance=GUIDANCE, null_embeddings=nulls.embeddings)
        latents = editor.edit(inversion.prompt, progress=False).source_latents
        evaluations = nulls.evaluations
    else:
        values = fit_values(pipe, inversion, guidance=GUIDANCE, preset=FITS[name], progress=False)
        latents = reconstruct(pipe, inversion, values=values, progress=False).latents
        evaluations = values.evaluations
    row = {"fit": name, "evaluations": evaluations, "psnr": round(end_psnr(pipe, inversion, latents), 2)}
    print(f"  {name:<24} {evaluations:5d} evaluations {row['psnr']:6.2f} dB", flush=True)
    return row | {"drift": [round(float(d), 5) for d in drift(inversion, latents)]}


def end_psnr(pipe: StableDiffusionPipeline, inversion: Inversion, latents: torch.Tensor) -> float:
    """Where a run (T + 1, 1, C, h, w) ends, against the picture as the autoencoder shows it, in dB."""
    end, own = decode_latents(pipe, torch.cat([latents[-1], inversion.z_0]))
    return psnr(end, own)


def value_edits(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """Edits whose true answer is known, with value inputs and without, all other settings being those that
    the plain call chooses, without its blend.

    A row: `case`, `kind`, `target`, and `truth_psnr`, {way: the edit's PSNR to ground truth in dB}.
    """
    return [edited(pipe, case) for case in challenges()[::STRIDE]]


def edited(pipe: StableDiffusionPipeline, case: Challenge) -> dict[str, Any]:
    """One row of `value_edits`."""
    inversion = invert(pipe, case.picture, case.prompt, progress=False)
    values = fit_values(pipe, inversion, progress=False)
    made = ways(pipe, inversion, values, case.target)
    truth_psnr = {way: round(psnr(edit.image, case.truth), 2) for way, edit in made.items()}
    print(f"  {case.name} {case.kind:<12} {truth_psnr}", flush=True)
    return {"case": case.name, "kind": case.kind, "target": case.target, "truth_psnr": truth_psnr}


def ways(
    pipe: StableDiffusionPipeline, inversion: Inversion, values: ValueInputs, target: str
) -> dict[str, Edit]:
    """One edit without value inputs, and with them in several ways."""
    editor = Editor(pipe, inversion, values=values)
    made = {"off": Editor(pipe, inversion, rule=None).edit(target, blend=(), progress=False)}
    return made | {
        way: editor.edit(target, blend=(), progress=False, **settings) for way, settings in WAYS.items()
    }

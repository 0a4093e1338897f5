"""What terms on attention maps do to a fit and to an edit, over eight of the benchmark's edits of the place,
for lesson 04: the thing stays in each of them, so that it can be said how well it was held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from diffusers import StableDiffusionPipeline
from PIL import Image

import styledit
from measure.bench import STEPS
from measure.cases import Case, held_out_cases
from styledit.editing import Edit
from styledit.lab.edit.samples import judged
from styledit.metrics import psnr
from styledit.objectives import attention_l2, localisation, sparsity
from styledit.prompts import word_tokens

PICTURES = 8
FIT_GUIDANCE = 7.5
LAMBDAS = (0.0, 0.1, 1.0, 10.0)
ALL = styledit.Layers()
EIGHT = styledit.Layers(scales=2)  # half the latent's side: 8 x 8
# The source's maps are not taken over, so that the pulls alone can hold the thing.
FREE = {"guidance": 3, "tau_v": 0, "tau_c": 0, "tau_s": 0}
SWITCHES = {"tau_c": 0.6, "tau_s": 0.8}
LOOSE = {"tau_c": 0.2, "tau_s": 0.2}
HELD: dict[str, dict[str, Any]] = {  # {name: what the edit has beside FREE}
    "nothing": {},
    "L1 at rate 200": {
        "regularisation": styledit.Regularisation(l1=1.0, layers=ALL),
        "regularisation_rate": 200,
    },
    "L2 at rate 200": {
        "regularisation": styledit.Regularisation(l2=1.0, layers=ALL),
        "regularisation_rate": 200,
    },
    "switches": SWITCHES,
}
SHAPED = {"localisation": (0, 30, 60, 300, 10_000), "sparsity": (0, 10, 30, 300, 3_000)}


@dataclass(frozen=True)
class Held:
    """A case's picture, inverted, and what its edits are held against."""

    pipe: StableDiffusionPipeline
    case: Case
    inversion: styledit.Inversion
    own: Image.Image  # the picture as the autoencoder gives it back
    editor: styledit.Editor

    @classmethod
    def of(cls, pipe: StableDiffusionPipeline, case: Case, steps: int = STEPS) -> Held:
        """Invert it; the source runs at w = 1, without a fit, and the target runs free of it."""
        inversion = styledit.invert(pipe, case.source, case.source_prompt, steps=steps, progress=False)
        own = styledit.decode_latents(pipe, inversion.z_0)[0]
        editor = styledit.Editor(pipe, inversion, guidance=1, automatic=False)
        return cls(pipe, case, inversion, own, editor)

    def edit(self, **settings: Any) -> Edit:
        """The edit of the case, with FREE where `settings` say nothing else."""
        return self.editor.edit(self.case.target_prompt, progress=False, **FREE | settings)


def map_terms(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """The first PICTURES cases of another place.

    A row: `case`, `thing`, and `fits`, `held`, `shaped`, see the functions of these names.
    """
    rows = []
    for number, case in chosen():
        held = Held.of(pipe, case)
        parts = {"fits": fits(held), "held": edits(held), "shaped": shaped(held)}
        rows.append({"case": number, "thing": case.object} | parts)
        print(f"  {rows[-1]}", flush=True)
    return rows


def chosen() -> list[tuple[int, Case]]:
    """The cases with their numbers."""
    return [(k, case) for k, case in enumerate(held_out_cases()) if case.kind == "place"][:PICTURES]


def fits(held: Held) -> list[dict[str, float]]:
    """The fit at each weight of LAMBDAS: `maps`, L2 to the inversion's maps, the mean over the steps; `psnr`
    [dB], the reconstruction against `own`.
    """
    rows = []
    for weight in LAMBDAS:
        term = styledit.Regularisation(l2=weight, layers=ALL)
        preset = replace(styledit.PRESETS["default"], regularisation=term)
        options: dict[str, Any] = {"guidance": FIT_GUIDANCE, "preset": preset, "progress": False}
        values = styledit.fit_values(held.pipe, held.inversion, **options)
        run = styledit.reconstruct(held.pipe, held.inversion, values=values, record=ALL, progress=False)
        assert run.maps is not None
        away = [
            float(attention_l2(run.maps.step(i), held.inversion.maps.step(i)))
            for i in range(held.inversion.steps)
        ]
        near = round(psnr(run.image, held.own), 2)
        rows.append({"weight": weight, "maps": round(float(np.mean(away)), 5), "psnr": near})
    return rows


def edits(held: Held) -> dict[str, dict[str, Any]]:
    """The edit with each entry of HELD: `thing` [dB], how near it is to `own` on the thing's pixels alone;
    `place`: whether the judge sees the new place.
    """
    return {name: _held(held, held.edit(**settings)) for name, settings in HELD.items()}


def _held(held: Held, edit: Edit) -> dict[str, Any]:
    assert held.case.mask is not None
    place = judged(edit.image)["place"] == held.case.changed["place"]
    return {"thing": round(psnr(edit.image, held.own, held.case.mask), 2), "place": place}


def shaped(held: Held) -> dict[str, list[dict[str, Any]]]:
    """For each term of SHAPED the edit at each of its rates, the source's maps being taken over for the first
    fifth of the steps: `number`, the term of the thing's 8 x 8 maps, the mean over the steps; `psnr` [dB] to
    the edit that is not pulled, None of itself; `thing`: whether the judge still sees the thing.
    """
    case, tokens = held.case, word_tokens(held.pipe, held.case.target_prompt, held.case.object)
    terms: dict[str, Callable[[dict], Any]] = {
        "localisation": lambda A: localisation(A, held.inversion.maps.map_sizes, tokens),
        "sparsity": lambda A: sparsity(A, tokens),
    }
    found: dict[str, list[dict[str, Any]]] = {}
    for name, rates in SHAPED.items():
        term = styledit.Regularisation(**{name: 1.0}, words=(case.object,), layers=EIGHT)
        unpulled: Image.Image | None = None
        for rate in rates:
            edit = held.edit(**LOOSE, regularisation=term, regularisation_rate=rate, record=EIGHT)
            assert edit.maps is not None
            number = np.mean([float(terms[name](edit.maps.step(i))) for i in range(held.inversion.steps)])
            near = None if unpulled is None else round(psnr(edit.image, unpulled), 2)
            unpulled = unpulled or edit.image
            seen = judged(edit.image)["object"] == case.object
            row = {"rate": rate, "number": round(float(number), 5), "psnr": near, "thing": seen}
            found.setdefault(name, []).append(row)
    return found

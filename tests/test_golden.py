"""The whole method on the embedded model, in float64 at T = 6, against results that are stored.

Every entry of `golden.safetensors` is the last latent of a run. In float64 they agree to 1e-10 from one
machine and number of threads to the next, so a change that should not change numbers shows where it does. An
entry that changes on purpose is written again, in a commit that says why:

    python tests/test_golden.py NAME ...    these entries, or `all`
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import styledit
from styledit import baselines

DATA = Path(__file__).parents[1] / "data"
FILE = Path(__file__).with_name("golden.safetensors")
STEPS, GUIDANCE = 6, 7.5
SOURCE = "a plain sticker of a red car on the beach"
REPLACE = "a plain sticker of a blue car on the beach"
REFINE = "a watercolor painting of a red car on the beach"
PLACE = "a plain sticker of a red car in the snow"
OFF = {"tau_v": 0.0, "tau_c": 0.0, "tau_s": 0.0, "tau_u": 0.0}
TOGETHER = {"tau_v": 0.5, "tau_c": 0.6, "tau_s": 0.6, "tau_u": 0.4}
REGULARISATION_RATE = {"regularisation_rate": 2.0}
REGULARISATION = styledit.Regularisation(l2=0.5, l1=0.1, sparsity=0.2, localisation=1.0, words=("car",))


@cache
def pipeline():
    return styledit.load(dtype=torch.float64)


@cache
def inversion() -> styledit.Inversion:
    return styledit.invert(pipeline(), DATA / "images" / "01_car.png", SOURCE, STEPS, progress=False)


@cache
def values(name: str) -> styledit.ValueInputs:
    """A fit. The published one with two iterations a step: its mapping network amplifies the last bit of what
    it is given, to 1e-9 after two iterations at each of the six steps and to 0.04 after three.
    """
    preset, clip = styledit.PRESETS[name], styledit.load_clip()
    if name == "paper":
        preset = dataclasses.replace(preset, iterations=lambda i: 2)
    clip.model.double()
    return styledit.fit_values(
        pipeline(), inversion(), guidance=GUIDANCE, preset=preset, image_encoder=clip, progress=False
    )


@cache
def editor() -> styledit.Editor:
    return styledit.Editor(pipeline(), inversion(), values=values("default"), automatic=False)


def fitted(preset: str) -> torch.Tensor:
    return styledit.reconstruct(pipeline(), inversion(), values=values(preset), progress=False).latents[-1]


def edited(target: str | list[str], **settings: object) -> torch.Tensor:
    """The edit's last latent; several targets one after the other in the batch."""
    edits = editor().edit(target, progress=False, **{"guidance": GUIDANCE, **TOGETHER, **settings})
    return torch.cat([edit.latents[-1] for edit in (edits if isinstance(edits, list) else [edits])])


def baseline(method: Callable, **settings: object) -> torch.Tensor:
    return method(pipeline(), inversion(), REPLACE, guidance=GUIDANCE, progress=False, **settings).latents[-1]


def latent_of(run) -> torch.Tensor:
    return run.latents[-1]


RUNS: dict[str, Callable[[], torch.Tensor]] = {
    "invert": lambda: inversion().z_T,
    "reconstruct": lambda: latent_of(
        styledit.reconstruct(pipeline(), inversion(), guidance=GUIDANCE, progress=False)
    ),
    "generate": lambda: latent_of(
        styledit.generate(pipeline(), SOURCE, seed=3, steps=STEPS, guidance=5.0, progress=False)
    ),
    "fit default": lambda: fitted("default"),
    "fit fine": lambda: fitted("fine"),
    "fit paper": lambda: fitted("paper"),
    "edit, all off": lambda: edited(REPLACE, **OFF),
    **{f"edit, {tau} alone": lambda tau=tau: edited(REPLACE, **OFF | {tau: 0.6}) for tau in OFF},
    "edit, replace": lambda: edited(REPLACE),
    "edit, refine": lambda: edited(REFINE),
    "edit, refine with a factor": lambda: edited(REFINE, reweight={"watercolor": 2.5}),
    "edit, place": lambda: edited(PLACE, guidance=3.0),
    "edit, tau_c by word": lambda: edited(REPLACE, tau_c_words={"blue": 0.2, "car": 1.0}),
    "edit, factor": lambda: edited(REPLACE, reweight={"blue": 2.0, "beach": -1.0}),
    "edit, blend": lambda: edited(REPLACE, blend=("car", "blue"), blend_threshold=0.5),
    "edit, several": lambda: edited([REPLACE, REFINE, PLACE], blend=("car",)),
    "edit, regularised": lambda: edited(REPLACE, regularisation=REGULARISATION, **REGULARISATION_RATE),
    "edit, no value inputs": lambda: latent_of(
        styledit.Editor(pipeline(), inversion(), automatic=False).edit(
            REPLACE, guidance=GUIDANCE, progress=False, **TOGETHER
        )
    ),
    "ddim_p2p": lambda: baseline(baselines.ddim_p2p),
    "null_text": lambda: baseline(baselines.null_text),
    "negative_prompt": lambda: baseline(baselines.negative_prompt),
    "direct_inversion": lambda: baseline(baselines.direct_inversion),
    "sdedit": lambda: baseline(baselines.sdedit, strength=0.7, seed=4),
}


@pytest.fixture(scope="module")
def golden() -> dict[str, torch.Tensor]:
    """The stored entries, where they are of today's weights."""
    with safe_open(FILE, "pt") as file:
        assert file.metadata()["weights"] == weights(), (
            "stored for other weights: run `python tests/test_golden.py all`"
        )
        names = file.keys()  # safetensors' own file: it cannot be iterated over
        return {name: file.get_tensor(name) for name in names}


def weights() -> str:
    """A hash of the pipeline's weights and vocabulary, as the embedded model's list of hashes has them."""
    hashes = json.loads((DATA / "model" / "hashes.json").read_text(encoding="utf-8"))
    beside = ("editing.json", "slots.json", "perceptual_encoder/")  # what no entry here reads
    own = {name: value for name, value in hashes.items() if not name.startswith(beside)}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:16]


def test_every_entry_has_a_run(golden) -> None:
    assert golden.keys() == RUNS.keys()


@pytest.mark.parametrize("name", RUNS)
def test_golden(golden, name: str) -> None:
    torch.testing.assert_close(RUNS[name](), golden[name], rtol=0, atol=1e-6)


def write(names: list[str]) -> None:
    """Store these entries again; `all` starts anew."""
    kept = {}
    if names != ["all"]:
        with safe_open(FILE, "pt") as file:
            stored = file.keys()
            kept = {name: file.get_tensor(name) for name in stored if name in RUNS}
    for name in RUNS if names == ["all"] else names:
        kept[name] = RUNS[name]().contiguous()
        print(name, flush=True)
    save_file(kept, FILE, metadata={"weights": weights()})


if __name__ == "__main__":
    write(sys.argv[1:])

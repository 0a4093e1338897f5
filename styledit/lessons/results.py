"""`make results`: the long computations of the lessons, stored with the fingerprint of the model.

To add one, write a function `(pipe) -> JSON` under `@result`; `styledit.lessons.stored` reads it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from diffusers import StableDiffusionPipeline

from styledit.generation import reconstruct
from styledit.inversion import drift, invert
from styledit.lessons.pictures import lesson_picture
from styledit.lessons.stored import store
from styledit.objectives import Regularisation
from styledit.pictures import decode_latents, psnr
from styledit.pipeline import load
from styledit.values import PRESETS, fit_values

RESULTS: dict[str, Callable[[StableDiffusionPipeline], Any]] = {}


FITS = {
    "nothing fitted": replace(PRESETS["default"], iterations=0, warm=False),
    "the guess alone": replace(PRESETS["default"], iterations=0),
    "default": PRESETS["default"],
    "fine": PRESETS["fine"],
    "published, lambda = 1": PRESETS["paper"],
    "published, lambda = 0": replace(PRESETS["paper"], regularisation=Regularisation()),
}


def result(compute: Callable[[StableDiffusionPipeline], Any]) -> Callable[[StableDiffusionPipeline], Any]:
    """Make a function one of `RESULTS`, under its own name."""
    RESULTS[compute.__name__] = compute
    return compute


@result
def published_schedule(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """Fits at guidance 7.5, by preset: the published schedule with its attention term and without, and ours.

    A row: `picture`, `fit`, `evaluations`, `dB` (the reconstruction against the autoencoder's own), `drift`
    (T + 1 numbers).
    """
    return [fitted(pipe, name, fit) for name in ("fox", "car") for fit in FITS]


def fitted(pipe: StableDiffusionPipeline, name: str, fit: str) -> dict[str, Any]:
    """One row of `published_schedule`."""
    picture = lesson_picture(pipe, name)
    inversion = invert(pipe, picture.image, picture.prompt, progress=False)
    values = fit_values(pipe, inversion, guidance=7.5, preset=FITS[fit], progress=False)
    run = reconstruct(pipe, inversion, values=values, progress=False)
    dB = psnr(run.image, decode_latents(pipe, inversion.z_0)[0])
    print(f"  {name:>9}, {fit:<22} {values.evaluations:5d} evaluations {dB:6.2f} dB", flush=True)
    strayed = [round(float(d), 5) for d in drift(inversion, run.latents)]
    row = {"picture": name, "fit": fit, "evaluations": values.evaluations, "dB": round(dB, 2)}
    return row | {"drift": strayed}


def main(names: list[str]) -> None:
    """Compute the results of these names, all of them where none is named, and store each as it comes."""
    unknown = set(names) - set(RESULTS)
    if unknown:
        raise SystemExit(f"There is no result {sorted(unknown)[0]!r}; choose from {', '.join(RESULTS)}.")
    pipe = load()
    for name in names or RESULTS:
        print(f"{name}:")
        start = time.perf_counter()
        file = store(pipe, name, RESULTS[name](pipe))
        print(f"  stored in {file.parent.name}/{file.name} ({time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="results to compute; all of them where none is named")
    main(parser.parse_args().names)

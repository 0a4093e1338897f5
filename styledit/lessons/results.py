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


def result(compute: Callable[[StableDiffusionPipeline], Any]) -> Callable[[StableDiffusionPipeline], Any]:
    """Make a function one of `RESULTS`, under its own name."""
    RESULTS[compute.__name__] = compute
    return compute


@result
def published_schedule(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """Fits at guidance 7.5, by preset, the published schedule with its attention term and without.

    A row: `picture`, `fit`, `evaluations`, `dB` (the reconstruction against the autoencoder's own), `drift`
    (T + 1 numbers).
    """
    paper = PRESETS["paper"]
    free = replace(paper, parameterisation="free")
    without = Regularisation()
    nothing = replace(PRESETS["default"], iterations=0, warm=False)
    fits = {
        "nothing fitted": nothing,
        "the guess alone": replace(nothing, warm=True),
        "default": PRESETS["default"],
        "fine": PRESETS["fine"],
        "published, lambda = 1": paper,
        "published, lambda = 0": replace(paper, regularisation=without),
        "published, free, lambda = 1": free,
        "published, free, lambda = 0": replace(free, regularisation=without),
    }
    rows = []
    for name in ("fox", "car", "umbrella"):
        picture = lesson_picture(pipe, name)
        inversion = invert(pipe, picture.image, picture.prompt, progress=False)
        own = decode_latents(pipe, inversion.z_0)[0]
        for fit, preset in fits.items():
            values = fit_values(pipe, inversion, guidance=7.5, preset=preset, progress=False)
            run = reconstruct(pipe, inversion, values=values, progress=False)
            rows.append(
                {
                    "picture": name,
                    "fit": fit,
                    "evaluations": values.evaluations,
                    "dB": round(psnr(run.image, own), 2),
                    "drift": [round(float(d), 5) for d in drift(inversion, run.latents)],
                }
            )
            print(f"  {name:>9}, {fit:<28} {rows[-1]['evaluations']:5d} evaluations {rows[-1]['dB']:6.2f} dB")
    return rows


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

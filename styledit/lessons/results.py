"""`make results`: the long computations of the lessons, stored with the fingerprint of the model.

To add one, write a function `(pipe) -> JSON` and name it to `result`; `styledit.lessons.stored` reads it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from diffusers import StableDiffusionPipeline

from styledit.lessons.editing_results import comparison
from styledit.lessons.guided_results import guided
from styledit.lessons.stored import store
from styledit.lessons.value_results import value_edits, value_fits
from styledit.pipeline import load

RESULTS: dict[str, Callable[[StableDiffusionPipeline], Any]] = {}


def result(compute: Callable[[StableDiffusionPipeline], Any]) -> Callable[[StableDiffusionPipeline], Any]:
    """Make a function one of `RESULTS`, under its own name."""
    RESULTS[compute.__name__] = compute
    return compute


result(value_fits)
result(value_edits)
result(comparison)
result(guided)


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

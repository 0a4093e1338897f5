"""How well the methods keep a thing that nobody named.

    python -m measure.unnamed

Pictures of two things by the held-out artist are inverted with a prompt that names the first one only, which
then becomes another. Cross-attention cannot hold on to what no word says: the second problem that value
inputs are made for (2303.15649, section 1).
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from tqdm import tqdm

import styledit
from measure.bench import edited, in_processes, this_bench
from measure.cases import Case, drawn_case
from measure.methods import METHODS, PAPER, method_named, settings_of
from recipe.artwork import HELD_OUT_ARTIST
from recipe.edition import COMMITTED, Edition
from recipe.make_data import edit_cases
from recipe.world import Scene, draw

PICTURES = 12
DRAWN = 5 * PICTURES  # edits of one thing of two; in nearly half of them the first thing becomes another
SEED = 41


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2, help="processes, each with one thread")
    workers = parser.parse_args().workers
    methods = [name for name in METHODS if name != PAPER]  # its fit costs fifteen times ours
    found = dict(tqdm(in_processes(_measure, methods, workers), total=len(methods)))
    print(f"{'method':30} {'PSNR of unnamed [dB]':>24} {'success rate [%]':>24}")
    for name in methods:
        preserved, success = found[name]
        print(f"{name:30} {preserved:24.1f} {success:24.0f}")


def unnamed_cases(edition: Edition = COMMITTED) -> list[Case]:
    """Edits of the thing that the prompts name; the mask is all that is not the other one."""
    cases = []
    for kind, source, target in edit_cases((HELD_OUT_ARTIST,), DRAWN, SEED, edition):
        if kind != "one of two" or source.object == target.object:
            continue
        case = drawn_case(kind, _silent(source), _silent(target))
        cases.append(replace(case, kind="object", mask=~draw(source)[1][1]))
    return cases[:PICTURES]


def _silent(scene: Scene) -> Scene:
    """The scene with a caption that does not say its second thing."""
    return replace(scene, other=replace(scene.other, said=False))


def _measure(name: str) -> tuple[str, tuple[float, float]]:
    """A method's mean PSNR to the source where the unnamed thing is, and its success rate."""
    bench = this_bench()
    cases = unnamed_cases()
    settings = settings_of(name, "object")
    fitted = method_named(name).fit(bench.pipe, bench.invert(cases), settings.get("guidance"))
    preserved = []
    success = []
    for case, method in zip(cases, fitted, strict=True):
        picture = edited(method, case, settings)
        preserved.append(styledit.psnr(case.source, picture, case.mask))
        success.append(bench.success(picture, case))
    return name, (float(np.mean(preserved)), float(np.mean(success)))


if __name__ == "__main__":
    main()

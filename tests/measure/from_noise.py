"""Why edits fail: can the model draw what they ask for, from noise, from the source's latent, or not at all?

    python -m measure.from_noise                    object swaps
    python -m measure.from_noise --kinds "one of two" --guidance 5

A line for each kind: in how many pictures the judge names what changed, in the true answer; in the target
prompt generated from noise; in the same from the source's z_T; and in the plain call's edit, all at the
guidance that it chooses. What failed in an edit is then the *model*, where no picture from
noise shows it; the *latent*, where noise does but z_T does not; or the *maps* and whatever else is taken over
from the source, where z_T does.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from diffusers import StableDiffusionPipeline
from PIL import Image
from tqdm import tqdm

import styledit
from measure.bench import STEPS, in_processes, this_bench
from measure.cases import KINDS, drawn_case, drawn_edits
from measure.drawn import SEED
from recipe.make_data import FOR_PAIRS
from styledit.denoising import resolve_guidance

CASES = 20  # of each kind
STORED = ("object", "one of two")  # kinds
SEEDS = 4
LEAST = 8  # things that are named
CAUSES = ("model", "latent", "maps")


@dataclass(frozen=True)
class Job:
    """One drawn case, and how it is generated: so many seeds; a guidance, or None for the edit's own."""

    case: int
    seed: int
    seeds: int
    guidance: float | None


@dataclass(frozen=True)
class Found:
    """Whether the judge names what changed in each picture of a case; `noise` has a picture a seed.

    `case`: its number; `thing`: what the changed thing becomes; `guidance`: at which all are made.
    """

    case: int
    kind: str
    thing: str
    guidance: float
    truth: bool
    noise: tuple[bool, ...]
    z_T: bool
    edit: bool

    @property
    def failed(self) -> str | None:
        """What an edit failed for, one of CAUSES; None where it did not."""
        if self.edit:
            return None
        if not any(self.noise):
            return "model"
        return "maps" if self.z_T else "latent"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="measure.from_noise", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["object"], metavar="KIND")
    parser.add_argument("--cases", type=int, default=CASES, help="of each kind")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="pictures of each case from noise")
    parser.add_argument("--seed", type=int, default=SEED, help="of the cases, those of compare --drawn")
    parser.add_argument("--guidance", type=float, help="in the place of the edit's own")
    parser.add_argument("--workers", type=int, default=2, help="processes, each with one thread")
    options = parser.parse_args(arguments)
    if min(options.cases, options.seeds, options.workers) < 1 or options.seed < 0:
        parser.error("--cases, --seeds and --workers take a number from 1 on, --seed one from 0 on.")
    jobs = jobs_of(options.kinds, options.cases, options.seeds, options.seed, options.guidance)
    report(list(tqdm(in_processes(measure, jobs, options.workers), total=len(jobs), smoothing=0)))


def jobs_of(
    kinds: Sequence[str],
    cases: int = CASES,
    seeds: int = SEEDS,
    seed: int = SEED,
    guidance: float | None = None,
) -> list[Job]:
    """So many drawn cases of each kind."""
    numbers = [len(KINDS) * k + KINDS.index(kind) for k in range(cases) for kind in kinds]
    return [Job(number, seed, seeds, guidance) for number in numbers]


def from_noise(pipe: StableDiffusionPipeline, workers: int = 2) -> list[dict[str, Any]]:
    """Lesson 07: why edits of the kinds STORED fail. A row: the fields of `Found`, and what `failed`."""
    found = in_processes(measure, jobs_of(STORED), workers)
    rows = [asdict(one) | {"failed": one.failed} for one in found]
    return sorted(rows, key=lambda row: row["case"])


def measure(job: Job) -> Found:
    """Generate a case's target prompt from noise and from its inverted source, and edit the source."""
    bench = this_bench()
    case = drawn_case(*drawn_edits(job.case + 1, job.seed)[job.case])
    (inversion,) = bench.invert([case])
    editor = styledit.Editor(bench.pipe, inversion)
    guidance = resolve_guidance(job.guidance, editor.suggest(case.target_prompt).guidance)

    def generated(**start: object) -> Image.Image:
        return styledit.generate(
            bench.pipe, case.target_prompt, steps=STEPS, guidance=guidance, progress=False, **start
        ).image

    edit = editor.edit(case.target_prompt, guidance=guidance, progress=False)
    # Noise does not know in which half a thing is to stand.
    halves = ("left", "right") if case.kind in FOR_PAIRS else (None,)
    return Found(
        job.case,
        case.kind,
        case.target_object,
        guidance,
        bench.success(case.truth, case) > 0,
        tuple(
            any(bench.success(generated(seed=k), replace(case, half=half)) > 0 for half in halves)
            for k in range(job.seeds)
        ),
        bench.success(generated(z_T=inversion.z_T), case) > 0,
        bench.success(edit.image, case) > 0,
    )


def report(found: Sequence[Found]) -> None:
    """A line for each kind, what failed where edits did, and the things that noise shows least."""
    head = ("cases", "guidance", "true answer", "from noise", "from z_T", "edited")
    print(f"{'':14} " + " ".join(f"{name:>11}" for name in head) + f"   failed: {', '.join(CAUSES)}")
    for kind in [kind for kind in KINDS if any(one.kind == kind for one in found)]:
        some = [one for one in found if one.kind == kind]
        cells = (
            str(len(some)),
            f"{np.mean([one.guidance for one in some]):.1f}",
            _per_cent(one.truth for one in some),
            _per_cent(flag for one in some for flag in one.noise),
            _per_cent(one.z_T for one in some),
            _per_cent(one.edit for one in some),
        )
        causes = Counter(one.failed for one in some)
        counts = ", ".join(str(causes[cause]) for cause in CAUSES)
        failed = f"{len(some) - causes[None]}: {counts}"
        print(f"{kind:14} " + " ".join(f"{cell:>11}" for cell in cells) + f"   {failed}")
    shares: dict[str, list[bool]] = {}
    for one in found:
        shares.setdefault(one.thing, []).extend(one.noise)
    least = sorted((np.mean(flags), thing) for thing, flags in shares.items())[:LEAST]
    said = ", ".join(f"{thing} {100 * share:.0f} %" for share, thing in least)
    print(f"Least from noise: {said}.")


def _per_cent(flags: Iterable[bool]) -> str:
    return f"{100 * np.mean(list(flags)):.0f} %"


if __name__ == "__main__":
    main()

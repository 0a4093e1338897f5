"""The long computation of lesson 07, for `make results`: all methods on all edits whose true answer is known,
and a method of ten lines beside them.

It takes the methods, the cases and the settings of `make compare`, so that both tables are one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from diffusers import StableDiffusionPipeline

from measure.bench import edited, in_processes, this_bench  # type: ignore[import-not-found]
from measure.cases import Case, held_out_cases  # type: ignore[import-not-found]
from measure.compare import jobs_of  # type: ignore[import-not-found]
from measure.methods import METHODS, method_named, settings_of  # type: ignore[import-not-found]
from styledit.editing import Edit, Editor
from styledit.inversion import Inversion

OWN = f"{__name__}:pinned"  # as `make compare METHOD=...` takes it
OWN_TITLE = "pinned, ten lines"
NOTHING = "doing nothing"
COLUMNS = ("happened", "truth_psnr", "truth_lpips", "background_psnr", "background_lpips", "evaluations")
WORKERS = 2


def pinned(pipe: StableDiffusionPipeline, inversion: Inversion, target_prompt: str, settings: dict) -> Edit:
    """The lesson's own method: nothing is fitted, the source's latents are the inversion's own, and the
    settings are those that the plain call chooses, without its value inputs.
    """
    editor = Editor(pipe, inversion, follow_inversion=True)
    return editor.edit(target_prompt, progress=False)


def comparison(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """Every method on every case that it runs on.

    A row: `case` (its number in the benchmark), `kind`, `method`, and COLUMNS; None where there is none.
    """
    cases = _cases()
    jobs = jobs_of([*METHODS, OWN], cases, per_kind=len(cases))
    rows = []
    for part in in_processes(_measured, jobs, WORKERS):
        rows += part
        print(f"  {part[0]['method']:<30} {part[0]['kind']:<12} {len(part)} cases", flush=True)
    rows += [row_of(NOTHING, i, cases[i].source) for i in range(len(cases))]
    return sorted(rows, key=lambda row: (row["method"], row["case"]))


def row_of(method: str, i: int, picture: Any, evaluations: int | None = 0) -> dict[str, Any]:
    """One row of `comparison`: what a method made of the benchmark's case i."""
    case = _cases()[i]
    numbers = this_bench().row(picture, case) | {"evaluations": evaluations}
    shown = {name: _short(numbers.get(name)) for name in COLUMNS}
    return {"case": i, "kind": case.kind, "method": method} | shown


@cache
def _cases() -> list[Case]:
    """All cases, read once a process."""
    return held_out_cases()


def _measured(job: tuple[str, list[int]]) -> list[dict[str, Any]]:
    """A method on some cases of one kind, in a process of its own."""
    name, indices = job
    bench = this_bench()
    cases = [_cases()[i] for i in indices]
    settings = settings_of(name, cases[0].kind)
    prepared = method_named(name).prepare(bench.pipe, bench.invert(cases), settings.get("guidance"))
    title = OWN_TITLE if name == OWN else name
    return [
        row_of(title, i, edited(ready, case, settings), 0 if name == OWN else ready.evaluations)
        for i, case, ready in zip(indices, cases, prepared, strict=True)
    ]


def _short(number: float | None) -> float | None:
    """Rounded; None where it is missing or not finite."""
    if number is None or abs(number) == float("inf") or number != number:
        return None
    return round(float(number), 4)

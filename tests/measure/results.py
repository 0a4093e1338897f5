"""The stored tables of the lessons (`make results`): long computations, under `data/results/` with the
fingerprint of the model. `styledit.lessons.stored_result` reads them.

    python -m measure.results [NAME ...]

To add one, write a function `(pipe) -> JSON` and put it into `RESULTS`. `drawn` takes hours: it is
taken from the file that `make compare DRAWN=420` leaves, and only where it is named.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from diffusers import StableDiffusionPipeline
from PIL import Image

import styledit
from measure import compare, lesson_pictures
from measure import guided as guiding
from measure.bench import in_processes, this_bench
from measure.cases import Case, held_out_cases
from measure.drawn import TRUTH, Log, Request, keys
from measure.from_noise import from_noise
from measure.map_terms import map_terms
from measure.methods import METHODS, SHORT
from measure.photographs import photographs
from measure.tuned_by_hand import signs, tuned_by_hand
from measure.value_inputs import value_edits, value_fits
from styledit.lessons import stored
from styledit.pipeline import model_fingerprint

WORKERS = 2
OWN = "measure.example:follow_inversion"  # the method that lesson 07 writes
OWN_TITLE = "pinned, ten lines"
NOTHING = "doing nothing"
DRAWN_FILE = Path("out") / "drawn.jsonl"
DRAWN_COLUMNS = (
    "success",
    "truth_psnr",
    "nearest_psnr",
    "truth_lpips",
    "structure_distance",
    "background_psnr",
    "background_lpips",
    "evaluations",
    "edit_evaluations",
    "answers",
    "between",
    "between_nearest",
)
COLUMNS = ("success", "truth_psnr", "truth_lpips", "background_psnr", "background_lpips", "evaluations")


def comparison(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """Lesson 07: every method of `make compare` on every stored case that it runs on; beside them `OWN`,
    and `NOTHING`.

    A row: `case` (its number in the benchmark), `kind`, `method`, and COLUMNS; None where there is none.
    """
    cases = held_out_cases()
    jobs = compare.jobs_of([*SHORT, OWN], cases, per_kind=len(cases))
    rows = [row_of(NOTHING, i, case.source) for i, case in enumerate(cases)]
    for (name, indices), measured in in_processes(compare.measure, jobs, WORKERS):
        for row, _ in measured:
            own = {"method": OWN_TITLE, "evaluations": 0} if name == OWN else {}
            rows.append(_stored(row | own))
        print(f"  {name:<30} {measured[0][0]['kind']:<12} {len(indices)} cases", flush=True)
    return sorted(rows, key=lambda row: (row["method"], row["case"]))


def row_of(method: str, i: int, picture: Image.Image, evaluations: int = 0) -> dict[str, Any]:
    """One row of `comparison`: what a method made of the benchmark's case i."""
    case = _cases()[i]
    row = {"case": i, "kind": case.kind, "method": method, "evaluations": evaluations}
    return _stored(row | this_bench().row(picture, case))


def guided(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """Lesson 09: every variant of `make guided` on every style and colour case, and every style reference."""
    jobs = guiding.jobs_of([*guiding.variants(), *guiding.REFERENCES], per_kind=12)
    rows: list[dict[str, Any]] = []
    for k, measured in enumerate(in_processes(guiding.measure, jobs, WORKERS)):
        rows += measured
        print(f"  {k + 1} of {len(jobs)}", flush=True)
    return guided_rows(rows)


def guided_rows(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `make guided` as they are stored: without pictures, and without the times of one machine."""
    left_out = ("picture", "seconds")
    shown = [{name: _rounded(value) for name, value in row.items() if name not in left_out} for row in rows]
    return sorted(shown, key=lambda row: (row["variant"], row["case"]))


def drawn(pipe: StableDiffusionPipeline, file: Path = DRAWN_FILE) -> list[dict[str, Any]]:
    """Lesson 07: what `make compare DRAWN=N` has measured of this model, with today's settings of METHODS.

    A row: `case`, `kind`, `method` (or TRUTH), and those of DRAWN_COLUMNS in which it has a number. Times are
    left out, which are one machine's.

    Raises:
        SystemExit: the file has nothing of this model.
    """
    log = Log(file)
    number = 1 + max((row["case"] for row in log.rows), default=0)
    rows = log.of(keys(Request(tuple(METHODS), number), model_fingerprint(pipe)))
    if not rows:
        raise SystemExit(f"{file} has no row of this model; run `make compare DRAWN=420` first.")
    order = {name: k for k, name in enumerate((TRUTH, *METHODS))}
    shown = [
        {name: _rounded(row[name]) for name in ("case", "kind", "method", *DRAWN_COLUMNS) if name in row}
        for row in sorted(rows, key=lambda row: (order[row["method"]], row["case"]))
    ]
    return [{name: value for name, value in row.items() if value is not None} for row in shown]


RESULTS: dict[str, Callable[[StableDiffusionPipeline], Any]] = {
    "edits": lesson_pictures.edits,
    "way_back": lesson_pictures.way_back,
    "words": lesson_pictures.words,
    "two_things": lesson_pictures.two_things,
    "value_fits": value_fits,
    "value_edits": value_edits,
    "comparison": comparison,
    "guided": guided,
    "map_terms": map_terms,
    "tuned_by_hand": tuned_by_hand,
    "signs": signs,
    "photographs": photographs,
    "from_noise": from_noise,
    "drawn": drawn,
}
COMPUTED = tuple(name for name in RESULTS if name != "drawn")


def store(pipe: StableDiffusionPipeline, name: str, result: Any) -> Path:
    """Store a result (JSON) of this model under a name, in a file that is replaced as a whole."""
    content = {"model": model_fingerprint(pipe), "result": result}
    lines = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("{", "\n{").strip()
    stored.FOLDER.mkdir(parents=True, exist_ok=True)
    file = stored.FOLDER / f"{name}.json"
    unfinished = file.with_suffix(".json.part")
    unfinished.write_text(lines + "\n", encoding="utf-8")
    unfinished.replace(file)
    return file


def main(names: list[str]) -> None:
    """Compute the results of these names, COMPUTED where none is named, and store each as it comes."""
    unknown = set(names) - set(RESULTS)
    if unknown:
        raise SystemExit(f"There is no result {sorted(unknown)[0]!r}; choose from {', '.join(RESULTS)}.")
    pipe = styledit.load()
    for name in names or COMPUTED:
        print(f"{name}:")
        start = time.perf_counter()
        file = store(pipe, name, RESULTS[name](pipe))
        print(f"  stored in {file.parent.name}/{file.name} ({time.perf_counter() - start:.0f} s)")


@cache
def _cases() -> list[Case]:
    """All cases, read once a process."""
    return held_out_cases()


def _stored(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the comparison with the columns that are stored, in their order."""
    return {name: _rounded(row.get(name)) for name in ("case", "kind", "method", *COLUMNS)}


def _rounded(value: Any) -> Any:
    """A number rounded, None where it is not finite; what is no number as it is."""
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", help=f"of {', '.join(RESULTS)}; all but drawn where none is named"
    )
    main(parser.parse_args().names)

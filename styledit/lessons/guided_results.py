"""The long computation of lesson 09, for `make results`: guided edits on pictures whose true answer is known.

It takes the variants, the cases and the pairs of `make guided`, so that both tables are one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from diffusers import StableDiffusionPipeline

from measure import guided as measured  # type: ignore[import-not-found]
from measure.bench import in_processes  # type: ignore[import-not-found]

WORKERS = 2
LEFT_OUT = ("picture", "seconds")  # too large, and another machine's


def guided(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """Every variant on every style and colour case, and every style reference: rows as `rows_of` gives."""
    jobs = measured.jobs_of([*measured.variants(), *measured.REFERENCES], per_kind=12)
    rows: list[dict[str, Any]] = []
    for k, part in enumerate(in_processes(measured.measure, jobs, WORKERS)):
        rows += part
        print(f"  {k + 1} of {len(jobs)}", flush=True)
    return rows_of(rows)


def rows_of(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `make guided` as they are stored: `variant`, `case`, `kind` and numbers."""
    kept = [{name: _short(value) for name, value in row.items() if name not in LEFT_OUT} for row in rows]
    return sorted(kept, key=lambda row: (row["variant"], row["case"]))


def _short(value: Any) -> Any:
    """A number rounded; what is no number as it is."""
    return round(value, 4) if isinstance(value, float) else value

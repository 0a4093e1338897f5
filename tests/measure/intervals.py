"""How sure a difference between two methods is: paired bootstrap intervals over cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from measure.table import Table

DRAWS = 2000
LEVEL = 0.95
SEED = 0
LEAST = 10  # cases of an interval; of fewer it would be too narrow
COMPARED = {  # and the decimals that are shown
    "truth_psnr": 2,
    "nearest_psnr": 2,
    "truth_lpips": 3,
    "structure_distance": 3,
    "background_psnr": 2,
    "success": 1,
}
WIDTH = 24  # of a cell


@dataclass(frozen=True)
class Interval:
    """A mean difference over `cases`, and the interval that it lies in at LEVEL: NaN of fewer than LEAST."""

    mean: float
    low: float
    high: float
    cases: int

    @property
    def is_sure(self) -> bool:
        """Whether 0 lies outside."""
        return self.low > 0 or self.high < 0

    def said(self, decimals: int = 2) -> str:
        """As "difference [low, high]"; the difference alone where there is no interval."""
        mean, low, high = (f"{number:+.{decimals}f}" for number in (self.mean, self.low, self.high))
        return mean if math.isnan(self.low) else f"{mean} [{low}, {high}]"


def interval(differences: Sequence[float]) -> Interval | None:
    """The percentile interval (Efron & Tibshirani 1993, chapter 13) of a mean over cases; None of no case."""
    sample = np.asarray(differences, float)
    if not len(sample):
        return None
    low = high = math.nan
    if len(sample) >= LEAST:
        found = bootstrap(
            (sample,), np.mean, n_resamples=DRAWS, confidence_level=LEVEL, method="percentile", rng=SEED
        ).confidence_interval
        low, high = float(found.low), float(found.high)
    return Interval(float(sample.mean()), low, high, len(sample))


def difference(
    table: Table, method: str, other: str, column: str, kind: str | None = None
) -> Interval | None:
    """A method's numbers minus another's, on the cases that have both, of one kind or of all."""
    mine, theirs = (table.numbers(name, column, kind) for name in (method, other))
    return interval([mine[case] - theirs[case] for case in sorted(mine.keys() & theirs.keys())])


def print_differences(table: Table, methods: Sequence[str], other: str) -> None:
    """Every method against another: a block for each number, a row for each method, in all and by kind."""
    rest = [method for method in methods if method != other]
    print(f"\nAgainst '{other}': mean difference [{LEVEL:.0%} interval]; a star where 0 lies outside.")
    for column, decimals in COMPARED.items():
        rows = {
            method: [difference(table, method, other, column, kind) for kind in (None, *table.kinds)]
            for method in rest
        }
        if any(found is not None for cells in rows.values() for found in cells):
            head = " ".join(f"{name:>{WIDTH}}" for name in ("in all", *table.kinds))
            print(f"\n{table.header[column]}\n{'':30} {head}")
            for method, cells in rows.items():
                print(f"{method:30} " + " ".join(f"{_cell(found, decimals):>{WIDTH}}" for found in cells))


def _cell(found: Interval | None, decimals: int) -> str:
    if found is None:
        return "- "
    return found.said(decimals) + ("*" if found.is_sure else " ")

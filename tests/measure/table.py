"""The table of the comparison: means by method and kind, what misses its bar, and the pictures."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from measure.cases import KINDS, Case
from measure.methods import BY_KIND, METHODS, OURS, PAPER
from styledit.lessons import show_images
from styledit.metrics import METRICS

TIE: dict[str, Callable[[int], float]] = {  # by how much ours may be behind, on so many cases
    "truth_psnr": lambda cases: 0.1,  # dB
    "success": lambda cases: 101 / cases,  # per cent: one case more or less
}
HEADER = {
    "success": "success rate (%) ↑",
    **{name: metric.header for name, metric in METRICS.items()},
    "evaluations": "evaluations of the fit",
}
SHOWN = 2  # cases of each kind in the gallery


class Table:
    """Rows of one case and one method each: "case", "kind", "method", and what `header` names."""

    def __init__(self, rows: Sequence[dict], header: Mapping[str, str] = HEADER) -> None:
        self.rows = list(rows)
        self.header = dict(header)
        self.methods = list(dict.fromkeys(row["method"] for row in self.rows))
        self.kinds = [kind for kind in KINDS if any(row["kind"] == kind for row in self.rows)]

    def cases(self, method: str) -> set[int]:
        """The cases that a method ran on."""
        return {row["case"] for row in self.rows if row["method"] == method}

    def mean(self, method: str, column: str, on: set[int] | None = None, kind: str | None = None) -> float:
        """A column's mean over a method's rows, on some cases, of one kind; NaN where there is no number."""
        numbers = self.numbers(method, column, kind)
        some = [number for case, number in numbers.items() if on is None or case in on]
        return float(np.mean(some)) if some else float("nan")

    def numbers(self, method: str, column: str, kind: str | None = None) -> dict[int, float]:
        """{case: number} of a method in a column, where there is one; of one kind or of all."""
        return {
            row["case"]: row[column]
            for row in self.rows
            if row["method"] == method
            and row.get(column) is not None
            and (kind is None or row["kind"] == kind)
        }

    def write(self, file: Path) -> None:
        """One line a row, as CSV."""
        with file.open("w", newline="") as stream:
            writer = csv.DictWriter(
                stream, ["case", "kind", "method", *self.header], extrasaction="ignore", lineterminator="\n"
            )
            writer.writeheader()
            writer.writerows(self.rows)

    def print(self) -> None:
        """Means by method, then by kind."""
        for name, title in self.header.items():
            print(f"{name:>24}: {title}")
        print(f"{'method':30} {'cases':>5} " + " ".join(f"{name[:18]:>18}" for name in self.header))
        for method in self.methods:
            means = " ".join(_cell(self.mean(method, name)) for name in self.header)
            print(f"{method:30} {len(self.cases(method)):5d} {means}")
        few = self.cases(PAPER)
        if few:
            where = f"on the {len(few)} cases of the {PAPER}, whose settings are those of {BY_KIND}"
            print(f"{where}: {self._line(on=few)}")
        for kind in self.kinds:
            print(f"-- {kind}: {self._line(kind=kind)}")

    def _line(self, on: set[int] | None = None, kind: str | None = None) -> str:
        parts = []
        for method in self.methods:
            psnr = self.mean(method, "truth_psnr", on, kind)
            success = self.mean(method, "success", on, kind)
            if np.isfinite(psnr):
                parts.append(f"{method} {psnr:.1f} dB {success:.0f} %")
        return ", ".join(parts)

    def missed(self) -> list[str]:
        """Where ours is behind another of `METHODS` by more than a tie, on the cases of both."""
        found = []
        for name, tie in TIE.items():
            for method in METHODS:
                on = self.cases(method) & self.cases(OURS)
                ours = self.mean(OURS, name, on)
                theirs = self.mean(method, name, on)
                if on and ours < theirs - tie(len(on)):
                    found.append(f"{name}: {OURS} {ours:.2f}, {method} {theirs:.2f} on {len(on)} cases")
        return found

    def against_ours(self, method: str) -> str:
        """One sentence: an own method beside ours."""
        on = self.cases(method) & self.cases(OURS)
        psnr = self.mean(method, "truth_psnr", on) - self.mean(OURS, "truth_psnr", on)
        success = self.mean(method, "success", on) - self.mean(OURS, "success", on)
        gains = f"PSNR to ground truth {psnr:+.2f} dB, success rate {success:+.0f} %"
        return f"{method} against {OURS}, on {len(on)} cases: {gains}."


def _cell(mean: float) -> str:
    return f"{mean:18.4g}" if np.isfinite(mean) else f"{'-':>18}"


def draw_gallery(cases: Sequence[Case], pictures: dict[tuple[str, int], Image.Image], file: Path) -> None:
    """Some cases of each kind: source, ground truth, and every method's picture."""
    methods = list(dict.fromkeys(method for method, _ in pictures))
    everywhere = [i for i in range(len(cases)) if all((method, i) in pictures for method in methods)]
    grid = {}
    for kind in KINDS:
        for i in [i for i in everywhere if cases[i].kind == kind][:SHOWN]:
            grid[f"{kind}, case {i}"] = cases[i].source
            grid[f"truth {i}: {cases[i].target_prompt[:26]}"] = cases[i].truth
            for method in methods:
                grid[f"{method} {i}"] = pictures[method, i]
    show_images(grid, columns=2 + len(methods), width=160).savefig(file)

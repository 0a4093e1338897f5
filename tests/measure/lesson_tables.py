"""Lesson 07's tables of the drawn comparison, as HTML, and what it measures of a blurred answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

import styledit
from measure.cases import SceneEdit
from measure.drawn import TRUTH
from measure.from_noise import CAUSES
from measure.intervals import interval
from measure.methods import OURS
from measure.table import Table
from measure.truths import true_answers
from styledit.lessons import table_html

COLUMNS = {  # the title, the decimals, and which end is better, None where it is a price
    "success": ("success rate (%)", 0, max),
    "truth_psnr": ("PSNR to truth (dB)", 1, max),
    "nearest_psnr": ("nearest (dB)", 1, max),
    "truth_lpips": ("LPIPS to truth", 3, min),
    "background_psnr": ("background PSNR (dB)", 1, max),
    "evaluations": ("evaluations: fit", 0, None),
    "edit_evaluations": ("edit", 0, None),
}
KIND_HEAD = (
    "kind", "true answers accepted (%)", "plain call's success (%)", "its PSNR (dB)", "best other (dB)",
    "open cases", "a true answer to another (dB)", "to the nearest other", "plain call to the nearest",
)  # fmt: skip
CAUSE_HEAD = (
    "the judge sees the change (%)", "true answer", "edit", "from ẑ[0]", "from fresh noise",
    "failed edits: model, latent, taken over",
)  # fmt: skip


def by_method(table: Table, methods: Sequence[str]) -> str:
    """Means of each method, in this order; the best of a column in bold."""
    cells = {
        method: [f"{table.mean(method, name):.{digits}f}" for name, (_, digits, _) in COLUMNS.items()]
        for method in methods
    }
    best = []
    for k, (_, _, better) in enumerate(COLUMNS.values()):
        shown = {method: float(cells[method][k]) for method in methods}
        best.append([m for m in methods if better and shown[m] == better(shown.values())])
    return table_html(cells, ("method", *(title for title, _, _ in COLUMNS.values())), best=best)


def by_kind(table: Table, truth: Table) -> str:
    """By kind: how often the judge accepts true answers and edits, the best other method, and how near
    true answers are to each other where the prompts leave something open.
    """
    cells = {}
    for kind in table.kinds:
        others = {m: table.mean(m, "truth_psnr", kind=kind) for m in table.methods if m != OURS}
        best = max(others, key=others.__getitem__)
        between = truth.numbers(TRUTH, "between", kind)
        cells[kind] = [
            share(truth.numbers(TRUTH, "success", kind).values()),
            share(table.numbers(OURS, "success", kind).values()),
            f"{table.mean(OURS, 'truth_psnr', kind=kind):.1f}",
            f"{others[best]:.1f} ({best})",
            f"{len(between)} of {len(truth.numbers(TRUTH, 'answers', kind))}",
            *_ceiling(table, truth, kind, between),
        ]
    return table_html(cells, KIND_HEAD)


def _ceiling(table: Table, truth: Table, kind: str, between: Mapping[int, float]) -> list[str]:
    """The three last cells of a kind."""
    if not between:
        return ["one answer", "", ""]
    numbers = list(between.values())
    reached = table.mean(OURS, "nearest_psnr", set(between), kind)
    nearest = truth.mean(TRUTH, "between_nearest", kind=kind)
    return [f"{np.mean(numbers):.1f} ± {np.std(numbers):.1f}", f"{nearest:.1f}", f"{reached:.1f}"]


def causes(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of `measure.from_noise` by kind: where the judge sees the change, and what failed."""
    cells = {}
    for kind in dict.fromkeys(row["kind"] for row in rows):
        some = [row for row in rows if row["kind"] == kind]
        seen = ([100.0 * np.mean(row[name]) for row in some] for name in ("truth", "edit", "z_T", "noise"))
        failed = ", ".join(str(sum(row["failed"] == cause for row in some)) for cause in CAUSES)
        cells[f"{kind}, {len(some)} cases"] = [*map(share, seen), failed]
    return table_html(cells, CAUSE_HEAD)


def share(numbers: Iterable[float]) -> str:
    """A mean of per cents over cases with its interval."""
    found = interval(list(numbers))
    if found is None:
        return "-"
    return f"{found.mean:.0f}" + ("" if np.isnan(found.low) else f" ({found.low:.0f} to {found.high:.0f})")


class Blurred(NamedTuple):
    """How far the first true answer of each case is from the others, and from the mean of the others: PSNR in
    dB and a distance, (cases,) each; `pictures` of the last case.
    """

    mean_psnr: np.ndarray
    other_psnr: np.ndarray
    mean_distance: np.ndarray
    other_distance: np.ndarray
    pictures: dict[str, Image.Image]

    def __str__(self) -> str:
        psnr = _both("PSNR", self.mean_psnr, self.other_psnr, self.mean_psnr > self.other_psnr)
        near = self.mean_distance < self.other_distance
        return f"{psnr}\n{_both('LPIPS', self.mean_distance, self.other_distance, near)}"


def _both(name: str, mean: np.ndarray, other: np.ndarray, nearer: np.ndarray) -> str:
    mine, theirs = (f"{given.mean():.2f} ± {given.std():.2f}" for given in (mean, other))
    share = f"{nearer.sum()} of {len(nearer)}"
    return f"{name}: the mean {mine}, another answer {theirs}; the mean is nearer in {share} cases"


def blurred_answers(
    edits: Iterable[SceneEdit], distance: Callable[[Image.Image, Image.Image], float]
) -> Blurred:
    """What the mean of true answers is worth as an answer, in the edits that leave something open."""
    rows, pictures = [], {}
    for edit in edits:
        first, *others = true_answers(*edit)
        if not others:
            continue
        mean = Image.fromarray(np.mean(others, axis=0).round().astype(np.uint8))
        pictures = {"a true answer": first, "another": others[0], "the mean of the others": mean}
        rows.append(
            [
                compare(first, mean) if of_mean else np.mean([compare(first, one) for one in others])
                for compare in (styledit.psnr, distance)
                for of_mean in (True, False)
            ]
        )
    return Blurred(*np.transpose(rows), pictures)

"""What a comparison on drawn cases says: means, what can be reached, intervals of differences, the front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from measure.cases import KINDS, drawn_case, drawn_edits
from measure.drawn import SHOWN, TRUTH, Request, Row, keys, picture_file, picture_folder
from measure.front import draw_front, print_front
from measure.intervals import difference, print_differences
from measure.methods import METHODS, OURS, method_named
from measure.table import HEADER, Table, draw_gallery

COST = {
    "evaluations": "evaluations of the fit",
    "edit_evaluations": "evaluations of the edit",
    "fit_seconds": "seconds of the fit",
    "edit_seconds": "seconds of the edit",
}
ALL = HEADER | {"nearest_psnr": "PSNR to the nearest true answer (dB) ↑"} | COST
PRINTED = {
    name: ALL[name]
    for name in (
        "success", "truth_psnr", "nearest_psnr", "truth_lpips", "structure_distance", "background_psnr",
        "background_lpips", *COST,
    )
}  # fmt: skip
REACH = """
What can be reached. success: of the true answers, as the judge sees them; open: cases whose prompts leave
something open. Of these: ceiling: PSNR of a true answer to another one, mean ± spread over cases; nearest: to
the nearest of the others; then each method's PSNR to the nearest true answer."""
BARS = ("truth_psnr", "success")  # where no other method may surely be ahead of the plain call


def report(rows: Sequence[Row], request: Request, out: Path) -> list[str]:
    """Print and write everything, and say where the plain call misses its bar."""
    compared = in_complete_rounds(rows, request)
    cases = {row["case"] for row in compared}
    print(
        f"{len(rows)} of {len(keys(request, ''))} rows are there (seed {request.seed}); {len(cases)} of "
        f"{request.cases} cases count: those of the rounds that all methods have whole."
    )
    if not cases:
        return []
    truth = Table([row for row in compared if row["method"] == TRUTH], {})
    table = Table([row for row in compared if row["method"] != TRUTH], PRINTED)
    table.print()
    print_reach(truth, table)
    if OURS in table.methods:
        print_differences(table, table.methods, OURS)
    print_front(table)
    Table(table.rows, ALL).write(out / "drawn.csv")
    draw_front(table, out / "front.png")
    print(f"\nTable: {out / 'drawn.csv'}; the front: {out / 'front.png'}")
    draw_pictures(table.methods, request, out, out / "drawn.png")
    return missed(table)


def in_complete_rounds(rows: Sequence[Row], request: Request) -> list[Row]:
    """The rows of the rounds, one case of each kind, that every method without a stride has whole.

    So all means are over the same cases, as many of each kind.
    """
    everywhere = [TRUTH, *(name for name in request.methods if method_named(name).stride == 1)]
    known: dict[str, set[int]] = {}
    for row in rows:
        known.setdefault(row["method"], set()).add(row["case"])
    shared = set.intersection(*(known.get(name, set()) for name in everywhere))
    rounds = [range(k, min(k + len(KINDS), request.cases)) for k in range(0, request.cases, len(KINDS))]
    counting = {i for whole in rounds if shared.issuperset(whole) for i in whole}
    order = {name: k for k, name in enumerate((TRUTH, *request.methods))}
    return sorted(
        (row for row in rows if row["case"] in counting),
        key=lambda row: (order[row["method"]], row["case"]),
    )


def comparable(rows: Sequence[Row]) -> list[Row]:
    """The rows from which means may be compared: of the methods that ran on at least half as many cases as
    `OURS`, in the rounds that all of these have whole.
    """
    ran = Counter(row["method"] for row in rows)
    methods = tuple(name for name in METHODS if ran[name] and 2 * ran[name] >= ran[OURS])
    number = 1 + max((row["case"] for row in rows), default=-1)
    return in_complete_rounds(
        [row for row in rows if row["method"] in (TRUTH, *methods)], Request(methods, number)
    )


def print_reach(truth: Table, table: Table) -> None:
    """By kind: what the judge says of true answers, and the PSNR that a true answer has to another."""
    print(REACH)
    shorts = [method.removeprefix("styledit, ")[:16] for method in table.methods]
    head = " ".join(f"{name:>16}" for name in shorts)
    print(f"{'':14} {'success':>8} {'open':>9} {'ceiling':>15} {'nearest':>8} {head}")
    for kind in (None, *truth.kinds):
        print(f"{kind or 'in all':14} {_reach(truth, table, kind)}")


def _reach(truth: Table, table: Table, kind: str | None) -> str:
    """One line of it."""
    success = truth.mean(TRUTH, "success", kind=kind)
    of_kind = truth.numbers(TRUTH, "answers", kind)
    between = truth.numbers(TRUTH, "between", kind)
    line = f"{success:6.1f} % {len(between):4d}/{len(of_kind):<4d}"
    if not between:
        return line + f" {'-':>15} {'-':>8}"
    numbers = list(between.values())
    nearest = truth.mean(TRUTH, "between_nearest", kind=kind)
    means = [table.mean(m, "nearest_psnr", set(between), kind) for m in table.methods]
    ceiling = f"{np.mean(numbers):.1f} ± {np.std(numbers):.1f} dB"
    return line + f" {ceiling:>15} {nearest:8.1f} " + " ".join(f"{mean:16.1f}" for mean in means)


def missed(table: Table) -> list[str]:
    """Where another of METHODS is ahead of the plain call by more than chance."""
    found = []
    if OURS not in table.methods:
        return found
    for column in BARS:
        for method in table.methods:
            ahead = difference(table, method, OURS, column) if method in METHODS else None
            if ahead is not None and ahead.low > 0:
                found.append(f"{column}: {method} is ahead of {OURS} by {ahead.said()}")
    return found


def draw_pictures(methods: Sequence[str], request: Request, out: Path, file: Path) -> None:
    """The first cases of each kind, by the methods without a stride; nothing where there is no picture."""
    cases = [drawn_case(*edit) for edit in drawn_edits(min(SHOWN, request.cases), request.seed)]
    folder = picture_folder(out, request.seed)
    pictures = {}
    for i in range(len(cases)):
        files = {name: picture_file(folder, name, i) for name in methods if method_named(name).stride == 1}
        if all(stored.exists() for stored in files.values()):
            pictures |= {(name, i): Image.open(stored) for name, stored in files.items()}
    if pictures:
        draw_gallery(cases, pictures, file)
        print(f"Pictures: {file}")

"""Compare the editing methods on 84 held-out edits whose true pictures are known (`make compare`).

    python -m measure.compare                            the table, out/compare.csv and out/compare.png
    python -m measure.compare --drawn 420                on so many other edits: with intervals, what can be
                                                         reached, and the front; goes on from out/drawn.jsonl
    python -m measure.compare --method MODULE:FUNCTION   with an own method beside them, see measure.methods
    python -m measure.compare --tune                     choose settings on scenes of the training artists

A method has one group of settings for all cases of an edit kind (settings.json), chosen on other scenes. What
a method fits, it fits at the guidance of the edit. Exit 1 where the kit's own method misses its bar.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from measure.bench import edited, in_processes, this_bench
from measure.cases import KINDS, Case, held_out_cases
from measure.drawn import BAR, SEED, Log, Request, run
from measure.drawn_report import report
from measure.methods import METHODS, OURS, PAPER, SHORT, MethodError, method_named, settings_of
from measure.search import TUNED, tune
from measure.table import Table, draw_gallery
from measure.truths import ANSWERS

Job = tuple[str, list[int]]  # a method and cases of one kind
Result = tuple[dict, Image.Image]  # a row of the table and its picture


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="measure.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--method", metavar="MODULE:FUNCTION", help="an own method, as a row beside the others"
    )
    parser.add_argument(
        "--only", nargs="+", metavar="METHOD", help=f"only these of: {'; '.join(METHODS)}; the own one"
    )
    parser.add_argument(
        "--per-kind", type=int, default=12, metavar="N", help="so many of the 12 cases of each kind"
    )
    _add_drawn(parser)
    parser.add_argument(
        "--tune", nargs="*", metavar="METHOD", help="choose settings, for these methods or for all"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes, each with one thread")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments)
    if options.workers < 1 or options.per_kind < 1:
        parser.error("--workers and --per-kind take a number from 1 on.")
    if options.drawn is not None and not (options.drawn >= 1 and options.seed >= 0 and options.truths >= 1):
        parser.error("--drawn and --truths take a number from 1 on, --seed one from 0 on.")
    if options.tune is not None:
        tune(_known(options.tune, TUNED) or list(TUNED), options.workers)
        return
    try:
        everyone = SHORT if options.drawn is None else tuple(METHODS)
        methods = _chosen(everyone, options.method, options.only)
        if options.drawn is None:
            compare(methods, options.per_kind, options.workers, options.out)
        else:
            _known(options.again, methods)
            request = Request(tuple(methods), options.drawn, options.seed, options.truths)
            compare_drawn(request, options.workers, options.out, options.minutes, options.again)
    except MethodError as error:
        sys.exit(str(error))


def _add_drawn(parser: argparse.ArgumentParser) -> None:
    drawn = parser.add_argument_group("cases that are drawn for the comparison")
    drawn.add_argument(
        "--drawn", type=int, metavar="N", help="so many; what out/drawn.jsonl has is not computed again"
    )
    drawn.add_argument("--seed", type=int, default=SEED, help="of the cases")
    drawn.add_argument(
        "--truths", type=int, default=ANSWERS, metavar="N", help="true answers of each case, at most"
    )
    drawn.add_argument(
        "--minutes", type=float, default=math.inf, metavar="M", help="begin nothing more after so long"
    )
    drawn.add_argument(
        "--again",
        nargs="+",
        default=[],
        metavar="METHOD",
        help="forget what the file has of these, whose code changed",
    )


def _chosen(everyone: Sequence[str], own: str | None, only: list[str] | None) -> list[str]:
    """The names of the methods to run, all of which exist: everyone and the own one, or only some."""
    if own is not None:
        method_named(own)
    joining = [own] if own is not None and own not in METHODS else []
    return _known(only, [*METHODS, *joining]) if only else [*everyone, *joining]


def _known(asked: list[str], names: Sequence[str]) -> list[str]:
    unknown = [name for name in asked if name not in names]
    if unknown:
        sys.exit(f"There is no method '{unknown[0]}' here; choose from: {'; '.join(names)}.")
    return [name for name in names if name in asked]


def compare(methods: Sequence[str], per_kind: int, workers: int, out: Path) -> None:
    """Run the methods on the held-out cases; write and print the table.

    Raises:
        MethodError: an own method failed.
        SystemExit: ours misses its bar.
    """
    out.mkdir(parents=True, exist_ok=True)
    cases = held_out_cases()
    jobs = jobs_of(methods, cases, per_kind)
    results: list[Result] = []
    with (
        closing(in_processes(measure, jobs, workers)) as parts,
        tqdm(total=sum(map(_seconds, jobs)), smoothing=0, bar_format=BAR) as bar,
    ):
        for job, part in parts:
            results += part
            bar.set_postfix_str(f"{job[0]}, {cases[job[1][0]].kind}")
            bar.update(_seconds(job))
    results.sort(key=lambda result: (methods.index(result[0]["method"]), result[0]["case"]))
    table = Table([row for row, _ in results])
    table.write(out / "compare.csv")
    draw_gallery(
        cases, {(row["method"], row["case"]): picture for row, picture in results}, out / "compare.png"
    )
    table.print()
    for method in methods:
        if method not in METHODS and OURS in methods:
            print(table.against_ours(method))
    print(f"Table: {out / 'compare.csv'}; pictures: {out / 'compare.png'}")
    missed = table.missed()
    if missed:
        sys.exit(f"Missed: {'; '.join(missed)}.")


def compare_drawn(
    request: Request, workers: int, out: Path, minutes: float = math.inf, again: Sequence[str] = ()
) -> None:
    """Run the methods on drawn cases, as far as they are not in the file; print and write what there is.

    Raises:
        MethodError: an own method failed.
        SystemExit: another method is surely ahead of ours, or the file is damaged.
    """
    out.mkdir(parents=True, exist_ok=True)
    try:
        log = Log(out / "drawn.jsonl")
    except ValueError as error:
        sys.exit(str(error))
    if again:
        log.forget(again)
    behind = report(run(request, log, out, workers, minutes), request, out)
    if behind:
        sys.exit(f"Missed: {'; '.join(behind)}.")


def jobs_of(methods: Sequence[str], cases: Sequence[Case], per_kind: int) -> list[Job]:
    """A method on the cases of a kind each: the longest first, but before all a short one, to tell the time.

    Of fewer cases than all, those come first that every method runs on.
    """
    stride = METHODS[PAPER].stride
    jobs = []
    for kind in KINDS:
        of_kind = [i for i, case in enumerate(cases) if case.kind == kind]
        chosen = sorted(sorted(of_kind, key=lambda i: (i % stride != 0, i))[:per_kind])
        for name in methods:
            mine = [i for i in chosen if i % method_named(name).stride == 0]
            jobs.append((name, mine))
    jobs = sorted((job for job in jobs if job[1]), key=_seconds, reverse=True)
    return [*jobs[-1:], *jobs[:-1]]


def _seconds(job: Job) -> float:
    """Roughly what a job takes on one core."""
    name, indices = job
    return method_named(name).seconds * len(indices)


def measure(job: Job) -> tuple[Job, list[Result]]:
    """A method on some cases of one kind."""
    name, indices = job
    bench = this_bench()
    everything = held_out_cases()
    cases = [everything[i] for i in indices]
    settings = settings_of(name, cases[0].kind)
    fitted = method_named(name).fit(bench.pipe, bench.invert(cases), settings.get("guidance"))
    results = []
    for i, case, method in zip(indices, cases, fitted, strict=True):
        picture = edited(method, case, settings)
        row = {"case": i, "kind": case.kind, "method": name, **bench.row(picture, case)}
        results.append((row | {"evaluations": method.evaluations}, picture))
    return job, results


if __name__ == "__main__":
    main()

"""The comparison on cases that are drawn for it, as many as asked for (`make compare DRAWN=420`).

Every number goes into a file of JSON lines as it comes, and a call computes what is missing there. The work
is ordered so that whatever there is when it stops is of all kinds and methods alike.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

import styledit
from measure.bench import STEPS, edited, in_processes, this_bench
from measure.cases import KINDS, drawn_case, drawn_edits
from measure.counting import counted
from measure.methods import BY_TABLE, method_named, settings_of
from measure.truths import ANSWERS, between, between_nearest, nearest, true_answers
from styledit.pipeline import model_fingerprint
from styledit.storage.data import EMBEDDED_FOLDER

SEED = 28
TRUTH = "true answer"  # beside the methods a row a case: its true picture, and what its prompts leave open
ROUNDS = 5  # of one case of each kind: what is fitted together, and what a run that stops early lacks at most
SHOWN = 2 * len(KINDS)  # cases whose pictures are kept
TRUTH_SECONDS = 0.5  # a case, roughly
# What a row depends on, and is known again by.
KEY = ("seed", "case", "method", "settings", "code", "truths", "steps", "model")
BAR = "{percentage:3.0f} % |{bar}| {elapsed} gone, {remaining} left{postfix}"
Row = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What to compare: methods by name, so many drawn cases of a seed, so many true answers of each case."""

    methods: tuple[str, ...]
    cases: int
    seed: int = SEED
    truths: int = ANSWERS


@dataclass(frozen=True)
class Job:
    """A method, or TRUTH, on cases of one kind; `about`: the part of KEY that its rows share."""

    method: str
    kind: str
    cases: tuple[int, ...]
    about: Row
    pictures: Path
    deadline: float = math.inf  # of `time.time`; nothing is begun after it

    @property
    def seconds(self) -> float:
        """Roughly what it takes on one core."""
        each = TRUTH_SECONDS if self.method == TRUTH else method_named(self.method).seconds
        return each * len(self.cases)


# --- what there is ----------------------------------------------------------------------------------


class Log:
    """Rows in a file of JSON lines."""

    def __init__(self, file: Path) -> None:
        """Read what is there, without a last line that was not finished.

        Raises:
            ValueError: a line that is no row.
        """
        self.file = file
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        self.rows: list[Row] = [_read(line, k, file) for k, line in enumerate(whole.splitlines(), 1)]
        if whole != text:
            self._write(self.rows)

    def add(self, rows: Iterable[Row]) -> None:
        """Append rows; they are on their way to the disk when this returns."""
        some = list(rows)
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write("".join(map(_line, some)))
        self.rows += some

    def forget(self, methods: Sequence[str]) -> None:
        """Take the rows of some methods out."""
        self._write([row for row in self.rows if row["method"] not in methods])

    def _write(self, rows: list[Row]) -> None:
        unfinished = self.file.with_suffix(".part")
        unfinished.write_text("".join(map(_line, rows)), encoding="utf-8")
        unfinished.replace(self.file)
        self.rows = rows

    def of(self, keys: Iterable[Row]) -> list[Row]:
        """The rows of some keys, those that there are."""
        known = {_key(row): row for row in self.rows}
        found = (known.get(_key(key)) for key in keys)
        return [row for row in found if row is not None]


def _read(line: str, number: int, file: Path) -> Row:
    try:
        row = json.loads(line)
        _key(row)
    except (ValueError, TypeError, LookupError) as error:
        raise ValueError(f"Line {number} of {file} is no row of a comparison; take it out.") from error
    return row


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def _key(row: Row) -> str:
    return json.dumps([row[name] for name in KEY], sort_keys=True)


# --- what is to be done -----------------------------------------------------------------------------


def about(request: Request, method: str, kind: str, model: str) -> Row:
    """The part of KEY that all rows of a method and kind share."""
    own = method != TRUTH
    return {
        "seed": request.seed,
        "method": method,
        "settings": settings_of(method, kind) if own else {},
        "code": _code(method) if own else "",
        "truths": request.truths,
        "steps": STEPS,
        "model": model,
    }


def _code(method: str) -> str:
    """What else a method's numbers follow from: its own file, or the table that it chooses by."""
    if method in BY_TABLE:
        return hashlib.sha256((EMBEDDED_FOLDER / "editing.json").read_bytes()).hexdigest()[:16]
    return method_named(method).code


def keys(request: Request, model: str) -> list[Row]:
    """The keys of all rows that a request asks for, in the order in which they are computed.

    A batch of rounds after the other, in it a kind after the other, all methods on the same cases: a worker
    inverts them once. A method with a stride runs on some of the cases.
    """
    found = []
    batch = ROUNDS * len(KINDS)
    for start in range(0, request.cases, batch):
        for k, kind in enumerate(KINDS):
            cases = range(start + k, min(start + batch, request.cases), len(KINDS))
            for method in (TRUTH, *request.methods):
                stride = 1 if method == TRUTH else method_named(method).stride
                shared = about(request, method, kind, model)
                found += [shared | {"case": i, "kind": kind} for i in cases if i % stride == 0]
    return found


def jobs_of(missing: Sequence[Row], pictures: Path, deadline: float = math.inf) -> list[Job]:
    """Keys of one batch of rounds that differ in their case only, as one job each, in their order."""
    grouped: dict[str, list[Row]] = {}
    for key in missing:
        shared = {name: value for name, value in key.items() if name != "case"}
        batch = key["case"] // (ROUNDS * len(KINDS))
        grouped.setdefault(json.dumps([batch, shared], sort_keys=True), []).append(key)
    return [
        Job(
            rows[0]["method"],
            rows[0]["kind"],
            tuple(row["case"] for row in rows),
            {name: rows[0][name] for name in KEY if name != "case"},
            pictures,
            deadline,
        )
        for rows in grouped.values()
    ]


def run(request: Request, log: Log, out: Path, workers: int = 1, minutes: float = math.inf) -> list[Row]:
    """Compute what a request lacks in the log, for so many minutes, and give all rows of it that there are.

    Jobs that are under way at the end of the time are finished; nothing new is begun.
    """
    pictures = picture_folder(out, request.seed)
    pictures.mkdir(parents=True, exist_ok=True)
    wanted = keys(request, model_fingerprint(styledit.load()))
    there = {_key(row) for row in log.of(wanted)}
    missing = [key for key in wanted if _key(key) not in there]
    jobs = jobs_of(missing, pictures, time.time() + 60 * minutes)
    with (
        closing(in_processes(measure, jobs, workers)) as parts,
        tqdm(total=sum(job.seconds for job in jobs), smoothing=0, bar_format=BAR) as bar,
    ):
        for job, rows in parts:
            if rows:
                log.add(rows)
                bar.set_postfix_str(f"{job.method}, {job.kind}")
                bar.update(job.seconds)
    return log.of(wanted)


# --- one job ----------------------------------------------------------------------------------------


def measure(job: Job) -> tuple[Job, list[Row]]:
    """The rows of a job; none after its deadline."""
    if time.time() > job.deadline:
        return job, []
    rows = _truth_rows(job) if job.method == TRUTH else _method_rows(job)
    shared = job.about | {"kind": job.kind}
    return job, [shared | {name: _finite(value) for name, value in row.items()} for row in rows]


def _method_rows(job: Job) -> list[Row]:
    bench = this_bench()
    settings = dict(job.about["settings"])
    cases = [_case(job.about["seed"], i) for i in job.cases]
    inversions = [_inverted(job.about["seed"], i) for i in job.cases]
    method = method_named(job.method)
    with counted(bench.pipe.unet) as fit:
        fitted = method.fit(bench.pipe, inversions, settings.get("guidance"))
    shared = {"evaluations": fit.evaluations / len(cases), "fit_seconds": fit.seconds / len(cases)}
    rows = []
    for i, case, its in zip(job.cases, cases, fitted, strict=True):
        with counted(bench.pipe.unet) as edit:
            picture = edited(its, case, settings)
        if i < SHOWN:
            picture.save(picture_file(job.pictures, job.method, i))
        answers = _answers(job.about["seed"], i, job.about["truths"])
        cost = {"edit_evaluations": edit.evaluations, "edit_seconds": edit.seconds}
        row = {"case": i, **bench.row(picture, case), "nearest_psnr": nearest(picture, answers)}
        rows.append(row | shared | cost)
    return rows


def _truth_rows(job: Job) -> list[Row]:
    """What the judge says of the true answer, and how near other true answers are to one another."""
    rows = []
    for i in job.cases:
        case = _case(job.about["seed"], i)
        answers = _answers(job.about["seed"], i, job.about["truths"])
        rows.append(
            {
                "case": i,
                "success": this_bench().success(case.truth, case),
                "answers": len(answers),
                "between": between(answers),
                "between_nearest": between_nearest(answers),
            }
        )
    return rows


def _finite(value: Any) -> Any:
    """None in the place of a number that is none or infinite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def picture_folder(out: Path, seed: int) -> Path:
    """Where the pictures of a seed's first cases lie."""
    return out / "drawn" / str(seed)


def picture_file(folder: Path, method: str, case: int) -> Path:
    """Where a method's picture of a case lies."""
    return folder / f"{case:02d} {re.sub(r'[^A-Za-z0-9+.-]+', '_', method)}.png"


@lru_cache(maxsize=2 * ROUNDS)
def _case(seed: int, i: int):
    return drawn_case(*drawn_edits(i + 1, seed)[i])


@lru_cache(maxsize=2 * ROUNDS)
def _answers(seed: int, i: int, number: int) -> list[Image.Image]:
    return true_answers(*drawn_edits(i + 1, seed)[i], number)


@lru_cache(maxsize=2 * ROUNDS)
def _inverted(seed: int, i: int) -> styledit.Inversion:
    (inversion,) = this_bench().invert([_case(seed, i)])
    return inversion

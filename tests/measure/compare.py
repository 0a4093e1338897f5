"""Compare the editing methods on the 60 held-out cases, whose true edited pictures are known (`make benchmark`).

    python data/recipe/benchmark.py            the table, to out/benchmark.csv and out/benchmark.png; exit 1 where the bar is missed
    python data/recipe/benchmark.py --tune     choose each method's settings on scenes of the training artists

A method has one group of settings for all cases of an edit kind (benchmark_settings.json), chosen on other scenes. What
a method fits, it fits at the guidance of the edit.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import styledit
from recipe.folders import DATA
from recipe.make_data import edit_cases
from recipe.samples import NO_COLOUR
from recipe.world import TRAIN_ARTISTS, render
from styledit import baselines
from styledit.perception.judge import Judge, load_judge
from styledit.metrics import METRICS, Networks, edit_metrics, load_networks
from styledit.perception.loading import EMBEDDED_FOLDER

FOLDER = DATA / "benchmark"
SETTINGS = Path(__file__).with_name("settings.json")
STEPS = 15  # T
OURS, PAPER = "styledit", "StyleDiffusion, paper preset"
KINDS = ("object", "colour", "place", "style", "added word")
METHODS = ("DDIM + P2P", "null-text", "negative-prompt", "direct inversion", "SDEdit", PAPER, OURS)
PAPER_EVERY = 5  # the published fit costs ten times ours: it runs on every fifth case
TIE = {"truth_psnr": lambda cases: 0.1, "happened": lambda cases: 101 / cases}  # dB; one case more or less, in per cent
HAPPENED = "edit happened [%, higher]"


@dataclass(frozen=True)
class Case:
    """One edit with its true answer; `changed`: the factors that the edit changes, as the judge should name them."""

    kind: str
    source: Image.Image
    truth: Image.Image
    source_prompt: str
    target_prompt: str
    mask: np.ndarray | None  # True where the edit is; None for the whole picture
    changed: dict[str, str]
    object: str  # the source's, for the local blend
    target_object: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", nargs="*", metavar="METHOD", help="choose settings, for these methods or for all")
    parser.add_argument("--workers", type=int, default=2, help="processes, each with one thread")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    if options.tune is not None:
        tune(options.tune or [method for method in METHODS if method != PAPER], options.workers)
    else:
        report(options.workers, options.out)


# --- cases ---------------------------------------------------------------------------------------------------


def held_out_cases() -> list[Case]:
    """The 60 cases of data/benchmark."""

    def picture(name: str) -> Image.Image:
        return Image.open(FOLDER / name).convert("RGB")

    def mask(name: str) -> np.ndarray:
        return np.asarray(Image.open(FOLDER / name).convert("L")) > 127

    cases = []
    for line in (FOLDER / "metadata.jsonl").read_text(encoding="utf-8").splitlines():
        r = json.loads(line)
        cases.append(
            Case(
                r["kind"], picture(r["file_name"]), picture(r["truth"]), r["source_prompt"], r["target_prompt"],
                _edited_region(r["kind"], mask(r["mask"]), mask(r["target_mask"])), _changed(r["source"], r["target"]),
                r["source"]["object"], r["target"]["object"],
            )
        )  # fmt: skip
    return cases


def training_cases(per_kind: int, seed: int) -> list[Case]:
    """Cases from the training artists' drawings, none of which is in the 60."""
    cases = []
    for kind, source, target in edit_cases(TRAIN_ARTISTS, per_kind, seed):
        (before, mask), (after, target_mask) = render(source), render(target)
        cases.append(
            Case(
                kind, Image.fromarray(before), Image.fromarray(after), source.caption, target.caption,
                _edited_region(kind, mask, target_mask), _changed(vars(source), vars(target)), source.object, target.object,
            )
        )  # fmt: skip
    return cases


def _edited_region(kind: str, mask: np.ndarray, target_mask: np.ndarray) -> np.ndarray | None:
    """Where an edit may change the picture: the objects, everything else, or everything."""
    return {"style": None, "place": ~mask}.get(kind, mask | target_mask)


def _changed(source: dict, target: dict) -> dict[str, str]:
    """The factors in which two scenes differ, with the judge's name of the target's."""
    named = [{f: scene[f] for f in ("object", "colour", "place", "style")} for scene in (source, target)]
    for scene in named:
        if scene["colour"] is None or scene["style"] == "sketch":
            scene["colour"] = NO_COLOUR
    return {f: value for f, value in named[1].items() if value != named[0][f] and value != NO_COLOUR}


# --- methods -------------------------------------------------------------------------------------------------


class Bench:
    """The model, the judges, and every method on a group of cases."""

    def __init__(self) -> None:
        self.pipe = styledit.load()
        self.judge: Judge = load_judge(EMBEDDED_FOLDER / "judge")
        self.networks: Networks = load_networks()

    def invert(self, cases: Iterable[Case]) -> list[styledit.Inversion]:
        return [styledit.invert(self.pipe, case.source, case.source_prompt, STEPS, progress=False) for case in cases]

    def editors(
        self, method: str, inversions: list[styledit.Inversion], guidance: float
    ) -> tuple[list[styledit.Editor], list[int]]:
        """What edits each picture by a method, after its fit at a guidance, and the evaluations of that fit."""
        n, limit = len(inversions), 2**30
        options: list[dict] = [{}] * n
        cost = [0] * n
        if method in (PAPER, OURS):
            preset = "paper" if method == PAPER else "default"
            fitted = styledit.fit_values(self.pipe, inversions, guidance, preset=preset, progress=False)
            options, cost = [{"values": values} for values in fitted], [values.evaluations for values in fitted]
        elif method == "null-text":
            nulls = baselines.fit_nulls(self.pipe, inversions, guidance, progress=False)
            options, cost = [{"nulls": fit.nulls, "guidance": fit.guidance} for fit in nulls], [fit.evaluations for fit in nulls]
        elif method == "negative-prompt":
            options = [{"nulls": inversion.c} for inversion in inversions]
        elif method == "direct inversion":
            options = [{"direct": True}] * n
        return [styledit.Editor(self.pipe, v, limit=limit, **o) for v, o in zip(inversions, options)], cost

    def edit(self, method: str, editor: styledit.Editor, case: Case, settings: dict) -> Image.Image:
        if method == "SDEdit":
            return baselines.sdedit(self.pipe, editor.inversion, case.target_prompt, progress=False, **settings).image
        settings = dict(settings)
        if settings.pop("blend", False):
            settings["blend"] = (case.object, case.target_object)
        return editor.edit(case.target_prompt, progress=False, **settings).image

    def happened(self, picture: Image.Image, case: Case) -> float:
        """100 where the judge names every changed factor as the target's, else 0."""
        pixels = torch.from_numpy(np.asarray(picture) / 255).permute(2, 0, 1)[None].float()
        (named,) = self.judge.name(pixels)
        return 100.0 * all(named[factor] == value for factor, value in case.changed.items())

    def row(self, picture: Image.Image, case: Case) -> dict[str, float]:
        """Every number of one edited picture."""
        own = {"happened": self.happened(picture, case)}
        return own | edit_metrics(case.source, picture, case.target_prompt, self.networks, case.mask, case.truth)


# --- the table -----------------------------------------------------------------------------------------------


def report(workers: int, out: Path) -> None:
    """Run all methods on all cases; write and print the table."""
    start, cases = time.time(), held_out_cases()
    out.mkdir(exist_ok=True)
    kinds = [[i for i, case in enumerate(cases) if case.kind == kind] for kind in KINDS]
    jobs = [(PAPER, [i for i in group if i % PAPER_EVERY == 0]) for group in kinds]  # the longest first
    jobs += [(method, group) for method in METHODS if method != PAPER for group in kinds]
    results: list[tuple[str, int, dict[str, float], Image.Image]] = []
    for part in _run(_measure, jobs, workers):
        results += part
        print(f"{part[0][0]}: {len(part)} cases ({time.time() - start:.0f} s)", flush=True)
    rows = [{"case": i, "kind": cases[i].kind, "method": method, **row} for method, i, row, _ in results]
    columns = ["case", "kind", "method", "happened", *METRICS, "evaluations"]
    with (out / "benchmark.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda r: (METHODS.index(r["method"]), r["case"])))
    _gallery(cases, {(method, i): picture for method, i, _, picture in results}, out / "benchmark.png")
    missed = _print_table(rows)
    print(f"Table: {out / 'benchmark.csv'}; pictures: {out / 'benchmark.png'} ({time.time() - start:.0f} s)")
    if missed:
        sys.exit(f"Missed: {'; '.join(missed)}.")


def _measure(job: tuple[str, list[int]]) -> list[tuple[str, int, dict[str, float], Image.Image]]:
    """A method on some cases of one kind."""
    method, indices = job
    bench, everything = _bench(), held_out_cases()
    cases = [everything[i] for i in indices]
    settings = json.loads(SETTINGS.read_text(encoding="utf-8"))[method][cases[0].kind]
    editors, cost = bench.editors(method, bench.invert(cases), settings["guidance"])
    results = []
    for i, case, editor, evaluations in zip(indices, cases, editors, cost):
        picture = bench.edit(method, editor, case, settings)
        results.append((method, i, bench.row(picture, case) | {"evaluations": evaluations}, picture))
    return results


def _print_table(rows: list[dict]) -> list[str]:
    """Means by method; what our default misses."""
    header = {"happened": HAPPENED} | {name: metric.header for name, metric in METRICS.items()} | {"evaluations": "evaluations of the fit"}
    for name, title in header.items():
        print(f"{name:>24}: {title}")
    print(f"{'method':30} {'cases':>5} " + " ".join(f"{name[:18]:>18}" for name in header))
    for method in METHODS:
        mine = [row for row in rows if row["method"] == method]
        means = [np.mean([row[name] for row in mine if name in row]) for name in header]
        print(f"{method:30} {len(mine):5d} " + " ".join(f"{mean:18.4g}" for mean in means))
    few = {row["case"] for row in rows if row["method"] == PAPER}
    print(f"on the {len(few)} cases of the {PAPER} (its settings are those of {OURS}): " + ", ".join(
        f"{method} {_mean(rows, method, 'truth_psnr', few):.1f} dB {_mean(rows, method, 'happened', few):.0f} %" for method in METHODS
    ))
    for kind in dict.fromkeys(row["kind"] for row in rows):
        print(f"-- {kind}: " + ", ".join(
            f"{method} {_mean(rows, method, 'truth_psnr', kind=kind):.1f} dB {_mean(rows, method, 'happened', kind=kind):.0f} %" for method in METHODS
        ))
    missed = []
    for name, tie in TIE.items():
        for method in METHODS:
            on = {row["case"] for row in rows if row["method"] == method}
            ours, theirs = _mean(rows, OURS, name, on), _mean(rows, method, name, on)
            if ours < theirs - tie(len(on)):
                missed.append(f"{name}: {OURS} {ours:.2f}, {method} {theirs:.2f} on {len(on)} cases")
    return missed


def _mean(rows: list[dict], method: str, name: str, on: set[int] | None = None, kind: str | None = None) -> float:
    chosen = [r for r in rows if r["method"] == method and (on is None or r["case"] in on) and kind in (None, r["kind"])]
    return float(np.mean([r[name] for r in chosen]))


def _gallery(cases: list[Case], pictures: dict[tuple[str, int], Image.Image], file: Path) -> None:
    """Two cases of each kind: source, truth, and every method's picture."""
    shown, per_kind = [], len(cases) // 5
    for k in range(5):
        shown += [i for i in range(k * per_kind, (k + 1) * per_kind) if i % PAPER_EVERY == 0][:2]
    grid = {}
    for i in shown:
        grid[f"{cases[i].kind}, case {i}"] = cases[i].source
        grid[f"truth {i}: " + cases[i].target_prompt[:26]] = cases[i].truth
        grid |= {f"{method} {i}": pictures[method, i] for method in METHODS}
    styledit.show_images(grid, columns=2 + len(METHODS), size=1.6).savefig(file, dpi=80)


# --- settings ------------------------------------------------------------------------------------------------

PER_KIND, SEED = 10, 77
TAUS = ((0.2, 0.1, 0.0), (0.2, 0.2, 0.0), (0.4, 0.2, 0.2), (0.4, 0.6, 0.0), (0.4, 0.8, 0.4), (0.8, 0.4, 0.4), (0.8, 0.8, 0.8))
SEARCHED = {  # what to try of each setting, one after the other, the others staying as they are; the first is where it starts
    "taus": [dict(zip(("tau_c", "tau_s", "tau_u"), taus)) for taus in TAUS],
    "guidance": [{"guidance": w} for w in (3.0, 2.0, 5.0)],
    "tau_v": [{"tau_v": tau} for tau in (0.0, 0.5, 1.0)],
    "blend": [{"blend": False}, {"blend": True, "blend_threshold": 0.5}, {"blend": True, "blend_threshold": 0.7}],
}
SEARCHED_SDEDIT = {
    "strength": [{"strength": strength} for strength in (0.5, 0.3, 0.7, 0.9)],
    "guidance": [{"guidance": w} for w in (3.0, 2.0, 5.0)],
}


def tune(methods: list[str], workers: int) -> None:
    """For each method and kind the settings of the best mean score; updates settings.json."""
    # ours has the most to search and goes first
    jobs = [(method, kind) for method in sorted(methods, key=lambda method: method != OURS) for kind in KINDS]
    settings = json.loads(SETTINGS.read_text(encoding="utf-8")) if SETTINGS.exists() else {}
    for method, kind, best, line in _run(_best, jobs, workers):
        settings.setdefault(method, {})[kind] = best
        print(f"{method}, {kind}: {best} ({line})", flush=True)
        settings[PAPER] = settings.get(OURS, {})  # it, too, reads value inputs; its fit costs too much for a search of its own
        ordered = {m: {k: settings[m][k] for k in KINDS if k in settings[m]} for m in METHODS if m in settings}
        SETTINGS.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def _best(job: tuple[str, str]) -> tuple[str, str, dict, str]:
    """A method's best settings for a kind: each setting in its turn, then the first one again.

    The score is the mean PSNR to the truth in dB plus 10 times the fraction of edits that happened.
    """
    method, kind = job
    bench = _bench()
    cases = [case for case in training_cases(PER_KIND, SEED) if case.kind == kind]
    inversions = bench.invert(cases)
    searched = SEARCHED_SDEDIT if method == "SDEdit" else _searched(method, kind)
    editors: dict[float, list[styledit.Editor]] = {}
    known: dict[tuple, tuple[float, str]] = {}

    def score(settings: dict) -> tuple[float, str]:
        key = tuple(sorted(settings.items()))
        if key not in known:
            if settings["guidance"] not in editors:
                editors[settings["guidance"]], _ = bench.editors(method, inversions, settings["guidance"])
            pictures = [bench.edit(method, editor, case, settings) for editor, case in zip(editors[settings["guidance"]], cases)]
            psnr = float(np.mean([styledit.psnr(case.truth, picture) for case, picture in zip(cases, pictures)]))
            happened = float(np.mean([bench.happened(picture, case) for case, picture in zip(cases, pictures)]))
            known[key] = psnr + happened / 10, f"{psnr:.1f} dB, {happened:.0f} %"
        return known[key]

    best = {name: value for choices in searched.values() for name, value in choices[0].items()}
    for choices in (*searched.values(), next(iter(searched.values()))):
        best = max(({**best, **choice} for choice in choices), key=lambda settings: score(settings)[0])
    return method, kind, best, score(best)[1]


def _searched(method: str, kind: str) -> dict[str, list[dict]]:
    """What to try of a method that edits with Prompt-to-Prompt's switches."""
    searched = dict(SEARCHED)
    if method != OURS:  # without value inputs tau_v changes nothing
        del searched["tau_v"]
    if kind not in ("object", "colour", "added word"):  # the others change more than an object
        del searched["blend"]
    return searched


# --- processes -----------------------------------------------------------------------------------------------

_loaded: list[Bench] = []


def _bench() -> Bench:
    """This process's model, loaded once."""
    if not _loaded:
        _loaded.append(Bench())
    return _loaded[0]


def _run(function, jobs: list, workers: int):
    """The results of the jobs as they come, from processes of their own with one thread each."""
    with get_context("spawn").Pool(workers, torch.set_num_threads, (1,)) as pool:
        yield from pool.imap_unordered(function, jobs)


if __name__ == "__main__":
    main()

"""Choose each method's settings for each kind of edit, on scenes of the training artists."""

from __future__ import annotations

import json

import numpy as np
from tqdm import tqdm

import styledit
from measure.bench import edited, in_processes, this_bench
from measure.cases import KINDS, training_cases
from measure.methods import BY_KIND, METHODS, OURS, PAPER, SETTINGS, Prepared, method_named

PER_KIND = 10
SEED = 77
TAUS = (  # tau_c, tau_s, tau_u
    (0.2, 0.1, 0.0),
    (0.2, 0.2, 0.0),
    (0.4, 0.2, 0.2),
    (0.4, 0.6, 0.0),
    (0.4, 0.8, 0.4),
    (0.8, 0.4, 0.4),
    (0.8, 0.8, 0.8),
)
GUIDANCES = [{"guidance": w} for w in (3.0, 2.0, 5.0)]
# What to try of each setting in its turn, the others staying as they are; the first is where it starts.
SEARCHED = {
    "taus": [dict(zip(("tau_c", "tau_s", "tau_u"), taus, strict=True)) for taus in TAUS],
    "guidance": GUIDANCES,
    "tau_v": [{"tau_v": tau} for tau in (0.0, 0.5, 1.0)],
    "blend": [
        {"blend": False},
        {"blend": True, "blend_threshold": 0.5},
        {"blend": True, "blend_threshold": 0.7},
    ],
}
SEARCHED_SDEDIT = {
    "strength": [{"strength": strength} for strength in (0.5, 0.3, 0.7, 0.9)],
    "guidance": GUIDANCES,
}
TUNED = tuple(method for method in METHODS if method not in (PAPER, OURS))


def tune(methods: list[str], workers: int) -> None:
    """For each method and kind the settings of the best mean score; updates settings.json after each."""
    # ours has the most to search and goes first
    jobs = [
        (method, kind) for method in sorted(methods, key=lambda method: method != BY_KIND) for kind in KINDS
    ]
    settings = json.loads(SETTINGS.read_text(encoding="utf-8")) if SETTINGS.exists() else {}
    for method, kind, best, line in tqdm(in_processes(_best, jobs, workers), total=len(jobs), smoothing=0):
        settings.setdefault(method, {})[kind] = best
        tqdm.write(f"{method}, {kind}: {best} ({line})")
        # The paper's preset reads value inputs too; its fit costs too much for a search of its own.
        settings[PAPER] = settings.get(BY_KIND, {})
        SETTINGS.write_text(json.dumps(_ordered(settings), indent=1) + "\n", encoding="utf-8")


def _ordered(settings: dict) -> dict:
    """The compared methods and the kinds in their order, then own methods as they are."""
    ordered = {m: {k: settings[m][k] for k in KINDS if k in settings[m]} for m in METHODS if m in settings}
    return ordered | {m: of for m, of in settings.items() if m not in METHODS}


def _best(job: tuple[str, str]) -> tuple[str, str, dict, str]:
    """A method's best settings for a kind: each setting in its turn, then the first one again."""
    method, kind = job
    searched = _searched(method, kind)
    trial = _Trial(method, kind)
    best = {name: value for choices in searched.values() for name, value in choices[0].items()}
    for choices in (*searched.values(), next(iter(searched.values()))):
        best = max(({**best, **choice} for choice in choices), key=lambda settings: trial.score(settings)[0])
    return method, kind, best, trial.score(best)[1]


def _searched(method: str, kind: str) -> dict[str, list[dict]]:
    """What to try of a method."""
    if method == "SDEdit":
        return SEARCHED_SDEDIT
    searched = dict(SEARCHED)
    if method != BY_KIND:  # without value inputs tau_v changes nothing
        del searched["tau_v"]
    if kind in ("place", "style"):  # they change more than an object
        del searched["blend"]
    return searched


class _Trial:
    """A method on the training cases of a kind; what was tried is remembered."""

    def __init__(self, method: str, kind: str) -> None:
        self.method = method_named(method)
        self.bench = this_bench()
        self.cases = [case for case in training_cases(PER_KIND, SEED) if case.kind == kind]
        self.inversions = self.bench.invert(self.cases)
        self.prepared: dict[float, list[Prepared]] = {}
        self.known: dict[tuple, tuple[float, str]] = {}

    def score(self, settings: dict) -> tuple[float, str]:
        """Mean PSNR to the truth in dB plus 10 times the fraction of edits that happened; both as a line."""
        key = tuple(sorted(settings.items()))
        if key not in self.known:
            self.known[key] = self._measure(settings)
        return self.known[key]

    def _measure(self, settings: dict) -> tuple[float, str]:
        guidance = settings["guidance"]
        if guidance not in self.prepared:
            self.prepared[guidance] = self.method.prepare(self.bench.pipe, self.inversions, guidance)
        psnr = []
        happened = []
        for case, prepared in zip(self.cases, self.prepared[guidance], strict=True):
            picture = edited(prepared, case, settings)
            psnr.append(styledit.psnr(case.truth, picture))
            happened.append(self.bench.happened(picture, case))
        mean = float(np.mean(psnr))
        share = float(np.mean(happened))
        return mean + share / 10, f"{mean:.1f} dB, {share:.0f} %"

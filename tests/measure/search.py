"""Choose settings by trying them on scenes of the training artists: those of each method and kind of edit."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from PIL import Image
from tqdm import tqdm

import styledit
from measure.bench import edited, in_processes, this_bench
from measure.cases import KINDS, Case, training_cases
from measure.methods import BY_KIND, BY_TABLE, METHODS, PAPER, SETTINGS, FittedMethod, method_named

PER_KIND = 10
SEED = 77
LEAD = 2.0  # dB of the score by which half of the cases may mislead
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


def _following(**own: list) -> dict[str, list[dict]]:
    """What to try of a method whose target follows its source: settings of its own, before the blend."""
    choices = {name: [{name: value} for value in values] for name, values in own.items()}
    return {"taus": SEARCHED["taus"], "guidance": GUIDANCES, **choices, "blend": SEARCHED["blend"]}


SOURCE_GUIDANCES = [1.0, 2.0, 0.0]
SKIPS = [0.2, 0.0, 0.36]
# The same of methods that have settings of their own.
SEARCHED_OF = {
    "MasaCtrl": {
        "start": [{"start": start} for start in (0.08, 0.0, 0.2, 0.4)],
        "first_layer": [{"first_layer": layer} for layer in (0.625, 0.4, 0.8)],
        "guidance": GUIDANCES,
        "blend": SEARCHED["blend"],
    },
    "Plug-and-Play": {
        "tau_f": [{"tau_f": tau} for tau in (0.8, 0.2, 0.5, 1.0)],
        "tau_a": [{"tau_a": tau} for tau in (0.5, 0.2, 0.8)],
        "guidance": GUIDANCES,
        "blend": SEARCHED["blend"],
    },
    "proximal guidance": _following(
        quantile=[0.7, 0.5, 0.9], inversion_guidance=[0.1, 0.0, 1.0], follow=[False, True]
    ),
    "h-Edit-D": _following(reference_guidance=[2.0, 1.0, 3.0], implicit=[True, False]),
    "h-Edit-R": _following(reference_guidance=[2.0, 1.0, 3.0], implicit=[True, False]),
    "edit-friendly": _following(source_guidance=SOURCE_GUIDANCES, skip=SKIPS),
    "LEDITS++": _following(scale=[2, 1, 4], quantile=[0.7, 0.5, 0.9], skip=SKIPS),
    "FlowEdit": _following(source_guidance=SOURCE_GUIDANCES, skip=SKIPS),
    "DDCM": _following(source_guidance=SOURCE_GUIDANCES, steps=[12, 15]),
    "SDEdit": {
        "strength": [{"strength": strength} for strength in (0.5, 0.3, 0.7, 0.9)],
        "guidance": GUIDANCES,
    },
}
TUNED = tuple(method for method in METHODS if method not in (PAPER, *BY_TABLE))


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
    trial = _trial(method, kind)
    best = {name: value for choices in searched.values() for name, value in choices[0].items()}
    for choices in (*searched.values(), next(iter(searched.values()))):
        best = best_of(trial, [{**best, **choice} for choice in choices])
    return method, kind, best, trial.line(best)


def _searched(method: str, kind: str) -> dict[str, list[dict]]:
    """What to try of a method."""
    searched = dict(SEARCHED_OF.get(method, SEARCHED))
    if method != BY_KIND:  # without value inputs tau_v changes nothing
        searched.pop("tau_v", None)
    if kind in ("place", "style"):  # they change more than an object
        searched.pop("blend", None)
    return searched


def _trial(method: str, kind: str) -> Trial:
    """A method on the training cases of a kind, fitted anew at each guidance."""
    bench = this_bench()
    cases = [case for case in training_cases(PER_KIND, SEED) if case.kind == kind]
    inversions = bench.invert(cases)

    @cache
    def fitted(guidance: float) -> list[FittedMethod]:
        return method_named(method).fit(bench.pipe, inversions, guidance)

    return Trial(cases, lambda i, settings: edited(fitted(settings["guidance"])[i], cases[i], settings))


class Trial:
    """Settings on some cases; what was tried is remembered.

    ``picture(i, settings)`` is the edited picture of case i.
    """

    def __init__(self, cases: Sequence[Case], picture: Callable[[int, dict], Image.Image]) -> None:
        self.cases = cases
        self.picture = picture
        self.order = [*range(0, len(cases), 2), *range(1, len(cases), 2)]  # a half has some of each kind
        self.known: dict[str, list[tuple[float, float]]] = {}

    def score(self, settings: dict, share: float = 1.0) -> float:
        """Mean PSNR to ground truth in dB plus 10 times the success rate, on a share of the cases."""
        psnr, success = self._means(settings, share)
        return psnr + success / 10

    def line(self, settings: dict) -> str:
        """Both means over all cases, to be read."""
        psnr, success = self._means(settings, 1.0)
        return f"{psnr:.2f} dB, {success:.0f} %"

    def _means(self, settings: dict, share: float) -> tuple[float, float]:
        measured = self.known.setdefault(json.dumps(settings, sort_keys=True), [])
        count = round(share * len(self.cases))
        measured += [self._measure(i, settings) for i in self.order[len(measured) : count]]
        psnr, success = np.mean(measured[:count], axis=0)
        return float(psnr), float(success)

    def _measure(self, i: int, settings: dict) -> tuple[float, float]:
        picture = self.picture(i, settings)
        return styledit.psnr(self.cases[i].truth, picture), this_bench().success(picture, self.cases[i])


def best_of(trial: Trial, choices: list[dict]) -> dict:
    """The settings of the best score; those that trail by more than LEAD on half of the cases stop there."""
    early = [trial.score(settings, 0.5) for settings in choices]
    left = [c for c, score in zip(choices, early, strict=True) if score >= max(early) - LEAD]
    return max(left, key=trial.score)

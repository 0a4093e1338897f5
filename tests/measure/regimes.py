"""The model's own table of settings, `data/model/editing.json`: how the plain call chooses.

    python -m measure.regimes                with value inputs
    python -m measure.regimes --following    without, by a rule; only this part of the table is written again

On scenes of the training artists only: (1) the settings of each regime are searched one after the other,
with one fit a picture at one guidance; (2) on other scenes, what was found has to be better than what the
methods of `make compare` take for such edits; (3) a linear map learns to tell the regimes apart by where the
changed words look. At the time of an edit neither the kind nor the scene is known:
`styledit.editing.suggestion` reads alignment and maps. An edit of one thing of two is of the regime of what
it changes. Edits without value inputs follow their source by one rule, with a guidance by regime; all else is
as with value inputs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from PIL import Image
from tqdm import tqdm

import styledit
from measure.bench import in_processes, this_bench
from measure.cases import Case, training_cases
from measure.methods import BY_KIND, settings_of
from measure.search import TAUS, Trial, best_of
from styledit.editing import UpdateRule
from styledit.editing.suggestion import ADDITION, REMOVAL, TOLD_BY_WORDS, Change, features
from styledit.storage.data import EMBEDDED_FOLDER

TABLE = EMBEDDED_FOLDER / "editing.json"
HASHES = EMBEDDED_FOLDER / "hashes.json"
SEARCHED_ON = ((24, 77),)  # scenes: so many of each kind, of a seed
FINAL_ON = ((16, 901), (20, 902))
LOOKED_AT = 40  # scenes of each kind that the regimes are learned from
LOOK_SEED = 555
FOLLOWED_ON = ((16, 78),)
RATIOS = (0.5, 0.67, 0.8)  # w_hat / w; h-Edit has 0.67
SCALES = (1, 2, 4)
RIDGE = 10.0
FIT_GUIDANCE = 3.0
LIKE = {  # the kind of edit that is a regime's
    "thing": "object",
    "property": "colour",
    "surroundings": "place",
    "everything": "style",
    ADDITION: "added word",
    REMOVAL: "word removed",
}
REGIMES = tuple(LIKE)
WIDE = ("surroundings", "everything")  # they change more than what words look at: blends leave holes
SEEN = tuple(regime for regime in REGIMES if regime not in TOLD_BY_WORDS)  # the maps tell them
START = {
    "guidance": 3.0,
    "tau_v": 0.0,
    "tau_v_changed": 0.0,
    "tau_v_padding": 0.0,
    "tau_c": 0.4,
    "tau_s": 0.6,
    "tau_u": 0.0,
    "guide_from_source": False,
    "blend": None,
    "blend_threshold": 0.5,
}
VALUE_TAUS = (  # tau_v of shared words, of changed words, of padding
    (0.0, 0.0, 0.0),
    (1.0, 0.0, 0.0),
    (1.0, 0.0, 1.0),
    (0.5, 0.0, 0.5),
    (0.5, 0.0, 0.0),
    (1.0, 1.0, 1.0),
)
# What to try of each setting in its turn, the others staying as they are.
SEARCHED = {
    "taus": [dict(zip(("tau_c", "tau_s", "tau_u"), taus, strict=True)) for taus in TAUS],
    "values": [
        dict(zip(("tau_v", "tau_v_changed", "tau_v_padding"), taus, strict=True)) for taus in VALUE_TAUS
    ],
    "guidance": [
        {"guidance": w, "guide_from_source": source} for source in (False, True) for w in (2.0, 3.0, 5.0)
    ],
    "blend": [
        {"blend": None, "blend_threshold": 0.5},
        *({"blend": words, "blend_threshold": t} for words in ("changed", "next") for t in (0.3, 0.5, 0.7)),
    ],
}


def main() -> None:
    """Search, learn, write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2, help="processes, each with one thread")
    parser.add_argument("--following", action="store_true", help="only how edits without a fit follow")
    options = parser.parse_args()
    workers = options.workers
    if options.following:
        follow(workers)
        return
    chosen = {}
    searched = in_processes(_best, list(REGIMES), workers)
    for name, best, line in tqdm(searched, total=len(REGIMES), smoothing=0):
        chosen[name] = best
        tqdm.write(f"{name}: {best} ({line})")
    write_table(chosen)


def write_table(chosen: dict[str, dict]) -> None:
    """The table from each regime's settings, with what tells the regimes apart."""
    mean, spread, weights, biases, right = learn_regimes()
    print(f"regimes told apart: {right:.0%} of scenes that were left out one at a time")
    regimes = {}
    for name in REGIMES:
        settings = dict(chosen[name])
        k = SEEN.index(name) if name in SEEN else None
        regimes[name] = {
            "blend": settings.pop("blend"),
            "settings": settings,
            "weights": [] if k is None else weights[:, k].round(5).tolist(),
            "bias": 0.0 if k is None else round(float(biases[k]), 5),
        }
    earlier = json.loads(TABLE.read_text(encoding="utf-8"))
    hashes = json.loads(HASHES.read_text(encoding="utf-8"))
    table = {
        "unet": hashes["unet/diffusion_pytorch_model.safetensors"],
        "fit_guidance": FIT_GUIDANCE,
        "scales": list(SCALES),
        "mean": mean.round(6).tolist(),
        "spread": spread.round(6).tolist(),
        "regimes": regimes,
        **({"following": earlier["following"]} if "following" in earlier else {}),
    }
    _write(table)


def _write(table: dict) -> None:
    """The table, and its hash beside those of the weights."""
    hashes = json.loads(HASHES.read_text(encoding="utf-8"))
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    hashes[TABLE.name] = sha256(TABLE.read_bytes()).hexdigest()
    HASHES.write_text(json.dumps(dict(sorted(hashes.items())), indent=1) + "\n", encoding="utf-8")
    print(f"{TABLE} is written.")


def follow(workers: int) -> None:
    """Write how edits without value inputs follow: the ratio of the best mean over the regimes."""
    found: dict[float, dict[str, tuple[float, dict]]] = {}
    jobs = [(regime, ratio) for regime in REGIMES for ratio in RATIOS]
    for (regime, ratio), score, settings, line in tqdm(
        in_processes(_follow, jobs, workers), total=len(jobs), smoothing=0
    ):
        found.setdefault(ratio, {})[regime] = (score, settings)
        tqdm.write(f"w_hat = {ratio} w, {regime}: {settings} ({line})")
    means = {ratio: np.mean([score for score, _ in of.values()]) for ratio, of in found.items()}
    best = max(means, key=means.__getitem__)
    print("mean score by ratio: " + ", ".join(f"{ratio}: {means[ratio]:.2f}" for ratio in sorted(means)))
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    table["following"] = {
        "rule": {"reference_guidance": None, "reference_ratio": best},
        "settings": {regime: found[best][regime][1] for regime in REGIMES},
    }
    _write(table)


def _follow(job: tuple[str, float]) -> tuple[tuple[str, float], float, dict, str]:
    """A regime's best guidance under a rule."""
    regime, ratio = job
    bench, rule = this_bench(), UpdateRule(reference_guidance=None, reference_ratio=ratio)
    drawn = [case for per_kind, seed in FOLLOWED_ON for case in training_cases(per_kind, seed)]
    cases = [case for case in drawn if regime_of(case) == regime]
    editors = [styledit.Editor(bench.pipe, v, rule=rule, history=0) for v in bench.invert(cases)]

    def picture(i: int, settings: dict) -> Image.Image:
        return editors[i].edit(cases[i].target_prompt, progress=False, **settings).image

    trial = Trial(cases, picture)
    best = best_of(trial, [{"guidance": w, "keep_details": True} for w in (3.0, 2.0, 4.0)])
    return job, trial.score(best), best, trial.line(best)


def regime_of(case: Case) -> str:
    """The regime that a case is of."""
    if case.kind == "one of two":
        return "thing" if "object" in case.changed else "property"
    return next(regime for regime, kind in LIKE.items() if kind == case.kind)


# --- settings ---------------------------------------------------------------------------------------


def trial_of(regime: str, scenes: Sequence[tuple[int, int]]) -> Trial:
    """The training cases of a regime, each picture fitted once."""
    bench = this_bench()
    drawn = [case for per_kind, seed in scenes for case in training_cases(per_kind, seed)]
    cases = [case for case in drawn if regime_of(case) == regime]
    inversions = bench.invert(cases)
    fits = styledit.fit_values(bench.pipe, inversions, guidance=FIT_GUIDANCE, progress=False)
    pairs = zip(inversions, fits, strict=True)
    editors = [styledit.Editor(bench.pipe, v, values=fit, automatic=False) for v, fit in pairs]

    def picture(i: int, settings: dict) -> Image.Image:
        keywords = _keywords(settings, cases[i])
        return editors[i].edit(cases[i].target_prompt, progress=False, **keywords).image

    return Trial(cases, picture)


def _keywords(settings: dict, case: Case) -> dict:
    """Settings with the blend words of a case."""
    keywords = dict(settings)
    blend = keywords.pop("blend")
    if blend is not None:
        change = Change.between(this_bench().pipe, case.source_prompt, case.target_prompt)
        keywords["blend"] = change.words(with_next=blend == "next")
    return keywords


def _best(regime: str) -> tuple[str, dict, str]:
    """A regime's best settings: the better, on other scenes, of what is found and what others found."""
    trial = trial_of(regime, FINAL_ON)
    best = max((found(regime), *by_others(regime)), key=trial.score)
    return regime, best, trial.line(best)


def found(regime: str) -> dict:
    """What the search finds: maps and blend together, then each in its turn, maps and blend once more."""
    trial = trial_of(regime, SEARCHED_ON)
    searched = dict(SEARCHED)
    if regime in WIDE:
        searched["blend"] = searched["blend"][:1]
    best = together(trial, START, searched)
    for choices in (*searched.values(), searched["taus"], searched["blend"]):
        best = better(trial, best, choices)
    return best


def by_others(regime: str) -> list[dict]:
    """What methods of `make compare` take for edits of a regime, with the guidance of the fit."""
    blend = "next" if regime in ("property", ADDITION) else "changed"
    taken = []
    for method in ("direct inversion", BY_KIND):
        theirs = settings_of(method, LIKE[regime])
        tau_v = theirs.pop("tau_v", 0.0)
        # new words read none: value inputs were learned for the old ones
        values = {"tau_v": tau_v, "tau_v_changed": 0.0, "tau_v_padding": tau_v}
        named = {"blend": blend if theirs.pop("blend", False) else None}
        taken.append({**START, **theirs, **values, **named, "guidance": FIT_GUIDANCE})
    return taken


def better(trial: Trial, best: dict, choices: list[dict]) -> dict:
    """The best of some settings and what they change with each choice."""
    return best_of(trial, [best, *({**best, **choice} for choice in choices)])


def together(trial: Trial, best: dict, searched: dict[str, list[dict]]) -> dict:
    """The best of some settings with every pair of taus and blend."""
    return better(
        trial, best, [{**taus, **blend} for taus in searched["taus"] for blend in searched["blend"]]
    )


# --- regimes ----------------------------------------------------------------------------------------


def learn_regimes() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Mean and spread of the features, weights (features, regimes), biases (regimes,), how often right.

    Ridge regression on +1 for the own kind, -1 for the others; the last over scenes left out one at a time.
    """
    bench = this_bench()
    seen = []
    labels = []
    for case in training_cases(LOOKED_AT, LOOK_SEED):
        if regime_of(case) not in SEEN:
            continue
        (inversion,) = bench.invert([case])
        change = Change.between(bench.pipe, case.source_prompt, case.target_prompt)
        seen.append(features(inversion.maps, change, SCALES))
        labels.append(SEEN.index(regime_of(case)))
    x = np.array(seen)
    y = np.array(labels)
    mean = x.mean(0)
    spread = x.std(0).clip(1e-6)
    standard = (x - mean) / spread
    right = [
        (_scores(_ridge(np.delete(standard, i, 0), np.delete(y, i)), standard[i])).argmax() == y[i]
        for i in range(len(y))
    ]
    weights = _ridge(standard, y)
    return mean, spread, weights[:-1], weights[-1], float(np.mean(right))


def _ridge(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights (features + 1, regimes), the bias last and not shrunk."""
    a = np.c_[x, np.ones(len(x))]
    target = np.where(y[:, None] == np.arange(len(SEEN)), 1.0, -1.0)
    shrink = RIDGE * np.eye(a.shape[1])
    shrink[-1, -1] = 0.0
    return np.linalg.solve(a.T @ a + shrink, a.T @ target)


def _scores(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Each regime's score for one scene's features, (regimes,)."""
    return x @ weights[:-1] + weights[-1]


if __name__ == "__main__":
    main()

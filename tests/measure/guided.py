"""Guided edits on pictures whose true answer is known: an ablation, style references, cost (`make guided`).

    python -m measure.guided            the table; out/guided.json and out/guided.png
    python -m measure.guided --tune     candidates for the weights, on scenes of the training artists

The cases are the 12 style and 12 colour edits of data/benchmark. The judge scores;
the perceptual encoder and CLIP guide.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

import styledit
from measure.bench import in_processes, this_bench
from measure.cases import FOLDER, Case, held_out_cases, training_cases
from measure.segmenter import Segmenter, iou
from styledit.guiding import GUIDES, Weights
from styledit.guiding.terms import guiding_network
from styledit.inversion import Inversion
from styledit.objectives import gram_style
from styledit.objectives.pixels import FeatureNetwork
from styledit.pictures import as_pixels
from styledit.pipeline import model_fingerprint

KINDS = ("style", "colour")
PLAIN = "plain call"
REFERENCE = "style reference"
# A style picture with an unchanged prompt: options of `guide`; None says its look and guides nothing.
REFERENCES: dict[str, dict | None] = {
    REFERENCE: {},
    f"{REFERENCE}, not guided": None,
    f"{REFERENCE}, prompt kept": {"style_phrases": ()},
}
PAIRS = 15
MAPS = styledit.Layers(scales=2)
TUNED_ON = 4  # training scenes of each kind
TUNE_SEED = 123
COLUMNS = ("success", "truth_psnr", "structure_distance", "object_iou", "map_iou", "evaluations", "seconds")
Job = tuple[tuple[str, ...], int]  # variants and a case, or a pair


def variants() -> dict[str, Weights | None]:
    """What is compared: the plain call, both presets, and each without one of its terms."""
    found: dict[str, Weights | None] = {PLAIN: None}
    for name in ("default", "brief"):
        full = GUIDES[name]
        found[name] = full
        terms = [f.name for f in fields(full) if f.name != "attention" and getattr(full, f.name)]
        if len(terms) > 1:
            found |= {f"{name} without {term}": replace(full, **{term: 0.0}) for term in terms}
    return found


# What was tried: weights and options of `styledit.guide`.
CANDIDATES: dict[str, dict] = {
    "brief": {"weights": GUIDES["brief"]},
    "default": {"weights": GUIDES["default"]},
}


@dataclass(frozen=True)
class Prepared:
    """A case, inverted and fitted, and its object's mask (H, W)."""

    case: Case
    inversion: Inversion
    values: styledit.ValueInputs


@cache
def prepared(index: int) -> Prepared:
    """A held-out case, made ready once a process."""
    return prepare(held_out_cases()[index])


def prepare(case: Case) -> Prepared:
    """Invert and fit."""
    (inversion,) = this_bench().invert([case])
    return Prepared(case, inversion, styledit.fit_values(this_bench().pipe, inversion, progress=False))


@cache
def segmenter() -> Segmenter:
    """This process's segmenter."""
    return Segmenter(this_bench().judge)


@cache
def records() -> list[dict]:
    """What data/benchmark says of each case."""
    return [json.loads(line) for line in (FOLDER / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]


def object_mask(index: int) -> np.ndarray:
    """Where the source's object is, (H, W)."""
    return np.asarray(Image.open(FOLDER / records()[index]["mask"]).convert("L")) > 127


def pairs() -> list[tuple[int, int]]:
    """Cases with one thing, and others whose source has another style: what is to get whose look."""
    styles = {k: r["source"]["style"] for k, r in enumerate(records()) if "other" not in r["source"]}
    rng = np.random.default_rng(15)
    chosen = rng.permutation(list(styles))[:PAIRS]
    return [(int(i), int(rng.choice([j for j, s in styles.items() if s != styles[i]]))) for i in chosen]


# --- one picture ------------------------------------------------------------------------------------


def measure(job: Job) -> list[dict]:
    """Rows: some variants on a case, or a style reference."""
    names, index = job
    return [reference_row(name, index) if name in REFERENCES else case_row(name, index) for name in names]


def case_row(variant: str, index: int) -> dict:
    """A variant on a held-out case."""
    bench = this_bench()
    ready = prepared(index)
    case = ready.case
    weights = variants()[variant]
    start = time.perf_counter()
    evaluations = 0
    if weights is None:
        edit = styledit.edit(
            bench.pipe, ready.inversion, case.target_prompt, values=ready.values, record=MAPS, progress=False
        )
    else:
        guided = styledit.guide(
            bench.pipe, ready.inversion, case.target_prompt, values=ready.values, weights=weights,
            record=MAPS, every=0, progress=False,
        )  # fmt: skip
        edit = guided.edit
        evaluations = guided.evaluations
    seconds = time.perf_counter() - start
    mask = object_mask(index)
    row = {"variant": variant, "case": index, "kind": case.kind, "evaluations": evaluations}
    return row | {
        "seconds": seconds,
        "success": bench.success(edit.image, case),
        "truth_psnr": styledit.psnr(case.truth, edit.image),
        "structure_distance": styledit.structure_distance(case.source, edit.image, bench.networks.vit),
        "object_iou": segmenter().iou(edit.image, mask),
        "truth_iou": segmenter().iou(case.truth, mask),
        "map_iou": map_iou(edit, case.target_object, mask),
        "picture": edit.image,
    }


def map_iou(edit: styledit.Edit, word: str, mask: np.ndarray) -> float:
    """Of where an object's word looks, above half of its peak, with the mask."""
    assert edit.maps is not None
    heat = edit.maps.word(word, size=mask.shape).numpy()
    return iou(heat > heat.max() / 2, mask)


def reference_row(variant: str, k: int) -> dict:
    """The k-th pair: the prompt is the source's, the look of another picture comes."""
    bench = this_bench()
    index, other = pairs()[k]
    ready = prepared(index)
    source = records()[index]["source"]
    wanted = records()[other]["source"]["style"]
    options = REFERENCES[variant]
    look = held_out_cases()[other].source
    prompt = ready.case.source_prompt
    start = time.perf_counter()
    if options is None:
        prompt = styledit.classify_style(bench.pipe, prompt, look)
        edit = styledit.edit(bench.pipe, ready.inversion, prompt, values=ready.values, progress=False)
        evaluations = 0
    else:
        guided = styledit.guide(
            bench.pipe, ready.inversion, prompt, values=ready.values, style_image=look, every=0,
            progress=False, **options,
        )  # fmt: skip
        edit, evaluations = guided.edit, guided.evaluations
    seconds = time.perf_counter() - start
    pixels = as_pixels(edit.image)
    (named,) = bench.judge.name(pixels)
    return {
        "variant": variant, "case": index, "kind": wanted, "evaluations": evaluations,
        "target_prompt": edit.target_prompt, "style_loss": style_loss(edit.image, look),
        "seconds": seconds, "style": 100.0 * (named["style"] == wanted),
        "object": 100.0 * (named["object"] == source["object"]),
        "object_iou": segmenter().iou(edit.image, object_mask(index)),
        "picture": edit.image,
    }  # fmt: skip


@torch.no_grad()
@cache
def guiding_encoder() -> FeatureNetwork:
    """The network that guides, loaded once a process."""
    return guiding_network(this_bench().pipe)


def style_loss(picture: Image.Image, look: Image.Image) -> float:
    """`gram_style`, relative, of two pictures, by the network that guides."""
    encoder = guiding_encoder()
    seen, wanted = (
        {name: f for name, f in encoder.features(as_pixels(image)).items() if name in encoder.style_layers}
        for image in (picture, look)
    )
    return float(gram_style(seen, wanted, relative=True))


# --- the table --------------------------------------------------------------------------------------


def mean(rows: Sequence[dict], column: str, **where: object) -> float:
    """A column's mean over some rows; NaN where there are none."""
    some = [r[column] for r in rows if column in r and all(r[key] == value for key, value in where.items())]
    return float(np.mean(some)) if some else float("nan")


def table(rows: Sequence[dict]) -> dict[str, dict[str, dict[str, float]]]:
    """{variant: {kind, or "both": {column: mean}}}."""
    names = list(dict.fromkeys(row["variant"] for row in rows if row["variant"] not in REFERENCES))
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name in names:
        found[name] = {
            kind: {column: round(mean(rows, column, variant=name, kind=kind), 4) for column in COLUMNS}
            for kind in KINDS
        }
        found[name]["both"] = {column: round(mean(rows, column, variant=name), 4) for column in COLUMNS}
    return found


def references(rows: Sequence[dict]) -> dict[str, dict[str, float]]:
    """{variant: {column: mean}} of the style references."""
    columns = ("style", "object", "style_loss", "object_iou", "evaluations")
    there = [name for name in REFERENCES if any(row["variant"] == name for row in rows)]
    return {
        name: {column: round(mean(rows, column, variant=name), 4) for column in columns} for name in there
    }


def bars(rows: Sequence[dict]) -> list[tuple[str, float, float, bool]]:
    """What, measured, bar, met."""
    on = {"variant": "default"}
    gain = mean(rows, "truth_psnr", **on) - mean(rows, "truth_psnr", variant=PLAIN)
    success = mean(rows, "success", **on) - mean(rows, "success", variant=PLAIN)
    style = mean(rows, "success", kind="style", **on)
    share = mean(rows, "object_iou", kind="style", **on) / mean(rows, "truth_iou", kind="style", **on)
    styles = mean(rows, "style", variant=REFERENCE)
    things = mean(rows, "object", variant=REFERENCE)
    cost = max((r["evaluations"] for r in rows if r["variant"] == "default"), default=0)
    edits = mean(rows, "seconds", **on) / mean(rows, "seconds", variant=PLAIN)
    return [
        ("PSNR to ground truth against the plain call [dB]", gain, 0.5, gain >= 0.5),
        ("success rate against the plain call [%]", success, 0.0, success >= 0),
        ("style edits: the judge agrees [%]", style, 90.0, style >= 90),
        ("style edits: the object's mask, share of what true edits reach", share, 0.8, share >= 0.8),
        ("style reference: the judge names its style [%]", styles, 80.0, styles >= 80),
        ("style reference: and still the object [%]", things, 80.0, things >= 80),
        ("network evaluations of one guided edit, the most", cost, 400.0, cost <= 400),
        ("time of one guided edit, in plain edits", edits, 20.0, edits <= 20),
    ]


def show(rows: Sequence[dict]) -> None:
    """Print means and bars."""
    print(f"{'':28} {'':7}" + " ".join(f"{column:>18}" for column in COLUMNS))
    for name, kinds in table(rows).items():
        for kind, numbers in kinds.items():
            print(f"{name:28} {kind:7}" + " ".join(f"{numbers[column]:18.4g}" for column in COLUMNS))
    for name, numbers in references(rows).items():
        print(f"{name:36}" + "   ".join(f"{column} {value:.4g}" for column, value in numbers.items()))
    for what, value, bar, met in bars(rows):
        print(f"{what:66} {value:8.2f}   bar {bar:g}   {'ok' if met else 'MISSED'}")


def store(rows: Sequence[dict], file: Path) -> None:
    """The table as JSON, with the model it is of."""
    true = float(np.mean([row["truth_iou"] for row in rows if "truth_iou" in row]))
    about = {
        "model": model_fingerprint(this_bench().pipe),
        "segmenter on true pictures, IoU": round(true, 4),
        "weights": {name: w.about() for name, w in variants().items() if w is not None},
        "means": table(rows),
        "references": references(rows),
        "bars": [
            {"what": what, "measured": round(value, 4), "bar": bar, "met": bool(met)}
            for what, value, bar, met in bars(rows)
        ],
    }
    file.write_text(json.dumps(about, indent=1, default=str) + "\n", encoding="utf-8")


def gallery(rows: Sequence[dict], file: Path, shown: int = 4) -> None:
    """Some cases: source, truth, the plain call and both presets; some references."""
    from styledit.lessons import show_images

    pictures = {(row["variant"], row["case"]): row["picture"] for row in rows}
    cases = held_out_cases()
    columns = (PLAIN, "default", "brief")
    grid = {}
    indices = sorted({index for variant, index in pictures if variant == "default"})
    for kind in KINDS:
        for i in [i for i in indices if cases[i].kind == kind][:shown]:
            grid[f"{kind}, case {i}"] = cases[i].source
            grid[f"truth {i}: {cases[i].target_prompt[:26]}"] = cases[i].truth
            grid |= {f"{name} {i}": pictures[name, i] for name in columns if (name, i) in pictures}
    for k, (i, other) in enumerate(pairs()[:shown]):
        if (REFERENCE, i) in pictures:
            grid |= {f"pair {k}": cases[i].source, f"its style {k}": cases[other].source}
            grid |= {f"styled {k}": pictures[REFERENCE, i]}
    show_images(grid, columns=5, width=160).savefig(file)


# --- weights ----------------------------------------------------------------------------------------


def tune_rows(job: tuple[str, int]) -> list[dict]:
    """The plain call and every candidate on a training scene."""
    kind, index = job
    case = [case for case in training_cases(TUNED_ON, TUNE_SEED) if case.kind == kind][index]
    ready = prepare(case)
    return [tune_row(name, ready) for name in (PLAIN, *CANDIDATES)]


def tune_row(name: str, ready: Prepared) -> dict:
    """A candidate on a scene."""
    bench = this_bench()
    options = CANDIDATES.get(name)
    if options is None:
        picture = styledit.edit(
            bench.pipe, ready.inversion, ready.case.target_prompt, values=ready.values, progress=False
        ).image
    else:
        picture = styledit.guide(
            bench.pipe, ready.inversion, ready.case.target_prompt, values=ready.values, every=0,
            progress=False, **options,
        ).image  # fmt: skip
    return {
        "variant": name,
        "kind": ready.case.kind,
        "truth_psnr": styledit.psnr(ready.case.truth, picture),
        "success": bench.success(picture, ready.case),
    }


def tune(workers: int) -> None:
    """Mean PSNR to ground truth and success rate of every candidate; the score is that of measure.regimes."""
    jobs = [(kind, i) for kind in KINDS for i in range(TUNED_ON)]
    parts = tqdm(in_processes(tune_rows, jobs, workers), total=len(jobs), smoothing=0)
    rows = [row for part in parts for row in part]
    for name in (PLAIN, *CANDIDATES):
        for kind in KINDS:
            psnr = mean(rows, "truth_psnr", variant=name, kind=kind)
            success = mean(rows, "success", variant=name, kind=kind)
            score = psnr + success / 10
            print(f"{name:28} {kind:7} {psnr:6.2f} dB {success:4.0f} %   score {score:.2f}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="measure.guided", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tune", action="store_true", help="candidates for the weights instead")
    parser.add_argument("--per-kind", type=int, default=12, metavar="N", help="so many cases of each kind")
    parser.add_argument("--only", nargs="+", metavar="VARIANT", help=f"only these of {'; '.join(variants())}")
    parser.add_argument("--workers", type=int, default=2, help="processes, each with one thread")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments)
    if options.tune:
        tune(options.workers)
        return
    names = options.only or [*variants(), *REFERENCES]
    jobs = jobs_of(names, options.per_kind)
    options.out.mkdir(parents=True, exist_ok=True)
    parts = tqdm(in_processes(measure, jobs, options.workers), total=len(jobs), smoothing=0)
    rows = [row for part in parts for row in part]
    show(rows)
    gallery(rows, options.out / "guided.png")
    if options.only is None and options.per_kind >= 12:
        from measure.results import guided_rows  # it imports this module
        from measure.results import store as store_result

        store(rows, options.out / "guided.json")
        store_result(this_bench().pipe, "guided", guided_rows(rows))  # what lesson 09 reads
        print(f"Table and pictures: {options.out / 'guided.json'}, {options.out / 'guided.png'}")


def jobs_of(names: Sequence[str], per_kind: int) -> list[Job]:
    """What is to be measured: some variants, on so many cases of each kind; the references on all pairs."""
    of_cases = tuple(name for name in names if name not in REFERENCES)
    of_pairs = tuple(name for name in names if name in REFERENCES)
    indices = [i for kind in KINDS for i in _of_kind(kind)[:per_kind]]
    jobs: list[Job] = [(of_cases, i) for i in indices if of_cases]
    return jobs + [(of_pairs, k) for k in range(PAIRS) if of_pairs]


def _of_kind(kind: str) -> list[int]:
    return [i for i, record in enumerate(records()) if record["kind"] == kind]


if __name__ == "__main__":
    main()

"""How fast the library is, as ratios measured in one run on the embedded model (`make speed`).

    python -m measure.speed            times, then what the presets of value inputs cost and reach
    python -m measure.speed presets    only the latter, which is counted and not timed
    python -m measure.speed --all      fits the published schedules again too: some ten minutes more

The published schedules' results are stored in published.json, for the weights that it names. Exit 1 where a
bar is missed. Numbers differ a little from one machine to the next: a fit amplifies the last bit of float32.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch

import styledit
from recipe.folders import DATA
from recipe.world import render, sample_scene
from styledit.storage.data import EMBEDDED_FOLDER

PICTURES = DATA / "images"
PICTURE = "00_fox.png"
TARGET = "a plain sticker of a fox in the snow"
EVERY = 4  # of the lesson pictures, presets are compared on one in so many: the published ones are slow
STEPS = 30
ROUNDS = 5
GUIDANCE = 7.5
SETTINGS = {"guidance": GUIDANCE, "tau_v": 0.5, "tau_c": 0.5, "tau_s": 0.5, "tau_u": 0.5}
MOVES = {"tau_v": 0.6, "tau_c": 0.6, "tau_s": 0.6, "tau_u": 0.6, "guidance": 6.5}  # one slider, one notch
PUBLISHED = Path(__file__).with_name("published.json")
PAPERS = {  # the published schedule, with its attention term and without
    "paper": styledit.PRESETS["paper"],
    "paper, lambda = 0": replace(styledit.PRESETS["paper"], regularisation=styledit.Regularisation()),
}
# Share of a published schedule's evaluations; how much less than either in dB to the decoded latent.
PRESET_BARS = {"default": (1 / 8, 0.5), "fine": (1 / 4, 0.0)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=["times", "presets"], help="one of the two parts")
    parser.add_argument("--all", action="store_true", help="fit the published schedules again")
    options = parser.parse_args()
    part = options.part
    pipe = styledit.load()
    lines = (PICTURES / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    captions = {record["file_name"]: record["text"] for record in map(json.loads, lines)}
    missed = []
    if part != "presets":
        missed += times(pipe, captions[PICTURE])
    if part != "times":
        missed += presets(pipe, dict([*captions.items()][::EVERY]), again=options.all)
    if missed:
        sys.exit(f"Missed: {'; '.join(missed)}.")


# --- times ------------------------------------------------------------------------------------------


def seconds(run: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def ratio(run: Callable[[], object], against: Callable[[], object]) -> tuple[float, float, float]:
    """Median of run / against over alternating rounds, and the median seconds of both."""
    return timed_ratio(partial(seconds, run), partial(seconds, against))


def timed_ratio(run: Callable[[], float], against: Callable[[], float]) -> tuple[float, float, float]:
    """The same of two functions that tell their seconds themselves."""
    run()  # warm
    against()
    pairs = [(run(), against()) for _ in range(ROUNDS)]
    mine = statistics.median(a for a, _ in pairs)
    theirs = statistics.median(b for _, b in pairs)
    return statistics.median(a / b for a, b in pairs), mine, theirs


class Report:
    """Prints one measurement a line and remembers what misses its bar."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def line(self, what: str, value: tuple[float, float, float], bar: float | None = None) -> None:
        verdict = "reported"
        if bar is not None:
            ok = value[0] <= bar
            verdict = f"<= {bar:g}  {'ok' if ok else 'MISSED'}"
            self.missed += [] if ok else [what]
        print(f"{what:72} {value[0]:5.2f} x  ({value[1]:.2f} s / {value[2]:.2f} s)  {verdict}", flush=True)

    def rate(self, what: str, value: float, bar: float) -> None:
        """So many a second, of which there must be `bar`."""
        self.missed += [] if value >= bar else [what]
        verdict = "ok" if value >= bar else "MISSED"
        print(f"{what:72} {value:5.0f} a second  >= {bar:g}  {verdict}", flush=True)


def times(pipe, prompt: str) -> list[str]:
    """Print the times and their ratios; what misses its bar."""
    inversion = styledit.invert(pipe, PICTURES / PICTURE, prompt, STEPS, progress=False)
    report = Report()
    denoising(pipe, inversion, report)
    editing(pipe, inversion, report)
    sharing(prompt, report)
    drawing(report)
    return report.missed


def stock(pipe, inversion: styledit.Inversion, c: torch.Tensor) -> object:
    """The stock pipeline from the inverted latent, one picture for each of the prompts' embeddings c."""
    n = len(c)
    return pipe(
        prompt_embeds=c,
        negative_prompt_embeds=inversion.null.expand(n, -1, -1),
        latents=inversion.z_T.expand(n, -1, -1, -1),
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
    )


def denoising(pipe, inversion: styledit.Inversion, report: Report) -> None:
    """A plain run under attention control."""

    def controlled(record: styledit.Layers | None = None) -> object:
        return styledit.generate(
            pipe,
            inversion.prompt,
            z_T=inversion.z_T,
            steps=STEPS,
            guidance=GUIDANCE,
            record=record,
            progress=False,
        )

    def plain() -> object:
        return stock(pipe, inversion, inversion.c)

    def recorded() -> object:
        return controlled(styledit.Layers(scales=(1,)))

    report.line(
        "denoising under attention control, against the stock pipeline", ratio(controlled, plain), 1.05
    )
    report.line("the same, recording all cross maps at 16 x 16", ratio(recorded, plain), 1.25)


def editing(pipe, inversion: styledit.Inversion, report: Report) -> None:
    """A full edit, and one after a slider has moved."""
    start = time.perf_counter()
    values = styledit.fit_values(pipe, inversion, guidance=GUIDANCE, progress=False)
    fit = time.perf_counter() - start
    editor = styledit.Editor(pipe, inversion, values=values, automatic=False)
    both = torch.cat([inversion.c, styledit.encode_prompt(pipe, TARGET)])
    new = (GUIDANCE + k / 1000 for k in count(1))

    def replayed() -> object:
        settings = SETTINGS | {"guidance": next(new)}  # one that no earlier run had: from the first step on
        result = editor.edit(TARGET, progress=False, **settings)
        assert result.first_step == 0
        return result

    def alongside() -> object:
        forgetful = styledit.Editor(pipe, inversion, values=values, automatic=False, limit=0, history=0)
        return forgetful.edit(TARGET, progress=False, **SETTINGS)

    def batch_of_four() -> object:
        """Source and target in one call, no attention replaced: the least that a two-branch run can take."""
        return stock(pipe, inversion, both)

    full = ratio(replayed, alongside)
    report.line("full edit with replay, against the kit's two-branch run", full, 0.55)
    report.line("the same, against both branches in one batch of four", ratio(replayed, batch_of_four))
    moves = sliders(lambda: styledit.Editor(pipe, inversion, values=values, automatic=False))
    mean = statistics.mean(moves)
    what = "moving one slider (mean of five), against the full two-branch edit"
    report.line(what, (mean / full[2], mean, full[2]), 0.6)
    report.line("the same, against a full edit with replay", (mean / full[1], mean, full[1]))
    print(f"one edit with replay, {STEPS} steps: {full[1]:.2f} s (aim 1)")
    print(f"fitting value inputs, default ({values.evaluations} evaluations): {fit:.1f} s (aim 10)")


def sliders(new_editor: Callable[[], styledit.Editor]) -> list[float]:
    """Median seconds of an edit after one of the settings has moved, for each of MOVES."""
    taken: dict[str, list[float]] = {name: [] for name in MOVES}
    for _ in range(ROUNDS):
        editor = new_editor()  # its earlier runs hold no slider moved already
        editor.edit(TARGET, progress=False, **SETTINGS)
        for name, value in MOVES.items():
            edit = partial(editor.edit, TARGET, progress=False, **(SETTINGS | {name: value}))
            taken[name].append(seconds(edit))
    medians = [statistics.median(times) for times in taken.values()]
    for (name, value), median in zip(MOVES.items(), medians, strict=True):
        print(f"    {name} {SETTINGS[name]} -> {value}: {median:.2f} s")
    return medians


# Processes that begin as new ones, not as copies of this one.
processes = partial(ProcessPoolExecutor, mp_context=get_context("spawn"))


def sharing(prompt: str, report: Report) -> None:
    """An edit on a machine that others use too, and what it costs to leave them their cores."""
    with (
        processes(1, initializer=prepare_edits, initargs=(prompt, STEPS, False)) as chosen,
        processes(1, initializer=prepare_edits, initargs=(prompt, STEPS, True)) as on_all_threads,
    ):

        def alone() -> float:
            return chosen.submit(edit_seconds).result()

        def beside_others() -> float:
            with busy_loops(os.cpu_count() or 1):
                return chosen.submit(edit_seconds).result()

        def with_all_threads() -> float:
            return on_all_threads.submit(edit_seconds).result()

        what = "an edit beside one busy loop a core, against the same alone"
        report.line(what, timed_ratio(beside_others, alone), 2.5)
        what = "an edit on the threads that loading chooses, against PyTorch's all"
        report.line(what, timed_ratio(alone, with_all_threads), 1.25)


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """So many processes that do nothing as fast as they can."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        time.sleep(0.5)  # they start
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


_prepared: tuple = ()  # a pipeline and an inversion, in a process of `sharing`


def prepare_edits(prompt: str, steps: int, all_threads: bool) -> None:
    """Load and invert, on the threads that loading chooses or on all that PyTorch begins with."""
    global _prepared
    default = torch.get_num_threads()
    pipe = styledit.load()
    if all_threads:
        torch.set_num_threads(default)
    _prepared = pipe, styledit.invert(pipe, PICTURES / PICTURE, prompt, steps, progress=False)


def edit_seconds() -> float:
    """How long an edit of the prepared inversion takes."""
    return seconds(lambda: styledit.edit(*_prepared, TARGET, progress=False))


def drawing(report: Report) -> None:
    """Pictures of the model's world, which its training draws as it goes."""
    with processes(2) as pool:
        one = statistics.median(pool.submit(pictures_a_second, seed).result() for seed in range(3))
        two = statistics.median(sum(pool.map(pictures_a_second, (seed, seed + 1))) for seed in range(3))
    report.rate("pictures of the world that one process draws", one, 100)
    report.rate("pictures of the world that two processes draw", two, 300)


def pictures_a_second(seed: int, amount: int = 300) -> float:
    """How fast scenes are drawn whose artwork has been rendered already, which happens once a run."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(seed)
    scenes = [sample_scene(rng) for _ in range(amount)]
    for scene in scenes:
        render(scene)
    return amount / seconds(lambda: [render(scene) for scene in scenes])


# --- presets ----------------------------------------------------------------------------------------


def presets(pipe, captions: dict[str, str], again: bool = False) -> list[str]:
    """What each preset costs and reaches, means over some lesson pictures; what misses its bar.

    Args:
        again: fit the published schedules again, and store what they reach.
    """
    inversions = [
        styledit.invert(pipe, PICTURES / name, text, STEPS, progress=False) for name, text in captions.items()
    ]
    title = f"value inputs, mean of {len(inversions)} pictures"
    print(f"{title:32} {'evaluations':>12} {'to the picture':>15} {'to the decoded latent':>22}")
    reached = {}
    for name in PRESET_BARS:
        reached[name] = reach(pipe, inversions, styledit.PRESETS[name])
        print_row(name, reached[name])
    papers = {}
    if not again:
        papers = stored_papers()
    for name, preset in PAPERS.items():
        papers[name] = papers.get(name) or reach(pipe, inversions, preset)
        print_row(name, papers[name])
    if again:
        about = {"weights": weights(), "steps": STEPS, "guidance": GUIDANCE, "reached": papers}
        PUBLISHED.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    missed = []
    for name, (share, loss) in PRESET_BARS.items():
        for paper, row in papers.items():
            part = reached[name]["evaluations"] / row["evaluations"]
            gain = reached[name]["decoded"] - row["decoded"]
            ok = part <= share and gain >= -loss
            bar = f"<= 1/{1 / share:g} of the evaluations, at most {loss:g} dB less"
            verdict = "ok" if ok else "MISSED"
            print(
                f"{name}, against {paper}: {part:.3f} of the evaluations, {gain:+.2f} dB  ({bar})  {verdict}"
            )
            missed += [] if ok else [f"the preset {name} against {paper}"]
    return missed


def reach(pipe, inversions: list[styledit.Inversion], preset: styledit.Preset) -> dict[str, float]:
    """What a preset costs and reaches: evaluations, and decibels to the picture and to the decoded latent."""
    fits = styledit.fit_values(pipe, inversions, guidance=GUIDANCE, preset=preset, progress=False)
    runs = [
        styledit.reconstruct(pipe, v, values=values, progress=False).image
        for v, values in zip(inversions, fits, strict=True)
    ]
    own = [styledit.decode_latents(pipe, inversion.z_0)[0] for inversion in inversions]
    return {
        "evaluations": statistics.mean(values.evaluations for values in fits),
        "picture": mean_psnr(runs, [v.image for v in inversions]),
        "decoded": mean_psnr(runs, own),
    }


def print_row(name: str, row: dict[str, float]) -> None:
    """A line of the table of presets."""
    print(
        f"{name:32} {row['evaluations']:12.0f} {row['picture']:12.2f} dB {row['decoded']:19.2f} dB",
        flush=True,
    )


def weights() -> str:
    """A hash of the embedded diffusion model's weights."""
    hashes = json.loads((EMBEDDED_FOLDER / "hashes.json").read_text(encoding="utf-8"))
    return hashes["unet/diffusion_pytorch_model.safetensors"][:16]


def stored_papers() -> dict[str, dict[str, float]]:
    """What the published schedules reach with the present weights.

    Raises:
        SystemExit: they are stored for other weights, or not at all.
    """
    stored = json.loads(PUBLISHED.read_text(encoding="utf-8")) if PUBLISHED.exists() else {}
    if stored.get("weights") != weights() or stored["reached"].keys() != PAPERS.keys():
        sys.exit(
            f"{PUBLISHED.name} holds the published schedules' results for other weights; "
            "make them again with `python -m measure.speed presets --all`."
        )
    return stored["reached"]


def mean_psnr(pictures: list, references: list) -> float:
    """The mean decibels of pictures against their references."""
    return statistics.mean(styledit.psnr(a, b) for a, b in zip(pictures, references, strict=True))


if __name__ == "__main__":
    main()

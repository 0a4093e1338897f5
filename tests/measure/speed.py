"""How fast the library is, as ratios measured in one run on the embedded model (`make speed`).

    python -m measure.speed            times, then what the presets of value inputs cost and reach
    python -m measure.speed presets    only the latter, which is counted and not timed

Exit 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count

import torch

import styledit
from recipe.folders import DATA

PICTURES = DATA / "images"
PICTURE = "00_fox.png"
TARGET = "a plain sticker of a fox in the snow"
STEPS = 30
ROUNDS = 5
GUIDANCE = 7.5
SETTINGS = {"guidance": GUIDANCE, "tau_v": 0.5, "tau_c": 0.5, "tau_s": 0.5, "tau_u": 0.5}
MOVES = {"tau_v": 0.6, "tau_c": 0.6, "tau_s": 0.6, "tau_u": 0.6, "guidance": 6.5}  # one slider, one notch
PRESET_BARS = {"default": (1 / 10, 0.3), "fine": (1 / 4, 0.0)}  # share of the paper's evaluations; dB less


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=["times", "presets"], help="one of the two parts")
    part = parser.parse_args().part
    pipe = styledit.load()
    lines = (PICTURES / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    captions = {record["file_name"]: record["text"] for record in map(json.loads, lines)}
    missed = []
    if part != "presets":
        missed += times(pipe, captions[PICTURE])
    if part != "times":
        missed += presets(pipe, captions)
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
    run()  # warm
    against()
    pairs = [(seconds(run), seconds(against)) for _ in range(ROUNDS)]
    mine = statistics.median(a for a, _ in pairs)
    theirs = statistics.median(b for _, b in pairs)
    return statistics.median(a / b for a, b in pairs), mine, theirs


class Report:
    """Prints one ratio a line and remembers what misses its bar."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def line(self, what: str, value: tuple[float, float, float], bar: float | None = None) -> None:
        verdict = "reported"
        if bar is not None:
            ok = value[0] <= bar
            verdict = f"<= {bar:g}  {'ok' if ok else 'MISSED'}"
            self.missed += [] if ok else [what]
        print(f"{what:72} {value[0]:5.2f} x  ({value[1]:.2f} s / {value[2]:.2f} s)  {verdict}", flush=True)


def times(pipe, prompt: str) -> list[str]:
    """Print the times and their ratios; what misses its bar."""
    inversion = styledit.invert(pipe, PICTURES / PICTURE, prompt, STEPS, progress=False)
    report = Report()
    denoising(pipe, inversion, report)
    editing(pipe, inversion, report)
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
    editor = styledit.Editor(pipe, inversion, values=values)
    both = torch.cat([inversion.c, styledit.encode_prompt(pipe, TARGET)])
    new = (GUIDANCE + k / 1000 for k in count(1))

    def replayed() -> object:
        settings = SETTINGS | {"guidance": next(new)}  # one that no earlier run had: from the first step on
        result = editor.edit(TARGET, progress=False, **settings)
        assert result.first_step == 0
        return result

    def alongside() -> object:
        return styledit.edit(pipe, inversion, TARGET, values=values, progress=False, **SETTINGS)

    def batch_of_four() -> object:
        """Source and target in one call, no attention replaced: the least that a two-branch run can take."""
        return stock(pipe, inversion, both)

    full = ratio(replayed, alongside)
    report.line("full edit with replay, against the kit's two-branch run", full, 0.55)
    report.line("the same, against both branches in one batch of four", ratio(replayed, batch_of_four))
    moves = sliders(lambda: styledit.Editor(pipe, inversion, values=values))
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


# --- presets ----------------------------------------------------------------------------------------


def presets(pipe, captions: dict[str, str]) -> list[str]:
    """What each preset costs and reaches, means over the lesson pictures; what misses its bar."""
    inversions = [
        styledit.invert(pipe, PICTURES / name, text, STEPS, progress=False) for name, text in captions.items()
    ]
    own = [styledit.decode_latents(pipe, inversion.z_0)[0] for inversion in inversions]
    cost = {}
    dB = {}
    title = f"value inputs, mean of {len(own)} pictures"
    print(f"{title:32} {'evaluations':>12} {'to the picture':>15} {'to the decoded latent':>22}")
    for name, preset in styledit.PRESETS.items():
        fits = styledit.fit_values(pipe, inversions, guidance=GUIDANCE, preset=preset, progress=False)
        runs = [
            styledit.reconstruct(pipe, v, values=values, progress=False).image
            for v, values in zip(inversions, fits, strict=True)
        ]
        cost[name] = statistics.mean(values.evaluations for values in fits)
        dB[name] = mean_psnr(runs, [v.image for v in inversions])
        print(f"{name:32} {cost[name]:12.0f} {dB[name]:12.2f} dB {mean_psnr(runs, own):19.2f} dB", flush=True)
    missed = []
    for name, (share, loss) in PRESET_BARS.items():
        part = cost[name] / cost["paper"]
        gain = dB[name] - dB["paper"]
        ok = part <= share and gain >= -loss
        bar = f"<= 1/{1 / share:g} of the evaluations of paper, at most {loss:g} dB less"
        print(f"{name}: {part:.3f} of the evaluations, {gain:+.2f} dB  ({bar})  {'ok' if ok else 'MISSED'}")
        missed += [] if ok else [f"the preset {name}"]
    return missed


def mean_psnr(pictures: list, references: list) -> float:
    """The mean decibels of pictures against their references."""
    return statistics.mean(styledit.psnr(a, b) for a, b in zip(pictures, references, strict=True))


if __name__ == "__main__":
    main()

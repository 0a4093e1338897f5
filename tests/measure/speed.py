"""How fast the kit is, as ratios measured in one run on the embedded model (`make bench`); exit 1 where a bar is missed.

    python tests/bench.py            times, then what the presets of value inputs cost and reach
    python tests/bench.py presets    only the latter, which is counted and not timed
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import torch

import styledit
from recipe.folders import DATA
from styledit.attention import attention_control
from styledit.denoising import guided_step

PICTURE, TARGET = "00_fox.png", "a plain sticker of a fox in the snow"
STEPS, ROUNDS = 30, 5
SETTINGS = {"guidance": 7.5, "tau_v": 0.5, "tau_c": 0.5, "tau_s": 0.5, "tau_u": 0.5}
MOVES = {"tau_v": 0.6, "tau_c": 0.6, "tau_s": 0.6, "tau_u": 0.6, "guidance": 6.5}  # one slider, one notch


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def ratio(run: Callable[[], object], against: Callable[[], object]) -> tuple[float, float, float]:
    """Median of run / against over alternating rounds, and the median seconds of both."""
    run(), against()  # warm
    pairs = [(seconds(run), seconds(against)) for _ in range(ROUNDS)]
    mine, theirs = (statistics.median(times) for times in zip(*pairs))
    return statistics.median(a / b for a, b in pairs), mine, theirs


def main() -> None:
    pipe = styledit.load()
    lines = (DATA / "images" / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    captions = {record["file_name"]: record["text"] for record in map(json.loads, lines)}
    missed = [] if sys.argv[1:] == ["presets"] else times(pipe, captions[PICTURE])
    missed += presets(pipe, captions)
    if missed:
        sys.exit(f"Missed: {'; '.join(missed)}.")


def presets(pipe, captions: dict[str, str]) -> list[str]:
    """What each preset costs and reaches at guidance 7.5, means over the lesson pictures; what misses its bar."""
    inversions = [styledit.invert(pipe, DATA / "images" / name, text, STEPS, progress=False) for name, text in captions.items()]
    own = [styledit.decode_latents(pipe, inversion.z_0)[0] for inversion in inversions]
    cost, dB = {}, {}
    print(f"{'value inputs, mean of ' + str(len(own)) + ' pictures':32} {'evaluations':>12} {'to the picture':>15} {'to the decoded latent':>22}")
    for name, preset in styledit.PRESETS.items():
        fits = styledit.fit_values(pipe, inversions, 7.5, preset=preset, progress=False)
        runs = [styledit.reconstruct(pipe, v, values=values, progress=False).image for v, values in zip(inversions, fits)]
        cost[name] = statistics.mean(values.evaluations for values in fits)
        dB[name] = statistics.mean(styledit.psnr(run, v.image) for run, v in zip(runs, inversions))
        decoded = statistics.mean(styledit.psnr(run, latent) for run, latent in zip(runs, own))
        print(f"{name:32} {cost[name]:12.0f} {dB[name]:12.2f} dB {decoded:19.2f} dB", flush=True)
    missed = []
    for name, share, loss in (("default", 1 / 10, 0.3), ("fine", 1 / 4, 0.0)):
        ok = cost[name] <= share * cost["paper"] and dB[name] >= dB["paper"] - loss
        bar = f"<= 1/{1 / share:g} of the evaluations of paper, at most {loss:g} dB less"
        print(f"{name}: {cost[name] / cost['paper']:.3f} of the evaluations, {dB[name] - dB['paper']:+.2f} dB  ({bar})  {'ok' if ok else 'MISSED'}")
        missed += [] if ok else [f"the preset {name}"]
    return missed


def times(pipe, prompt: str) -> list[str]:
    """Print the times and their ratios; what misses its bar."""
    inversion = styledit.invert(pipe, DATA / "images" / PICTURE, prompt, STEPS, progress=False)
    missed = []

    def report(what: str, value: tuple[float, float, float], bar: float | None) -> None:
        verdict = "reported" if bar is None else f"<= {bar:g}  {'ok' if value[0] <= bar else 'MISSED'}"
        print(f"{what:72} {value[0]:5.2f} x  ({value[1]:.2f} s / {value[2]:.2f} s)  {verdict}", flush=True)
        if bar is not None and value[0] > bar:
            missed.append(what)

    c, null = inversion.c, inversion.null

    def stock() -> object:
        return pipe(
            prompt_embeds=c, negative_prompt_embeds=null, latents=inversion.z_T, num_inference_steps=STEPS, guidance_scale=7.5
        )

    def controlled(record: styledit.Layers | None = None) -> object:
        return styledit.generate(pipe, prompt, inversion.z_T, steps=STEPS, guidance=7.5, record=record, progress=False)

    report("denoising under attention control, against the stock pipeline", ratio(controlled, stock), 1.05)
    report("the same, recording all cross maps at 16 x 16", ratio(lambda: controlled(styledit.Layers(scales=1)), stock), 1.25)

    start = time.perf_counter()
    values = styledit.fit_values(pipe, inversion, progress=False)
    fit = time.perf_counter() - start
    editor = styledit.Editor(pipe, inversion, values)
    editor.edit(TARGET, progress=False, **SETTINGS)

    def replayed() -> object:
        editor._last = None  # from the first step on
        return editor.edit(TARGET, progress=False, **SETTINGS)

    def alongside() -> object:
        return styledit.edit(pipe, inversion, TARGET, values, progress=False, **SETTINGS)

    c_tgt = styledit.encode_prompt(pipe, TARGET)

    def batch_of_four() -> object:
        """Source and target in one call, with no attention replaced: the least that a two-branch run can take."""
        z = inversion.z_T.expand(2, -1, -1, -1)
        with attention_control(pipe.unet) as control, torch.no_grad():
            for i, t in enumerate(inversion.timesteps):
                v = torch.cat([values.v(i, c), values.v(i, c_tgt)])
                z = guided_step(pipe, control, z, t, inversion.levels[i : i + 2], null, torch.cat([c, c_tgt]), 7.5, v)
        return styledit.decode_latents(pipe, z)

    full = ratio(replayed, alongside)
    report("full edit with replay, against the kit's two-branch run", full, 0.55)
    report("the same, against both branches in one batch of four", ratio(replayed, batch_of_four), None)
    moves = []
    for name, value in MOVES.items():
        moved = SETTINGS | {name: value}
        times = []
        for _ in range(ROUNDS):
            editor.edit(TARGET, progress=False, **SETTINGS)
            times.append(seconds(lambda: editor.edit(TARGET, progress=False, **moved)))
        moves.append(statistics.median(times))
        print(f"    {name} {SETTINGS[name]} -> {value}: {moves[-1]:.2f} s")
    mean = statistics.mean(moves)
    report("moving one slider (mean of five), against the full two-branch edit", (mean / full[2], mean, full[2]), 0.6)
    report("the same, against a full edit with replay", (mean / full[1], mean, full[1]), None)
    print(f"one edit with replay, {STEPS} steps: {full[1]:.2f} s (aim 1)")
    print(f"fitting value inputs, default ({values.evaluations} evaluations): {fit:.1f} s (aim 10)")
    return missed


if __name__ == "__main__":
    main()

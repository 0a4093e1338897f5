"""What tuning on one known answer is worth elsewhere, and what the lab's three signs find: for lesson 06."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from diffusers import StableDiffusionPipeline
from PIL import Image
from torch import nn

import styledit
from measure.bench import STEPS
from measure.photographs import PICTURES
from styledit.lab.edit.samples import Challenge, challenges, samples, score
from styledit.lab.edit.session import embedded_clip
from styledit.lab.edit.sheet_axes import FRACTIONS
from styledit.metrics import clip_similarity, load_networks, perceptual_distance, psnr
from styledit.pictures import read_image

KIND = "place"
NOISE = 8  # pictures of nothing
SWAPS: dict[str, tuple[str, ...]] = {  # {factor: what a wrong caption says of it}
    "style": ("a plain sticker", "a watercolor painting"),
    "thing": ("a cat", "a rocket"),
    "place": ("in the forest", "in the city"),
}


def tuned_by_hand(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """Every challenge of another place, with value inputs: the suggested edit, and a grid of settings.

    A row: `case`, `suggested`, and `grid`, 25 entries with `tau_c`, `tau_s`. Of each edit: `psnr` [dB] and
    `lpips` to the truth, and `success`, whether the judge sees the change.
    """
    network = load_networks().perceptual
    rows = []
    for challenge in challenges():
        if challenge.kind == KIND:
            rows.append({"case": challenge.name} | _grid(pipe, challenge, network))
            print(f"  {challenge.name} {rows[-1]['suggested']}", flush=True)
    return rows


def _grid(pipe: StableDiffusionPipeline, challenge: Challenge, network: nn.Module) -> dict[str, Any]:
    source = read_image(pipe, challenge.picture)
    inversion = styledit.invert(pipe, source, challenge.prompt, steps=STEPS, progress=False)
    values = styledit.fit_values(pipe, inversion, progress=False)
    editor = styledit.Editor(pipe, inversion, values=values)

    def scored(**settings: float) -> dict[str, Any]:
        image = editor.edit(challenge.target, progress=False, **settings).image
        return settings | scores(challenge, image, network)

    return {"suggested": scored(), "grid": [scored(tau_c=c, tau_s=s) for c in FRACTIONS for s in FRACTIONS]}


def scores(challenge: Challenge, image: Image.Image, network: nn.Module) -> dict[str, Any]:
    """How near a picture is to the truth, by two numbers, and whether the judge sees the change."""
    reached = score(challenge, image)
    far = perceptual_distance(image, challenge.truth, network)
    return {"psnr": round(reached.psnr, 2), "lpips": round(far, 4), "success": reached.succeeded}


def signs(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """The three numbers by which the lab warns, of pictures that are the model's own and of others.

    A row: `group`, `picture`, `prompt`, `agreement` (100 times CLIP's cosine), `autoencoder` and
    `round_trip` [dB].
    """
    return [
        {"group": group, "picture": name, "prompt": prompt} | _signs(pipe, picture, prompt)
        for group, name, picture, prompt in asked()
    ]


def asked() -> Iterator[tuple[str, str, Image.Image, str]]:
    """(group, name, picture, prompt): the lesson pictures with their own captions and with one factor wrong,
    photographs and drawings by others, noise.
    """
    for sample in samples():
        yield "its own words", sample.name, sample.picture, sample.prompt
        for factor in SWAPS:
            yield f"a wrong {factor}", sample.name, sample.picture, swapped(sample.prompt, factor)
    for foreign in PICTURES:
        group = "photographs" if foreign.group == "photograph" else "drawings by others"
        yield group, foreign.name, foreign.picture.convert("RGB"), foreign.prompt
    for seed in range(NOISE):
        pixels = np.random.default_rng(seed).integers(0, 256, (128, 128, 3), np.uint8)
        yield "noise", str(seed), Image.fromarray(pixels), "a pixel picture of a cat in the snow"


def swapped(prompt: str, factor: str) -> str:
    """A caption of a lesson picture with one factor wrong: the first of SWAPS that it does not say."""
    match = re.fullmatch(r"(?P<style>.+?) of (?P<thing>.+) (?P<place>(?:on|in) .+)", prompt)
    assert match is not None, prompt
    wrong = next(other for other in SWAPS[factor] if other not in prompt)
    return "{style} of {thing} {place}".format(**match.groupdict() | {factor: wrong})


def _signs(pipe: StableDiffusionPipeline, picture: Image.Image, prompt: str) -> dict[str, float]:
    shown = read_image(pipe, picture)
    inversion = styledit.invert(pipe, shown, prompt, steps=STEPS, record=None, progress=False)
    coded = styledit.decode_latents(pipe, inversion.z_0)[0]
    back = styledit.reconstruct(pipe, inversion, guidance=1, progress=False).image
    found = {
        "agreement": clip_similarity(shown, prompt, embedded_clip()),
        "autoencoder": psnr(coded, shown),
        "round_trip": psnr(back, coded),
    }
    return {name: round(float(value), 2) for name, value in found.items()}

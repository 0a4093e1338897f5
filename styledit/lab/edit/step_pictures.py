"""The two runs of an edit as pictures: what each step takes the clean picture to be."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import torch
from diffusers import StableDiffusionPipeline

from styledit.editing import Edit
from styledit.lab.frames import thumbnail
from styledit.pictures import decode_latents
from styledit.previews import preview

SIDE = 128  # pixels, the longer side of a picture
SLOW = 0.2  # seconds: where the decoder takes longer, nothing else could be done meanwhile, and previews stay
Pictures = dict[str, list[bytes]]


def clean_estimates(latents: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """The estimate of the clean latents that each DDIM step made, from the latents that it went between.

    A step keeps x0 and eps: z_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) eps, and z_{t-1} alike; of the two, x0.

    Args:
        latents: (T + 1, n, C, h, w), the noisiest first.
        levels: abar of each, (T + 1,).

    Returns:
        (T, n, C, h, w).
    """
    abar = levels.to(latents).reshape(-1, *[1] * (latents.dim() - 1))
    noise = (1 - abar[1:]).sqrt() / (1 - abar[:-1]).sqrt()
    return (latents[1:] - noise * latents[:-1]) / (abar[1:].sqrt() - noise * abar[:-1].sqrt())


@torch.no_grad()
def picturing_steps(
    pipe: StableDiffusionPipeline, edit: Edit, levels: torch.Tensor
) -> Generator[Pictures, None, None]:
    """The pictures of both runs: {"source": [one a step], "edit": [...]}, WebP; none of a run whose latents
    are not those of all steps.

    First previews of all; then, a picture at a time from the last step on, the decoder's.

    Args:
        levels: abar of the T + 1 latents.
    """
    runs = {"source": edit.source_latents, "edit": edit.latents}
    x0 = {
        name: clean_estimates(latents, levels)[:, 0]
        for name, latents in runs.items()
        if len(latents) == len(levels)
    }
    if "edit" in x0 and edit.x0 is not None:  # after a blend, latents tell of two estimates at once
        x0["edit"] = edit.x0[:, 0]
    pictures: Pictures = {name: [] for name in runs}
    for name, latents in x0.items():
        pictures[name] = [thumbnail(picture, SIDE) for picture in preview(pipe, latents)]
        yield pictures
    for i in reversed(range(len(levels) - 1)):
        for name, latents in x0.items():
            start = time.perf_counter()
            decoded = decode_latents(pipe, latents[i : i + 1])[0]
            if time.perf_counter() - start > SLOW:
                return
            pictures[name][i] = thumbnail(decoded, SIDE)
            yield pictures


def steps_dict(number: int, pictures: Pictures) -> dict[str, Any]:
    """The pictures of the frame that answers a request, for the page."""
    return {"id": number} | {name: list(of_run) for name, of_run in pictures.items()}

"""What lessons 00 to 02 say of the model, measured on many pictures of the artist that it has not seen: the
way back from noise, where words look and what they do, and what edits change.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from measure.cases import held_out_cases, read_mask
from styledit.attention import Layers
from styledit.control import attention_control
from styledit.ddim import predict_x0_eps
from styledit.editing import Editor
from styledit.generation import reconstruct
from styledit.inversion import Inversion, invert
from styledit.lab.edit.samples import samples
from styledit.lessons.pictures import LessonPicture, lesson_picture
from styledit.metrics import psnr
from styledit.perception.judge import load_judge
from styledit.pictures import decode_latents
from styledit.recording import Record
from styledit.storage.data import EMBEDDED_FOLDER
from styledit.values import fit_values

STEPS = (10, 20, 40)  # T of the ways back
GUIDANCES = (1.0, 2.0, 3.0, 7.5)
FEW = 8  # pictures of what takes long, or of each kind
STEP = 3  # of 30, at which tokens are silenced
GRIDS = {"fine": (1,), "middle": (2,), "coarse": (4,), "all": (1, 2, 4)}  # by scale, as in `Layers`
EDITED = ("style", "place", "colour")  # kinds of `edits`
TWO = ("one of two", "word removed")  # kinds of the benchmark whose sources have two things


def names() -> list[str]:
    """The lesson pictures' files, by which `lesson_picture` finds them."""
    return [sample.file.name for sample in samples()]


# --- lesson 01 --------------------------------------------------------------------------------------


def way_back(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """How near FEW pictures come back, by the number of steps and guidance.

    A row: `picture`, `steps`, `guidance`, `psnr` (dB, against the picture as the autoencoder shows it), and
    `noise_std`, the standard deviation of the z_T that the way starts from.
    """
    rows = []
    for name in names()[:FEW]:
        picture = lesson_picture(pipe, name)
        for steps in STEPS:
            inversion = invert(pipe, picture.image, picture.prompt, steps=steps, record=None, progress=False)
            rows += [way_back_row(pipe, name, inversion, w) for w in GUIDANCES]
        print(f"  {name:<20} {[row['psnr'] for row in rows[-len(GUIDANCES) :]]} dB", flush=True)
    return rows


def way_back_row(
    pipe: StableDiffusionPipeline, name: str, inversion: Inversion, guidance: float
) -> dict[str, Any]:
    """One row of `way_back`."""
    run = reconstruct(pipe, inversion, guidance=guidance, progress=False)
    own = decode_latents(pipe, inversion.z_0)[0]
    return {
        "picture": name,
        "steps": inversion.steps,
        "guidance": guidance,
        "psnr": round(psnr(run.image, own), 2),
        "noise_std": round(float(inversion.z_T.std()), 3),
    }


# --- lessons 00 and 02 ------------------------------------------------------------------------------


def words(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """Where each token is read, and what silencing it changes.

    A row: `picture`; `thing`, its word; `area`, the share of the picture that the thing covers; `own`, the
    share of the self-attention of the thing's pixels, on the finest grid, that stays on the thing; `tokens`,
    as in `token_rows`.
    """
    rows = []
    for name in names():
        rows.append(words_row(pipe, name, lesson_picture(pipe, name)))
        print(f"  {name:<20} {rows[-1]['own']:.2f} of {rows[-1]['area']:.2f}", flush=True)
    return rows


def words_row(pipe: StableDiffusionPipeline, name: str, picture: LessonPicture) -> dict[str, Any]:
    """One row of `words`."""
    record = Record((Layers(), Layers(kind="self", scales=(1,))))
    inversion = invert(pipe, picture.image, picture.prompt, record=record, progress=False)
    return {
        "picture": name,
        "thing": thing_named(picture.prompt),
        "area": round(float(picture.mask.mean()), 4),
        "own": round(own_share(inversion, picture.mask), 4),
        "tokens": token_rows(pipe, picture, inversion),
    }


def thing_named(prompt: str) -> str:
    """The word of the first thing that a caption names."""
    return next(word for word in prompt.split() if word in things())


@cache
def things() -> frozenset[str]:
    """The words of all things of the model's world."""
    return frozenset(load_judge(EMBEDDED_FOLDER / "judge").labels["object"])


def token_rows(
    pipe: StableDiffusionPipeline, picture: LessonPicture, inversion: Inversion
) -> list[dict[str, Any]]:
    """For each token: its `token`; the `share` of all attention that it gets; by grid, as in `GRIDS`, which
    share of that lies `on` the thing; and how much the clean estimate at STEP changes on the thing
    (`silenced_on`) and around it (`silenced_around`) where its values read the empty prompt's.

    The end token and the padding are silenced together, in the row of the end token; theirs alone are None.
    """
    labels = inversion.maps.token_labels()
    end = labels.index("<end>")
    rows = []
    for k, label in enumerate(labels[: end + 1]):
        silenced = list(range(end, len(labels))) if k == end else [k]
        on, around = silenced_change(pipe, inversion, silenced, picture.mask)
        rows.append(
            {
                "token": label,
                "share": round(float(inversion.maps.tokens(silenced).mean()), 4),
                "on": {
                    grid: share_on(inversion.maps.select(layers=scales).tokens(silenced), picture.mask)
                    for grid, scales in GRIDS.items()
                },
                "silenced_on": on,
                "silenced_around": around,
            }
        )
    return rows


def share_on(heat: torch.Tensor, mask: np.ndarray) -> float:
    """Which share of a map (H, W) lies where a mask (H, W) is."""
    return round(float(heat[torch.from_numpy(mask)].sum() / heat.sum()), 4)


def silenced_change(
    pipe: StableDiffusionPipeline, inversion: Inversion, tokens: list[int], mask: np.ndarray
) -> tuple[float, float]:
    """How much the clean estimate at STEP changes on the mask and around it where these tokens write nothing:
    the root of the mean square over channels, averaged over places.
    """
    z, level = inversion.latents[STEP], inversion.levels[STEP]
    kind = pipe.scheduler.config.prediction_type
    values = inversion.c.clone()
    values[:, tokens] = inversion.null[:, tokens]
    with torch.no_grad(), attention_control(pipe.unet) as control:
        beliefs = []
        for read in (inversion.c, values):
            control.values = read
            output = pipe.unet(z, inversion.timesteps[STEP], encoder_hidden_states=inversion.c).sample
            beliefs.append(predict_x0_eps(output, z, level, kind)[0])
    change = (beliefs[1] - beliefs[0]).square().mean(1)[0].sqrt()  # (h, w)
    inside = on_grid(mask, change.shape)
    return round(float(change[inside].mean()), 4), round(float(change[~inside].mean()), 4)


def own_share(inversion: Inversion, mask: np.ndarray) -> float:
    """Which share of the self-attention of the thing's pixels, averaged over steps, layers and heads of the
    finest grid, lies on the thing.
    """
    (size,) = {inversion.maps.map_sizes[layer] for layer in inversion.maps.self_layers}
    inside = on_grid(mask, size).flatten()
    planes = [maps.float().mean((0, 1)) for maps in inversion.maps.self_layers.values()]  # (HW, HW)
    return float(torch.stack(planes).mean(0)[inside][:, inside].sum(1).mean())


def on_grid(mask: np.ndarray, size: torch.Size | tuple[int, int]) -> torch.Tensor:
    """Which cells of a grid (h, w) a mask (H, W) covers by more than half."""
    plane = torch.from_numpy(mask)[None, None].float()
    return torch.nn.functional.adaptive_avg_pool2d(plane, tuple(size))[0, 0] > 0.5


def two_things(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """Whether each of two things' words looks at its own thing.

    A row: `case` of the benchmark; `area`, the share of the picture that the one thing covers; `first`,
    whether it is named first; which share of its `own` word's map, and of the `other` thing's, lies on it,
    on the finest grid.
    """
    rows = []
    for i, case in enumerate(held_out_cases()):
        if case.kind not in TWO:
            continue
        named = [word for word in case.source_prompt.split() if word in things()]
        (other,) = [word for word in named if word != case.object]
        maps = invert(pipe, case.source, case.source_prompt, progress=False).maps.select(layers=1)
        mask = thing_mask(i)
        own, theirs = (share_on(maps.word(word), mask) for word in (case.object, other))
        row = {"case": i, "area": round(float(mask.mean()), 4), "first": named[0] == case.object}
        rows.append(row | {"own": own, "other": theirs})
        print(f"  {i} {case.source_prompt}: {own:.2f} {theirs:.2f} of {row['area']:.2f}", flush=True)
    return rows


def thing_mask(case: int) -> np.ndarray:
    """Where the thing is that a case of the benchmark is about, in its source: (H, W), True on it."""
    return read_mask(f"{case:02d}_mask.png")


# --- lesson 00 --------------------------------------------------------------------------------------


def edits(pipe: StableDiffusionPipeline) -> list[dict[str, Any]]:
    """What FEW edits each of a style, a place and a colour change, with value inputs and suggested settings.

    A row: `case` of the benchmark, `kind`, and the mean change of the pixels, from 0 to 1, `on` the thing and
    `around` it.
    """
    cases = [[(i, case) for i, case in enumerate(held_out_cases()) if case.kind == kind] for kind in EDITED]
    rows = []
    for i, case in chain.from_iterable(of_kind[:FEW] for of_kind in cases):
        inversion = invert(pipe, case.source, case.source_prompt, progress=False)
        values = fit_values(pipe, inversion, progress=False)
        edit = Editor(pipe, inversion, values=values).edit(case.target_prompt, progress=False)
        own = decode_latents(pipe, inversion.z_0)[0]
        on, around = changes(own, edit.image, thing_mask(i))
        rows.append({"case": i, "kind": case.kind, "on": on, "around": around})
        print(f"  {i} {case.kind:<7} {on:.2f} {around:.2f}  {case.target_prompt}", flush=True)
    return rows


def changes(before: Image.Image, after: Image.Image, mask: np.ndarray) -> tuple[float, float]:
    """The mean change of the pixels of two pictures, from 0 to 1, on a mask (H, W) and around it."""
    change = np.abs(np.asarray(before, float) - np.asarray(after, float)).mean(-1) / 255
    return round(float(change[mask].mean()), 4), round(float(change[~mask].mean()), 4)

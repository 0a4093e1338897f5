"""The edits that the methods are compared on: pictures whose true answer is known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from itertools import count

import numpy as np
from PIL import Image

from recipe.artwork import HELD_OUT_ARTIST, TRAIN_ARTISTS
from recipe.edition import COMMITTED, Edition
from recipe.folders import DATA
from recipe.make_data import CHANGES, draw_edit, edit_cases, scene_record
from recipe.world import Scene

FOLDER = DATA / "benchmark"
KINDS = tuple(CHANGES)
SceneEdit = tuple[str, Scene, Scene]  # a kind of edit, the source's scene, and the true target's


@dataclass(frozen=True)
class Case:
    """One edit with its true answer."""

    kind: str
    source: Image.Image
    truth: Image.Image
    source_prompt: str
    target_prompt: str
    mask: np.ndarray | None  # (H, W), True where the edit is; None for the whole picture
    changed: dict[str, str]  # the factors that the edit changes, as the judge should name them
    object: str  # the thing that changes, or the first one, for the local blend
    target_object: str  # what it becomes
    half: str | None = None  # "left" or "right": where the judge is to look; None: at the whole picture


def held_out_cases() -> list[Case]:
    """The cases of data/benchmark, 12 of each kind."""
    return [_case_of(record) for record in _records()]


def _records() -> list[dict]:
    lines = (FOLDER / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _case_of(record: dict) -> Case:
    return Case(
        kind=record["kind"],
        source=Image.open(FOLDER / record["file_name"]).convert("RGB"),
        truth=Image.open(FOLDER / record["truth"]).convert("RGB"),
        source_prompt=record["source_prompt"],
        target_prompt=record["target_prompt"],
        mask=_edited_region(record["kind"], read_mask(record["mask"]), read_mask(record["target_mask"])),
        changed=record["changed"],
        object=record["things"][0],
        target_object=record["things"][1],
        half=record["half"],
    )


def read_mask(name: str) -> np.ndarray:
    """A mask of the benchmark by its file, (H, W), True inside."""
    return np.asarray(Image.open(FOLDER / name).convert("L")) > 127


def training_cases(per_kind: int, seed: int, edition: Edition = COMMITTED) -> list[Case]:
    """Cases from the training artists' drawings, none of which is held out."""
    return [drawn_case(*edit) for edit in edit_cases(TRAIN_ARTISTS, per_kind, seed, edition)]


def drawn_edits(number: int, seed: int) -> list[SceneEdit]:
    """So many edits of the held-out artist's drawings, one of each kind in turn; no scene is a stored one.

    Edit i is the same whatever the number: more of them go on from fewer.
    """
    edits: list[SceneEdit] = []
    for k in range(-(-number // len(KINDS))):
        edits += _drawn_round(seed, k)
    return edits[:number]


@cache
def _drawn_round(seed: int, k: int) -> list[SceneEdit]:
    """One edit of each kind."""
    stored = [record[side] for record in _records() for side in ("source", "target")]
    attempts = (edit_cases((HELD_OUT_ARTIST,), 1, (seed, k, attempt)) for attempt in count())
    return next(
        edits
        for edits in attempts
        if not any(scene_record(scene) in stored for _, *pair in edits for scene in pair)
    )


def drawn_case(kind: str, source: Scene, target: Scene) -> Case:
    """The case of two scenes."""
    edit = draw_edit(kind, source, target)
    return Case(
        kind=kind,
        source=Image.fromarray(edit.picture),
        truth=Image.fromarray(edit.truth),
        source_prompt=source.caption,
        target_prompt=target.caption,
        mask=_edited_region(kind, edit.mask, edit.target_mask),
        changed=edit.changed,
        object=edit.things[0],
        target_object=edit.things[1],
        half=edit.half,
    )


def _edited_region(kind: str, mask: np.ndarray, target_mask: np.ndarray) -> np.ndarray | None:
    """Where an edit may change the picture: everything, all but the object, or the objects."""
    if kind == "style":
        return None
    if kind == "place":
        return ~mask
    return mask | target_mask

"""The edits that the methods are compared on: pictures whose true answer is known."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from PIL import Image

from recipe.folders import DATA
from recipe.make_data import edit_cases
from recipe.samples import NO_COLOUR
from recipe.world import TRAIN_ARTISTS, render

FOLDER = DATA / "benchmark"
KINDS = ("object", "colour", "place", "style", "added word")
FACTORS = ("object", "colour", "place", "style")


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
    object: str  # the source's, for the local blend
    target_object: str


def held_out_cases() -> list[Case]:
    """The 60 cases of data/benchmark, 12 of each kind."""
    lines = (FOLDER / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    return [_case_of(json.loads(line)) for line in lines]


def _case_of(record: dict) -> Case:
    source = record["source"]
    target = record["target"]
    return Case(
        kind=record["kind"],
        source=Image.open(FOLDER / record["file_name"]).convert("RGB"),
        truth=Image.open(FOLDER / record["truth"]).convert("RGB"),
        source_prompt=record["source_prompt"],
        target_prompt=record["target_prompt"],
        mask=_edited_region(record["kind"], _mask(record["mask"]), _mask(record["target_mask"])),
        changed=_changed(source, target),
        object=source["object"],
        target_object=target["object"],
    )


def _mask(name: str) -> np.ndarray:
    return np.asarray(Image.open(FOLDER / name).convert("L")) > 127


def training_cases(per_kind: int, seed: int) -> list[Case]:
    """Cases from the training artists' drawings, none of which is in the 60."""
    cases = []
    for kind, source, target in edit_cases(TRAIN_ARTISTS, per_kind, seed):
        before, mask = render(source)
        after, target_mask = render(target)
        case = Case(
            kind=kind,
            source=Image.fromarray(before),
            truth=Image.fromarray(after),
            source_prompt=source.caption,
            target_prompt=target.caption,
            mask=_edited_region(kind, mask, target_mask),
            changed=_changed(vars(source), vars(target)),
            object=source.object,
            target_object=target.object,
        )
        cases.append(case)
    return cases


def _edited_region(kind: str, mask: np.ndarray, target_mask: np.ndarray) -> np.ndarray | None:
    """Where an edit may change the picture: everything, all but the object, or the objects."""
    if kind == "style":
        return None
    if kind == "place":
        return ~mask
    return mask | target_mask


def _changed(source: dict, target: dict) -> dict[str, str]:
    """The factors in which two scenes differ, with the judge's name of the target's."""
    before = _named(source)
    after = _named(target)
    return {f: after[f] for f in FACTORS if after[f] not in (before[f], NO_COLOUR)}


def _named(scene: dict) -> dict[str, str]:
    """A scene's factors as the judge names them; a pencil shows no colour."""
    named = {f: scene[f] for f in FACTORS}
    if scene["colour"] is None or scene["style"] == "sketch":
        named["colour"] = NO_COLOUR
    return named

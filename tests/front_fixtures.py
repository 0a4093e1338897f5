"""What the browser's half has to agree with: numbers that Python computes, for the tests in `tests/front/`.

`python tests/front_fixtures.py` writes tests/front/fixtures.json again; `test_front.py` says whether that is
needed.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from styledit.editing import Settings
from styledit.editing.mask import PaintedMask
from styledit.lab import palettes
from styledit.lab.edit import methods
from styledit.lab.edit.png_recipe import as_dict, mask_as_dict
from styledit.lab.edit.serialising import first_target, switches_on
from styledit.lab.edit.sheet import MOST_TILES
from styledit.lab.edit.sheet_axes import AXES
from styledit.lab.explorer.columns import sinks
from styledit.lab.explorer.packing import entries, join, looks, pack
from styledit.lab.explorer.packing import part as one_part
from styledit.lab.explorer.widget import chosen_layers
from styledit.lab.words import SMALL_WORDS
from styledit.maps import AttentionMaps
from styledit.prompts import Word, known_words, prompt_slots

PLACE = Path(__file__).with_name("front") / "fixtures.json"
STEPS, HEADS, TOKENS = 2, 2, 8
CHOICES = (
    ("all", -1, -1),
    ("all", 1, -1),
    ("all", -1, 0),
    ("all", 1, 1),
    ("grid:4x4", 0, 1),
    ("layer:1", -1, -1),
)
SWITCHED = (
    (Settings(), 15),
    (Settings(tau_c=0.14, tau_s=1.0, tau_u=0.28, tau_v=0.0, blend=("fox",)), 50),
    (Settings(tau_c=0.35, blend=("fox",), mask=PaintedMask.of(np.eye(3, 4))), 20),
    (Settings(tau_v=0.2, blend=("fox",)), 1),
)
PROMPTS = (
    "a watercolor painting of a red fox in the snow",
    "A blueprint drawing of a small car",
    "a pencil sketch of an owl on the beach",
    "a dog",
)


def fixtures(pipe: StableDiffusionPipeline) -> dict[str, Any]:
    """Everything, as JSON takes it. `pipe`: the embedded model's."""
    return {
        "explorer": _explorer(),
        "colours": _colours(),
        "language": _language(pipe),
        "mask": mask_as_dict(PaintedMask.of(np.eye(3, 4))),
        "settings": as_dict(Settings()),
        "sheets": {
            "axes": [asdict(kind) for kind in AXES.values()],
            "methods": methods.as_dicts({}),
            "most_tiles": MOST_TILES,
        },
        "switches": [_switches(settings, steps) for settings, steps in SWITCHED],
    }


def _maps(seed: int, *words: str) -> AttentionMaps:
    """A recording of two blocks, the first with self-attention."""
    rng = np.random.default_rng(seed)

    def drawn(pixels: int, others: int) -> torch.Tensor:
        weights = rng.random((STEPS, HEADS, pixels, others)) ** 3
        return torch.from_numpy(weights / weights.sum(-1, keepdims=True)).float()

    sizes = {"down_blocks.0.attn1": (4, 4), "down_blocks.0.attn2": (4, 4), "mid_block.attn2": (2, 2)}
    return AttentionMaps(
        {name: drawn(h * w, TOKENS) for name, (h, w) in sizes.items() if name.endswith("attn2")},
        sizes,
        tuple(Word(word, (k + 1,)) for k, word in enumerate(words)),
        (8, 8),
        self_layers={"down_blocks.0.attn1": drawn(16, 16)},
    )


def _explorer() -> dict[str, Any]:
    """Maps as they travel, and what they are; tight: as they travel where there is little room."""
    runs = [_maps(0, "a", "red", "fox"), _maps(1, "a", "blue", "fox")]
    packed = pack(runs)
    layer = packed.about["layers"][0]
    part = list(one_part(runs, 1, 1))
    means = []
    for run, (choice, row, head) in enumerate(CHOICES):
        layers = chosen_layers(packed.about["layers"], choice)
        maps = packed.mean(run % 2, layers, None if row < 0 else row, None if head < 0 else head)
        means.append({"run": run % 2, "choice": choice, "row": row, "head": head, "maps": _listed(maps)})
    taking = [0.3, 0.19, 0.16, 0.019, 0.017, 0.03, 0.2]  # what columns take on average
    kinds = ["start", *["word"] * 5, "padding"]
    seen = looks(runs[0], layer, 1, None, 0.3, 0.7)
    assert seen is not None
    return {
        "about": packed.about,
        "data": _base64(packed.data),
        "means": means,
        "sinks": {"means": taking, "kinds": kinds, "columns": sorted(sinks(taking, kinds))},
        "small": sorted(SMALL_WORDS),
        "part": {"row": 1, "head": 1, "tables": entries(part), "data": _base64(join(part))},
        "looks": {"row": 1, "head": -1, "x": 0.3, "y": 0.7, "layer": layer["index"], "map": _listed(seen)},
    }


def _colours() -> dict[str, Any]:
    values = np.linspace(-0.2, 1.2, 57)
    return {
        "values": values.tolist(),
        "sequential": {"anchors": palettes.SEQUENTIAL, "colours": _painted(values, palettes.SEQUENTIAL)},
        "diverging": {"anchors": palettes.DIVERGING, "colours": _painted(values, palettes.DIVERGING)},
    }


def _painted(values: np.ndarray, palette: palettes.Palette) -> list[list[int]]:
    return palettes.paint(values[None], 0, 1, palette)[0].tolist()


def _switches(settings: Settings, steps: int) -> dict[str, Any]:
    """Which switches are on at each step, as 0 and 1."""
    on = switches_on(settings, steps)
    return {
        "settings": as_dict(settings),
        "steps": steps,
        "on": {name: [int(step[name]) for step in on] for name in on[0]},
    }


def _language(pipe: StableDiffusionPipeline) -> dict[str, Any]:
    return {
        "slots": [{"label": label, "words": list(words)} for label, words in prompt_slots(pipe).items()],
        "words": sorted(known_words(pipe)),
        "targets": {prompt: first_target(pipe, prompt) for prompt in PROMPTS},
    }


def _listed(values: np.ndarray) -> list[Any]:
    return values.astype(float).round(6).tolist()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def written(made: dict[str, Any]) -> str:
    """The file's text: a line for each entry."""
    lines = [f"{json.dumps(name)}: {json.dumps(entry, ensure_ascii=False)}" for name, entry in made.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    import styledit

    PLACE.write_text(written(fixtures(styledit.load())), encoding="utf-8")

"""Results that take a lesson too long, under `data/results/` with the fingerprint of the model.

A lesson computes one case itself, asserts that it agrees, and shows the stored table:

    table = stored_result(pipe, "value_fits")
"""

from __future__ import annotations

import json
from typing import Any

from diffusers import StableDiffusionPipeline

from styledit.pipeline import model_fingerprint
from styledit.storage.data import DATA_FOLDER

FOLDER = DATA_FOLDER / "results"


def stored_result(pipe: StableDiffusionPipeline, name: str) -> Any:
    """What `make results` stored under a name, for this model.

    Raises:
        ValueError: there is no result of that name, or it was computed with another model.
    """
    file = FOLDER / f"{name}.json"
    if not file.is_file():
        there = ", ".join(sorted(path.stem for path in FOLDER.glob("*.json"))) or "none yet"
        raise ValueError(f"There is no stored result {name!r} (there are: {there}); run `make results`.")
    stored = json.loads(file.read_text(encoding="utf-8"))
    if stored["model"] != model_fingerprint(pipe):
        raise ValueError(f"{name!r} was computed with another model than this pipeline; run `make results`.")
    return stored["result"]

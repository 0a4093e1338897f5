"""What to try on a picture that is none of the model's world: the kinds of change that held on photographs
and foreign drawings, as measured (`make results RESULTS=photographs`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from diffusers import StableDiffusionPipeline

from styledit.pipeline import model_fingerprint
from styledit.prompts import prompt_slots
from styledit.storage.data import DATA_FOLDER

TABLE = DATA_FOLDER / "results" / "photographs.json"
NAMES = {
    "style": "another style",
    "place": "another place",
    "colour": "another colour",
    "thing": "another thing",
    "masked thing": "another thing inside a painted mask",
    "added thing": "an added thing",
}
GROUPS = {"photograph": "photographs", "drawing": "drawings by others"}
PROMPT = "Check that the prompt says what the picture shows."


def advice(pipe: StableDiffusionPipeline) -> str:
    """What to try: sentences."""
    if not prompt_slots(pipe):
        return f"Try more steps. {PROMPT}"
    return " ".join(filter(None, (_said_of(model_fingerprint(pipe)), PROMPT)))


def said_of(kinds: Sequence[Mapping[str, Any]]) -> str:
    """What a table's kinds of change come to: those that hold, in each group of pictures."""
    said = []
    for group, phrase in GROUPS.items():
        held = [NAMES[row["kind"]] for row in kinds if row["group"] == group and row["holds"]]
        said.append(f"on {phrase} {', '.join(held) or 'nothing that was measured'}")
    return f"What mostly works: {'; '.join(said)}."


@lru_cache(maxsize=4)
def _said_of(model: str) -> str:
    """The same of the stored table; empty where there is none of this model."""
    if not TABLE.is_file():
        return ""
    stored = json.loads(TABLE.read_text(encoding="utf-8"))
    return said_of(stored["result"]["kinds"]) if stored["model"] == model else ""

"""Lesson 00, the first edit."""

from __future__ import annotations

import json
from typing import Any

from styledit.lessons.exercises.checking import NotYet, exercise
from styledit.lessons.pictures import FOLDER
from styledit.storage.data import EMBEDDED_FOLDER

PICTURE = "car"


@exercise("00 Another place", right="one thing is named anew, and the rest word for word")
def check_target(target: Any) -> None:
    """Check a target prompt for the lesson's picture that changes the place alone."""
    if not isinstance(target, str):
        raise NotYet(f"a sentence in quotes is asked for, not a {type(target).__name__}.")
    words = target.lower().strip().removesuffix(".").split()
    known = set(json.loads((EMBEDDED_FOLDER / "words.json").read_text(encoding="utf-8")))
    unknown = [word for word in words if word not in known]
    if unknown:
        raise NotYet(f"the model does not know {unknown[0]!r}; the first cell lists the words that it knows.")
    source = _caption().split()
    until = source.index(PICTURE) + 1
    if words == source:
        raise NotYet("this is the picture's own caption; nothing would change.")
    if words[:until] != source[:until]:
        raise NotYet("keep style, colour and thing word for word: what is not to change is said as before.")
    if len(words) < until + 2:
        raise NotYet("the sentence ends too early; where is the car to be?")
    if words[-1] == source[-1]:
        raise NotYet("the place is still the same.")


def _caption() -> str:
    """The lesson's source prompt."""
    lines = (FOLDER / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    return next(record["text"] for record in map(json.loads, lines) if record["object"] == PICTURE)

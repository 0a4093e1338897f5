"""Pictures to begin with, and edits whose true answer is known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.metrics import psnr
from styledit.perception.judge import Judge, half, load_judge
from styledit.pictures import as_pixels, read_image
from styledit.storage.data import DATA_FOLDER, EMBEDDED_FOLDER


@dataclass(frozen=True)
class Sample:
    """A picture of `data/images` and its caption."""

    name: str
    prompt: str
    file: Path

    @property
    def picture(self) -> Image.Image:
        return Image.open(self.file).convert("RGB")


@dataclass(frozen=True)
class Challenge:
    """An edit of `data/benchmark` with its true answer; `changed`: {factor: what it should become}, in which
    `half` of the picture ("left", "right"; None: all of it).
    """

    name: str
    kind: str
    prompt: str
    target: str
    file: Path
    truth_file: Path
    changed: dict[str, str]
    half: str | None = None

    @property
    def picture(self) -> Image.Image:
        return Image.open(self.file).convert("RGB")

    @property
    def truth(self) -> Image.Image:
        return Image.open(self.truth_file).convert("RGB")

    @property
    def label(self) -> str:
        return f"{int(self.name) + 1}: {self.kind} – {self.target}"


@dataclass(frozen=True)
class Score:
    """How an edit compares with the truth: `psnr` in dB; `succeeded`: whether the judge sees every change;
    `verdict`: what it sees, in words.
    """

    psnr: float
    succeeded: bool
    verdict: str


def samples() -> list[Sample]:
    """The lesson pictures; empty where the data folder is not there."""
    return [
        Sample(Path(record["file_name"]).stem, record["text"], DATA_FOLDER / "images" / record["file_name"])
        for record in _lines(DATA_FOLDER / "images" / "metadata.jsonl")
    ]


def challenges() -> list[Challenge]:
    """The edits with a true answer; empty where the data folder is not there."""
    place = DATA_FOLDER / "benchmark"
    return [
        Challenge(
            name=record["file_name"].split("_")[0],
            kind=record["kind"],
            prompt=record["source_prompt"],
            target=record["target_prompt"],
            file=place / record["file_name"],
            truth_file=place / record["truth"],
            changed=record["changed"],
            half=record["half"],
        )
        for record in _lines(place / "metadata.jsonl")
    ]


def picture(pipe: StableDiffusionPipeline, name: str) -> Image.Image:
    """A lesson picture ("00_fox") or a challenge's source ("07") by name, at the model's size.

    Raises:
        ValueError: there is none of that name; the message says which there are.
    """
    known: dict[str, Sample | Challenge] = {entry.name: entry for entry in samples()}
    known |= {entry.name: entry for entry in challenges()}
    if name not in known:
        raise ValueError(f"There is no picture {name!r}; choose from {', '.join(known)}.")
    return read_image(pipe, known[name].picture)


def score(challenge: Challenge, picture: Image.Image) -> Score:
    """Hold an edited picture against the true one."""
    seen = judged(picture, challenge.half)
    wrong = [
        f"{factor}: {seen[factor]}" for factor, value in challenge.changed.items() if seen[factor] != value
    ]
    wanted = ", ".join(f"{factor}: {value}" for factor, value in challenge.changed.items())
    wanted = f"{challenge.half} half, {wanted}" if challenge.half else wanted
    verdict = (
        f"the judge sees the change ({wanted})"
        if not wrong
        else (f"the judge does not see the change ({wanted}), but {', '.join(wrong)}")
    )
    return Score(psnr(picture, challenge.truth), not wrong, verdict)


def judged(picture: Image.Image, side: str | None = None) -> dict[str, str]:
    """What the embedded model's judge sees in a picture, or in a half, "left" or "right": {factor: class}."""
    (named,) = _judge().name(half(as_pixels(picture.convert("RGB")), side))
    return named


@lru_cache(maxsize=1)
def _judge() -> Judge:
    return load_judge(EMBEDDED_FOLDER / "judge")


def _lines(file: Path) -> list[dict]:
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

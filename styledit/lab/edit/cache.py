"""Inversions and fits on disk, so that a picture that was fitted once is found again."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path

from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.inversion import Inversion
from styledit.pipeline import model_fingerprint
from styledit.prompts import prompt_slots
from styledit.storage.data import cache_folder
from styledit.values import ValueInputs
from styledit.values.fitting import fit_guidance

MIB = 2**20
LIMIT = 512 * MIB  # of all that is kept
LARGEST = 128 * MIB  # of one inversion


def folder() -> Path:
    """Where they lie."""
    return cache_folder() / "fits"


class FitCache:
    """What was inverted and fitted, by picture, prompt, steps and model. The oldest goes where room is
    needed; a damaged file counts as none; a disk that cannot be written to is no error.

    Args:
        place: a folder; None takes `folder()`.
    """

    def __init__(self, place: Path | None = None) -> None:
        self.place = place or folder()

    def find(
        self, pipe: StableDiffusionPipeline, picture: Image.Image, prompt: str, steps: int
    ) -> tuple[Inversion, ValueInputs] | None:
        """What was kept of a picture; None where there is nothing that can be used."""
        model = model_fingerprint(pipe)
        key = _key(model, picture, prompt, steps)
        device = pipe.unet.device
        try:
            inversion = Inversion.load(self._file(key, "inversion"), device)
            values = ValueInputs.load(self._file(key, "values"), device)
            values.check(inversion)
        except (OSError, ValueError):
            return None
        if _key(inversion.model, inversion.image, inversion.prompt, inversion.steps) != key:
            return None  # a file under another one's name
        if values.guidance != fit_guidance(pipe):
            return None  # the model's own numbers were others then
        now = time.time()
        for kind in ("inversion", "values"):
            with contextlib.suppress(OSError):
                os.utime(self._file(key, kind), (now, now))
        return inversion, values

    def keep(self, pipe: StableDiffusionPipeline, inversion: Inversion, values: ValueInputs) -> None:
        """Keep a complete fit; without its maps where these are large and the pipeline's settings do not
        follow from them.
        """
        maps = [] if inversion.maps is None else list(inversion.maps.layers.values())
        if inversion.latents.nbytes + sum(tensor.nbytes for tensor in maps) > LARGEST:
            if prompt_slots(pipe) or inversion.latents.nbytes > LARGEST:
                return
            inversion = replace(inversion, maps=None)
        key = _key(model_fingerprint(pipe), inversion.image, inversion.prompt, inversion.steps)
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            inversion.save(self._file(key, "inversion"))
            values.save(self._file(key, "values"))
            self._make_room()
        except (OSError, ValueError):
            return

    def _file(self, key: str, kind: str) -> Path:
        return self.place / f"{key}.{kind}.safetensors"

    def _make_room(self) -> None:
        """Remove the files that were used longest ago, beyond the limit."""
        files = sorted(self.place.glob("*.safetensors"), key=lambda file: file.stat().st_mtime, reverse=True)
        total = 0
        for file in files:
            total += file.stat().st_size
            if total > LIMIT:
                file.unlink(missing_ok=True)


def _key(model: str, picture: Image.Image, prompt: str, steps: int) -> str:
    """A name for the fit of a picture."""
    about = f"{model} {picture.size} {prompt} {steps} ".encode()
    return hashlib.sha256(about + picture.tobytes()).hexdigest()[:24]

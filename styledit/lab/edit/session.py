"""One picture on its way to edits, without a widget: read, inverted, fitted, and what to expect of it.

Everything that computes is a generator with a yield after each network call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, TypeVar

from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.denoising import State
from styledit.editing import Edit, Editor
from styledit.generation import generating, reconstructing
from styledit.inversion import Inversion, inverting
from styledit.lab.edit.cache import FitCache
from styledit.metrics import clip_similarity, psnr
from styledit.perception.clip import Clip, load_clip
from styledit.pictures import decode_latents
from styledit.prompts import prompt_slots
from styledit.values import ValueInputs
from styledit.values.fitting import ValueFit

Kind = Literal["sample", "upload", "seed", "challenge"]
Result = TypeVar("Result")

MOST_STEPS = 100
DRAWING_STEPS = 30  # of a source that is drawn by a seed

# Where a picture is no longer one of the model's world, at 15 steps (42 benchmark pictures on one side,
# photographs and noise on the other): CLIP's agreement 56 to 87 against -12 to 41; the round
# trip 22 to 37 dB, but for three of 13 to 15, against 15 to 27; the autoencoder 26 to 38 dB against 11 to 34.
LEAST_AGREEMENT = 55.0  # 100 times the cosine
LEAST_ROUND_TRIP = 21.0  # dB
LEAST_AUTOENCODER = 25.0  # dB


@dataclass(frozen=True)
class Progress:
    """How far a stage is: `done` of `total` network calls."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Source:
    """What is to be edited: a picture and what it shows, and in how many steps T.

    `picture` is None where a `seed` draws it; `name`: of the sample, challenge or file; `note`: what is to
    be said of it.
    """

    kind: Kind
    name: str
    prompt: str
    steps: int
    picture: Image.Image | None = None
    seed: int = 0
    note: str = ""

    @cached_property
    def key(self) -> str:
        """Two of the same key are the same picture with the same prompt, chosen in the same way."""
        about = repr((self.kind, self.name, self.prompt, self.steps, self.seed)).encode()
        pixels = b"" if self.picture is None else self.picture.tobytes()
        return hashlib.sha256(about + pixels).hexdigest()[:16]

    def about(self) -> dict[str, Any]:
        """Everything but the pixels and the note, as JSON takes it."""
        return {name: getattr(self, name) for name in ("key", "kind", "name", "seed", "prompt", "steps")}


@dataclass(frozen=True)
class Ready:
    """What a lab is opened with: an inversion, its value inputs where they are fitted, and an edit that the
    lab could not make itself.
    """

    inversion: Inversion
    values: ValueInputs | None = None
    edit: Edit | None = None


@dataclass(frozen=True)
class Prepared:
    """A source that can be edited. `found`: whether its fit was kept from before; `given`: whether its value
    inputs are the user's own, and no plain fit.
    """

    source: Source
    picture: Image.Image
    inversion: Inversion
    values: ValueInputs
    editor: Editor
    found: bool
    given: bool = False


def preparing(
    pipe: StableDiffusionPipeline, source: Source, cache: FitCache
) -> Generator[Progress, None, Prepared]:
    """Draw the picture where a seed says so, invert it, and fit its value inputs, or find them on disk.

    Raises:
        ValueError: a prompt or a picture that cannot be used.
    """
    picture = source.picture
    if picture is None:
        drawing = generating(pipe, source.prompt, seed=source.seed, steps=DRAWING_STEPS)
        picture = (yield from with_progress(drawing, "drawing", DRAWING_STEPS)).image
    found = cache.find(pipe, picture, source.prompt, source.steps)
    if found is None:
        run = inverting(pipe, picture, source.prompt, source.steps)
        inversion = yield from with_progress(run, "inverting", source.steps)
        values = yield from _fitting(pipe, inversion)
        cache.keep(pipe, inversion, values)
    else:
        inversion, values = found
    editor = Editor(pipe, inversion, values=values)
    return Prepared(source, picture, inversion, values, editor, found is not None)


def preparing_ready(
    pipe: StableDiffusionPipeline, source: Source, ready: Ready
) -> Generator[Progress, None, Prepared]:
    """The same from an inversion that exists; its values are fitted where they are missing."""
    values = ready.values
    if values is None:
        values = yield from _fitting(pipe, ready.inversion)
    editor = Editor(pipe, ready.inversion, values=values)
    given = ready.values is not None
    return Prepared(source, ready.inversion.image, ready.inversion, values, editor, True, given)


def _fitting(pipe: StableDiffusionPipeline, inversion: Inversion) -> Generator[Progress, None, ValueInputs]:
    values = yield from with_progress(ValueFit(pipe, inversion).run(), "fitting", inversion.steps)
    assert isinstance(values, ValueInputs)  # of one picture
    return values


def domain_warning(pipe: StableDiffusionPipeline, prepared: Prepared) -> Generator[Progress, None, str]:
    """What to expect of a picture, measured before any edit: a sentence, empty where it looks like one of
    the model's own.

    Held against what pictures of the model's world reach: the autoencoder's own reconstruction, the way there
    and back at guidance 1 against it, and, for the embedded model, how well its CLIP finds picture and prompt
    to agree.
    """
    inversion = prepared.inversion
    own = decode_latents(pipe, inversion.z_0)[0]
    run = reconstructing(pipe, inversion, guidance=1.0)
    back = yield from with_progress(run, "checking", inversion.steps)
    code = psnr(own, inversion.image)
    trip = psnr(back.image, own)
    found = []
    embedded = bool(prompt_slots(pipe))
    if embedded:
        agreement = clip_similarity(inversion.image, inversion.prompt, embedded_clip())
        if agreement < LEAST_AGREEMENT:
            found.append(
                f"its words and the picture hardly agree ({agreement:.0f} of 100, usual are 71 to 84)"
            )
    if code < LEAST_AUTOENCODER:
        found.append(f"its autoencoder loses detail of it ({code:.0f} dB, usual are 27 to 38)")
    if trip < LEAST_ROUND_TRIP:
        found.append(f"the way to noise and back strays ({trip:.0f} dB, usual are 24 to 36)")
    if not found:
        return ""
    advice = (
        "The reconstruction will hold; new things will look like the model's own drawings. A change of style "
        "or place, or a painted mask, works best; check that the prompt says what the picture shows."
        if embedded
        else "Try more steps, and check that the prompt says what the picture shows."
    )
    return f"This picture lies outside the model's world: {', and '.join(found)}. {advice}"


def with_progress(
    run: Generator[State, None, Result], stage: str, total: int
) -> Generator[Progress, None, Result]:
    """A run's states as progress."""
    done = 0
    while True:
        try:
            state = next(run)
        except StopIteration as end:
            return end.value
        done += state.finished
        yield Progress(stage, done, total)


@lru_cache(maxsize=1)
def embedded_clip() -> Clip:
    """The embedded CLIP, loaded once."""
    return load_clip()

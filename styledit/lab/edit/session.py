"""One picture on its way to edits, without a widget: read, inverted, and what to expect of it.

Everything that computes is a generator with a yield after each network call.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, Self, TypeVar

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.denoising import State
from styledit.editing import Edit, Editor
from styledit.generation import generating, reconstructing
from styledit.inversion import Inversion, inverting
from styledit.lab.edit.advice import advice
from styledit.lab.edit.cache import FitCache
from styledit.metrics import clip_similarity, psnr
from styledit.perception.clip import Clip, load_clip
from styledit.pictures import decode_latents
from styledit.prompts import prompt_slots, split_words
from styledit.values import ValueInputs
from styledit.values.fitting import ValueFit, fit_guidance

Kind = Literal["sample", "upload", "seed", "challenge"]
Result = TypeVar("Result")

MOST_STEPS = 100
DRAWING_STEPS = 30  # of a source that is drawn by a seed
EDITS_KEPT = 24  # about so many edits' states are kept, for later ones to go on from

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
    """A source that can be edited: by `editor`, which follows it, and by its value inputs once they are
    there. `guidance`: the w of their fit; `found`: whether a fit need not be kept; `given`: whether its value
    inputs are the user's own, and no plain fit.
    """

    source: Source
    picture: Image.Image
    inversion: Inversion
    guidance: float
    values: ValueInputs | None
    editor: Editor
    found: bool
    given: bool = False

    @cached_property
    def fit_key(self) -> str:
        """Two of the same key have the same value inputs, or none."""
        values = self.values
        if values is None:
            return ""
        return repr((values.guidance, tensor_key(values.scale), tensor_key(values.shift)))

    @classmethod
    def of(
        cls,
        pipe: StableDiffusionPipeline,
        source: Source,
        inversion: Inversion,
        values: ValueInputs | None,
        found: bool,
        given: bool = False,
    ) -> Self:
        """A source with its inversion, and its value inputs where they are there."""
        guidance = fit_guidance(pipe) if values is None else values.guidance
        editor = following_editor(pipe, inversion, guidance)
        return cls(source, inversion.image, inversion, guidance, values, editor, found, given)


def following_editor(pipe: StableDiffusionPipeline, inversion: Inversion, guidance: float) -> Editor:
    """An editor without value inputs, by the model's own rule; of a model that has none, direct inversion.

    Args:
        guidance: w of the source in direct inversion.
    """
    editor = lab_editor(pipe, inversion)
    if editor.rule is not None:
        return editor
    return lab_editor(pipe, inversion, guidance=guidance, follow_inversion=True)


def lab_editor(pipe: StableDiffusionPipeline, inversion: Inversion, **options: Any) -> Editor:
    """An editor that remembers the states of some edits only.

    Args:
        options: of `Editor`.
    """
    return Editor(pipe, inversion, history=states_kept(inversion), **options)


def states_kept(inversion: Inversion) -> int:
    """Bytes that the states of a picture's earlier edits may take: an hour makes hundreds of edits."""
    one = 2 * inversion.steps * inversion.z_T.nbytes  # z and x0 of each step
    return EDITS_KEPT * one


def drawing(pipe: StableDiffusionPipeline, source: Source) -> Generator[Progress, None, Image.Image]:
    """The picture of a source, drawn where a seed says so.

    Raises:
        ValueError: a prompt that cannot be used.
    """
    split_words(pipe, source.prompt)
    if source.picture is not None:
        return source.picture
    run = generating(pipe, source.prompt, seed=source.seed, steps=DRAWING_STEPS)
    return (yield from with_progress(run, "drawing", DRAWING_STEPS)).image


def preparing(
    pipe: StableDiffusionPipeline, source: Source, picture: Image.Image, cache: FitCache
) -> Generator[Progress, None, Prepared]:
    """Invert a source's picture, or find inversion and value inputs on disk.

    Raises:
        ValueError: a prompt or a picture that cannot be used.
    """
    found = cache.find(pipe, picture, source.prompt, source.steps)
    if found is not None:
        return Prepared.of(pipe, source, *found, found=True)
    run = inverting(pipe, picture, source.prompt, source.steps)
    inversion = yield from with_progress(run, "inverting", source.steps)
    return Prepared.of(pipe, source, inversion, None, found=False)


def fitting(pipe: StableDiffusionPipeline, prepared: Prepared) -> Generator[Progress, None, ValueInputs]:
    """The value inputs of a source."""
    run = ValueFit(pipe, prepared.inversion, guidance=prepared.guidance).run()
    values = yield from with_progress(run, "fitting", prepared.inversion.steps)
    assert isinstance(values, ValueInputs)  # of one picture
    return values


def first_signs(pipe: StableDiffusionPipeline, inversion: Inversion) -> list[str]:
    """What says at once that a picture is none of the model's world: the autoencoder's own reconstruction
    and, for the embedded model, how well its CLIP finds picture and prompt to agree.
    """
    found = []
    if prompt_slots(pipe):
        agreement = clip_similarity(inversion.image, inversion.prompt, embedded_clip())
        if agreement < LEAST_AGREEMENT:
            found.append(
                f"its words and the picture hardly agree ({agreement:.0f} of 100, usual are 71 to 84)"
            )
    code = psnr(decode_latents(pipe, inversion.z_0)[0], inversion.image)
    if code < LEAST_AUTOENCODER:
        found.append(f"its autoencoder loses detail of it ({code:.0f} dB, usual are 27 to 38)")
    return found


def last_sign(pipe: StableDiffusionPipeline, inversion: Inversion) -> Generator[Progress, None, list[str]]:
    """And what the way there and back at guidance 1 says, held against the autoencoder's reconstruction."""
    run = reconstructing(pipe, inversion, guidance=1.0)
    back = yield from with_progress(run, "checking", inversion.steps)
    trip = psnr(back.image, decode_latents(pipe, inversion.z_0)[0])
    return (
        []
        if trip >= LEAST_ROUND_TRIP
        else [f"the way to noise and back strays ({trip:.0f} dB, usual are 24 to 36)"]
    )


def domain_warning(pipe: StableDiffusionPipeline, signs: list[str]) -> str:
    """What to expect of a picture with these signs: a sentence, empty where there are none."""
    if not signs:
        return ""
    return f"This picture lies outside the model's world: {', and '.join(signs)}. {advice(pipe)}"


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


def is_over(run: Generator[Any, None, Any]) -> bool:
    """Whether a run came to its end, or failed."""
    return inspect.getgeneratorstate(run) == inspect.GEN_CLOSED


def tensor_key(tensor: torch.Tensor) -> str:
    """Two of the same key have the same numbers."""
    data = tensor.detach().cpu().contiguous().view(torch.uint8)  # as bytes: numpy has no bfloat16
    return hashlib.sha256(data.numpy().tobytes()).hexdigest()[:16]


@lru_cache(maxsize=1)
def embedded_clip() -> Clip:
    """The embedded CLIP, loaded once."""
    return load_clip()

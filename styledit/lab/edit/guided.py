"""Guided edits in the lab: what the page asks for, a run whose stop keeps the best, and how it is kept.

A guided edit that was stopped keeps the value inputs that it had found; without iterations they make it
again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit import validation as check
from styledit.editing import Edit
from styledit.guiding import GUIDES, Frame, Guided, GuidedEdit, GuidedSettings, GuidedState, Weights
from styledit.guiding.settings import MOST_ITERATIONS, SCHEDULES, STARTS
from styledit.guiding.style_phrases import style_settings, with_style_phrase
from styledit.guiding.weights import TERMS
from styledit.lab.edit.keeping import MIB, drop_oldest
from styledit.lab.edit.session import Prepared, Progress, embedded_clip, tensor_key
from styledit.lab.frames import encode, thumbnail

GUIDED = "guided"  # the method's name
PICTURES = 10  # of a filmstrip, about
FILM_SIDE = 128  # pixels of one of them, at most
LARGEST = 32 * MIB  # of the guided edits that are kept, for the history
LABELS = {
    "clip": ("CLIP", "1 minus the cosine of picture and target prompt: look like the words."),
    "direction": ("CLIP direction", "Move from the source picture as the words move from the source prompt."),
    "l2": ("Pixels (L2)", "Stay near the source's pixels: works against every change."),
    "perceptual": ("Features", "Stay near the source's features: things may change colour, not shape."),
    "style": ("Style (Gram)", "The look of the style picture, or of the source where there is none."),
    "adversarial": ("Patch critic", "A small critic learns the style picture's patches, or the source's."),
}
PRESETS = (
    ("default", "CLIP alone"),
    ("brief", "L2, features, style, CLIP"),
    ("reference", "Style picture alone"),
)


def saved_code(file: str, part: str) -> str:
    """An expression for a part of a saved edit."""
    return f"styledit.lab.open_png({file!r}).{part}  # Save PNG writes this file"


def guiding_dict() -> dict[str, Any]:
    """What the panel offers: part of `world`."""
    return {
        "terms": [{"name": name, "label": text, "hint": hint} for name, (text, hint) in LABELS.items()],
        "presets": [
            {"name": name, "label": label, "weights": {term: getattr(GUIDES[name], term) for term in TERMS}}
            for name, label in PRESETS
        ],
        "starts": list(STARTS),
        "iterations": SCHEDULES["step"],
        "most_iterations": MOST_ITERATIONS,
    }


@dataclass(frozen=True)
class Style:
    """A style picture: of the lesson pictures ("sample"), or the user's ("upload")."""

    kind: str
    name: str
    picture: Image.Image

    def code(self, file: str) -> str:
        """An expression for it. `file`: the name under which the edit is saved."""
        if self.kind == "sample":
            return f"styledit.lab.picture(pipe, {self.name!r})"
        return saved_code(file, "guide.style.picture")


@dataclass(frozen=True)
class Guide:
    """What a guided edit is asked for beside the settings of an edit.

    `values` (T, N, d): the value inputs that it had found where it was stopped; None where it ran to its end.
    """

    weights: Weights
    iterations: int
    start: str
    seed: int = 0
    style: Style | None = None
    values: torch.Tensor | None = field(default=None, compare=False)

    @classmethod
    def of(cls, given: Mapping[str, Any], style: Style | None) -> Self:
        """What a message of the page, or a saved file, asks for.

        Raises:
            TypeError, ValueError, KeyError: it cannot be used.
        """
        weights = {str(name): value for name, value in dict(given["weights"]).items() if name in TERMS}
        return cls(
            Weights(**weights),
            check.whole("iterations", given["iterations"], least=1, most=MOST_ITERATIONS),
            check.choice("start", given["start"], STARTS),
            check.seed(given.get("seed", 0)),
            style,
        )

    @classmethod
    def from_dict(
        cls, about: Mapping[str, Any], picture: Image.Image | None, values: torch.Tensor | None = None
    ) -> Self:
        """What `as_dict` gave, with the pixels of its style picture and the value inputs of a stopped run."""
        style = None
        if about["style"] is not None and picture is not None:
            style = Style(str(about["style"]["kind"]), str(about["style"]["name"]), picture)
        if values is not None:
            check.finite(check.tensor("values", values, "T", "N", "d"), "values", "save it again")
        return replace(cls.of(about, style), values=values)

    @property
    def every(self) -> int:
        """Iterations between two pictures of the filmstrip."""
        return max(1, self.iterations // PICTURES)

    @cached_property
    def key(self) -> str:
        """Two of the same key guide alike."""
        style = None if self.style is None else hashlib.sha256(self.style.picture.tobytes()).hexdigest()
        values = None if self.values is None else tensor_key(self.values)
        return repr((self.as_dict(), style, values))

    def as_dict(self) -> dict[str, Any]:
        """Everything but the style's pixels and the values, as JSON takes it."""
        return {
            "weights": {name: getattr(self.weights, name) for name in TERMS},
            "iterations": self.iterations,
            "start": self.start,
            "seed": self.seed,
            "style": None if self.style is None else {"kind": self.style.kind, "name": self.style.name},
        }

    def keywords(self) -> dict[str, Any]:
        """Settings of `GuidedSettings` by name."""
        return {
            "weights": self.weights,
            "iterations": self.iterations if self.values is None else 0,
            "start": self.start if self.values is None else self.values,
            "seed": self.seed,
            "every": self.every,
        }

    def code(self, target: str, settings: list[str], file: str) -> list[str]:
        """Lines that make the edit again. `settings`: those of an edit, as lines of keywords; `file`: the
        name under which it is saved.
        """
        weights = ", ".join(f"{name}={value!r}" for name, value in self.weights.about().items())
        options = self.keywords() | {"weights": f"styledit.Weights({weights})"}
        options |= {"start": repr(self.start) if self.values is None else "found"}
        lines = [f"    {name}={value}," for name, value in options.items()]
        first = [] if self.style is None else [f"style = {self.style.code(file)}"]
        first += [] if self.values is None else [f"found = {saved_code(file, 'guide.values')}"]
        given = [] if self.style is None else ["    style_image=style,"]
        call = [f"    pipe, inversion, {target!r}, values=values,", *lines, *given, *settings, ")"]
        return [*first, "guided = styledit.guide(", *call, "edit = guided.edit"]


class Guiding:
    """The guided edits of one lab.

    Args:
        publish: takes the `guided` trait; `PROTOCOL.md` has its fields.
    """

    def __init__(self, pipe: StableDiffusionPipeline, publish: Callable[[dict[str, Any]], None]) -> None:
        self.pipe = pipe
        self.publish = publish
        self.last_upload: Style | None = None  # a reloaded page has no longer the file
        self._kept: dict[str, tuple[Guided, Guide]] = {}

    def asked(
        self, message: Mapping[str, Any], has_file: bool, open_picture: Callable[[str, str], Image.Image]
    ) -> Guide:
        """What a `guide` message asks for.

        Args:
            has_file: whether a style picture came with it; else an uploaded one is that of the last message.
            open_picture: gives the picture of a kind ("sample", "upload") and name.

        Raises:
            TypeError, ValueError: what cannot be used.
        """
        style = None
        if message.get("style"):
            kind, name = str(message["style"].get("kind")), str(message["style"].get("name", ""))
            style = self._style(kind, name, has_file, open_picture)
        guide = Guide.of(message, style)
        if not guide.weights:
            raise ValueError("Every weight is 0, so there is nothing to minimise; raise one of the sliders.")
        return guide

    def running(
        self,
        number: int,
        prepared: Prepared,
        prompt: str,
        settings: Mapping[str, Any],
        guide: Guide,
        stop: Callable[[], bool],
        show: Callable[[Image.Image], None],
    ) -> Generator[Progress, None, tuple[Edit, Guide, str]]:
        """A guided edit: the edit, the guide with what a stop kept, and a sentence on what went wrong.

        Args:
            number: of the request.
            settings: those of an edit, by name.
            stop: whether to stop now and keep the best.
            show: takes each picture of the filmstrip.
        """
        key = _key(prepared, prompt, settings, guide)
        report = _Report(number, guide, prepared.inversion.steps, self.publish)
        if key in self._kept:
            guided, guide = self._kept[key]
            guided = replace(guided, edit=replace(guided.edit, inversion=prepared.inversion))
            report.ended(guided, guide)
            return guided.edit, guide, ""
        style = None if guide.style is None else guide.style.picture
        report.publish(running=True)
        try:
            edit = GuidedEdit(
                self.pipe,
                prepared.inversion,
                prompt,
                GuidedSettings(**guide.keywords()),
                values=prepared.values,
                style_image=style,
                **settings,
            )
            guided, trouble = yield from _stoppable(edit, guide, stop, report, show)
            if guided.stopped != "done":
                guide = replace(guide, values=guided.values.cpu())
            elif guide.values is not None:  # it is the one that was stopped before
                guided = replace(guided, stopped="stopped")
            self._keep(_key(prepared, prompt, settings, guide), guided, guide)
            report.ended(guided, guide)
            return guided.edit, guide, trouble
        finally:
            report.publish(running=False)

    def prompt_of(self, prepared: Prepared, prompt: str, guide: Guide | None) -> str:
        """The target prompt, as the page is to show it: an unchanged one says the look of a style picture."""
        if guide is None or guide.style is None:
            return prompt
        return with_style_phrase(
            self.pipe, prepared.source.prompt, prompt, guide.style.picture, clip=embedded_clip()
        )

    def settings_of(self, prepared: Prepared, prompt: str, guide: Guide | None) -> dict[str, Any]:
        """The settings, by name, that a guided edit has where the page leaves them to the library."""
        if guide is None or guide.style is None:
            return {}
        return style_settings(self.pipe, prepared.source.prompt, prompt)

    def takes(self, guide: Guide | None) -> None:
        """The page shows a guided edit again: its own style picture is the one in the slot."""
        if guide is not None and guide.style is not None and guide.style.kind == "upload":
            self.last_upload = guide.style

    def _style(
        self, kind: str, name: str, has_file: bool, open_picture: Callable[[str, str], Image.Image]
    ) -> Style:
        """The style picture that the page has in its slot."""
        if kind == "upload" and not has_file:
            if self.last_upload is None:
                raise ValueError("The style picture is no longer there; choose or drop it again.")
            return self.last_upload
        style = Style(kind, name, open_picture(kind, name))
        if kind == "upload":
            self.last_upload = style
        return style

    def _keep(self, key: str, guided: Guided, guide: Guide) -> None:
        """Keep a guided edit, without its large inversion; the oldest go, where there is no room."""
        bare = replace(guided, edit=replace(guided.edit, inversion=None))
        self._kept[key] = (bare, guide)
        drop_oldest(self._kept, lambda kept: _bytes(kept[0]), LARGEST)


def _key(prepared: Prepared, prompt: str, settings: Mapping[str, Any], guide: Guide) -> str:
    """Two of the same key have the same picture."""
    given = sorted((name, repr(value)) for name, value in settings.items())
    return repr((prepared.inversion.fingerprint, prepared.fit_key, prompt, given, guide.key))


def _bytes(guided: Guided) -> int:
    """Memory that a guided edit takes."""
    edit = guided.edit
    tensors = (edit.latents, edit.source_latents, edit.x0, guided.values, guided.nulls)
    pictures = [edit.image, edit.reconstruction, *(frame.picture for frame in guided.filmstrip)]
    pixels = sum(3 * picture.width * picture.height for picture in pictures)
    return pixels + sum(tensor.nbytes for tensor in tensors if tensor is not None)


class _Report:
    """What the page shows of one guided edit."""

    def __init__(
        self, number: int, guide: Guide, steps: int, publish: Callable[[dict[str, Any]], None]
    ) -> None:
        self._publish = publish
        self._start = time.perf_counter()
        self._film: list[tuple[Frame, dict[str, Any]]] = []
        self.about: dict[str, Any] = {
            "id": number,
            "running": False,
            "asked": guide.as_dict(),
            "style": None if guide.style is None else thumbnail(guide.style.picture),
            "iteration": 0,
            "iterations": guide.iterations,
            "step": 0,
            "steps": steps,
            "curves": {},
            "film": [],
            "stopped": "",
            "evaluations": 0,
            "seconds": 0.0,
        }

    def publish(self, **about: Any) -> None:
        """Set some fields."""
        self.about = self.about | about
        self._publish(self.about)

    def went_on(self, guided: GuidedEdit, state: GuidedState) -> None:
        """An iteration is done."""
        curves = {name: list(curve) for name, curve in guided.log.curves.items() if name != "step"}
        self.publish(
            iteration=guided.log.iterations,
            step=state.step,
            curves=curves,
            film=self._pictures(tuple(guided.log.frames)),
            evaluations=guided.log.evaluations,
            seconds=time.perf_counter() - self._start,
        )

    def ended(self, guided: Guided, guide: Guide) -> None:
        """It is done, or was stopped, or had been kept."""
        self.publish(
            asked=guide.as_dict(),
            iteration=guided.iterations,
            curves={name: list(curve) for name, curve in guided.curves.items() if name != "step"},
            film=self._pictures(guided.filmstrip),
            evaluations=guided.evaluations,
            stopped=guided.stopped,
            seconds=time.perf_counter() - self._start,
        )

    def _pictures(self, frames: tuple[Frame, ...]) -> list[dict[str, Any]]:
        """The filmstrip; what is encoded once stays."""
        self._film += [(frame, _film_dict(frame)) for frame in frames[len(self._film) :]]
        return [about for _, about in self._film]


def _stoppable(
    edit: GuidedEdit,
    guide: Guide,
    stop: Callable[[], bool],
    report: _Report,
    show: Callable[[Image.Image], None],
) -> Generator[Progress, None, tuple[Guided, str]]:
    """A guided edit to its end, or to where it is stopped; and a sentence on what went wrong."""
    run = edit.run()
    trouble = ""
    while not stop():
        try:
            state = next(run)
        except StopIteration as end:
            return end.value, ""
        except FloatingPointError:
            trouble = (
                f"Guiding met NaN or infinite values after {edit.log.iterations} iterations; the best before "
                "is shown. Lower the weights, or load the model in float32."
            )
            break
        if isinstance(state, GuidedState):
            report.went_on(edit, state)
            if state.frame is not None:
                show(state.frame.picture)
        yield Progress("guiding", edit.log.iterations, guide.iterations)
    run.close()
    finish = edit.finishing("stopped")
    while True:
        try:
            next(finish)
        except StopIteration as end:
            return end.value, trouble
        yield Progress("guiding", edit.log.iterations, guide.iterations)


def _film_dict(frame: Frame) -> dict[str, Any]:
    """A picture of the filmstrip as the page takes it."""
    return {
        "iteration": frame.iteration,
        "step": frame.step,
        "picture": thumbnail(frame.picture, FILM_SIDE),
        "heat": None if frame.heat is None else encode(_grey(frame.heat)),
    }


def _grey(heat: torch.Tensor) -> Image.Image:
    """A map (h, w) as a grey picture of its own size, white where it is highest."""
    scaled = heat / heat.max().clamp_min(1e-12) * 255
    return Image.fromarray(scaled.round().byte().numpy())

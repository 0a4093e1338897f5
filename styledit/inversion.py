"""Inversion of a picture into a trajectory of latents, and its file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple, Protocol
from weakref import WeakSet

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit import validation as check
from styledit.attention import AttentionCall, Layers
from styledit.ddim import ddim_inverse_step, levels_at, predict_x0_eps
from styledit.denoising import Callback, NoiseSchedule, State, check_finite, follow, predict, wide
from styledit.maps import AttentionMaps
from styledit.pictures import ImageSource, encode_image, open_rgb, read_image
from styledit.pipeline import model_fingerprint
from styledit.prompts import Word, encode_null, encode_prompt
from styledit.recording import Record, Recorder
from styledit.storage.files import Schema, Tensors, group, read_result, write_tensors

SHAPES: dict[str, tuple[int | str, ...]] = {
    "levels": ("T + 1",),
    "latents": ("T + 1", 1, "C", "h", "w"),
    "c": (1, "N", "d"),
    "null": (1, "N", "d"),
}
TENSORS = tuple(SHAPES)
SCHEMA = Schema(
    what="inversion",
    source="Inversion.save()",
    cure="invert again",
    tensors={"image": "byte", **dict.fromkeys((*TENSORS, "maps/*", "self/*"), "float")},
    about=("inversion",),
)
AVERAGED = 2  # of ReNoise's noises: the last ones, whose mean makes the step
MOST_RENOISE = 1000
_ALIKE = 0.1  # how far a tensor may lie from the same computed on another device, as a part of its norm

_known: WeakSet[Inversion] = WeakSet()  # made here, or checked before


class HasLatents(Protocol):
    """A run that is over: `latents` (T + 1, 1, C, h, w) from the noisiest."""

    latents: torch.Tensor


class DrawnNoise(NamedTuple):
    """The noise of `noised`: its seed, and whether it is one for all levels."""

    seed: int
    one_noise: bool


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class Inversion:
    """A picture's way to noise. Index i counts from the noisiest, as in denoising.

    `latents` (T + 1, 1, C, h, w): latents[0] is zhat_T, latents[T] is z_0, and denoising step i should go
    from latents[i] to latents[i + 1]. `timesteps`: the T timesteps told at those steps. `levels` (T + 1,):
    abar of each latent. `c`, `null` (1, N, d): embeddings of the prompt and of the empty prompt. `maps`: the
    source's cross-attention maps Ahat, on the CPU; entry i is what the network gives for latents[i] at
    timesteps[i]. `model`: `model_fingerprint` of the pipeline that made it; `renoise`: how often each of its
    latents was refined; `noise`: what `noised` drew in the place of a way to noise, None where it did not.
    """

    image: Image.Image
    prompt: str
    timesteps: tuple[int, ...]
    levels: torch.Tensor
    latents: torch.Tensor
    c: torch.Tensor
    null: torch.Tensor
    maps: AttentionMaps | None
    model: str = ""
    renoise: int = 0
    noise: DrawnNoise | None = None

    @property
    def schedule(self) -> NoiseSchedule:
        """Its timesteps and noise levels."""
        return NoiseSchedule(self.timesteps, self.levels)

    @property
    def steps(self) -> int:
        """T, the number of steps."""
        return len(self.timesteps)

    @property
    def z_T(self) -> torch.Tensor:
        """The noisiest latent, (1, C, h, w): where every edit starts."""
        return self.latents[0]

    @property
    def z_0(self) -> torch.Tensor:
        """The picture's latent, (1, C, h, w)."""
        return self.latents[-1]

    @property
    def fingerprint(self) -> str:
        """A short hash of picture, prompt, timesteps, model, refinement and drawn noise: value inputs carry
        it to know their inversion.

        Not of the latents, which differ in the last bit from one machine to the next.
        """
        about = f"{self.image.size} {self.prompt} {self.timesteps} {self.model}"
        if self.renoise:
            about += f" {self.renoise}"
        if self.noise is not None:
            about += f" noise {self.noise.seed} {self.noise.one_noise}"
        return hashlib.sha256(self.image.tobytes() + about.encode()).hexdigest()[:16]

    def save(self, path: str | os.PathLike) -> None:
        """Write everything, recorded maps too, to a safetensors file, which is replaced as a whole."""
        tensors = {name: getattr(self, name) for name in TENSORS} | {
            "image": torch.from_numpy(np.array(self.image))
        }
        about: dict[str, object] = {
            name: getattr(self, name) for name in ("prompt", "timesteps", "model", "renoise", "noise")
        }
        if self.maps is not None:
            tensors |= {f"maps/{layer}": maps for layer, maps in self.maps.layers.items()}
            tensors |= {f"self/{layer}": maps for layer, maps in self.maps.self_layers.items()}
            about["maps"] = {
                **{name: getattr(self.maps, name) for name in ("map_sizes", "size", "steps", "scales")},
                "words": [(word.text, word.positions) for word in self.maps.words],
            }
        write_tensors(path, tensors, {"inversion": json.dumps(about)})

    @classmethod
    def load(cls, path: str | os.PathLike, device: str | torch.device = "cpu") -> Inversion:
        """Read what `save` wrote; maps stay on the CPU, the rest goes to `device`, where the pipeline is.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds something else or something damaged, or the device is not there.
        """
        target = check.device(device)

        def make(tensors: Tensors, metadata: dict[str, str]) -> Inversion:
            about = json.loads(metadata["inversion"])
            inversion = cls(
                image=Image.fromarray(tensors["image"].numpy()),
                prompt=about["prompt"],
                timesteps=tuple(about["timesteps"]),
                maps=_maps(tensors, about["maps"]) if "maps" in about else None,
                model=about["model"],
                renoise=about.get("renoise", 0),  # files of earlier versions have none, nor noise
                noise=DrawnNoise(*about["noise"]) if about.get("noise") else None,
                **{name: tensors[name].to(target) for name in TENSORS},
            )
            _check_parts(inversion)
            return inversion

        return read_result(path, SCHEMA, make)


def invert(
    pipe: StableDiffusionPipeline,
    image: ImageSource,
    prompt: str,
    steps: int = 30,
    *,
    renoise: int = 0,
    record: Record | Layers | None = Layers(),
    progress: bool = True,
    callback: Callback | None = None,
) -> Inversion:
    """Walk a picture to noise with DDIM at guidance 1 (2010.02502, section 4.3).

    Costs T (1 + `renoise`) network calls, and one more where maps are recorded (those of the noisiest
    latent).

    Args:
        image: a PIL picture whose sides suit the model, or whatever `read_image` takes.
        prompt: what the picture shows.
        steps: T.
        renoise: how often each latent is refined by the noise that the network sees in it, which denoising
            will take away there (ReNoise, 2403.14602): the way back at guidance 1 gets nearer to the picture.
            Of the last two noises the mean is taken, as published, where 1 to 9 are usual.
        record: whose maps to keep; None keeps none. `Record.bytes` tells the memory beforehand.
        callback: called after each step with a dict of `i` (the step, between the latents i and
            i + 1), `timestep`, `z`.

    Raises:
        TypeError: `pipe`, `image`, `prompt`, `steps` or `record` is something else.
        ValueError: the picture or the prompt cannot be used, the network returned NaN,
            or the maps need too much memory.
    """
    run = inverting(pipe, image, prompt, steps, renoise=renoise, record=record)
    return follow(run, "inverting", steps, progress, callback)


def inverting(
    pipe: StableDiffusionPipeline,
    image: ImageSource,
    prompt: str,
    steps: int = 30,
    *,
    renoise: int = 0,
    record: Record | Layers | None = Layers(),
) -> Generator[State, None, Inversion]:
    """`invert` as a run: a `State` after each network call, and the `Inversion` as its result."""
    check.pipeline(pipe)
    renoise = check.whole("renoise", renoise, least=0, most=MOST_RENOISE)
    picture = open_rgb(image) if isinstance(image, Image.Image) else read_image(pipe, image)
    c = encode_prompt(pipe, prompt)
    z_0 = encode_image(pipe, picture)
    schedule = NoiseSchedule.of(pipe.scheduler, steps, z_0)
    _check_noisiest(schedule)
    recorder = Recorder(pipe, record, prompt, z_0.shape[-2:], len(schedule.timesteps))
    return _invert(pipe, picture, prompt, c, z_0, schedule, recorder, renoise)


def _check_noisiest(schedule: NoiseSchedule) -> None:
    """Raise ValueError where nothing of the picture is left in the noisiest latent."""
    if schedule.levels[0] == 0:
        raise ValueError(
            "This scheduler's noisiest latent is noise alone, from which no picture comes back; "
            "give the pipeline "
            'DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing="leading").'
        )


@torch.no_grad()
def _invert(
    pipe: StableDiffusionPipeline,
    picture: Image.Image,
    prompt: str,
    c: torch.Tensor,
    z_0: torch.Tensor,
    schedule: NoiseSchedule,
    recorder: Recorder,
    renoise: int,
) -> Generator[State, None, Inversion]:
    """The run itself, from the clean latent to the noisiest."""
    levels = schedule.levels
    prediction_type = pipe.scheduler.config.prediction_type
    steps = len(schedule.timesteps)
    z = z_0
    latents = [z]
    recorded = []
    for i in range(steps, 0, -1):
        seen = _look(pipe, schedule, recorder, c, i, z)
        if recorder.keeps:
            recorded.append(seen.maps)
        abar_told = seen.level if i == steps else None
        reached = ddim_inverse_step(seen.output, z, levels[i], levels[i - 1], prediction_type, abar_told)
        check_finite(reached, i - 1)
        yield State(i - 1, seen.timestep, reached, seen.x0, finished=not renoise, maps=seen.maps).copy()
        z = yield from _renoise(pipe, schedule, c, i - 1, z, reached, renoise)
        latents.append(z)
    if 0 in recorder.steps:
        seen = _look(pipe, schedule, recorder, c, 0, z)
        if recorder.keeps:
            recorded.append(seen.maps)
        yield State(0, seen.timestep, z, seen.x0, finished=False, maps=seen.maps).copy()
    inversion = Inversion(
        image=picture,
        prompt=prompt,
        timesteps=schedule.timesteps,
        levels=levels,
        latents=torch.stack(latents[::-1]),
        c=c,
        null=encode_null(pipe),
        maps=recorder.maps(recorded[::-1], hand_over=True),
        model=model_fingerprint(pipe),
        renoise=renoise,
    )
    _known.add(inversion)
    return inversion


def _renoise(
    pipe: StableDiffusionPipeline,
    schedule: NoiseSchedule,
    c: torch.Tensor,
    i: int,
    z: torch.Tensor,
    estimate: torch.Tensor,
    iterations: int,
) -> Generator[State, None, torch.Tensor]:
    """The latent of index i from z, the cleaner one: a fixed point of x <- step(z, eps(x, t_i)), from which
    the denoising step comes back to z (2403.14602, section 4; the mean of the late noises: 4.2).

    Args:
        estimate: where the iterations start.
    """
    noises: list[torch.Tensor] = []
    for k in range(1, iterations + 1):
        timestep, level = schedule.timesteps[i], schedule.levels[i]
        output = predict(pipe, estimate, timestep, c).output
        x0, eps = predict_x0_eps(output, estimate, level, pipe.scheduler.config.prediction_type)
        noises.append(eps)
        if k == iterations:
            eps = torch.stack(noises[-AVERAGED:]).mean(0)
        estimate = ddim_inverse_step(eps, z, schedule.levels[i + 1], level, "epsilon")
        check_finite(estimate, i)
        yield State(i, timestep, estimate, x0, finished=k == iterations).copy()
    return estimate


def noised(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    *,
    steps: int | None = None,
    seed: int = 0,
    one_noise: bool = False,
) -> Inversion:
    """The same picture under drawn noise in the place of its own way to noise, without a network call:
    latents[i] = sqrt(abar_i) z_0 + sqrt(1 - abar_i) N_i.

    Its maps are the inversion's, which say where words look; with other steps it has none. Value inputs and
    null embeddings of the inversion are not its own: they are fitted to latents.

    Args:
        steps: T; None takes the inversion's.
        seed: of the noise.
        one_noise: whether all N_i are one noise (a straight way to it) or independent
            (edit-friendly noise, 2304.06140, equation 6).

    Raises:
        TypeError: an argument of another type.
        ValueError: a number out of range, or an inversion of another pipeline.
    """
    check_inversion(pipe, inversion)
    z_0 = inversion.z_0
    schedule = inversion.schedule if steps is None else NoiseSchedule.of(pipe.scheduler, steps, z_0)
    _check_noisiest(schedule)
    seed, one_noise = check.seed(seed), check.flag("one_noise", one_noise)
    generator = torch.Generator().manual_seed(seed)
    drawn = 1 if one_noise else len(schedule.timesteps)
    noise = torch.randn(drawn, *z_0.shape, generator=generator).to(z_0)
    levels = schedule.levels[:-1, None, None, None, None]
    found = replace(
        inversion,
        timesteps=schedule.timesteps,
        levels=schedule.levels,
        latents=torch.cat([levels**0.5 * z_0 + (1 - levels) ** 0.5 * noise, z_0[None]]),
        maps=inversion.maps if schedule.timesteps == inversion.timesteps else None,
        renoise=0,
        noise=DrawnNoise(seed, one_noise),
    )
    _known.add(found)
    return found


def revisiting(
    pipe: StableDiffusionPipeline, inversion: Inversion, *, record: Record | Layers | None = Layers()
) -> Generator[State, None, AttentionMaps | None]:
    """An inversion's network calls once more: a `State` at each of its T + 1 latents from the noisiest, with
    the clean estimate and the maps there, and the maps as the result.

    The clean picture belongs to no denoising step: its state has no maps.

    Raises:
        TypeError, ValueError: as `check_inversion` and `Recorder`.
    """
    check_inversion(pipe, inversion)
    recorder = Recorder(pipe, record, inversion.prompt, inversion.z_T.shape[-2:], inversion.steps)
    return _revisit(pipe, inversion, recorder)


@torch.no_grad()
def _revisit(
    pipe: StableDiffusionPipeline, inversion: Inversion, recorder: Recorder
) -> Generator[State, None, AttentionMaps | None]:
    recorded = []
    for i, z in enumerate(inversion.latents):
        seen = _look(pipe, inversion.schedule, recorder, inversion.c, i, z)
        if recorder.keeps:
            recorded.append(seen.maps)
        yield State(i, seen.timestep, z, seen.x0, maps=seen.maps).copy()
    return recorder.maps(recorded, hand_over=True)


@dataclass(frozen=True)
class _Look:
    """One call at latents[i]: the timestep and abar that the network was told, its output and clean estimate
    (1, C, h, w), and the recorded maps.
    """

    timestep: int
    level: torch.Tensor
    output: torch.Tensor
    x0: torch.Tensor
    maps: dict[str, torch.Tensor] | None


def _look(
    pipe: StableDiffusionPipeline,
    schedule: NoiseSchedule,
    recorder: Recorder,
    c: torch.Tensor,
    i: int,
    z: torch.Tensor,
) -> _Look:
    """What the network says about latents[i] at guidance 1; the clean picture belongs to no denoising step,
    so that its maps are not recorded.
    """
    timestep, level = schedule.told(pipe.scheduler, i)
    prediction = predict(pipe, z, timestep, c, AttentionCall(record=recorder.layers_at(i)))
    x0, _ = predict_x0_eps(prediction.output, z, level, pipe.scheduler.config.prediction_type)
    return _Look(timestep, level, prediction.output, x0, recorder.take(i, prediction))


def drift(inversion: Inversion, run: torch.Tensor | HasLatents) -> torch.Tensor:
    """Root mean squared distance of a run's latents to the inversion's at each of the
    T + 1 indices, (T + 1,).

    Args:
        run: its latents (T + 1, 1, C, h, w), or what has them as `latents`,
            such as a reconstruction or an edit.

    Raises:
        TypeError: `inversion` is no Inversion, or `run` has no latents.
        ValueError: the latents are not those of a run of T steps on this picture's size.
    """
    check.instance("inversion", inversion, Inversion, "invert()")
    latents = check.floats("run", getattr(run, "latents", run), "latents or what has them")
    check.finite(latents, "The run")
    if latents.shape != inversion.latents.shape:
        raise ValueError(
            f"The latents have shape {tuple(latents.shape)} and the inversion's "
            f"{tuple(inversion.latents.shape)}; compare a whole run."
        )
    return wide(latents.to(inversion.latents) - inversion.latents).pow(2).flatten(1).mean(1).sqrt()


def check_inversion(pipe: StableDiffusionPipeline, *inversions: Inversion) -> None:
    """Check that inversions belong to a pipeline, and, of those that `invert` did not make here, once, that
    their parts belong together. That takes about as long as a network call.

    Raises:
        TypeError: `pipe` is no pipeline, or one of the others no Inversion, or a part of it of another type.
        ValueError: an inversion of another model, on another device, or of parts that do not belong together.
    """
    check.pipeline(pipe)
    for inversion in inversions:
        check.instance("An inversion", inversion, Inversion, "invert()")
    model = model_fingerprint(pipe)
    for inversion in inversions:
        if inversion.model != model:
            raise ValueError(
                "The inversion was made with another model, noise schedule or precision than this "
                "pipeline's, or its weights have changed since; invert the picture again with this one."
            )
        if inversion not in _known:
            _check_parts(inversion)
        if inversion.latents.device != pipe.unet.device:
            raise ValueError(
                f"The inversion is on {inversion.latents.device} and the pipeline on {pipe.unet.device}; "
                f"load it with Inversion.load(path, {str(pipe.unet.device)!r})."
            )
        if inversion not in _known:
            _check_origin(pipe, inversion)
            _known.add(inversion)


def _check_parts(inversion: Inversion) -> None:
    """Raise TypeError or ValueError where the parts of an inversion have types or shapes that do not fit."""
    check.instance("The picture of an inversion", inversion.image, Image.Image, "invert()")
    if inversion.image.mode != "RGB" or 0 in inversion.image.size:
        raise ValueError(
            f"The picture of an inversion must be RGB, not {inversion.image.mode} of "
            f"{inversion.image.width}×{inversion.image.height}; read it with read_image()."
        )
    check.text("The prompt of an inversion", inversion.prompt)
    check.text("The model of an inversion", inversion.model)
    check.whole("The renoise of an inversion", inversion.renoise, least=0)
    if inversion.noise is not None:
        noise = check.instance("The noise of an inversion", inversion.noise, DrawnNoise, "noised()")
        check.seed(noise.seed)
        check.flag("The one_noise of an inversion", noise.one_noise)
    steps = check.indices("The timesteps of an inversion", inversion.timesteps)
    if inversion.maps is not None:
        check.instance("The maps of an inversion", inversion.maps, AttentionMaps, "invert()")
    for name, shape in SHAPES.items():
        tensor = check.tensor(f"The {name} of an inversion", getattr(inversion, name), *shape)
        check.finite(tensor, f"The {name} of an inversion", "invert again")
    if not len(inversion.latents) == len(inversion.levels) == len(steps) + 1 > 1:
        raise ValueError(
            f"An inversion of {len(steps)} timesteps needs as many latents and levels and one more, not "
            f"latents of shape {tuple(inversion.latents.shape)} and {len(inversion.levels)} levels; "
            "invert again."
        )


def _check_origin(pipe: StableDiffusionPipeline, inversion: Inversion) -> None:
    """Raise ValueError where an inversion's levels, latents or embeddings are not those of its timesteps, its
    picture and its prompt.
    """
    told = inversion.timesteps
    falling = all(t > after for t, after in pairwise((len(pipe.scheduler.alphas_cumprod), *told, -1)))
    if not falling or not _alike(inversion.levels, levels_at(pipe.scheduler, told), 1e-3):
        wrong = "noise levels are not those of its timesteps"
    elif not _alike(inversion.z_0, encode_image(pipe, inversion.image)):
        wrong = "last latent is not its picture's"
    elif not _alike(inversion.c, encode_prompt(pipe, inversion.prompt)):
        wrong = "embedding is not its prompt's"
    elif not _alike(inversion.null, encode_null(pipe)):
        wrong = "embedding of the empty prompt is another"
    else:
        return
    raise ValueError(f"This inversion was put together from parts of others: its {wrong}; use invert().")


def _alike(tensor: torch.Tensor, again: torch.Tensor, part: float = _ALIKE) -> bool:
    """Whether two tensors are the same but for rounding, as a part of their norm."""
    if tensor.shape != again.shape:
        return False
    found, own = (each.detach().cpu().double() for each in (tensor, again))
    return bool((found - own).norm() <= part * own.norm())


def _maps(tensors: dict[str, torch.Tensor], about: dict) -> AttentionMaps:
    """Recorded maps from a file's tensors and what it says about them."""
    return AttentionMaps(
        group(tensors, "maps/"),
        {layer: tuple(sides) for layer, sides in about["map_sizes"].items()},
        tuple(Word(text, tuple(positions)) for text, positions in about["words"]),
        tuple(about["size"]),
        self_layers=group(tensors, "self/"),
        steps=None if about["steps"] is None else tuple(about["steps"]),
        scales=about["scales"],
    )

"""Inversion of a picture into a trajectory of latents, and its file."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from safetensors import safe_open

from styledit.attention import Layers, attention_control
from styledit.ddim import ddim_inverse_step, timesteps
from styledit.denoising import Callback, check_finite, check_scheduler, levels_for, notify, predict, track
from styledit.files import write_tensors
from styledit.maps import AttentionMaps
from styledit.pictures import ImageSource, encode_image, open_rgb, read_image
from styledit.pipeline import model_fingerprint, picture_size
from styledit.prompts import Word, encode_null, encode_prompt
from styledit.recording import Record, Recorder

TENSORS = ("levels", "latents", "c", "null")


@dataclass(frozen=True)
class Inversion:
    """A picture's way to noise. Index i counts from the noisiest, as in denoising.

    `latents` (T + 1, 1, C, h, w): latents[0] is zhat_T, latents[T] is z_0, and denoising step i should go from
    latents[i] to latents[i + 1]. `timesteps`: the T timesteps told at those steps. `levels` (T + 1,): abar of
    each latent. `c`, `null` (1, N, d): embeddings of the prompt and of the empty prompt. `maps`: the
    source's cross-attention maps Ahat, on the CPU; entry i is what the network gives for latents[i] at timesteps[i].
    `model`: `model_fingerprint` of the pipeline that made it.
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
        """A short hash of picture, prompt, timesteps and model: value inputs carry it to know their inversion.

        Not of the latents, which differ in the last bit from one machine to the next.
        """
        about = f"{self.image.size} {self.prompt} {self.timesteps} {self.model}".encode()
        return hashlib.sha256(self.image.tobytes() + about).hexdigest()[:16]

    def save(self, path: str | os.PathLike) -> None:
        """Write everything, recorded maps too, to a safetensors file, which is replaced as a whole."""
        tensors = {name: getattr(self, name) for name in TENSORS} | {"image": torch.from_numpy(np.array(self.image))}
        about: dict[str, object] = {"prompt": self.prompt, "timesteps": self.timesteps, "model": self.model}
        if self.maps is not None:
            tensors |= {f"maps/{layer}": maps for layer, maps in self.maps.layers.items()}
            tensors |= {f"self/{layer}": maps for layer, maps in self.maps.self_layers.items()}
            words = [(word.text, word.positions) for word in self.maps.words]
            about["maps"] = {name: getattr(self.maps, name) for name in ("grids", "size", "steps", "scales")} | {"words": words}
        write_tensors(path, tensors, {"inversion": json.dumps(about)})

    @classmethod
    def load(cls, path: str | os.PathLike, device: str | torch.device = "cpu") -> Inversion:
        """Read what `save` wrote; maps stay on the CPU, the rest goes to `device`, where the pipeline is.

        Raises:
            ValueError: the file is missing or holds something else.
        """
        try:
            with safe_open(path, "pt") as file:
                about = json.loads(file.metadata()["inversion"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}
            kept = about.pop("maps", None)
            return cls(
                image=Image.fromarray(tensors["image"].numpy()),
                prompt=about["prompt"],
                timesteps=tuple(about["timesteps"]),
                maps=None if kept is None else _maps(tensors, kept),
                model=about["model"],
                **{name: tensors[name].to(device) for name in TENSORS},
            )
        except Exception as error:
            raise ValueError(f"{os.fspath(path)!r} holds no inversion; give a file written by Inversion.save().") from error


def invert(
    pipe: StableDiffusionPipeline,
    image: ImageSource,
    prompt: str,
    steps: int = 30,
    *,
    record: Record | Layers | None = Layers(),
    progress: bool = True,
    callback: Callback | None = None,
) -> Inversion:
    """Walk a picture to noise with DDIM at guidance 1 (2010.02502, section 4.3; method section 1).

    Costs T network calls, and one more where maps are recorded (those of the noisiest latent).

    Args:
        image: a PIL picture whose sides suit the model, or whatever `read_image` takes.
        prompt: what the picture shows.
        steps: T.
        record: whose maps to keep; None keeps none. `Record.bytes` tells the memory beforehand.
        callback: called after each step with a dict of `i` (index of the latent reached), `timestep`, `z`.

    Raises:
        ValueError: the picture or the prompt cannot be used, the network returned NaN, or the maps need too much memory.
    """
    check_scheduler(pipe)
    image = open_rgb(image) if isinstance(image, Image.Image) else read_image(image, picture_size(pipe))
    c, null, z = encode_prompt(pipe, prompt), encode_null(pipe), encode_image(pipe, image)
    scheduler, kind = pipe.scheduler, pipe.scheduler.config.prediction_type
    told, levels = (*timesteps(scheduler, steps), 0), levels_for(pipe, steps, z)
    if levels[0] == 0:
        raise ValueError(
            "This scheduler's noisiest latent is noise alone, from which no picture comes back; give the pipeline "
            'DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing="leading").'
        )
    latents, recorder = [z], Recorder(pipe, record, prompt, z.shape[-2:], steps)
    with attention_control(pipe.unet, recorder.layers) as control, torch.no_grad():
        for i in track(range(steps, 0, -1), "inverting", progress):
            output = predict(pipe, z, told[i], c)
            abar_told = scheduler.alphas_cumprod[0].to(levels) if i == steps else None
            z = ddim_inverse_step(output, z, levels[i], levels[i - 1], kind, abar_told)
            check_finite(z, i - 1)
            latents.append(z)
            recorder.add(i, control)  # what the network gives for latents[i]; the clean picture belongs to no denoising step
            notify(callback, i=i - 1, timestep=told[i], z=z)
        if 0 in recorder.steps:
            predict(pipe, z, told[0], c)
            recorder.add(0, control)
    return Inversion(
        image=image,
        prompt=prompt,
        timesteps=told[:-1],
        levels=levels,
        latents=torch.stack(latents[::-1]),
        c=c,
        null=null,
        maps=recorder.maps(backwards=True),
        model=model_fingerprint(pipe),
    )


def drift(latents: torch.Tensor, inversion: Inversion) -> torch.Tensor:
    """Root mean squared distance to the inversion's latents at each of the T + 1 indices, (T + 1,).

    Raises:
        ValueError: the latents are not those of a run of T steps on this picture's size.
    """
    if latents.shape != inversion.latents.shape:
        raise ValueError(
            f"The latents have shape {tuple(latents.shape)} and the inversion's {tuple(inversion.latents.shape)}; compare a whole run."
        )
    return (latents - inversion.latents).float().pow(2).flatten(1).mean(1).sqrt()


def check_inversion(pipe: StableDiffusionPipeline, *inversions: Inversion) -> None:
    """Raise TypeError for what is no Inversion, ValueError for one of another model, or on another device."""
    for inversion in inversions:
        if not isinstance(inversion, Inversion):
            raise TypeError(f"An Inversion is needed here, not {type(inversion).__name__}; make one with invert().")
        if inversion.model != model_fingerprint(pipe):
            raise ValueError(
                "The inversion was made with another model, noise schedule or precision than this pipeline's; invert the "
                "picture again with this one."
            )
        if inversion.latents.device != pipe.unet.device:
            raise ValueError(
                f"The inversion is on {inversion.latents.device} and the pipeline on {pipe.unet.device}; load it with "
                f"Inversion.load(path, {str(pipe.unet.device)!r})."
            )


def _maps(tensors: dict[str, torch.Tensor], about: dict) -> AttentionMaps:
    """Recorded maps from a file's tensors and what it says about them."""
    cross, own = (
        {name.removeprefix(kind): maps for name, maps in tensors.items() if name.startswith(kind)} for kind in ("maps/", "self/")
    )
    return AttentionMaps(
        cross,
        {layer: tuple(sides) for layer, sides in about["grids"].items()},
        tuple(Word(text, tuple(positions)) for text, positions in about["words"]),
        tuple(about["size"]),
        self_layers=own,
        steps=None if about["steps"] is None else tuple(about["steps"]),
        scales=about["scales"],
    )

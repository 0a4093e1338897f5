"""A picture's way to noise, and its file."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from styledit.maps import AttentionMaps
from styledit.prompts import Word

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


def write_tensors(path: str | os.PathLike, tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    """A safetensors file that is whole or not there: it is written beside its place first."""
    unfinished = Path(path).with_name(Path(path).name + ".tmp")
    if not unfinished.parent.is_dir():
        raise ValueError(f"There is no folder for {os.fspath(path)!r}; create it first.")
    try:
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, unfinished, metadata=about)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


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

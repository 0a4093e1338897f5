"""Value inputs (StyleDiffusion, 2303.15649, section 3): learning what is written, not where.

Cross-attention reads keys from the prompt's embedding c, so each word keeps looking at the same place, and
values from v_t = c * s_t + b_t. The scale s_t and the shift b_t of each step are learned so that guided denoising
follows the inversion's latents. Because they act on an embedding, they carry over to another prompt's.

How to fit them in a tenth of the published evaluations was found by trying, on four lesson pictures with weights of the embedded
model that have since been trained further (T = 30, w = 7.5, no attention term where none is named; PSNR to the decoded z_0):

    what was tried                                                          evaluations   PSNR
    Adam anew at each step, 3 iterations, lr 0.03 / 0.05                            330   33.3 / 32.7 dB
    Adam anew at each step, 8 iterations, lr 0.05                                   780   38.6 dB
    one Adam for all steps, 3 iterations, lr 0.03                                   330   34.4 dB
    line search along a diagonally scaled gradient, 2 gradients, from `guess`       270   34.9 dB
    Gauss-Newton with 20 remembered secants, 2 gradients, from `guess`              299   36.8 dB
    one Adam, 3 then 2 iterations, lr 0.02, from `guess`: "default"                 306   35.8 dB
    one Adam, 8 iterations, lr 0.02, from `guess`: near "fine"                      780   39.5 dB
    published schedule, mapping network, lambda = 1: "paper"                       3105   25.1 dB
    the same with free s_t and b_t                                                 3105   26.6 dB

The secants' decibel was not worth three times the code. `make bench` measures the presets on the present weights.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from safetensors import safe_open

from styledit.objectives.attention import Regularisation
from styledit.files import write_tensors
from styledit.inversion import Inversion


@dataclass(frozen=True)
class Preset:
    """How value inputs are optimised. Functions of the step i (0 is the noisiest).

    `iterations`, `learning_rate`, `betas`: of Adam; `tolerance`: the loss below which a step ends early;
    `regularisation`: what is added to L_rec; its l2 is the lambda of L_attn. `parameterisation`: "direct", where s_t and b_t
    are free, or "mapping", where they come out of the mapping network. `warm`: start from the linear guess (see `guess`)
    and keep Adam's moments from step to step, instead of starting Adam anew at each step; for "direct" only.
    """

    iterations: Callable[[int], int]
    learning_rate: Callable[[int], float]
    tolerance: Callable[[int], float] = lambda i: 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    regularisation: Regularisation = Regularisation()
    parameterisation: Literal["direct", "mapping"] = "direct"
    warm: bool = False

    def __post_init__(self) -> None:
        if self.parameterisation not in ("direct", "mapping"):
            raise ValueError(f"parameterisation must be 'direct' or 'mapping', not {self.parameterisation!r}.")
        if self.warm and self.parameterisation == "mapping":
            raise ValueError("A warm start is for the direct parameterisation: a mapping network cannot be given its output.")

    def fingerprint(self, steps: int) -> str:
        """A short hash of everything that it says of a fit of `steps` steps."""
        schedule = [(self.iterations(i), self.learning_rate(i), self.tolerance(i)) for i in range(steps)]
        about = (schedule, self.betas, self.regularisation, self.parameterisation, self.warm)
        return hashlib.sha256(repr(about).encode()).hexdigest()[:16]


PRESETS = {
    "default": Preset(lambda i: 3 if i < 22 else 2, lambda i: 0.02, betas=(0.5, 0.95), warm=True),
    "fine": Preset(lambda i: 8 if i < 22 else 7, lambda i: 0.02, betas=(0.7, 0.95), warm=True),
    "paper": Preset(
        iterations=lambda i: math.ceil(100 * math.exp(-0.1 * i)),
        learning_rate=lambda i: max(0.0, 0.01 * (1 - i / 100)),
        tolerance=lambda i: 1e-5 + 2e-5 * i,
        regularisation=Regularisation(l2=1.0),
        parameterisation="mapping",
    ),
}


def guess(c: torch.Tensor, null: torch.Tensor, guidance: float) -> torch.Tensor:
    """The shift b_t for which value inputs undo guidance, were the network linear in them; shape of `c`.

    With v = c + b and b = (1 - 1/w)(null - c) the guided output null + w (v - null) is that of plain c. So the fit starts
    where guidance 1 would be. As a shift it leaves a changed word its whole difference, v_tgt - v_src = c_tgt - c.
    """
    return (1 - 1 / guidance) * (null - c) if guidance else torch.zeros_like(c)


@dataclass(frozen=True)
class ValueInputs:
    """Learned scale and shift of every finished step.

    `scale`, `shift` (k, N, d), float32, k = T for a complete fit; `guidance`: the w they were fitted at;
    `losses` (k,): L_rec that remains at each step; `evaluations`: cost, a forward counted as 1, a backward as 2;
    `fingerprint`: that of the inversion they were fitted to.
    """

    scale: torch.Tensor
    shift: torch.Tensor
    guidance: float
    losses: tuple[float, ...]
    evaluations: int
    fingerprint: str

    def check(self, inversion: Inversion) -> None:
        """Raise ValueError unless these were fitted to this inversion, some of its steps or all."""
        if self.scale.shape[1:] != inversion.c.shape[1:]:
            raise ValueError(
                f"The value inputs have shape {tuple(self.scale.shape[1:])} a step and the prompt "
                f"{tuple(inversion.c.shape[1:])}; fit them with this model."
            )
        if self.fingerprint != inversion.fingerprint:
            raise ValueError("The value inputs were fitted to another inversion; fit them to this one with fit_values().")

    def v(self, i: int, c: torch.Tensor) -> torch.Tensor:
        """v_t = c * s_t + b_t at step i for embeddings c (B, N, d); c itself at a step that was not fitted."""
        if i >= len(self.scale):
            return c
        return (c * self.scale[i].to(c.device) + self.shift[i].to(c.device)).to(c.dtype)

    def save(self, path: str | os.PathLike, state: dict[str, torch.Tensor] | None = None, **about: str) -> None:
        """Write to a safetensors file, which is replaced as a whole; `state` and `about` are what a fit goes on from."""
        tensors = {"scale": self.scale, "shift": self.shift, "losses": torch.tensor(self.losses, dtype=torch.float64), **(state or {})}
        about |= {"guidance": repr(self.guidance), "evaluations": str(self.evaluations), "fingerprint": self.fingerprint}
        write_tensors(path, tensors, about)

    @classmethod
    def load(cls, path: str | os.PathLike, device: str | torch.device = "cpu") -> ValueInputs:
        """Read what `save` wrote.

        Raises:
            ValueError: the file is missing or holds something else.
        """
        try:
            with safe_open(path, "pt", device=str(device)) as file:
                about = file.metadata()
                scale, shift, losses = (file.get_tensor(name) for name in ("scale", "shift", "losses"))
                guidance, evaluations = float(about["guidance"]), int(about["evaluations"])
                return cls(scale, shift, guidance, tuple(losses.tolist()), evaluations, about["fingerprint"])
        except Exception as error:
            raise ValueError(
                f"{os.fspath(path)!r} holds no value inputs; give a file written by ValueInputs.save()."
            ) from error


def check_values(values: ValueInputs | None, inversion: Inversion) -> None:
    """Raise TypeError for what is neither value inputs nor None, ValueError for those of another inversion."""
    if not isinstance(values, (ValueInputs, type(None))):
        raise TypeError(f"values must be ValueInputs or None, not {type(values).__name__}; see fit_values().")
    if values is not None:
        values.check(inversion)


class FittingStopped(ValueError):
    """Fitting met NaN or infinite values. `values` holds the finished steps."""

    def __init__(self, message: str, values: ValueInputs) -> None:
        super().__init__(message)
        self.values = values

"""Value inputs (StyleDiffusion, 2303.15649, section 3): learning what is written, not where.

Cross-attention reads keys from the prompt's embedding c, so each word keeps looking at the same place, and
values from v_t = c * s_t + b_t. The scale s_t and the shift b_t of each step are learned so that guided
denoising follows the inversion's latents. Because they act on an embedding,
they carry over to another prompt's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from styledit import validation as check
from styledit.inversion import Inversion
from styledit.storage.files import Schema, Tensors, read_result, write_tensors

SCHEMA = Schema(
    what="value inputs",
    source="ValueInputs.save()",
    cure="fit again",
    tensors=dict.fromkeys(("scale", "shift", "losses"), "float"),
    about=("guidance", "evaluations", "fingerprint"),
)


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class ValueInputs:
    """Learned scale and shift of every finished step.

    `scale`, `shift` (k, N, d), in at least float32, k = T for a complete fit; `guidance`: the w they were
    fitted at; `losses` (k,): L_rec that remains at each step; `evaluations`: cost, a forward counted as 1,
    a backward as 2; `fingerprint`: that of the inversion they were fitted to.
    """

    scale: torch.Tensor
    shift: torch.Tensor
    guidance: float
    losses: tuple[float, ...]
    evaluations: int
    fingerprint: str

    def check(self, inversion: Inversion) -> None:
        """Raise TypeError or ValueError unless these were fitted to this inversion, or some of its steps."""
        check.instance("inversion", inversion, Inversion, "invert()")
        self._check_parts()
        if self.scale.shape[1:] != inversion.c.shape[1:]:
            raise ValueError(
                f"The value inputs have shape {tuple(self.scale.shape[1:])} a step and the prompt "
                f"{tuple(inversion.c.shape[1:])}; fit them with this model."
            )
        if self.fingerprint != inversion.fingerprint or len(self.scale) > inversion.steps:
            raise ValueError(
                "The value inputs were fitted to another inversion; fit them to this one with fit_values()."
            )

    def v(self, i: int, c: torch.Tensor) -> torch.Tensor:
        """v_t = c * s_t + b_t at step i for embeddings c (B, N, d);
        c itself at a step that was not fitted.
        """
        if i >= len(self.scale):
            return c
        return (c * self.scale[i].to(c.device) + self.shift[i].to(c.device)).to(c.dtype)

    def save(
        self, path: str | os.PathLike, state: dict[str, torch.Tensor] | None = None, **about: str
    ) -> None:
        """Write to a safetensors file, which is replaced as a whole;
        `state` and `about` are what a fit goes on from.
        """
        losses = torch.tensor(self.losses, dtype=torch.float64)
        tensors = {"scale": self.scale, "shift": self.shift, "losses": losses, **(state or {})}
        about |= {
            "guidance": repr(self.guidance),
            "evaluations": str(self.evaluations),
            "fingerprint": self.fingerprint,
        }
        write_tensors(path, tensors, about)

    @classmethod
    def load(cls, path: str | os.PathLike, device: str | torch.device = "cpu") -> ValueInputs:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds something else, or a damaged fit, or the device is not there.
        """
        return read_result(path, SCHEMA, cls._of, device)

    @classmethod
    def _of(cls, tensors: Tensors, about: dict[str, str]) -> ValueInputs:
        """What a file holds. Raises what its numbers do."""
        values = cls(
            tensors["scale"],
            tensors["shift"],
            float(about["guidance"]),
            tuple(tensors["losses"].tolist()),
            int(about["evaluations"]),
            about["fingerprint"],
        )
        values._check_parts()
        return values

    def _check_parts(self) -> None:
        """Raise TypeError or ValueError where the parts have types, shapes or values that cannot be."""
        for name in ("scale", "shift"):
            tensor = check.tensor(f"The {name} of value inputs", getattr(self, name), "k", "N", "d")
            check.finite(tensor, f"The {name} of value inputs", "fit them again")
        losses = [
            check.number("A loss of value inputs", loss) for loss in check.several("losses", self.losses)
        ]
        if self.scale.shape != self.shift.shape or len(losses) != len(self.scale):
            raise ValueError(
                "Value inputs need as many losses as steps and a scale and a shift of one shape, not "
                f"{len(losses)}, {tuple(self.scale.shape)} and {tuple(self.shift.shape)}; fit them again."
            )
        check.number("The guidance of value inputs", self.guidance)
        check.whole("The evaluations of value inputs", self.evaluations, least=0)
        check.text("The fingerprint of value inputs", self.fingerprint)

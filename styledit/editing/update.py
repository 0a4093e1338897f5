"""How a target follows the source's trajectory: one update, of which many published methods are values.

Write the target's latent as the source's and what the two differ by in the clean picture,

    x_i = xsrc_i + sqrt(abar_i) delta_i,    delta_0 = 0.

A step of DDIM or DDPM with whatever noise brings the source from xsrc_i to xsrc_{i+1} brings the target to

    delta_{i+1} = delta_i - (sigma_i - rho_i) (e_tgt(x_i) - e_src(xsrc_i))
    sigma_i = sqrt((1 - abar_i) / abar_i),    rho_i = sqrt((1 - abar_{i+1} - s_i^2) / abar_{i+1})

with s_i the standard deviation of the step's noise, and with the noise estimates

    e_src(x) = eps_n(x) + w_src (eps_s(x) - eps_n(x))
    e_tgt(x) = e_src(x) + M [w (eps_t(x) - eps_n(x)) - w_hat (eps_s(x) - eps_n(x))]

of the empty, source and target prompt. Where both prompts and w_hat = w, the term in brackets is 0, and the
target is the source. `docs/method.md` derives it and says which method is which value; without a rule the
target runs free, which is Prompt-to-Prompt on DDIM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch

from styledit import validation as check
from styledit.editing.guidance_mask import GuidanceMask
from styledit.editing.settings import is_on

Corrected = Literal["all", "all but the last", "none"]
CORRECTED: tuple[Corrected, ...] = ("all", "all but the last", "none")


class Weights(NamedTuple):
    """Of the three noise estimates in a sum."""

    null: float
    source: float
    target: float

    def plus(self, other: Weights) -> Weights:
        """Of both sums together."""
        return Weights(*(own + more for own, more in zip(self, other, strict=True)))


class Estimates(NamedTuple):
    """Noise (n, C, h, w) at the targets' latents, under each prompt; None where its weight is 0."""

    null: torch.Tensor | None = None
    source: torch.Tensor | None = None
    target: torch.Tensor | None = None

    def weighted(self, weights: Weights) -> torch.Tensor:
        """Their sum with these weights, (n, C, h, w)."""
        terms = [w * noise for w, noise in zip(weights, self, strict=True) if noise is not None]
        return torch.stack(terms).sum(0)


class SourceStep(NamedTuple):
    """What a step knows of the source: its latents before and after, and its noise estimate e_src before,
    (1, C, h, w) each.
    """

    before: torch.Tensor
    after: torch.Tensor
    noise: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class UpdateRule:
    """The choices that the update leaves open; w is the edit's guidance (`Settings.guidance`).

    Args:
        source_guidance: w_src.
        reference_guidance: w_hat, how strongly the target is led away from the source prompt; None takes
            `reference_ratio` w. At w the empty prompt cancels if w_src is 1: two network evaluations a step,
            of the source and the target prompt, which are then the two branches that settings speak of.
        reference_ratio: w_hat / w, where no `reference_guidance` is given.
        eta: share of DDPM's noise in a step, s = eta sqrt((1 - abar_{i+1}) / (1 - abar_i)
            (1 - abar_i / abar_{i+1})): 0 is DDIM, 1 DDPM (2010.02502, equation 16); "fresh" draws everything
            anew (rho = 0: 2312.04965, equation 7).
        corrected: at which steps the target takes the source's noise; the others leave it out, and with
            "none" the source too is denoised freely.
        skip: fraction of the steps, from the noisiest, at which the target stays the source, while
            i < skip T.
        mask: M; None is 1 everywhere.
        pull: outside M, grown by a cell, the latents move by this fraction towards the inversion's in the
            last 0.4 of the timesteps (inversion guidance, 2306.05414, section 3.3).
        implicit: the source's part of e_tgt is taken at x_i, the part in brackets where that leads
            (h-Edit's implicit form, 2503.02187, equation 25). So the maps of step i are those at index i + 1,
            the source's that are taken over and the target's that are recorded.

    Raises:
        TypeError, ValueError: a choice of another type or out of range, or two that do not go together.
    """

    source_guidance: float = 1.0
    reference_guidance: float | None = 1.0
    reference_ratio: float = 1.0
    eta: float | Literal["fresh"] = 0.0
    corrected: Corrected = "all"
    skip: float = 0.0
    mask: GuidanceMask | None = None
    pull: float = 0.0
    implicit: bool = False

    def __post_init__(self) -> None:
        self._set("source_guidance", check.number("source_guidance", self.source_guidance))
        if self.reference_guidance is not None:
            self._set("reference_guidance", check.number("reference_guidance", self.reference_guidance))
        self._set("reference_ratio", check.number("reference_ratio", self.reference_ratio))
        if self.reference_ratio != 1 and self.reference_guidance is not None:
            raise ValueError("reference_ratio takes the place of a reference_guidance; make that None.")
        if self.eta != "fresh":
            self._set("eta", check.fraction('eta, where it is not "fresh",', self.eta))
        check.choice("corrected", self.corrected, CORRECTED)
        for name in ("skip", "pull"):
            self._set(name, check.fraction(name, getattr(self, name)))
        self._set("implicit", check.flag("implicit", self.implicit))
        if self.mask is not None and (isinstance(self.mask, type) or not isinstance(self.mask, GuidanceMask)):
            raise TypeError(
                f"mask must be a guidance mask, such as LargestValues(), not {check.shown(self.mask)}."
            )
        if not self.follows and (self.skip or self.implicit):
            raise ValueError('Without corrections nothing can be skipped or implicit; use corrected="all".')
        if self.pull and self.mask is None:
            raise ValueError("pull acts outside a mask; give a mask, such as LargestValues().")

    @property
    def follows(self) -> bool:
        """Whether the source's latents are the inversion's, and the target follows them."""
        return self.corrected != "none"

    def first_step(self, steps: int) -> int:
        """The first step of T that is not skipped.

        Raises:
            ValueError: none is left.
        """
        first = sum(is_on(i, self.skip, steps) for i in range(steps))
        if first >= steps:
            raise ValueError(f"skip={self.skip} leaves none of {steps} steps; skip less.")
        return first

    def weights(self, w: float, from_source: bool = False) -> tuple[Weights, Weights]:
        """Those of e_src and of the term in brackets.

        Args:
            from_source: whether w_hat is w, whatever the rule says.
        """
        w_src, w_hat = self.source_guidance, self.reference_guidance
        if from_source:
            w_hat = w
        elif w_hat is None:
            w_hat = self.reference_ratio * w
        return Weights(1 - w_src, w_src, 0), Weights(w_hat - w, -w_hat, w)

    def needed(self, w: float, from_source: bool = False) -> Weights:
        """Weights that are 0 where the targets' estimate need not be made, for the term in brackets of an
        implicit rule and for all of e_tgt of others: where terms are added as they are, it may cancel.

        Args:
            w, from_source: as for `weights`.
        """
        base, edit = self.weights(w, from_source)
        terms = (edit,) if self.implicit else (base, edit)
        if self.mask is None:
            return Weights(*map(sum, zip(*terms, strict=True)))
        return Weights(*(float(any(weights)) for weights in zip(*terms, strict=True)))

    def reach(
        self,
        z: torch.Tensor,
        noise: torch.Tensor,
        source: SourceStep | None,
        levels: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        """The targets' latents after a step, (n, C, h, w).

        Args:
            z: before it, (n, C, h, w).
            noise: e_tgt.
            source: None leaves the correction out: the target takes the mean of the step.
            levels: abar before and after.
        """
        before, after = levels
        rho = self.kept_noise(before, after)
        if source is None:
            x0 = (z - (1 - before) ** 0.5 * noise) / before**0.5
            return after**0.5 * (x0 + rho * noise)
        delta = (z - source.before) / before**0.5
        delta = delta - (noise_ratio(before) - rho) * (noise - source.noise)
        return source.after + after**0.5 * delta

    def shift(self, term: torch.Tensor, levels: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """What a term of the noise (n, C, h, w) adds to the latents that a step reaches."""
        before, after = levels
        return -(after**0.5) * (noise_ratio(before) - self.kept_noise(before, after)) * term

    def kept_noise(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        """rho: what a step between two levels keeps of the estimated noise, over sqrt(abar) after it."""
        if self.eta == "fresh":
            return torch.zeros_like(after)
        variance = self.eta**2 * (1 - after) / (1 - before) * (1 - before / after)
        return ((1 - after - variance).clamp(min=0) / after) ** 0.5

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def noise_ratio(level: torch.Tensor) -> torch.Tensor:
    """sigma = sqrt((1 - abar) / abar)."""
    return ((1 - level) / level) ** 0.5

"""How value inputs are fitted: presets, and the closed-form start.

What was tried to fit them in an eighth of the published evaluations, with the embedded model's first edition,
on eight scenes of training artists (T = 30, w = 7.5, no attention term, from the linear guess, one Adam for
all steps; PSNR of the decoded result to the decoded z_0):

    iterations at early and late steps, learning rate, betas      evaluations   PSNR
    3 and 2, 0.02, (0.5, 0.95)                                            306   33.6 dB
    4 and 3, 0.02, (0.5, 0.95)                                            375   34.3 dB
    4 and 3, 0.02, (0.3, 0.9) / (0.5, 0.9) / (0.5, 0.8)                   375   34.3 / 35.0 / 35.1 dB
    4 and 3, 0.03, (0.5, 0.9); the same, falling to half                  375   35.1 / 35.1 dB
    3 and 4, 0.02 / 0.03 / from 0.035 falling, (0.5, 0.9)                 375   35.4 / 35.5 / 35.7 dB
    3 and 4, 0.025, (0.6, 0.9) / (0.5, 0.85)                              375   35.1 / 35.6 dB
    3 and 5 (the last eight steps), 0.025, (0.5, 0.9): near "default"     375   35.8 dB

For "fine", in a quarter of the published evaluations, on six scenes of the second edition (rate 0.02, betas
(0.7, 0.95), warm): the later steps decide, as each starts from where its own latents arrived.

    iterations at steps                                           evaluations   PSNR
    8 up to 20, then 7                                                    750   34.6 dB
    5 up to 20, then 13; with rate 0.03 falling to 0.01                   750   35.5 / 35.2 dB
    the same with 0.025, (0.5, 0.9); with 0.02, (0.8, 0.98)               750   34.8 / 34.3 dB
    3 up to 22, then 22                                                   786   34.3 dB
    4 up to 20, then 15                                                   750   35.1 dB
    5 up to 12, 8 up to 25, then 14: "fine"                               762   35.6 dB

Starting Adam anew at each step loses one to two decibels at equal cost. Gauss-Newton steps that remember 20
secants gained one over a warm Adam at equal cost, with three times the code. `make speed` holds the presets
against the published schedule with and without its attention term.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from styledit import validation as check
from styledit.objectives import Objective, Regularisation

MOST_ITERATIONS = 10_000  # at one step
MOST_STEPS = 100_000  # of a run
PARAMETERISATIONS = ("free", "mapping")


def _iterations(name: str, value: object) -> int:
    """How often Adam moves at one step."""
    return check.whole(name, value, least=0, most=MOST_ITERATIONS)


def _learning_rate(name: str, value: object) -> float:
    """Adam's at one step."""
    return check.number(name, value, least=0, most=1e6)


def _tolerance(name: str, value: object) -> float:
    """A loss; infinity ends every step after one iteration."""
    return math.inf if isinstance(value, float) and value == math.inf else check.number(name, value)


OF_A_STEP: dict[str, Callable[[str, object], float]] = {
    "iterations": _iterations,
    "learning_rate": _learning_rate,
    "tolerance": _tolerance,
}


@dataclass(frozen=True)
class Preset:
    """How value inputs are optimised.

    Args:
        iterations: of Adam, a number, or a function of the step i (0 is the noisiest); at most 10,000.
        learning_rate: of Adam, the same; from 0 to 1e6.
        tolerance: the loss below which a step ends early, the same.
        betas: Adam's, each in [0, 1).
        regularisation: what is added to L_rec, an objective that reads maps only; the published one is
            `Regularisation(l2=1.0)`, whose weight is the lambda of L_attn.
        parameterisation: "free", where s_t and b_t are free, or "mapping",
            where they come out of the mapping network.
        warm: start from the linear guess (see `linear_guess`) and keep Adam's moments from step to step,
            instead of starting Adam anew at each step; for "free" only.

    Raises:
        TypeError: an argument of another type.
        ValueError: one out of range, or a combination that does not exist.
    """

    iterations: Callable[[int], int] | int
    learning_rate: Callable[[int], float] | float
    tolerance: Callable[[int], float] | float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    regularisation: Objective = Regularisation()
    parameterisation: Literal["free", "mapping"] = "free"
    warm: bool = False

    def __post_init__(self) -> None:
        for name, number in OF_A_STEP.items():
            value = getattr(self, name)
            if not callable(value):
                object.__setattr__(self, name, _Constant(number(f"Preset.{name}", value)))
        if not isinstance(self.betas, (tuple, list)) or len(self.betas) != 2:
            raise TypeError(f"Preset.betas must be two numbers, not {check.shown(self.betas)}.")
        betas = tuple(check.number("Each of Preset.betas", beta, least=0) for beta in self.betas)
        if max(betas) >= 1:
            raise ValueError(f"Each of Preset.betas must be below 1, not {max(betas)}.")
        object.__setattr__(self, "betas", betas)
        if not isinstance(self.regularisation, Objective):
            raise TypeError(
                f"Preset.regularisation must be an objective, not {check.shown(self.regularisation)}."
            )
        if not self.regularisation.reads <= {"maps"}:
            raise ValueError(
                "A fit knows no picture; give Preset.regularisation objectives that read maps only."
            )
        check.choice("Preset.parameterisation", self.parameterisation, PARAMETERISATIONS)
        check.flag("Preset.warm", self.warm)
        if self.warm and self.parameterisation == "mapping":
            raise ValueError(
                "A warm start is for the free parameterisation: a mapping network cannot be given its output."
            )

    def schedule(self, steps: int) -> list[tuple[int, float, float]]:
        """Iterations, learning rate and tolerance of each of `steps` steps.

        Raises:
            TypeError, ValueError: a function gives something that cannot be used.
        """
        return [
            (
                _iterations(f"Preset.iterations at step {i}", _at(i, self.iterations)),
                _learning_rate(f"Preset.learning_rate at step {i}", _at(i, self.learning_rate)),
                _tolerance(f"Preset.tolerance at step {i}", _at(i, self.tolerance)),
            )
            for i in range(check.whole("steps", steps, least=0, most=MOST_STEPS))
        ]

    def fingerprint(self, steps: int) -> str:
        """A short hash of everything that it says of a fit of `steps` steps."""
        about = (self.schedule(steps), self.betas, self.regularisation, self.parameterisation, self.warm)
        return hashlib.sha256(repr(about).encode()).hexdigest()[:16]


def preset_of(preset: str | Preset) -> Preset:
    """A preset, or the one of a name.

    Raises:
        ValueError: there is none of that name.
    """
    if isinstance(preset, Preset):
        return preset
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ValueError(
            f"There is no preset {check.shown(preset)}; choose from {', '.join(PRESETS)}, or give a Preset."
        )
    return PRESETS[preset]


def linear_guess(c: torch.Tensor, null: torch.Tensor, guidance: float) -> torch.Tensor:
    """The shift b_t for which value inputs undo guidance, were the network linear in them; shape of `c`.

    With v = c + b and b = (1 - 1/w)(null - c) the guided output null + w (v - null) is that of plain c. So
    the fit starts where guidance 1 would be. As a shift it leaves a changed word its whole difference,
    v_tgt - v_src = c_tgt - c.

    Raises:
        TypeError: `guidance` is no number.
    """
    guidance = check.number("guidance", guidance)
    return (1 - 1 / guidance) * (null - c) if guidance else torch.zeros_like(c)


def _at(i: int, value: Callable[[int], float] | float) -> float:
    """What a number, or a function of the step, is at step i."""
    return value(i) if callable(value) else value


@dataclass(frozen=True)
class _Constant:
    """The same number at every step."""

    value: float

    def __call__(self, i: int) -> float:
        return self.value


PRESETS = {
    "default": Preset(lambda i: 3 if i < 23 else 5, 0.025, betas=(0.5, 0.9), warm=True),
    "fine": Preset(lambda i: 5 if i < 12 else 8 if i < 25 else 14, 0.02, betas=(0.7, 0.95), warm=True),
    "paper": Preset(
        iterations=lambda i: math.ceil(100 * math.exp(-0.1 * i)),
        learning_rate=lambda i: max(0.0, 0.01 * (1 - i / 100)),
        tolerance=lambda i: 1e-5 + 2e-5 * i,
        regularisation=Regularisation(l2=1.0),
        parameterisation="mapping",
    ),
}

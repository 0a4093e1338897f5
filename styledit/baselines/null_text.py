"""Null-text inversion (2211.09794): the empty prompt's embedding is learned at each step."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import torch
from diffusers import StableDiffusionPipeline

from styledit import validation as check
from styledit.baselines.once import ONCE
from styledit.ddim import guide
from styledit.denoising import Callback, State, wide
from styledit.editing import Edit, Editor
from styledit.inversion import Inversion, check_inversion
from styledit.values.optimiser import StepwiseFit, check_together, complete
from styledit.values.presets import Preset


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class NullEmbeddings:
    """Learned embeddings of the empty prompt.

    `embeddings` (T, N, d), in at least float32, for `Editor(null_embeddings=...)`; a step that was not fitted
    holds the empty prompt's own. `guidance`: the w they were fitted at; `losses` (k,): what remains at each
    fitted step; `evaluations`: cost, a forward counted as 1, a backward as 2; `fingerprint`: that of the
    inversion they were fitted to.
    """

    embeddings: torch.Tensor
    guidance: float
    losses: tuple[float, ...]
    evaluations: int
    fingerprint: str

    def check(self, inversion: Inversion) -> None:
        """Raise TypeError or ValueError unless these are embeddings that were fitted to this inversion."""
        if self.fingerprint != inversion.fingerprint:
            raise ValueError(
                "The null embeddings were fitted to another inversion; fit them to this one with fit_nulls()."
            )
        shape = (inversion.steps, *inversion.c.shape[1:])
        embeddings = check.tensor("NullEmbeddings.embeddings", self.embeddings, *shape)
        check.finite(embeddings, "NullEmbeddings.embeddings", "fit them again")
        check.number("NullEmbeddings.guidance", self.guidance)


def null_text(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    guidance: float = 7.5,
    nulls: NullEmbeddings | None = None,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit:
    """Learned null embeddings keep the source, Prompt-to-Prompt edits. Arguments as for `styledit.edit`.

    Args:
        nulls: from `fit_nulls`; None fits them first.
    """
    check_inversion(pipe, inversion)
    progress = check.flag("progress", progress)
    if callback is not None:
        check.function("callback", callback)
    # whatever is wrong with the edit is said before the fit
    Editor(pipe, inversion, **ONCE).editing(target_prompt, guidance=guidance, **settings).close()
    nulls = fit_nulls(pipe, inversion, guidance=guidance, progress=progress) if nulls is None else nulls
    check.instance("nulls", nulls, NullEmbeddings, "fit_nulls()").check(inversion)
    editor = Editor(
        pipe,
        inversion,
        guidance=nulls.guidance,
        null_embeddings=nulls.embeddings,
        **ONCE,
    )
    return editor.edit(target_prompt, guidance=guidance, progress=progress, callback=callback, **settings)


ITERATIONS = 10  # of Adam a step


def _learning_rate(i: int) -> float:
    return max(0.0, 0.01 * (1 - i / 100))


def _tolerance(i: int) -> float:
    return 1e-5 + 2e-5 * i


@overload
def fit_nulls(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    *,
    guidance: float = ...,
    iterations: Callable[[int], int] | int = ...,
    learning_rate: Callable[[int], float] | float = ...,
    tolerance: Callable[[int], float] | float = ...,
    progress: bool = ...,
    callback: Callback | None = ...,
) -> NullEmbeddings: ...
@overload
def fit_nulls(
    pipe: StableDiffusionPipeline,
    inversion: Sequence[Inversion],
    *,
    guidance: float = ...,
    iterations: Callable[[int], int] | int = ...,
    learning_rate: Callable[[int], float] | float = ...,
    tolerance: Callable[[int], float] | float = ...,
    progress: bool = ...,
    callback: Callback | None = ...,
) -> list[NullEmbeddings]: ...
def fit_nulls(
    pipe: StableDiffusionPipeline,
    inversion: Inversion | Sequence[Inversion],
    *,
    guidance: float = 7.5,
    iterations: Callable[[int], int] | int = ITERATIONS,
    learning_rate: Callable[[int], float] | float = _learning_rate,
    tolerance: Callable[[int], float] | float = _tolerance,
    progress: bool = True,
    callback: Callback | None = None,
) -> NullEmbeddings | list[NullEmbeddings]:
    """Null-text inversion's fit (section 3.2): each step's null embedding, warm-started from the one before.

    Whatever ends it early, Ctrl-C too, is raised and carries the finished steps as `values`: after an
    interrupted cell of a notebook they are in `sys.last_value.values`.

    Args:
        inversion: an inversion, or several of equal size and steps, which are fitted in one batch.
        guidance: w.
        iterations, learning_rate, tolerance: of Adam, which starts anew at each step i;
            a step ends early below the tolerance.
        callback: called after each step with a dict of `i`, `timestep`, `loss`,
            `iterations`, `evaluations`, `z`.

    Raises:
        TypeError: an argument of another type.
        ValueError: a guidance that is 1 or not finite, or settings out of range.
        FittingStopped: NaN or infinite values in the fit.
    """
    guidance = check.number("guidance", guidance)
    if guidance == 1:
        raise ValueError("At guidance 1 the null embedding is not used; choose another guidance.")
    preset = Preset(iterations, learning_rate, tolerance)
    given = (inversion,) if isinstance(inversion, Inversion) else inversion
    inversions = check_together(pipe, given, "Null embeddings")
    if callback is not None:
        check.function("callback", callback)
    unknowns = _Nulls(inversions, guidance)
    fit = StepwiseFit(pipe, inversions, preset, unknowns)

    def results() -> NullEmbeddings | list[NullEmbeddings]:
        fitted = [_embeddings(fit, j, guidance) for j in range(len(inversions))]
        return fitted[0] if isinstance(inversion, Inversion) else fitted

    return complete(fit, results, "fitting null embeddings", progress, callback)


def fitting_nulls(
    pipe: StableDiffusionPipeline, inversion: Inversion, guidance: float, iterations: int = ITERATIONS
) -> Generator[State, None, NullEmbeddings]:
    """`fit_nulls` of one picture as a run: a state after each network evaluation."""
    preset = Preset(iterations, _learning_rate, _tolerance)
    fit = StepwiseFit(pipe, (inversion,), preset, _Nulls((inversion,), guidance))
    yield from fit.run()
    return _embeddings(fit, 0, guidance)


class _Nulls:
    """The unknowns of null-text inversion: an embedding (1, N, d) for each picture;
    the conditional branch is fixed.
    """

    def __init__(self, inversions: tuple[Inversion, ...], guidance: float) -> None:
        self.guidance = guidance
        self.dtype = inversions[0].null.dtype
        self.fixed_context = torch.cat([inversion.c for inversion in inversions])  # (n, N, d)
        self.parameters = [[wide(inversion.null).clone().requires_grad_()] for inversion in inversions]

    def reads(self, active: list[int]) -> tuple[torch.Tensor, None]:
        """The null embeddings."""
        return torch.cat([self.parameters[j][0] for j in active]).to(self.dtype), None

    def guided(self, own: torch.Tensor, fixed: torch.Tensor | None) -> torch.Tensor:
        """Guidance from the learned null's output to the conditional one's."""
        assert fixed is not None  # there is a fixed context
        return guide(own, fixed, self.guidance)

    def learned(self) -> tuple[torch.Tensor]:
        """The embeddings, (n, N, d)."""
        return (torch.cat([null.detach().clone() for (null,) in self.parameters]),)


def _embeddings(fit: StepwiseFit, j: int, guidance: float) -> NullEmbeddings:
    """What the finished steps amount to for one picture."""
    inversion = fit.inversions[j]
    learned = [step.learned[0][j] for step in fit.finished]
    rest = [wide(inversion.null)[0]] * (fit.steps - fit.done)
    return NullEmbeddings(
        torch.stack([*learned, *rest]),
        guidance,
        tuple(step.losses[j] for step in fit.finished),
        fit.evaluations[j],
        inversion.fingerprint,
    )

"""The optimiser of per-step unknowns: value inputs (StyleDiffusion, 2303.15649, section 3.2), null
embeddings (2211.09794, section 3.2), or whatever else a guided step reads.

From the noisiest step down, a few iterations of Adam make the guided step land on the inversion's next
latent; the next step starts from what this one learned and from where its own latents arrived.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from diffusers import StableDiffusionPipeline

from styledit import validation as check
from styledit.attention import AttentionCall
from styledit.ddim import ddim_step, predict_x0_eps
from styledit.denoising import Callback, Prediction, State, follow, predict, wide
from styledit.inversion import Inversion, check_inversion
from styledit.maps import map_size
from styledit.objectives import ObjectiveState, gradient
from styledit.objectives.state import objective_layers
from styledit.prompts import split_words
from styledit.values.presets import Preset


class FittingStopped(ValueError):
    """Fitting met NaN or infinite values. `values` holds the finished steps."""

    def __init__(self, message: str, values: Any) -> None:
        super().__init__(message)
        self.values = values


class Unknowns(Protocol):
    """What is learned for n pictures, and how a guided step reads it."""

    @property
    def parameters(self) -> Sequence[Sequence[torch.Tensor]]:
        """The tensors of each picture."""

    @property
    def fixed_context(self) -> torch.Tensor | None:
        """What the branch that does not depend on them reads, (n, N, d); None where there is none."""

    def reads(self, active: list[int]) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The context and the value inputs (None: the context) of the branch that depends
        on them, (k, N, d) each.
        """

    def guided(self, own: torch.Tensor, fixed: torch.Tensor | None) -> torch.Tensor:
        """The guided output from that branch's and the fixed one's, (k, C, h, w)."""

    def learned(self) -> tuple[torch.Tensor, ...]:
        """What the present step has learned, (n, ...) each."""


@dataclass(frozen=True)
class FitState(State):
    """A fit after a network evaluation.

    `loss`: L_rec, the mean over the pictures; `iterations` of this step and `evaluations` so far:
    sums over the pictures.
    """

    loss: float = math.nan
    iterations: int = 0
    evaluations: int = 0

    def callback_info(self) -> dict[str, Any]:
        own = {"loss": self.loss, "iterations": self.iterations, "evaluations": self.evaluations}
        return super().callback_info() | own


@dataclass(frozen=True)
class FinishedStep:
    """What a step learned, (n, ...) each, the L_rec that remains and the evaluations
    so far of each picture.
    """

    learned: tuple[torch.Tensor, ...]
    losses: tuple[float, ...]
    evaluations: tuple[int, ...]


class StepwiseFit:
    """The state of a fit of n pictures, which are optimised in one batch, each as if alone.

    `finished`: the steps that are done; `z` (n, C, h, w): where they lead.

    Args:
        low_memory: recompute activations in the backward pass instead of keeping them.

    Raises:
        TypeError: one of the inversions is something else.
        ValueError: inversions that do not fit together or lack maps that the preset's
            regularisation compares with.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        inversions: tuple[Inversion, ...],
        preset: Preset,
        unknowns: Unknowns,
        low_memory: bool = False,
    ) -> None:
        self.pipe = pipe
        self.inversions = inversions
        self.preset = preset
        self.unknowns = unknowns
        self.low_memory = low_memory
        self.timesteps = inversions[0].timesteps
        self.levels = inversions[0].levels
        self.latents = torch.cat([inversion.latents for inversion in inversions], 1)  # (T + 1, n, C, h, w)
        self.schedule = preset.schedule(len(self.timesteps))
        self.words = [split_words(pipe, inversion.prompt) for inversion in inversions]
        self.scales = objective_layers(pipe.unet, preset.regularisation)
        self.targets = [_source_maps(inversion, preset, self.scales) for inversion in inversions]
        self.z = self.latents[0]
        self.optimisers = self._new_optimisers()
        self.finished: list[FinishedStep] = []
        # Each parameter and its moments where the present step began; None between two steps.
        self._before: list[list[tuple[torch.Tensor, dict[str, torch.Tensor]]]] | None = None

    @property
    def done(self) -> int:
        """The number of finished steps."""
        return len(self.finished)

    @property
    def steps(self) -> int:
        """T."""
        return len(self.timesteps)

    @property
    def evaluations(self) -> tuple[int, ...]:
        """Those of each picture so far."""
        return self.finished[-1].evaluations if self.finished else (0,) * len(self.inversions)

    def run(self) -> Generator[FitState, None, None]:
        """Fit the steps that are left: a state after each network evaluation.

        Raises:
            FloatingPointError: NaN or infinite values; the finished steps stay as they are.
        """
        for i in range(self.done, self.steps):
            yield from self.step(i)

    @torch.no_grad()
    def step(self, i: int) -> Generator[FitState, None, None]:
        """Fit step i, whose latents are reached: a state after each network evaluation."""
        iterations, learning_rate, tolerance = self.schedule[i]
        self._begin()
        fixed = None
        x0 = self.z
        if self.unknowns.fixed_context is not None:
            fixed = predict(self.pipe, self.z, self.timesteps[i], self.unknowns.fixed_context).output
            x0 = self._estimate(i, fixed)
            yield self._state(i, self.z, x0)
        if not self.preset.warm:
            self.optimisers = self._new_optimisers()
        for optimiser in self.optimisers:
            optimiser.param_groups[0]["lr"] = learning_rate
        counts = [0] * len(self.inversions)
        active = list(range(len(self.inversions)))
        for _ in range(iterations):
            losses = self._descend(i, active, fixed)
            for j in active:
                counts[j] += 1
            yield self._state(i, self.z, x0, sum(losses) / len(losses), sum(counts))
            active = [j for j, loss in zip(active, losses, strict=True) if loss >= tolerance]
            if not active:
                break
        yield self._finish(i, fixed, counts)

    def _begin(self) -> None:
        """Note where a step starts; one that was left in the middle starts there again."""
        if self._before is None:
            self._before = [
                [(p.detach().clone(), _copies(optimiser.state[p])) for p in parameters]
                for parameters, optimiser in zip(self.unknowns.parameters, self.optimisers, strict=True)
            ]
            return
        self.optimisers = self._new_optimisers()
        for parameters, optimiser, before in zip(
            self.unknowns.parameters, self.optimisers, self._before, strict=True
        ):
            for p, (start, moments) in zip(parameters, before, strict=True):
                p.data.copy_(start)
                if moments:
                    optimiser.state[p] = _copies(moments)

    def _estimate(self, i: int, output: torch.Tensor) -> torch.Tensor:
        """The clean estimate of the network's output at the present latents, (n, C, h, w)."""
        x0, _ = predict_x0_eps(output, self.z, self.levels[i], self.pipe.scheduler.config.prediction_type)
        return x0

    def _descend(self, i: int, active: list[int], fixed: torch.Tensor | None) -> list[float]:
        """One iteration of Adam for each of some pictures; their losses before it."""
        with torch.enable_grad():
            context, values = self.unknowns.reads(active)
            attention = AttentionCall(values=values, record=frozenset(self.scales))
            prediction = predict(
                self.pipe,
                self.z[active],
                self.timesteps[i],
                context,
                attention,
                recompute=self.low_memory,
            )
            reached = self._reached(i, active, prediction, fixed)
            losses = wide(reached - self.latents[i + 1][active]).square().flatten(1).mean(1)  # L_rec
            if self.preset.regularisation:
                losses = losses + self._regularise(i, active, prediction)
            wanted = [p for j in active for p in self.unknowns.parameters[j]]
            parts = gradient(losses.sum(), wanted, self.pipe.unet.dtype)
            for p, part in zip(wanted, parts, strict=True):
                p.grad = part
        for j in active:
            self.optimisers[j].step()
        return losses.tolist()

    def _finish(self, i: int, fixed: torch.Tensor | None, counts: list[int]) -> FitState:
        """Take the step with what was learned."""
        everyone = list(range(len(self.inversions)))
        context, values = self.unknowns.reads(everyone)
        prediction = predict(self.pipe, self.z, self.timesteps[i], context, AttentionCall(values=values))
        z = self._reached(i, everyone, prediction, fixed)
        if not torch.isfinite(z).all():
            raise FloatingPointError("the latents are NaN or infinite")
        x0 = self._estimate(i, self.unknowns.guided(prediction.output, fixed))
        losses = wide(z - self.latents[i + 1]).square().flatten(1).mean(1).tolist()
        own = 1 + (fixed is not None)
        evaluations = tuple(
            spent + 3 * count + own for spent, count in zip(self.evaluations, counts, strict=True)
        )
        step = FinishedStep(self.unknowns.learned(), tuple(losses), evaluations)
        self.z = z
        self.finished.append(step)
        self._before = None
        return self._state(i, z, x0, math.fsum(losses) / len(losses), sum(counts), finished=True)

    def _reached(
        self, i: int, active: list[int], prediction: Prediction, fixed: torch.Tensor | None
    ) -> torch.Tensor:
        """ztilde_{t-1} of some pictures, (k, C, h, w)."""
        output = self.unknowns.guided(prediction.output, None if fixed is None else fixed[active])
        prediction_type = self.pipe.scheduler.config.prediction_type
        return ddim_step(output, self.z[active], self.levels[i], self.levels[i + 1], prediction_type)

    def _regularise(self, i: int, active: list[int], prediction: Prediction) -> torch.Tensor:
        """The regularisation of each picture's maps, (k,)."""
        sizes = {layer: map_size(self.z.shape[-2:], scale) for layer, scale in self.scales.items()}
        values = []
        for row, j in enumerate(active):
            state = ObjectiveState(
                {layer: prediction.maps[layer][row] for layer in self.scales},
                sizes,
                self.words[j],
                {layer: kept[i].to(self.z.device) for layer, kept in self.targets[j].items()},
                scales=self.scales,
            )
            values.append(self.preset.regularisation(state))
        return torch.stack(values)

    def _new_optimisers(self) -> list[torch.optim.Adam]:
        return [torch.optim.Adam(own, betas=self.preset.betas) for own in self.unknowns.parameters]

    def _state(
        self,
        i: int,
        z: torch.Tensor,
        x0: torch.Tensor,
        loss: float = math.nan,
        iterations: int = 0,
        finished: bool = False,
    ) -> FitState:
        state = FitState(i, self.timesteps[i], z, x0, finished, loss, iterations, sum(self.evaluations))
        return state.copy()


def _copies(moments: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Adam's moments of a parameter, copied."""
    return {name: moment.clone() for name, moment in moments.items()}


def complete(
    fit: StepwiseFit,
    results: Callable[[], Any],
    title: str,
    progress: bool,
    callback: Callback | None,
    after_step: Callable[[], None] = lambda: None,
) -> Any:
    """Run a fit to its end and give its results; whatever ends it early, Ctrl-C too, carries those of the
    finished steps as `values`.

    Args:
        results: what the finished steps amount to.
        after_step: called after each finished step, before the callback.

    Raises:
        FittingStopped: NaN or infinite values.
    """

    def report(about: dict[str, Any]) -> None:
        after_step()
        if callback is not None:
            callback(about)

    progress = check.flag("progress", progress)
    left = fit.steps - fit.done
    try:
        follow(fit.run(), title, left, progress and left > 0, report)
    except FloatingPointError as error:
        raise FittingStopped(
            f"Fitting met NaN or infinite values at step {fit.done} of {fit.steps}; "
            f"the {fit.done} finished steps are in this error's `values`. Lower the guidance or the "
            "preset's learning rate, or load the model in float32.",
            results(),
        ) from error
    except (Exception, KeyboardInterrupt) as error:
        error.values = results()  # type: ignore[union-attr]  # any error may carry them
        error.add_note(
            f"The {fit.done} finished steps of {fit.steps} are in this error's `values`; in the next cell "
            "of a notebook that is `import sys; sys.last_value.values`."
        )
        raise
    return results()


def check_together(
    pipe: StableDiffusionPipeline, inversions: Sequence[Inversion], what: str
) -> tuple[Inversion, ...]:
    """Inversions that can share a batch.

    Args:
        what: is to be fitted, for the message.

    Raises:
        TypeError: one of them is something else.
        ValueError: there are none, they differ in steps or size, or gradients are off for good.
    """
    if torch.is_inference_mode_enabled():
        raise ValueError("Fitting needs gradients; call it outside torch.inference_mode().")
    if not isinstance(inversions, (list, tuple)):
        raise TypeError(
            f"{what} are fitted to an Inversion or a list of them, not {type(inversions).__name__}."
        )
    if not inversions:
        raise ValueError("There is no inversion to fit; give one, or several in a list.")
    check_inversion(pipe, *inversions)
    kinds = {(inversion.timesteps, inversion.latents.shape, inversion.c.shape) for inversion in inversions}
    if len(kinds) > 1:
        raise ValueError(
            "Inversions that are fitted in one batch need the same model, picture size and steps; "
            "fit these one by one."
        )
    if any(inversion.latents.is_inference() for inversion in inversions):
        raise ValueError(
            "The inversion was made under torch.inference_mode(), so nothing can be fitted to it; "
            "invert again."
        )
    return tuple(inversions)


def _source_maps(inversion: Inversion, preset: Preset, layers: dict[str, int]) -> dict[str, torch.Tensor]:
    """{layer: Ahat (T, heads, HW, N)} of the layers that the regularisation compares with."""
    if not preset.regularisation or not preset.regularisation.needs_targets:
        return {}
    maps = inversion.maps
    recorded = maps.layers if maps and maps.steps in (None, tuple(range(inversion.steps))) else {}
    missing = [layer for layer in layers if layer not in recorded]
    if missing:
        raise ValueError(
            f"The inversion recorded no maps of {missing[0]!r} at every step, which the regularisation "
            "compares with; invert again with the default `record`, or use a Preset without l2 and l1."
        )
    return {layer: recorded[layer] for layer in layers}

"""What every schedule of a guided edit shares: what is optimised, the states that are handed out, the log."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from diffusers import StableDiffusionPipeline

from styledit.attention import SourceAttention
from styledit.denoising import State
from styledit.guiding.learner import Learner
from styledit.guiding.log import Frame, Log, WordMap
from styledit.guiding.run import GradientStep, GuidedRun, StepInputs
from styledit.guiding.settings import GuidedSettings
from styledit.guiding.terms import LossValues, Terms
from styledit.objectives.state import objective_layers
from styledit.pictures import to_pictures

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class GuidedState(State):
    """A guided edit after a network call or an iteration.

    `iteration`: how many there were; `loss`, `terms`: those of the last one; `best`: the lowest loss of what
    is optimised now; `frame`: a picture of the filmstrip, where one was just taken.
    """

    iteration: int = 0
    loss: float = float("nan")
    terms: Mapping[str, float] | None = None
    best: float = float("nan")
    frame: Frame | None = None

    def callback_info(self) -> dict[str, Any]:
        losses = {"loss": self.loss, "terms": dict(self.terms or {}), "best": self.best}
        return super().callback_info() | {"iteration": self.iteration, "frame": self.frame} | losses


class Optimisation:
    """One way to optimise what a run reads; a base class.

    `free` (N, 1): 1 for the tokens whose value inputs are optimised, 0 for those that stay.

    Args:
        rate: Adam's learning rate.
        word_map: what the filmstrip shows beside the picture; None where there is no filmstrip.
    """

    def __init__(
        self,
        run: GuidedRun,
        terms: Terms,
        settings: GuidedSettings,
        *,
        rate: float,
        free: torch.Tensor,
        word_map: WordMap | None,
    ) -> None:
        self.edit_run = run
        self.terms = terms
        self.settings = settings
        self.rate = rate
        self.free = free
        self.word_map = word_map
        self.log = Log(tuple(terms.weighted))
        self.scales: dict[str, int] = {}  # of the layers whose maps are wanted
        for _, objective in terms.weighted.values():
            self.scales |= objective_layers(run.pipe.unet, objective)
        self.scales |= word_map.scales if word_map is not None else {}

    @property
    def steps(self) -> int:
        """T."""
        return self.edit_run.source.inversion.steps

    @property
    def length(self) -> int:
        """How many states with `finished` there are, at most."""
        raise NotImplementedError

    def run(self) -> Generator[State, None, None]:
        """Optimise: a state after each network call or iteration.

        Raises:
            FloatingPointError: NaN or infinite values.
        """
        raise NotImplementedError

    def use_best(self) -> None:
        """Let the run read the best of everything so far."""
        raise NotImplementedError

    def advance(self) -> Generator[State, None, None]:
        """One step of the run as it stands, and its cost."""
        self.log.evaluations += 1 + self.edit_run.needs_unconditional(len(self.edit_run.states))
        yield from as_substeps(self.edit_run.advance())

    def start(self, i: int) -> StepInputs:
        """What step i reads before anything is learned, in at least float32; of both branches, or the
        conditional one alone.
        """
        run, kind = self.edit_run, self.settings.start
        values, null = run.edit_inputs(i, self.settings.both_branches)
        c = run.target.c
        if isinstance(kind, torch.Tensor):
            values = kind[i : i + 1].to(c.device)
        elif kind == "fitted":
            assert run.source.values is not None
            values = run.source.values.v(i, c)
        elif kind == "random":
            generator = torch.Generator().manual_seed((self.settings.seed + 7919 * i) % 2**63)
            values = (torch.randn(c.shape, generator=generator) * float(c.std())).to(c)
        wide = torch.promote_types(c.dtype, torch.float32)
        return values.to(wide), None if null is None else null.to(wide)

    def differentiable_step(
        self,
        z: torch.Tensor,
        i: int,
        attention: SourceAttention,
        inputs: StepInputs,
        unconditional: torch.Tensor | None = None,
    ) -> GradientStep:
        """The run's, with the maps that are wanted, and recomputed where memory is low."""
        return self.edit_run.differentiable_step(
            z,
            i,
            attention,
            inputs,
            unconditional=unconditional,
            record=frozenset(self.scales),
            recompute=self.settings.low_memory,
        )

    def new_learner(self, bases: list[torch.Tensor], per_step: int) -> Learner:
        """A learner of what some steps read; `per_step`: how many tensors each of them has."""
        return Learner(
            bases,
            rate=self.rate,
            clamp=self.settings.clamp,
            tolerance=self.settings.tolerance,
            free=self.free,
            per_step=per_step,
        )

    def needs_source(self, i: int) -> bool:
        """Whether step i, or a term, reads the source's attention."""
        targets = any(objective.needs_targets for _, objective in self.terms.weighted.values())
        return self.edit_run.plans[i].needs_source or targets

    def record(
        self, step: int, losses: LossValues, pixels: torch.Tensor, maps: Mapping[str, torch.Tensor]
    ) -> Frame | None:
        """Log an iteration, and let the critic learn from its picture; its frame, where one is due."""
        self.log.add(step, float(losses.loss.detach()), losses.parts)
        pixels = pixels.detach()
        self.terms.learn(pixels)
        if self.word_map is None or (self.log.iterations - 1) % self.settings.every:
            return None
        frame = Frame(self.log.iterations, step, to_pictures(pixels)[0], self.word_map(maps))
        self.log.frames.append(frame)
        return frame

    def guided_state(self, i: int, z: torch.Tensor, x0: torch.Tensor, **about: Any) -> GuidedState:
        """A state to hand out."""
        timestep = self.edit_run.source.inversion.timesteps[i]
        state = GuidedState(i, timestep, z.detach(), x0.detach(), iteration=self.log.iterations, **about)
        return state.copy()


def as_substeps(run: Generator[State, None, Result]) -> Generator[State, None, Result]:
    """A run inside another: its states finish nothing; its result is the same."""
    while True:
        try:
            state = next(run)
        except StopIteration as end:
            return end.value
        yield replace(state, finished=False)


def tensors_of(inputs: StepInputs) -> list[torch.Tensor]:
    """What is read, without the branch that is not there."""
    return [part for part in inputs if part is not None]


def inputs_of(tensors: list[torch.Tensor]) -> StepInputs:
    """What `tensors_of` was made of."""
    return tensors[0], tensors[1] if len(tensors) > 1 else None


@contextmanager
def recomputing_decoder(pipe: StableDiffusionPipeline, on: bool) -> Iterator[None]:
    """The decoder recomputes its activations in the backward pass meanwhile (gradient checkpointing)."""
    if not on or pipe.vae.decoder.gradient_checkpointing:
        yield
        return
    pipe.vae.enable_gradient_checkpointing()
    try:
        yield
    finally:
        pipe.vae.disable_gradient_checkpointing()

"""What every schedule of a guided edit shares: the plan, the states, the log."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import torch

from styledit.denoising import State
from styledit.guiding.learner import Learner
from styledit.guiding.log import Frame, Log
from styledit.guiding.run import GuidedRun, Read
from styledit.guiding.terms import LossValues, Terms
from styledit.maps import map_size, resize
from styledit.pictures import to_pictures
from styledit.storage.files import group

Tensors = dict[str, torch.Tensor]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Plan:
    """How a guided edit is optimised; see `styledit.guiding.GuidedEdit`."""

    iterations: int
    rate: float
    clamp: bool
    both: bool
    warm: bool
    since: float
    patience: int
    tolerance: float
    every: int
    low_memory: bool


@dataclass(frozen=True, kw_only=True)
class GuidedState(State):
    """A guided edit after a network call or an iteration.

    `iteration`: how many there were; `loss`, `terms`: what the last one said; `best`: the lowest loss of what
    is optimised now; `frame`: a picture of the filmstrip, where one was just taken.
    """

    iteration: int = 0
    loss: float = float("nan")
    terms: Mapping[str, float] | None = None
    best: float = float("nan")
    frame: Frame | None = None

    def about(self) -> dict[str, Any]:
        told = {"iteration": self.iteration, "loss": self.loss, "terms": dict(self.terms or {})}
        return super().about() | told | {"best": self.best, "frame": self.frame}


class Schedule(Protocol):
    """One way to optimise a run."""

    def run(self) -> Generator[State, None, None]:
        """Optimise what is left."""

    def settle(self) -> None:
        """Leave the best of everything so far in the run."""

    def state(self) -> Tensors:
        """All that it takes to go on from the last point at which something was finished."""

    def restore(self, tensors: Tensors) -> None:
        """Go on from `state`."""


class Shared:
    """What both schedules need.

    Args:
        start: what a step reads at first, of both branches or the conditional one.
        scales: {layer: scale} whose maps are wanted, by objectives or the filmstrip.
        film: those of the filmstrip.
        object_tokens: positions of the object's word in the target prompt.
        free: (N, 1), 1 for the tokens whose value inputs are optimised, 0 for those that stay.
    """

    def __init__(
        self,
        run: GuidedRun,
        terms: Terms,
        plan: Plan,
        log: Log,
        start: Callable[[int], Read],
        scales: dict[str, int],
        film: Collection[str],
        object_tokens: list[int],
        free: torch.Tensor,
    ) -> None:
        self.edit_run = run
        self.terms = terms
        self.plan = plan
        self.log = log
        self.start = start
        self.scales = scales
        self.film = film
        self.object_tokens = object_tokens
        self.free = free
        self.finished = 0  # steps, or iterations

    @property
    def steps(self) -> int:
        """T."""
        return self.edit_run.source.inversion.steps

    def advance(self) -> Generator[State, None, None]:
        """One step of the run as it stands, and its cost."""
        i = len(self.edit_run.states)
        yield from quietly(self.edit_run.advance())
        self.log.evaluations += 1 + self.edit_run.needs_unconditional(i)

    def state(self) -> Tensors:
        """The common part of a checkpoint."""
        tensors = {f"log/{name}": tensor for name, tensor in self.log.state().items()}
        if self.terms.critic is not None:
            tensors |= {f"critic/{name}": tensor for name, tensor in self.terms.critic.state().items()}
        return tensors | {"finished": torch.tensor(float(self.finished), dtype=torch.float64)}

    def restore(self, tensors: Tensors) -> None:
        """The common part of a checkpoint."""
        self.log.restore(group(tensors, "log/"))
        if self.terms.critic is not None:
            self.terms.critic.restore(group(tensors, "critic/"))
        self.finished = int(tensors["finished"])

    def note(
        self, step: int, said: LossValues, pixels: torch.Tensor, maps: Mapping[str, torch.Tensor]
    ) -> Frame | None:
        """Log an iteration, and let the critic learn from its picture; its frame, where one is due."""
        self.log.add(step, float(said.loss.detach()), said.parts)
        pixels = pixels.detach()
        self.terms.learn(pixels)
        if not self.plan.every or (self.log.iterations - 1) % self.plan.every:
            return None
        frame = Frame(self.log.iterations, step, to_pictures(pixels)[0], self._heat(maps))
        self.log.frames.append(frame)
        return frame

    def guided_state(self, i: int, z: torch.Tensor, x0: torch.Tensor, **about: Any) -> GuidedState:
        """A state to hand out."""
        timestep = self.edit_run.source.inversion.timesteps[i]
        state = GuidedState(i, timestep, z.detach(), x0.detach(), iteration=self.log.iterations, **about)
        return state.shown()

    def new_learner(self, bases: list[torch.Tensor], offsets: list[torch.Tensor], each: int) -> Learner:
        """A learner as the plan says; `each`: how many tensors a step has."""
        plan = self.plan
        return Learner(
            bases,
            offsets,
            rate=plan.rate,
            clamp=plan.clamp,
            tolerance=plan.tolerance,
            free=self.free,
            each=each,
        )

    def needs_source(self, i: int) -> bool:
        """Whether step i, or a term, reads the source's attention."""
        targets = any(objective.needs_targets for _, objective in self.terms.weighted.values())
        return self.edit_run.plans[i].needs_source or targets

    def _heat(self, maps: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
        """Where the object's word looks, (h, w), averaged over the film's layers."""
        height, width = self.edit_run.source.inversion.z_T.shape[-2:]
        sizes = {name: map_size((height, width), self.scales[name]) for name in self.film if name in maps}
        if not sizes or not self.object_tokens:
            return None
        planes = []
        for layer, size in sizes.items():
            flat = maps[layer].detach()[..., self.object_tokens].float().sum(-1).mean(0)  # (HW,)
            planes.append(resize(flat.view(size), max(sizes.values())))
        return torch.stack(planes).mean(0).cpu()


def quietly(run: Generator[State, None, Result]) -> Generator[State, None, Result]:
    """A run inside another: its states finish nothing; its result is the same."""
    while True:
        try:
            state = next(run)
        except StopIteration as end:
            return end.value
        yield replace(state, finished=False)


def present(read: Read) -> list[torch.Tensor]:
    """What is read, without the branch that is not there."""
    return [part for part in read if part is not None]

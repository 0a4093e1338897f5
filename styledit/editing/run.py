"""One denoising run of an edit's targets: what they are, the states it passes through, and the run itself."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, takewhile
from typing import Any

import torch
from diffusers import StableDiffusionPipeline

from styledit.attention import AttentionCall, AttentionEdit, Rows, SourceAttention
from styledit.ddim import predict_x0_eps
from styledit.denoising import Prediction, State, Step, check_finite, guided_step, predict, wide
from styledit.editing.blend import LocalBlend
from styledit.editing.mask import PaintedMask
from styledit.editing.settings import Settings, StepPlan, plan_steps
from styledit.editing.source import SourceBranch
from styledit.maps import map_size
from styledit.objectives import ObjectiveState, gradient
from styledit.objectives.state import objective_layers
from styledit.pictures import decode_tensor
from styledit.prompts import Word, align, encode_prompt, find_word, kept_words, positions_of, split_words
from styledit.recording import Recorder


@dataclass(frozen=True, eq=False)
class Target:
    """n target prompts against one source prompt; what an edit knows of them before it starts.

    `c` (n, N, d): their embeddings; `mapper` (n, N_src, N_tgt) and `has_source` (n, N_tgt):
    their alignments; `words`; `new_tokens`: of each target the positions of the words that the source does
    not have, of all where it has every one.
    """

    prompts: tuple[str, ...]
    c: torch.Tensor
    mapper: torch.Tensor
    has_source: torch.Tensor
    words: tuple[tuple[Word, ...], ...]
    new_tokens: tuple[list[int], ...]

    @classmethod
    def of(cls, pipe: StableDiffusionPipeline, source: str, prompts: tuple[str, ...]) -> Target:
        """Encode and align. Raises as `encode_prompt`."""
        c = torch.cat([encode_prompt(pipe, prompt) for prompt in prompts])  # (n, N, d)
        alignments = [align(pipe, source, prompt) for prompt in prompts]
        words = tuple(split_words(pipe, prompt) for prompt in prompts)
        return cls(
            prompts,
            c,
            torch.stack([alignment.mapper for alignment in alignments]).to(c),
            torch.stack([alignment.mask for alignment in alignments]).to(c),
            words,
            tuple(_new_tokens(split_words(pipe, source), own) for own in words),
        )


@dataclass(frozen=True, kw_only=True)
class EditState(State):
    """An edit after a finished step.

    `z_source` (1, C, h, w): the source's latent at the same index; for each target `sums`, the blend words'
    maps so far, `masks`, the blend's mask (h, w) or None, and `recorded`,
    the maps that were kept of this step.
    """

    z_source: torch.Tensor
    sums: tuple[torch.Tensor, ...]
    masks: tuple[torch.Tensor | None, ...]
    recorded: tuple[dict[str, torch.Tensor] | None, ...]

    def callback_info(self) -> dict[str, Any]:
        masks = [None if mask is None else mask.clone() for mask in self.masks]
        return super().callback_info() | {"z_source": self.z_source.clone(), "masks": masks}

    @property
    def bytes(self) -> int:
        """Memory that the state takes."""
        maps = [tensor for taken in self.recorded if taken for tensor in taken.values()]
        return sum(tensor.nbytes for tensor in (self.z, self.x0, *self.sums, *maps))


class EditRun:
    """One run of n targets; `states` are its finished steps.

    Args:
        indices: of the latents that it passes, from 0 to T; None takes all. With fewer, each step goes
            from its level to that of the next one: a first look.

    Raises:
        ValueError: a setting names a word that no prompt has.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        source: SourceBranch,
        target: Target,
        settings: Settings,
        recorders: Sequence[Recorder],
        indices: Sequence[int] | None = None,
    ) -> None:
        inversion = source.inversion
        self.pipe = pipe
        self.source = source
        self.target = target
        self.settings = settings
        self.recorders = recorders
        self.record = recorders[0].record
        words = split_words(pipe, inversion.prompt)
        cells = None if settings.mask is None else settings.mask.cells(inversion.z_T.shape[-2:])
        # finer masks that touch the same cells are one run
        planned = replace(settings, mask=None if cells is None else PaintedMask.of(cells))
        self.plans = plan_steps(planned, inversion.steps, words, target.words, target.has_source.shape[1])
        _check_words(settings, words, target.words)
        self.objectives = [settings.regularisation.for_prompt(words) for words in target.words]
        self.scales = objective_layers(pipe.unet, settings.regularisation)
        self.blends = [
            LocalBlend(pipe, inversion, prompt, settings.blend, settings.blend_threshold)
            for prompt in (target.prompts if self.plans[0].blend else ())
        ]
        self.painted = cells
        indices = range(inversion.steps + 1) if indices is None else indices
        self.pairs = list(pairwise(indices))
        self.states: list[EditState] = []
        self.coarse_ends: dict[
            tuple[int, int], torch.Tensor
        ] = {}  # by first step and calls: where coarse steps end
        self.replayed = 0

    @property
    def bytes(self) -> int:
        """Memory that its states take."""
        return sum(state.bytes for state in self.states)

    def coarse(self, first: int, calls: int) -> EditRun:
        """The same run with the steps that it has before `first`, and `calls` coarse ones from there on."""
        steps = self.source.inversion.steps
        calls = min(calls, steps - first)
        tail = [round(first + (steps - first) * k / calls) for k in range(calls + 1)]
        other = copy(self)
        other.pairs = [*self.pairs[:first], *pairwise(tail)]
        same = zip(self.states, self.pairs, other.pairs, strict=False)
        other.states = [state for state, _, _ in takewhile(lambda each: each[1] == each[2], same)]
        other.coarse_ends = {}
        return other

    def shared_with(self, other: EditRun) -> int:
        """How many of another run's states this one would pass through too."""
        if other.source is not self.source or other.target is not self.target:
            return 0
        if self.record is not None and other.record != self.record:
            return 0
        shared = 0
        for _, own, others in zip(other.states, self.pairs, other.pairs, strict=False):
            acting = self.acting(*own)
            if own != others or other.plans[acting] != self.plans[acting]:
                break
            shared += 1
        return shared

    def goes_on_from(self, other: EditRun) -> bool:
        """Whether this run has every state that the other has."""
        own = {id(state) for state in self.states}
        return all(id(state) in own for state in other.states)

    @torch.no_grad()
    def run(self) -> Generator[State, None, None]:
        """Denoise from the last state there is: a state after each network call."""
        for i, j in self.pairs[len(self.states) :]:
            yield from self.step(i, j)

    @torch.no_grad()
    def step(self, i: int, j: int) -> Generator[State, None, None]:
        """From index i to index j: a state after each network call; the last one joins `states`."""
        source, inversion, plan = self.source, self.source.inversion, self.plans[i]
        yield from source.reach(i)
        attention = yield from self.attention_of(i, self.source_step(i, j))
        yield from source.reach(j)
        z = self.z
        if plan.regularisation:
            z = z - plan.regularisation_rate * self._gradient(z, i, self.values_at(i), plan, attention)
            yield State(i, inversion.timesteps[i], z, z, finished=False)
        step = yield from self.advance_latents(i, j, z, attention)
        check_finite(step.z, i)
        z, sums, masks = self._blend(step.z, j, attention, step.prediction, step.rows, i)
        yield self.finish(i, j, z, step.x0, sums, masks, step)

    def attention_of(self, i: int, at: int) -> Generator[State, None, SourceAttention]:
        """What step i takes over of the source's call at an index; nothing, without a call, where it reads
        none of it.
        """
        if not self.needs_source(i):
            return SourceAttention()
        self.replayed += self.source.replays(at)
        attention = yield from self.source.step(at)
        return attention.conditional if self.source.injection.shared else attention

    def acting(self, i: int, j: int) -> int:
        """The step whose plan a step from index i to j follows."""
        return i

    def source_step(self, i: int, j: int) -> int:
        """The index of the source's step whose attention a step from i to j takes over."""
        return i

    def advance_latents(
        self, i: int, j: int, z: torch.Tensor, attention: SourceAttention
    ) -> Generator[State, None, Step]:
        """The targets' step from index i to index j before any blend, and the network call in it; a state
        after each other call.
        """
        inversion = self.source.inversion
        return guided_step(
            self.pipe,
            z,
            inversion.timesteps[i],
            (inversion.levels[i], inversion.levels[j]),
            self.null_at(i),
            self.target.c,
            self.plans[i].guidance,
            values=self.values_at(i),
            edit=self.attention_edit(i, attention),
            record=self.layers_at(i),
        )
        yield  # a generator, as in runs that call more often

    def finish(
        self,
        i: int,
        j: int,
        z: torch.Tensor,
        x0: torch.Tensor,
        sums: tuple[torch.Tensor, ...],
        masks: tuple[torch.Tensor | None, ...],
        step: Step | None,
    ) -> State:
        """The state after a step, which joins `states`, as a copy to hand out."""
        recorded: tuple[dict[str, torch.Tensor] | None, ...] = (None,) * len(self.recorders)
        if step is not None:
            recorded = tuple(
                recorder.take(i, step.prediction, step.rows, k) for k, recorder in enumerate(self.recorders)
            )
        timestep, z_source = self.source.inversion.timesteps[i], self.source.latents[j]
        state = EditState(i, timestep, z, x0, z_source=z_source, sums=sums, masks=masks, recorded=recorded)
        self.states.append(state)
        return state.copy()

    @property
    def z(self) -> torch.Tensor:
        """The targets' latents now, (n, C, h, w)."""
        if self.states:
            return self.states[-1].z
        return self.source.inversion.z_T.expand(len(self.target.prompts), -1, -1, -1)

    def values_at(self, i: int) -> torch.Tensor | None:
        """What the targets' value projections read at step i, (n, N, d); None reads the prompts."""
        return self.learned_values(i, i)

    def learned_values(self, i: int, index: int) -> torch.Tensor | None:
        """The value inputs of an index, where the plan of step i reads them, (n, N, d)."""
        values = self.source.values
        c = self.target.c
        read_values = self.plans[i].read_values
        if values is None or not any(map(any, read_values)):
            return None
        learned = values.v(min(index, len(self.plans) - 1), c)
        if all(map(all, read_values)):
            return learned
        return torch.where(torch.tensor(read_values, device=c.device)[..., None], learned, c)

    def null_at(self, i: int) -> torch.Tensor:
        """What the targets' unconditional branches read at step i, (1, N, d)."""
        return self.source.inversion.c if self.plans[i].guide_from_source else self.source.null(i)

    def needs_source(self, i: int) -> bool:
        """Whether step i reads the source's attention or features."""
        return self.plans[i].needs_source or self.source.injection.acts(i, len(self.plans))

    def self_edit(self, i: int, attention: SourceAttention) -> AttentionEdit:
        """What step i takes over of the source's self-attention and features."""
        plan = self.plans[i]
        injected = self.source.injection.of(attention, i, len(self.plans))
        return replace(injected, self_cond=plan.self_cond, self_uncond=plan.self_uncond)

    def attention_edit(self, i: int, attention: SourceAttention) -> AttentionEdit | None:
        """What step i takes over of the source's attention; None where that is nothing."""
        plan = self.plans[i]
        if not self.needs_source(i):
            return None
        edit = self.self_edit(i, attention)
        if not plan.cross:
            return edit
        target = self.target
        return replace(
            edit,
            mapper=target.mapper,
            has_source=target.has_source * torch.tensor(plan.from_source).to(target.has_source),
            reweight=torch.tensor(plan.reweight).to(target.has_source) if plan.reweighted else None,
        )

    def objective_state(
        self,
        k: int,
        maps: Mapping[str, torch.Tensor],
        scales: Mapping[str, int],
        x0: Callable[[], torch.Tensor],
        attention: SourceAttention,
    ) -> ObjectiveState:
        """The k-th target at one step as its objective sees it; the maps to compare with are the source's,
        where a token has one.

        Args:
            maps: {layer: A (heads, HW, N)} of the target; `scales`: {layer: scale}.
            x0: gives the clean estimate, (1, C, h, w).
            attention: the source's at that step.
        """
        mapper = self.target.mapper[k]
        has_source = self.target.has_source[k]
        targets = {
            layer: attention.cross[layer] @ mapper * has_source + own.detach() * (1 - has_source)
            for layer, own in maps.items()
            if layer in attention.cross
        }
        size = self.source.inversion.z_T.shape[-2:]
        return ObjectiveState(
            maps,
            {layer: map_size(size, scales[layer]) for layer in maps},
            self.target.words[k],
            targets,
            scales=scales,
            x0=x0,
            decode=lambda latents: wide(decode_tensor(self.pipe, latents)),
        )

    def layers_at(self, i: int) -> frozenset[str]:
        """The layers whose maps step i gives, to be kept or for the blend."""
        blended = frozenset(self.blends[0].scales) if self.blends else frozenset()
        return self.recorders[0].layers_at(i) | blended

    def _blend(
        self, z: torch.Tensor, j: int, attention: SourceAttention, prediction: Prediction, rows: Rows, i: int
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], tuple[torch.Tensor | None, ...]]:
        """The latents (n, C, h, w), sums and masks after each target's local blend."""
        if self.painted is not None:
            inside = self.painted.to(z.device)
            return torch.where(inside, z, self.source.latents[j]), (), (inside,) * len(z)
        if not self.blends:
            return z, (), (None,) * len(z)
        before = self.states[-1].sums if self.states else [blend.sums for blend in self.blends]
        blended = [
            blend.apply(
                z[k : k + 1],
                self.source.latents[j],
                attention,
                {layer: prediction.maps[layer][rows.uncond + k] for layer in blend.scales},
                before[k],
                i,
            )
            for k, blend in enumerate(self.blends)
        ]
        return (
            torch.cat([each.z for each in blended]),
            tuple(each.sums for each in blended),
            tuple(each.mask for each in blended),
        )

    def _gradient(
        self, z: torch.Tensor, i: int, v: torch.Tensor | None, plan: StepPlan, attention: SourceAttention
    ) -> torch.Tensor:
        """That of the targets' objectives with respect to their latents, (n, C, h, w)."""
        call = AttentionCall(
            values=v,
            rows=Rows(0, len(z)),
            edit=self.self_edit(i, attention),
            record=frozenset(self.scales),
        )
        if torch.is_inference_mode_enabled() or z.is_inference():
            raise ValueError(
                "Regularised edits need gradients; invert and edit outside torch.inference_mode()."
            )
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            prediction = predict(self.pipe, z, self.source.inversion.timesteps[i], self.target.c, call)
            level = self.source.inversion.levels[i]
            x0, _ = predict_x0_eps(prediction.output, z, level, self.pipe.scheduler.config.prediction_type)
            loss = torch.zeros(())
            for k, objective in enumerate(self.objectives):
                maps = {layer: prediction.maps[layer][k] for layer in self.scales}  # (heads, HW, N)
                state = self.objective_state(k, maps, self.scales, partial(_row, x0, k), attention)
                loss = loss + objective(state)
            if not any(self.objectives):
                return torch.zeros_like(z)
            if not loss.requires_grad:
                raise ValueError(
                    "The objective has no gradient with respect to the latents; "
                    "give one that is a function of the state's maps or picture."
                )
            try:
                (part,) = gradient(loss, [z], self.pipe.unet.dtype)
            except FloatingPointError as error:
                raise ValueError(
                    f"The objective is NaN or infinite at step {i}; lower its weights or regularisation_rate."
                ) from error
        return part


def _new_tokens(source: tuple[Word, ...], target: tuple[Word, ...]) -> list[int]:
    """Positions of the target's words that the source does not have; of all where it has every one."""
    kept = kept_words(source, target)  # an alignment word by word has a source for each
    new = [word for k, word in enumerate(target) if k not in kept] or target
    return [position for word in new for position in word.positions]


def _row(x: torch.Tensor, k: int) -> torch.Tensor:
    """The k-th of a batch, (1, ...)."""
    return x[k : k + 1]


def _check_words(settings: Settings, source: tuple[Word, ...], targets: tuple[tuple[Word, ...], ...]) -> None:
    """A word that no prompt has is an error at once; of several targets each uses the words that it has."""
    for word in settings.regularisation.words:
        if not any(positions_of(words, word) for words in targets):
            find_word(targets[0], word)
    prompts = (source, *targets)
    for word in settings.blend:
        if not any(positions_of(words, word) for words in prompts):
            there = dict.fromkeys(entry.text for words in prompts for entry in words)
            raise ValueError(
                f"The blend word {word!r} is in neither prompt; their words are: {', '.join(there)}."
            )

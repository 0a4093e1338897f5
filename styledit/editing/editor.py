"""P2Plus editing (StyleDiffusion, 2303.15649, section 3.3): the source's structure under the target's words.

Both prompts are denoised from the inversion's zhat_T. Four switches say for which fraction of the steps the
target follows the source; a step i is on while i < tau * T.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeVar, overload

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit import validation as check
from styledit.attention import Layers, attention_layers, decoder_blocks
from styledit.denoising import Callback, State, follow, resolve_guidance
from styledit.editing.details import restore_details
from styledit.editing.following import FollowingRun
from styledit.editing.injection import NOTHING, Injection
from styledit.editing.run import EditRun, Target
from styledit.editing.settings import GROUPS, Settings, is_on
from styledit.editing.source import SourceBranch
from styledit.editing.suggestion import explain, suggest, suggest_rule
from styledit.editing.update import UpdateRule
from styledit.generation import LearnedValues, check_values
from styledit.inversion import Inversion, check_inversion
from styledit.maps import AttentionMaps
from styledit.pictures import decode_latents
from styledit.recording import GIB, Record, Recorder

SomeRun = TypeVar("SomeRun", bound=EditRun)

SUGGESTED: Literal["suggested"] = "suggested"
PREVIEW_STEPS = 3  # a preview starts at most so many steps before the first that changes
TARGETS_KEPT = 32  # prompts whose embeddings and alignments an editor remembers


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class Edit:
    """An edit and what it came from.

    `image`: the edited picture, outside a mask that is finer than the latents the source picture itself;
    `reconstruction`: the source branch's; `latents`, `source_latents`
    (T + 1, 1, C, h, w): both branches from the noisiest, of a coarse edit only those of the steps that it
    ran; `mask` (h, w), bool, or None: the last blend mask, on the latents; `settings`: those that were used;
    `maps`: the target's attention maps as used, where recorded; `first_step`: the step that had to be run
    first (T where nothing had changed since an earlier edit); `replayed`: at how many steps of this run the
    source's attention was kept from before;
    `inversion`, `values`: what it was made from, where known; `x0` (T, 1, C, h, w): the estimate of the clean
    latents that each step made, where it is known; `rule`: how it followed its source; None where it ran
    free, or that is not known.
    """

    image: Image.Image
    reconstruction: Image.Image
    source_prompt: str
    target_prompt: str
    latents: torch.Tensor
    source_latents: torch.Tensor
    mask: torch.Tensor | None
    settings: Settings
    maps: AttentionMaps | None = None
    first_step: int = 0
    replayed: int = 0
    inversion: Inversion | None = None
    values: LearnedValues | None = None
    x0: torch.Tensor | None = None
    rule: UpdateRule | None = None


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class Preview:
    """A first look at an edit: its latents `z`, roughly, (1, C, h, w), and the `change` from the finished
    edit that it was made from, (1, C, h, w), None where there was none; see `styledit.previews`.
    """

    z: torch.Tensor
    change: torch.Tensor | None


@overload
def edit(
    pipe: StableDiffusionPipeline, inversion: Inversion, target_prompt: str, **settings: Any
) -> Edit: ...
@overload
def edit(
    pipe: StableDiffusionPipeline, inversion: Inversion, target_prompt: Sequence[str], **settings: Any
) -> list[Edit]: ...
def edit(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str | Sequence[str],
    *,
    values: LearnedValues | None = None,
    record: Record | Layers | None = None,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: Any,
) -> Edit | list[Edit]:
    """Edit a picture by changing its prompt (2303.15649, section 3.3).

    For many edits of one picture use `Editor`.

    Args:
        target_prompt: the new prompt, or several; those with the same settings are denoised in one batch.
            The same number of words as the source's: word by word ("replace"); otherwise new words are found
            by alignment ("refine").
        values: learned value inputs. The source branch always reads them, the target while i < tau_v T; steps
            that were not fitted read the plain embedding. Without them the target follows the inversion by
            the model's own rule, where it has one.
        record: whose attention maps of the target to keep; None keeps none.
        callback: called after each step with a dict of `i`, `timestep`, `z` (n, C, h, w) of the targets,
            `z_source`, `masks`.
        settings: those of `Settings`, by name; those that are not given are `Editor.suggest`'s.

    Returns:
        An `Edit`, or a list of them for several prompts.

    Raises:
        TypeError: a setting that does not exist, or an argument of another type.
        ValueError: a prompt that cannot be used, a setting out of range, a word that is in neither
            prompt, or value inputs of another inversion.
    """
    editor = Editor(pipe, inversion, values=values, limit=0, history=0)
    return editor.edit(target_prompt, record=record, progress=progress, callback=callback, **settings)


class Editor:
    """Edits of one inverted picture, which share the source's run.

    The source's latents and attention are kept, within `limit`, and replayed: an edit runs the target only.
    Where the source has another guidance, or runs the empty prompt beside its own and did not before (under a
    rule, for `tau_u` and injections alone), it runs again.
    An edit whose settings differ from those of an earlier one from step k on starts at step k. Both are
    exact.

    Args:
        values: learned value inputs.
        guidance: w of the source, whatever the target's is; None takes the one that the value inputs were
            fitted at, elsewhere they would not give the picture, and without value inputs the target's.
        null_embeddings: (T or 1, N, d), what the unconditional branches read in place of the empty prompt
            (null-text and negative-prompt inversion); None for the empty prompt.
        follow_inversion: the source's latents are the inversion's own (direct inversion).
        injection: what the targets take over of the source beside the maps that the settings name, such as
            `baselines.mutual_attention(pipe)` (MasaCtrl) or `baselines.feature_injection(pipe)`
            (Plug-and-Play); None for nothing.
        rule: how the targets follow the source's trajectory, by which most methods since direct inversion are
            one; None lets them run free. With a rule, `guidance` is the targets' where an edit says none, and
            the source's is the rule's. "suggested": the model's own rule where settings are automatic and
            nothing else is given that says how the source is kept; the embedded model has one.
        limit: bytes that the source's attention may take in host memory; steps beyond it run again with each
            edit.
        history: bytes that the states of earlier edits may take, from which later ones go on.
        automatic: whether settings that an edit is not given follow from what changed between the prompts
            (see
            `styledit.editing.suggestion`); otherwise they are the published ones, the defaults of `Settings`.

    Raises:
        TypeError: an argument of another type.
        ValueError: value inputs of another inversion, or `null_embeddings` of a shape that does not fit.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        inversion: Inversion,
        *,
        values: LearnedValues | None = None,
        guidance: float | None = None,
        null_embeddings: torch.Tensor | None = None,
        follow_inversion: bool = False,
        injection: Injection | None = None,
        rule: UpdateRule | Literal["suggested"] | None = "suggested",
        limit: int = 4 * GIB,
        history: int = GIB // 4,
        automatic: bool = True,
    ) -> None:
        check_inversion(pipe, inversion)
        check_values(values, inversion)
        if guidance is not None:
            guidance = check.number("guidance", guidance)
        self.pipe = pipe
        self.inversion = inversion
        self.values = values
        self.guidance = values.guidance if guidance is None and values is not None else guidance
        self.null_embeddings = _null_embeddings(null_embeddings, inversion)
        self.follow_inversion = check.flag("follow_inversion", follow_inversion)
        self.injection = NOTHING if injection is None else _injection(pipe, injection)
        otherwise_kept = follow_inversion or any(x is not None for x in (values, null_embeddings, injection))
        self._by_own_rule = False
        if isinstance(rule, str):
            check.choice("rule, where it is a word,", rule, (SUGGESTED,))
            rule = None if otherwise_kept or not automatic else suggest_rule(pipe)
            self._by_own_rule = rule is not None
        if rule is not None:
            check.instance("rule", rule, UpdateRule, "styledit.editing").first_step(inversion.steps)
        self.rule = rule
        self.limit = check.whole("limit", limit, least=0)
        self.history = check.whole("history", history, least=0)
        self.automatic = check.flag("automatic", automatic)
        self.source: SourceBranch | None = None
        self._targets: dict[tuple[str, ...], Target] = {}
        self._suggested: dict[str, Settings] = {}
        self._runs: list[EditRun] = []  # the newest last
        self._lock = threading.Lock()

    @overload
    def edit(self, target_prompt: str, **settings: Any) -> Edit: ...
    @overload
    def edit(self, target_prompt: Sequence[str], **settings: Any) -> list[Edit]: ...
    def edit(
        self,
        target_prompt: str | Sequence[str],
        *,
        record: Record | Layers | None = None,
        every: int = 1,
        progress: bool = True,
        callback: Callback | None = None,
        **settings: Any,
    ) -> Edit | list[Edit]:
        """One edit, or one for each of several prompts; arguments, result and errors as for `styledit.edit`.

        Args:
            every: run only every k-th step, a fast first look.
        """
        prompts = _prompts(target_prompt)
        progress = check.flag("progress", progress)
        runs = self._new_runs(prompts, record, every, settings)
        left = sum(len(run.pairs) - len(run.states) for run in runs)
        run = self._edit(runs, prompts, isinstance(target_prompt, str))
        return follow(run, "editing", left, progress and left > 0, callback)

    def editing(
        self,
        target_prompt: str | Sequence[str],
        *,
        record: Record | Layers | None = None,
        every: int = 1,
        **settings: Any,
    ) -> Generator[State, None, Edit | list[Edit]]:
        """`edit` as a run: a `State` after each network call, the source's too; the result is what `edit`
        returns.

        Closing it ends the edit; what was computed is kept, and the next edit goes on from it.
        """
        prompts = _prompts(target_prompt)
        runs = self._new_runs(prompts, record, every, settings)
        return self._edit(runs, prompts, isinstance(target_prompt, str))

    def previewing(
        self, target_prompt: str, *, calls: int = 3, **settings: Any
    ) -> Generator[State, None, Preview]:
        """What an edit will roughly look like, in a few network calls: a state after each.

        Where an edit with the same target stands finished, only what differs is looked at: from a step before
        the first one that changes, both are run in `calls` coarse steps, and the difference is added to the
        finished edit. The coarse steps' error is in both and cancels. The finished edit's are run once (see
        `warming_up`). Another target is run coarsely from the start.

        Args:
            calls: coarse steps.

        Raises:
            TypeError, ValueError: as `edit`.
        """
        prompt = check.text("A target prompt", target_prompt)
        calls = check.whole("calls", calls, least=1)
        steps = self.inversion.steps
        (exact,) = self._new_runs((prompt,), None, 1, settings)
        base = self._finished(exact)
        if base is None:
            run = exact.coarse(0, calls)
            yield from run.run()
            return Preview(run.states[-1].z, None)
        done = base.states[-1].z
        first = exact.shared_with(base)
        if first == steps:
            return Preview(done, torch.zeros_like(done))
        known = [k for k, count in base.coarse_ends if count == calls and first - PREVIEW_STEPS < k <= first]
        start = max(known, default=first)
        yield from self._coarse_end(base, start, calls)
        run = exact.coarse(start, calls)
        yield from run.run()
        change = run.states[-1].z - base.coarse_ends[start, calls]
        return Preview(done + change, change)

    def warming_up(self, *, calls: int = 3) -> Generator[State, None, None]:
        """Run the finished edit's coarse steps from every few of its steps on, so that the next preview costs
        `calls` network calls and no more; a state after each call.

        Args:
            calls: as for `previewing`.
        """
        calls = check.whole("calls", calls, least=1)
        with self._lock:
            base = self._runs[-1] if self._runs else None
        if base is None or len(base.states) < self.inversion.steps:
            return
        for first in range(0, self.inversion.steps, PREVIEW_STEPS):
            yield from self._coarse_end(base, first, calls)

    def _coarse_end(self, base: EditRun, first: int, calls: int) -> Generator[State, None, None]:
        """Where a finished run's coarse steps from `first` on end, kept in its `coarse_ends`."""
        if (first, calls) not in base.coarse_ends:
            run = base.coarse(first, calls)
            yield from run.run()
            base.coarse_ends[first, calls] = run.states[-1].z

    def suggest(self, target_prompt: str, **settings: Any) -> Settings:
        """The settings that an edit will use: those given, the others as they follow from what changed
        between the prompts.

        Raises:
            TypeError: a setting that does not exist, or an argument of another type.
            ValueError: a prompt that cannot be used, or a setting out of range.
        """
        given = Settings.of(**settings)
        prompt = check.text("A target prompt", target_prompt)
        if not self.automatic:
            return given
        by_hand = {name: getattr(given, name) for name in settings}
        if "tau_v" in settings:  # for all words, unless those of a group are given too
            by_hand = dict.fromkeys(GROUPS) | by_hand
        if prompt not in self._suggested:
            self._suggested[prompt] = suggest(self.pipe, self.inversion, prompt, following=self._by_own_rule)
            while len(self._suggested) > TARGETS_KEPT:
                self._suggested.pop(next(iter(self._suggested)), None)
        return replace(self._suggested[prompt], **by_hand)

    def explain(self, target_prompt: str, **settings: Any) -> str:
        """How an edit will keep its source, for which change its settings are meant and which they are, in
        two sentences.

        Raises:
            TypeError, ValueError: as `suggest`.
        """
        suggested = self.suggest(target_prompt, **settings)
        plain = Settings()
        names = [field.name for field in fields(Settings)]
        if self.values is None:  # nobody reads them
            names = [name for name in names if not name.startswith("tau_v")]
        differing = [name for name in names if getattr(suggested, name) != getattr(plain, name)]
        chosen = ", ".join(f"{name} {check.shown(getattr(suggested, name))}" for name in differing)
        why = "its settings are the published ones where none are given"
        if self.automatic:
            why = explain(self.pipe, self.inversion, target_prompt)
        sentence = f"{why[0].upper()}{why[1:]}"
        return f"{self._source_kept()} {sentence}{f': {chosen}' if chosen else ''}."

    def _source_kept(self) -> str:
        """What keeps the source the picture, in a sentence."""
        if self.values is not None:
            return "Learned value inputs keep the source, and the edit runs free beside it."
        if self.rule is not None:
            whose = "the model's own rule" if self._by_own_rule else "the rule that was given"
            return f"Nothing is learned: the edit follows its source step by step, by {whose}."
        if self.follow_inversion:
            return "The source's latents are the inversion's own, and the edit runs free beside them."
        if self.null_embeddings is not None:
            return "Other embeddings in the empty prompt's place keep the source."
        return "Nothing keeps the source: it drifts away from the picture, and the edit with it."

    def make_run(
        self,
        kind: type[SomeRun],
        prompts: tuple[str, ...],
        settings: Settings,
        record: Record | Layers | None = None,
        indices: Sequence[int] | None = None,
    ) -> SomeRun:
        """A run from the first step on, for prompts that share their settings.

        Args:
            kind: `EditRun`, or what is made from it.
            settings: those of `suggest`; a guidance of None takes the source's.
            record, indices: as for `edit` and `EditRun`.

        Raises:
            TypeError, ValueError: as `edit`.
        """
        source = self._source_for(settings)
        guidance = self._guidances(settings)[1]
        size, steps = self.inversion.z_T.shape[-2:], self.inversion.steps
        both = self._target_runs_both(settings)
        recorders = [
            Recorder(self.pipe, record, prompt, size, steps, both, len(prompts)) for prompt in prompts
        ]
        settings = replace(settings, guidance=guidance)
        return kind(self.pipe, source, self._target(prompts), settings, recorders, indices)

    def _new_runs(
        self,
        prompts: tuple[str, ...],
        record: Record | Layers | None,
        every: int,
        settings: dict[str, Any],
    ) -> list[EditRun]:
        """One run for the prompts of each group that have the same settings."""
        check_inversion(self.pipe, self.inversion)  # the weights may have changed since
        every = check.whole("every", every, least=1)
        groups: list[tuple[Settings, list[str]]] = []
        for prompt in prompts:
            chosen = self.suggest(prompt, **settings)
            together = next((group for known, group in groups if known == chosen), None)
            if together is None:
                groups.append((chosen, [prompt]))
            else:
                together.append(prompt)
        steps = self.inversion.steps
        indices = [*range(0, steps, every), steps]
        return [self._new_run(tuple(group), record, indices, chosen) for chosen, group in groups]

    def _new_run(
        self,
        prompts: tuple[str, ...],
        record: Record | Layers | None,
        indices: Sequence[int],
        chosen: Settings,
    ) -> EditRun:
        """A run that goes on from the nearest of the earlier ones."""
        kind = EditRun if self.rule is None else FollowingRun
        run = self.make_run(kind, prompts, chosen, record, indices)
        if run.record is not None and len(run.pairs) < self.inversion.steps:
            raise ValueError("A coarse edit records no maps; leave out `record`, or `every`.")
        with self._lock:
            if run.source is not self.source:  # the old one's attention is freed before this one's is kept
                self.source = run.source
                self._runs = []
            shared = [(run.shared_with(other), other) for other in self._runs]
        if shared:
            best, other = max(shared, key=lambda pair: pair[0])
            run.states = other.states[:best]
        return run

    def _edit(
        self, runs: list[EditRun], prompts: tuple[str, ...], single: bool
    ) -> Generator[State, None, Edit | list[Edit]]:
        """The runs to their end, and their results; what they computed is remembered however it ends."""
        edits: dict[str, Edit] = {}
        for run in runs:
            first = len(run.states)
            try:
                yield from run.run()
            finally:
                self._remember(run)
            first_step = run.pairs[first][0] if first < len(run.pairs) else self.inversion.steps
            edits |= zip(run.target.prompts, edits_of(run, first_step), strict=True)
        return edits[prompts[0]] if single else [edits[prompt] for prompt in prompts]

    def _finished(self, run: EditRun) -> EditRun | None:
        """The newest finished edit of the same target."""
        steps = self.inversion.steps
        with self._lock:
            for other in reversed(self._runs):
                if (other.source, other.target) == (run.source, run.target) and len(other.states) == steps:
                    return other
        return None

    def _remember(self, run: EditRun) -> None:
        """Keep the run, and of the earlier ones the newest that fit the memory."""
        with self._lock:
            if run.source is not self.source or not run.states:
                return
            kept: list[EditRun] = []
            room = self.history
            others = [other for other in reversed(self._runs) if not run.goes_on_from(other)]
            for other in [run, *others]:
                if other.bytes > room:
                    continue
                room -= other.bytes
                kept.append(other)
            self._runs = kept[::-1]

    def _target(self, prompts: tuple[str, ...]) -> Target:
        """Embeddings and alignments, computed once."""
        found = self._targets.get(prompts) or Target.of(self.pipe, self.inversion.prompt, prompts)
        with self._lock:
            found = self._targets.setdefault(prompts, found)
            while len(self._targets) > TARGETS_KEPT:
                self._targets.pop(next(iter(self._targets)))
        return found

    def _source_for(self, settings: Settings) -> SourceBranch:
        """The source branch that these settings need: the one that is kept where it fits."""
        own, both = self._guidances(settings)[0], self._source_runs_both(settings)
        kept = self.source
        if kept is not None and (kept.guidance, kept.unconditional) == (own, both):
            return kept
        return SourceBranch(
            self.pipe,
            self.inversion,
            self.values,
            guidance=own,
            null_embeddings=self.null_embeddings,
            follow_inversion=self.follow_inversion or (self.rule is not None and self.rule.follows),
            rule=self.rule,
            unconditional=both,
            injection=self.injection,
            limit=self.limit,
        )

    def _source_runs_both(self, settings: Settings) -> bool:
        """Whether the source's unconditional branch runs: where its estimate is read, or its attention."""
        own, target = self._guidances(settings)
        injection = self.injection
        if self.rule is None:
            return not injection.shared and (own != 1 or target != 1)
        if own != 1:
            return True
        by_null = self.rule.needed(target, settings.guide_from_source).null != 0
        tau_u = not injection.shared and is_on(0, settings.tau_u, self.inversion.steps)
        return by_null and (tau_u or injection.per_branch)

    def _target_runs_both(self, settings: Settings) -> bool:
        """Whether the targets' calls have a second branch, under the empty prompt or the source's."""
        target = self._guidances(settings)[1]
        if self.rule is None:
            return target != 1
        needed = self.rule.needed(target, settings.guide_from_source)
        return bool(needed.null or needed.source)

    def _guidances(self, settings: Settings) -> tuple[float, float]:
        """Those of the source and of the target."""
        target = resolve_guidance(settings.guidance, self.guidance)
        if self.rule is not None:
            return self.rule.source_guidance, target
        return (target if self.guidance is None else self.guidance), target


def edits_of(run: EditRun, first_step: int = 0) -> list[Edit]:
    """The edits of a run that has all its states, one a target.

    Args:
        first_step: the step that had to be run first.
    """
    source, inversion = run.source, run.source.inversion
    last = run.states[-1]
    images = decode_latents(run.pipe, last.z)
    settings = run.settings
    if settings.keep_details:
        images = [restore_details(image, source.reconstruction(), inversion.image) for image in images]
    if settings.mask is not None:
        images = [settings.mask.paste(image, inversion.image, inversion.z_T.shape[-2:]) for image in images]
    start = inversion.z_T.expand_as(last.z)
    latents = torch.stack([start, *(state.z for state in run.states)])  # (steps + 1, n, C, h, w)
    source_latents = torch.stack([inversion.z_T, *(state.z_source for state in run.states)])
    x0 = torch.stack([state.x0 for state in run.states])  # (steps, n, C, h, w)
    return [
        Edit(
            image=images[k],
            reconstruction=source.reconstruction().copy(),
            source_prompt=inversion.prompt,
            target_prompt=prompt,
            latents=latents[:, k : k + 1],
            source_latents=source_latents,
            mask=last.masks[k],
            settings=settings,
            maps=run.recorders[k].maps([state.recorded[k] for state in run.states if run.record]),
            first_step=first_step,
            replayed=run.replayed,
            inversion=inversion,
            values=source.values,
            x0=x0[:, k : k + 1],
            rule=source.rule,
        )
        for k, prompt in enumerate(run.target.prompts)
    ]


def _prompts(given: object) -> tuple[str, ...]:
    """One target prompt or several as a tuple."""
    if not isinstance(given, (str, list, tuple)):
        raise TypeError(f"A target prompt must be a string, or several in a list, not {check.shown(given)}.")
    prompts = (given,) if isinstance(given, str) else tuple(given)
    if not prompts:
        raise ValueError("There is no target prompt; give one, or several in a list.")
    return tuple(check.text("A target prompt", prompt) for prompt in prompts)


def _injection(pipe: StableDiffusionPipeline, given: Injection) -> Injection:
    """An injection into this pipeline's network."""
    check.instance("injection", given, Injection, "baselines.mutual_attention() or feature_injection()")
    layers = set(attention_layers(pipe.unet, "self"))
    unknown = {
        *given.mutual - layers,
        *given.self_layers - layers,
        *given.features - set(decoder_blocks(pipe.unet)),
    }
    if unknown:
        raise ValueError(
            f"The injection names {min(unknown)!r}, which this pipeline's network does not have; "
            "make it with this pipeline."
        )
    return given


def _null_embeddings(given: torch.Tensor | None, inversion: Inversion) -> torch.Tensor | None:
    """What the unconditional branches read, where the inversion is."""
    if given is None:
        return None
    found = check.tensor("null_embeddings", given, "steps", *inversion.c.shape[1:])
    if len(found) not in (1, inversion.steps):
        wanted = ", ".join(map(str, inversion.c.shape[1:]))
        raise ValueError(
            f"null_embeddings must have shape (1 or {inversion.steps}, {wanted}), not {tuple(found.shape)}."
        )
    return check.finite(found, "null_embeddings", "fit them again").to(inversion.null)

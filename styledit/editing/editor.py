"""P2Plus editing (StyleDiffusion, 2303.15649, section 3.3): the source's structure under the target's words.

Both prompts are denoised from the inversion's zhat_T. Four switches say for which fraction of the steps the
target follows the source; a step i is on while i < tau * T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.attention import AttentionEdit, Control, Layers, Rows, SourceAttention, attention_control, select_layers
from styledit.editing.blend import LocalBlend
from styledit.ddim import check_number
from styledit.pictures import decode_latents
from styledit.denoising import Callback, check_finite, guided_step, notify, predict, track
from styledit.inversion import Inversion, check_inversion
from styledit.objectives.attention import GRADIENT_SCALE
from styledit.maps import AttentionMaps, grid
from styledit.prompts import Word, align, encode_prompt, find_word, positions_of, split_words
from styledit.recording import GIB, Record, Recorder
from styledit.editing.settings import Settings, StepPlan, plan_steps
from styledit.editing.source import SourceBranch
from styledit.values.inputs import ValueInputs, check_values


GUIDANCE = 7.5  # w where nothing else says it


@dataclass(frozen=True)
class Edit:
    """An edit and what it came from.

    `image`: the edited picture; `reconstruction`: the source branch's; `latents`, `source_latents`
    (T + 1, 1, C, h, w): both branches from the noisiest; `mask` (h, w), bool, or None: the last blend mask;
    `maps`: the target's attention maps as used, where recorded; `first_step`: the step that had to be run
    first (T where nothing had changed since the last edit).
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


def edit(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str | Sequence[str],
    values: ValueInputs | None = None,
    *,
    record: Record | Layers | None = None,
    progress: bool = True,
    callback: Callback | None = None,
    **settings: object,
) -> Edit | list[Edit]:
    """Edit a picture by changing its prompt (method section 4). For many edits of one picture use `Editor`.

    Args:
        target_prompt: the new prompt, or several, which are denoised in one batch. The same number of words as the
            source's: word by word ("replace"); otherwise new words are found by alignment ("refine").
        values: learned value inputs. The source branch always reads them, the target while i < tau_v T; steps
            that were not fitted read the plain embedding.
        record: whose attention maps of the target to keep; None keeps none.
        callback: called after each step with a dict of `i`, `timestep`, `z` (n, C, h, w) of the targets,
            `z_source`, `masks`.
        settings: those of `Settings`, by name.

    Returns:
        An `Edit`, or a list of them for several prompts.

    Raises:
        TypeError: a setting that does not exist or is no number.
        ValueError: a prompt that cannot be used, a setting out of range, a word that is in neither
            prompt, or value inputs of another inversion.
    """
    editor = Editor(pipe, inversion, values, limit=0)
    return editor.edit(target_prompt, record=record, progress=progress, callback=callback, **settings)


class Editor:
    """Edits of one inverted picture, which share the source's run.

    The source's latents and attention are kept, within `limit`, and replayed: an edit runs the target only. An
    edit whose settings differ from those of the last one from step k on starts at step k. Both are exact.

    Args:
        values: learned value inputs.
        guidance: w of the source, whatever the target's is; None takes the one that the value inputs were fitted at,
            elsewhere they would not give the picture, and without value inputs the target's.
        nulls: (T or 1, N, d), what the unconditional branches read in place of the empty prompt (null-text and
            negative-prompt inversion); None for the empty prompt.
        direct: the source's latents are the inversion's own (direct inversion).
        limit: bytes that the source's attention may take in memory; steps beyond it run again with each edit.

    Raises:
        ValueError: value inputs of another inversion, or `nulls` of a shape that does not fit.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        inversion: Inversion,
        values: ValueInputs | None = None,
        *,
        guidance: float | None = None,
        nulls: torch.Tensor | None = None,
        direct: bool = False,
        limit: int = 2 * GIB,
    ) -> None:
        if guidance is not None:
            check_number("guidance", guidance)
        check_inversion(pipe, inversion)
        check_values(values, inversion)
        if not isinstance(nulls, (torch.Tensor, type(None))):
            raise TypeError(f"nulls must be a tensor, not {type(nulls).__name__}; fit_nulls() has one in `.nulls`.")
        if nulls is not None and (nulls.shape[1:] != inversion.c.shape[1:] or len(nulls) not in (1, inversion.steps)):
            raise ValueError(
                f"nulls must have shape (1 or {inversion.steps}, {', '.join(map(str, inversion.c.shape[1:]))}), "
                f"not {tuple(nulls.shape)}."
            )
        self.pipe, self.inversion, self.values = pipe, inversion, values
        self.guidance = values.guidance if guidance is None and values is not None else guidance
        self.nulls, self.direct, self.limit = None if nulls is None else nulls.to(inversion.null), direct, limit
        self.source: SourceBranch | None = None
        self._last: _Run | None = None

    def edit(
        self,
        target_prompt: str | Sequence[str],
        *,
        record: Record | Layers | None = None,
        progress: bool = True,
        callback: Callback | None = None,
        **settings: object,
    ) -> Edit | list[Edit]:
        """One edit, or one for each of several prompts; arguments, result and errors as for `styledit.edit`."""
        if not isinstance(target_prompt, (str, list, tuple)):
            raise TypeError(f"A target prompt must be a string, or several in a list, not {target_prompt!r}.")
        targets = (target_prompt,) if isinstance(target_prompt, str) else tuple(target_prompt)
        if not targets:
            raise ValueError("There is no target prompt; give one, or several in a list.")
        chosen = Settings.of(**settings)
        source = self._source_for(chosen)
        chosen = replace(chosen, guidance=float(source.guidance if chosen.guidance is None else chosen.guidance))
        run = _Run(self.pipe, source, targets, chosen)
        if record is None and self._last is not None:
            run.take_over(self._last)
        size, steps, both = self.inversion.z_T.shape[-2:], self.inversion.steps, chosen.guidance != 1
        recorders = [Recorder(self.pipe, record, target, size, steps, both, len(targets)) for target in targets]
        first = len(run.latents) - 1
        if source is not self.source:  # the old one's attention is freed before this one's is kept
            self.source, self._last = source, None
        run.go(recorders, progress, callback)
        self._last = run
        edits = run.edits(recorders, first)
        return edits[0] if isinstance(target_prompt, str) else edits

    def _source_for(self, settings: Settings) -> SourceBranch:
        """The source branch that these settings need: the one that is kept where it fits."""
        own = next(w for w in (self.guidance, settings.guidance, GUIDANCE) if w is not None)
        target = own if settings.guidance is None else settings.guidance
        both = own != 1 or target != 1
        if self.source is not None and (self.source.guidance, self.source.unconditional) == (own, both):
            return self.source
        return SourceBranch(
            self.pipe, self.inversion, self.values, guidance=own, nulls=self.nulls, direct=self.direct,
            unconditional=both, limit=self.limit,
        )


class _Run:
    """One denoising run of n targets, and what another run can take over from it."""

    def __init__(self, pipe: StableDiffusionPipeline, source: SourceBranch, targets: tuple[str, ...], settings: Settings) -> None:
        self.pipe, self.source, self.targets, self.settings = pipe, source, targets, settings
        inversion = source.inversion
        self.c = torch.cat([encode_prompt(pipe, target) for target in targets])  # (n, N, d)
        alignments = [align(pipe, inversion.prompt, target) for target in targets]
        self.mapper = torch.stack([a.mapper for a in alignments]).to(self.c)  # (n, N_src, N_tgt)
        self.mask = torch.stack([a.mask for a in alignments]).to(self.c)  # (n, N_tgt)
        self.words = [split_words(pipe, target) for target in targets]
        self._check_words(split_words(pipe, inversion.prompt))
        self.regularisations = [settings.regularisation.among(words) for words in self.words]
        self.plans = plan_steps(settings, inversion.steps, self.words, self.mask.shape[1])
        words, threshold = settings.blend, settings.blend_threshold
        self.blends = [LocalBlend(pipe, inversion, target, words, threshold) for target in targets] if words else []
        self.latents = [inversion.z_T.expand(len(targets), -1, -1, -1)]  # (n, C, h, w) each

    def _check_words(self, source: tuple[Word, ...]) -> None:
        """A word that no prompt has is an error at once; of several targets each uses the words that it has."""
        for word in self.settings.regularisation.words:
            if not any(positions_of(words, word) for words in self.words):
                find_word(self.words[0], word)
        prompts = (source, *self.words)
        for word in self.settings.blend:
            if not any(positions_of(words, word) for words in prompts):
                there = dict.fromkeys(entry.text for words in prompts for entry in words)
                raise ValueError(f"The blend word {word!r} is in neither prompt; their words are: {', '.join(there)}.")

    def take_over(self, other: _Run) -> None:
        """Start where the plan first differs from another run's of the same targets."""
        if other.source is not self.source or other.targets != self.targets:
            return
        same = [mine == theirs for mine, theirs in zip(self.plans, other.plans)]
        k = [*same, False].index(False)
        if not k:  # the blends may be of other words
            return
        self.latents = other.latents[: k + 1]
        for mine, theirs in zip(self.blends, other.blends):
            mine.sums = theirs.sums[: k + 1]
            mine.mask = theirs.mask if k == len(self.plans) else None

    def go(self, recorders: list[Recorder], progress: bool, callback: Callback | None) -> None:
        """Denoise from the last latent there is."""
        inversion, first = self.source.inversion, len(self.latents) - 1
        wanted = [*recorders[0].layers, *([LocalBlend.layers] if self.blends else []), *self._regularised_layers()]
        with attention_control(self.pipe.unet, wanted) as control, torch.no_grad():
            for i in track(range(first, inversion.steps), "editing", progress and first < inversion.steps):
                z = self._step(control, i, recorders)
                check_finite(z, i)
                self.latents.append(z)
                masks = [blend.mask for blend in self.blends]
                notify(callback, i=i, timestep=inversion.timesteps[i], z=z, z_source=self.source.latents[i + 1], masks=masks)

    def edits(self, recorders: list[Recorder], first: int) -> list[Edit]:
        """The results, one for each target."""
        source_latents = torch.stack(self.source.latents)
        reconstruction, *images = decode_latents(self.pipe, torch.cat([source_latents[-1], self.latents[-1]]))
        latents = torch.stack(self.latents)  # (T + 1, n, C, h, w)
        masks = [blend.mask for blend in self.blends] or [None] * len(self.targets)
        return [
            Edit(
                images[j], reconstruction, self.source.inversion.prompt, target, latents[:, j : j + 1], source_latents,
                masks[j], self.settings, recorders[j].maps(), first,
            )
            for j, target in enumerate(self.targets)
        ]

    def _step(self, control: Control, i: int, recorders: list[Recorder]) -> torch.Tensor:
        """The targets' latents after step i, (n, C, h, w)."""
        inversion, plan, z = self.source.inversion, self.plans[i], self.latents[-1]
        attention = self.source.step(control, i, plan.needs_source)
        reads = self.source.values is not None and plan.read_values
        v = self.source.values.v(i, self.c) if reads else None
        control.edit = self._edit(plan, attention) if plan.needs_source else None
        if plan.regularisation:
            z = z - plan.rate * self._gradient(control, z, i, v, attention)
        z = guided_step(
            self.pipe, control, z, inversion.timesteps[i], inversion.levels[i : i + 2], self.source.null(i), self.c,
            plan.guidance, v,
        )
        maps = dict(control.maps)
        for j, (blend, row) in enumerate(zip(self.blends, range(control.rows.uncond, control.rows.uncond + len(z)))):
            z = torch.cat([z[:j], blend.apply(z[j : j + 1], self.source.latents[i + 1], attention, maps, row, i), z[j + 1 :]])
        for j, recorder in enumerate(recorders):
            control.maps = dict(maps)
            recorder.add(i, control, j)
        control.maps.clear()
        return z

    def _edit(self, plan: StepPlan, attention: SourceAttention) -> AttentionEdit:
        mapper = mask = scale = None
        if plan.cross:
            mapper, mask = self.mapper, self.mask * torch.tensor(plan.taken).to(self.mask)
            scale = torch.tensor(plan.factors).to(self.mask) if any(f != 1 for row in plan.factors for f in row) else None
        return AttentionEdit(attention, mapper, mask, scale, plan.self_cond, plan.self_uncond)

    def _regularised_layers(self) -> list[Layers]:
        return [self.settings.regularisation.layers] if self.settings.regularisation else []

    def _gradient(
        self, control: Control, z: torch.Tensor, i: int, v: torch.Tensor | None, attention: SourceAttention
    ) -> torch.Tensor:
        """That of the regularisation of the targets' own cross maps, with respect to the latents (n, C, h, w)."""
        inversion, edit = self.source.inversion, control.edit
        scales = select_layers(self.pipe.unet, self.settings.regularisation.layers)
        grids = {layer: grid(z.shape[-2:], scale) for layer, scale in scales.items()}
        control.edit = AttentionEdit(attention, self_cond=edit.self_cond)
        control.rows, control.values = Rows(0, len(z)), v
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            predict(self.pipe, z, inversion.timesteps[i], self.c)
            loss = 0
            for j, (words, regularisation) in enumerate(zip(self.words, self.regularisations)):
                own = {layer: control.maps[layer][j] for layer in scales}  # (heads, HW, N)
                wanted = {
                    layer: attention.cross[layer] @ self.mapper[j] * self.mask[j] + maps.detach() * (1 - self.mask[j])
                    for layer, maps in own.items()
                }
                loss = loss + regularisation.loss(own, wanted, grids, words)
            (gradient,) = torch.autograd.grad(GRADIENT_SCALE * loss, z)
        control.maps.clear()
        control.edit = edit
        return gradient / GRADIENT_SCALE

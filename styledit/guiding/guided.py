"""Guided edits: the target's value inputs are optimised for what the picture should be.

Value inputs are those of StyleDiffusion (2303.15649); that losses are taken on the decoded clean estimate is
as in Universal Guidance (Bansal et al., 2302.07121).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit import validation as check
from styledit.attention import Layers, attention_layers
from styledit.denoising import Callback, State, follow
from styledit.editing.editor import Edit, Editor, edits_of
from styledit.editing.suggestion import Change
from styledit.generation import LearnedValues
from styledit.guiding.log import Frame, Log, WordMap
from styledit.guiding.optimisation import Optimisation
from styledit.guiding.run import GuidedRun
from styledit.guiding.settings import GuidedSettings
from styledit.guiding.stepwise import StepwiseOptimisation
from styledit.guiding.style_phrases import style_settings, with_style_phrase
from styledit.guiding.terms import make_terms
from styledit.guiding.whole_run import WholeRunOptimisation
from styledit.inversion import Inversion, check_inversion
from styledit.objectives.pixels import FeatureNetwork, check_network
from styledit.perception.clip import Clip
from styledit.pictures import ImageSource, read_image
from styledit.prompts import find_word, positions_of
from styledit.recording import GIB, Record

Ending = Literal["done", "stopped"]


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class Guided:
    """A guided edit.

    `edit`: the edit, of the best that was found; `curves`: {"loss", "step" or a term: its number at each
    iteration}, terms without their weights; `filmstrip`: pictures on the way; `values` (T, N, d): the value
    inputs that each step reads, from which another guided edit can start; `nulls` (T, N, d) or None: what the
    unconditional branch reads, where that was optimised; `iterations`; `evaluations`: network calls a branch,
    a forward counted as 1, a backward as 2; `stopped`: what ended it.
    """

    edit: Edit
    curves: Mapping[str, tuple[float, ...]]
    filmstrip: tuple[Frame, ...]
    values: torch.Tensor
    nulls: torch.Tensor | None
    iterations: int
    evaluations: int
    stopped: Ending

    @property
    def image(self) -> Image.Image:
        """The edited picture."""
        return self.edit.image


class GuidingStopped(ValueError):
    """Guiding met NaN or infinite values. `best` is the edit of the best that was found before."""

    def __init__(self, message: str, best: Guided) -> None:
        super().__init__(message)
        self.best = best


def guide(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    *,
    progress: bool = True,
    callback: Callback | None = None,
    **options: Any,
) -> Guided:
    """Edit a picture by optimising the target's value inputs for what it should look like.

        L = sum of weight * term          of the decoded clean estimate, by Adam

    Ctrl-C is raised and carries the `GuidedEdit` as `guided`, whose `result()` is the best so far; another
    call can start from that one's `values`. After an interrupted cell of a notebook it is
    `sys.last_value.guided.result()`.

    Args:
        target_prompt: the new prompt; the source's own where only the style is to change. With a style
            picture it then gets that picture's style phrase (`style_phrases`), and the edit's `target_prompt`
            has it.
        callback: called after each step ("step") or iteration ("run", "text") with a dict of `i`, `timestep`,
            `z`, `iteration`, `loss`, `terms`, `best`, `frame`.
        options: by name, the settings of `GuidedSettings`, the arguments of `GuidedEdit`, and the settings of
            an edit.

    Raises:
        TypeError: an option or a setting that does not exist, or an argument of another type.
        ValueError: one that cannot be used.
        GuidingStopped: NaN or infinite values; its `best` is the edit so far.
    """
    guided = _guided_edit(pipe, inversion, target_prompt, options)
    try:
        return follow(guided.run(), "guiding", guided.optimisation.length, progress, callback)
    except FloatingPointError as error:
        raise GuidingStopped(
            f"Guiding met NaN or infinite values after {guided.log.iterations} iterations; this error's "
            "`best` is the edit before. Lower the rate or the weights, or load the model in float32.",
            guided.result("stopped"),
        ) from error
    except KeyboardInterrupt as interrupt:
        interrupt.guided = guided  # type: ignore[attr-defined]  # its result costs the steps that are left
        interrupt.add_note(
            f"The best of {guided.log.iterations} iterations is this interrupt's `guided.result()`; in the "
            "next cell of a notebook that is `import sys; sys.last_value.guided.result()`."
        )
        raise


def guiding(
    pipe: StableDiffusionPipeline, inversion: Inversion, target_prompt: str, **options: Any
) -> Generator[State, None, Guided]:
    """`guide` as a run: a state after each network call or iteration, the `Guided` as its result.

    To stop and keep the best, hold a `GuidedEdit` and ask for its `result()`.
    """
    return _guided_edit(pipe, inversion, target_prompt, options).run()


class GuidedEdit:
    """A guided edit that can be watched, and stopped with its best kept.

    `prompt`: the target prompt in use; `edit_run`: the edit's run; `optimisation`: what optimises it; `log`:
    curves, frames and cost so far.

    Args:
        settings: how it is optimised; None takes the defaults.
        values: learned value inputs; the source branch reads them, and the target starts from them.
        style_image: a picture whose style the style term and the critic take; None takes the source's.
        network: whose features the perceptual and the style term compare; None takes the model's own
            perceptual encoder, or where it has none the pipeline's encoder. It should not be the network
            that judges the edit.
        clip: None takes the embedded CLIP.
        record: whose attention maps of the target to keep; None keeps none.
        limit: bytes that the source's attention may take in host memory.
        edit_settings: those of an edit, by name, such as `tau_u`; the others follow from the prompts.

    Raises:
        TypeError: an argument of another type, or a setting that does not exist.
        ValueError: one that cannot be used.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        inversion: Inversion,
        target_prompt: str,
        settings: GuidedSettings | None = None,
        *,
        values: LearnedValues | None = None,
        style_image: ImageSource | None = None,
        network: FeatureNetwork | None = None,
        clip: Clip | None = None,
        record: Record | Layers | None = None,
        limit: int = 4 * GIB,
        **edit_settings: Any,
    ) -> None:
        if torch.is_inference_mode_enabled():
            raise ValueError("Guiding needs gradients; call it outside torch.inference_mode().")
        check_inversion(pipe, inversion)
        settings = GuidedSettings() if settings is None else settings
        self.settings = check.instance("settings", settings, GuidedSettings, "styledit.guiding")
        settings.check_start(inversion, values)
        if network is not None:
            check_network(network)
        if clip is not None:
            check.instance("clip", clip, Clip, "load_clip()")
        self.pipe = pipe
        self.inversion = inversion
        self.prompt = check.text("A target prompt", target_prompt)
        style = None if style_image is None else read_image(pipe, style_image)
        has_style = style is not None
        weights = settings.weights_with(has_style)
        if style is not None:
            source = inversion.prompt
            self.prompt = with_style_phrase(pipe, source, self.prompt, style, settings.style_phrases, clip)
            edit_settings = style_settings(pipe, source, self.prompt) | edit_settings
        self.edit_run = self._new_run(values, record, limit, edit_settings)
        low_memory, seed = settings.low_memory, settings.seed
        terms = make_terms(
            weights, self.edit_run, style, clip=clip, network=network, low_memory=low_memory, seed=seed
        )
        kind = StepwiseOptimisation if settings.schedule == "step" else WholeRunOptimisation
        self.optimisation: Optimisation = kind(
            self.edit_run,
            terms,
            settings,
            rate=settings.rate_with(has_style),
            free=self._free_tokens(),
            word_map=self._word_map(),
        )

    @property
    def log(self) -> Log:
        """Of the optimisation."""
        return self.optimisation.log

    def run(self) -> Generator[State, None, Guided]:
        """Optimise: a state after each network call or iteration, the `Guided` as the result.

        Closing it stops it; `result()` then has the best so far.

        Raises:
            FloatingPointError: NaN or infinite values.
        """
        yield from self.optimisation.run()
        return (yield from self.finishing("done"))

    def result(self, stopped: Ending = "stopped") -> Guided:
        """The edit of the best so far; costs the steps that were not taken yet."""
        run = self.finishing(stopped)
        while True:
            try:
                next(run)
            except StopIteration as end:
                return end.value

    def finishing(self, stopped: Ending = "stopped") -> Generator[State, None, Guided]:
        """`result` as a run: a state after each network call."""
        self.optimisation.use_best()
        run = self.edit_run
        while len(run.states) < self.inversion.steps:
            try:
                yield from self.optimisation.advance()
            except FloatingPointError:
                kept = {i: inputs for i, inputs in run.learned.items() if i < len(run.states)}
                if len(kept) == len(run.learned):
                    raise
                run.learned = kept  # what the network cannot take is left out
        return self._guided(stopped)

    def _new_run(
        self,
        values: LearnedValues | None,
        record: Record | Layers | None,
        limit: int,
        edit_settings: dict[str, Any],
    ) -> GuidedRun:
        """The run of the edit that is guided, with the settings that an edit has."""
        editor = Editor(self.pipe, self.inversion, values=values, rule=None, limit=limit, history=0)
        chosen = editor.suggest(self.prompt, **edit_settings)
        if chosen.regularisation:
            raise ValueError(
                "A guided edit takes no regularisation; give that of its maps as "
                "weights=Weights(attention=Regularisation(...))."
            )
        return editor.make_run(GuidedRun, (self.prompt,), chosen, record)

    def _free_tokens(self) -> torch.Tensor:
        """1 for the tokens whose value inputs are optimised, 0 for the others, (N, 1)."""
        c = self.edit_run.target.c
        change = Change.between(self.pipe, self.inversion.prompt, self.prompt)
        if self.settings.tokens == "all" or not change.added:
            return torch.ones(c.shape[1], 1, device=c.device)
        free = torch.zeros(c.shape[1], 1, device=c.device)
        for k in change.added:
            free[list(change.target[k].positions)] = 1.0
        return free

    def _word_map(self) -> WordMap | None:
        """What the filmstrip shows: the object's word in the second finest maps there are."""
        words, word = self.edit_run.target.words[0], self.settings.word
        if word is not None:
            positions = find_word(words, word)
        else:
            found = object_word(self.pipe, self.inversion, self.prompt)
            positions = [] if found is None else positions_of(words, found)
        if not self.settings.every:
            return None
        layers = attention_layers(self.pipe.unet)
        scales = sorted(set(layers.values()))
        chosen = scales[min(1, len(scales) - 1)]
        height, width = self.inversion.z_T.shape[-2:]
        shown = {layer: scale for layer, scale in layers.items() if scale == chosen}
        return WordMap(shown, positions, (height, width))

    def _guided(self, stopped: Ending) -> Guided:
        """The result of a run that has all its states."""
        run, log = self.edit_run, self.log
        inputs = [run.inputs(i, self.settings.both_branches) for i in range(self.inversion.steps)]
        nulls = [null for _, null in inputs if null is not None]
        return Guided(
            replace(edits_of(run)[0], values=None),  # no value inputs alone make it again
            {name: tuple(curve) for name, curve in log.curves.items()},
            tuple(log.frames),
            torch.cat([values for values, _ in inputs]),
            torch.cat(nulls) if nulls else None,
            log.iterations,
            log.evaluations,
            stopped,
        )


def object_word(pipe: StableDiffusionPipeline, inversion: Inversion, target: str) -> str | None:
    """The word of both prompts that looks most at one place in the source; None where there are no maps."""
    change = Change.between(pipe, inversion.prompt, target)
    if inversion.maps is None or not inversion.maps.layers:
        return None
    kept = [word for k, word in enumerate(change.source) if k not in change.removed]
    peaks = {}
    for word in kept:
        heat = inversion.maps.tokens(word.positions)
        peaks[word.text] = float(heat.max() / heat.mean().clamp_min(1e-12))
    return max(peaks, key=peaks.__getitem__) if peaks else None


def _guided_edit(
    pipe: StableDiffusionPipeline, inversion: Inversion, target_prompt: str, options: dict[str, Any]
) -> GuidedEdit:
    """A guided edit whose settings are among its options."""
    names = {field.name for field in fields(GuidedSettings)}
    own = {name: value for name, value in options.items() if name in names}
    others = {name: value for name, value in options.items() if name not in names}
    return GuidedEdit(pipe, inversion, target_prompt, GuidedSettings(**own), **others)

"""Guided edits: the target's value inputs are optimised for what the picture should be (method section 5)."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
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
from styledit.guiding.log import Frame, Log
from styledit.guiding.run import GuidedRun, Read
from styledit.guiding.shared import Plan, Tensors
from styledit.guiding.stepwise import Stepwise
from styledit.guiding.style_phrases import changes_words, phrases, with_style_phrase
from styledit.guiding.terms import Terms, make_terms
from styledit.guiding.weights import GUIDES, Weights
from styledit.guiding.whole import WholeRun
from styledit.inversion import Inversion
from styledit.objectives.pixels import FeatureNetwork
from styledit.objectives.state import objective_layers
from styledit.perception.clip import Clip, load_clip
from styledit.perception.features import EncoderFeatures
from styledit.perception.perceptual_encoder import load_perceptual_encoder
from styledit.pictures import ImageSource, read_image
from styledit.prompts import find_word, positions_of
from styledit.recording import GIB, Record
from styledit.storage.files import Schema, read_tensors, write_tensors

MOST_ITERATIONS = 1000  # in all
SCHEDULES = {"step": 30, "run": 20, "text": 20}  # iterations in all, where the user gives none
PATIENCE = {"step": 3, "run": 8, "text": 8}
STARTS = ("edit", "fitted", "random")
RATE, STYLE_RATE = 0.01, 0.03
# What an unchanged prompt leaves to a style picture, where an edit without one keeps everything. On training
# scenes, see `styledit.guiding.weights`.
REPAINTING = {"tau_v": 0.0, "tau_c": 0.4, "tau_s": 0.2, "tau_u": 0.2}

CHECKPOINT = Schema(
    what="guided edit",
    source="guide(checkpoint=...)",
    cure="remove it",
    tensors={"*": "float"},
    about=("guided",),
)


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class Guided:
    """A guided edit.

    `edit`: the edit, of the best that was found; `curves`: {"loss", "step" or a term: its number at each
    iteration}, terms without their weights; `filmstrip`: pictures on the way; `values` (T, N, d): the value
    inputs that each step reads; `nulls` (T, N, d) or None: what the unconditional branch reads, where that
    was optimised; `iterations`; `evaluations`: network calls a branch, a forward counted as 1, a backward as
    2; `stopped`: what ended it.
    """

    edit: Edit
    curves: Mapping[str, tuple[float, ...]]
    filmstrip: tuple[Frame, ...]
    values: torch.Tensor
    nulls: torch.Tensor | None
    iterations: int
    evaluations: int
    stopped: Literal["done", "interrupted", "stopped"]

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
    checkpoint: str | os.PathLike | None = None,
    **options: Any,
) -> Guided:
    """Edit a picture by optimising the target's value inputs for what it should look like (method section 5).

        L = sum of weight * term          of the decoded clean estimate, by Adam

    Ctrl-C ends it early with a warning; the best so far is returned.

    Args:
        target_prompt: the new prompt; the source's own where only the look is to change. With a style picture
            it then says that look (`looks` keeps it), and the edit's `target_prompt` tells how.
        callback: called after each step ("step") or iteration ("run", "text") with a dict of `i`, `timestep`,
            `z`, `iteration`, `loss`, `terms`, `best`, `frame`.
        checkpoint: a safetensors file that what is finished is written to, and that a guided edit which was
            stopped or killed goes on from, bit for bit.
        options: those of `GuidedEdit`, and the settings of an edit, by name.

    Raises:
        TypeError: an option or a setting that does not exist, or an argument of another type.
        ValueError: one that cannot be used, or a checkpoint of another edit.
        GuidingStopped: NaN or infinite values; its `best` is the edit so far.
    """
    guided = GuidedEdit(pipe, inversion, target_prompt, **options)
    progress = check.flag("progress", progress)
    if callback is not None:
        check.function("callback", callback)
    if checkpoint is not None:
        checkpoint = check.path_to_write("checkpoint", checkpoint)
        if os.path.exists(checkpoint):
            guided.load(checkpoint)

    def tell(about: dict[str, Any]) -> None:
        if checkpoint is not None:
            _save_if_possible(guided, checkpoint)
        if callback is not None:
            callback(about)

    try:
        return follow(guided.run(), "guiding", guided.left, progress, tell)
    except FloatingPointError as error:
        raise GuidingStopped(
            f"Guiding met NaN or infinite values after {guided.log.iterations} iterations; this error's "
            "`best` is the edit before. Lower the rate or the weights, or load the model in float32.",
            guided.result("stopped"),
        ) from error
    except KeyboardInterrupt:
        warnings.warn(
            f"Guiding was interrupted after {guided.log.iterations} iterations; the best so far is returned.",
            stacklevel=2,
        )
        return guided.result("interrupted")


def guiding(
    pipe: StableDiffusionPipeline, inversion: Inversion, target_prompt: str, **options: Any
) -> Generator[State, None, Guided]:
    """`guide` as a run: a state after each network call or iteration, the `Guided` as its result.

    To stop and keep the best, hold a `GuidedEdit` and ask for its `result()`.
    """
    return GuidedEdit(pipe, inversion, target_prompt, **options).run()


class GuidedEdit:
    """A guided edit that can be watched, stopped and gone on with.

    Args:
        values: learned value inputs; the source branch reads them, and the target starts from them.
        schedule: when losses are taken. "step": at every step, on the decoded clean estimate; "run": on the
            picture of a whole run, with gradients through all its steps, each computed again on the way back
            (T should be small); "text": the same for the CLIP cosine alone.
        weights: `Weights`, or a preset: "default", CLIP alone, or with a style picture style alone
            ("reference"); "brief", 0.1 L2 + 0.5 perceptual + 0.2 style + 0.2 CLIP.
        style_image: a picture whose look the style term and the critic take; None takes the source's.
        looks: phrases that may say that picture's look where the target prompt has the source's words: CLIP
            chooses one, and the prompt says it (`classify_style`). None takes the model's own, if it has any;
            () keeps the prompt.
        start: what value inputs start from: "edit", those that an edit without guiding reads; "fitted", the
            learned ones at every step; "random", drawn around 0 with the spread of the prompt's embedding.
        iterations: of Adam, in all, at most 1000; spread evenly over the steps by "step". None takes 30, or
            20 whole runs.
        rate: Adam's learning rate; None takes 0.01, or 0.03 with a style picture.
        patience: iterations without improvement after which a step ("step") or everything ends; None takes 3,
            or 8 whole runs.
        tolerance: what counts as no improvement, as a fraction of the loss.
        clamp: keep value inputs in [-1, 1], those of tokens that are not optimised too.
        both_branches: whether what the unconditional branch reads is optimised too.
        warm: whether each step ("step") goes on from the offsets of the one before, instead of none.
        since: fraction of the steps before the first that is guided ("step"): early estimates are blurred.
        tokens: whose value inputs are optimised: "changed", those of words that the source prompt does not
            have (of all where there are none), or "all".
        every: iterations between two pictures of the filmstrip; 0 keeps none.
        word: of the target prompt, whose map the filmstrip shows; None takes the kept word that looks most at
            one place.
        network: whose features the perceptual and the style term compare; None takes the model's own
            perceptual encoder, or where it has none the pipeline's encoder. It should not be the network
            that judges the edit.
        clip: None takes the embedded CLIP.
        low_memory: recompute activations of network, decoder and encoder in the backward pass instead of
            keeping them (gradient checkpointing).
        seed: of random starts and of the critic.
        record: whose attention maps of the target to keep; None keeps none.
        limit: bytes that the source's attention may take in host memory.
        settings: those of an edit, by name, such as `tau_u`; the others follow from the prompts.

    Raises:
        TypeError: an argument of another type, or a setting that does not exist.
        ValueError: one that cannot be used.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        inversion: Inversion,
        target_prompt: str,
        *,
        values: LearnedValues | None = None,
        schedule: Literal["step", "run", "text"] = "step",
        weights: str | Weights = "default",
        style_image: ImageSource | None = None,
        looks: Sequence[str] | None = None,
        start: Literal["edit", "fitted", "random"] = "edit",
        iterations: int | None = None,
        rate: float | None = None,
        patience: int | None = None,
        tolerance: float = 1e-3,
        clamp: bool = False,
        both_branches: bool = False,
        warm: bool = True,
        since: float = 0.0,
        tokens: Literal["changed", "all"] = "changed",
        every: int = 10,
        word: str | None = None,
        network: FeatureNetwork | None = None,
        clip: Clip | None = None,
        low_memory: bool = False,
        seed: int = 0,
        record: Record | Layers | None = None,
        limit: int = 4 * GIB,
        **settings: Any,
    ) -> None:
        if torch.is_inference_mode_enabled():
            raise ValueError("Guiding needs gradients; call it outside torch.inference_mode().")
        self.pipe = pipe
        self.inversion = inversion
        style = None if style_image is None else read_image(pipe, style_image)
        looks = None if looks is None else phrases(looks)
        self.prompt = check.text("A target prompt", target_prompt)
        if style is not None:
            self.prompt = with_style_phrase(pipe, inversion.prompt, self.prompt, style, looks, clip)
            settings = style_settings(pipe, inversion.prompt, self.prompt) | settings
        if rate is None:
            rate = RATE if style is None else STYLE_RATE
        schedule = check.choice("schedule", schedule, tuple(SCHEDULES))  # type: ignore[assignment]
        self.low_memory = check.flag("low_memory", low_memory)
        self.plan = Plan(
            iterations=_iterations(iterations, schedule),
            rate=check.number("rate", rate, least=0),
            clamp=check.flag("clamp", clamp),
            both=check.flag("both_branches", both_branches),
            warm=check.flag("warm", warm),
            since=check.fraction("since", since),
            patience=PATIENCE[schedule] if patience is None else check.whole("patience", patience, least=1),
            tolerance=check.number("tolerance", tolerance, least=0),
            every=check.whole("every", every, least=0),
            low_memory=self.low_memory,
        )
        self.weights = _weights(weights, schedule, style_image is not None)
        self.seed = check.seed(seed)
        self.edit_run = self._new_run(values, record, limit, settings)
        self.terms = self._make_terms(style, network, clip)
        self.log = Log(tuple(self.terms.weighted))
        starts = _Start(self.edit_run, check.choice("start", start, STARTS), self.plan.both, self.seed)
        film = self._film() if self.plan.every else {}
        scales = self._scales()
        kind = Stepwise if schedule == "step" else WholeRun
        spot = self._object_tokens(word)
        free = self._free(check.choice("tokens", tokens, ("changed", "all")))
        self.schedule = kind(
            self.edit_run, self.terms, self.plan, self.log, starts, scales | film, tuple(film), spot, free
        )
        self._about = _fingerprint(
            inversion.fingerprint, self.prompt, schedule, start, self.plan, self.weights, self.seed,
            self.edit_run.settings, style, values, type(network).__name__, tokens, word,
            None if clip is None else clip.model.visual_projection.weight,
        )  # fmt: skip
        self._finished: Tensors = self.schedule.state()

    @property
    def left(self) -> int:
        """How many states with `finished` are still to come, at most."""
        whole = self.inversion.steps if isinstance(self.schedule, Stepwise) else self.plan.iterations
        return whole - self.schedule.finished

    def run(self) -> Generator[State, None, Guided]:
        """Guide what is left: a state after each network call or iteration, the `Guided` as the result.

        Closing it stops it; `result()` then has the best so far, and another run goes on from what was
        finished.

        Raises:
            FloatingPointError: NaN or infinite values; what was finished stays as it is.
        """
        self.schedule.restore(self._finished)
        run = self.schedule.run()
        while True:
            with _recomputing(self.pipe, self.low_memory):
                try:
                    state = next(run)
                except StopIteration:
                    break
            if state.finished:
                self._finished = self.schedule.state()
            yield state
        return (yield from self.finishing("done"))

    def result(self, stopped: Literal["done", "interrupted", "stopped"] = "stopped") -> Guided:
        """The edit of the best so far; costs the steps that were not taken yet."""
        run = self.finishing(stopped)
        while True:
            try:
                next(run)
            except StopIteration as end:
                return end.value

    def finishing(
        self, stopped: Literal["done", "interrupted", "stopped"] = "stopped"
    ) -> Generator[State, None, Guided]:
        """`result` as a run: a state after each network call."""
        self.schedule.settle()
        run = self.edit_run
        while len(run.states) < self.inversion.steps:
            try:
                yield from self.schedule.advance()
            except FloatingPointError:
                kept = {i: read for i, read in run.learned.items() if i < len(run.states)}
                if len(kept) == len(run.learned):
                    raise
                run.learned = kept  # what the network cannot take is left out
        return self._guided(stopped)

    def save(self, path: str | os.PathLike) -> None:
        """Write what is finished, to go on from, to a safetensors file."""
        write_tensors(path, self._finished, {"guided": self._about})

    def load(self, path: str | os.PathLike) -> None:
        """Go on from what `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds something else, or another guided edit.
        """
        tensors, about = read_tensors(path, CHECKPOINT, self.inversion.z_T.device)
        if about["guided"] != self._about:
            raise ValueError(
                f"{os.fspath(path)!r} holds a guided edit of another picture, prompt or options; name "
                "another file, or remove this one."
            )
        before = self._finished
        try:
            self.schedule.restore(tensors)
        except (KeyError, RuntimeError, ValueError) as error:
            self.schedule.restore(before)
            raise ValueError(
                f"{os.fspath(path)!r} holds a damaged guided edit; remove it, and guiding starts anew."
            ) from error
        self._finished = tensors

    def _new_run(
        self,
        values: LearnedValues | None,
        record: Record | Layers | None,
        limit: int,
        settings: dict[str, Any],
    ) -> GuidedRun:
        """The run of the edit that is guided, with the settings that an edit has."""
        editor = Editor(self.pipe, self.inversion, values=values, limit=limit, history=0)
        chosen = editor.suggest(self.prompt, **settings)
        if chosen.regularisation:
            raise ValueError(
                "A guided edit takes no regularisation; pull at its maps with "
                "weights=Weights(attention=Regularisation(...))."
            )
        return editor.make_run(GuidedRun, (self.prompt,), chosen, record)

    def _make_terms(
        self, style: Image.Image | None, network: FeatureNetwork | None, clip: Clip | None
    ) -> Terms:
        """The objectives, with the networks that they need."""
        network = guiding_network(self.pipe, self.low_memory) if network is None else network
        if clip is None and (self.weights.clip or self.weights.direction):
            clip = load_clip(device=self.inversion.z_T.device)
        return make_terms(
            self.weights,
            self.pipe,
            self.inversion.image,
            style,
            (self.inversion.prompt, self.prompt),
            self.edit_run.target.words[0],
            clip,
            network,
            self.seed,
        )

    def _scales(self) -> dict[str, int]:
        """{layer: scale} of the maps that objectives read."""
        found: dict[str, int] = {}
        for _, objective in self.terms.weighted.values():
            found |= objective_layers(self.pipe.unet, objective)
        return found

    def _film(self) -> dict[str, int]:
        """{layer: scale} of the maps that the filmstrip shows: the second finest there are."""
        layers = attention_layers(self.pipe.unet)
        scales = sorted(set(layers.values()))
        chosen = scales[min(1, len(scales) - 1)]
        return {layer: scale for layer, scale in layers.items() if scale == chosen}

    def _object_tokens(self, word: str | None) -> list[int]:
        """Positions of the object's word in the target prompt."""
        words = self.edit_run.target.words[0]
        if word is not None:
            return list(find_word(words, check.text("word", word)))
        found = object_word(self.pipe, self.inversion, self.prompt)
        return [] if found is None else list(positions_of(words, found))

    def _free(self, tokens: str) -> torch.Tensor:
        """1 for the tokens whose value inputs are optimised, 0 for the others, (N, 1)."""
        c = self.edit_run.target.c
        change = Change.between(self.pipe, self.inversion.prompt, self.prompt)
        if tokens == "all" or not change.added:
            return torch.ones(c.shape[1], 1, device=c.device)
        free = torch.zeros(c.shape[1], 1, device=c.device)
        for k in change.added:
            free[list(change.target[k].positions)] = 1.0
        return free

    def _guided(self, stopped: Literal["done", "interrupted", "stopped"]) -> Guided:
        """The result of a run that has all its states."""
        run = self.edit_run
        read = [run.learned.get(i) or run.plain(i, self.plan.both) for i in range(self.inversion.steps)]
        nulls = [null for _, null in read if null is not None]
        edit = replace(edits_of(run)[0], values=None)
        return Guided(
            edit,
            {name: tuple(curve) for name, curve in self.log.curves.items()},
            tuple(self.log.frames),
            torch.cat([values for values, _ in read]),
            torch.cat(nulls) if nulls else None,
            self.log.iterations,
            self.log.evaluations,
            stopped,
        )


class _Start:
    """What each step reads before anything is learned.

    Raises:
        ValueError: a fitted start without value inputs.
    """

    def __init__(self, run: GuidedRun, kind: str, both: bool, seed: int) -> None:
        self.run = run
        self.kind = kind
        self.both = both
        self.seed = seed
        if kind == "fitted" and run.source.values is None:
            raise ValueError("A fitted start needs value inputs; give values=fit_values(...).")

    def __call__(self, i: int) -> Read:
        values, null = self.run.plain(i, self.both)
        c = self.run.target.c
        if self.kind == "fitted":
            assert self.run.source.values is not None
            values = self.run.source.values.v(i, c)
        if self.kind == "random":
            generator = torch.Generator().manual_seed((self.seed + 7919 * i) % 2**63)
            values = (torch.randn(c.shape, generator=generator) * float(c.std())).to(c)
        wide = torch.promote_types(c.dtype, torch.float32)
        return values.to(wide), None if null is None else null.to(wide)


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


def guiding_network(pipe: StableDiffusionPipeline, recompute: bool = False) -> FeatureNetwork:
    """What guides where no network is named: the model's perceptual encoder, or else its VAE's encoder."""
    folder = Path(pipe.name_or_path or "") / "perceptual_encoder"
    if pipe.name_or_path and folder.is_dir():
        return load_perceptual_encoder(folder, device=pipe.vae.device)
    return EncoderFeatures(pipe.vae, recompute=recompute)


def style_settings(pipe: StableDiffusionPipeline, source: str, target: str) -> dict[str, float]:
    """The settings, by name, of an edit with a style picture: where no word of the prompt changes, other ones
    than those of an edit without. Raises as `encode_prompt`.
    """
    return {} if changes_words(pipe, source, target) else dict(REPAINTING)


def _iterations(given: int | None, schedule: str) -> int:
    return (
        SCHEDULES[schedule]
        if given is None
        else check.whole("iterations", given, least=0, most=MOST_ITERATIONS)
    )


def _weights(given: str | Weights, schedule: str, has_style: bool) -> Weights:
    """The weights of a schedule, with or without a style picture."""
    if schedule != "text":
        weights = Weights.of("reference" if has_style and given == "default" else given)
        if has_style and not weights.style and not weights.adversarial:
            raise ValueError(
                "Nothing reads the style picture: the weights style and adversarial are 0; raise one of them "
                "or leave style_image out."
            )
        return weights
    if has_style:
        raise ValueError(
            'The schedule "text" reads the CLIP term alone, so nothing reads the style picture; leave that '
            'out, or take "run".'
        )
    if given not in ("default", "text"):
        raise ValueError('The schedule "text" reads the CLIP term alone; leave weights out, or take "run".')
    return GUIDES["text"]


def _fingerprint(*about: object) -> str:
    """A short hash of everything that a guided edit depends on."""
    digest = hashlib.sha256()
    for part in about:
        if isinstance(part, Image.Image):
            digest.update(part.tobytes())
        elif isinstance(part, torch.Tensor):
            digest.update(part.detach().cpu().float().numpy().tobytes())
        elif isinstance(part, LearnedValues):
            digest.update(str(part.guidance).encode())
            scale = getattr(part, "scale", None)
            if isinstance(scale, torch.Tensor):
                digest.update(scale.detach().cpu().float().numpy().tobytes())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()[:16]


@contextmanager
def _recomputing(pipe: StableDiffusionPipeline, on: bool) -> Generator[None, None, None]:
    """The decoder recomputes its activations in the backward pass meanwhile."""
    decoder = pipe.vae.decoder
    before = decoder.gradient_checkpointing
    if not on or before:
        yield
        return
    pipe.vae.enable_gradient_checkpointing()
    try:
        yield
    finally:
        pipe.vae.disable_gradient_checkpointing()


def _save_if_possible(guided: GuidedEdit, path: str | os.PathLike) -> None:
    """The checkpoint, where the disk takes it."""
    try:
        guided.save(path)
    except (ValueError, OSError) as error:
        warnings.warn(f"The checkpoint could not be written, and guiding goes on: {error}", stacklevel=2)

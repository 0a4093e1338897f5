"""Fitting value inputs (StyleDiffusion, 2303.15649, section 3.2): what is unknown at each step, and the one
call that learns it.
"""

from __future__ import annotations

import hashlib
import os
import threading
import warnings
from collections.abc import Generator, Sequence
from typing import overload

import torch
from diffusers import StableDiffusionPipeline
from torch import nn

from styledit import validation as check
from styledit.ddim import guide
from styledit.denoising import Callback, resolve_guidance, wide
from styledit.inversion import Inversion
from styledit.perception.clip import Clip, load_clip
from styledit.pictures import as_pixels
from styledit.pipeline import editing_numbers
from styledit.storage.files import Schema, Tensors, group, read_tensors
from styledit.values.inputs import SCHEMA, ValueInputs
from styledit.values.mapping import MappingNetwork
from styledit.values.optimiser import FinishedStep, FitState, StepwiseFit, check_together, complete
from styledit.values.presets import Preset, linear_guess, preset_of

_drawing = threading.Lock()  # torch's own generator is every thread's

CHECKPOINT = Schema(
    what="fit",
    source="fit_values(checkpoint=...)",
    cure="remove it",
    tensors={**SCHEMA.tensors, "state/*": "float", "adam/*": "float"},
    about=(*SCHEMA.about, "preset"),
)


@overload
def fit_values(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    *,
    guidance: float | None = ...,
    preset: str | Preset = ...,
    checkpoint: str | os.PathLike | None = ...,
    image_encoder: Clip | None = ...,
    low_memory: bool = ...,
    seed: int = ...,
    progress: bool = ...,
    callback: Callback | None = ...,
) -> ValueInputs: ...
@overload
def fit_values(
    pipe: StableDiffusionPipeline,
    inversion: Sequence[Inversion],
    *,
    guidance: float | None = ...,
    preset: str | Preset = ...,
    checkpoint: None = ...,
    image_encoder: Clip | None = ...,
    low_memory: bool = ...,
    seed: int = ...,
    progress: bool = ...,
    callback: Callback | None = ...,
) -> list[ValueInputs]: ...
def fit_values(
    pipe: StableDiffusionPipeline,
    inversion: Inversion | Sequence[Inversion],
    *,
    guidance: float | None = None,
    preset: str | Preset = "default",
    checkpoint: str | os.PathLike | None = None,
    image_encoder: Clip | None = None,
    low_memory: bool = False,
    seed: int = 0,
    progress: bool = True,
    callback: Callback | None = None,
) -> ValueInputs | list[ValueInputs]:
    """Learn the value inputs that make guided denoising follow an inversion (2303.15649, section 3.2).

    From the noisiest step down, each warm-started from the one before, minimise

        L = mean (ddim_step(z, eps) - zhat_{t-1})^2 + lambda * sum over layers of mean (A - Ahat_t)^2

    Whatever ends it early, Ctrl-C too, is raised and carries the finished steps as `values`: after an
    interrupted cell of a notebook they are in `sys.last_value.values`. A `checkpoint` goes on from there.

    Args:
        inversion: an inversion, or several of equal size and steps, which are fitted in one batch.
        guidance: w of the guided denoising that is to be repaired; None takes the model's own, at which one
            fit serves all edits of a picture, and 7.5 where the model names none.
        preset: "default"; "fine", more iterations; "paper", the published schedule; or your own `Preset`.
        checkpoint: a safetensors file that every finished step is written to, and that a fit which was
            stopped or killed goes on from; `ValueInputs.load` reads it. For one inversion. Where it cannot be
            written, the fit goes on with a warning.
        image_encoder: whose patch tokens the mapping network reads; None takes the embedded CLIP. For Stable
            Diffusion 1 the paper takes `load_clip("openai/clip-vit-large-patch14")`.
        low_memory: recompute activations in the backward pass instead of keeping them
            (gradient checkpointing). Nothing is sliced: the maps that a loss reads are small beside the
            activations (those of the published term 10 MB for Stable Diffusion 1 at 512 × 512), and those
            that an inversion records go to the CPU after each call.
        seed: of the mapping network's first weights.
        callback: called after each step with a dict of `i`, `timestep`, `loss` (L_rec that remains, mean over
            the pictures), `iterations`, `evaluations` (sums over the pictures), `z` (n, C, h, w).

    Returns:
        `ValueInputs`, or a list of them for several inversions.

    Raises:
        TypeError: an argument of another type.
        ValueError: a guidance that is not finite, an unknown preset, an inversion without maps of the layers
            that the preset needs, inversions that do not fit together, or a checkpoint of another fit.
        FittingStopped: NaN or infinite values; its `values` holds the finished steps.
    """
    fit = ValueFit(
        pipe,
        inversion,
        guidance=guidance,
        preset=preset,
        image_encoder=image_encoder,
        low_memory=low_memory,
        seed=seed,
    )
    if callback is not None:
        check.function("callback", callback)
    if checkpoint is None:
        return complete(fit.stepwise, fit.values, "fitting value inputs", progress, callback)
    checkpoint = check.path_to_write("checkpoint", checkpoint)
    if not fit.one:
        raise ValueError(
            "A checkpoint holds the fit of one picture; fit several without one, or one after the other."
        )
    if os.path.exists(checkpoint):
        fit.load(checkpoint)
    return complete(
        fit.stepwise,
        fit.values,
        "fitting value inputs",
        progress,
        callback,
        lambda: _save_if_possible(fit, checkpoint),
    )


def fit_guidance(pipe: StableDiffusionPipeline, guidance: float | None = None) -> float:
    """The w of a fit: the one that is given, else the model's own, else the published one."""
    own = editing_numbers(check.pipeline(pipe))
    return resolve_guidance(guidance, None if own is None else float(own["fit_guidance"]))


class ValueFit:
    """A fit of value inputs that can be watched, stopped and gone on with;
    arguments and errors as for `fit_values`.

    `one`: whether it is of one inversion; `stepwise`: the optimiser under it.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        inversion: Inversion | Sequence[Inversion],
        *,
        guidance: float | None = None,
        preset: str | Preset = "default",
        image_encoder: Clip | None = None,
        low_memory: bool = False,
        seed: int = 0,
    ) -> None:
        guidance = fit_guidance(pipe, guidance)
        preset = preset_of(preset)
        if image_encoder is not None:
            check.instance("image_encoder", image_encoder, Clip, "load_clip()")
        self.one = isinstance(inversion, Inversion)
        given = (inversion,) if isinstance(inversion, Inversion) else inversion
        self.inversions = check_together(pipe, given, "Value inputs")
        self.unknowns = _Values(self.inversions, guidance, preset, image_encoder, check.seed(seed))
        low_memory = check.flag("low_memory", low_memory)
        self.stepwise = StepwiseFit(pipe, self.inversions, preset, self.unknowns, low_memory)
        self._about = f"{preset.fingerprint(self.stepwise.steps)} seed {seed}{self.unknowns.about}"

    def run(self) -> Generator[FitState, None, ValueInputs | list[ValueInputs]]:
        """Fit what is left: a state after each network evaluation, the value inputs as the result."""
        yield from self.stepwise.run()
        return self.values()

    def values(self) -> ValueInputs | list[ValueInputs]:
        """The finished steps so far, of each picture."""
        fitted = self._fitted()
        return fitted[0] if self.one else fitted

    def _fitted(self) -> list[ValueInputs]:
        steps = self.stepwise.finished
        empty = self.unknowns.learned()[0][None][:0]  # (0, n, N, d)
        scale = torch.stack([step.learned[0] for step in steps]) if steps else empty  # (k, n, N, d)
        shift = torch.stack([step.learned[1] for step in steps]) if steps else empty
        return [
            ValueInputs(
                scale[:, j],
                shift[:, j],
                self.unknowns.guidance,
                tuple(step.losses[j] for step in steps),
                self.stepwise.evaluations[j],
                inversion.fingerprint,
            )
            for j, inversion in enumerate(self.inversions)
        ]

    def save(self, path: str | os.PathLike) -> None:
        """Write the finished steps of the one picture, and what is needed to go on exactly."""
        state = self._state()
        for k, p in enumerate(self.unknowns.parameters[0]):
            moments = self.stepwise.optimisers[0].state[p]
            state |= {f"adam/{k}/{name}": torch.as_tensor(value) for name, value in moments.items()}
        self._fitted()[0].save(path, state, preset=self._about)

    def load(self, path: str | os.PathLike) -> None:
        """Go on from what `save` wrote.

        Raises:
            ValueError: the file holds something else, or another fit.
        """
        tensors, about = read_tensors(path, CHECKPOINT, self.stepwise.z.device)
        mine = (self._about, repr(self.unknowns.guidance), self.inversions[0].fingerprint)
        if (about["preset"], about["guidance"], about["fingerprint"]) != mine:
            raise ValueError(
                f"{os.fspath(path)!r} holds a fit of another picture, prompt, guidance, preset or image "
                "encoder; name another file, or remove this one."
            )
        steps = self._finished_steps(tensors, int(about["evaluations"]))
        fresh = {name: tensor.shape for name, tensor in self._state().items()}
        moved = {
            f"adam/{k}/{name}": torch.Size() if name == "step" else p.shape
            for k, p in enumerate(self.unknowns.parameters[0])
            for name in ("step", "exp_avg", "exp_avg_sq")
        }
        found = {name: tensor.shape for name, tensor in tensors.items() if "/" in name}
        if found not in (fresh, fresh | moved) or len(steps) > self.stepwise.steps:
            raise ValueError(
                f"{os.fspath(path)!r} holds a fit of other shapes than this one's; name another file, or "
                "remove this one."
            )
        state = group(tensors, "state/")
        self.stepwise.z = state.pop("z").to(self.stepwise.z)
        self.unknowns.modules[0].load_state_dict(state)
        for k, p in enumerate(self.unknowns.parameters[0]):
            moments = group(tensors, f"adam/{k}/")
            if moments:
                self.stepwise.optimisers[0].state[p] = moments | {"step": moments["step"].cpu()}
        self.stepwise.finished = steps

    def _state(self) -> Tensors:
        """Where the one picture's fit stands, but for Adam's moments."""
        module = self.unknowns.modules[0].state_dict()
        # a batch norm's counter is whole
        state = {
            name: tensor if tensor.is_floating_point() else tensor.double() for name, tensor in module.items()
        }
        return {"state/z": self.stepwise.z, **{f"state/{name}": tensor for name, tensor in state.items()}}

    def _finished_steps(self, tensors: Tensors, evaluations: int) -> list[FinishedStep]:
        """Those of a file of the one picture."""
        each = zip(tensors["scale"], tensors["shift"], tensors["losses"].tolist(), strict=True)
        return [
            FinishedStep((scale[None], shift[None]), (loss,), (evaluations,)) for scale, shift, loss in each
        ]


class _Free(nn.Module):
    """s_t and b_t as free parameters, (N, d) each."""

    def __init__(self, shift: torch.Tensor) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones_like(shift))
        self.shift = nn.Parameter(shift.clone())

    def forward(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.scale, self.shift


class _Values:
    """The unknowns of a fit of value inputs: a module for each picture that gives s_t and b_t.

    `about`: what the fit depends on beyond its preset.
    """

    def __init__(
        self,
        inversions: tuple[Inversion, ...],
        guidance: float,
        preset: Preset,
        image_encoder: Clip | None,
        seed: int,
    ) -> None:
        self.guidance = guidance
        self.c = torch.cat([inversion.c for inversion in inversions])  # (n, N, d)
        null = torch.cat([inversion.null for inversion in inversions])
        self.fixed_context = None if guidance == 1 else null
        self.about = ""
        self.inputs: list[tuple[torch.Tensor, ...]] = [()] * len(inversions)
        self.modules: list[nn.Module] = []
        if preset.parameterisation == "free":
            c = wide(self.c)
            shifts = linear_guess(c, wide(null), guidance) if preset.warm else torch.zeros_like(c)
            self.modules = [_Free(shift) for shift in shifts]
        else:
            self._make_mapping_networks(inversions, image_encoder, seed)
        self.parameters = [list(module.parameters()) for module in self.modules]

    def reads(self, active: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """The prompts' embeddings, and v_t = c * s_t + b_t."""
        c = self.c[active]
        scale, shift = self._scale_and_shift(active)
        return c, (wide(c) * scale + shift).to(c.dtype)

    def guided(self, own: torch.Tensor, fixed: torch.Tensor | None) -> torch.Tensor:
        """Guidance from the empty prompt's output to the conditional one's."""
        return own if fixed is None else guide(fixed, own, self.guidance)

    def learned(self) -> tuple[torch.Tensor, torch.Tensor]:
        """s_t and b_t of every picture, (n, N, d) each."""
        with torch.no_grad():
            return self._scale_and_shift(list(range(len(self.modules))))

    def _scale_and_shift(self, active: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        pairs = [self.modules[j](*self.inputs[j]) for j in active]
        return torch.stack([scale for scale, _ in pairs]), torch.stack([shift for _, shift in pairs])

    def _make_mapping_networks(
        self, inversions: tuple[Inversion, ...], encoder: Clip | None, seed: int
    ) -> None:
        c = wide(self.c)
        encoder = load_clip(device=c.device) if encoder is None else encoder
        weights = next(encoder.model.vision_model.parameters()).detach().float().cpu().numpy().tobytes()
        self.about = f" encoder {hashlib.sha256(weights).hexdigest()[:16]}"
        for j, inversion in enumerate(inversions):
            tokens = _patch_tokens(encoder, inversion).to(c)  # (1, P, d_img)
            self.inputs[j] = (tokens,)
            with _drawing, torch.random.fork_rng():
                torch.manual_seed(seed)
                self.modules.append(MappingNetwork(*tokens.shape[1:], *c.shape[1:]).to(c))


def _patch_tokens(encoder: Clip, inversion: Inversion) -> torch.Tensor:
    """E(x): the image encoder's last hidden states of the picture's patches,
    without the class token; (1, P, d_img).
    """
    tower = encoder.image_tower
    with torch.no_grad():
        seen = tower(pixel_values=encoder.prepare(as_pixels(inversion.image)).to(tower.device, tower.dtype))
    return seen.last_hidden_state[:, 1:]


def _save_if_possible(fit: ValueFit, path: str | os.PathLike) -> None:
    """The checkpoint, where the disk takes it: a fit does not end because its checkpoint fails."""
    try:
        fit.save(path)
    except (ValueError, OSError) as error:
        warnings.warn(f"The checkpoint could not be written, and the fit goes on: {error}", stacklevel=2)

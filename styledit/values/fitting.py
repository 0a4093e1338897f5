"""Fitting value inputs: a few Adam iterations at each step, from the noisiest one down (method section 2)."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from safetensors import safe_open
from torch import nn

from styledit.attention import Control, attention_control, select_layers
from styledit.ddim import check_number, ddim_step, guide
from styledit.denoising import Callback, notify, predict, track
from styledit.inversion import Inversion, check_inversion
from styledit.objectives.attention import GRADIENT_SCALE, wide
from styledit.values.mapping import MappingNetwork
from styledit.maps import grid
from styledit.perception.networks import Clip, load_clip
from styledit.prompts import split_words
from styledit.values.inputs import PRESETS, FittingStopped, Preset, ValueInputs, guess


def fit_values(
    pipe: StableDiffusionPipeline,
    inversion: Inversion | Sequence[Inversion],
    guidance: float = 7.5,
    *,
    preset: str | Preset = "default",
    checkpoint: str | os.PathLike | None = None,
    image_encoder: Clip | None = None,
    low_memory: bool = False,
    seed: int = 0,
    progress: bool = True,
    callback: Callback | None = None,
) -> ValueInputs | list[ValueInputs]:
    """Learn the value inputs that make guided denoising follow an inversion (method section 2).

    From the noisiest step down, each warm-started from the one before, minimise

        L = mean (ddim_step(z, eps) - zhat_{t-1})^2 + lambda * sum over layers of mean (A - Ahat_t)^2

    Ctrl-C ends it early with a warning; the finished steps are returned.

    Args:
        inversion: an inversion, or several of equal size and steps, which are fitted in one batch.
        guidance: w of the guided denoising that is to be repaired.
        preset: "default"; "fine", more iterations; "paper", the published schedule; or your own `Preset`.
        checkpoint: a safetensors file that every finished step is written to, and that a fit which was stopped or
            killed goes on from; `ValueInputs.load` reads it. For one inversion.
        image_encoder: whose patch tokens the mapping network reads; None takes the embedded CLIP. For Stable Diffusion 1
            the paper takes `load_clip("openai/clip-vit-large-patch14")`.
        low_memory: recompute activations in the backward pass instead of keeping them (gradient checkpointing). Nothing is
            sliced: the maps that a loss reads are small beside the activations (those of the published term 10 MB for Stable
            Diffusion 1 at 512 × 512), and those that an inversion records go to the CPU after each call.
        seed: of the mapping network's first weights.
        callback: called after each step with a dict of `i`, `timestep`, `loss` (L_rec that remains, mean over the pictures),
            `iterations`, `evaluations` (sums over the pictures), `z` (n, C, h, w).

    Returns:
        `ValueInputs`, or a list of them for several inversions.

    Raises:
        TypeError: the guidance is no number.
        ValueError: a guidance that is not finite, an unknown preset, an inversion without maps of the layers that the preset
            needs, inversions that do not fit together, or a checkpoint of another fit.
        FittingStopped: NaN or infinite values; its `values` holds the finished steps.
    """
    check_number("guidance", guidance)
    one = isinstance(inversion, Inversion)
    if not one and not isinstance(inversion, (list, tuple)):
        raise TypeError(f"Value inputs are fitted to an Inversion or a list of them, not {type(inversion).__name__}.")
    if torch.is_inference_mode_enabled():
        raise ValueError("Fitting needs gradients; call it outside torch.inference_mode().")
    if checkpoint is not None and not Path(checkpoint).parent.is_dir():
        raise ValueError(f"There is no folder for the checkpoint {os.fspath(checkpoint)!r}; create it first.")
    if checkpoint is not None and not one:
        raise ValueError("A checkpoint holds the fit of one picture; fit several without one, or one after the other.")
    fit = _Fit(pipe, (inversion,) if one else tuple(inversion), float(guidance), _preset(preset), image_encoder, seed)
    if checkpoint is not None and os.path.exists(checkpoint):
        fit.load(checkpoint)
    try:
        with attention_control(pipe.unet, fit.recorded) as control, _recomputing(pipe.unet, low_memory):
            for i in track(range(fit.done, fit.steps), "fitting value inputs", progress and fit.done < fit.steps):
                state = fit.step(control, i)
                if checkpoint is not None:
                    fit.save(checkpoint)
                notify(callback, i=i, timestep=fit.timesteps[i], **state)
    except FloatingPointError as error:
        raise FittingStopped(
            f"Fitting met NaN or infinite values at step {fit.done} of {fit.steps}; the {fit.done} finished steps "
            "are in this error's `values`. Lower the learning rate of the preset, or load the model in float32.",
            fit.values()[0] if one else fit.values(),
        ) from error
    except KeyboardInterrupt:
        warnings.warn(f"Fitting was interrupted; the {fit.done} finished steps of {fit.steps} are returned.", stacklevel=2)
    return fit.values()[0] if one else fit.values()


def minimise(
    losses: Callable[[list[int]], torch.Tensor],
    parameters: Sequence[Sequence[torch.Tensor]],
    optimisers: Sequence[torch.optim.Optimizer],
    iterations: int,
    tolerance: float,
) -> list[int]:
    """Adam on the losses of n independent pictures at once; a picture below the tolerance stops.

    Args:
        losses: gives the losses (k,) of the k pictures in a list of indices.
        parameters, optimisers: of each picture.

    Returns:
        The iterations done for each picture.

    Raises:
        FloatingPointError: a loss is NaN or infinite.
    """
    done, active = [0] * len(parameters), list(range(len(parameters)))
    for _ in range(iterations):
        with torch.enable_grad():
            values = losses(active)
            if not torch.isfinite(values).all():
                raise FloatingPointError
            wanted = [p for j in active for p in parameters[j]]
            for p, gradient in zip(wanted, torch.autograd.grad(GRADIENT_SCALE * values.sum(), wanted)):
                p.grad = gradient / GRADIENT_SCALE
        for j in active:
            optimisers[j].step()
            done[j] += 1
        active = [j for j, value in zip(active, values.tolist()) if value >= tolerance]
        if not active:
            break
    return done


class _Direct(nn.Module):
    """s_t and b_t as free parameters, (N, d) each."""

    def __init__(self, shift: torch.Tensor) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones_like(shift))
        self.shift = nn.Parameter(shift.clone())

    def forward(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.scale, self.shift


class _Fit:
    """The state of a fit of n pictures: their modules, Adams and latents, and the finished steps."""

    def __init__(
        self, pipe: StableDiffusionPipeline, inversions: tuple[Inversion, ...], guidance: float, preset: Preset,
        image_encoder: Clip | None, seed: int,
    ) -> None:
        check_inversion(pipe, *inversions)
        check_together(inversions)
        self.pipe, self.inversions, self.guidance, self.preset = pipe, inversions, guidance, preset
        self.timesteps, self.levels = inversions[0].timesteps, inversions[0].levels
        self.c, self.null = (torch.cat([getattr(v, name) for v in inversions]) for name in ("c", "null"))  # (n, N, d)
        self.latents = torch.cat([inversion.latents for inversion in inversions], 1)  # (T + 1, n, C, h, w)
        self.recorded = (preset.regularisation.layers,) if preset.regularisation else ()
        self.targets = [_source_maps(pipe, inversion, preset) for inversion in inversions]
        self._about = f"{preset.fingerprint(len(self.timesteps))} seed {seed}"
        self.words = [split_words(pipe, inversion.prompt) for inversion in inversions]
        self.z = self.latents[0]
        self.modules, self.inputs = self._parameterised(image_encoder, seed)
        self.parameters = [list(module.parameters()) for module in self.modules]
        self.optimisers = [torch.optim.Adam(parameters, betas=preset.betas) for parameters in self.parameters]
        # s_t and b_t (n, N, d), remaining L_rec and evaluations so far (of each picture) of every finished step
        self.finished: list[tuple[torch.Tensor, torch.Tensor, list[float], list[int]]] = []

    @property
    def done(self) -> int:
        """The number of finished steps."""
        return len(self.finished)

    @property
    def evaluations(self) -> list[int]:
        """Those of each picture."""
        return self.finished[-1][3] if self.finished else [0] * len(self.inversions)

    @property
    def steps(self) -> int:
        return len(self.timesteps)

    def step(self, control: Control, i: int) -> dict[str, object]:
        """Fit step i and go on to the next latent; what to tell of it."""
        control.values, before = None, self.z
        uncond = None
        if self.guidance != 1:
            with torch.no_grad():
                uncond = predict(self.pipe, self.z, self.timesteps[i], self.null)

        def losses(active: list[int]) -> torch.Tensor:
            reached = self._reach(control, i, active, uncond)
            values = wide(reached - self.latents[i + 1][active]).square().flatten(1).mean(1)  # L_rec
            if self.preset.regularisation:
                values = values + self._regularise(control, i, active)
            return values

        if not self.preset.warm:
            self.optimisers = [torch.optim.Adam(parameters, betas=self.preset.betas) for parameters in self.parameters]
        for optimiser in self.optimisers:
            optimiser.param_groups[0]["lr"] = self.preset.learning_rate(i)
        iterations = minimise(losses, self.parameters, self.optimisers, self.preset.iterations(i), self.preset.tolerance(i))
        everyone = list(range(len(self.inversions)))
        with torch.no_grad():
            scale, shift = self._scale_and_shift(everyone)
            self.z = self._reach(control, i, everyone, uncond)
        control.maps.clear()
        if not torch.isfinite(self.z).all():
            self.z = before
            raise FloatingPointError
        remaining = wide(self.z - self.latents[i + 1]).square().flatten(1).mean(1).tolist()
        evaluations = [e + 3 * k + 1 + (self.guidance != 1) for e, k in zip(self.evaluations, iterations)]
        self.finished.append((scale, shift, remaining, evaluations))  # at once: Ctrl-C may come at any moment
        about = {"loss": float(np.mean(remaining)), "iterations": sum(iterations), "evaluations": sum(self.evaluations)}
        return about | {"z": self.z}

    def values(self) -> list[ValueInputs]:
        """The finished steps of each picture."""
        empty = wide(self.c.new_empty((0, *self.c.shape)))
        scale, shift = (torch.stack([step[k] for step in self.finished]) if self.finished else empty for k in (0, 1))  # (k, n, N, d)
        return [
            ValueInputs(
                scale[:, j], shift[:, j], self.guidance, tuple(step[2][j] for step in self.finished), self.evaluations[j],
                inversion.fingerprint,
            )
            for j, inversion in enumerate(self.inversions)
        ]

    def save(self, path: str | os.PathLike) -> None:
        """The finished steps of the one picture, and what is needed to go on exactly."""
        state = {"state/z": self.z} | {f"state/{name}": tensor for name, tensor in self.modules[0].state_dict().items()}
        for k, p in enumerate(self.parameters[0]):
            state |= {f"adam/{k}/{name}": torch.as_tensor(value) for name, value in self.optimisers[0].state[p].items()}
        self.values()[0].save(path, state, preset=self._about)

    def load(self, path: str | os.PathLike) -> None:
        """Go on from what `save` wrote.

        Raises:
            ValueError: the file holds something else, or another fit.
        """
        values = ValueInputs.load(path, self.c.device)
        with safe_open(path, "pt", device=str(self.c.device)) as file:
            about, names = file.metadata(), list(file.keys())
            mine = (self._about, self.guidance, self.inversions[0].fingerprint)
            if (about.get("preset"), values.guidance, values.fingerprint) != mine:
                raise ValueError(
                    f"{os.fspath(path)!r} holds a fit of another picture, prompt, guidance or preset; "
                    "name another file, or remove this one."
                )
            state = {name.removeprefix("state/"): file.get_tensor(name) for name in names if name.startswith("state/")}
            self.z = state.pop("z").to(self.latents)
            try:
                self.modules[0].load_state_dict(state)
            except RuntimeError as error:
                raise ValueError(f"{os.fspath(path)!r} holds a fit with another image encoder or model; name another file.") from error
            for k, p in enumerate(self.parameters[0]):
                prefix = f"adam/{k}/"
                moments = {name.removeprefix(prefix): file.get_tensor(name) for name in names if name.startswith(prefix)}
                if moments:
                    self.optimisers[0].state[p] = moments | {"step": moments["step"].cpu()}
        steps = zip(values.scale[:, None], values.shift[:, None], values.losses)
        self.finished = [(scale, shift, [loss], [values.evaluations]) for scale, shift, loss in steps]

    def _parameterised(self, encoder: Clip | None, seed: int) -> tuple[list[nn.Module], list[tuple[torch.Tensor, ...]]]:
        """A module for each picture that gives s_t and b_t, and what it is called with."""
        c, null = wide(self.c), wide(self.null)
        if self.preset.parameterisation == "direct":
            shifts = guess(c, null, self.guidance) if self.preset.warm else torch.zeros_like(c)
            return [_Direct(shift) for shift in shifts], [()] * len(c)
        encoder = load_clip(device=c.device) if encoder is None else encoder
        if not isinstance(encoder, Clip):
            raise TypeError(f"image_encoder must be a Clip or None, not {type(encoder).__name__}; make one with load_clip().")
        about_it = next(encoder.model.vision_model.parameters()).detach().float().cpu().numpy().tobytes()
        self._about += f" encoder {hashlib.sha256(about_it).hexdigest()[:16]}"
        modules, inputs = [], []
        for inversion in self.inversions:
            tokens = _patch_tokens(encoder, inversion).to(c)  # (1, P, d_img)
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                modules.append(MappingNetwork(*tokens.shape[1:], *c.shape[1:]).to(c))
            inputs.append((tokens,))
        return modules, inputs

    def _scale_and_shift(self, active: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """s_t and b_t of some pictures, (k, N, d) each."""
        scales, shifts = zip(*(self.modules[j](*self.inputs[j]) for j in active))
        return torch.stack(scales), torch.stack(shifts)

    def _reach(self, control: Control, i: int, active: list[int], uncond: torch.Tensor | None) -> torch.Tensor:
        """ztilde_{t-1} of some pictures with their present value inputs, (k, C, h, w)."""
        control.maps.clear()  # gradient checkpointing leaves those of its second pass
        scale, shift = self._scale_and_shift(active)
        c, z = self.c[active], self.z[active]
        control.values = (wide(c) * scale + shift).to(c.dtype)
        output = predict(self.pipe, z, self.timesteps[i], c)
        if uncond is not None:
            output = guide(uncond[active], output, self.guidance)
        return ddim_step(output, z, self.levels[i], self.levels[i + 1], self.pipe.scheduler.config.prediction_type)

    def _regularise(self, control: Control, i: int, active: list[int]) -> torch.Tensor:
        """The regularisation of each picture's maps, (k,)."""
        scales = select_layers(self.pipe.unet, self.preset.regularisation.layers)
        grids = {layer: grid(self.z.shape[-2:], scale) for layer, scale in scales.items()}
        values = []
        for row, j in enumerate(active):
            maps = {layer: control.maps[layer][row] for layer in scales}  # (heads, HW, N)
            targets = {layer: kept[i].to(self.z.device) for layer, kept in self.targets[j].items()}
            values.append(self.preset.regularisation.loss(maps, targets, grids, self.words[j]))
        control.maps.clear()  # the maps hold the graph
        return torch.stack(values)


@contextmanager
def _recomputing(unet: UNet2DConditionModel, on: bool) -> Iterator[None]:
    """Gradient checkpointing inside the block, where wanted; afterwards as it was."""
    change = on and not unet.is_gradient_checkpointing
    if change:
        unet.enable_gradient_checkpointing()
    try:
        yield
    finally:
        if change:
            unet.disable_gradient_checkpointing()


def _patch_tokens(encoder: Clip, inversion: Inversion) -> torch.Tensor:
    """E(x): the image encoder's last hidden states of the picture's patches, without the class token; (1, P, d_img)."""
    pixels = torch.from_numpy(np.asarray(inversion.image, dtype=np.float32) / 255).permute(2, 0, 1)[None]
    tower = encoder.model.vision_model
    with torch.no_grad():
        return tower(pixel_values=encoder.prepare(pixels).to(tower.device, tower.dtype)).last_hidden_state[:, 1:]


def _preset(preset: str | Preset) -> Preset:
    """The preset of a name."""
    if isinstance(preset, Preset):
        return preset
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ValueError(f"There is no preset {preset!r}; choose from {', '.join(PRESETS)}, or give a Preset.")
    return PRESETS[preset]


def check_together(inversions: tuple[Inversion, ...]) -> None:
    """Raise ValueError for inversions that cannot share a batch."""
    if not inversions:
        raise ValueError("There is no inversion to fit; give one, or several in a list.")
    kinds = {(inversion.timesteps, inversion.latents.shape, inversion.c.shape) for inversion in inversions}
    if len(kinds) > 1:
        raise ValueError("Inversions that are fitted in one batch need the same model, picture size and steps; fit these one by one.")


def _source_maps(pipe: StableDiffusionPipeline, inversion: Inversion, preset: Preset) -> dict[str, torch.Tensor]:
    """{layer: Ahat (T, heads, HW, N)} of the layers that the regularisation compares with."""
    regularisation = preset.regularisation
    regularisation.tokens(split_words(pipe, inversion.prompt))  # a word that is not there is an error at once
    if not regularisation.needs_targets:
        return {}
    chosen = select_layers(pipe.unet, regularisation.layers)
    maps = inversion.maps
    recorded = maps.layers if maps and maps.steps in (None, tuple(range(inversion.steps))) else {}
    missing = [layer for layer in chosen if layer not in recorded]
    if missing:
        raise ValueError(
            f"The inversion recorded no maps of {missing[0]!r} at every step, which the regularisation compares with; "
            "invert again with the default `record`, or use a Preset without l2 and l1."
        )
    return {layer: recorded[layer] for layer in chosen}

"""Value inputs (StyleDiffusion, 2303.15649, section 3): learning what is written, not where.

Cross-attention reads keys from the prompt's embedding c, so each word keeps looking at the same place, and
values from v_t = c * s_t + b_t. The scale s_t and the shift b_t of each step are learned so that guided denoising
follows the inversion's latents. Because they act on an embedding, they carry over to another prompt's.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open
from safetensors.torch import save_file

from styledit.attention import Control, Layers, attention_control, select_layers
from styledit.ddim import check_number, ddim_step, guide
from styledit.inversion import Callback, Inversion, notify, predict, track


@dataclass(frozen=True)
class Preset:
    """How value inputs are optimised. Functions of the step i (0 is the noisiest).

    `iterations`, `learning_rate`, `betas`: of Adam, which starts anew at each step; `tolerance`: the loss below
    which a step ends early; `attention_weight`: lambda; `layers`: whose cross maps enter the attention loss.
    """

    iterations: Callable[[int], int]
    learning_rate: Callable[[int], float]
    tolerance: Callable[[int], float]
    betas: tuple[float, float] = (0.9, 0.999)
    attention_weight: float = 1.0
    layers: Layers = Layers(places=("down", "up"), scales=(4,))


PRESETS = {
    # Few, bold iterations and a light attention term. On the embedded model, whose maps have few tokens and so
    # large entries, lambda = 1 outweighs L_rec: on one picture 25 dB, against 35 at 0.03 and 37 at 0, at equal cost.
    "default": Preset(lambda i: 8, lambda i: 0.05, lambda i: 0.0, betas=(0.7, 0.95), attention_weight=0.01),
    "paper": Preset(
        iterations=lambda i: math.ceil(100 * math.exp(-0.1 * i)),
        learning_rate=lambda i: max(0.0, 0.01 * (1 - i / 100)),
        tolerance=lambda i: 1e-5 + 2e-5 * i,
    ),
}


@dataclass(frozen=True)
class ValueInputs:
    """Learned scale and shift of every finished step.

    `scale`, `shift` (k, N, d), float32, k = T for a complete fit; `guidance`: the w they were fitted at;
    `losses` (k,): L_rec that remains at each step; `evaluations`: cost, a forward counted as 1, a backward as 2;
    `fingerprint`: that of the inversion they were fitted to.
    """

    scale: torch.Tensor
    shift: torch.Tensor
    guidance: float
    losses: tuple[float, ...]
    evaluations: int
    fingerprint: str

    def check(self, inversion: Inversion) -> None:
        """Raise ValueError unless these were fitted to this inversion, some of its steps or all."""
        if self.scale.shape[1:] != inversion.c.shape[1:]:
            raise ValueError(
                f"The value inputs have shape {tuple(self.scale.shape[1:])} a step and the prompt "
                f"{tuple(inversion.c.shape[1:])}; fit them with this model."
            )
        if self.fingerprint != inversion.fingerprint:
            raise ValueError("The value inputs were fitted to another inversion; fit them to this one with fit_values().")

    def v(self, i: int, c: torch.Tensor) -> torch.Tensor:
        """v_t = c * s_t + b_t at step i for embeddings c (B, N, d); c itself at a step that was not fitted."""
        if i >= len(self.scale):
            return c
        return (c * self.scale[i].to(c.device) + self.shift[i].to(c.device)).to(c.dtype)

    def save(self, path: str | os.PathLike) -> None:
        """Write to a safetensors file."""
        tensors = {"scale": self.scale, "shift": self.shift, "losses": torch.tensor(self.losses, dtype=torch.float64)}
        about = {"guidance": repr(self.guidance), "evaluations": str(self.evaluations), "fingerprint": self.fingerprint}
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, path, metadata=about)

    @classmethod
    def load(cls, path: str | os.PathLike, device: str | torch.device = "cpu") -> ValueInputs:
        """Read what `save` wrote.

        Raises:
            ValueError: the file is missing or holds something else.
        """
        try:
            with safe_open(path, "pt", device=str(device)) as file:
                about = file.metadata()
                scale, shift, losses = (file.get_tensor(name) for name in ("scale", "shift", "losses"))
                guidance, evaluations = float(about["guidance"]), int(about["evaluations"])
                return cls(scale, shift, guidance, tuple(losses.tolist()), evaluations, about["fingerprint"])
        except Exception as error:
            raise ValueError(
                f"{os.fspath(path)!r} holds no value inputs; give a file written by ValueInputs.save()."
            ) from error


class FittingStopped(ValueError):
    """Fitting met NaN or infinite values. `values` holds the finished steps."""

    def __init__(self, message: str, values: ValueInputs) -> None:
        super().__init__(message)
        self.values = values


def fit_values(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    guidance: float = 7.5,
    *,
    preset: str | Preset = "default",
    progress: bool = True,
    callback: Callback | None = None,
) -> ValueInputs:
    """Learn the value inputs that make guided denoising follow an inversion (method section 2, direct form).

    From the noisiest step down, each warm-started from the one before, minimise

        L = mean (ddim_step(z, eps) - zhat_{t-1})^2 + lambda * sum over layers of mean (A - Ahat_t)^2

    Ctrl-C ends it early with a warning; the finished steps are returned.

    Args:
        guidance: w of the guided denoising that is to be repaired.
        preset: "default"; "paper", the published schedule; or your own `Preset`.
        callback: called after each step with a dict of `i`, `timestep`, `loss` (L_rec that remains),
            `iterations`, `evaluations`, `z`.

    Raises:
        TypeError: the guidance is no number.
        ValueError: a guidance that is not finite, an unknown preset, or the inversion has no maps of the layers that the preset needs.
        FittingStopped: NaN or infinite values; its `values` holds the finished steps.
    """
    check_number("guidance", guidance)
    preset = _preset(preset)
    targets = _source_maps(pipe, inversion, preset)
    c, z = inversion.c, inversion.z_T
    scale, shift = torch.ones_like(c[0], dtype=torch.float32), torch.zeros_like(c[0], dtype=torch.float32)  # (N, d)
    done: list[tuple[torch.Tensor, torch.Tensor, float, int]] = []  # scale, shift, loss, cost so far

    def finished() -> ValueInputs:
        scales, shifts = (torch.stack([scale.new_empty(scale.shape), *(entry[k] for entry in done)])[1:] for k in (0, 1))
        losses, cost = tuple(entry[2] for entry in done), done[-1][3] if done else 0
        return ValueInputs(scales, shifts, float(guidance), losses, cost, inversion.fingerprint)

    try:
        with attention_control(pipe.unet, preset.layers if preset.attention_weight else None) as control:
            for i in track(range(inversion.steps), "fitting value inputs", progress):
                step = _Step(pipe, inversion, control, i, z, guidance, preset.attention_weight, targets)
                scale, shift, iterations = _optimise(step, scale, shift, preset, i)
                with torch.no_grad():
                    z = step.forward(c * scale + shift)
                if not torch.isfinite(z).all():
                    raise FloatingPointError
                loss = float((z - inversion.latents[i + 1]).float().pow(2).mean())
                cost = (done[-1][-1] if done else 0) + 3 * iterations + 1 + (guidance != 1)
                done.append((scale, shift, loss, cost))
                state = {"loss": loss, "iterations": iterations, "evaluations": cost, "z": z}
                notify(callback, i=i, timestep=inversion.timesteps[i], **state)
    except FloatingPointError as error:
        raise FittingStopped(
            f"Fitting met NaN or infinite values at step {len(done)} of {inversion.steps}; the {len(done)} finished steps "
            "are in this error's `values`. Lower the learning rate of the preset, or load the model in float32.",
            finished(),
        ) from error
    except KeyboardInterrupt:
        warnings.warn(f"Fitting was interrupted; the {len(done)} finished steps of {inversion.steps} are returned.", stacklevel=2)
    return finished()


class _Step:
    """One step's loss as a function of the value input; the unconditional output is computed once."""

    def __init__(
        self, pipe: StableDiffusionPipeline, inversion: Inversion, control: Control, i: int, z: torch.Tensor,
        guidance: float, attention_weight: float, maps: dict[str, torch.Tensor],
    ) -> None:
        self.pipe, self.inversion, self.control, self.i, self.z = pipe, inversion, control, i, z
        self.guidance, self.attention_weight = guidance, attention_weight
        self.maps = {layer: source[i] for layer, source in maps.items()}  # (heads, HW, N)
        self.uncond = None
        if guidance != 1:
            control.values = None
            with torch.no_grad():
                self.uncond = predict(pipe, z, inversion.timesteps[i], inversion.null)

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """ztilde_{t-1} for a value input (1, N, d)."""
        self.control.values = v.to(self.inversion.c.dtype)
        output = predict(self.pipe, self.z, self.inversion.timesteps[self.i], self.inversion.c)
        if self.uncond is not None:
            output = guide(self.uncond, output, self.guidance)
        abar, abar_prev = self.inversion.levels[self.i : self.i + 2]
        return ddim_step(output, self.z, abar, abar_prev, self.pipe.scheduler.config.prediction_type)

    def loss(self, v: torch.Tensor) -> torch.Tensor:
        """L_rec + lambda L_attn, a scalar."""
        loss = (self.forward(v) - self.inversion.latents[self.i + 1]).float().pow(2).mean()
        for layer, source in self.maps.items():
            loss = loss + self.attention_weight * (self.control.maps[layer][0] - source).float().pow(2).mean()
        self.control.maps.clear()  # the maps hold the graph
        return loss


def _optimise(
    step: _Step, scale: torch.Tensor, shift: torch.Tensor, preset: Preset, i: int
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Adam on one step's loss; returns the new scale and shift and the iterations done."""
    scale, shift = scale.clone().requires_grad_(), shift.clone().requires_grad_()
    adam = torch.optim.Adam([scale, shift], lr=preset.learning_rate(i), betas=preset.betas)
    done = 0
    with torch.enable_grad():
        for done in range(1, preset.iterations(i) + 1):
            loss = step.loss(step.inversion.c * scale + shift)
            if not torch.isfinite(loss):
                raise FloatingPointError
            adam.zero_grad()
            loss.backward()
            adam.step()
            if loss.item() < preset.tolerance(i):
                break
    return scale.detach(), shift.detach(), done


def _preset(preset: str | Preset) -> Preset:
    """The preset of a name."""
    if isinstance(preset, Preset):
        return preset
    if preset not in PRESETS:
        raise ValueError(f"There is no preset {preset!r}; choose from {', '.join(PRESETS)}, or give a Preset.")
    return PRESETS[preset]


def _source_maps(pipe: StableDiffusionPipeline, inversion: Inversion, preset: Preset) -> dict[str, torch.Tensor]:
    """{layer: Ahat (T, heads, HW, N)} of the layers in the attention loss."""
    if not preset.attention_weight:
        return {}
    chosen = select_layers(pipe.unet, preset.layers)
    recorded = inversion.maps.layers if inversion.maps else {}
    missing = [layer for layer in chosen if layer not in recorded]
    if missing:
        raise ValueError(
            f"The inversion recorded no maps of {missing[0]!r}, which the attention loss compares with; "
            "invert again with the default `record`, or use a Preset with attention_weight=0."
        )
    return {layer: recorded[layer] for layer in chosen}

"""DDIM steps in both directions: pure functions on tensors (2010.02502).

One noise level per latent. A run of T steps visits T + 1 latents, counted from the noisiest:

    index i          0         1        ...      T-1        T
    latent        zhat_T                                   z_0
    noise level  abar[t_0]  abar[t_1]   ...   abar[t_T-1]  final
    timestep told   t_0       t_1       ...     t_T-1       0

Denoising step i feeds latent i and arrives at latent i + 1. Inversion walks the same table from the
right and feeds latent i + 1 to arrive at latent i. Both tell the network the timestep of the latent
that it is *given*; the clean picture's level (`final`) has no timestep of its own, 0 is the nearest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import DDIMScheduler

from styledit import validation
from styledit.storage.checkpoints import PREDICTION_TYPES


def timesteps(scheduler: DDIMScheduler, steps: int) -> list[int]:
    """The T timesteps that a denoising run of `steps` steps tells the network, noisiest first.

    Raises:
        TypeError: `scheduler` is no DDIM scheduler, or `steps` no whole number.
        ValueError: `steps` is not between 1 and the number of training steps.
    """
    validation.instance("scheduler", scheduler, DDIMScheduler, "pipe.scheduler")
    most = scheduler.config.num_train_timesteps
    steps = validation.whole("steps", steps, least=1, most=most)
    own = DDIMScheduler.from_config(scheduler.config)  # the pipeline's scheduler is left as it is
    own.set_timesteps(steps)
    # For some numbers of steps, 61 among them, rounding gives "trailing" one timestep too many, -1.
    return [min(int(t), most - 1) for t in own.timesteps[:steps]]


def noise_levels(scheduler: DDIMScheduler, steps: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """abar of the T + 1 latents of a run, noisiest first, the clean picture's level last; (T + 1,), on the
    CPU.

    Every step ends at the level of the timestep told next. The stock `DDIMScheduler.step` counts
    `num_train_timesteps // steps` back instead: the same with "leading" spacing, and with "trailing" where
    the number of steps divides that of training; otherwise it hands the network a level that is not the one
    told.

    Raises:
        TypeError: as `timesteps`, or `dtype` is no floating-point dtype.
        ValueError: as `timesteps`; or the noisiest level has no signal and the network predicts epsilon.
    """
    validation.dtype("dtype", dtype)
    levels = levels_at(scheduler, timesteps(scheduler, steps))
    _check_signal(levels[:-1], scheduler.config.prediction_type)
    return levels.to(dtype)


def levels_at(scheduler: DDIMScheduler, told: Sequence[int]) -> torch.Tensor:
    """abar of the latents of a run with these timesteps, the clean picture's last; (T + 1,), on the CPU."""
    # `DDIMScheduler.add_noise` moves one of the two tables to the device of the latents.
    return torch.cat(
        [scheduler.alphas_cumprod[list(told)].cpu(), scheduler.final_alpha_cumprod.reshape(1).cpu()]
    )


def predict_x0_eps(
    output: torch.Tensor, z: torch.Tensor, abar: torch.Tensor | float, prediction_type: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Split the network's output into the clean estimate and the noise, both (B, C, h, w).

    Args:
        output: what the network returned for `z`, (B, C, h, w).
        abar: cumulative alpha of the timestep that the network was told, a scalar from 0 to 1.
        prediction_type: "epsilon", "v_prediction" (2202.00512, appendix D) or "sample".

    Raises:
        TypeError: `output` or `z` is no floating-point tensor, or `abar` no scalar.
        ValueError: they have different shapes or devices; another prediction type; or "epsilon" at `abar` 0,
            where x0 could be anything, or "sample" at 1, where eps could.
    """
    validation.choice("prediction_type", prediction_type, PREDICTION_TYPES)
    for name, tensor in (("output", output), ("z", z)):
        validation.floats(name, tensor)
    if output.shape != z.shape or output.device != z.device:
        raise ValueError(
            "output and z must have the same shape and device, not "
            f"{tuple(output.shape)} on {output.device} and {tuple(z.shape)} on {z.device}."
        )
    abar = _level("abar", abar)
    _check_signal(abar, prediction_type)
    alpha = abar**0.5
    sigma = (1 - abar) ** 0.5
    if prediction_type == "epsilon":
        return (z - sigma * output) / alpha, output
    if prediction_type == "v_prediction":
        return alpha * z - sigma * output, alpha * output + sigma * z
    return output, (z - alpha * output) / sigma


def ddim_step(
    output: torch.Tensor,
    z: torch.Tensor,
    abar: torch.Tensor | float,
    abar_prev: torch.Tensor | float,
    prediction_type: str,
) -> torch.Tensor:
    """One denoising step (2010.02502, equation 12, sigma = 0): level `abar` to the cleaner `abar_prev`.

    Raises as `predict_x0_eps`.
    """
    abar_prev = _level("abar_prev", abar_prev)
    x0, eps = predict_x0_eps(output, z, abar, prediction_type)
    # z_{t-1} = sqrt(abar_{t-1}) x0_hat + sqrt(1 - abar_{t-1}) eps
    return abar_prev**0.5 * x0 + (1 - abar_prev) ** 0.5 * eps


def ddim_inverse_step(
    output: torch.Tensor,
    z: torch.Tensor,
    abar: torch.Tensor | float,
    abar_next: torch.Tensor | float,
    prediction_type: str,
    abar_told: torch.Tensor | float | None = None,
) -> torch.Tensor:
    """One inversion step: the same equation towards the noisier level `abar_next`, eps taken at `z`.

    `abar_told` is the level of the timestep that the network was told, where it is not the level of
    `z`: only at the clean picture. Raises as `predict_x0_eps`.
    """
    abar = _level("abar", abar)
    abar_next = _level("abar_next", abar_next)
    x0, eps = predict_x0_eps(output, z, abar if abar_told is None else abar_told, prediction_type)
    if abar_told is not None:
        _check_signal(abar, "epsilon")
        x0 = (z - (1 - abar) ** 0.5 * eps) / abar**0.5
    # z_{t+1} = sqrt(abar_{t+1}) x0_hat + sqrt(1 - abar_{t+1}) eps
    return abar_next**0.5 * x0 + (1 - abar_next) ** 0.5 * eps


def guide(uncond: torch.Tensor, cond: torch.Tensor, guidance: float) -> torch.Tensor:
    """Classifier-free guidance (2207.12598, equation 6), as Stable Diffusion counts it: 1 is no guidance."""
    return uncond + guidance * (cond - uncond)


def _level(name: str, abar: object) -> torch.Tensor | float:
    """A level from 0 to 1: a scalar tensor, or a number."""
    if not isinstance(abar, torch.Tensor):
        return validation.fraction(name, abar)
    if abar.numel() != 1 or not abar.is_floating_point() or abar.is_meta:
        raise TypeError(f"{name} must be a number or a scalar tensor, not {validation.shown(abar)}.")
    validation.fraction(name, abar.item())
    return abar


def _check_signal(abar: torch.Tensor | float, prediction_type: str) -> None:
    """Refuse to divide by sqrt(abar) = 0, the noisiest level of a schedule of zero final SNR (2305.08891),
    and by sqrt(1 - abar) = 0.
    """
    if prediction_type == "sample" and bool(torch.as_tensor(abar == 1).any()):
        raise ValueError("At abar 1 there is no noise to tell from a picture; step from a noisier level.")
    if prediction_type == "epsilon" and bool(torch.as_tensor(abar == 0).any()):
        raise ValueError(
            "At abar 0 a latent is noise alone, and a network that predicts epsilon cannot tell the picture "
            "from it; "
            "use a scheduler with rescale_betas_zero_snr=False or timestep_spacing='leading'."
        )

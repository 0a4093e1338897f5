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

Level = torch.Tensor | float


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
    alpha, sigma = _signal_and_noise("abar", abar, z)
    _check_signal(alpha, prediction_type)
    if prediction_type == "epsilon":
        return (z - sigma * output) / alpha, output
    if prediction_type == "v_prediction":
        return alpha * z - sigma * output, alpha * output + sigma * z
    if sigma == 0:
        raise ValueError("At abar 1 there is no noise to tell from a picture; step from a noisier level.")
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
    x0, eps = predict_x0_eps(output, z, abar, prediction_type)
    alpha, sigma = _signal_and_noise("abar_prev", abar_prev, z)
    # z_{t-1} = sqrt(abar_{t-1}) x0_hat + sqrt(1 - abar_{t-1}) eps
    return alpha * x0 + sigma * eps


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
    x0, eps = predict_x0_eps(output, z, abar if abar_told is None else abar_told, prediction_type)
    if abar_told is not None:
        alpha, sigma = _signal_and_noise("abar", abar, z)
        _check_signal(alpha, "epsilon")
        x0 = (z - sigma * eps) / alpha
    alpha, sigma = _signal_and_noise("abar_next", abar_next, z)
    # z_{t+1} = sqrt(abar_{t+1}) x0_hat + sqrt(1 - abar_{t+1}) eps
    return alpha * x0 + sigma * eps


def guide(uncond: torch.Tensor, cond: torch.Tensor, guidance: float) -> torch.Tensor:
    """Classifier-free guidance (2207.12598, equation 6), as Stable Diffusion counts it: 1 is no guidance."""
    return uncond + guidance * (cond - uncond)


def _signal_and_noise(name: str, abar: object, z: torch.Tensor) -> tuple[Level, Level]:
    """sqrt(abar) and sqrt(1 - abar) of a level from 0 to 1, a scalar tensor or a number; 0 where a division
    by it would leave the range of z.
    """
    if not isinstance(abar, torch.Tensor):
        level: Level = validation.fraction(name, abar)
    elif abar.numel() != 1 or not abar.is_floating_point() or abar.is_meta:
        raise TypeError(f"{name} must be a number or a scalar tensor, not {validation.shown(abar)}.")
    else:
        validation.fraction(name, abar.item())
        level = abar
    least = torch.finfo(z.dtype).max ** -0.5
    alpha, sigma = level**0.5, (1 - level) ** 0.5
    return alpha if alpha >= least else 0 * alpha, sigma if sigma >= least else 0 * sigma


def _check_signal(signal: Level, prediction_type: str) -> None:
    """Refuse to divide by sqrt(abar) = 0, the noisiest level of a schedule of zero final SNR (2305.08891)."""
    if prediction_type == "epsilon" and bool(torch.as_tensor(signal == 0).any()):
        raise ValueError(
            "At abar 0 a latent is noise alone, and a network that predicts epsilon cannot tell the picture "
            "from it; use a scheduler with rescale_betas_zero_snr=False or timestep_spacing='leading'."
        )

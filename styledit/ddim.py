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

import math
import numbers
import operator

import torch
from diffusers import DDIMScheduler


def timesteps(scheduler: DDIMScheduler, steps: int) -> list[int]:
    """The T timesteps that a denoising run of `steps` steps tells the network, noisiest first.

    Raises:
        ValueError: `steps` is not between 1 and the number of training steps.
    """
    most = scheduler.config.num_train_timesteps
    whole = hasattr(steps, "__index__") and not isinstance(steps, bool)
    if not whole or not 1 <= operator.index(steps) <= most:
        raise ValueError(f"steps must be a whole number from 1 to {most}, not {steps!r}.")
    own = DDIMScheduler.from_config(scheduler.config)  # the pipeline's scheduler is left as it is
    own.set_timesteps(steps)
    return [min(int(t), most - 1) for t in own.timesteps]


def noise_levels(scheduler: DDIMScheduler, steps: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """abar of the T + 1 latents of a run, noisiest first, the clean picture's level last; (T + 1,)."""
    told = timesteps(scheduler, steps)
    return torch.cat([scheduler.alphas_cumprod[told], scheduler.final_alpha_cumprod.reshape(1)]).to(dtype)


def predict_x0_eps(
    output: torch.Tensor, z: torch.Tensor, abar: torch.Tensor, prediction_type: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Split the network's output into the clean estimate and the noise, both (B, C, h, w).

    Args:
        output: what the network returned for `z`, (B, C, h, w).
        abar: cumulative alpha of the timestep that the network was told, a scalar tensor.
        prediction_type: "epsilon", "v_prediction" (2202.00512, appendix D) or "sample".

    Raises:
        ValueError: another prediction type.
    """
    alpha, sigma = abar**0.5, (1 - abar) ** 0.5
    if prediction_type == "epsilon":
        return (z - sigma * output) / alpha, output
    if prediction_type == "v_prediction":
        return alpha * z - sigma * output, alpha * output + sigma * z
    if prediction_type == "sample":
        return output, (z - alpha * output) / sigma
    raise ValueError(f"prediction_type must be 'epsilon', 'v_prediction' or 'sample', not {prediction_type!r}.")


def ddim_step(
    output: torch.Tensor, z: torch.Tensor, abar: torch.Tensor, abar_prev: torch.Tensor, prediction_type: str
) -> torch.Tensor:
    """One denoising step, equation 12 of 2010.02502 with sigma = 0: level `abar` to the cleaner `abar_prev`."""
    x0, eps = predict_x0_eps(output, z, abar, prediction_type)
    # z_{t-1} = sqrt(abar_{t-1}) x0_hat + sqrt(1 - abar_{t-1}) eps
    return abar_prev**0.5 * x0 + (1 - abar_prev) ** 0.5 * eps


def ddim_inverse_step(
    output: torch.Tensor,
    z: torch.Tensor,
    abar: torch.Tensor,
    abar_next: torch.Tensor,
    prediction_type: str,
    abar_told: torch.Tensor | None = None,
) -> torch.Tensor:
    """One inversion step: the same equation towards the noisier level `abar_next`, eps taken at `z`.

    `abar_told` is the level of the timestep that the network was told, where it is not the level of
    `z`: only at the clean picture.
    """
    x0, eps = predict_x0_eps(output, z, abar if abar_told is None else abar_told, prediction_type)
    if abar_told is not None:
        x0 = (z - (1 - abar) ** 0.5 * eps) / abar**0.5
    # z_{t+1} = sqrt(abar_{t+1}) x0_hat + sqrt(1 - abar_{t+1}) eps
    return abar_next**0.5 * x0 + (1 - abar_next) ** 0.5 * eps


def guide(uncond: torch.Tensor, cond: torch.Tensor, guidance: float) -> torch.Tensor:
    """Classifier-free guidance, equation 6 of 2207.12598 in Stable Diffusion's convention (1 is no guidance)."""
    return uncond + guidance * (cond - uncond)


def check_number(name: str, value: float) -> None:
    """Raise TypeError where a setting is no number, ValueError where it is not finite."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, not {value!r}.")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, not {value}.")

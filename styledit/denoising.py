"""One network call, one guided step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from tqdm.auto import tqdm

from styledit.attention import Control, Rows
from styledit.ddim import ddim_step, guide, noise_levels

Callback = Callable[[dict[str, Any]], None]


def predict(pipe: StableDiffusionPipeline, z: torch.Tensor, timestep: int, context: torch.Tensor) -> torch.Tensor:
    """The network's output for latents (B, C, h, w), one timestep, and prompt embeddings (B, N, d).

    A network of half precision is given half-precision latents; the latents themselves are kept in at least float32.
    """
    return pipe.unet(z.to(pipe.unet.dtype), timestep, encoder_hidden_states=context).sample.to(z.dtype)


def guided_step(
    pipe: StableDiffusionPipeline,
    control: Control,
    z: torch.Tensor,
    timestep: int,
    levels: torch.Tensor,
    null: torch.Tensor,
    c: torch.Tensor,
    guidance: float,
    values: torch.Tensor | None = None,
    unconditional: bool | None = None,
) -> torch.Tensor:
    """One guided DDIM step for n latents at once, (n, C, h, w), in one network call.

    Args:
        levels: abar of z and of the result, (2,).
        null, c: what the two branches read, (1 or n, N, d) and (n, N, d); only the conditional one reads `values` (n, N, d).
        unconditional: whether that branch runs; None runs it unless the guidance is 1.
    """
    n, both = len(z), guidance != 1 if unconditional is None else unconditional
    nulls = null.expand(n, -1, -1) if both else null[:0]
    control.rows = Rows(len(nulls), n)
    control.values = None if values is None else torch.cat([nulls, values])
    output = predict(pipe, torch.cat([z, z]) if both else z, timestep, torch.cat([nulls, c]))
    if both:
        output = guide(*output.chunk(2), guidance)
    return ddim_step(output, z, levels[0], levels[1], pipe.scheduler.config.prediction_type)


def track(loop: Iterable[int], title: str, progress: bool) -> Iterator[int]:
    """The loop, with a progress bar where wanted."""
    return iter(tqdm(loop, desc=title, disable=not progress))


def notify(callback: Callback | None, **state: Any) -> None:
    """Call back with the state of a loop, where someone listens."""
    if callback is not None:
        callback(state)


def check_finite(z: torch.Tensor, i: int) -> None:
    """Raise ValueError where a latent has NaN or infinite values."""
    if not torch.isfinite(z).all():
        raise ValueError(
            f"The network returned NaN or infinite values at step {i}; load the model with dtype=torch.float32."
        )


def check_scheduler(pipe: StableDiffusionPipeline) -> None:
    """Refuse a pipeline whose scheduler was replaced by one that is not DDIM's."""
    if not isinstance(pipe.scheduler, DDIMScheduler):
        raise ValueError(
            f"Inversion needs a DDIM scheduler, and this pipeline has a {type(pipe.scheduler).__name__}; set pipe.scheduler = "
            "DDIMScheduler.from_config(pipe.scheduler.config, clip_sample=False)."
        )


def levels_for(pipe: StableDiffusionPipeline, steps: int, z: torch.Tensor) -> torch.Tensor:
    """The noise levels where z is, in at least float32: half precision would round them."""
    return noise_levels(pipe.scheduler, steps, torch.promote_types(z.dtype, torch.float32)).to(z.device)

"""One network call, one guided step, and the loop that every run goes through.

A run is a generator: it yields a `State` after each network call and returns its result. Progress, previews,
stopping and resuming are all the same thing, taking the next state or not.
Between two states the network is the stock one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self, TypeVar

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from tqdm.auto import tqdm

from styledit import validation as check
from styledit.attention import AttentionCall, AttentionEdit, Rows, SourceAttention
from styledit.control import call_network
from styledit.ddim import guide, noise_levels, predict_x0_eps, timesteps

GUIDANCE = 7.5  # w where nothing else says it
Callback = Callable[[dict[str, Any]], None]
Result = TypeVar("Result")


@dataclass(frozen=True)
class NoiseSchedule:
    """The noise levels of a run of T steps, as in `styledit.ddim`'s table.

    `timesteps` (T,), noisiest first; `levels` (T + 1,): abar of each latent, the clean picture's last.
    """

    timesteps: tuple[int, ...]
    levels: torch.Tensor

    @classmethod
    def of(cls, scheduler: DDIMScheduler, steps: int, like: torch.Tensor) -> NoiseSchedule:
        """Of a scheduler, on the device of some latents and in at least float32:
        half precision would round the levels.

        Raises:
            TypeError, ValueError: as `styledit.ddim.noise_levels`.
        """
        dtype = torch.promote_types(like.dtype, torch.float32)
        return cls(tuple(timesteps(scheduler, steps)), noise_levels(scheduler, steps, dtype).to(like.device))

    def told(self, scheduler: DDIMScheduler, i: int) -> tuple[int, torch.Tensor]:
        """The timestep that the network is told at latent i, and abar of that timestep; the clean picture has
        none of its own, 0 is the nearest.
        """
        if i < len(self.timesteps):
            return self.timesteps[i], self.levels[i]
        return 0, scheduler.alphas_cumprod[0].to(self.levels)


@dataclass(frozen=True)
class State:
    """Where a run stands after a network call.

    `step`: the step, i of `styledit.ddim`'s table, between the latents i and i + 1; `timestep`: what the
    network was told; `z` (n, C, h, w): the latents reached; `x0` (n, C, h, w): the estimate of the clean ones
    that this call made; `finished`: whether the step is done, rather than a call on the way to it; `maps`:
    {layer: (heads, HW, N or HW)} that the call recorded, on the CPU and shared with the run's result; None
    where it recorded none.
    """

    step: int
    timestep: int
    z: torch.Tensor
    x0: torch.Tensor
    finished: bool = True
    maps: dict[str, torch.Tensor] | None = field(default=None, kw_only=True)

    def copy(self) -> Self:
        """A copy to hand out: whatever becomes of its tensors, the run goes on from its own."""
        everything = {f.name: getattr(self, f.name) for f in fields(self)}
        copies: dict[str, Any] = {n: t.clone() for n, t in everything.items() if isinstance(t, torch.Tensor)}
        return replace(self, **copies, maps=None if self.maps is None else dict(self.maps))

    def callback_info(self) -> dict[str, Any]:
        """What a callback is told; the tensors are copies."""
        return {"i": self.step, "timestep": self.timestep, "z": self.z.clone()}


@dataclass(frozen=True)
class Prediction:
    """What came back from one network call.

    `output` (B, C, h, w); `maps`: {layer: (B, heads, HW, N or HW)} of the recorded layers; `source`: the
    call's own attention, where it was kept.
    """

    output: torch.Tensor
    maps: dict[str, torch.Tensor]
    source: SourceAttention | None


def predict(
    pipe: StableDiffusionPipeline,
    z: torch.Tensor,
    timestep: int,
    context: torch.Tensor,
    attention: AttentionCall = AttentionCall(),
    *,
    recompute: bool = False,
) -> Prediction:
    """Call the network on latents (B, C, h, w), one timestep, and prompt embeddings (B, N, d).

    A network of half precision is given half-precision latents; the latents themselves are
    kept in at least float32.

    Args:
        attention: what the call does to attention.
        recompute: recompute activations in the backward pass instead of keeping them
            (gradient checkpointing).

    Raises:
        ValueError: a layer whose maps were asked for did not run.
    """
    dtype = pipe.unet.conv_in.weight.dtype  # `unet.dtype` walks through every module
    found, control = call_network(
        pipe.unet, attention, z.to(dtype), timestep, encoder_hidden_states=context, recompute=recompute
    )
    missing = attention.record - control.maps.keys()
    if missing:
        raise ValueError(
            f"The network ran without its attention layer {min(missing)!r}, whose maps were asked for; was a "
            "module of the UNet replaced? Load the pipeline again."
        )
    return Prediction(found.sample.to(z.dtype), control.maps, control.source)


@dataclass(frozen=True)
class Step:
    """One guided step: the latents reached, the clean estimate and that of the noise, (n, C, h, w),
    the call's `Prediction` and its rows.
    """

    z: torch.Tensor
    x0: torch.Tensor
    eps: torch.Tensor
    prediction: Prediction
    rows: Rows


def call_branches(
    pipe: StableDiffusionPipeline,
    z: torch.Tensor,
    timestep: int,
    null: torch.Tensor | None,
    c: torch.Tensor,
    *,
    values: torch.Tensor | None = None,
    null_values: torch.Tensor | None = None,
    edit: AttentionEdit | None = None,
    record: frozenset[str] = frozenset(),
    keep_source: bool = False,
    keep_values: frozenset[str] = frozenset(),
    keep_features: frozenset[str] = frozenset(),
) -> tuple[Prediction, Rows]:
    """Both branches for n latents (n, C, h, w) in one network call: the rows of the unconditional one first.

    Args:
        null: what that branch reads, (1 or n, N, d); None leaves it out.
        c: what the conditional one reads, (n, N, d).
        values, null_values: what the value projections read in the place of c, (n, N, d), and of null,
            (1 or n, N, d); None reads the prompt.
        edit, record, keep_source, keep_values, keep_features: as in `AttentionCall`.
    """
    n = len(z)
    nulls = c[:0] if null is None else null.expand(n, -1, -1)
    both = None
    if values is not None or null_values is not None:
        own = nulls if null_values is None else null_values.expand_as(nulls)
        both = torch.cat([own, c if values is None else values])
    attention = AttentionCall(
        values=both,
        rows=Rows(len(nulls), n),
        edit=edit,
        record=record,
        keep_source=keep_source,
        keep_values=keep_values,
        keep_features=keep_features,
    )
    rows = z if null is None else torch.cat([z, z])
    return predict(pipe, rows, timestep, torch.cat([nulls, c]), attention), attention.rows


def guided_step(
    pipe: StableDiffusionPipeline,
    z: torch.Tensor,
    timestep: int,
    levels: tuple[torch.Tensor, torch.Tensor] | torch.Tensor,
    null: torch.Tensor,
    c: torch.Tensor,
    guidance: float,
    *,
    values: torch.Tensor | None = None,
    unconditional: bool | None = None,
    edit: AttentionEdit | None = None,
    record: frozenset[str] = frozenset(),
    keep_source: bool = False,
    keep_values: frozenset[str] = frozenset(),
    keep_features: frozenset[str] = frozenset(),
) -> Step:
    """One guided DDIM step for n latents at once, (n, C, h, w), in one network call.

    Args:
        levels: abar of z and of the result, (2,).
        null, c: what the two branches read, (1 or n, N, d) and (n, N, d);
            only the conditional one reads `values` (n, N, d).
        unconditional: whether that branch runs; None runs it unless the guidance is 1.
        edit, record, keep_source, keep_values, keep_features: as in `AttentionCall`.
    """
    both = guidance != 1 if unconditional is None else unconditional
    prediction, rows = call_branches(
        pipe,
        z,
        timestep,
        null if both else None,
        c,
        values=values,
        edit=edit,
        record=record,
        keep_source=keep_source,
        keep_values=keep_values,
        keep_features=keep_features,
    )
    output = prediction.output
    if both:
        uncond, cond = output.chunk(2)
        output = guide(uncond, cond, guidance)
    x0, eps = predict_x0_eps(output, z, levels[0], pipe.scheduler.config.prediction_type)
    # z_{t-1} = sqrt(abar_{t-1}) x0_hat + sqrt(1 - abar_{t-1}) eps
    reached = levels[1] ** 0.5 * x0 + (1 - levels[1]) ** 0.5 * eps
    return Step(reached, x0, eps, prediction, rows)


def follow(
    run: Generator[State, None, Result],
    title: str,
    steps: int,
    progress: bool = True,
    callback: Callback | None = None,
) -> Result:
    """Take a run's states to the end, and give its result.

    Args:
        title, steps: of the progress bar.
        callback: called after each finished step with `State.callback_info()`.
    """
    check.flag("progress", progress)
    if callback is not None:
        check.function("callback", callback)
    grad = torch.is_grad_enabled()
    try:
        with tqdm(total=steps, desc=title, disable=not progress) as bar:
            while True:
                try:
                    state = next(run)
                except StopIteration as end:
                    return end.value
                if state.finished:
                    bar.update()
                    if callback is not None:
                        callback(state.callback_info())
    finally:
        run.close()  # whoever raised may be remembered for long, and the run with them
        torch.set_grad_enabled(grad)  # an interrupt may fall where torch.no_grad() has not yet undone itself


def resolve_guidance(given: float | None, fitted: float | None = None, otherwise: float = GUIDANCE) -> float:
    """The one rule for w: what the user gives, else that of what was fitted, else `otherwise`.

    Raises:
        TypeError, ValueError: the guidance is no finite number.
    """
    if given is not None:
        return check.number("guidance", given)
    return otherwise if fitted is None else fitted


def check_finite(z: torch.Tensor, i: int) -> None:
    """Raise ValueError where a latent has NaN or infinite values."""
    if not torch.isfinite(z).all():
        raise ValueError(
            f"The network returned NaN or infinite values at step {i}; lower the guidance, factors or rates, "
            "or load the model with dtype=torch.float32."
        )


def wide(tensor: torch.Tensor) -> torch.Tensor:
    """In at least float32."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))

"""What to record of a run's attention, and how much memory that takes before it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from diffusers import StableDiffusionPipeline

from styledit import validation as check
from styledit.attention import Layers, Rows, as_choices, select_layers
from styledit.denoising import Prediction
from styledit.maps import LONGEST_SIDE, AttentionMaps, Size, as_indices, map_size
from styledit.prompts import split_words

GIB = 2**30


@dataclass(frozen=True)
class Record:
    """Which attention maps a run keeps.

    `layers`: one choice of layers or several, such as (Layers(), Layers(scales=4, kind="self")); `steps`:
    indices of the steps, 0 the noisiest, None for all; `branch`: the conditional or the unconditional row of
    a guided run, which reads the source prompt where the empty one cancels (`UpdateRule`); `limit`: bytes
    that the maps may take; `keep`: whether the run's result has them too, rather than only the states on the
    way to it, one step's at a time.
    """

    layers: Layers | tuple[Layers, ...] = Layers()
    steps: Iterable[int] | None = None
    branch: Literal["cond", "uncond"] = "cond"
    limit: int = 8 * GIB
    keep: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", as_choices(self.layers))
        if not self.layers:
            raise TypeError("Record.layers must name a Layers or several; record=None keeps no maps.")
        if self.steps is not None:
            object.__setattr__(self, "steps", tuple(sorted(set(as_indices(self.steps)))))
        check.choice("Record.branch", self.branch, ("cond", "uncond"))
        object.__setattr__(self, "limit", check.whole("Record.limit", self.limit, least=0))
        check.flag("Record.keep", self.keep)

    def bytes(self, pipe: StableDiffusionPipeline, latent_size: Size, steps: int) -> int:
        """The memory that the maps of a run of `steps` steps on (h, w) latents will take.

        Raises:
            ValueError: a choice that matches no layer, or a step that the run does not have.
        """
        check.pipeline(pipe, needs_ddim=False)
        size = check.sides("latent_size", latent_size, LONGEST_SIDE)
        steps = check.whole("steps", steps, least=1, most=pipe.scheduler.config.num_train_timesteps)
        held = len(self.chosen_steps(steps)) if self.keep else 1
        return self.bytes_per_step(pipe, size) * held

    def bytes_per_step(self, pipe: StableDiffusionPipeline, latent_size: Size) -> int:
        """The same for one step. Raises as `bytes`."""
        check.pipeline(pipe, needs_ddim=False)
        latent_size = check.sides("latent_size", latent_size, LONGEST_SIDE)
        numbers = 0
        for choice in as_choices(self.layers):
            for layer, scale in select_layers(pipe.unet, choice).items():
                height, width = map_size(latent_size, scale)
                keys = height * width if choice.kind == "self" else pipe.tokenizer.model_max_length
                numbers += pipe.unet.get_submodule(layer).heads * height * width * keys
        return numbers * pipe.unet.dtype.itemsize

    def chosen_steps(self, steps: int) -> tuple[int, ...]:
        """The indices recorded in a run of `steps` steps.

        Raises:
            TypeError: `steps` is no whole number.
            ValueError: it is below 1, or the run does not have a step that was chosen.
        """
        steps = check.whole("steps", steps, least=1)
        if self.steps is None:
            return tuple(range(steps))
        chosen = tuple(self.steps)
        if not chosen or not all(0 <= i < steps for i in chosen):
            raise ValueError(f"The steps to record must be some of 0 to {steps - 1}, not {list(chosen)}.")
        return chosen


class Recorder:
    """Which maps a run of one prompt keeps at which step, and their assembly at its end;
    `runs` of them share the limit.

    `steps`: the steps that are recorded; `layers`: the names of the layers; `keeps`: whether the result has
    the maps.

    Raises:
        TypeError: `record` is neither a Record, a Layers nor None.
        ValueError: the maps would not fit `record.limit`, or as `Record.bytes`.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        record: Record | Layers | None,
        prompt: str,
        latent_size: Size,
        steps: int,
        unconditional: bool = False,
        runs: int = 1,
    ) -> None:
        self.record = Record(record) if isinstance(record, Layers) else record
        if self.record is not None and not isinstance(self.record, Record):
            raise TypeError(f"record must be a Record, a Layers or None, not {check.shown(record)}.")
        self.steps: tuple[int, ...] = ()
        self.layers: frozenset[str] = frozenset()
        self.keeps = self.record is not None and self.record.keep
        if self.record is None:
            return
        if self.record.branch == "uncond" and not unconditional:
            raise ValueError(
                "This run has no unconditional branch to record; "
                "use branch='cond', or a guidance other than 1."
            )
        self.steps = self.record.chosen_steps(steps)
        _check_memory(self.record, pipe, latent_size, steps, runs)
        chosen = {choice: select_layers(pipe.unet, choice) for choice in as_choices(self.record.layers)}
        self.kinds = {layer: choice.kind for choice, layers in chosen.items() for layer in layers}
        self.layers = frozenset(self.kinds)
        self.scales = {layer: scale for layers in chosen.values() for layer, scale in layers.items()}
        self.map_sizes = {layer: map_size(latent_size, scale) for layer, scale in self.scales.items()}
        self.words = split_words(pipe, prompt)
        self.size = tuple(side * pipe.vae_scale_factor for side in latent_size)

    def layers_at(self, i: int) -> frozenset[str]:
        """The layers whose maps the call of step i has to give."""
        return self.layers if i in self.steps else frozenset()

    def take(
        self, i: int, prediction: Prediction, rows: Rows = Rows(), j: int = 0
    ) -> dict[str, torch.Tensor] | None:
        """{layer: (heads, HW, N or HW)} of the j-th prompt's row of the branch, on the CPU;
        None at a step not recorded.
        """
        if self.record is None or i not in self.steps:
            return None
        row = j + (rows.uncond if self.record.branch == "cond" else 0)
        # A view would keep every row.
        return {layer: prediction.maps[layer][row].detach().clone().cpu() for layer in self.kinds}

    def maps(
        self, recorded: list[dict[str, torch.Tensor] | None], hand_over: bool = False
    ) -> AttentionMaps | None:
        """Everything that was taken, one entry a step from the noisiest, as maps with named axes.

        With `hand_over` the entries are emptied on the way, so that only one layer is held twice.
        """
        if not self.keeps:
            return None
        taken = [maps if hand_over else dict(maps) for maps in recorded if maps is not None]
        stacked = {}
        for layer in self.kinds:
            stacked[layer] = torch.stack([maps.pop(layer) for maps in taken])  # (step, head, pixel, N)
        cross = {layer: maps for layer, maps in stacked.items() if self.kinds[layer] == "cross"}
        own = {layer: maps for layer, maps in stacked.items() if self.kinds[layer] == "self"}
        return AttentionMaps(
            cross,
            self.map_sizes,
            self.words,
            self.size,
            self_layers=own,
            steps=self.steps,
            scales=self.scales,
        )


def _check_memory(
    record: Record, pipe: StableDiffusionPipeline, latent_size: Size, steps: int, runs: int
) -> None:
    """Refuse maps that would not fit the limit."""
    needed = runs * record.bytes(pipe, latent_size, steps)
    if needed > record.limit:
        fitting = record.limit // (runs * record.bytes_per_step(pipe, latent_size))
        raise ValueError(
            f"These maps would take {needed / GIB:.2f} GiB, more than the limit of "
            f"{record.limit / GIB:.2f} GiB; record fewer layers (larger scales), or {fitting} of the steps, "
            "or raise Record.limit."
        )

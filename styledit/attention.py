"""Attention control: what the UNet's attention layers read, replace and record.

Everything goes through the public attention-processor API of diffusers and lasts as long as one
`with` block. The processor below follows the stock one step for step; the visible difference is that
keys come from the prompt's embedding `c` while values come from the value input `v_t`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0

PLACES = ("down", "mid", "up")


KINDS = {"cross": "attn2", "self": "attn1"}


@dataclass(frozen=True)
class Layers:
    """A choice of attention layers.

    `places`: any of "down", "mid", "up". `scales`: sides of the latent grid over sides of the map (1 is
    full resolution, 4 is the 1/32 of the image side of the paper); None takes every resolution. `kind`:
    "cross" (pixels look at tokens) or "self" (pixels look at pixels).
    """

    places: tuple[str, ...] = PLACES
    scales: tuple[int, ...] | None = None
    kind: Literal["cross", "self"] = "cross"

    def __post_init__(self) -> None:
        for name, kind in (("places", str), ("scales", int)):
            given = getattr(self, name)
            if given is None and name == "scales":
                continue
            chosen = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
            if not all(isinstance(entry, kind) for entry in chosen):
                raise TypeError(f"Layers.{name} must be a {kind.__name__} or several, not {given!r}.")
            object.__setattr__(self, name, chosen)


@dataclass(frozen=True)
class Rows:
    """The batch of a network call: first `uncond` rows of the empty prompt, then `cond` rows of prompts."""

    uncond: int = 0
    cond: int = 1


@dataclass(frozen=True)
class SourceAttention:
    """What one call with the source prompt leaves for an edit to take over.

    `cross`: {layer: maps (heads, HW, N)} of the conditional row; `states`: {self-attention layer: (queries, keys)},
    each (B, heads, HW, d_head) with the call's rows. The same queries and keys are the same maps, in far less memory.
    """

    cross: dict[str, torch.Tensor] = field(default_factory=dict)
    states: dict[str, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)


@dataclass(frozen=True)
class AttentionEdit:
    """What n target rows take over from the source in one network call; n conditional rows, and n or 0 unconditional ones.

    `mapper` (n, N_src, N_tgt), `mask` and `scale` (n, N_tgt) act on the conditional rows' cross maps,
    A_tgt <- (A_src @ mapper * mask + A_tgt * (1 - mask)) * scale; a mapper of None leaves them alone.
    `self_cond`, `self_uncond`: self-attention maps become the source's in that branch.
    """

    source: SourceAttention
    mapper: torch.Tensor | None = None
    mask: torch.Tensor | None = None
    scale: torch.Tensor | None = None
    self_cond: bool = False
    self_uncond: bool = False


@dataclass
class Control:
    """The state of one `with attention_control(...)` block; set the fields before each network call.

    `values` (B, N, d): what every cross-attention value projection reads; None reads the prompt.
    `rows` and `edit`: the batch layout and the edit. `keep`: where a source call leaves its attention.
    `maps`: after a call, {layer: (B, heads, HW, N or HW)} of the recorded layers, as used (edits included), with
    gradients where gradients are on.
    """

    recorded: frozenset[str] = frozenset()
    values: torch.Tensor | None = None
    rows: Rows = Rows()
    edit: AttentionEdit | None = None
    keep: SourceAttention | None = None
    maps: dict[str, torch.Tensor] = field(default_factory=dict)


@contextmanager
def attention_control(unet: UNet2DConditionModel, record: Layers | Iterable[Layers] = ()) -> Iterator[Control]:
    """Control the attention of `unet` inside the block; its processors come back whatever happens.

    Blocks nest: the inner one rules until it ends. With nothing set, the network computes what it
    computes without the block.

    Args:
        record: the layers whose maps every call leaves in `Control.maps`.

    Raises:
        ValueError: the UNet has processors that are not the stock ones, or a choice in `record` matches no layer.
    """
    before = unet.attn_processors
    _refuse_foreign(before)
    recorded = frozenset(layer for choice in choices(record) for layer in select_layers(unet, choice))
    control = Control(recorded)
    try:
        unet.set_attn_processor({name: _Processor(control, _layer(name)) for name in before})
        yield control
    finally:
        unet.set_attn_processor(dict(before))


def choices(layers: Layers | Iterable[Layers] | None) -> tuple[Layers, ...]:
    """One choice of layers, several, or none, as a tuple; TypeError for what is no choice."""
    if layers is None:
        return ()
    chosen = tuple(layers) if isinstance(layers, Iterable) and not isinstance(layers, str) else (layers,)
    if not all(isinstance(entry, Layers) for entry in chosen):
        raise TypeError(f"Attention layers are chosen by Layers(...), one or several, not {layers!r}.")
    return chosen


def attention_layers(unet: UNet2DConditionModel, kind: Literal["cross", "self"] = "cross") -> dict[str, int]:
    """{attention layer of a kind: its scale}, in the order of the network; see `Layers` for the scale."""
    scales, scale = {}, 1
    for i, block in enumerate(unet.down_blocks):
        scales[f"down_blocks.{i}."] = scale
        scale *= 2 if block.downsamplers else 1
    scales["mid_block."] = scale
    for i, block in enumerate(unet.up_blocks):
        scales[f"up_blocks.{i}."] = scale
        scale //= 2 if block.upsamplers else 1
    names = [_layer(name) for name in unet.attn_processors if name.endswith(f"{KINDS[kind]}.processor")]
    if kind == "self":  # the first attention of an only_cross_attention block reads the prompt
        names = [name for name in names if not unet.get_submodule(name.removesuffix("." + KINDS[kind])).only_cross_attention]
    return {name: scale for prefix, scale in scales.items() for name in names if name.startswith(prefix)}


def select_layers(unet: UNet2DConditionModel, layers: Layers) -> dict[str, int]:
    """The {attention layer: scale} that a choice matches.

    Raises:
        ValueError: it matches none; the message lists what there is.
    """
    if layers.kind not in KINDS:
        raise ValueError(f"The kind of attention must be 'cross' or 'self', not {layers.kind!r}.")
    unknown = set(layers.places) - set(PLACES)
    if unknown:
        raise ValueError(f"There is no place {sorted(unknown)[0]!r} in a UNet; choose from {', '.join(PLACES)}.")
    everything = attention_layers(unet, layers.kind)
    chosen = {
        name: scale
        for name, scale in everything.items()
        if name.startswith(layers.places) and (layers.scales is None or scale in layers.scales)
    }
    if not chosen:
        there = sorted({(name.split("_")[0], scale) for name, scale in everything.items()})
        raise ValueError(
            f"{layers} matches no {layers.kind}-attention layer; this network has (place, scale) "
            + ", ".join(map(str, there)) + "."
        )
    return chosen


class _Processor:
    """The stock processor's steps, with the interventions of a `Control`."""

    def __init__(self, control: Control, layer: str) -> None:
        self.control = control
        self.layer = layer

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
    ) -> torch.Tensor:
        control, residual, shape = self.control, hidden_states, hidden_states.shape
        is_self = encoder_hidden_states is None
        is_cross = not is_self and self.layer.endswith(KINDS["cross"])  # an only_cross_attention block's attn1 is neither
        if attn.spatial_norm is not None:
            hidden_states = attn.spatial_norm(hidden_states, temb)
        if len(shape) == 4:
            hidden_states = hidden_states.flatten(2).transpose(1, 2)  # (B, HW, channels)
        if attn.group_norm is not None:
            hidden_states = attn.group_norm(hidden_states.transpose(1, 2)).transpose(1, 2)
        context, values = _context(attn, hidden_states, encoder_hidden_states, control.values if is_cross else None)
        bias = _bias(attn, attention_mask, context)

        value = _heads(attn, attn.to_v(values))  # (B, heads, N or HW, d_head)
        query, key = self._queries_and_keys(attn, hidden_states, context, is_self)
        if is_self and control.keep is not None:
            control.keep.states[self.layer] = query, key
        edited = is_cross and control.edit is not None and control.edit.mapper is not None
        kept = is_cross and control.keep is not None
        recorded = self.layer in control.recorded
        if recorded or edited or kept:
            probs = _probabilities(attn, query, key, bias)  # (B, heads, HW, N or HW)
            if kept:
                control.keep.cross[self.layer] = probs[control.rows.uncond].clone()  # a view would keep every row
            if edited:
                probs = _edit_cross(probs, control.rows, control.edit, self.layer)
            if recorded:
                control.maps[self.layer] = probs
        if edited or kept:
            hidden_states = probs @ value  # (B, heads, HW, d_head)
        else:  # the stock kernel also where maps are recorded: recording changes nothing, to the bit
            hidden_states = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)

        hidden_states = hidden_states.transpose(1, 2).flatten(2).to(value.dtype)  # (B, HW, channels)
        hidden_states = attn.to_out[1](attn.to_out[0](hidden_states))
        if len(shape) == 4:
            hidden_states = hidden_states.transpose(-1, -2).reshape(shape)
        if attn.residual_connection:
            hidden_states = hidden_states + residual
        return hidden_states / attn.rescale_output_factor

    def _queries_and_keys(
        self, attn: Attention, hidden: torch.Tensor, context: torch.Tensor, is_self: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, heads, HW, d_head) and (B, heads, HW or N, d_head): the layer's own, or the source's where an edit says so."""
        edit, rows = self.control.edit, self.control.rows
        if not is_self or edit is None or not (edit.self_cond or edit.self_uncond):
            return _heads(attn, attn.to_q(hidden)), _heads(attn, attn.to_k(context))
        source = edit.source.states[self.layer]
        parts = []
        for row, on, own in ((0, edit.self_uncond, hidden[: rows.uncond]), (-1, edit.self_cond, hidden[rows.uncond :])):
            if not len(own):  # no unconditional rows at guidance 1
                continue
            if on:
                parts.append([states[row].expand(len(own), -1, -1, -1) for states in source])
            else:
                parts.append([_heads(attn, attn.to_q(own)), _heads(attn, attn.to_k(own))])
        query, key = (torch.cat(pair) for pair in zip(*parts))
        return query, key


def _context(
    attn: Attention, hidden: torch.Tensor, prompt: torch.Tensor | None, values: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the key and the value projection read."""
    if prompt is None:
        return hidden, hidden
    if values is None:
        values = prompt
    elif values.shape != prompt.shape:
        raise ValueError(
            f"Value inputs of shape {tuple(values.shape)} do not fit a prompt batch of shape {tuple(prompt.shape)}."
        )
    if attn.norm_cross:
        return attn.norm_encoder_hidden_states(prompt), attn.norm_encoder_hidden_states(values)
    return prompt, values


def _bias(attn: Attention, mask: torch.Tensor | None, context: torch.Tensor) -> torch.Tensor | None:
    """The attention mask as (B, heads, 1 or HW, N); Stable Diffusion uses none."""
    if mask is None:
        return None
    batch, length, _ = context.shape
    mask = attn.prepare_attention_mask(mask, length, batch)
    return mask.view(batch, attn.heads, -1, mask.shape[-1])


def _probabilities(
    attn: Attention, query: torch.Tensor, key: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    """softmax(Q K^T / sqrt(d_head)) in at least float32; scaling the query first keeps half precision from overflowing."""
    dtype, wide = query.dtype, torch.promote_types(query.dtype, torch.float32)
    if attn.upcast_attention:
        query, key = query.to(wide), key.to(wide)
    scores = (query * attn.scale) @ key.transpose(-1, -2)
    return (scores if bias is None else scores + bias).softmax(-1, dtype=wide).to(dtype)


def _heads(attn: Attention, states: torch.Tensor) -> torch.Tensor:
    """(B, L, heads * d_head) to (B, heads, L, d_head)."""
    return states.view(*states.shape[:2], attn.heads, -1).transpose(1, 2)


def _edit_cross(probs: torch.Tensor, rows: Rows, edit: AttentionEdit, layer: str) -> torch.Tensor:
    """Cross maps (B, heads, HW, N) with the conditional rows replaced."""
    uncond, target = probs[: rows.uncond], probs[rows.uncond :]  # (n, heads, HW, N)
    mapper, mask = edit.mapper[:, None], edit.mask[:, None, None]
    edited = edit.source.cross[layer] @ mapper * mask + target * (1 - mask)
    if edit.scale is not None:
        edited = edited * edit.scale[:, None, None]
    return torch.cat([uncond, edited])


def _refuse_foreign(processors: dict[str, object]) -> None:
    """Only stock processors can be replaced without changing what the network computes."""
    for name, processor in processors.items():
        if type(processor) not in (AttnProcessor, AttnProcessor2_0, _Processor):
            raise ValueError(
                f"The UNet's layer {_layer(name)!r} has a {type(processor).__name__}, which attention control would "
                "disable; unload IP-Adapter or legacy LoRA weights, or call pipe.unet.set_default_attn_processor(), first."
            )


def _layer(processor_name: str) -> str:
    """A layer's name from its processor's."""
    return processor_name.removesuffix(".processor")

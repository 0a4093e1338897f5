"""Attention: which layers there are, what one network call may do to them, and the arithmetic.

`attend` follows the stock attention processor of diffusers step for step; the visible difference is that keys
come from the prompt's embedding `c` while values come from the value input `v_t` (2303.15649, section 3.2).
`styledit.control` puts it in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention

from styledit import validation as check

PLACES = ("down", "mid", "up")
KINDS = {"cross": "attn2", "self": "attn1"}

Processor = Callable[..., torch.Tensor]


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
        places = check.several("Layers.places", self.places)
        if not all(isinstance(place, str) for place in places):
            raise TypeError(f"Layers.places must be a str or several, not {check.shown(self.places)}.")
        object.__setattr__(self, "places", places)
        if self.scales is not None:
            scales = tuple(
                check.whole("Layers.scales", scale) for scale in check.several("scales", self.scales)
            )
            object.__setattr__(self, "scales", scales)
        check.choice("Layers.kind", self.kind, tuple(KINDS))

    def takes(self, layer: str, scale: int) -> bool:
        """Whether a layer of this kind of attention, by name and scale, is chosen."""
        return layer.startswith(self.places) and (self.scales is None or scale in self.scales)


@dataclass(frozen=True)
class Rows:
    """The batch of a network call: first `uncond` rows of the empty prompt, then `cond` rows of prompts."""

    uncond: int = 0
    cond: int = 1


@dataclass(frozen=True)
class SourceAttention:
    """What one call with the source prompt leaves for an edit to take over.

    `cross`: {layer: maps (heads, HW, N)} of the conditional row; `states`: {self-attention layer:
    (queries, keys)}, each (B, heads, HW, d_head) with the call's rows. The same queries and keys are the same
    maps, in far less memory. Where they were asked for, `values`: {self-attention layer: what its maps weigh,
    (B, heads, HW, d_head)}; `features`: {ResNet block: its residual, (B, C, h, w)}.
    """

    cross: dict[str, torch.Tensor] = field(default_factory=dict)
    states: dict[str, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    values: dict[str, torch.Tensor] = field(default_factory=dict)
    features: dict[str, torch.Tensor] = field(default_factory=dict)

    def to(self, device: torch.device) -> SourceAttention:
        """The same on another device, itself where it is there already;
        copies from pinned memory do not wait.
        """
        if all(maps.device == device for maps in self.cross.values()):
            return self
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def to_host(self) -> SourceAttention:
        """The same in host memory, pinned where it comes from a CUDA device;
        itself where it is there already.
        """
        if all(maps.device.type == "cpu" for maps in self.cross.values()):
            return self
        return self._each(lambda tensor: tensor.cpu().pin_memory() if tensor.is_cuda else tensor.cpu())

    @property
    def conditional(self) -> SourceAttention:
        """That of the conditional row alone, which both branches of a target then take over."""
        states = {layer: (query[-1:], key[-1:]) for layer, (query, key) in self.states.items()}
        values = {layer: value[-1:] for layer, value in self.values.items()}
        features = {block: residual[-1:] for block, residual in self.features.items()}
        return SourceAttention(self.cross, states, values, features)

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> SourceAttention:
        return SourceAttention(
            {layer: change(maps) for layer, maps in self.cross.items()},
            {layer: (change(query), change(key)) for layer, (query, key) in self.states.items()},
            {layer: change(value) for layer, value in self.values.items()},
            {block: change(residual) for block, residual in self.features.items()},
        )


@dataclass(frozen=True)
class AttentionEdit:
    """What n target rows take over from the source in one network call; n conditional rows,
    and n or 0 unconditional ones.

    `mapper` (n, N_src, N_tgt), `has_source` and `reweight` (n, N_tgt) act on the conditional rows' cross
    maps, A_tgt <- (A_src @ mapper * has_source + A_tgt * (1 - has_source)) * reweight; a mapper of None
    leaves them alone. `self_cond`, `self_uncond`: self-attention maps become the source's in that branch.

    Of single modules, in both branches: `self_layers`, the self-attention layers whose maps become the
    source's; `mutual`, those whose queries read the source's keys and values (2304.08465, section 4.1);
    `features`, the ResNet blocks whose residual becomes the source's (2211.12572, section 4). The
    unconditional branch takes the first of the source's rows, the conditional one the last: of a source call
    with one row both take the same.
    """

    source: SourceAttention
    mapper: torch.Tensor | None = None
    has_source: torch.Tensor | None = None
    reweight: torch.Tensor | None = None
    self_cond: bool = False
    self_uncond: bool = False
    self_layers: frozenset[str] = frozenset()
    mutual: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()


@dataclass(frozen=True)
class AttentionCall:
    """What one network call does to attention, and what comes back from it.

    `values` (B, N, d): what every cross-attention value projection reads; None reads the prompt. `rows` and
    `edit`: the batch layout and what the target rows take over. `record`: names of the layers whose maps come
    back, as used (edits included), with gradients where gradients are on. `keep_source`: whether the call's
    own attention comes back as a `SourceAttention`; `keep_values`, `keep_features`: the self-attention layers
    and the ResNet blocks of which it has the values and the residuals too.
    """

    values: torch.Tensor | None = None
    rows: Rows = Rows()
    edit: AttentionEdit | None = None
    record: frozenset[str] = frozenset()
    keep_source: bool = False
    keep_values: frozenset[str] = frozenset()
    keep_features: frozenset[str] = frozenset()

    @property
    def has_features(self) -> bool:
        """Whether it keeps or changes the residual of a ResNet block."""
        return bool(self.keep_features or (self.edit is not None and self.edit.features))


class Control:
    """The attention of one network call, or of those inside a `with attention_control(...)` block.

    `values` (B, N, d) are the value inputs that lessons set; `maps` are those that the last call recorded,
    {layer: (B, heads, HW, N or HW)}; `source` is what it kept for an edit. `layers`: the attention modules
    that it rules and their names; `blocks`: the last convolutions of the ResNet blocks that it rules and the
    names of those; `recompute`: whether activations are computed again in the backward pass.
    """

    def __init__(
        self,
        call: AttentionCall,
        layers: Mapping[Attention, str],
        recompute: bool = False,
        blocks: Mapping[torch.nn.Module, str] | None = None,
    ) -> None:
        self._call = call
        self.layers = layers
        self.blocks = blocks or {}
        self.recompute = recompute
        self.maps: dict[str, torch.Tensor] = {}
        self.source = SourceAttention() if call.keep_source else None

    @property
    def call(self) -> AttentionCall:
        """What every network call does; only its value inputs can be set."""
        return self._call

    @property
    def values(self) -> torch.Tensor | None:
        """What the value projections read, (B, N, d); None reads the prompt.

        Raises:
            TypeError, ValueError: set to anything but finite numbers of such a shape.
        """
        return self._call.values

    @values.setter
    def values(self, values: torch.Tensor | None) -> None:
        if values is not None:
            check.finite(
                check.tensor("control.values", values, "B", "N", "d"), "control.values", "check them"
            )
        self._call = replace(self._call, values=values)


def as_choices(layers: Layers | Iterable[Layers] | None) -> tuple[Layers, ...]:
    """One choice of layers, several, or none, as a tuple; TypeError for anything but `Layers`."""
    if layers is None:
        return ()
    chosen = check.several("layers", layers)
    if not all(isinstance(entry, Layers) for entry in chosen):
        raise TypeError(
            f"Attention layers are chosen by Layers(...), one or several, not {check.shown(layers)}."
        )
    return chosen


def attention_layers(unet: UNet2DConditionModel, kind: Literal["cross", "self"] = "cross") -> dict[str, int]:
    """{attention layer of a kind: its scale}, in the order of the network; see `Layers` for the scale."""
    names = [layer_name(name) for name in unet.attn_processors if name.endswith(f"{KINDS[kind]}.processor")]
    if kind == "self":  # the first attention of an only_cross_attention block reads the prompt
        names = [
            name
            for name in names
            if not unet.get_submodule(name.removesuffix("." + KINDS[kind])).only_cross_attention
        ]
    scales = block_scales(unet)
    return {name: scale for prefix, scale in scales.items() for name in names if name.startswith(prefix)}


def decoder_blocks(unet: UNet2DConditionModel) -> dict[str, int]:
    """{ResNet block of the decoder: its scale}, in the order of the network. Each is one of the decoder's
    layers, together with the attention that follows it where there is any.
    """
    return {
        f"{prefix}resnets.{j}": scale
        for prefix, scale in block_scales(unet).items()
        if prefix.startswith("up_blocks")
        for j, _ in enumerate(unet.get_submodule(prefix + "resnets").children())
    }


def block_scales(unet: UNet2DConditionModel) -> dict[str, int]:
    """{what the names of a block's modules begin with: its scale}, in the order of the network."""
    scales, scale = {}, 1
    for i, block in enumerate(unet.down_blocks):
        scales[f"down_blocks.{i}."] = scale
        scale *= 2 if block.downsamplers else 1
    scales["mid_block."] = scale
    for i, block in enumerate(unet.up_blocks):
        scales[f"up_blocks.{i}."] = scale
        scale //= 2 if block.upsamplers else 1
    return scales


def select_layers(unet: UNet2DConditionModel, layers: Layers) -> dict[str, int]:
    """The {attention layer: scale} that a choice matches.

    Raises:
        ValueError: it matches none; the message lists what there is.
    """
    unknown = set(layers.places) - set(PLACES)
    if unknown:
        raise ValueError(
            f"There is no place {sorted(unknown)[0]!r} in a UNet; choose from {', '.join(PLACES)}."
        )
    everything = attention_layers(unet, layers.kind)
    chosen = {name: scale for name, scale in everything.items() if layers.takes(name, scale)}
    if not chosen:
        there = sorted({(name.split("_")[0], scale) for name, scale in everything.items()})
        raise ValueError(
            f"{layers} matches no {layers.kind}-attention layer; this network has (place, scale) "
            + ", ".join(map(str, there))
            + "."
        )
    return chosen


def attend(
    control: Control,
    attn: Attention,
    hidden_states: torch.Tensor,
    encoder_hidden_states: torch.Tensor | None = None,
    attention_mask: torch.Tensor | None = None,
    temb: torch.Tensor | None = None,
) -> torch.Tensor:
    """The output of one attention layer under a control: the steps of the stock processor, whose arguments
    these are, with the control's interventions.
    """
    call = control.call
    layer = control.layers[attn]
    residual = hidden_states
    shape = hidden_states.shape
    is_self = encoder_hidden_states is None
    # An only_cross_attention block's attn1 reads the prompt and is neither.
    is_cross = not is_self and layer.endswith(KINDS["cross"])
    if attn.spatial_norm is not None:
        hidden_states = attn.spatial_norm(hidden_states, temb)
    if len(shape) == 4:
        hidden_states = hidden_states.flatten(2).transpose(1, 2)  # (B, HW, channels)
    if attn.group_norm is not None:
        hidden_states = attn.group_norm(hidden_states.transpose(1, 2)).transpose(1, 2)
    context, values = _context(attn, hidden_states, encoder_hidden_states, call.values if is_cross else None)
    bias = _bias(attn, attention_mask, context)

    value = _heads(attn, attn.to_v(values))  # (B, heads, N or HW, d_head)
    query, key = _queries_and_keys(attn, hidden_states, context, call if is_self else None, layer)
    if is_self and call.edit is not None and layer in call.edit.mutual:
        # The target's queries, the source's keys and values: softmax(Q_tgt K_src^T / sqrt(d_head)) V_src
        _, key = call.edit.source.states[layer]
        source_states = (key, call.edit.source.values[layer])
        key, value = (rows_of_source(each, call.rows, len(query)) for each in source_states)
    if is_self and control.source is not None:
        control.source.states[layer] = query, key
        if layer in call.keep_values:
            control.source.values[layer] = value
    edit = call.edit if is_cross and call.edit is not None and call.edit.mapper is not None else None
    source = control.source if is_cross else None
    recorded = layer in call.record
    by_maps = edit is not None or source is not None
    if recorded or by_maps:
        probs = _probabilities(attn, query, key, bias)  # (B, heads, HW, N or HW)
        if source is not None:
            # A view would keep every row.
            source.cross[layer] = probs[call.rows.uncond].clone()  # (heads, HW, N)
        if edit is not None:
            probs = _edit_cross(probs, call.rows, edit, layer)
        if recorded:
            control.maps[layer] = probs
    if by_maps:
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
    attn: Attention, hidden: torch.Tensor, context: torch.Tensor, call: AttentionCall | None, layer: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, heads, HW, d_head) and (B, heads, HW or N, d_head): the layer's own, or in self-attention
    (where the call is given) the source's, where an edit says so.
    """
    edit = None if call is None else call.edit
    chosen = edit is not None and layer in edit.self_layers
    if call is None or edit is None or not (edit.self_cond or edit.self_uncond or chosen):
        return _heads(attn, attn.to_q(hidden)), _heads(attn, attn.to_k(context))
    source = edit.source.states[layer]
    uncond = call.rows.uncond
    parts = []
    for row, from_source, own in (
        (0, edit.self_uncond or chosen, hidden[:uncond]),
        (-1, edit.self_cond or chosen, hidden[uncond:]),
    ):
        if not len(own):  # no unconditional rows at guidance 1
            continue
        if from_source:
            parts.append([states[row].expand(len(own), -1, -1, -1) for states in source])
        else:
            parts.append([_heads(attn, attn.to_q(own)), _heads(attn, attn.to_k(own))])
    query, key = (torch.cat(pair) for pair in zip(*parts, strict=True))
    return query, key


def rows_of_source(states: torch.Tensor, rows: Rows, batch: int) -> torch.Tensor:
    """A source call's tensor in the place of that of a batch with these rows: its first row for the
    unconditional ones, its last for the conditional ones, (B, ...).
    """
    rest = (-1,) * (states.ndim - 1)
    cond = batch - rows.uncond
    return torch.cat([states[:1].expand(rows.uncond, *rest), states[-1:].expand(cond, *rest)])


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
            f"Value inputs of shape {tuple(values.shape)} do not fit a prompt batch of shape "
            f"{tuple(prompt.shape)}."
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
    """softmax(Q K^T / sqrt(d_head)) in at least float32; scaling the query first keeps half
    precision from overflowing.
    """
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
    uncond = probs[: rows.uncond]
    target = probs[rows.uncond :]  # (n, heads, HW, N)
    assert edit.mapper is not None and edit.has_source is not None  # an edit has both or none
    mapper = edit.mapper[:, None]
    has_source = edit.has_source[:, None, None]
    edited = edit.source.cross[layer] @ mapper * has_source + target * (1 - has_source)
    if edit.reweight is not None:
        edited = edited * edit.reweight[:, None, None]
    return torch.cat([uncond, edited])


def layer_name(processor_name: str) -> str:
    """A layer's name from its processor's."""
    return processor_name.removesuffix(".processor")

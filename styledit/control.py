"""Control of a UNet's attention: processors that stay, and a context that tells them what to do.

The first control of a UNet gives each of its attention layers a `ControlledProcessor`, which stays there. It
looks for the control that rules the running call; where there is none it is the stock processor, to the bit.
The ResNet blocks whose features a call keeps or changes get a `ControlledConvolution`, which does the same.
So there is nothing to put back: a network call made by this package runs in a copy of the context, which ends
with it, and a `with` block ends when its lock is released, one step of C. No error and no interrupt (Ctrl-C)
can leave a control behind, and threads that share a network do not see each other's.
"""

from __future__ import annotations

from _thread import RLock
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, Self
from weakref import WeakKeyDictionary, ref

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0
from torch.utils.checkpoint import checkpoint

from styledit import validation as check
from styledit.attention import (
    AttentionCall,
    Control,
    Layers,
    Processor,
    as_choices,
    attend,
    layer_name,
    rows_of_source,
    select_layers,
)

# Innermost last: the control of a call, or a block, which must not live on because of this.
_controls: ContextVar[tuple[Control | ref[AttentionBlock], ...]] = ContextVar("controls", default=())
# Those of all threads. torch.compile cannot look into a context variable, but it sees that this is empty:
# then a compiled network is the stock one, in one graph. What an interrupt leaves here rules nothing.
_entered: set[ref[Control | AttentionBlock]] = set()
_attention_modules: WeakKeyDictionary[UNet2DConditionModel, dict[Attention, str]] = WeakKeyDictionary()
_RESIDUAL = "conv2"  # what a ResNet block of diffusers adds to its input


def attention_control(unet: UNet2DConditionModel, record: Layers | Iterable[Layers] = ()) -> AttentionBlock:
    """Control the attention of `unet` inside a `with` block, in this thread.

    A generator that holds a block open controls the caller's calls between two of its states, and is to be
    resumed in the thread that began it. Processors that are set inside the block are not controlled.

    Blocks nest: the inner one rules until it ends. With nothing set, the network computes what it computes
    without the block; after the block, and in other threads, it is the stock network. Its processors stay: to
    diffusers, a copy or a file each is the stock processor it stands for.

    Args:
        record: the layers whose maps every call leaves in `Control.maps`.

    Raises:
        TypeError: `unet` is no UNet, or `record` no choice of layers.
        ValueError: the UNet has processors that are not the stock ones,
            or a choice in `record` matches no layer.
    """
    check.instance("unet", unet, UNet2DConditionModel, "pipe.unet")
    layers = frozenset(layer for choice in as_choices(record) for layer in select_layers(unet, choice))
    return AttentionBlock(unet, AttentionCall(record=layers))


class AttentionBlock(RLock):  # type: ignore[misc]  # final to type checkers alone
    """One `with` block, entered once; `as` gives its `Control`.

    It rules while its lock is held, in the thread that holds it. `__exit__` is the lock's own: an interrupt
    can fall before the first line of any Python function, and a block that ended with one could be left open.

    Args:
        call: what every network call in the block does to attention.
    """

    _is_owned: Callable[[], bool]  # of the lock: whether this thread holds it

    def __new__(cls, unet: UNet2DConditionModel, call: AttentionCall) -> Self:
        return super().__new__(cls)  # a lock takes no arguments

    def __init__(self, unet: UNet2DConditionModel, call: AttentionCall) -> None:
        self.unet = unet
        self.call = call
        self.control: Control | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is entered, in this thread."""
        return self.control is not None and self._is_owned()

    def __enter__(self) -> Control:  # type: ignore[override]
        control = Control(self.call, controllable_layers(self.unet))
        remember_in_backward(self.unet)
        if self.control is not None or self._is_owned() or not self.acquire(blocking=False):
            raise RuntimeError(
                "This block was entered already; give each `with` its own attention_control()."
            )
        own = _enter(self)
        _controls.set((*filter(_resolve, _controls.get()), own))
        self.control = control  # last, for no interrupt falls between this and the body of the `with`
        return control


def under(
    controls: tuple[Control, ...], function: Callable[..., Any], *arguments: Any, **options: Any
) -> Any:
    """What a function returns where these controls and no others rule, innermost last; in a copy of the
    context there is nothing to undo.
    """

    def run() -> Any:
        _controls.set(controls)
        return function(*arguments, **options)

    entered = [_enter(control) for control in controls]
    try:
        return copy_context().run(run)
    finally:
        _entered.difference_update(entered)  # an error may be remembered for long, and the controls with it


def _enter(entry: Any) -> ref[Any]:
    """Note a control or a block as entered, as long as it lives."""
    own = ref(entry, _entered.discard)
    _entered.add(own)
    return own


def running_controls() -> tuple[Control, ...]:
    """Those of the calls and blocks under way in this thread, of whichever networks, innermost last."""
    if not len(_entered):
        return ()
    return tuple(control for control in map(_resolve, _controls.get()) if control is not None)


def _resolve(entry: Control | ref[AttentionBlock]) -> Control | None:
    """The control, unless it is that of a block that has ended or belongs to another thread."""
    if isinstance(entry, Control):
        return entry
    block = entry()
    return block.control if block is not None and block.is_open else None


class ControlledProcessor:
    """The stock processor, unless a control rules; then its steps with the interventions of that control.

    It passes for the stock processor: diffusers asks a processor for its class.
    """

    def __init__(self, stock: Processor) -> None:
        self.stock = stock

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
    ) -> torch.Tensor:
        for control in reversed(running_controls()):
            if attn in control.layers:
                return attend(control, attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        return self.stock(attn, hidden_states, encoder_hidden_states, attention_mask, temb)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self.stock)

    def __reduce__(self) -> tuple[Any, ...]:
        return ControlledProcessor, (self.stock,)

    def __repr__(self) -> str:
        return f"ControlledProcessor({type(self.stock).__name__}())"


class ControlledConvolution:
    """The forward of a ResNet block's last convolution, whose output is the block's residual: the stock one,
    unless a control rules the block.

    Args:
        module: the convolution; its own forward is that of its class, or `stock` where it had another, such
            as one that fetches its weights from the host.
    """

    def __init__(self, module: torch.nn.Module, stock: Callable[..., torch.Tensor] | None = None) -> None:
        self.module = module
        self.stock = stock

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        for control in reversed(running_controls()):
            if self.module in control.blocks:
                return self._under(control, control.blocks[self.module], hidden)
        return self._convolve(hidden)

    def _under(self, control: Control, block: str, hidden: torch.Tensor) -> torch.Tensor:
        """The source's residual in the place of its own where the call says so, (B, C, h, w)."""
        call = control.call
        if call.edit is not None and block in call.edit.features:
            return rows_of_source(call.edit.source.features[block], call.rows, len(hidden))
        residual = self._convolve(hidden)
        if control.source is not None and block in call.keep_features:
            control.source.features[block] = residual
        return residual

    def _convolve(self, hidden: torch.Tensor) -> torch.Tensor:
        return type(self.module).forward(self.module, hidden) if self.stock is None else self.stock(hidden)


def controllable_blocks(unet: UNet2DConditionModel, call: AttentionCall) -> dict[torch.nn.Module, str]:
    """{the last convolution of a ResNet block: the block} of those that a call keeps or changes, each with a
    `ControlledConvolution`.
    """
    edited = frozenset() if call.edit is None else call.edit.features
    found = {unet.get_submodule(f"{block}.{_RESIDUAL}"): block for block in call.keep_features | edited}
    for module in found:
        own = vars(module).get("forward")
        if not isinstance(own, ControlledConvolution):
            vars(module)["forward"] = ControlledConvolution(module, own)
    return found


def controllable_layers(unet: UNet2DConditionModel) -> Mapping[Attention, str]:
    """{attention module: its layer}, each with a `ControlledProcessor`.

    Raises:
        ValueError: the UNet has processors that are not the stock ones.
    """
    modules = _attention_modules.get(unet)
    if modules is None or not _are_in_place(unet, modules):
        names = [layer_name(name) for name in unet.attn_processors]
        modules = _attention_modules[unet] = {unet.get_submodule(name): name for name in names}
    processors = {module: module.processor for module in modules}
    stock = {module: found for module, found in processors.items() if type(found) is not ControlledProcessor}
    for module, found in stock.items():
        if type(found) not in (AttnProcessor, AttnProcessor2_0):
            raise ValueError(
                f"The UNet's layer {modules[module]!r} has a {type(found).__name__}, which attention control "
                "would disable; unload IP-Adapter or legacy LoRA weights, or call "
                "pipe.unet.set_default_attn_processor(), first."
            )
    for module, found in stock.items():
        module.set_processor(ControlledProcessor(found))
    return modules


def _are_in_place(unet: UNet2DConditionModel, modules: Mapping[Attention, str]) -> bool:
    """Whether the network still has these modules by these names."""
    try:
        return all(unet.get_submodule(name) is module for module, name in modules.items())
    except AttributeError:
        return False


class Recomputation:
    """The checkpoint function of a UNet: what its backward pass computes again, maybe in a thread of
    PyTorch's own, is under the controls of the first time.

    Args:
        of_user: the checkpoint function that the user has switched on, which all calls go through; None keeps
            all activations except in calls whose control says `recompute`.
    """

    def __init__(self, of_user: Callable[..., Any] | None = None) -> None:
        self.of_user = of_user

    def __call__(self, module: torch.nn.Module, *inputs: Any) -> Any:
        controls = running_controls()
        if self.of_user is None and not any(control.recompute for control in controls):
            return module(*inputs)
        save = self.of_user or partial(checkpoint, use_reentrant=False)
        calls = [(control.call, control.layers, False, control.blocks) for control in controls]  # as now
        first = True

        def run(*inputs: Any) -> Any:
            nonlocal first
            if first:
                first = False
                return module(*inputs)
            return under(tuple(Control(*call) for call in calls), module, *inputs)

        return save(run, *inputs)


def remember_in_backward(unet: UNet2DConditionModel) -> bool:
    """Where the user has switched gradient checkpointing on, make it a `Recomputation`; whether it is on."""
    blocks: tuple[Any, ...] = (*unet.down_blocks, unet.mid_block, *unet.up_blocks)
    on = (block for block in blocks if getattr(block, "gradient_checkpointing", False))
    of_user = next((block._gradient_checkpointing_func for block in on), None)
    if isinstance(of_user, Recomputation):
        return of_user.of_user is not None
    if of_user is not None:
        unet.enable_gradient_checkpointing(Recomputation(of_user))
    return of_user is not None


def call_network(
    unet: UNet2DConditionModel, call: AttentionCall, *inputs: Any, recompute: bool = False, **options: Any
) -> tuple[Any, Control]:
    """What the UNet returns under a control of its own, and the control with what came back.

    Args:
        inputs, options: the network's.
        recompute: recompute activations in the backward pass instead of keeping them
            (gradient checkpointing).

    Raises:
        ValueError: as `controllable_layers`.
    """
    blocks = controllable_blocks(unet, call) if call.has_features else None
    control = Control(call, controllable_layers(unet), recompute, blocks)
    controls = (*running_controls(), control)
    if not torch.is_grad_enabled() or remember_in_backward(unet) or not recompute:
        return under(controls, unet, *inputs, **options), control
    # Left on by an interrupt, or switched off under another thread's call, this changes memory and no number:
    # the function stays, and computes again only where a control asks for it.
    unet.enable_gradient_checkpointing(Recomputation())
    try:
        return under(controls, unet, *inputs, **options), control
    finally:
        for module in unet.modules():
            if hasattr(module, "gradient_checkpointing"):
                module.gradient_checkpointing = False

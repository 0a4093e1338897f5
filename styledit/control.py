"""The `with` block that controls a UNet's attention: processors in, processors out, whatever happens.

A block holds the UNet's lock, so that two threads never control one network at once, and a call that another
thread makes meanwhile without asking is left to the stock processors. An interrupt (Ctrl-C) inside the block
first takes the processors out and only then is raised: there is no instruction at which it
could leave them behind.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable
from types import FrameType, TracebackType
from typing import Any
from weakref import WeakKeyDictionary

from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0

from styledit import validation as check
from styledit.attention import (
    AttentionCall,
    Control,
    ControlledProcessor,
    Layers,
    Processor,
    as_choices,
    layer_name,
    select_layers,
)

ENTERING, INSIDE, OUTSIDE = "entering", "inside", "outside"

_locks: WeakKeyDictionary[UNet2DConditionModel, threading.RLock] = WeakKeyDictionary()
_modules: WeakKeyDictionary[UNet2DConditionModel, dict[str, Attention]] = WeakKeyDictionary()


def attention_control(unet: UNet2DConditionModel, record: Layers | Iterable[Layers] = ()) -> AttentionBlock:
    """Control the attention of `unet` inside a `with` block; its processors come back whatever happens.

    Blocks nest: the inner one rules until it ends. With nothing set, the network computes what it computes
    without the block. Another thread that wants to control the same network waits until the block ends.

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


class AttentionBlock:
    """One `with` block; `as` gives its `Control`.

    Args:
        call: what every network call in the block does to attention.
        recompute: recompute activations in the backward pass inside the block (gradient checkpointing).
    """

    def __init__(self, unet: UNet2DConditionModel, call: AttentionCall, *, recompute: bool = False) -> None:
        self.unet = unet
        self.call = call
        self.recompute = recompute and not unet.is_gradient_checkpointing
        self.layers = _attention_modules(unet)
        self._lock = _lock_of(unet)
        self._phase = OUTSIDE
        self._locked = False
        self._interrupted = False
        self._ended_early = False
        self._before: dict[str, Processor] = {}
        self._handler: Callable[[int, FrameType | None], Any] | None = None

    def __enter__(self) -> Control:
        self._phase = ENTERING
        self._listen()
        try:
            self._take_lock()
            self._before = {name: layer.processor for name, layer in self.layers.items()}
            _refuse_foreign(self._before)
            control = Control(self.call)
            for name, layer in self.layers.items():
                layer.set_processor(ControlledProcessor(control, name, self._before[name]))
            if self.recompute:
                self.unet.enable_gradient_checkpointing()
        except BaseException:
            self._leave()
            raise
        self._phase = INSIDE
        if self._interrupted:
            self._leave()
        return control

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave()
        # Where the interrupt fell into a recomputation, autograd has made an error of its own of it.
        if self._ended_early and isinstance(error, RuntimeError):
            raise KeyboardInterrupt from error

    def _leave(self) -> None:
        """Everything as it was; an interrupt that came meanwhile is raised now."""
        if self._phase is OUTSIDE:
            return
        self._phase = OUTSIDE
        for name, processor in self._before.items():
            self.layers[name].set_processor(processor)
        if self.recompute and self._before:
            self.unet.disable_gradient_checkpointing()
        if self._locked:
            self._locked = False
            self._lock.release()
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
        if self._interrupted:
            self._interrupted = False
            raise KeyboardInterrupt

    def _listen(self) -> None:
        """Hear of interrupts first; Python delivers them to the main thread only."""
        handler = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(handler):
            self._handler = handler
            signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Inside the block: out of it, then on to whoever listened before.

        On the way in or out: remember it.
        """
        if self._phase is not INSIDE:
            self._interrupted = True
            return
        self._ended_early = True
        self._leave()
        if self._handler is not None:
            self._handler(number, frame)
        raise KeyboardInterrupt  # the listener of an event loop may return, but this block has ended

    def _take_lock(self) -> None:
        """Wait for the network, in short stretches so that an interrupt ends the wait."""
        while not self._lock.acquire(timeout=0.1):
            if self._interrupted:
                raise KeyboardInterrupt
        self._locked = True


def _lock_of(unet: UNet2DConditionModel) -> threading.RLock:
    """The one lock of a network; `setdefault` is atomic and needs no lock of its own."""
    return _locks.setdefault(unet, threading.RLock())


def _attention_modules(unet: UNet2DConditionModel) -> dict[str, Attention]:
    """{layer: its attention module}, looked up again where a module of the network was replaced."""
    known = _modules.get(unet)
    if known is None or any(unet.get_submodule(name) is not module for name, module in known.items()):
        _modules[unet] = {
            layer_name(name): unet.get_submodule(layer_name(name)) for name in unet.attn_processors
        }
    return _modules[unet]


def _refuse_foreign(processors: dict[str, Processor]) -> None:
    """Only stock processors can be replaced without changing what the network computes."""
    for name, processor in processors.items():
        if type(processor) not in (AttnProcessor, AttnProcessor2_0, ControlledProcessor):
            raise ValueError(
                f"The UNet's layer {name!r} has a {type(processor).__name__}, which attention control would "
                "disable; unload IP-Adapter or legacy LoRA weights, or call "
                "pipe.unet.set_default_attn_processor(), first."
            )

"""Ctrl-C at any instruction: the network keeps its own processors, its lock is free, the handler is as it was."""

from __future__ import annotations

import os
import random
import signal
import threading
import time

import pytest
import torch

import styledit
from styledit.control import _lock_of

COUNT = int(os.environ.get("STYLEDIT_INTERRUPTS", "60"))
TARGET = "a blue cat in the snow"


class Runs:
    """What is interrupted: every call that controls attention."""

    def __init__(self, pipe, picture) -> None:
        self.pipe = pipe
        self.picture = picture
        self.inversion = styledit.invert(pipe, picture, "a red car in the snow", 3, progress=False)

    def invert(self) -> None:
        styledit.invert(self.pipe, self.picture, "a red car", 3, progress=False)

    def generate(self) -> None:
        styledit.generate(self.pipe, TARGET, steps=3, progress=False)

    def reconstruct(self) -> None:
        styledit.reconstruct(self.pipe, self.inversion, guidance=3.0, progress=False)

    def edit(self) -> None:
        styledit.edit(self.pipe, self.inversion, TARGET, progress=False)

    def fit(self) -> None:
        preset = styledit.Preset(2, 0.01)
        styledit.fit_values(self.pipe, self.inversion, preset=preset, low_memory=True, progress=False)

    def block(self) -> None:
        """What a lesson writes."""
        with styledit.attention_control(self.pipe.unet, styledit.Layers()) as control, torch.no_grad():
            control.values = self.inversion.c
            self.pipe.unet(self.inversion.z_T, 501, encoder_hidden_states=self.inversion.c)

    def blocks(self) -> None:
        """Nothing but going in and out, where an interrupt finds the most to undo."""
        for _ in range(200):
            with styledit.attention_control(self.pipe.unet):
                pass


@pytest.fixture(scope="module")
def runs(pipe, picture):
    return Runs(pipe, picture)


def interrupted(run, after: float) -> bool:
    """Whether a run was ended by an interrupt that came after so many seconds."""
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        run()
        time.sleep(max(0.0, after))  # where the run was faster, the interrupt comes here
        return False
    except KeyboardInterrupt:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.fixture
def alarm_interrupts():
    """A timer's signal is passed on as Ctrl-C's."""
    before = signal.signal(signal.SIGALRM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.filterwarnings("ignore:Fitting was interrupted")
@pytest.mark.parametrize("name", ["invert", "generate", "reconstruct", "edit", "fit", "block", "blocks"])
def test_an_interrupt_leaves_nothing_behind(runs, alarm_interrupts, name):
    unet = runs.pipe.unet
    run = getattr(runs, name)
    stock = dict(unet.attn_processors)
    handler = signal.getsignal(signal.SIGINT)
    start = time.perf_counter()
    run()
    whole = time.perf_counter() - start
    chance = random.Random(name)
    came = 0
    for _ in range(-(-COUNT // 7)):
        came += interrupted(run, max(1e-5, chance.random() * whole))
        assert unet.attn_processors == stock
        assert signal.getsignal(signal.SIGINT) is handler
        assert not unet.is_gradient_checkpointing
        assert free(unet)
    assert came or name == "fit"  # a fit that is interrupted returns
    before = torch.get_rng_state()
    run()
    assert torch.equal(before, torch.get_rng_state())


def free(unet) -> bool:
    """Whether another thread can take the network."""
    got = []

    def take() -> None:
        lock = _lock_of(unet)
        if lock.acquire(timeout=2):
            got.append(True)
            lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join(5)
    return bool(got)


def test_the_next_run_gives_the_right_result(runs, alarm_interrupts):
    expected = styledit.reconstruct(runs.pipe, runs.inversion, guidance=3.0, progress=False).latents
    for after in (0.0005, 0.002, 0.005, 0.01):
        interrupted(runs.edit, after)
        found = styledit.reconstruct(runs.pipe, runs.inversion, guidance=3.0, progress=False).latents
        assert torch.equal(found, expected)


def test_an_error_inside_the_network_leaves_nothing_behind(runs):
    unet = runs.pipe.unet
    stock = dict(unet.attn_processors)

    def fail(module, arguments):
        raise RuntimeError("out of memory")

    handle = unet.mid_block.register_forward_pre_hook(fail)
    try:
        for name in ("invert", "generate", "reconstruct", "edit", "fit", "block"):
            with pytest.raises(RuntimeError, match="out of memory"):
                getattr(runs, name)()
            assert unet.attn_processors == stock and free(unet)
    finally:
        handle.remove()

"""Ctrl-C at any instruction: no control rules afterwards, in no thread, and the next call gives what it
always gives.
"""

from __future__ import annotations

import _thread
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from types import FrameType

import pytest
import torch

import styledit
from conftest import make_pipeline
from styledit.baselines import fit_nulls, null_text, plug_and_play
from styledit.control import running_controls
from styledit.denoising import predict
from styledit.generation import generating, reconstructing
from styledit.inversion import inverting
from styledit.values import ValueFit

COUNT = int(os.environ.get("STYLEDIT_INTERRUPTS", "60"))
TARGET = "a blue cat in the snow"
STEPS = 3
WAIT = 60  # seconds until something counts as stuck


class World:
    """A tiny pipeline, and every call that controls its attention, each giving a tensor."""

    def __init__(self, pipe, picture) -> None:
        self.pipe = pipe
        self.unet = pipe.unet
        self.picture = picture
        self.inversion = styledit.invert(pipe, picture, "a red car in the snow", STEPS, progress=False)
        self.preset = styledit.Preset(2, 0.01)
        self.processors = dict(self.unet.attn_processors)
        self.expected = self.call()
        self.activations = self.kept_activations()

    def call(self) -> torch.Tensor:
        """One network call as anyone makes it."""
        inversion = self.inversion
        with torch.no_grad():
            return self.unet(inversion.z_T, 501, encoder_hidden_states=inversion.c).sample

    def kept_activations(self) -> int:
        """How many tensors a call with gradients keeps for its backward pass."""
        kept: list[torch.Tensor] = []
        z = self.inversion.z_T.clone().requires_grad_()
        with (
            torch.enable_grad(),
            torch.autograd.graph.saved_tensors_hooks(kept.append, lambda tensor: tensor),
        ):
            self.unet(z, 501, encoder_hidden_states=self.inversion.c)
        return len(kept)

    def invert(self) -> torch.Tensor:
        return styledit.invert(self.pipe, self.picture, "a red car", STEPS, progress=False).latents

    def generate(self) -> torch.Tensor:
        return styledit.generate(self.pipe, TARGET, steps=STEPS, progress=False).latents

    def reconstruct(self) -> torch.Tensor:
        return styledit.reconstruct(self.pipe, self.inversion, guidance=3.0, progress=False).latents

    def edit(self) -> torch.Tensor:
        """Several targets, with all that an edit may read of the maps."""
        edits = styledit.edit(
            self.pipe,
            self.inversion,
            [TARGET, "a plain red car in the snow"],
            blend="snow",
            record=styledit.Layers(),
            progress=False,
        )
        return torch.cat([edit.latents for edit in edits])

    def plug_and_play(self) -> torch.Tensor:
        """Features of a ResNet block, kept and replaced."""
        return plug_and_play(self.pipe, self.inversion, TARGET, progress=False).latents

    def fit(self) -> torch.Tensor:
        return styledit.fit_values(
            self.pipe, self.inversion, preset=self.preset, low_memory=True, progress=False
        ).scale

    def null_text(self) -> torch.Tensor:
        nulls = fit_nulls(self.pipe, self.inversion, iterations=1, progress=False)
        return null_text(self.pipe, self.inversion, TARGET, nulls=nulls, progress=False).latents

    def block(self) -> torch.Tensor:
        """What a lesson writes."""
        with styledit.attention_control(self.unet, styledit.Layers()) as control:
            control.values = self.inversion.c + 0.5
            return self.call()

    def nested(self) -> torch.Tensor:
        """A run inside a block inside a block."""
        with styledit.attention_control(self.unet, styledit.Layers()):
            with styledit.attention_control(self.unet) as inner:
                inner.values = self.inversion.c + 0.5
                self.call()
            return self.reconstruct()

    def doors(self) -> torch.Tensor:
        """Nothing but going in and out, where an interrupt finds the most to undo."""
        for _ in range(100):
            with styledit.attention_control(self.unet):
                pass
        return self.expected


CALLS = (
    "invert",
    "generate",
    "reconstruct",
    "edit",
    "plug_and_play",
    "fit",
    "null_text",
    "block",
    "nested",
    "doors",
)
WAYS = ("timer", "kill", "interrupt_main")


@pytest.fixture(scope="module")
def world(tokenizer, picture):
    return World(make_pipeline(tokenizer), picture)


@pytest.fixture(autouse=True)
def interrupts_are_python_s_own():
    """The handler that a shell's Python starts with, whoever runs the tests; gradients on afterwards, which
    an interrupt of a test's own torch.no_grad() leaves off.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
    torch.set_grad_enabled(True)


def interrupted(run: Callable[[], object], after: float, way: str) -> bool:
    """Whether the one interrupt, sent after so many seconds, came while the call ran."""
    sent, over = threading.Event(), threading.Event()

    def on_alarm(number, frame) -> None:
        sent.set()
        signal.raise_signal(signal.SIGINT)

    def send() -> None:
        time.sleep(after)
        if way == "kill":
            os.kill(os.getpid(), signal.SIGINT)
        else:
            _thread.interrupt_main()
        sent.set()

    sender = threading.Thread(target=send, daemon=True)
    alarm = signal.signal(signal.SIGALRM, on_alarm)
    during = False
    try:
        if way == "timer":
            signal.setitimer(signal.ITIMER_REAL, after)
        else:
            sender.start()
        run()
        over.set()
        while True:
            time.sleep(0.001)  # where the call was faster, the interrupt comes here
            if sent.is_set() and not sender.is_alive():
                break
    except KeyboardInterrupt:
        during = not over.is_set()
    if sender.ident is not None:
        sender.join(WAIT)
    signal.signal(signal.SIGALRM, alarm)
    return during


def in_another_thread(job: Callable[[], torch.Tensor]) -> torch.Tensor:
    """What a job gives in a thread of its own; fails where that is stuck."""
    got: list[torch.Tensor] = []
    thread = threading.Thread(target=lambda: got.append(job()), daemon=True)
    thread.start()
    thread.join(WAIT)
    assert not thread.is_alive(), "a thread is stuck"
    return got[0]


def assert_nothing_is_left(world: World) -> None:
    assert not running_controls()
    assert world.unet.attn_processors == world.processors
    assert world.kept_activations() == world.activations
    inversion = world.inversion
    controlled = in_another_thread(
        lambda: predict(world.pipe, inversion.z_T, 501, inversion.c).output.detach()
    )
    assert torch.equal(controlled, world.expected)
    assert torch.equal(world.call(), world.expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_an_interrupt_leaves_nothing_behind(world, name):
    run = getattr(world, name)
    expected = run()
    start = time.perf_counter()
    run()
    whole = time.perf_counter() - start
    chance = random.Random(name)
    count = -(-COUNT // len(CALLS))
    came = tries = 0
    while tries < count or came < count // 3:
        in_time = interrupted(run, max(1e-5, chance.random() * whole), WAYS[tries % len(WAYS)])
        assert_nothing_is_left(world)
        whole *= 1 if in_time else 0.9  # the machine may have been busier when the call was timed
        came, tries = came + in_time, tries + 1
        assert tries < 20 * count, "hardly an interrupt comes while the call runs"
    with torch.enable_grad():
        assert torch.equal(run(), expected)


class InterruptAt:
    """A trace function that makes an interrupt due at a chosen instruction of a file;
    Python delivers it at the next place where it would.

    `count`: how many instructions have been reached.
    """

    def __init__(self, instruction: int, *files: str) -> None:
        self.instruction = instruction
        self.files = files
        self.count = 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> InterruptAt | None:
        if not frame.f_code.co_filename.endswith(self.files):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.count += 1
            if self.count == self.instruction:
                sys.settrace(None)
                # No call follows this one, after which Python would deliver it here.
                for _ in map(_thread.interrupt_main, (signal.SIGINT,)):
                    return self
        return self


def interrupt_of(job: Callable[[], object], trace: InterruptAt) -> KeyboardInterrupt | None:
    """The interrupt that a traced job ended with, which remembers every frame it went through."""
    before = sys.gettrace()
    try:
        sys.settrace(trace)
        try:
            job()
        finally:
            sys.settrace(before)
        time.sleep(0)  # where an interrupt that fell due at the very end is delivered
    except KeyboardInterrupt as interrupt:
        return interrupt
    return None


@pytest.mark.slow
@pytest.mark.parametrize("name, stride", [("door", 1), ("block", 41), ("predict", 41), ("low_memory", 97)])
def test_interrupts_at_every_instruction(world, name, stride):
    """The interrupt is remembered, as by a notebook, while another call is made."""
    files = ("styledit/control.py", "tests/test_interrupts.py")

    def door() -> None:
        with styledit.attention_control(world.unet) as control:
            control.values = None
        running_controls()

    def low_memory() -> None:
        c = world.inversion.c.clone().requires_grad_()
        found = predict(world.pipe, world.inversion.z_T, 501, c, recompute=True)
        found.output.sum().backward()

    jobs: dict[str, Callable[[], object]] = {
        "door": door,
        "block": world.block,
        "predict": lambda: predict(world.pipe, world.inversion.z_T, 501, world.inversion.c),
        "low_memory": low_memory,
    }
    trace = InterruptAt(0, *files)
    assert interrupt_of(jobs[name], trace) is None
    assert trace.count > 100
    came = 0
    for k in range(1, trace.count + 1, 1 if COUNT >= 500 else stride):
        interrupt = interrupt_of(jobs[name], InterruptAt(k, *files))
        came += interrupt is not None
        assert not running_controls(), k
        assert torch.is_grad_enabled() or name == "block", k  # whose torch.no_grad() is the test's own
        torch.set_grad_enabled(True)
        if name != "door":
            assert torch.equal(world.call(), world.expected), k
    assert came > 0
    assert_nothing_is_left(world)


@pytest.mark.slow
def test_gradients_stay_as_they_were(world):
    """An interrupt inside torch.no_grad() itself, which would leave them off."""
    file = "torch/autograd/grad_mode.py"
    trace = InterruptAt(0, file)
    assert interrupt_of(world.reconstruct, trace) is None
    assert trace.count > 100
    for k in range(1, trace.count + 1, 1 if COUNT >= 500 else 11):
        interrupt_of(world.reconstruct, InterruptAt(k, file))
        on = torch.is_grad_enabled()
        torch.set_grad_enabled(True)
        assert on, k


def generators(world: World) -> dict[str, Callable[[], Generator]]:
    """Every kind of run."""
    pipe, inversion = world.pipe, world.inversion
    return {
        "invert": lambda: inverting(pipe, world.picture, "a red car", STEPS),
        "generate": lambda: generating(pipe, TARGET, steps=STEPS),
        "reconstruct": lambda: reconstructing(pipe, inversion, guidance=3.0),
        "edit": lambda: styledit.Editor(pipe, inversion).editing(TARGET),
        "fit": lambda: ValueFit(pipe, inversion, preset=world.preset, low_memory=True).run(),
    }


def test_a_run_that_is_closed_leaves_nothing_behind(world):
    chance = random.Random(0)
    for start in generators(world).values():
        for way in ("close", "forget", "throw", "throw KeyboardInterrupt"):
            run = start()
            for _ in range(chance.randrange(5)):
                next(run, None)
            if way == "close":
                run.close()
            elif way.startswith("throw"):
                error = KeyboardInterrupt if way.endswith("KeyboardInterrupt") else ValueError
                with pytest.raises(error):
                    run.throw(error())
            del run
            assert not running_controls()
            assert torch.is_grad_enabled() and not world.unet.is_gradient_checkpointing
    assert_nothing_is_left(world)


def test_an_error_in_a_callback_leaves_nothing_behind(world):
    pipe, inversion = world.pipe, world.inversion
    calls: dict[str, Callable[..., object]] = {
        "invert": lambda **tell: styledit.invert(pipe, world.picture, "a red car", STEPS, **tell),
        "generate": lambda **tell: styledit.generate(pipe, TARGET, steps=STEPS, **tell),
        "reconstruct": lambda **tell: styledit.reconstruct(pipe, inversion, guidance=3.0, **tell),
        "edit": lambda **tell: styledit.edit(pipe, inversion, TARGET, **tell),
        "fit": lambda **tell: styledit.fit_values(pipe, inversion, preset=world.preset, **tell),
        "nulls": lambda **tell: fit_nulls(pipe, inversion, iterations=1, **tell),
    }

    def fail(state):
        if state["i"] == 1:
            raise RuntimeError("the screen is gone")

    for name, call in calls.items():
        with pytest.raises(RuntimeError, match="the screen is gone") as error:
            call(progress=False, callback=fail)
        assert torch.is_grad_enabled()
        if name in ("fit", "nulls"):
            assert len(error.value.values.losses) == 2  # the finished steps are not lost
    assert_nothing_is_left(world)


def test_an_error_inside_the_network_leaves_nothing_behind(world):
    def fail(module, arguments, output):
        raise RuntimeError("out of memory")

    handle = world.unet.mid_block.register_forward_hook(fail)
    try:
        for name in CALLS[:-1]:  # the last makes no call
            with pytest.raises(RuntimeError, match="out of memory"):
                getattr(world, name)()
            assert not running_controls()
    finally:
        handle.remove()
    assert_nothing_is_left(world)

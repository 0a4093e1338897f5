"""What lessons 06, 08 and A1 check, and what they need of a widget and of a network without weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import styledit
from styledit.attention import as_choices
from styledit.editing import Edit
from styledit.inversion import Inversion
from styledit.lab.widget import LabWidget
from styledit.lessons.exercises.checking import Empty, NotYet, answer, call, exercise, noise, number, same
from styledit.storage.checkpoints import CONFIGS

GIB = 2**30
LONGEST = 600.0  # seconds to wait for a widget


def settled(widget: LabWidget, seconds: float = LONGEST) -> LabWidget:
    """The widget, once it has something to show; a lesson that is stored then has its picture.

    Raises:
        RuntimeError: the widget reports a problem, or has nothing to show in time.
    """
    end = time.monotonic() + seconds
    while widget.snapshot() is None:
        if widget.problem:
            raise RuntimeError(f"The {type(widget).__name__} says: {widget.problem}")
        if time.monotonic() > end:
            raise RuntimeError(f"The {type(widget).__name__} had nothing to show after {seconds:g} s.")
        time.sleep(0.05)
    return widget


def without_weights(family: str, dtype: torch.dtype = torch.float16) -> StableDiffusionPipeline:
    """The networks of a family ("sd1", "sd2-base", "sd2-v") as shapes only: they take no memory and compute
    nothing, and what they would take can be counted.
    """
    folder = CONFIGS / family
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(folder / "unet"))
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(folder / "vae"))
        config = CLIPTextConfig.from_pretrained(str(folder), subfolder="text_encoder", local_files_only=True)
        text = CLIPTextModel(config)
    for network in (unet, vae, text):
        torch.nn.Module.to(network, dtype).eval().requires_grad_(False)
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=CLIPTokenizer(
            vocab={"<|startoftext|>": 0, "<|endoftext|>": 1},
            merges=[],
            model_max_length=config.max_position_embeddings,
        ),
        unet=unet,
        scheduler=DDIMScheduler.from_config(
            DDIMScheduler.load_config(folder / "scheduler"), clip_sample=False
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@exercise("06 The first step", right="up to the earlier of the two switches the runs are the same")
def check_first_step(first: Callable[[float, float, int], Any]) -> None:
    """Check `first(before, after, T)`: the first step that differs when a tau moves."""
    if number(call(first, 0.2, 0.8, 10)) != number(call(first, 0.8, 0.2, 10)):
        raise NotYet("a slider that moves up and one that moves down by as much touch the same steps.")
    if number(call(first, 0.8, 0.4, 15)) != 6:
        raise NotYet("at T = 15, 0.8 holds steps 0 to 11, and 0.4 steps 0 to 5. Where do they part?")
    if number(call(first, 0.5, 1.0, 30)) != 15:
        raise NotYet("it is right for T = 15; does your answer know T?")
    if number(call(first, 0.15, 0.8, 15)) != 3:
        raise NotYet("right where tau T is a whole number; at 0.15 · 15 = 2.25, is step 2 on or off?")
    if number(call(first, 0.14, 0.8, 50)) != 7:
        raise NotYet("0.14 · 50 is 7, though a computer takes it for a little more.")


@exercise("06 A method of your own", right="the lab can edit with it")
def check_method(
    method: Callable[..., Any], pipe: StableDiffusionPipeline, inversion: Inversion, target: str
) -> None:
    """Check a method `(pipe, inversion, target_prompt, settings) -> Edit` on one picture."""
    if not callable(method):
        raise NotYet("a method is a function; give its name without brackets.")
    try:
        edit = method(pipe, inversion, target, {"guidance": 3.0})
    except Exception as error:
        raise NotYet(f"your method stopped with {type(error).__name__}: {error}") from error
    if edit is None or edit is ...:
        raise Empty("Nothing came back: write your method in the place of `...`.")
    if not isinstance(edit, Edit):
        raise NotYet(f"it returned a {type(edit).__name__}; the lab wants a `styledit.Edit`.")
    if edit.target_prompt != target:
        raise NotYet(f"it made {edit.target_prompt!r}, not {target!r}. Is the target passed on?")
    if styledit.psnr(edit.image, edit.reconstruction) > 45:
        raise NotYet("the picture comes back as it was. Does your method read the target at all?")


@exercise("08 What maps weigh", right="every head has a table of places × keys")
def check_map_bytes(count: Callable[[int, int, int, int], Any]) -> None:
    """Check `count(heads, h, w, keys)`: the bytes of one layer's maps of one step in float16."""
    if number(call(count, 8, 64, 64, 77)) == 8 * 64 * 64 * 77:
        raise NotYet("that counts numbers; how many bytes has one of them in float16?")
    if number(call(count, 8, 64, 64, 77)) != 2 * 8 * 64 * 64 * 77:
        raise NotYet("each head, each place of the map and each key has a number of its own.")
    if number(call(count, 4, 16, 8, 20)) != 2 * 4 * 16 * 8 * 20:
        raise NotYet("it is right for a square map; what of 16 × 8?")


@exercise("08 A record that fits", right="self-attention of small maps is cheap, of the largest it is not")
def check_record(record: styledit.Record) -> None:
    """Check a Record of self-attention that takes at most 1 GiB at 50 steps of Stable Diffusion 1."""
    if not isinstance(record, styledit.Record):
        raise NotYet(f"a styledit.Record is asked for, not a {type(record).__name__}.")
    if not any(layers.kind == "self" for layers in as_choices(record.layers)):
        raise NotYet("it keeps no self-attention; see the argument `kind` of `Layers`.")
    try:
        size = record.bytes(without_weights("sd1"), (64, 64), 50)
    except ValueError as error:
        raise NotYet(str(error)) from error
    if size > GIB:
        raise NotYet(
            f"it takes {size / GIB:.1f} GiB. Which scales have the large maps, and are all steps needed?"
        )


@exercise("A1 What the network should say", right="that is v, the target of every training step")
def check_v(v: Callable[..., Any]) -> None:
    """Check `v(z_0, eps, abar)`: the target of a network that predicts v."""
    z_0, eps = noise(2)
    same(answer(v, z_0, eps, torch.tensor(1.0)), eps, "without noise (ᾱ = 1), only ε is left to say.")
    same(
        answer(v, z_0, eps, torch.tensor(0.0)),
        -z_0,
        "in pure noise (ᾱ = 0), it is the picture; its sign?",
    )
    wanted = 0.36**0.5 * eps - 0.64**0.5 * z_0
    same(answer(v, z_0, eps, torch.tensor(0.36)), wanted, "both ends are right; where are the roots?")


@exercise("A1 The learning rate", right="up, along, and down")
def check_rate(rate: Callable[[int, int, float], Any]) -> None:
    """Check `rate(step, steps, peak)`: 300 steps up, a plateau, and down over the last 30 % of the steps."""
    if abs(number(call(rate, 2000, 10_000, 2.0)) - 2.0) > 1e-6:
        raise NotYet("in the middle of training, at step 2000 of 10,000, the rate should be `peak`.")
    if abs(number(call(rate, 149, 10_000, 1.0)) - 0.5) > 0.01:
        raise NotYet("half way through the first 300 steps it should be half of the peak.")
    if abs(number(call(rate, 8500, 10_000, 1.0)) - 0.5) > 0.01:
        raise NotYet("half way through the last 30 % of the steps it should be half of the peak.")
    if abs(number(call(rate, 850, 1000, 1.0)) - 0.5) > 0.01:
        raise NotYet("it is right for 10,000 steps; does the descent know how many there are?")

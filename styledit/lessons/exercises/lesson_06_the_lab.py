"""Lesson 06, the lab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.editing import Edit
from styledit.inversion import Inversion
from styledit.lab.edit.samples import Challenge, score
from styledit.lessons.exercises.checking import Empty, NotYet, call, exercise, kind_of, number
from styledit.metrics import psnr


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
    if number(call(first, 0.14, 0.8, 50)) not in (7, 8):  # 7 by hand, 8 by a computer's 7.000000000000001
        raise NotYet("at T = 50, 0.14 holds steps 0 to 6. Is your answer a whole number there?")


@exercise("06 Fooling the score", right="a number of pixels cannot tell an edit from none")
def check_fooled_score(picture: Image.Image, challenge: Challenge, suggested: Image.Image) -> None:
    """Check a picture that is nearer to a challenge's truth, in dB, than the suggested edit, and in which the
    judge does not see the change.
    """
    if not isinstance(picture, Image.Image):
        raise NotYet(f"a picture is asked for, such as `edit.image`, not {kind_of(picture)}.")
    if picture.size != challenge.truth.size:
        raise NotYet(f"the truth has {challenge.truth.size} pixels, and your picture {picture.size}.")
    reached, plain = score(challenge, picture.convert("RGB")), score(challenge, suggested)
    if reached.psnr <= plain.psnr:
        raise NotYet(
            f"it has {reached.psnr:.1f} dB the suggestion {plain.psnr:.1f}. Where do source and truth agree?"
        )
    if reached.succeeded:
        raise NotYet("nearer than the suggestion, and the judge sees the change: that is a better edit.")


@exercise("06 A method of your own", right="the lab can edit with it")
def check_lab_method(
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
    if psnr(edit.image, edit.reconstruction) > 45:
        raise NotYet("the picture comes back as it was. Does your method read the target at all?")

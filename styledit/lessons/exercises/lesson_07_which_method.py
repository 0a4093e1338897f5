"""Lesson 07, which method."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from styledit.editing import Edit
from styledit.inversion import Inversion, invert
from styledit.lessons.exercises.checking import NotYet, answer, call, exercise, noise, same
from styledit.lessons.pictures import lesson_picture
from styledit.pipeline import load

Estimates = tuple[Tensor, Tensor, Tensor]  # noise under the empty, the source and the target prompt


def follow(
    z: Tensor, levels: Tensor, noise: Callable[[Tensor, int], Estimates], w_src: float, w_hat: float, w: float
) -> Tensor:
    """The target's last latent (1, C, h, w), where it follows its source by DDIM (`styledit.editing.update`).

    Args:
        z: the source's latents from the noisiest, (T + 1, 1, C, h, w).
        levels: their abar, (T + 1,).
        noise: `noise(x, i)`, the estimates at a latent x of index i.
        w_src, w_hat, w: guidance of the source, away from the source prompt, and towards the target prompt.
    """
    sigma = ((1 - levels) / levels).sqrt()
    delta = torch.zeros_like(z[0])
    for i in range(len(z) - 1):
        n, s, _ = noise(z[i], i)
        e_src = n + w_src * (s - n)
        n, s, t = noise(z[i] + levels[i].sqrt() * delta, i)
        e_tgt = n + w_src * (s - n) + w * (t - n) - w_hat * (s - n)
        delta = delta - (sigma[i] - sigma[i + 1]) * (e_tgt - e_src)
    return z[-1] + levels[-1].sqrt() * delta


@exercise("07 Following", right="each estimate at its own latent, so that the target sees what it has done")
def check_follow(mine: Callable[..., Any]) -> None:
    """Check `mine(z, levels, noise, w_src, w_hat, w)`, as `follow`."""
    *latents, a, b, c = noise(7)
    z, bases = torch.stack(latents), (a, b, c)
    levels = torch.tensor([0.1, 0.4, 0.8, 0.98])

    def estimates(x: Tensor, i: int) -> Estimates:
        n, s, t = ((0.2 + 0.1 * i) * x + (0.5 - 0.1 * k) * bases[k] for k in range(3))
        return n, s, t

    def unchanged(x: Tensor, i: int) -> Estimates:
        n, s, _ = estimates(x, i)
        return n, s, s

    same(
        answer(mine, z, levels, unchanged, 1.0, 3.0, 3.0),
        z[-1],
        "where both prompts are the same and ŵ is w, nothing may move: the picture is z[-1].",
    )
    for guidance in ((1.0, 3.0, 3.0), (2.0, 1.0, 4.0)):
        same(
            answer(mine, z, levels, estimates, *guidance),
            follow(z, levels, estimates, *guidance),
            "the target does not end where it should. At which latent does the equation take the source's "
            "noise, and at which the target's?",
            tolerance=1e-4,
        )


@exercise("07 The front", right="what another method dominates need not be looked at again")
def check_front(front: Callable[[dict[str, tuple[float, float]]], Any]) -> None:
    """Check `front({name: (a, b)})`: the names that no other dominates, higher being better.

    Dominated means: another is at least as good in both numbers and better in one. Who asks that it be better
    in both is right, too: the two differ only where numbers tie.
    """
    for table, wanted, hint in (
        ({"A": (1.0, 1.0)}, ({"A"},), "a method that is alone is dominated by nobody."),
        ({"A": (1.0, 9.0), "B": (9.0, 1.0)}, ({"A", "B"},), "each of these two is better in one number."),
        ({"A": (1.0, 1.0), "B": (2.0, 2.0)}, ({"B"},), "B beats A in both numbers."),
        (
            {"A": (5.0, 5.0), "B": (4.0, 6.0), "C": (3.0, 4.0), "D": (9.0, 1.0)},
            ({"A", "B", "D"},),
            "of these four, only C is beaten twice by one and the same other.",
        ),
        ({"A": (5.0, 5.0), "B": (5.0, 4.0)}, ({"A"}, {"A", "B"}), "nobody is better than A in anything."),
        ({"A": (5.0, 5.0), "B": (5.0, 5.0)}, ({"A", "B"},), "of two equal methods, neither is the better."),
    ):  # fmt: skip
        found = call(front, table)
        if not isinstance(found, (list, tuple, set, frozenset)) or not set(found) <= set(table):
            raise NotYet("return the names, in a list.")
        if set(found) not in wanted:
            raise NotYet(hint)


@exercise("07 A method of your own", right="it takes any picture and any sentence, and returns an edit")
def check_method(method: Callable[..., Any]) -> None:
    """Check `method(pipe, inversion, target_prompt, settings)`, which returns an `Edit`."""
    if not callable(method):
        raise NotYet("a function is graded here; give its name without brackets.")
    try:
        inspect.signature(method).bind(None, None, "", {})
    except TypeError:
        raise NotYet("it is called with four arguments: pipe, inversion, target_prompt, settings.") from None
    pipe, inversion = _small()
    words = inversion.prompt.split()
    made = []
    for place in ("snow", "forest"):
        target = " ".join([*words[:-1], place])
        made.append(call(method, pipe, inversion, target, {"guidance": 3.0}))
        if not isinstance(made[-1], Edit):
            kind = type(made[-1]).__name__
            raise NotYet(f"the table measures a `styledit.Edit`, and what came back is of type {kind}.")
        if made[-1].target_prompt != target:
            raise NotYet("the edit is not of the target prompt that it was given.")
    snow, forest = (np.asarray(edit.image) for edit in made)
    if np.array_equal(snow, forest):
        raise NotYet("two sentences give the same picture; does anything read `target_prompt`?")


@cache
def _small() -> tuple[StableDiffusionPipeline, Inversion]:
    """The embedded model and a picture of it, inverted in two steps: enough to see whether a method runs."""
    pipe = load()
    picture = lesson_picture(pipe, "car")
    return pipe, invert(pipe, picture.image, picture.prompt, 2, progress=False)

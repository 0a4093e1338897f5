"""Lesson 07, which method."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from diffusers import StableDiffusionPipeline

from styledit.editing import Edit
from styledit.inversion import Inversion, invert
from styledit.lessons.exercises.checking import NotYet, call, exercise, number
from styledit.lessons.pictures import lesson_picture
from styledit.pipeline import load


@exercise("07 Case by case", right="a share of cases says what a mean hides")
def check_wins(wins: Callable[[list[float], list[float]], Any]) -> None:
    """Check `wins(mine, theirs)`: on which share of the cases mine is higher, from 0 to 1."""
    if number(call(wins, [3.0, 4.0, 5.0, 6.0], [1.0, 1.0, 1.0, 1.0])) != 1:
        raise NotYet("mine is higher in every case of four here; as a share, from 0 to 1.")
    if number(call(wins, [20.0, 20.0], [21.0, 10.0])) != 0.5:
        raise NotYet("one case each: it does not matter by how much.")
    if number(call(wins, [20.0, 18.0, 17.0, 16.0], [20.0, 19.0, 16.0, 17.0])) != 0.25:
        raise NotYet("a tie is no win, and each case is held against the same case.")


@exercise("07 The front", right="what another method beats twice need not be looked at again")
def check_front(front: Callable[[dict[str, tuple[float, float]]], Any]) -> None:
    """Check `front({name: (a, b)})`: the names that no other beats in both numbers, higher being better."""
    for table, wanted, hint in (
        ({"A": (1.0, 1.0)}, {"A"}, "a method that is alone is beaten by nobody."),
        ({"A": (1.0, 9.0), "B": (9.0, 1.0)}, {"A", "B"}, "each of these two is better in one number."),
        ({"A": (1.0, 1.0), "B": (2.0, 2.0)}, {"B"}, "B beats A in both numbers."),
        (
            {"A": (5.0, 5.0), "B": (4.0, 6.0), "C": (3.0, 4.0), "D": (9.0, 1.0)},
            {"A", "B", "D"},
            "of these four, only C is beaten twice by one and the same other.",
        ),
        ({"A": (5.0, 5.0), "B": (5.0, 4.0)}, {"A", "B"}, "a tie in one number is not beaten in both."),
    ):
        found = call(front, table)
        if not isinstance(found, (list, tuple, set, frozenset)) or not set(found) <= set(table):
            raise NotYet("return the names, in a list.")
        if set(found) != wanted:
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

"""What every check is made of: it grades an answer, says one thing to look at, and remembers what was passed.

A check is a function that raises `NotYet` with a hint where the answer is wrong, under `@exercise`:

    @exercise("01 Guidance", right="from the empty prompt through the prompt, and beyond")
    def check_guidance(guided):
        uncond, cond = noise(2)
        same(answer(guided, uncond, cond, 1.0), cond, "at w = 1 only the prompt's output remains")

In a lesson `exercises.check_guidance(mine)` shows the verdict and goes on, so that a notebook with unanswered
exercises runs to its end; `check_guidance.grade(mine)` gives the `Verdict` and shows nothing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import torch
from IPython.display import display
from torch import Tensor

from styledit.lessons.progress import Progress, read_progress, record
from styledit.validation import with_article

EXERCISES: dict[str, Exercise] = {}  # by name, which begins with the lesson's number

MARKS = {True: "✓", False: "✗", None: "○"}
EDGES = {True: "#009E73", False: "#D55E00", None: "#8a8a8a"}
UNANSWERED = "no answer yet: write yours in the place of `...`."
EMPTY = "Nothing came back: write your answer in the place of `...`. If you did, is a `return` missing?"


class NotYet(Exception):
    """An answer that is not right yet; the message is the hint."""


class Empty(NotYet):
    """An answer that was not given."""


@dataclass(frozen=True)
class Verdict:
    """What a check found: `passed` is None where nothing was answered."""

    exercise: str
    passed: bool | None
    text: str

    def __repr__(self) -> str:
        return f"{MARKS[self.passed]} {self.exercise}: {self.text}"

    def _repr_html_(self) -> str:
        return (
            f'<div style="border-left:5px solid {EDGES[self.passed]};padding:4px 10px;font-size:15px">'
            f"{MARKS[self.passed]} <b>{escape(self.exercise)}</b>: {_code(self.text)}</div>"
        )


class Exercise:
    """A check under its name; see this module."""

    def __init__(self, name: str, right: str, check: Callable[..., None]) -> None:
        self.name = name
        self.right = right
        self.check = check
        functools.update_wrapper(self, check)

    def grade(self, *answers: Any) -> Verdict:
        """The verdict on an answer; nothing is shown or remembered."""
        try:
            if not answers or any(given is None or given is ... for given in answers):
                raise Empty(UNANSWERED)
            self.check(*answers)
        except Empty as empty:
            return Verdict(self.name, None, str(empty))
        except NotYet as hint:
            return Verdict(self.name, False, f"not yet: {hint}")
        return Verdict(self.name, True, f"right: {self.right}.")

    def __call__(self, *answers: Any) -> None:
        """Show the verdict on an answer, and remember it."""
        show_and_record(self.grade(*answers), prediction=False)


def exercise(name: str, right: str) -> Callable[[Callable[..., None]], Exercise]:
    """Make a check an exercise.

    Args:
        name: the lesson's number and a title, "01 Guidance"; `progress()` lists it.
        right: what the learner has shown, a clause without a full stop.
    """

    def register(check: Callable[..., None]) -> Exercise:
        EXERCISES[name] = Exercise(name, right, check)
        return EXERCISES[name]

    return register


def progress() -> Progress:
    """Which exercises this student has passed, in all notebooks; see `styledit.lessons.progress`."""
    return read_progress(sorted(EXERCISES, key=lambda name: name[:2]))


# --- for checks -------------------------------------------------------------------------------------


def answer(function: Callable, *arguments: Any) -> Tensor:
    """The tensor that the learner's function returns for copies of the arguments, or a sentence."""
    result = call(function, *arguments)
    if isinstance(result, (tuple, list)):
        kind = type(result).__name__
        raise NotYet(
            f"your function returned a {kind} of {len(result)}; return one tensor; "
            "`torch.stack` makes one of several."
        )
    if not isinstance(result, Tensor):
        raise NotYet(f"your function returned a {type(result).__name__}; it should return a tensor.")
    if not result.isfinite().all():
        raise NotYet(
            "your result has NaN or infinite values; look for a division by zero, or the root of something "
            "below zero."
        )
    return result


def call(function: Callable, *arguments: Any) -> Any:
    """What the learner's function returns for copies of the arguments, or a sentence."""
    if not callable(function):
        raise NotYet(
            f"a function is graded here, not {kind_of(function)}; give the function's name without brackets."
        )
    copies = [given.clone() if isinstance(given, Tensor) else given for given in arguments]
    try:
        result = function(*copies)
    except Exception as error:
        raise NotYet(f"your function stopped with {type(error).__name__}: {error}") from error
    if result is None or result is ...:
        raise Empty(EMPTY)
    return result


def same(got: Tensor, wanted: Tensor, hint: str, tolerance: float = 1e-5) -> None:
    """Raise `NotYet` with the hint unless two tensors agree."""
    if got.shape != wanted.shape:
        raise NotYet(f"the result has shape {tuple(got.shape)} and should have {tuple(wanted.shape)}.")
    if not torch.allclose(got.double(), wanted.double(), atol=tolerance):
        raise NotYet(hint)


def number(given: Any) -> float:
    """A learner's number, or a sentence."""
    if isinstance(given, (tuple, list)):
        raise NotYet(f"one number is asked for, not a {type(given).__name__}.")
    if isinstance(given, bool) or not isinstance(given, (int, float, np.number, Tensor)):
        raise NotYet(f"a number is asked for, not {kind_of(given)}.")
    if isinstance(given, Tensor) and given.numel() != 1:
        raise NotYet(f"one number is asked for, not a tensor of shape {tuple(given.shape)}.")
    value = float(given)
    if not math.isfinite(value):
        raise NotYet(f"a finite number is asked for, not {value}.")
    return value


def noise(n: int, *shape: int) -> tuple[Tensor, ...]:
    """n random tensors, (1, 4, 6, 6) unless another shape is given, the same every time."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, *(shape or (1, 4, 6, 6)), generator=generator).unbind(0)


# --- how a verdict is made --------------------------------------------------------------------------


def show_and_record(verdict: Verdict, *, prediction: bool) -> None:
    """Show a verdict, and remember it where something was answered."""
    if verdict.passed is not None:
        record(verdict.exercise, verdict.passed, prediction=prediction)
    display(verdict)


def kind_of(given: Any) -> str:
    """A value of the wrong kind, in words."""
    return with_article(type(given).__name__)


def _code(text: str) -> str:
    """Text as HTML, what stands between backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if k % 2 else part for k, part in enumerate(parts))

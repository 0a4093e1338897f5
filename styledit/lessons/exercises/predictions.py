"""Predictions: a guess that is made before a cell is run, held against what the cell computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from styledit.lessons.exercises.checking import NotYet, Verdict, kind_of, number, show_and_record


def predict(
    name: str,
    guess: Any,
    computed: Any,
    *,
    within: float | None = None,
    unit: str = "",
    options: Sequence[str] = (),
    because: str = "",
) -> None:
    """Hold a guess that was made before running against what was computed.

    Args:
        name: the lesson's number and what is guessed, "01 The cost of guidance".
        guess: what the learner wrote; `...` is no guess yet.
        computed: a number, a string, or a list of strings (an order).
        within: how far a number may be off and still count; None allows a quarter of what was computed.
        unit: of a number, "dB".
        options: the strings to choose from.
        because: a sentence of why, shown after a guess.
    """
    show_and_record(judge_prediction(name, guess, computed, within, unit, options, because), prediction=True)


def judge_prediction(
    name: str,
    guess: Any,
    computed: Any,
    within: float | None = None,
    unit: str = "",
    options: Sequence[str] = (),
    because: str = "",
) -> Verdict:
    """As `predict`; nothing is shown or remembered."""
    if guess is None or guess is ... or (isinstance(guess, (str, list)) and not guess):
        return Verdict(name, None, "no guess yet. Put one in the place of `...`, then run both cells again.")
    try:
        if isinstance(computed, str):
            near, text = _judge_choice(guess, computed, options)
        elif isinstance(computed, (list, tuple)):
            near, text = _judge_order(guess, [str(entry) for entry in computed])
        else:
            near, text = _judge_number(guess, float(computed), within, unit)
    except NotYet as hint:
        return Verdict(name, None, str(hint))
    return Verdict(name, near, f"{text} {because}".strip())


def _judge_number(guess: Any, computed: float, within: float | None, unit: str) -> tuple[bool, str]:
    value = number(guess)
    off = abs(value - computed)
    near = off <= (abs(computed) / 4 if within is None else within)
    unit = f" {unit}" if unit else ""
    verdict = "Well guessed." if near else f"Off by {off:.3g}{unit}."
    return near, f"you said {value:.4g}{unit}, it is {computed:.3g}{unit}. {verdict}"


def _judge_choice(guess: Any, computed: str, options: Sequence[str]) -> tuple[bool, str]:
    if not isinstance(guess, str):
        raise NotYet(f"a word in quotes is asked for, not {kind_of(guess)}.")
    word, truth = guess.strip().lower(), computed.strip().lower()
    if options and word not in {option.lower() for option in options}:
        listed = ", ".join(repr(option) for option in options)
        raise NotYet(f"{guess!r} is none of the choices; they are {listed}.")
    if word == truth:
        return True, f"you said {guess!r}, and so it is."
    return False, f"you said {guess!r}, it is {computed!r}."


def _judge_order(guess: Any, computed: list[str]) -> tuple[bool, str]:
    if not isinstance(guess, (list, tuple)) or not all(isinstance(entry, str) for entry in guess):
        raise NotYet(f"a list of words is asked for, not {kind_of(guess)}.")
    if sorted(guess) != sorted(computed):
        raise NotYet(f"order these, each once: {', '.join(map(repr, sorted(computed)))}.")
    right = sum(a == b for a, b in zip(guess, computed, strict=True))
    text = f"{right} of {len(computed)} in their place; the order is {', '.join(computed)}."
    return right == len(computed), text

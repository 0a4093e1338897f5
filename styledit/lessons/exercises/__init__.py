"""The exercises of all lessons, one file a lesson; `checking` has what they are made of."""

from styledit.lessons.exercises.checking import EXERCISES, predict, progress
from styledit.lessons.exercises.first_edit import check_target
from styledit.lessons.exercises.noise_and_back import (
    check_estimate,
    check_guidance,
    check_inverse_step,
    check_noising,
)
from styledit.lessons.exercises.values import check_guess, check_value_input
from styledit.lessons.exercises.words import check_attention, check_centre, check_word_map

__all__ = [
    "EXERCISES",
    "predict",
    "progress",
    # 00
    "check_target",
    # 01
    "check_noising",
    "check_estimate",
    "check_inverse_step",
    "check_guidance",
    # 02
    "check_attention",
    "check_word_map",
    "check_centre",
    # 03
    "check_value_input",
    "check_guess",
]

"""The exercises of all lessons, one file a lesson. `checking` has what they are made of, `predictions` the
guesses before a run.

A check is named `check_...`; its exercise's name begins with the lesson's number.
"""

from styledit.lessons.exercises.checking import EXERCISES, progress
from styledit.lessons.exercises.lesson_00_first_edit import check_target
from styledit.lessons.exercises.lesson_01_noise_and_back import (
    check_estimate,
    check_guidance,
    check_no_car,
    check_walk,
)
from styledit.lessons.exercises.lesson_02_where_words_look import (
    check_attention,
    check_choice,
    check_heads,
)
from styledit.lessons.exercises.lesson_03_value_inputs import (
    check_by_word,
    check_cost,
    check_guess,
    check_value_input,
)
from styledit.lessons.exercises.lesson_04_holding_and_shaping_maps import (
    check_broken,
    check_entropy,
    check_pull,
)
from styledit.lessons.exercises.lesson_05_regularised_editing import (
    check_blend,
    check_cure,
    check_new_word,
    check_take_over,
)
from styledit.lessons.exercises.lesson_06_the_lab import (
    check_first_step,
    check_fooled_score,
    check_lab_method,
)
from styledit.lessons.exercises.lesson_07_which_method import check_follow, check_front, check_method
from styledit.lessons.exercises.lesson_08_your_own_model import check_map_bytes, check_record
from styledit.lessons.exercises.lesson_09_guided_objectives import (
    check_fooled_clip,
    check_style_loss,
)
from styledit.lessons.exercises.lesson_a1_how_the_small_model_was_made import check_belief, check_rate
from styledit.lessons.exercises.predictions import predict

__all__ = [
    "EXERCISES",
    "predict",
    "progress",
    # 00
    "check_target",
    # 01
    "check_estimate",
    "check_walk",
    "check_guidance",
    "check_no_car",
    # 02
    "check_attention",
    "check_heads",
    "check_choice",
    # 03
    "check_value_input",
    "check_guess",
    "check_cost",
    "check_by_word",
    # 04
    "check_pull",
    "check_entropy",
    "check_broken",
    # 05
    "check_take_over",
    "check_new_word",
    "check_blend",
    "check_cure",
    # 06
    "check_first_step",
    "check_fooled_score",
    "check_lab_method",
    # 07
    "check_follow",
    "check_front",
    "check_method",
    # 08
    "check_map_bytes",
    "check_record",
    # 09
    "check_style_loss",
    "check_fooled_clip",
    # A1
    "check_belief",
    "check_rate",
]

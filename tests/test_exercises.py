"""The exercises' checks accept the right function and refuse plausible wrong ones with a hint."""

import pytest

from styledit.lessons import exercises


def inverse_step(eps, z, abar, abar_next):
    x0 = (z - (1 - abar) ** 0.5 * eps) / abar**0.5
    return abar_next**0.5 * x0 + (1 - abar_next) ** 0.5 * eps


RIGHT = [
    (exercises.check_inverse_step, inverse_step),
    (exercises.check_guidance, lambda uncond, cond, w: (1 - w) * uncond + w * cond),
    (exercises.check_value_input, lambda c, s, b: s * c + b),
    (exercises.check_guess, lambda c, null, w: (w - 1) / w * (null - c)),
]
WRONG = [
    (
        exercises.check_inverse_step,
        lambda eps, z, abar, abar_next: inverse_step(eps, z, abar_next, abar),
        "abar_next",
    ),
    (exercises.check_inverse_step, lambda eps, z, abar, abar_next: z, "x0_hat"),
    (exercises.check_guidance, lambda uncond, cond, w: cond + w * (cond - uncond), "w = 1"),
    (exercises.check_guidance, lambda uncond, cond, w: cond[:, :1], "shape"),
    (exercises.check_value_input, lambda c, s, b: c + s * b, "scale"),
    (exercises.check_value_input, lambda c, s, b: s, "s = 1"),
    (exercises.check_guess, lambda c, null, w: null - c, "w = 1"),
    (exercises.check_guess, lambda c, null, w: (1 - 1 / w) * (c - null), "solve it for b"),
]


@pytest.mark.parametrize("check, function", RIGHT)
def test_right_answers_pass(check, function, capsys):
    check(function)
    assert capsys.readouterr().out.startswith("Right")


@pytest.mark.parametrize("check, function, hint", WRONG)
def test_wrong_answers_get_a_hint(check, function, hint):
    with pytest.raises(ValueError, match=hint):
        check(function)


def test_a_missing_return_is_named():
    with pytest.raises(TypeError, match="return"):
        exercises.check_guidance(lambda *_: None)

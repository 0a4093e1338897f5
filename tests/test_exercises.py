"""The exercises' checks accept the right answer, refuse plausible wrong ones with a hint, and remember."""

from __future__ import annotations

import json
import re

import pytest
import torch

from styledit.lessons import exercises
from styledit.lessons.exercises.checking import judge_prediction
from styledit.lessons.progress import progress_file


@pytest.fixture(autouse=True)
def own_record(tmp_path, monkeypatch):
    """No test writes to the record of whoever runs it."""
    monkeypatch.setenv("STYLEDIT_PROGRESS", str(tmp_path / "deep" / "progress.jsonl"))


def noised(z_0, eps, abar):
    return abar.sqrt() * z_0 + (1 - abar).sqrt() * eps


def inverse_step(eps, z, abar, abar_next):
    x0 = (z - (1 - abar) ** 0.5 * eps) / abar**0.5
    return abar_next**0.5 * x0 + (1 - abar_next) ** 0.5 * eps


def attention(Q, K):
    return torch.softmax(Q @ K.mT * Q.shape[-1] ** -0.5, -1)


def centre(heat):
    rows, columns = torch.meshgrid(*map(torch.arange, heat.shape), indexing="ij")
    return torch.stack([(rows * heat).sum(), (columns * heat).sum()]) / heat.sum()


RIGHT = {
    "check_target": "A plain sticker of a red car in the forest.",
    "check_noising": noised,
    "check_estimate": lambda z, eps, abar: (z - (1 - abar).sqrt() * eps) / abar.sqrt(),
    "check_inverse_step": inverse_step,
    "check_guidance": lambda uncond, cond, w: (1 - w) * uncond + w * cond,
    "check_attention": attention,
    "check_word_map": lambda A, tokens, h, w: A[:, :, tokens].sum(2).mean(0).reshape(h, w),
    "check_centre": centre,
    "check_value_input": lambda c, s, b: s * c + b,
    "check_guess": lambda c, null, w: (w - 1) / w * (null - c),
}
WRONG = [
    ("check_target", "a plain sticker of a red car on the moon", "does not know 'moon'"),
    ("check_target", "a plain sticker of a red car on the beach", "nothing would change"),
    ("check_target", "a plain sticker of a blue car in the snow", "word for word"),
    ("check_target", "a plain sticker of a red car", "ends too early"),
    ("check_target", "a plain sticker of a red car in the beach", "still the same"),
    ("check_target", ["in the snow"], "not a list"),
    ("check_noising", lambda z_0, eps, abar: abar * z_0 + (1 - abar) * eps, "where is a root"),
    ("check_noising", lambda z_0, eps, abar: z_0 + (1 - abar).sqrt() * eps, "abar = 0"),
    ("check_noising", lambda z_0, eps, abar: noised(eps, z_0, abar), "abar = 1"),
    ("check_estimate", lambda z, eps, abar: z - (1 - abar).sqrt() * eps, "gives that picture back"),
    ("check_estimate", lambda z, eps, abar: eps, "the picture already"),
    ("check_inverse_step", lambda e, z, abar, abar_next: inverse_step(e, z, abar_next, abar), "which level"),
    ("check_inverse_step", lambda e, z, abar, abar_next: z + e, "stay what it is"),
    ("check_guidance", lambda uncond, cond, w: cond + w * (cond - uncond), "w = 1"),
    ("check_guidance", lambda uncond, cond, w: cond[:, :1], "shape"),
    ("check_attention", lambda Q, K: torch.softmax(Q @ K.mT, -1), "too sharp or too flat"),
    ("check_attention", lambda Q, K: torch.softmax(Q @ K.mT / 2, -2), "over which axis"),
    ("check_attention", lambda Q, K: Q @ K.mT / 2, "add up to 1"),
    ("check_word_map", lambda A, tokens, h, w: A[:, :, tokens].mean(2).mean(0).view(h, w), "0.6"),
    ("check_word_map", lambda A, tokens, h, w: A[:, :, tokens].sum(2).sum(0).view(h, w), "averaged"),
    ("check_centre", lambda heat: (heat == heat.max()).nonzero()[0].float(), "half-way"),
    ("check_centre", lambda heat: centre(heat).flip(0), "row, column"),
    ("check_value_input", lambda c, s, b: (c + b) * s, "is the shift stretched"),
    ("check_value_input", lambda c, s, b: s, "s = 1"),
    ("check_guess", lambda c, null, w: null - c, "w = 1"),
    ("check_guess", lambda c, null, w: (1 - 1 / w) * (c - null), "c should come out"),
]
ODD = [
    (lambda *_: None, None, "Nothing came back"),
    (lambda *_: ..., None, "Nothing came back"),
    (lambda *_: (torch.zeros(1), 0), False, "a tuple of 2"),
    (lambda *_: [torch.zeros(1)], False, "a list of 1"),
    (lambda *_: 3.0, False, "returned a float"),
    (lambda *_: torch.tensor(float("nan")), False, "NaN"),
    (lambda *_: undefined, False, "stopped with NameError: name 'undefined'"),  # noqa: F821
    (lambda: torch.zeros(1), False, "stopped with TypeError"),
    (torch.zeros(3), False, "the function's name without brackets"),
    (None, None, "no answer yet"),
    (..., None, "no answer yet"),
]


def test_every_check_is_tried_here() -> None:
    checks = {name for name in exercises.__all__ if name.startswith("check_")}
    assert RIGHT.keys() == checks == {name for name, _, _ in WRONG}
    assert len(exercises.EXERCISES) >= len(checks)  # lessons with files of their own add theirs
    assert all(re.match(r"(\d|A)\d ", name) for name in exercises.EXERCISES)


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass(name, capsys) -> None:
    check = getattr(exercises, name)
    assert check.grade(RIGHT[name]).passed
    check(RIGHT[name])
    assert capsys.readouterr().out.startswith("✓")
    assert exercises.progress().passed == 1


@pytest.mark.parametrize("name, function, hint", WRONG)
def test_wrong_answers_get_a_hint_and_no_traceback(name, function, hint, capsys) -> None:
    getattr(exercises, name)(function)
    shown = capsys.readouterr().out
    assert shown.startswith("✗") and hint in shown
    assert exercises.progress().passed == 0


@pytest.mark.parametrize("name", [name for name in RIGHT if name != "check_target"])
@pytest.mark.parametrize("function, passed, sentence", ODD)
def test_odd_answers_get_the_right_sentence(name, function, passed, sentence) -> None:
    verdict = getattr(exercises, name).grade(function)
    assert verdict.passed is passed and sentence in verdict.text


def test_a_hint_does_not_give_the_line_away() -> None:
    for name, function, _ in WRONG:
        text = getattr(exercises, name).grade(function).text
        assert "sqrt(" not in text and "softmax" not in text and "uncond +" not in text


def test_an_answer_cannot_change_what_it_is_graded_with() -> None:
    def guided(uncond, cond, w):
        return uncond.add_(w * (cond - uncond))

    assert exercises.check_guidance.grade(guided).passed


# --- predictions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("guess", [..., None, "", []])
def test_no_guess_is_asked_for_and_not_remembered(guess, capsys) -> None:
    exercises.predict("01 Cost", guess, 20.8, unit="dB", because="The steps add up.")
    shown = capsys.readouterr().out
    assert shown.startswith("○") and "20.8" not in shown and "add up" not in shown
    assert not progress_file().exists()


def test_guesses_of_numbers(capsys) -> None:
    exercises.predict("01 Cost", 3, 20.83, unit="dB", because="The steps add up.")
    shown = capsys.readouterr().out
    assert (
        shown.startswith("✗") and "you said 3 dB, it is 20.8 dB. Off by 17.8 dB. The steps add up." in shown
    )
    assert judge_prediction("01 Cost", 19, 20.8).passed
    assert judge_prediction("01 Cost", torch.tensor(19.0), 20.8, within=2.0).passed
    assert not judge_prediction("01 Cost", 19, 20.8, within=1.0).passed


@pytest.mark.parametrize(
    "guess, computed, sentence",
    [
        ((3, 4), 3.5, "one number is asked for, not a tuple"),
        ([3], 3.5, "one number is asked for, not a list"),
        (True, 3.5, "a number is asked for, not a bool"),
        ("much", 3.5, "a number is asked for, not a str"),
        (float("nan"), 3.5, "a finite number"),
        (torch.zeros(2), 3.5, "shape (2,)"),
        (3, "sky", "a word in quotes is asked for, not an int"),
        ("moon", "sky", "they are 'sky', 'car'"),
        ("sky", ["sky", "car"], "a list of words"),
        (["sky"], ["sky", "car"], "each once"),
    ],
)
def test_guesses_of_another_kind(guess, computed, sentence) -> None:
    verdict = judge_prediction("01 Where", guess, computed, options=("sky", "car"))
    assert verdict.passed is None and sentence in verdict.text


def test_guesses_of_words_and_orders() -> None:
    assert judge_prediction("02 Where", "Sky ", "sky", options=("sky", "car")).passed
    assert "it is 'sky'" in judge_prediction("02 Where", "car", "sky", options=("sky", "car")).text
    assert judge_prediction("02 Order", ["a", "b", "c"], ["a", "b", "c"]).passed
    assert "1 of 3 in their place" in judge_prediction("02 Order", ["a", "c", "b"], ["a", "b", "c"]).text


# --- the record -------------------------------------------------------------------------------------


def test_the_record_counts_tries_and_keeps_a_pass() -> None:
    name = "01 Guidance"
    for function in (lambda u, c, w: c, lambda *_: None, RIGHT["check_guidance"], lambda u, c, w: u):
        exercises.check_guidance(function)
    exercises.predict("01 Cost", 3, 20.8)
    progress = exercises.progress()
    entry = next(entry for entry in progress.exercises if entry.name == name)
    assert entry.passed and entry.tries == 2 and progress.passed == 1
    assert f"✓ {name} (after 2 tries)" in repr(progress) and "✗ 01 Cost" in repr(progress)
    assert f"1 of {len(exercises.EXERCISES)} exercises passed" in progress._repr_html_()


@pytest.mark.parametrize("broken", [b"\xff\xfe{", b'{"name": "01 Gui', b"[]\n\n7\n{}", b'{"name": 1}\n' * 3])
def test_a_broken_file_loses_nothing(broken) -> None:
    exercises.check_guidance(RIGHT["check_guidance"])
    before = progress_file().read_bytes()
    progress_file().write_bytes(before + broken)
    exercises.check_noising(RIGHT["check_noising"])
    assert exercises.progress().passed == 2
    assert progress_file().read_bytes().startswith(before + broken)


def test_a_record_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STYLEDIT_PROGRESS", str(tmp_path / "file" / "progress.jsonl"))
    exercises.check_guidance(RIGHT["check_guidance"])
    assert capsys.readouterr().out.startswith("✓") and exercises.progress().passed == 0


def test_the_record_is_lines_of_json() -> None:
    exercises.check_guidance(RIGHT["check_guidance"])
    (line,) = progress_file().read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {"name": "01 Guidance", "passed": True, "prediction": False}

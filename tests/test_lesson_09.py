"""Lesson 09, guided objectives: its checks, its pictures of gradients and matrices, its stored table."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from styledit.lessons import build, guided_exercises
from styledit.lessons.guided_exercises import matrix_picture, pull_picture, share_inside
from styledit.lessons.guided_results import rows_of

FILE = Path(__file__).resolve().parent.parent / "notebooks" / "09_guided_objectives.ipynb"
CHECK = re.compile(r"^(check_\w+)\((\w+)\)", re.MULTILINE)


pytestmark = pytest.mark.usefixtures("own_record")


def rows(F):
    return F.flatten(1) @ F.flatten(1).T


def patch(halvings):
    seen = 4
    for _ in range(halvings):
        seen = 2 * (seen - 1) + 4
    return seen


def hinge(real, fake):
    return (1 - real).clamp_min(0).mean() + (1 + fake).clamp_min(0).mean()


RIGHT = {
    "check_gram": lambda F: rows(F) / F.numel(),
    "check_patch": patch,
    "check_hinge": hinge,
}
WRONG = [
    ("check_gram", rows, "divide by C h w"),
    ("check_gram", lambda F: rows(F) / F.shape[0], "divide by C h w"),
    ("check_gram", lambda F: rows(F) / F[0].numel(), "divided by the places"),
    ("check_gram", lambda F: F.flatten(1).T @ F.flatten(1), "a column for each channel"),
    ("check_gram", lambda F: rows(F * torch.arange(5)) / F.numel(), "moved along"),
    ("check_gram", lambda F: F, "a column for each channel"),
    ("check_gram", lambda F: torch.corrcoef(F.flatten(1)), "G = F Fᵀ"),
    ("check_patch", lambda n: 4 + 3 * n, "without stride"),
    ("check_patch", lambda n: 4 * 2**n, "see 4 each"),
    ("check_patch", lambda n: 10 * n, "with 2 it should be 22"),
    ("check_hinge", lambda real, fake: (fake - real).mean(), "nothing is left"),
    (
        "check_hinge",
        lambda real, fake: (1 - real).clamp_min(0).square().mean() + (1 + fake).clamp_min(0).square().mean(),
        "means over the patches",
    ),
    ("check_hinge", lambda real, fake: hinge(real, fake) / 2, "pays 1 for each kind"),
    ("check_hinge", lambda real, fake: hinge(real, fake).clamp_max(2), "wrong way round"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_answer_passes_and_none_does_not(name) -> None:
    grader = getattr(guided_exercises, name)
    assert grader.grade(RIGHT[name]).passed
    assert grader.grade(...).passed is None
    assert grader.grade(lambda *_: None).passed is None


@pytest.mark.parametrize("name, wrong, hint", WRONG, ids=[f"{n}-{h}" for n, _, h in WRONG])
def test_a_wrong_answer_gets_its_hint(name, wrong, hint) -> None:
    verdict = getattr(guided_exercises, name).grade(wrong)
    assert verdict.passed is False
    assert hint.lower() in verdict.text.lower(), verdict.text


def test_a_pull_is_against_the_gradient_around_grey() -> None:
    slope = torch.zeros(1, 3, 8, 8)
    slope[0, 0, 2, 3] = -4.0  # more red lowers the loss
    slope[0, 2, 5, 5] = 4.0  # so does less blue
    shown = np.asarray(pull_picture(slope, gain=1.0)).astype(int)
    assert tuple(shown[0, 0]) == (128, 128, 128)
    assert shown[2, 3, 0] == 255 and shown[5, 5, 2] == 0
    mask = np.zeros((8, 8), bool)
    mask[2, 3] = True
    assert share_inside(slope, mask) == pytest.approx(0.5)
    assert np.ptp(np.asarray(pull_picture(torch.zeros(1, 3, 4, 4)))) == 0
    with pytest.raises(ValueError, match=r"\(1, 3, H, W\)"):
        pull_picture(slope[0])


def test_a_matrix_is_a_square_of_two_colours() -> None:
    shown = np.asarray(matrix_picture(torch.tensor([[1.0, 0.0], [-1.0, 5.0]]), 1.0, size=4))
    assert shown.shape == (4, 4, 3)
    assert tuple(shown[0, 3]) == (255, 255, 255) and tuple(shown[0, 0]) == (213, 94, 0)
    assert tuple(shown[3, 0]) == (0, 114, 178) and tuple(shown[3, 3]) == (213, 94, 0)


def test_rows_are_stored_without_pictures_and_times() -> None:
    made = {
        "variant": "b",
        "case": 2,
        "kind": "style",
        "truth_psnr": 1 / 3,
        "seconds": 9.0,
        "picture": object(),
    }
    (first, second) = rows_of([made, made | {"variant": "a"}])
    assert first == {"variant": "a", "case": 2, "kind": "style", "truth_psnr": 0.3333}
    assert second["variant"] == "b"


def test_the_lesson_is_stored_whole_and_its_solutions_pass() -> None:
    text = FILE.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    assert len(text.encode()) <= build.MOST_BYTES
    assert not [
        out for cell in notebook.cells for out in cell.get("outputs", ()) if out.output_type == "error"
    ]
    graded = []
    for k, cell in enumerate(notebook.cells):
        match = CHECK.search(cell.source) if cell.cell_type == "code" else None
        if match is None:
            continue
        folded = next(c.source for c in notebook.cells[k + 1 :] if "<summary>Solution" in c.source)
        (code,) = re.findall(r"```python\n(.*?)```", folded, re.DOTALL)
        names: dict = {"torch": torch}
        exec(code, names)
        assert getattr(guided_exercises, match[1]).grade(names[match[2]]).passed
        graded.append(match[1])
    assert sorted(graded) == sorted(RIGHT)
    guesses = [cell for cell in notebook.cells if re.match(r"guess_\w+ = \.\.\.", cell.source)]
    assert len(guesses) >= 2

"""Lessons 03 and 04: their exercises' checks, the solutions in the notebooks, their long computations."""

from __future__ import annotations

import importlib
import math
import re
from pathlib import Path

import nbformat
import pytest
import torch

import styledit
from styledit.lessons import build, stored_result, value_results
from styledit.lessons.exercises.checking import EXERCISES

ROOT = Path(__file__).resolve().parent.parent
LESSONS = [
    ROOT / "notebooks" / name for name in ("03_value_inputs.ipynb", "04_holding_and_shaping_maps.ipynb")
]
CHECK = re.compile(r"^(check_\w+)\((\w+)\)$", re.MULTILINE)


@pytest.fixture(scope="module")
def own():
    """The checks of these two lessons; what other tests count is as before afterwards."""
    before = dict(EXERCISES)
    yield importlib.import_module("styledit.lessons.value_exercises")
    EXERCISES.clear()
    EXERCISES.update(before)


pytestmark = pytest.mark.usefixtures("own_record")


# --- checks -----------------------------------------------------------------------------------------


def by_word(c, s, b, new):
    return torch.where(new[:, None], c, c * s + b)


def entropy(heat):
    p = (heat / heat.sum()).flatten()
    return -torch.special.xlogy(p, p).sum() / torch.log(torch.tensor(float(len(p))))


def without_xlogy(heat):
    p = (heat / heat.sum()).flatten()
    return -(p * p.log()).sum() / math.log(len(p))


def places(heat):
    h, w = heat.shape
    return (torch.arange(h) + 0.5)[:, None] / h, (torch.arange(w) + 0.5)[None] / w


def spread(heat):
    p = heat / heat.sum()
    return sum((p * (at - (p * at).sum()) ** 2).sum() for at in places(heat))


def in_pixels(heat):
    p = heat / heat.sum()
    y, x = torch.arange(len(heat))[:, None], torch.arange(heat.shape[1])[None]
    return sum((p * (at - (p * at).sum()) ** 2).sum() for at in (y, x))


def along_a_row(heat):
    p = heat / heat.sum()
    x = places(heat)[1]
    return (p * (x - (p * x).sum()) ** 2).sum()


def held(A, B, of):
    return sum(of(a - b) for a, b in zip(A, B, strict=True))


RIGHT = {
    "check_cost": lambda iterations: 3 * sum(iterations) + 2 * len(iterations),
    "check_by_word": by_word,
    "check_hold": lambda A, B: held(A, B, lambda d: d.square().mean()),
    "check_entropy": entropy,
    "check_spread": spread,
}
WRONG = [
    ("check_cost", lambda iterations: 3 * sum(iterations), "still walks"),
    ("check_cost", lambda iterations: sum(iterations) + 2 * len(iterations), "the way back"),
    ("check_cost", lambda iterations: 3 * sum(iterations) + len(iterations), "both prices"),
    ("check_cost", lambda iterations: len(iterations) * (3 * iterations[0] + 2), "both prices"),
    ("check_cost", lambda iterations: 3 * (iterations[0] > 0) + 2 * len(iterations), "is each counted"),
    ("check_cost", lambda iterations: (8, 3), "not a tuple"),
    ("check_by_word", lambda c, s, b, new: c * s + b, "a new word is the prompt's own"),
    ("check_by_word", lambda c, s, b, new: c, "every row is a value input"),
    ("check_by_word", lambda c, s, b, new: c if new.any() else c * s + b, "which rows"),
    ("check_by_word", lambda c, s, b, new: by_word(c, s, b, ~new), "without any new word"),
    ("check_hold", lambda A, B: held(A, B, lambda d: d.mean()), "made positive"),
    ("check_hold", lambda A, B: held(A, B, lambda d: d.abs().mean()), "that is L1"),
    ("check_hold", lambda A, B: held(A, B, lambda d: d.square().sum()), "more pixels"),
    ("check_hold", lambda A, B: held(A, B, lambda d: d.square().mean()) / 2, "added up"),
    ("check_entropy", lambda heat: -(heat * heat.log()).sum(), "not yet"),
    ("check_entropy", lambda heat: entropy(heat) * torch.tensor(16.0).log(), "Make 1 the most"),
    ("check_entropy", lambda heat: 1 - entropy(heat), "should have 1"),
    ("check_entropy", without_xlogy, "zeros"),
    ("check_spread", in_pixels, "counted in pixels"),
    ("check_spread", along_a_row, "two directions"),
    ("check_spread", lambda heat: spread(heat).sqrt(), "mean square"),
]  # fmt: skip


def test_every_check_is_tried(own) -> None:
    checks = {name for name in vars(own) if name.startswith("check_")}
    assert checks == RIGHT.keys() == {name for name, _, _ in WRONG}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass_and_empty_ones_do_not(name, own) -> None:
    check = getattr(own, name)
    assert check.grade(RIGHT[name]).passed
    for empty in (None, ..., lambda *_: None, lambda *_: ...):
        assert check.grade(empty).passed is None


@pytest.mark.parametrize("name, function, hint", WRONG)
def test_wrong_answers_get_a_hint(name, function, hint, own) -> None:
    verdict = getattr(own, name).grade(function)
    assert verdict.passed is False and hint in verdict.text
    assert not any(line in verdict.text for line in ("log()", "square()", "torch.where", "3 *"))


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("odd", [torch.zeros(3), 7, lambda: 1, lambda *_: "much", lambda *_: 1 / 0])
def test_odd_answers_get_a_sentence(name, odd, own) -> None:
    assert getattr(own, name).grade(odd).passed is False


# --- the notebooks ----------------------------------------------------------------------------------


def asked() -> list:
    """(check, name of the answer, the cell as given, the solution folded below it)."""
    found = []
    for file in LESSONS:
        cells = nbformat.read(file, as_version=4).cells
        for k, cell in enumerate(cells):
            match = CHECK.search(cell.source) if cell.cell_type == "code" else None
            if match:
                folded = next(after.source for after in cells[k + 1 :] if "<summary>Solution" in after.source)
                solution = re.search(r"```python\n(.*?)```", folded, re.DOTALL)[1]
                found.append(pytest.param(*match.groups(), cell.source, solution, id=match[1]))
    return found


@pytest.mark.parametrize("check, name, given, solution", asked())
def test_a_solution_passes_and_the_empty_cell_does_not(check, name, given, solution, own) -> None:
    grader = getattr(own, check)
    namespace: dict = {"torch": torch, check: grader}
    exec(given, namespace)
    assert grader.grade(namespace[name]).passed is None
    exec(solution, namespace)
    assert grader.grade(namespace[name]).passed


def test_every_check_is_asked_once() -> None:
    assert sorted(parameters.values[0] for parameters in asked()) == sorted(RIGHT)


@pytest.mark.parametrize("file", LESSONS, ids=lambda file: file.stem)
def test_a_lesson_is_complete(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    assert nbformat.writes(build.tidy(notebook), version=4) + "\n" == text
    assert len(text.encode()) <= build.MOST_BYTES
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    words = sorted(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    assert words[len(words) // 2] <= 50
    assert sum("predict(" in cell.source for cell in code) >= 2
    assert not [out for cell in code for out in cell.outputs if out.output_type == "error"]
    assert "pictures behind a slider" in text and "nbval-check-output" in text


# --- long computations ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedded():
    return styledit.load()


def test_the_stored_rows_are_those_that_would_be_computed(embedded) -> None:
    fits = stored_result(embedded, "value_fits")
    assert [row["fit"] for row in fits] == [*value_results.FITS, value_results.NULL_TEXT]
    assert all(len(row["drift"]) == 31 for row in fits)
    edits = stored_result(embedded, "value_edits")
    assert all(row["dB"].keys() == {"off", *value_results.WAYS} for row in edits)
    case = value_results.true_edit(embedded, edits[-1]["case"])
    assert (case.kind, case.target) == (edits[-1]["kind"], edits[-1]["target"])
    assert case.image.size == case.truth.size == (128, 128)


def test_an_edit_that_is_not_there(embedded) -> None:
    with pytest.raises(ValueError, match=r"no edit '99'; they run from '00' to '83'"):
        value_results.true_edit(embedded, "99")


@pytest.mark.parametrize("name", ["the guess alone", value_results.NULL_TEXT])
def test_a_row_of_fits(name, pipe, inversion, monkeypatch) -> None:
    monkeypatch.setattr(value_results, "GUIDANCE", 3.0)
    row = value_results.fitted(pipe, inversion, name)
    assert row["fit"] == name and len(row["drift"]) == inversion.steps + 1 and row["drift"][0] == 0


def test_one_edit_in_several_ways(pipe, inversion) -> None:
    values = styledit.fit_values(pipe, inversion, preset=styledit.Preset(1, 0.01), progress=False)
    made = value_results.ways(pipe, inversion, values, inversion.prompt + " here")
    assert made["off"].values is None
    assert [edit.settings.tau_v for way, edit in made.items() if way != "off"] == [0.0, 0.5, 0.5, 1.0]
    assert made["by word"].settings.tau_v_changed == 0.0

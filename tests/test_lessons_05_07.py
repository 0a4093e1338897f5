"""Lessons 05 and 07: their checks, the solutions in the notebooks, the comparison that is stored."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

import styledit
from measure.methods import METHODS, PAPER
from styledit.editing import Edit, Settings
from styledit.lessons import build, editing_results, lesson_picture, stored_result
from styledit.lessons.exercises.checking import EXERCISES
from styledit.lessons.stored import FOLDER

ROOT = Path(__file__).resolve().parent.parent
LESSONS = [ROOT / "notebooks" / name for name in ("05_regularised_editing.ipynb", "07_which_method.ipynb")]
CHECK = re.compile(r"^(check_\w+)\((\w+)\)$", re.MULTILINE)


@pytest.fixture(scope="module")
def own():
    """The checks of these two lessons; what other tests count is as before afterwards."""
    before = dict(EXERCISES)
    yield importlib.import_module("styledit.lessons.editing_exercises")
    EXERCISES.clear()
    EXERCISES.update(before)


pytestmark = pytest.mark.usefixtures("own_record")


@pytest.fixture(scope="module")
def editor():
    """The embedded model's, of the lesson's picture in a few steps, without value inputs."""
    pipe = styledit.load()
    picture = lesson_picture(pipe, "car")
    return styledit.Editor(pipe, styledit.invert(pipe, picture.image, picture.prompt, 4, progress=False))


# --- checks -----------------------------------------------------------------------------------------


def mapper(*pairs):
    made = torch.zeros(4, 5)
    for row, column in pairs:
        made[row, column] = 1
    return made


def blend(z, z_source, heat, threshold):
    return torch.where(heat >= threshold * heat.max(), z, z_source)


def front(table):
    return {name for name, (a, b) in table.items() if not any(c > a and d > b for c, d in table.values())}


def edit_of(image, prompt="a plain sticker of a red car in the snow"):
    """An edit that shows a picture."""
    latents = torch.zeros(2, 1, 20, 16, 16)
    source = "a plain sticker of a red car on the beach"
    return Edit(image, image, source, prompt, latents, latents, None, Settings())


def car():
    return Image.open(ROOT / "data" / "images" / "01_car.png").convert("RGB")


def pinned(pipe, inversion, target_prompt, settings):
    editor = styledit.Editor(pipe, inversion, follow_inversion=True)
    return editor.edit(target_prompt, guidance=settings["guidance"], progress=False)


RIGHT = {
    "check_take_over": lambda s, t, m, has: s @ m * has + t * (1 - has),
    "check_new_word": mapper((0, 0), (1, 1), (2, 3), (3, 4)),
    "check_blend": blend,
    "check_cure": lambda: edit_of(car(), "a plain sticker of a red car on the beach."),
    "check_wins": lambda mine, theirs: np.mean(np.array(mine) > np.array(theirs)),
    "check_front": front,
    "check_method": pinned,
}
WRONG = [
    ("check_take_over", lambda s, t, m, has: s, "keeps its own maps"),
    ("check_take_over", lambda s, t, m, has: t, "only the source's maps"),
    ("check_take_over", lambda s, t, m, has: s @ m + t * (1 - m.sum(0).max()), "keeps its own map, and"),
    ("check_new_word", [[1, 0]], "not a list"),
    ("check_new_word", torch.eye(5), "one row a source token"),
    ("check_new_word", torch.eye(4, 5), "whose map"),
    ("check_new_word", mapper((0, 0), (1, 1), (2, 3)), "the target's 'end'"),
    ("check_blend", lambda z, s, heat, t: blend(s, z, heat, t), "with a threshold of 0"),
    ("check_blend", lambda z, s, heat, t: torch.where(heat >= t, z, s), "a fraction, of what"),
    (
        "check_blend",
        lambda z, s, heat, t: blend(z, s, heat, t) if t == 0 else blend(s, z, heat, t),
        "the wrong way",
    ),
    ("check_blend", lambda z, s, heat, t: torch.where(heat >= t * 0.02, z, s), "half as bright"),
    ("check_cure", lambda: car(), "an edit is asked for"),
    ("check_cure", lambda: edit_of(car()), "the place for 'beach'. Which switch"),
    ("check_cure", lambda: edit_of(car(), "a plain sticker of a heart on the beach"), "for 'car'"),
    ("check_wins", lambda mine, theirs: sum(a > b for a, b in zip(mine, theirs, strict=True)), "as a share"),
    ("check_wins", lambda mine, theirs: float(sum(mine) > sum(theirs)), "by how much"),
    ("check_wins", lambda mine, theirs: np.mean(np.array(mine) >= np.array(theirs)), "a tie is no win"),
    ("check_wins", lambda mine, theirs: "most", "a number is asked for"),
    ("check_front", lambda table: list(table), "beats A in both"),
    ("check_front", lambda table: [max(table, key=table.get)], "better in one number"),
    ("check_front", lambda table: 2, "the names"),
    ("check_method", lambda pipe, inversion, target: None, "four arguments"),
    ("check_method", lambda pipe, inversion, target, settings: inversion.image, "of type Image"),
    ("check_method", lambda p, v, t, s: styledit.edit(p, v, v.prompt, progress=False), "not of the target"),
    ("check_method", lambda p, v, t, s: 1 / 0, "ZeroDivisionError"),
    ("check_method", 3, "without brackets"),
]


def answer(given):
    """An edit is made only when it is needed."""
    return given() if callable(given) and given.__code__.co_argcount == 0 else given


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass_and_are_remembered(own, name, capsys) -> None:
    getattr(own, name)(answer(RIGHT[name]))
    shown = capsys.readouterr().out
    assert shown.startswith("✓"), shown


@pytest.mark.parametrize("name, given, hint", WRONG)
def test_wrong_answers_get_a_hint(own, name, given, hint) -> None:
    verdict = getattr(own, name).grade(answer(given))
    assert verdict.passed is False and hint in verdict.text, verdict


@pytest.mark.parametrize("name", RIGHT)
def test_empty_answers_pass_nothing(own, name) -> None:
    check = getattr(own, name)
    empty = [None, ...]
    if name not in ("check_new_word", "check_cure"):
        empty.append(lambda *_: ...)
    assert [check.grade(given).passed for given in empty] == [None] * len(empty)


def test_every_check_is_tried_here(own) -> None:
    checks = {name for name in vars(own) if name.startswith("check_")}
    assert RIGHT.keys() == checks == {name for name, _, _ in WRONG}
    names = [getattr(own, check).name for check in checks]
    assert len(set(names)) == len(names) and {name[:3] for name in names} == {"05 ", "07 "}


def test_a_picture_whose_edit_ignores_the_sentence_is_no_method(own) -> None:
    def ignoring(pipe, inversion, target_prompt, settings):
        edit = pinned(pipe, inversion, inversion.prompt, settings)
        return edit_of(edit.image, target_prompt)

    assert "the same picture" in own.check_method.grade(ignoring).text


def test_the_judge_sees_the_lesson_picture(own) -> None:
    assert own.seen_in(car()) == {"object": "car", "colour": "red", "place": "beach", "style": "sticker"}


def test_a_table_marks_the_best(own) -> None:
    html = own.table_html({"A": ["1", "2"], "B": ["3", "1"]}, ("", "x", "y"), best=[["B"], ["A"]])
    assert html.count("<tr>") == 3 and "<b>3</b>" in html and "<b>2</b>" in html and html.count("<b>") == 2


# --- the notebooks ----------------------------------------------------------------------------------


def asked() -> list:
    """(the cell as given, check, name of the answer, the solution folded below it)."""
    found = []
    for file in LESSONS:
        cells = nbformat.read(file, as_version=4).cells
        for k, cell in enumerate(cells):
            match = CHECK.search(cell.source) if cell.cell_type == "code" else None
            if match:
                below = (after.source for after in cells[k + 1 :] if "<summary>Solution" in after.source)
                (code,) = re.findall(r"```python\n(.*?)```", next(below), re.DOTALL)
                found.append(pytest.param(cell.source, *match.groups(), code, id=f"{file.stem} {match[1]}"))
    return found


@pytest.mark.parametrize("given, check, name, solution", asked())
def test_a_solution_passes_and_the_empty_cell_does_not(own, editor, given, check, name, solution) -> None:
    failed = "a plain sticker of a red heart on the beach"
    off = {"tau_v": 0, "tau_c": 0, "tau_s": 0, "tau_u": 0, "guidance": 3, "blend": ()}
    namespace = {"torch": torch, "styledit": styledit, "editor": editor, "nothing": off} | vars(own)
    namespace |= {"tried": {"heart": edit_of(car(), failed)}, "failed": ["heart"]}
    exec(given, namespace)  # as it is run first: nothing raises, nothing is passed
    grader = getattr(own, check)
    assert grader.grade(namespace[name]).passed is None
    exec(solution, namespace)
    verdict = grader.grade(namespace[name])
    if check == "check_cure":  # in four steps, without value inputs: whether it is one is for the lesson
        assert isinstance(namespace[name], Edit)
    else:
        assert verdict.passed, verdict


def test_every_exercise_is_asked_once(own) -> None:
    checks = [parameters.values[1] for parameters in asked()]
    assert sorted(checks) == sorted(RIGHT)


@pytest.mark.parametrize("file", LESSONS, ids=lambda file: file.stem)
def test_the_notebooks_are_in_order(file) -> None:
    text = file.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    assert nbformat.writes(build.tidy(notebook), version=4) + "\n" == text
    assert "scrub(" in text and "edit_lab(" in text and text.count("predict(") >= 2


# --- the comparison ---------------------------------------------------------------------------------


@pytest.mark.skipif(not (FOLDER / "comparison.json").is_file(), reason="`make results` has not run yet")
def test_the_stored_comparison_is_whole() -> None:
    table = stored_result(styledit.load(), "comparison")
    ran = {}
    for row in table:
        ran.setdefault(row["method"], set()).add(row["case"])
        assert set(row) == {"case", "kind", "method", *editing_results.COLUMNS}
    assert set(ran) == {*METHODS, editing_results.OWN_TITLE, editing_results.NOTHING}
    for method, cases in ran.items():
        assert len(cases) == (17 if method == PAPER else 84)


def test_a_row_is_what_the_case_says() -> None:
    case = editing_results._cases()[0]
    row = editing_results.row_of("the truth", 0, case.truth)
    assert row["happened"] == 100 and row["truth_psnr"] is None  # infinite: nothing differs
    assert (row["kind"], row["case"], row["evaluations"]) == (case.kind, 0, 0)
    assert editing_results.row_of("nothing", 0, case.source)["background_psnr"] is None

"""The notebooks as they are committed: complete, small, tidy, with solutions that pass their own checks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import torch

import styledit
from styledit.lessons import build, exercises, lesson_picture, results, setup, stored, stored_result
from styledit.lessons.exercises.checking import Exercise
from styledit.pipeline import model_fingerprint

ROOT = Path(__file__).resolve().parent.parent
SANITIZER = ROOT / "tests" / "nbval_sanitize.cfg"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHECK = re.compile(r"exercises\.(check_\w+)\((\w+)\)")


pytestmark = pytest.mark.usefixtures("own_record")


@pytest.fixture(scope="module")
def embedded():
    return styledit.load()


def by_name(file: Path) -> str:
    return file.stem


# --- what is committed ------------------------------------------------------------------------------


@pytest.mark.parametrize("file", NOTEBOOKS, ids=by_name)
def test_a_lesson_is_small_and_tidy_and_has_outputs(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.encode()) <= build.MOST_BYTES
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert nbformat.writes(build.tidy(notebook), version=4) + "\n" == text
    assert sum(bool(cell.outputs) for cell in code(notebook)) > len(code(notebook)) / 2
    assert not [out for cell in code(notebook) for out in cell.outputs if out.output_type == "error"]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=by_name)
def test_a_lesson_has_short_cells_and_short_texts(file: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    words = sorted(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    assert words[len(words) // 2] <= 50, words
    header = notebook.cells[0].source
    assert all(said in header for said in ("will learn", "you need", "it takes", "GPU")), header


def code(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# --- exercises --------------------------------------------------------------------------------------


def asked() -> list:
    """(notebook, check, name of the answer, the cell as given, the solution folded below it)."""
    found = []
    for file in NOTEBOOKS:
        cells = nbformat.read(file, as_version=4).cells
        for k, cell in enumerate(cells):
            match = CHECK.search(cell.source) if cell.cell_type == "code" else None
            if match:
                solution = next(
                    after.source for after in cells[k + 1 :] if "<details><summary>Solution" in after.source
                )
                (code,) = re.findall(r"```python\n(.*?)```", solution, re.DOTALL)
                found.append(pytest.param(cell.source, *match.groups(), code, id=f"{file.stem} {match[1]}"))
    return found


@pytest.mark.parametrize("given, check, name, solution", asked())
def test_a_solution_passes_and_the_empty_cell_does_not(given, check, name, solution) -> None:
    namespace: dict = {"torch": torch, "exercises": exercises}
    exec(given, namespace)  # as it is run first: nothing raises, nothing is passed
    assert exercises.progress().passed == 0
    grader: Exercise = getattr(exercises, check)
    assert grader.grade(namespace[name]).passed is None
    exec(solution, namespace)
    assert grader.grade(namespace[name]).passed


def test_every_exercise_is_asked_once() -> None:
    checks = [parameters.values[1] for parameters in asked()]
    assert len(checks) == len(set(checks))


# --- nbval and the build ----------------------------------------------------------------------------


def notebook_of(*cells: tuple[str, str]) -> nbformat.NotebookNode:
    """A notebook of cells (source, what it is said to print), each of them marked for nbval."""
    made = nbformat.v4.new_notebook()
    for source, printed in cells:
        output = nbformat.v4.new_output("stream", name="stdout", text=printed)
        cell = nbformat.v4.new_code_cell(source, outputs=[output] if printed else [])
        cell.metadata.tags = ["nbval-check-output"]
        made.cells.append(cell)
    return build.tidy(made)


@pytest.mark.parametrize(
    "printed, passes",
    [("(1, 12) 3.14\n", True), ("(1, 12) 3.15\n", True), ("(1, 11) 3.14\n", False), ("", False)],
)
def test_nbval_compares_the_cells_marked_for_it(printed, passes, tmp_path) -> None:
    """Digits behind the point differ between processors; whatever else differs fails."""
    file = tmp_path / "lesson.ipynb"
    nbformat.write(notebook_of(("print((1, 12), 3.14)", printed)), file)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax"]
    command += ["--nbval-current-env", f"--nbval-sanitize-with={SANITIZER}", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert (run.returncode == 0) is passes, run.stdout


def test_make_test_compares_as_this_file_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert (
        "--nbval-lax --nbval-current-env --nbval-sanitize-with=tests/nbval_sanitize.cfg notebooks" in makefile
    )


def test_build_stores_the_same_bytes_twice(tmp_path, capsys) -> None:
    file = tmp_path / "lesson.ipynb"
    source = "import sys\nprint('out')\nprint('err', file=sys.stderr)\n1 + 1"
    nbformat.write(notebook_of((source, ""), ("2 + 2", "")), file)
    build.build(file)
    first = file.read_bytes()
    build.build(file)
    assert file.read_bytes() == first and b"out" in first and b'"execution_count": 2' in first
    assert "cell   1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "source, limits, reason",
    [
        ("print(1)\nraise ValueError('no')", {}, "ValueError: no"),
        ("import time\ntime.sleep(1)", {"most_seconds": 0.5}, "let `make results` compute it"),
        ("print('x' * 5000)", {"most_bytes": 4000}, "show fewer pictures"),
    ],
)
def test_build_refuses_and_leaves_the_file(source, limits, reason, tmp_path) -> None:
    file = tmp_path / "lesson.ipynb"
    nbformat.write(notebook_of((source, "")), file)
    before = file.read_bytes()
    with pytest.raises(build.LessonError, match=reason):
        build.build(file, **limits)
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


def test_build_knows_its_lessons() -> None:
    assert build.lessons([]) == NOTEBOOKS
    assert build.lessons(["00"]) == NOTEBOOKS[:1]
    with pytest.raises(SystemExit, match="no lesson '99'"):
        build.lessons(["99"])


# --- stored results ---------------------------------------------------------------------------------


@pytest.mark.parametrize("file", sorted(stored.FOLDER.glob("*.json")), ids=by_name)
def test_a_stored_result_is_of_the_embedded_model(file, embedded) -> None:
    assert file.stem in results.RESULTS and stored_result(embedded, file.stem)


def test_results_of_another_model_are_refused(pipe, embedded, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stored, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"no stored result 'mine' \(there are: none yet\)"):
        stored_result(embedded, "mine")
    content = {"model": model_fingerprint(embedded), "result": [1, 2]}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    assert stored_result(embedded, "mine") == [1, 2]
    with pytest.raises(ValueError, match=r"another model .* run `make results`"):
        stored_result(pipe, "mine")


def test_a_result_is_stored_as_it_comes(embedded, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stored, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(results, "RESULTS", {"mine": lambda pipe: [{"picture": "fox", "dB": 1.5}]})
    results.main(["mine"])
    assert stored_result(embedded, "mine") == [{"picture": "fox", "dB": 1.5}]
    with pytest.raises(SystemExit, match="no result 'yours'"):
        results.main(["yours"])


def test_every_lesson_picture_has_words_of_the_model(embedded) -> None:
    for name in ("fox", "car", "umbrella"):
        assert set(lesson_picture(embedded, name).prompt.split()) <= set(styledit.known_words(embedded))


def test_setup_outside_a_notebook_is_harmless() -> None:
    import matplotlib.pyplot as plt

    with plt.rc_context():
        setup()

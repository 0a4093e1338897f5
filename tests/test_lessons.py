"""The notebooks as they are committed: complete, small, tidy, their solutions pass; and what builds them."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
import torch
from PIL import Image

import styledit
from conftest import make_pipeline
from styledit import Layers, Record
from styledit.editing import Edit, Settings
from styledit.guiding.terms import as_pixels
from styledit.lab.edit.png_recipe import SavedEdit, as_dict, save_png
from styledit.lab.edit.samples import challenges
from styledit.lessons import (
    balloon_drawing,
    board,
    build,
    exercises,
    lesson_picture,
    setup,
    wait_for,
    without_weights,
)
from styledit.objectives import attention_l1

ROOT = Path(__file__).resolve().parent.parent
SANITIZER = ROOT / "tests" / "nbval_sanitize.cfg"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PREDICTIONS = 2  # at least, in each lesson
WITHOUT_SLIDER = ("08",)  # lessons, by number
WITH_LAB = ("00", "05", "06", "07", "08", "09")
COMPARED = ("01", "02", "03", "04", "05", "07", "09")  # have cells whose output nbval compares
FOR_THE_LESSON = (
    "check_cure",
    "check_broken",
    "check_fooled_clip",
)  # what only its own edits and networks can tell
CHECK = re.compile(r"^exercises\.(check_\w+)\((.+)\)$", re.MULTILINE)

pytestmark = pytest.mark.usefixtures("own_record")


def by_name(file: Path) -> str:
    return file.stem


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


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
    assert all(part in header for part in ("will learn", "you need", "it takes", "GPU")), header


@pytest.mark.parametrize("file", NOTEBOOKS, ids=by_name)
def test_a_lesson_lets_predict_and_play(file: Path) -> None:
    text, number = file.read_text(encoding="utf-8"), file.name[:2]
    cells = code(nbformat.reads(text, as_version=4))
    assert sum("predict(" in cell.source for cell in cells) >= PREDICTIONS
    assert sum(bool(re.match(r"guess_\w+ = \.\.\.", cell.source)) for cell in cells) >= PREDICTIONS
    assert (number in WITHOUT_SLIDER) is not ("scrub(" in text and "pictures behind a slider" in text)
    assert (number in WITH_LAB) is ("edit_lab(" in text)
    assert (number in COMPARED) is any(
        "nbval-check-output" in cell.metadata.get("tags", ()) for cell in cells
    )


@pytest.mark.parametrize("file", NOTEBOOKS, ids=by_name)
def test_links_of_a_lesson_lead_somewhere(file: Path) -> None:
    texts = [c.source for c in nbformat.read(file, as_version=4).cells if c.cell_type == "markdown"]
    links = {link for text in texts for link in re.findall(r"\]\(([^)#\s]+)", text)}
    local = {link for link in links if not link.startswith("https://")}
    assert not [link for link in local if not (file.parent / link).exists()]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=by_name)
def test_what_a_lesson_names_is_there(file: Path) -> None:
    """Its imports, what it takes from `styledit.` by name, and the keywords that it gives to it."""
    for cell in code(nbformat.read(file, as_version=4)):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)
            elif isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                missing = [alias.name for alias in node.names if not there(module, alias.name)]
                assert not missing, f"{node.module} has no {missing}"
            elif isinstance(node, ast.Attribute):
                resolved(node)
            elif isinstance(node, ast.Call) and callable(called := resolved(node.func)):
                parameters = inspect.signature(called).parameters
                takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
                given = {keyword.arg for keyword in node.keywords} - {None}
                assert takes_all or given <= parameters.keys(), f"{ast.unparse(node.func)} takes no {given}"


def there(module: ModuleType, name: str) -> bool:
    """Whether `from module import name` would run."""
    if hasattr(module, name):
        return True
    try:
        importlib.import_module(f"{module.__name__}.{name}")
    except ModuleNotFoundError:
        return False
    return True


def resolved(node: ast.expr) -> Any:
    """What `styledit.a.b` is; None of another expression. Fails where a module has no such name."""
    if isinstance(node, ast.Name):
        return styledit if node.id == "styledit" else None
    owner = resolved(node.value) if isinstance(node, ast.Attribute) else None
    if not isinstance(owner, ModuleType):
        return None
    assert hasattr(owner, node.attr), f"{owner.__name__} has no {node.attr}"
    return getattr(owner, node.attr)


# --- exercises --------------------------------------------------------------------------------------


def asked() -> list:
    """(check, its arguments as written, the cell as given, the solution folded below it) of all exercises."""
    found = []
    for file in NOTEBOOKS:
        cells = nbformat.read(file, as_version=4).cells
        for k, cell in enumerate(cells):
            match = CHECK.search(cell.source) if cell.cell_type == "code" else None
            if match:
                folded = next(c.source for c in cells[k + 1 :] if "<details><summary>Solution" in c.source)
                (solution,) = re.findall(r"```python\n(.*?)```", folded, re.DOTALL)
                found.append(
                    pytest.param(*match.groups(), cell.source, solution, id=f"{file.stem} {match[1]}")
                )
    return found


@pytest.fixture(scope="module")
def names(embedded) -> dict[str, Any]:
    """What cells above an exercise have made, from a picture in a few steps and without value inputs."""
    picture = lesson_picture(embedded, "car")
    inversion = styledit.invert(embedded, picture.image, picture.prompt, 4, progress=False)
    latents = torch.zeros(2, 1, 20, 16, 16)
    failed = "a plain sticker of a red heart on the beach"
    image = picture.image
    tried = Edit(image, image, picture.prompt, failed, latents, latents, None, Settings())
    libraries = {"torch": torch, "styledit": styledit, "exercises": exercises, "Record": Record}
    return libraries | {
        "Layers": Layers,
        "pipe": embedded,
        "inversion": inversion,
        "maps": inversion.maps,
        "mask": picture.mask,
        "MY_TARGET": picture.prompt.replace("beach", "snow"),
        "editor": styledit.Editor(embedded, inversion),
        "nothing": {"tau_v": 0, "tau_c": 0, "tau_s": 0, "tau_u": 0, "guidance": 3, "blend": ()},
        "tried": {"heart": tried},
        "blind": challenges()[1],
        "honest": Image.new("RGB", challenges()[1].truth.size),
        "shaped": {("sparsity", 0): tried},
        "loose": {},
        "fox": {},
        "pulled": lambda *given, **settings: tried,
        "attention_l1": attention_l1,
        "Image": Image,
        "picture": image,
        "as_pixels": as_pixels,
        "clip_loss": torch.mean,
        "cosine": lambda picture: 0.0,
        "own": [0.0],
        "failed": ["heart"],
    }


@pytest.mark.parametrize("check, arguments, given, solution", asked())
def test_a_solution_passes_and_the_empty_cell_does_not(check, arguments, given, solution, names) -> None:
    namespace = dict(names)
    exec(given, namespace)  # as it is run first: nothing raises, nothing is passed
    assert exercises.progress().passed == 0
    grader = getattr(exercises, check)
    assert grader.grade(*eval(f"[{arguments}]", namespace)).passed is None
    exec(solution, namespace)
    (answer, *others) = eval(f"[{arguments}]", namespace)
    if check in FOR_THE_LESSON:
        assert isinstance(answer, (Edit, Image.Image))
        return
    verdict = grader.grade(answer, *others)
    assert verdict.passed, verdict


def test_every_exercise_is_asked_once_in_its_lesson() -> None:
    found = asked()
    for file in NOTEBOOKS:
        own = importlib.import_module(f"styledit.lessons.exercises.lesson_{file.stem.lower()}")
        mine = [p.values[0] for p in found if p.id.startswith(file.stem)]
        assert sorted(mine) == sorted(name for name in vars(own) if name.startswith("check_"))
        assert all(getattr(own, check).name.startswith(f"{file.name[:2]} ") for check in mine)
    files = list((ROOT / "styledit" / "lessons" / "exercises").glob("lesson_*.py"))
    assert len(files) == len(NOTEBOOKS)


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


def test_nbval_compares_the_cells_marked_for_it(tmp_path) -> None:
    """Digits behind the point differ between processors; whatever else differs fails."""
    stored = {
        "(1, 12) 3.14\n": "PASSED",
        "(1, 12) 3.15\n": "PASSED",
        "(1, 11) 3.14\n": "FAILED",
        "": "FAILED",
    }
    file = tmp_path / "lesson.ipynb"
    nbformat.write(notebook_of(*(("print((1, 12), 3.14)", printed) for printed in stored)), file)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--nbval-lax"]
    command += ["--nbval-current-env", f"--nbval-sanitize-with={SANITIZER}", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    outcomes = re.findall(r"::Cell \d+ (PASSED|FAILED)", run.stdout)
    assert outcomes[: len(stored)] == list(stored.values()), run.stdout


def test_make_test_compares_as_this_file_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "--nbval-lax --nbval-current-env --nbval-sanitize-with=tests/nbval_sanitize.cfg" in makefile


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


def test_a_model_is_named_to_the_lesson_that_runs_with_any(tmp_path) -> None:
    file = tmp_path / "lesson.ipynb"
    names = (build.MODEL_VARIABLE, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    source = f"import os\nprint(*(os.environ.get(name, 'none') or 'empty' for name in {names}))"
    for model, printed in (("owner/name", "owner/name none none"), (None, "empty 1 1")):
        nbformat.write(notebook_of((source, "")), file)
        with pytest.MonkeyPatch.context() as patch:
            for name in names:
                patch.delenv(name, raising=False)
            build.build(file, None, model=model)
        (output,) = nbformat.read(file, as_version=4).cells[0].outputs
        assert output.text.strip() == printed


@pytest.mark.parametrize("names", [[], ["01"], ["0"]])
def test_other_lessons_run_with_the_embedded_model_only(names) -> None:
    with pytest.raises(SystemExit, match="Only lesson 08 runs with another model: LESSONS=08 MODEL="):
        build.main(names, model="owner/name")


@pytest.mark.slow
def test_lesson_08_runs_with_another_model(tokenizer, tmp_path, monkeypatch) -> None:
    """Tiny networks with random weights: their pictures say nothing, that all cells run does."""
    make_pipeline(tokenizer).save_pretrained(tmp_path / "model")
    (lesson,) = build.lessons(["08"])
    copy = tmp_path / lesson.name
    text = lesson.read_text(encoding="utf-8")
    known = {  # in words of the tiny tokenizer
        "a photograph of a cat on a sofa": "a sketch of a cat on the snow",
        "a photograph of a dog on a sofa": "a sketch of a fox on the snow",
        "a drawing of a cat on a sofa": "a pencil of a cat on the snow",
        "T = 50": "T = 4",
    }
    for written, own in known.items():
        assert written in text
        text = text.replace(written, own)
    copy.write_text(text, encoding="utf-8")
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    build.main(["08"], model=str(tmp_path / "model"))
    cells = code(nbformat.read(copy, as_version=4))
    printed = "".join(out.text for cell in cells for out in cell.outputs if out.output_type == "stream")
    assert f"made by {tmp_path / 'model'}, 32 × 32 pixels, T = 4, in float32" in printed
    tables = "".join(str(out.data) for cell in cells for out in cell.outputs if "data" in out)
    assert " s at T = 4" in tables and "not run" not in tables


def test_build_knows_its_lessons() -> None:
    assert build.lessons([]) == NOTEBOOKS
    assert build.lessons(["00"]) == NOTEBOOKS[:1]
    with pytest.raises(SystemExit, match="no lesson '99'"):
        build.lessons(["99"])


# --- what lessons use -------------------------------------------------------------------------------


def test_the_balloon_is_always_the_same_and_of_any_size() -> None:
    assert balloon_drawing(64).size == (64, 64)
    assert balloon_drawing().tobytes() == balloon_drawing().tobytes()


def test_a_board_ranks_what_the_judge_sees_and_makes_each_edit_again(embedded, tmp_path) -> None:
    challenge = challenges()[25]
    inversion = styledit.invert(embedded, challenge.picture, challenge.prompt, 4, progress=False)
    editor = styledit.Editor(embedded, inversion)
    edit = editor.edit(challenge.target, progress=False)
    recipe = {"prompt": challenge.prompt, "target": challenge.target, "steps": 4, "method": "value inputs"}
    handed = {"an edit": edit.image, "the truth": challenge.truth, "nothing": challenge.picture}
    for name, image in handed.items():
        saved = SavedEdit(
            image=image, picture=challenge.picture, settings=as_dict(edit.settings), model="", **recipe
        )
        (tmp_path / f"{name}.png").write_bytes(save_png(embedded, saved))
    ranks = board(tmp_path, challenge, editor)
    assert next(iter(ranks)) == "the truth" and ranks["nothing"].psnr is None
    assert [name for name, one in ranks.items() if one.made_again] == ["an edit"]


def test_every_lesson_picture_has_words_of_the_model(embedded) -> None:
    known = set(styledit.known_words(embedded))
    for name in ("fox", "car", "umbrella"):
        assert set(lesson_picture(embedded, name).prompt.split()) <= known


def test_setup_outside_a_notebook_is_harmless() -> None:
    import matplotlib.pyplot as plt

    with plt.rc_context():
        setup()


def test_widgets_are_waited_for() -> None:
    class Never:
        problem = ""

        def snapshot(self) -> None:
            return None

    with pytest.raises(RuntimeError, match="nothing to show after"):
        wait_for(Never(), seconds=0.1)
    Never.problem = "no memory"
    with pytest.raises(RuntimeError, match="says: no memory"):
        wait_for(Never())


@pytest.mark.parametrize(
    "family, million, width", [("sd1", 860, 768), ("sd2-base", 866, 1024), ("sd2-v", 866, 1024)]
)
def test_networks_without_weights_have_their_shapes(family, million, width) -> None:
    pipe = without_weights(family)
    assert round(sum(p.numel() for p in pipe.unet.parameters()) / 1e6) == million
    assert pipe.unet.config.cross_attention_dim == width == pipe.text_encoder.config.hidden_size
    assert all(p.is_meta and p.dtype == torch.float16 for p in pipe.unet.parameters())
    assert pipe.tokenizer.model_max_length == 77

"""Lessons 06, 08 and A1: checks, solutions, networks without weights, and widgets that are waited for."""

from __future__ import annotations

import math
import re
from pathlib import Path

import nbformat
import pytest
import torch

import styledit
from styledit import Layers, Record
from styledit.lessons import build, lab_exercises, lesson_picture

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
LESSONS = ("06_the_lab", "08_your_own_model", "A1_how_the_small_model_was_made")
CHECK = re.compile(r"^(check_\w+)\((\w+)", re.MULTILINE)


pytestmark = pytest.mark.usefixtures("own_record")


@pytest.fixture(scope="module")
def picture():
    """A pipeline, a short inversion and a target, for checks that run a method."""
    pipe = styledit.load()
    image, prompt, _ = lesson_picture(pipe, "car")
    return (
        pipe,
        styledit.invert(pipe, image, prompt, steps=4, progress=False),
        prompt.replace("beach", "snow"),
    )


def rate(step, steps, peak):
    return peak * min(1, (step + 1) / 300, (steps - step) / (0.3 * steps))


RIGHT = {
    "check_first_step": lambda before, after, T: math.ceil(round(min(before, after) * T, 6)),
    "check_map_bytes": lambda heads, h, w, keys: 2 * heads * h * w * keys,
    "check_record": Record(Layers(kind="self", scales=(4, 8)), steps=range(0, 50, 5)),
    "check_v": lambda z_0, eps, abar: abar.sqrt() * eps - (1 - abar).sqrt() * z_0,
    "check_rate": rate,
}
WRONG = [
    ("check_first_step", lambda before, after, T: before * T, "same steps"),
    ("check_first_step", lambda before, after, T: max(before, after) * T, "where do they part"),
    ("check_first_step", lambda before, after, T: round(min(before, after) * 15), "know T"),
    ("check_first_step", lambda before, after, T: round(min(before, after) * T), "on or off"),
    ("check_first_step", lambda before, after, T: math.ceil(min(before, after) * T), "a little more"),
    ("check_map_bytes", lambda heads, h, w, keys: heads * h * w * keys, "how many bytes"),
    ("check_map_bytes", lambda heads, h, w, keys: 2 * h * w * keys, "each head"),
    ("check_map_bytes", lambda heads, h, w, keys: 2 * heads * h * h * keys, "16 × 8"),
    ("check_record", Record(Layers(kind="self")), "66.7 GiB"),
    ("check_record", Record(Layers()), "no self-attention"),
    ("check_record", "self", "not a str"),
    ("check_v", lambda z_0, eps, abar: eps, "ᾱ = 0"),
    ("check_v", lambda z_0, eps, abar: z_0, "ᾱ = 1"),
    ("check_v", lambda z_0, eps, abar: abar * eps - (1 - abar) * z_0, "roots"),
    ("check_rate", lambda step, steps, peak: 1.0, "should be `peak`"),
    ("check_rate", lambda step, steps, peak: peak, "first 300 steps"),
    ("check_rate", lambda step, steps, peak: peak * min(1, (step + 1) / 300), "last 30 %"),
    ("check_rate", lambda step, steps, peak: rate(step, 10_000, peak), "how many there are"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_answer_passes_and_none_does_not(name) -> None:
    grader = getattr(lab_exercises, name)
    assert grader.grade(RIGHT[name]).passed
    assert grader.grade(...).passed is None


@pytest.mark.parametrize("name, wrong, hint", WRONG, ids=[f"{n}-{h}" for n, _, h in WRONG])
def test_a_wrong_answer_gets_its_hint(name, wrong, hint) -> None:
    verdict = getattr(lab_exercises, name).grade(wrong)
    assert verdict.passed is False
    assert hint.lower() in verdict.text.lower()


def test_a_method_is_run(picture) -> None:
    pipe, inversion, target = picture

    def mine(pipe, inversion, target, settings):
        return styledit.Editor(pipe, inversion, guidance=settings["guidance"]).edit(target, progress=False)

    def passed(method):
        return lab_exercises.check_method.grade(method, pipe, inversion, target)

    assert passed(mine).passed
    assert passed(lambda *_: None).passed is None
    assert "stopped with" in passed(lambda: 1).text
    assert "returned a str" in passed(lambda *_: "edit").text
    assert "target passed on" in passed(lambda p, i, t, s: mine(p, i, i.prompt, s)).text


def test_widgets_are_waited_for(picture) -> None:
    class Never:
        problem = ""

        def snapshot(self):
            return None

    with pytest.raises(RuntimeError, match="nothing to show after"):
        lab_exercises.settled(Never(), seconds=0.1)
    Never.problem = "no memory"
    with pytest.raises(RuntimeError, match="says: no memory"):
        lab_exercises.settled(Never())


@pytest.mark.parametrize(
    "family, million, width", [("sd1", 860, 768), ("sd2-base", 866, 1024), ("sd2-v", 866, 1024)]
)
def test_networks_without_weights_have_their_shapes(family, million, width) -> None:
    pipe = lab_exercises.without_weights(family)
    assert round(sum(p.numel() for p in pipe.unet.parameters()) / 1e6) == million
    assert pipe.unet.config.cross_attention_dim == width == pipe.text_encoder.config.hidden_size
    assert all(p.is_meta and p.dtype == torch.float16 for p in pipe.unet.parameters())
    assert pipe.tokenizer.model_max_length == 77


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_is_stored_whole_and_its_solutions_pass(lesson, picture) -> None:
    file = NOTEBOOKS / f"{lesson}.ipynb"
    text = file.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    assert len(text.encode()) <= build.MOST_BYTES
    assert not [
        out for cell in notebook.cells for out in cell.get("outputs", ()) if out.output_type == "error"
    ]
    graded = 0
    for k, cell in enumerate(notebook.cells):
        match = CHECK.search(cell.source) if cell.cell_type == "code" else None
        if match is None:
            continue
        folded = next(c.source for c in notebook.cells[k + 1 :] if "<summary>Solution" in c.source)
        (code,) = re.findall(r"```python\n(.*?)```", folded, re.DOTALL)
        names: dict = {"torch": torch, "styledit": styledit, "Record": Record, "Layers": Layers}
        exec(code, names)
        more = picture if match[1] == "check_method" else ()
        assert getattr(lab_exercises, match[1]).grade(names[match[2]], *more).passed
        graded += 1
    assert graded == 2

"""The guided panel in a real notebook, used as a person would: see `browser.py`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser import Jupyter, NotebookPage, opener
from test_edit_lab_browser import SETUP, SHOW, on_screen, painted, slide

pytestmark = pytest.mark.slow

PICTURES = os.environ.get("STYLEDIT_SCREENSHOTS")  # a folder for screenshots


@pytest.fixture(scope="module")
def page(chromium: Any, jupyter_lab: Jupyter) -> Iterator[NotebookPage]:
    with opener(chromium, jupyter_lab) as open_notebook:
        made = open_notebook(SETUP, SHOW, height=2400 if PICTURES else 900)
        made.run_cell(0)
        yield made


@pytest.fixture
def lab(page: NotebookPage) -> NotebookPage:
    """The notebook with a new lab whose guided panel is open."""
    page.run_cell(1)
    page.until("exact()", 120)
    painted(page)
    page.by_id("fold-guided").click()
    return page


def photograph(page: NotebookPage, name: str) -> None:
    """Screenshots in both themes, where a folder is named."""
    if PICTURES:
        for theme in ("dark", "light"):
            page.theme(theme)
            page.by_id("guided-film").scroll_into_view_if_needed()
            page.screenshot(Path(PICTURES) / f"{name}_{theme}.png", ".styledit-edit-lab")


def test_guide_stop_filmstrip_and_another_picture(lab: NotebookPage) -> None:
    before = on_screen(lab)
    assert lab.by_id("guided-stop").is_disabled() and lab.by_id("guided-preset").input_value() == "default"
    slide(lab, "guided-iterations", 60)
    slide(lab, "guided-l2", 0.1)
    assert lab.by_id("guided-preset").input_value() == ""  # no preset any more
    lab.by_id("guided-go").click()
    lab.until("lab.guided.get('iteration', 0) >= 14", 120)
    photograph(lab, "guided_running")
    lab.by_id("guided-stop").click()
    lab.until("exact() and lab.guided['stopped'] == 'stopped'", 60)
    painted(lab)
    film = lab.by_id("guided-film").locator("figure")
    assert film.count() == lab.python("len(lab.guided['film'])") >= 2
    assert film.first.locator("img").count() == 2  # the picture and the object's map
    assert lab.by_id("guided-curves").locator("svg").count() == 3  # the sum, CLIP, L2
    assert "best so far" in lab.by_id("guided-status").inner_text()
    after = on_screen(lab)
    assert not np.array_equal(after, before)
    assert np.array_equal(after, np.array(lab.python("np.asarray(lab.shown.edit.image).tolist()"), np.uint8))
    assert "start=found," in lab.by_id("code").text_content() and lab.by_id("guided-stop").is_disabled()
    photograph(lab, "guided_stopped")
    # The plain edit before and back: the history has both.
    lab.by_id("undo").click()
    lab.until("exact() and lab.shown.request.guide is None")
    painted(lab)
    assert np.array_equal(on_screen(lab), before)
    lab.by_id("redo").click()
    lab.until("exact() and lab.shown.request.guide is not None")
    painted(lab)
    assert np.array_equal(on_screen(lab), after)
    assert not lab.errors and not lab.python("lab.problem")


def test_a_style_picture_of_the_lessons_and_of_ones_own(lab: NotebookPage, tmp_path: Path) -> None:
    name = lab.python("lab.world['samples'][4]['name']")
    slide(lab, "guided-iterations", 15)
    lab.by_id(f"guided-style-{name}").click()
    assert lab.by_id("guided-preset").input_value() == "reference"  # something has to read it
    lab.by_id("guided-go").click()
    lab.until("exact() and lab.guided.get('stopped') == 'done'", 120)
    painted(lab)
    assert lab.python("lab.guided['asked']['style']") == {"kind": "sample", "name": name}
    photograph(lab, "guided_style")
    first = on_screen(lab)
    file = tmp_path / "look.png"
    lab.python(f"styledit.lab.picture(pipe, lab.world['samples'][2]['name']).save({str(file)!r})")
    lab.by_id("guided-style-file").set_input_files(file)
    lab.page.wait_for_function(
        """() => document.querySelector('[data-testid="guided-style-image"]').naturalWidth === 128"""
    )
    lab.by_id("guided-go").click()
    lab.until(
        "exact() and lab.guided['asked']['style']['kind'] == 'upload' and lab.guided['stopped'] == 'done'",
        120,
    )
    painted(lab)
    assert not np.array_equal(on_screen(lab), first)
    lab.by_id("guided-style-none").click()
    assert lab.by_id("guided-preset").input_value() == "default"
    assert lab.by_id("guided-style-image").is_hidden()
    assert not lab.errors and not lab.python("lab.problem")


def test_a_style_pictures_look_is_said_in_an_unchanged_prompt(lab: NotebookPage) -> None:
    source = lab.python("lab.source['prompt']")
    prompt = lab.by_id("target-prompt")
    prompt.fill(source)
    prompt.press("Enter")
    lab.until("exact() and lab.target['prompt'] == lab.source['prompt']", 60)
    look = lab.python(
        "next(s['name'] for s in lab.world['samples'] if s['prompt'].startswith('a watercolor'))"
    )
    lab.by_id(f"guided-style-{look}").click()
    lab.by_id("guided-go").click()
    lab.until("exact() and lab.guided.get('stopped') == 'done'", 120)
    painted(lab)
    named = "a watercolor painting of" + source.split(" of", 1)[1]
    assert prompt.input_value() == named != source  # the page shows what was asked
    photograph(lab, "guided_look")
    assert not lab.errors and not lab.python("lab.problem")

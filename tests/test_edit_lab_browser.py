"""The EditLab in a real notebook, used as a person would: see `browser.py`."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from browser import Jupyter, NotebookPage, opener
from styledit.lab.edit.display import TILE
from styledit.lab.frames import sized
from test_lab_browser import workers

SETUP = """
import os, tempfile, time
os.environ["STYLEDIT_CACHE"] = tempfile.mkdtemp()
import numpy as np, styledit
from styledit.lab import edit_lab
from styledit.lab.edit.png_recipe import from_dict

def exact():
    "Whether the page has the exact edit of the settings that stand there."
    return bool(lab.frame) and lab.frame["exact"] and not lab.worker._runs

def fresh():
    "What a new editor makes of the settings that the page shows."
    values = lab.prepared.values if lab.target["method"] == "value inputs" else None
    editor = styledit.Editor(pipe, lab.prepared.inversion, values=values)
    return editor.edit(lab.target["prompt"], progress=False, **from_dict(lab.target["settings"])).image

def right():
    return bool(np.array_equal(np.asarray(fresh()), np.asarray(lab.shown.edit.image)))

pipe = styledit.load()
"""
SHOW = "lab = edit_lab(pipe)\nlab"
ASLEEP = "time.sleep(120)"
MANY = """
for k in range(54):
    asked = dict(lab.target, type="edit", id=k + 2, moving=False, auto=False)
    asked["settings"] = dict(asked["settings"], guidance=10 - k % 30 / 4)
    lab._receive(lab, asked, [])
    while lab.present["entry"] < k + 2:
        time.sleep(0.005)
"""
QUICK = "lab = edit_lab(pipe, steps=5)\nlab"


@pytest.fixture(scope="module")
def page(chromium: Any, jupyter_lab: Jupyter) -> Iterator[NotebookPage]:
    """A notebook whose lab shows its first edit."""
    with opener(chromium, jupyter_lab) as open_notebook:
        made = open_notebook(SETUP, SHOW, ASLEEP, QUICK)
        made.run_cell(0)
        yield made


@pytest.fixture
def lab(page: NotebookPage) -> NotebookPage:
    """The notebook with a new lab."""
    clear(page)
    page.run_cell(1)
    page.until("exact()", 120)
    painted(page)
    return page


@pytest.fixture
def quick(page: NotebookPage) -> NotebookPage:
    """The notebook with a new lab of five steps."""
    page.errors.clear()
    clear(page)
    page.run_cell(3)
    page.until("exact()", 120)
    painted(page)
    return page


def clear(page: NotebookPage) -> None:
    """No lab of another cell on the page."""
    page.page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.page.wait_for_selector(".styledit-edit-lab", state="detached")


def painted(page: NotebookPage) -> None:
    """Wait until the page has painted the newest frame."""
    serial = page.python("lab.frame['serial']")
    shown = "JSON.parse(document.querySelector('.styledit-edit-lab').dataset.shown ?? '{}')"
    page.page.wait_for_function(f"serial => {shown}.serial >= serial", arg=serial)


def done(page: NotebookPage) -> None:
    page.until("exact()", 120)
    painted(page)


def on_screen(page: NotebookPage, name: str = "edit-image") -> np.ndarray:
    """The pixels of a picture that the page shows, at its own size."""
    encoded = page.page.evaluate(
        """name => {
          const image = document.querySelector(`[data-testid="${name}"]`);
          const canvas = document.createElement("canvas");
          [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
          canvas.getContext("2d").drawImage(image, 0, 0);
          return Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
        }""",
        name,
    )
    side = int(len(encoded) ** 0.5 / 2)
    return np.array(encoded, np.uint8).reshape(side, side, 4)[..., :3]


def of_library(page: NotebookPage) -> np.ndarray:
    """What a new editor of the library makes of the settings on the page."""
    return np.array(page.python("np.asarray(fresh()).tolist()"), np.uint8)


def slide(page: NotebookPage, name: str, value: float) -> None:
    """Move a slider to a value, and let go."""
    page.by_id(name).fill(str(value))
    page.by_id(name).dispatch_event("change")


def test_it_opens_and_every_slider_gives_the_librarys_picture(lab: NotebookPage) -> None:
    assert np.array_equal(on_screen(lab), of_library(lab))
    assert lab.by_id("method").input_value() == "following the source" and lab.by_id("tau_v").is_disabled()
    for name, value in (("tau_c", 0.2), ("tau_s", 0.4), ("tau_u", 1.0), ("guidance", 4.0)):
        slide(lab, name, value)
        lab.until(f"lab.target['settings'][{name!r}] == {value}")
        done(lab)
        assert np.array_equal(on_screen(lab), of_library(lab)), name
    assert not lab.errors and not lab.python("lab.problem")


@pytest.mark.slow
def test_a_mouse_drag_ends_in_the_exact_edit(lab: NotebookPage) -> None:
    before = lab.python("lab.frame['serial']")
    slider = lab.by_id("tau_s")
    slider.scroll_into_view_if_needed()  # the mouse reaches only what is on the screen
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    mouse = lab.page.mouse
    mouse.move(box["x"] + 0.8 * box["width"], y)
    mouse.down()
    for k in range(12):
        mouse.move(box["x"] + (0.8 - 0.05 * k) * box["width"], y)
        lab.page.wait_for_timeout(60)
    mouse.up()
    lab.until(f"lab.frame['serial'] > {before} and lab.target['settings']['tau_s'] < 0.5", 120)
    done(lab)  # how many previews come before the exact edit depends on the machine: `make live`
    assert np.array_equal(on_screen(lab), of_library(lab))
    assert not lab.errors


@pytest.mark.slow
def test_keys_move_a_slider_and_never_the_notebook(lab: NotebookPage) -> None:
    cells = lab.page.locator(".jp-Cell").count()
    tau = lab.by_id("tau_c")
    before = float(tau.input_value())
    tau.focus()
    for key in ("ArrowRight", "d", "d", "a", "x"):
        tau.press(key)
    lab.until(f"abs(lab.target['settings']['tau_c'] - {before}) > 0.001")
    done(lab)
    assert lab.page.locator(".jp-Cell").count() == cells
    assert np.array_equal(on_screen(lab), of_library(lab))


@pytest.mark.slow
def test_another_prompt_and_a_word_that_is_not_known(lab: NotebookPage) -> None:
    prompt = lab.by_id("target-prompt")
    prompt.fill("a plain sticker of a panda in the meadow")
    prompt.press("Enter")
    lab.until("lab.target['prompt'].endswith('panda in the meadow') and exact()", 120)
    painted(lab)
    shown = on_screen(lab)
    assert np.array_equal(shown, of_library(lab))
    prompt.fill("a plain sticker of a bicycle in the meadow")
    prompt.press("Enter")
    lab.page.wait_for_function(
        "document.querySelector('[data-testid=\"problem\"]').textContent.includes(\"'bicycle'\")"
    )
    assert "fox" in lab.by_id("problem").inner_text()
    assert np.array_equal(on_screen(lab), shown)


@pytest.mark.slow
def test_a_chosen_word_leaves_the_rest_of_the_sentence(lab: NotebookPage) -> None:
    prompt = lab.by_id("target-prompt")
    prompt.fill("an oil painting of an owl and a red balloon in the forest")
    for slot, choice, after in (
        ("thing", "cat", "an oil painting of a cat and a red balloon in the forest"),
        ("colour", "blue", "an oil painting of a cat and a blue balloon in the forest"),
        ("size", "big", "an oil painting of a big cat and a blue balloon in the forest"),
        ("size", "", "an oil painting of a cat and a blue balloon in the forest"),
        ("colour", "", "an oil painting of a cat and a balloon in the forest"),
        ("style", "a stone mosaic of", "a stone mosaic of a cat and a balloon in the forest"),
        ("place", "on the beach", "a stone mosaic of a cat and a balloon on the beach"),
    ):
        lab.by_id(f"target-slot-{slot}").select_option(choice)
        assert prompt.input_value() == after
    prompt.fill("A plain sticker of a red car on the beach.")
    lab.by_id("target-slot-style").select_option("a stone mosaic of")
    lab.by_id("target-slot-place").select_option("in the snow")
    assert prompt.input_value() == "a stone mosaic of a red car in the snow."
    for words, slot, choice, after in (
        ("fox", "style", "a stone mosaic of", "a stone mosaic of a fox"),
        ("a plain sticker of", "colour", "red", "a plain sticker of a red"),
    ):
        prompt.fill(words)
        lab.by_id(f"target-slot-{slot}").select_option(choice)
        assert prompt.input_value() == after
    prompt.fill("my owl on the sofa")
    lab.by_id("target-slot-style").select_option("a plain sticker of")
    assert prompt.input_value() == "a plain sticker of an owl"


@pytest.mark.slow
def test_a_busy_cell_does_not_stop_the_lab(lab: NotebookPage) -> None:
    lab.run_cell(2, wait=False)
    lab.page.wait_for_timeout(300)
    slide(lab, "tau_s", 0.1)
    lab.page.wait_for_function(
        "() => { const root = document.querySelector('.styledit-edit-lab');"
        " return Number(root.dataset.painted) > Number(root.dataset.input); }"
    )
    assert lab.running()
    lab.interrupt()
    lab.wait(fails=True)
    done(lab)
    assert np.array_equal(on_screen(lab), of_library(lab))


@pytest.mark.slow
def test_other_pictures_an_upload_and_a_broken_file(lab: NotebookPage, tmp_path: Any) -> None:
    lab.by_id("sample-01_car").click()
    lab.until("lab.source['name'] == '01_car' and exact()", 120)
    painted(lab)
    assert np.array_equal(on_screen(lab), of_library(lab))
    kept = on_screen(lab)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG no picture")
    lab.by_id("from-upload").click()
    lab.by_id("upload").set_input_files(str(broken))
    lab.page.wait_for_function(
        "Array.from(document.querySelectorAll('.styledit-problem, .styledit-note'))"
        ".some((line) => /picture/.test(line.textContent))"
    )
    assert np.array_equal(on_screen(lab), kept)
    assert not lab.errors


@pytest.mark.slow
def test_painting_a_mask_keeps_the_rest_of_the_picture(lab: NotebookPage) -> None:
    lab.by_id("fold-mask").click()
    canvas = lab.by_id("mask-canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    mouse = lab.page.mouse
    mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    mouse.up()
    lab.until("lab.target['settings']['mask'] is not None and exact()", 120)
    painted(lab)
    outside = "bool((np.asarray(lab.shown.edit.image) == np.asarray(lab.prepared.picture))[:24].all())"
    assert lab.python(outside)
    assert np.array_equal(on_screen(lab), of_library(lab))
    stroke = lab.python("lab.target['settings']['mask']")
    lab.by_id("lasso-word").select_option("fox")
    lab.until(f"lab.target['settings']['mask'] not in (None, {stroke!r}) and exact()", 120)
    wide = lab.python("sum(lab.target['settings']['mask']['runs'][1::2])")
    assert 0.02 < wide / 128**2 < 0.6  # a part of the picture
    lab.by_id("lasso-threshold").fill("0.8")
    lab.by_id("lasso-threshold").dispatch_event("change")
    lab.until(f"sum(lab.target['settings']['mask']['runs'][1::2]) < {wide} and exact()", 120)
    painted(lab)
    assert np.array_equal(on_screen(lab), of_library(lab))
    for _ in range(2):
        lab.by_id("mask-undo").click()
    lab.until(f"lab.target['settings']['mask'] == {stroke!r} and exact()", 120)
    lab.by_id("mask-clear").click()
    lab.until("lab.target['settings']['mask'] is None and exact()", 120)
    assert not lab.errors


@pytest.mark.slow
def test_the_contact_sheet_gives_a_tiles_settings(lab: NotebookPage) -> None:
    lab.by_id("fold-sheet").click()
    assert lab.by_id("sheet-size").inner_text().endswith("tiles")
    lab.by_id("sheet-rows-values").fill("0, 1")
    lab.by_id("sheet-columns").select_option("method")
    assert lab.by_id("sheet-size").inner_text() == "2 × 4 = 8 tiles"
    for name in ("value inputs", "direct inversion", "DDIM + P2P", "SDEdit"):
        lab.by_id(f"sheet-columns-method-{name}").click()
    assert lab.by_id("sheet-size").inner_text() == "2 × 2 = 4 tiles"
    lab.by_id("sheet-draw").click()
    lab.until("bool(lab.sheet) and all(tile['exact'] for tile in lab.sheet['tiles'])", 300)
    lab.by_id("sheet-open").click()  # large: a tile alone, and to the next by keys
    lab.by_id("large-0-0").click()
    lab.page.keyboard.press("ArrowDown")
    told = "document.querySelector('[data-testid=large-text]').textContent"
    lab.page.wait_for_function(f"{told}.startsWith('tau_c 1, following the source')")
    lab.until("lab.tile and lab.tile['row'] == 1")
    lab.page.wait_for_timeout(300)
    exact = lab.python("np.asarray(lab.display.sheets.kept[-1].tiles[2].image).tolist()")
    assert np.array_equal(on_screen(lab, "large-image"), np.array(exact, np.uint8))
    lab.page.keyboard.press("Escape")
    assert lab.by_id("large-0-0").is_visible()
    lab.by_id("large-close").click()
    with lab.page.expect_download() as file:
        lab.by_id("sheet-csv").click()
    assert file.value.path().read_text().count("\n") == 5
    lab.by_id("sheet-tile-1-0").click()
    lab.until("lab.target['settings']['tau_c'] == 1.0 and exact()", 120)
    painted(lab)
    assert np.array_equal(on_screen(lab), of_library(lab))
    assert np.array_equal(on_screen(lab), np.array(exact, np.uint8))


@pytest.mark.slow
def test_what_a_method_ignores_is_off_and_its_own_parameters_are_there(lab: NotebookPage) -> None:
    assert not lab.by_id("strength").is_visible()
    lab.by_id("method").select_option("SDEdit")
    lab.until("lab.target['method'] == 'SDEdit' and exact()", 120)
    painted(lab)
    for name in ("tau_c", "tau_s", "tau_u", "tau_v", "guide_from_source", "blend_threshold"):
        assert lab.by_id(name).is_disabled()
    assert "uses no maps" in lab.by_id("tau_c").get_attribute("aria-description")
    assert "uses no maps" in lab.by_id("method-hint").inner_text()
    before = on_screen(lab)
    slide(lab, "strength", 0.3)
    lab.until("lab.target['parameters'] == {'strength': 0.3, 'seed': 0} and exact()", 120)
    painted(lab)
    assert not np.array_equal(on_screen(lab), before)
    wanted = "styledit.baselines.sdedit(pipe, lab.prepared.inversion, lab.target['prompt'], strength=0.3, "
    wanted += "guidance=lab.target['settings']['guidance'], progress=False).image"
    assert np.array_equal(on_screen(lab), np.array(lab.python(f"np.asarray({wanted}).tolist()"), np.uint8))
    lab.by_id("method").select_option("following the source")
    lab.until("lab.target['method'] == 'following the source' and exact()", 120)
    assert lab.by_id("tau_c").is_enabled() and not lab.by_id("strength").is_visible()
    assert lab.by_id("tau_c").get_attribute("aria-description") is None and not lab.errors


@pytest.mark.slow
def test_a_new_picture_is_edited_at_once_and_by_value_inputs_once_they_are_there(lab: NotebookPage) -> None:
    """An edit without a fit, value inputs whose fit is stopped, more edits, the fit after all."""
    source = on_screen(lab, "source-image")
    lab.by_id("sample-08_frog").click()  # which no other test of this kernel fits
    lab.page.wait_for_selector(".styledit-coming", state="attached")
    lab.until("lab.source['name'] == '08_frog' and exact()", 120)
    painted(lab)
    assert lab.python("lab.prepared.values is None") and np.array_equal(on_screen(lab), of_library(lab))
    assert not np.array_equal(on_screen(lab, "source-image"), source)
    standing = on_screen(lab)
    lab.by_id("method").select_option("value inputs")
    lab.page.wait_for_selector('[data-testid="progress-text"]:has-text("Fitting")')
    lab.by_id("stop").click()
    lab.until("not lab.worker._runs")
    assert np.array_equal(on_screen(lab), standing) and lab.python("lab.prepared.values is None")
    lab.by_id("method").select_option("following the source")
    slide(lab, "tau_c", 0.15)
    lab.until("lab.target['settings']['tau_c'] == 0.15")
    done(lab)
    assert np.array_equal(on_screen(lab), of_library(lab)) and lab.by_id("tau_v").is_disabled()
    lab.by_id("method").select_option("value inputs")
    lab.until("lab.frame['method'] == 'value inputs' and exact()", 120)
    slide(lab, "tau_v", 0.6)
    lab.until("lab.target['settings']['tau_v'] == 0.6")
    done(lab)
    assert np.array_equal(on_screen(lab), of_library(lab))
    assert lab.page.locator(".styledit-figure-edit figcaption").inner_text() == "Edit"
    first, last = lab.python("[lab.history[k]['id'] for k in (0, -1)]")
    assert "following the source" in lab.by_id(f"history-{first}").get_attribute("title")
    assert "value inputs" in lab.by_id(f"history-{last}").get_attribute("title") and not lab.errors


@pytest.mark.slow
def test_a_suggested_blend_is_said_below_the_pictures_and_dropped_by_one_click(lab: NotebookPage) -> None:
    prompt = lab.by_id("target-prompt")
    prompt.fill(lab.python("lab.source['prompt']").replace("fox", "dog"))
    prompt.press("Enter")
    lab.until("lab.target['settings']['blend'] == ['fox', 'dog'] and exact()", 120)
    note = lab.by_id("blend-note")
    assert "“fox” or “dog”" in note.inner_text() and "suggested" in note.inner_text()
    lab.by_id("blend-drop").click()
    lab.until("lab.target['settings']['blend'] == [] and exact()", 120)
    painted(lab)
    assert not note.is_visible() and np.array_equal(on_screen(lab), of_library(lab))


@pytest.mark.slow
def test_a_reload_and_a_new_tab_bring_it_back(lab: NotebookPage) -> None:
    slide(lab, "tau_c", 0.3)
    lab.until("lab.target['settings']['tau_c'] == 0.3")
    done(lab)
    shown = on_screen(lab)
    lab.save()
    for again in (lab.reload, lab.reopen):
        again()
        lab.page.wait_for_selector('[data-testid="edit-image"][src]')
        lab.page.wait_for_timeout(500)
        assert np.array_equal(on_screen(lab), shown)
        assert float(lab.by_id("tau_c").input_value()) == pytest.approx(0.3)
        assert lab.page.locator('[data-testid^="history-"] img').count() >= 2
        slide(lab, "tau_c", 0.5)
        lab.until("lab.target['settings']['tau_c'] == 0.5")
        done(lab)
        assert np.array_equal(on_screen(lab), of_library(lab))
        slide(lab, "tau_c", 0.3)
        lab.until("lab.target['settings']['tau_c'] == 0.3")
        done(lab)
    assert workers(lab) == 1


@pytest.mark.slow
def test_the_notebook_keeps_a_picture_of_it(lab: NotebookPage) -> None:
    saved = lab.save()
    pictures = [
        output["data"]["image/png"]
        for output in saved.cells[1].outputs
        if "image/png" in output.get("data", {})
    ]
    import base64

    picture = Image.open(io.BytesIO(base64.b64decode(pictures[-1])))
    edit = sized(Image.fromarray(on_screen(lab)), TILE)
    right, bottom = picture.width - 6, picture.height - 14  # the edit is the last tile
    tile = picture.convert("RGB").crop((right - TILE, bottom - TILE, right, bottom))
    assert np.array_equal(np.asarray(tile), np.asarray(edit))


@pytest.mark.slow
def test_running_the_cell_again_and_closing_leave_nothing(lab: NotebookPage) -> None:
    for _ in range(3):
        lab.run_cell(1)
    lab.until("exact()", 120)
    assert workers(lab) == 1
    lab.python("lab.close()")
    assert workers(lab) == 0


def pressed(page: NotebookPage, entry: int) -> None:
    """Wait until an entry of the history is the one that stands, and see that it is on the screen."""
    page.page.wait_for_selector(f'[data-testid="history-{entry}"][aria-pressed="true"]')
    assert page.page.locator('.styledit-history [aria-pressed="true"]').count() == 1
    assert page.page.evaluate(
        """name => {
          const button = document.querySelector(`[data-testid="${name}"]`);
          const row = button.closest(".styledit-history").getBoundingClientRect();
          const box = button.getBoundingClientRect();
          return box.left >= row.left - 3 && box.right <= row.right + 3;
        }""",
        f"history-{entry}",
    )


def write_target(page: NotebookPage, prompt: str) -> None:
    """Type a target prompt, and wait for its edit."""
    page.by_id("target-prompt").fill(prompt)
    page.by_id("target-prompt").press("Enter")
    page.until(f"lab.target['prompt'] == {prompt!r} and exact()", 120)
    painted(page)


@pytest.mark.slow
def test_the_history_holds_for_many_edits(quick: NotebookPage) -> None:
    quick.python("len(lab.history)", MANY)
    for k in range(54, 65):
        slide(quick, "guidance", 10 - k % 30 / 4)
        quick.until(f"lab.present['entry'] == {k + 2}", 60)
    quick.page.wait_for_function("document.querySelectorAll('.styledit-history img').length === 60")
    pressed(quick, 66)
    quick.by_id("undo").click()
    quick.until("lab.present['entry'] == 65 and exact()")
    pressed(quick, 65)
    quick.by_id("history-name").fill("the last but one")
    quick.by_id("history-name").press("Enter")
    quick.until("lab.history[-2]['name'] == 'the last but one'")
    assert quick.by_id("history-65").inner_text() == "the last but one"
    quick.by_id("redo").click()
    quick.until("lab.present['entry'] == 66 and exact()")
    pressed(quick, 66)
    assert quick.by_id("history-name").input_value() == "" and quick.by_id("redo").is_disabled()
    quick.by_id("history-7").click()  # the oldest that is left
    quick.until("lab.present['entry'] == 7 and exact()")
    pressed(quick, 7)
    assert quick.by_id("undo").is_disabled() and quick.python("len(lab.history)") == 60
    assert not quick.errors and not quick.python("lab.problem")


@pytest.mark.slow
def test_after_an_undo_a_new_word_has_its_own_suggested_settings(quick: NotebookPage) -> None:
    source = quick.python("lab.source['prompt']")
    assert "fox" in source
    for prompt in (source, source.replace("fox", "cat")):
        write_target(quick, prompt)
    taus = "[lab.target['settings'][name] for name in ('tau_v', 'tau_c', 'tau_s', 'tau_u')]"
    quick.by_id("undo").click()
    quick.until("lab.target['prompt'] == lab.source['prompt'] and exact()")
    assert quick.python(taus) == [1, 1, 1, 1]
    assert quick.by_id("suggested").get_attribute("aria-pressed") == "true"
    write_target(quick, source.replace("fox", "dog"))
    assert quick.python(taus) != [1, 1, 1, 1]
    assert quick.python("lab.target['settings'] == lab.target['suggested']")
    assert not quick.errors


@pytest.mark.slow
def test_two_edits_are_compared_by_the_keyboard_and_after_a_reload(quick: NotebookPage) -> None:
    first = on_screen(quick)
    slide(quick, "tau_s", 0.1)
    quick.until("lab.present['entry'] == 2 and exact()")
    write_target(quick, quick.python("lab.target['prompt']").replace("fox", "cat"))
    pressed(quick, 3)
    quick.by_id("history-3").focus()
    for key in ("ArrowLeft", "ArrowLeft", "Tab", "Enter"):  # to the first one, to its button, and press that
        quick.page.keyboard.press(key)
    quick.until("lab.compared.get('left') == 1 and lab.compared['right'] == 'edit'")
    facts = quick.by_id("compare-settings")
    facts.get_by_text("It should become").wait_for()
    text = facts.inner_text()
    assert "fox" in text and "cat" in text and "Keep shapes τs" in text and "Guidance" not in text
    assert "PSNR" in quick.by_id("compare-psnr").inner_text()
    assert quick.page.evaluate("document.activeElement.dataset.testid") == "compare-left-choice"
    for choice, mode in (("compare-right-choice", "2"), ("compare-left-choice", "1")):
        quick.by_id(choice).select_option(mode)
    quick.until("lab.compared.get('left') == 1 and lab.compared['right'] == 2")
    wanted = quick.python("round(lab.compared['psnr'], 1)")
    said = (
        f"document.querySelector('[data-testid=\"compare-psnr\"]')?.textContent.includes('{wanted:.1f} dB')"
    )
    quick.page.wait_for_function(said)
    assert np.array_equal(drawn(quick, "compare-left"), first)
    second = drawn(quick, "compare-right")
    quick.by_id("view-difference").click()
    mean = np.abs(first.astype(float) - second).mean()
    assert f"{mean:.1f} of 255" in quick.by_id("compare-mean").inner_text()
    quick.save()
    quick.reload()
    quick.page.wait_for_function(said)
    assert quick.by_id("compare-left-choice").input_value() == "1"
    assert np.array_equal(drawn(quick, "compare-left"), first)
    assert np.array_equal(drawn(quick, "compare-right"), second)
    quick.by_id("view-side").click()
    assert quick.by_id("view-side").inner_text() == "Side by side"
    assert quick.page.locator(".styledit-pair figcaption").all_inner_texts() == ["#1", "#2", "Difference"]
    assert np.array_equal(drawn(quick, "pair-left"), first) and np.array_equal(
        drawn(quick, "pair-right"), second
    )
    assert quick.by_id("pair-difference").is_visible() and not quick.by_id("source-image").is_visible()
    quick.by_id("compare-left-choice").select_option("source")
    quick.by_id("compare-right-choice").select_option("edit")
    quick.until("lab.compared == {}")
    assert quick.by_id("view-side").inner_text() == "Source and edit"
    assert quick.by_id("source-image").is_visible() and not quick.by_id("compare").is_visible()
    assert not quick.errors and not quick.python("lab.problem")


@pytest.mark.slow
def test_a_word_shows_where_it_looks(quick: NotebookPage) -> None:
    """On the edit, or on the source for a word that went; nothing is edited for it, and it goes again."""
    write_target(quick, quick.python("lab.target['prompt']").replace("fox", "cat"))
    pressed(quick, 2)
    standing = "[lab.frame['serial'], len(lab.history), lab.present]"
    before, picture = quick.python(standing), on_screen(quick)
    for of, word, away in (("edit", "cat", "click"), ("source", "fox", "Escape")):
        button, overlay = quick.by_id(f"look-{of}-{word}"), quick.by_id(f"look-overlay-{of}")
        button.click()
        quick.page.wait_for_selector(f'[data-testid="look-caption-{of}"]:text-is("where “{word}” looks")')
        values = np.frombuffer(bytes(quick.python(f"list(lab.looks[{of!r}][{word!r}])")), np.uint8)
        light = drawn(quick, f"look-overlay-{of}").sum(-1).astype(float)
        side = int(len(values) ** 0.5)
        cells = light.reshape(side, len(light) // side, side, -1).mean((1, 3))
        assert np.corrcoef(cells.ravel(), values)[0, 1] > 0.9, word
        other = "source" if of == "edit" else "edit"
        assert overlay.is_visible() and not quick.by_id(f"look-overlay-{other}").is_visible()
        assert button.get_attribute("aria-pressed") == "true"
        button.click() if away == "click" else button.press("Escape")
        assert not overlay.is_visible() and button.get_attribute("aria-pressed") == "false"
    quick.by_id("fold-words").click()
    quick.by_id("word-look-cat").hover()
    quick.page.wait_for_selector('[data-testid="look-overlay-edit"]', state="visible")
    quick.by_id("target-prompt").hover()
    quick.page.wait_for_selector('[data-testid="look-overlay-edit"]', state="hidden")
    assert quick.python(standing) == before and np.array_equal(on_screen(quick), picture)
    quick.by_id("look-edit-cat").click()
    quick.by_id("view-split").click()
    slide(quick, "tau_s", 0.1)  # which makes another edit: its own map takes the place of the first
    quick.until("lab.present['entry'] == 3 and lab.looks.get('id', 0) > lab.frame['id']", 120)
    quick.by_id("explore").click()
    assert "attention_explorer(pipe, lab)" in quick.by_id("explore-code").inner_text()
    assert not quick.errors and not quick.python("lab.problem")


@pytest.mark.slow
def test_the_mask_always_answers(quick: NotebookPage) -> None:
    mask, note = quick.by_id("mask-toggle"), quick.by_id("mask-note")
    if quick.by_id("blend-drop").is_visible():
        quick.by_id("blend-drop").click()
    quick.page.wait_for_selector('[data-testid="mask-toggle"]:disabled')
    assert "no mask: all of the picture may change" in (mask.get_attribute("title") or "")
    quick.by_id("fold-mask").click()
    quick.by_id("mask-fill").click()
    quick.page.wait_for_selector('[data-testid="mask-toggle"]:enabled')
    assert not note.inner_text()
    mask.click()
    quick.page.wait_for_selector(
        '[data-testid="mask-note"]:text-is("Everything may change: the mask covers the whole picture")'
    )
    mask.click()
    assert not note.inner_text() and not quick.errors


@pytest.mark.slow
def test_an_emptied_prompt_another_upload_and_an_opened_file(quick: NotebookPage, tmp_path: Any) -> None:
    prompt = quick.by_id("target-prompt")
    prompt.fill("a plain sticker of a bicycle and a zeppelin")
    prompt.press("Enter")
    quick.page.wait_for_selector('[data-testid="problem"]:has-text("zeppelin")')
    assert "'bicycle', 'zeppelin'" in quick.by_id("problem").inner_text()
    prompt.fill("")
    assert quick.by_id("problem").inner_text() == ""
    assert "Write what the picture should become" in quick.by_id("prompt-difference").inner_text()
    for k in range(2):
        Image.new("RGB", (128, 128), ("gold", "navy")[k]).save(tmp_path / f"{k}.png")
    quick.by_id("from-upload").click()
    for k in range(2):
        quick.by_id("upload").set_input_files(tmp_path / f"{k}.png")
        quick.page.wait_for_selector('[data-testid="crop"]:not([hidden])')
        quick.page.wait_for_timeout(200)
        assert quick.by_id("upload-prompt").input_value() == ""
        quick.by_id("upload-prompt").fill("a plain sticker of a dog")
    quick.by_id("upload-cancel").click()
    write_target(quick, "a plain sticker of a cat")
    with quick.page.expect_download() as download:
        quick.by_id("save").click()
    assert download.value.suggested_filename == quick.python("lab.saved['name']")
    download.value.save_as(tmp_path / "saved.png")
    for k in range(12):  # so many that the first ones are out of sight
        slide(quick, "guidance", 5 + k / 4)
        quick.until(f"lab.present['entry'] == {k + 3}", 60)
    quick.by_id("history-1").click()
    quick.until("lab.present['entry'] == 1 and exact()")
    quick.by_id("open").set_input_files(tmp_path / "saved.png")
    quick.until("lab.present['entry'] == 15 and exact()", 120)
    pressed(quick, 15)
    assert quick.by_id("history-15").evaluate(
        "button => { const box = button.getBoundingClientRect();"
        " return box.top >= 0 && box.bottom <= innerHeight; }"
    )
    assert not quick.errors


def drawn(page: NotebookPage, name: str) -> np.ndarray:
    """The pixels of a canvas."""
    values = page.by_id(name).evaluate(
        "canvas => Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data)"
    )
    side = int(len(values) ** 0.5 / 2)
    return np.array(values, np.uint8).reshape(side, side, 4)[..., :3]


def test_notebook_7(open_notebook7: Any) -> None:
    page = open_notebook7(SETUP, SHOW)
    page.run()
    page.until("exact()", 120)
    painted(page)
    slide(page, "tau_s", 0.4)
    page.until("lab.target['settings']['tau_s'] == 0.4")
    done(page)
    assert np.array_equal(on_screen(page), of_library(page))
    assert json.loads(page.page.locator(".styledit-edit-lab").get_attribute("data-shown"))["exact"]


@pytest.mark.slow
def test_a_dead_kernel_is_a_sentence(lab: NotebookPage) -> None:
    """The last of this file: the others need the kernel."""
    shown = on_screen(lab)
    lab.kill_kernel()
    lab.by_id("tau_c").fill("0.9")
    lab.page.wait_for_function(
        "Array.from(document.querySelectorAll('.styledit-problem'))"
        ".some((line) => /kernel/.test(line.textContent))"
    )
    assert np.array_equal(on_screen(lab), shown)

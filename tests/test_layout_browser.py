"""The widgets' pages as people have them: windows, zoom, themes, the keyboard, less motion, Notebook 7."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from browser import THEMES, Jupyter, NotebookPage, opener
from test_edit_lab_browser import SETUP, SHOW, done, painted, slide

pytestmark = pytest.mark.slow

OTHERS = """
from styledit.lab import attention_explorer, inversion_player
run = styledit.generate(pipe, "a red fox", steps=4, seed=3, record=styledit.Layers(), progress=False)
from IPython.display import display
values = styledit.fit_values(pipe, lab.prepared.inversion, progress=False)
display(attention_explorer(pipe, run), inversion_player(pipe, lab.prepared.inversion, values))
"""
# windows in CSS pixels: a laptop, the same at 150 %, half of it, a narrow one
WINDOWS = ((1366, 768), (911, 512), (683, 768), (400, 760))
LEAST = 4.5  # contrast of text, WCAG 2 AA

# Whether `share` of an element's height is in view, and nothing lies over its middle.
SEEN = """(name, share = 0.8) => {
  const element = document.querySelector(`[data-testid="${name}"]`);
  const box = element.getBoundingClientRect();
  const outer = element.closest(".jp-WindowedPanel-outer").getBoundingClientRect();
  const inside = Math.min(box.bottom, outer.bottom) - Math.max(box.top, outer.top);
  const at = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  const pane = element.closest(".styledit-pane") ?? element;
  const own = at !== null && (pane.contains(at) || at.contains(element));
  return inside >= share * box.height && box.left >= outer.left - 1 && box.right <= outer.right + 1 && own;
}"""

# [ratio, text, colour, class] of the texts in a widget that are too near to what they are written on.
CONTRAST = """least => {
  const inactive = [  // of which nothing is asked (WCAG 2.2, 1.4.3)
    ".styledit-ignored output", ".styledit-ignored input", ".styledit-ignored .styledit-suggested-mark",
    ".styledit-part.styledit-ignored",
  ].join();
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = "#000";
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below, share = 1) => below.map((value, k) => value + (top[k] - value) * top[3] * share);
  const solid = (colour) => [...colour.slice(0, 3), 1];
  const paperOf = (element) => {  // the colours behind, from the page inwards, and the opacity of each group
    const chain = [];
    for (let at = element; at; at = at.parentElement) chain.unshift(at);
    let paper = [255, 255, 255];
    let share = 1;
    for (const at of chain) {
      const style = getComputedStyle(at);
      share *= Number(style.opacity);
      paper = over(rgba(style.backgroundColor), paper, share);
    }
    return {paper, share};
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((value) => {
      const v = value / 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratioOf = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const seen = new Set();
  let count = 0;
  const poor = [];
  const judge = (element, colour, text) => {
    const {paper, share} = paperOf(element);
    const ratio = ratioOf(over(rgba(colour), paper, share), paper);
    count += 1;
    const name = element.className?.baseVal ?? element.className;
    const line = [ratio.toFixed(2), text.trim().slice(0, 40), colour, name];
    const key = line.slice(0, 1).concat(line.slice(2)).join();
    if (ratio < least && !seen.has(key)) poor.push(line);
    seen.add(key);
  };
  for (const root of document.querySelectorAll(".styledit")) {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement;
      if (!texts.currentNode.data.trim() || element.closest(`option, style, ${inactive}`)) continue;
      if (!element.checkVisibility()) continue;
      const style = getComputedStyle(element);
      judge(element, element.closest("svg") ? style.fill : style.color, texts.currentNode.data);
    }
    const controls = "input:not([type=range]):not([type=file]), select, textarea";
    for (const control of root.querySelectorAll(controls)) {
      if (!control.checkVisibility() || control.matches(inactive)) continue;
      judge(control, getComputedStyle(control).color, control.value || "a control");
      const hint = getComputedStyle(control, "::placeholder");
      if (control.placeholder) judge(control, hint.color, control.placeholder);
    }
  }
  return {count, poor};
}"""


@pytest.fixture(scope="module")
def page(chromium: Any, jupyter_lab: Jupyter) -> Iterator[NotebookPage]:
    """A notebook that can show all three widgets."""
    with opener(chromium, jupyter_lab) as open_notebook:
        made = open_notebook(SETUP, SHOW, OTHERS, width=1366, height=768)
        made.run_cell(0)
        yield made


@pytest.fixture
def lab(page: NotebookPage) -> Iterator[NotebookPage]:
    """The notebook with a new lab, and the file browser folded away."""
    page.errors.clear()
    page.page.evaluate("window.jupyterapp.shell.collapseLeft?.()")
    page.run_cell(1)
    page.until("exact()", 120)
    painted(page)
    yield page
    page.page.emulate_media(reduced_motion="no-preference")
    page.theme("light")
    page.page.set_viewport_size({"width": 1366, "height": 768})


def size(page: NotebookPage, width: int, height: int) -> None:
    page.page.set_viewport_size({"width": width, "height": height})
    page.page.evaluate("window.jupyterapp.shell.collapseLeft?.()")
    page.page.wait_for_timeout(500)


def in_view(page: NotebookPage, name: str, share: float = 0.8) -> bool:
    return page.page.evaluate(f"([name, share]) => ({SEEN})(name, share)", [name, share])


def challenge(page: NotebookPage) -> None:
    page.by_id("from-challenge").click()
    page.page.locator('[data-testid^="challenge-"]').nth(3).click()
    page.until("lab.source['kind'] == 'challenge' and exact() and lab.frame['score'] is not None", 240)
    painted(page)


def open_folds(page: NotebookPage) -> None:
    page.page.evaluate(
        "document.querySelectorAll('.styledit-edit-lab details').forEach(d => { d.open = true; })"
    )


def tabs_to(page: NotebookPage, *names: str) -> list[int]:
    """How often Tab is pressed from before the lab to each control."""
    page.page.evaluate(
        """() => {
          const root = document.querySelector(".styledit-edit-lab");
          root.tabIndex = -1;
          root.focus();
        }"""
    )
    counts = []
    wanted = list(names)
    for count in range(1, 60):
        page.page.keyboard.press("Tab")
        if page.page.evaluate("document.activeElement?.dataset.testid ?? ''") == wanted[0]:
            counts.append(count)
            wanted.pop(0)
            if not wanted:
                return counts
    raise AssertionError(f"The keyboard does not reach {wanted[0]}.")


def test_pictures_and_controls_are_seen_together(lab: NotebookPage) -> None:
    for kind, pictures in (("sample", ("source", "edit")), ("challenge", ("source", "edit", "truth"))):
        if kind == "challenge":
            challenge(lab)
        for width, height in WINDOWS:
            size(lab, width, height)
            seen = pictures[:2] if width < 500 else pictures
            for control in ("target-prompt", "tau_c", "tau_s", "guidance", "suggested", "fold-mask"):
                lab.by_id(control).focus()
                lab.page.wait_for_timeout(100)
                assert in_view(lab, control), f"{kind}, {width} x {height}: {control}"
                for name in seen:
                    assert in_view(lab, f"{name}-image"), f"{kind}, {width} x {height}, {control}: {name}"
            tops = [lab.by_id(f"{name}-image").bounding_box()["y"] for name in pictures]
            assert max(tops) - min(tops) < 1, "the pictures stand in one row"
    assert not lab.errors


def test_a_prompt_is_typed_in_sight_of_the_edit_at_half_the_window(lab: NotebookPage) -> None:
    size(lab, 911, 512)
    prompt = lab.by_id("target-prompt")
    prompt.focus()
    prompt.fill("a plain sticker of an owl in the forest")
    prompt.press("Enter")
    lab.until("'owl' in lab.target['prompt'] and exact()", 120)
    painted(lab)
    assert in_view(lab, "edit-image") and in_view(lab, "target-prompt")
    assert prompt.evaluate("input => input.scrollWidth <= input.clientWidth"), "the whole prompt is seen"


def test_thumbnails_fold_after_the_choice_and_open_again(lab: NotebookPage) -> None:
    thumb = lab.by_id("sample-01_car")
    thumb.focus()
    thumb.press("Enter")
    assert not thumb.is_visible()
    assert lab.page.evaluate("document.activeElement.dataset.testid") == "from-sample"
    lab.until("lab.source['name'] == '01_car' and exact()", 120)
    lab.by_id("from-sample").click()
    assert thumb.is_visible()
    assert thumb.get_attribute("aria-pressed") == "true"


def test_sliders_of_words_stay_long_in_a_narrow_window(lab: NotebookPage) -> None:
    size(lab, 400, 760)
    lab.by_id("fold-words").click()
    rows = lab.page.locator(".styledit-words input[type=range]")
    assert rows.count() > 6
    for k in range(rows.count()):
        assert rows.nth(k).bounding_box()["width"] >= 180
    assert lab.page.evaluate(
        "(() => { const root = document.querySelector('.styledit-edit-lab');"
        " return root.scrollWidth <= root.clientWidth; })()"
    )


def test_nothing_is_wider_than_a_narrow_window(lab: NotebookPage) -> None:
    size(lab, 400, 760)
    open_folds(lab)
    lab.by_id("fold-sheet").scroll_into_view_if_needed()
    wide = lab.page.evaluate("""() => {
      const root = document.querySelector(".styledit-edit-lab");
      const edge = root.getBoundingClientRect().right + 1;
      const over = (control) => control.checkVisibility() && control.getBoundingClientRect().right > edge;
      return [...root.querySelectorAll("select, textarea, summary, input:not([type=file])")]
        .filter((control) => over(control)).map((control) => control.dataset.testid ?? control.className);
    }""")
    assert wide == []


def test_all_text_is_readable_in_every_theme(lab: NotebookPage) -> None:
    lab.run_cell(2)
    lab.page.wait_for_selector(".styledit-player svg text")
    open_folds(lab)
    slide(lab, "word-tau_c-in", 0.3)
    lab.by_id("mask-fill").click()  # blend words are replaced
    done(lab)
    prompt = lab.by_id("target-prompt")
    prompt.fill("a plain sticker of a bicycle in the meadow")
    prompt.press("Enter")
    lab.page.wait_for_function("document.querySelector('[data-testid=problem]').textContent !== ''")
    poor = {}
    for theme in THEMES:
        lab.theme(theme)
        found = lab.page.evaluate(CONTRAST, LEAST)
        assert found["count"] > 150, "the texts were not found"
        poor[theme] = found["poor"]
    assert not any(poor.values()), poor


def test_a_few_tabs_reach_the_prompt_and_the_sliders(lab: NotebookPage) -> None:
    prompt, slider = tabs_to(lab, "target-prompt", "tau_c")
    assert prompt <= 8 and slider <= 12
    lab.by_id("from-challenge").click()
    prompt, slider = tabs_to(lab, "target-prompt", "tau_c")
    assert prompt <= 8 and slider <= 12
    first = lab.page.locator('[data-testid^="challenge-"]').first
    first.focus()
    for key, name in (("ArrowRight", 1), ("End", 83), ("ArrowLeft", 82), ("Home", 0)):
        lab.page.keyboard.press(key)
        wanted = lab.page.locator('[data-testid^="challenge-"]').nth(name)
        assert wanted.evaluate("element => element === document.activeElement && element.tabIndex === 0"), key
    lab.page.keyboard.press("ArrowDown")
    assert lab.page.evaluate(
        """() => {
          const [first] = document.querySelectorAll('[data-testid^="challenge-"]');
          return document.activeElement.getBoundingClientRect().left - first.getBoundingClientRect().left;
        }"""
    ) == pytest.approx(0, abs=1)


def test_flicker_waits_to_be_started_where_less_motion_is_wanted(lab: NotebookPage) -> None:
    lab.page.emulate_media(reduced_motion="reduce")
    lab.by_id("view-flicker").click()
    turns = set()
    for _ in range(8):
        turns.add(lab.by_id("flicker-turn").inner_text())
        lab.page.wait_for_timeout(250)
    assert turns == {"Source"}
    lab.by_id("flicker-next").click()
    assert lab.by_id("flicker-turn").inner_text() == "Edit"
    lab.by_id("flicker-run").click()
    lab.page.wait_for_function(
        "document.querySelector('[data-testid=flicker-turn]').textContent === 'Source'"
    )


def test_a_screen_reader_hears_a_value_once_and_the_end_of_an_edit(lab: NotebookPage) -> None:
    hidden = lab.page.evaluate(
        "Array.from(document.querySelectorAll('.styledit-edit-lab output[for], .styledit-cell output'))"
        ".filter(output => output.getAttribute('aria-hidden') !== 'true').length"
    )
    assert hidden == 0
    said = lab.by_id("edit-done")
    assert said.get_attribute("aria-live") == "polite"
    lab.page.evaluate(
        """() => {
          window.styleditSaid = [];
          const line = document.querySelector('[data-testid="edit-done"]');
          new MutationObserver(() => line.textContent && window.styleditSaid.push(line.textContent))
            .observe(line, {childList: true, characterData: true, subtree: true});
        }"""
    )
    tau = lab.by_id("tau_s")
    tau.evaluate(
        """async (slider) => {
          for (let k = 0; k < 12; k += 1) {
            slider.value = String(0.2 + 0.05 * k);
            slider.dispatchEvent(new Event("input", {bubbles: true}));
            await new Promise((resolve) => setTimeout(resolve, 150));
          }
          slider.dispatchEvent(new Event("change", {bubbles: true}));
        }"""
    )
    lab.until("abs(lab.target['settings']['tau_s'] - 0.75) < 1e-6")
    done(lab)
    lab.page.wait_for_function("window.styleditSaid.length > 0")
    lab.page.wait_for_timeout(800)
    heard = lab.page.evaluate("window.styleditSaid")
    assert len(heard) == 1 and heard[0].startswith("Edit done")


def test_the_two_runs_follow_the_settings_and_show_the_step_that_is_pointed_at(lab: NotebookPage) -> None:
    lab.by_id("fold-happens").click()
    steps = lab.python("lab.source['steps']")
    lab.page.wait_for_function(
        "steps => document.querySelectorAll('.styledit-flow-run img[src]').length === 2 * steps", arg=steps
    )
    lab.until("lab.steps_shown['id'] == lab.frame['id']")
    slide(lab, "tau_s", 0.4)
    cells = lab.page.locator('[data-lane="tau_s"] [data-lit="on"]')
    assert cells.count() == sum(i < 0.4 * steps - 1e-9 for i in range(steps))  # at once, before any picture
    for step in (0, steps - 1):
        lab.page.locator(f'[data-lane="tau_c"] [data-step="{step}"]').hover()
        assert f"Step {step + 1} of {steps}" in lab.by_id("step-sentence").inner_text()
        shown = lab.by_id("step-edit").get_attribute("src")
        assert shown == lab.page.locator(f'[data-run="edit"] [data-step="{step}"] img').get_attribute("src")
    lab.by_id("step-shown").press("ArrowLeft")
    assert f"Step {steps - 1} of {steps}" in lab.by_id("step-shown").get_attribute("aria-valuetext")
    done(lab)
    lab.until("lab.steps_shown['id'] == lab.frame['id'] and exact()", 120)
    assert not lab.errors


def test_notebook_7_leaves_the_lab_unfolded_and_the_pictures_stick(open_notebook7: Any) -> None:
    page = open_notebook7(SETUP, SHOW, width=1366, height=768)
    page.run()
    page.until("exact()", 120)
    painted(page)
    open_folds(page)
    page.by_id("sheet-draw").click()
    page.until("bool(lab.sheet) and lab.sheet['tiles'] and exact()", 300)
    slide(page, "tau_s", 0.4)
    page.until("lab.target['settings']['tau_s'] == 0.4")
    done(page)  # the picture beside the lab is renewed, at which the notebook measures the output
    page.page.wait_for_function(
        "document.querySelector('.jp-CodeCell:has(.styledit)').classList.contains('jp-mod-outputsScrolled')"
    )
    area = page.page.locator(".jp-CodeCell:has(.styledit) .jp-Cell-outputArea")
    assert area.evaluate("node => getComputedStyle(node).overflowY") == "visible"
    assert area.evaluate("node => node.clientHeight > 1500 && node.clientHeight >= node.scrollHeight - 1")
    for control in ("target-prompt", "tau_c", "guidance", "fold-mask"):
        page.by_id(control).focus()
        page.page.wait_for_timeout(100)
        assert in_view(page, control) and in_view(page, "edit-image"), control

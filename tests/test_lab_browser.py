"""Widgets in a real notebook in a real browser: see `browser.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from browser import Jupyter, NotebookPage, opener

OpenNotebook = Callable[..., NotebookPage]

# The smallest widget of the lab: a button adds one, by way of the worker.
COUNTER = '''
import time, traitlets, styledit
from styledit.lab.widget import STATIC, LabWidget

class Counter(LabWidget):
    _esm = """
function render({model, el}) {
  el.innerHTML = `<div class="styledit">
    <button data-testid="add">add</button> <output data-testid="count">${model.get("count")}</output>
  </div>`;
  el.querySelector("button").addEventListener("click", () => model.send({type: "add"}));
  const show = () => { el.querySelector("output").textContent = model.get("count"); };
  model.on("change:count", show);
  return () => model.off("change:count", show);
}
export default { render };
"""
    _css = STATIC / "player.css"
    count = traitlets.Int(0).tag(sync=True)

    def received(self, message, buffers):
        self.wanted = self.count + 1
        self.wake()

    def work(self):
        self.count = self.wanted
        yield

pipe = styledit.load()
'''
SHOW = "counter = Counter(pipe)\ncounter"
ASLEEP = "time.sleep(120)"


def workers(page: NotebookPage) -> int:
    """How many threads of the lab the kernel has."""
    return page.threads().count("styledit-lab")


@pytest.fixture(scope="module")
def notebook(chromium: Any, jupyter_lab: Jupyter) -> Iterator[NotebookPage]:
    """A notebook that can show a counter, and has a cell that sleeps."""
    with opener(chromium, jupyter_lab) as open_notebook:
        page = open_notebook(COUNTER, SHOW, ASLEEP)
        page.run_cell(0)
        yield page


@pytest.fixture
def shown(notebook: NotebookPage) -> NotebookPage:
    """The notebook with a new counter."""
    if notebook.running():
        notebook.wait()
    notebook.errors.clear()
    notebook.run_cell(1)
    notebook.page.wait_for_function("document.querySelector('[data-testid=count]')?.textContent === '0'")
    return notebook


@pytest.mark.slow
def test_a_widget_answers_while_a_cell_runs(shown: NotebookPage) -> None:
    shown.run_cell(2, wait=False)
    shown.page.wait_for_timeout(500)
    shown.by_id("add").click()
    shown.page.wait_for_function("document.querySelector('[data-testid=count]').textContent === '1'")
    assert shown.running(), "the cell ended before the widget answered"
    assert shown.python("counter.count") == 1
    assert shown.running(), "the cell ended before the kernel was asked"
    shown.interrupt()
    shown.wait(fails=True)
    assert not shown.errors


@pytest.mark.slow
def test_a_widget_waits_for_the_cell_without_subshells(open_notebook_without_subshells: OpenNotebook) -> None:
    page = open_notebook_without_subshells(COUNTER, SHOW, "time.sleep(2)")
    page.run(wait=False)
    page.by_id("add").click()
    page.wait()
    page.page.wait_for_function("document.querySelector('[data-testid=count]').textContent === '1'")


@pytest.mark.slow
def test_reloading_the_page_keeps_the_widget(shown: NotebookPage) -> None:
    shown.by_id("add").click()
    shown.until("counter.count == 1")
    shown.save()
    for again in (shown.reload, shown.reopen):
        again()
        before = shown.python("counter.count")
        assert shown.by_id("count").text_content() == str(before)
        shown.by_id("add").click()
        shown.until(f"counter.count == {before + 1}")


@pytest.mark.slow
def test_running_the_cell_again_leaves_one_worker(shown: NotebookPage) -> None:
    for _ in range(3):
        shown.by_id("add").click()
        shown.until("counter.count == 1")
        assert workers(shown) == 1
        shown.run_cell(1)
        assert workers(shown) == 0, "the widget that the cell made before is still there"


@pytest.mark.slow
def test_closing_leaves_no_thread(shown: NotebookPage) -> None:
    shown.by_id("add").click()
    shown.until("counter.count == 1")
    assert workers(shown) == 1
    shown.python("counter.close()")
    assert workers(shown) == 0
    shown.by_id("add").wait_for(state="detached")
    assert not shown.errors


@pytest.mark.slow
def test_in_notebook_7(open_notebook7: OpenNotebook) -> None:
    page = open_notebook7(COUNTER, SHOW, ASLEEP)
    page.run_cell(0)
    page.run_cell(1)
    page.by_id("add").wait_for()
    page.run_cell(2, wait=False)
    page.by_id("add").click()
    page.page.wait_for_function("document.querySelector('[data-testid=count]').textContent === '1'")
    page.theme("dark")
    assert page.screenshot(None, ".styledit").startswith(b"\x89PNG")


@pytest.mark.parametrize("variable", ["STYLEDIT_NEED_BROWSER", "CI"])
def test_without_a_browser(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    from browser import need_browser

    for name in ("STYLEDIT_NEED_BROWSER", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STYLEDIT_BROWSER", "a-browser-that-is-not-there")
    with pytest.raises(pytest.skip.Exception, match="no browser was found"):
        need_browser()
    monkeypatch.setenv(variable, "1")
    with pytest.raises(pytest.fail.Exception, match="no browser was found"):
        need_browser()

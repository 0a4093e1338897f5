"""Every lesson in a real JupyterLab, as a student runs it: `make walk` (needs chromium).

A lesson passes where all cells run, each figure with a slider moves, each widget stands, and the page
complains of nothing. Screenshots go to out/walk. Exit 1 where a lesson fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from browser import Jupyter, NotebookPage, jupyter, open_browser

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SECONDS = 400.0  # that a lesson may take
SLIDERS = "[data-controls] input[type=range]"
PICTURES = (
    "slider => [...slider.closest('[data-ready]').querySelectorAll('img[data-panel]')].map(i => i.src).join()"
)
WIDGETS = ".styledit-edit-lab, .styledit-explorer, .styledit-player"


def walk(browser: Any, server: Jupyter, lesson: Path, out: Path) -> tuple[str, list[str]]:
    """What a lesson took and showed, and what is wrong with it."""
    shutil.copy(lesson, server.folder / lesson.name)
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = NotebookPage(context, server, lesson.name)
    try:
        start = time.perf_counter()
        wrong = []
        try:
            page.run(seconds=SECONDS)
        except AssertionError as error:
            wrong.append(str(error).strip().splitlines()[-1])
        seconds = time.perf_counter() - start
        figures, stuck = sliders(page)
        widgets = widgets_on(page)
        wrong += [f"slider {k} moves nothing" for k in stuck]
        wrong += [f"the page: {error[:200]}" for error in page.errors]
        page.page.screenshot(path=out / f"{lesson.stem}.png")
        return f"{seconds:6.1f} s, {figures} sliders, widgets: {', '.join(widgets) or 'none'}", wrong
    finally:
        page.close()
        context.close()


def sliders(page: NotebookPage) -> tuple[int, list[int]]:
    """How many figures with a slider there are, and which of them show the same after an arrow key."""
    count = page.page.evaluate(
        "async sliders => { const content = window.jupyterapp.shell.currentWidget.content;"
        " for (let i = 0; i < content.widgets.length; i++) { await content.scrollToItem(i, 'start'); } "
        " return document.querySelectorAll(sliders).length; }",
        SLIDERS,
    )
    stuck = []
    for k in range(count):
        figure = page.page.locator(SLIDERS).nth(k)
        figure.scroll_into_view_if_needed()
        before = figure.evaluate(PICTURES)
        for key in ("ArrowLeft", "ArrowRight", "ArrowRight"):
            figure.press(key)
            if figure.evaluate(PICTURES) != before:
                break
        else:
            stuck.append(k)
    return count, stuck


def widgets_on(page: NotebookPage) -> list[str]:
    """The widgets that are on the page, by their class."""
    found = page.page.locator(WIDGETS)
    names = [found.nth(k).get_attribute("class") or "" for k in range(found.count())]
    return [next(part for part in name.split() if part.startswith("styledit-")) for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(prog="measure.walk", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="lessons whose file names begin so; all without")
    names = tuple(parser.parse_args().names) or ("",)
    out = Path("out/walk")
    out.mkdir(parents=True, exist_ok=True)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        own = {
            "STYLEDIT_CACHE": os.path.join(folder, "cache"),
            "STYLEDIT_PROGRESS": f"{folder}/progress.jsonl",
        }
        with jupyter("lab", Path(folder) / "server", environment=own) as server, open_browser() as browser:
            for lesson in sorted(NOTEBOOKS.glob("*.ipynb")):
                if lesson.name.startswith(names):
                    summary, wrong = walk(browser, server, lesson, out)
                    print(f"{lesson.stem:36} {summary}", *(f"\n    {what}" for what in wrong), flush=True)
                    failed = failed or bool(wrong)
    sys.exit(int(failed))


if __name__ == "__main__":
    main()

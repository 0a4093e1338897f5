"""An hour of use in a few minutes: random acts on everything that the lab's page offers (`make soak`).

Every act takes any control that is on the page, as its kind is used: a slider is dragged or moved by a key, a
button pressed, a word chosen, a sentence typed, a mask painted. Nothing is waited for, but every so often the
lab comes to rest and must show, bit for bit, what the calls that it offers "as code" make. Exit 1 where
something is missed. Needs chromium.

Memory is measured after collection, for the first time when each thing that is loaded or kept once has been
used (`warm_up`): the judge and the networks that guide, another method's editor, a contact sheet, the most
steps that an act takes.

    python -m measure.soak --acts 1500 --kind notebook --seed 3
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from browser import NotebookPage, jupyter, open_browser, opener
from styledit.lab.worker import IDLE

CHECKED_EVERY = 50  # acts
MEMORY = 60.0  # MB that page and kernel may each have more at the end than after the warm-up
PAUSE = (0.02, 0.4)  # seconds between two acts
REST = 180.0  # seconds that the lab may take to come to rest
SAID = 40  # controls
MOST_STEPS = 18  # of an act
CHALLENGE = "02"

SETUP = """
import gc, os, tempfile
os.environ["STYLEDIT_CACHE"] = tempfile.mkdtemp()
import numpy as np, psutil, styledit
from styledit.lab import edit_lab
from styledit.lab.edit.png_recipe import from_dict

pipe = styledit.load()

def rests():
    return not lab.worker._runs and not lab.queue and bool(lab.frame)

def made_again():
    "The picture that the calls under 'As code' make; None where they need a file or a function."
    if lab.source["kind"] == "upload" or "..." in lab.code:
        return None
    names = {}
    exec(lab.code.replace("styledit.load()", "pipe").replace("edit.image", ""), {"pipe": pipe}, names)
    return names["edit"].image

def right():
    "Whether the page's edit is what the library makes; None where that cannot be told."
    if lab.shown is None or not lab.frame["exact"] or lab.shown.request.guide is not None:
        return None
    again, shown = made_again(), lab.shown.edit.image
    return None if again is None else bool(np.array_equal(np.asarray(again), np.asarray(shown)))

def megabytes():
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20
"""
SHOW = "lab = edit_lab(pipe)\nlab"

# One act: a control of a drawn kind, drawn among those that can be reached, used as a person would.
ACT = """async ([kind, draws, sentences, most_steps]) => {
  const root = document.querySelector(".styledit-edit-lab");
  const pick = (list) => list[Math.floor(draws.shift() * list.length)];
  const fire = (target, name) => target.dispatchEvent(new Event(name, { bubbles: true }));
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const reached = (selector) => [...root.querySelectorAll(selector)]
    .filter((one) => !one.disabled && one.checkVisibility({ visibilityProperty: true }));
  const selectors = {
    slider: "input[type=range]", button: "button", choice: "select", sentence: "input[type=text], textarea",
    number: "input[type=number]", fold: "summary", check: "input[type=checkbox]", paint: "canvas",
  };
  const control = pick(reached(selectors[kind]));
  if (!control) return "";
  const name = control.dataset.testid ?? "";
  if (kind === "slider") {
    const [min, max] = [Number(control.min), Number(control.max)];
    const most = name === "steps" ? Math.min(max, most_steps) : max;
    const value = () => String(min + draws.shift() * (most - min));
    for (let moves = Math.floor(draws.shift() * 6); moves > 0; moves -= 1) {
      control.value = value();
      fire(control, "input");
      await pause(40);
    }
    control.value = value();
    fire(control, "input");
    fire(control, "change");
  } else if (kind === "choice") {
    control.value = pick([...control.options]).value;
    fire(control, "change");
  } else if (kind === "sentence") {
    control.value = pick(sentences);
    fire(control, "input");
    if (draws.shift() < 0.7) fire(control, "change");
  } else if (kind === "number") {
    control.value = String(Math.floor(draws.shift() * (name === "seed" ? 1000 : 12)));
    fire(control, "input");
    fire(control, "change");
  } else if (kind === "paint") {
    const box = control.getBoundingClientRect();
    const at = () => ({
      clientX: box.left + draws.shift() * box.width, clientY: box.top + draws.shift() * box.height,
      pointerId: 1, bubbles: true, button: 0, buttons: 1, isPrimary: true,
    });
    control.dispatchEvent(new PointerEvent("pointerdown", at()));
    for (let moves = 0; moves < 3; moves += 1) control.dispatchEvent(new PointerEvent("pointermove", at()));
    control.dispatchEvent(new PointerEvent("pointerup", at()));
  } else control.click();
  return name || control.className || kind;
}"""
KINDS = {
    "slider": 30, "button": 30, "choice": 14, "sentence": 8, "number": 2, "fold": 6, "check": 3, "paint": 5,
}  # fmt: skip
RARE = {"reload": 0.004, "run again": 0.004, "theme": 0.004}  # of all acts
SENTENCES = (
    "a plain sticker of a fox in the meadow",
    "an oil painting of a red car on the beach",
    "a stone mosaic of a blue cat and a balloon in the forest",
    "a plain sticker of a panda in the meadow",
    "a fox",
    "a plain sticker of a bicycle in the meadow",
    "",
    "0, 0.25, 1",
)


@dataclass
class Soak:
    """What was seen: the acts by control, the states compared, what went wrong, and MB of (page, kernel)
    after the warm-up and at each comparison.
    """

    acts: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    missed: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)


def soak(page: NotebookPage, acts: int, seed: int) -> Soak:
    """So many random acts on a page whose lab stands in cell 1."""
    draw = random.Random(seed)
    seen = Soak()
    warm_up(page, seen)
    session = page.context.new_cdp_session(page.page)
    seen.memory.append(_memory(page, session))
    print(f"after the warm-up: {_in_short(seen)}", flush=True)
    for number in range(1, acts + 1):
        done = _act(page, draw)
        seen.acts[done or "nothing to reach"] += 1
        page.page.wait_for_timeout(1000 * draw.uniform(*PAUSE))
        if done in ("reload", "run again"):
            session = page.context.new_cdp_session(page.page)
        if number % CHECKED_EVERY == 0 or number == acts:
            _compare(page, seen, f"after act {number} (seed {seed}, {done})")
            seen.memory.append(_memory(page, session))
            print(f"act {number}: {_in_short(seen)}", flush=True)
    for name, megabytes in zip(("page", "kernel"), zip(*seen.memory, strict=True), strict=True):
        if megabytes[-1] - megabytes[0] > MEMORY:
            seen.missed.append(f"the {name} grew by {megabytes[-1] - megabytes[0]:.0f} MB")
    seen.missed += [f"the page complains: {error}" for error in page.errors]
    return seen


def warm_up(page: NotebookPage, seen: Soak) -> None:
    """Use once what loads a network or keeps an editor, so that it does not count as growth."""

    def after(use: Callable[[], None]) -> None:
        use()
        _rest(page, seen, "in the warm-up")

    def slide(name: str, value: float) -> None:
        page.by_id(name).fill(str(value))
        page.by_id(name).dispatch_event("change")

    page.by_id("from-challenge").click()
    after(page.by_id(f"challenge-{CHALLENGE}").click)
    after(lambda: slide("steps", MOST_STEPS))
    for method in ("direct inversion", "value inputs", "following the source"):
        after(lambda method=method: page.by_id("method").select_option(method))
    page.by_id("fold-guided").click()
    page.by_id("guided-preset").select_option("brief")
    slide("guided-iterations", 2)
    after(page.by_id("guided-go").click)
    after(page.by_id("undo").click)  # of which the comparison can tell
    page.by_id("fold-sheet").click()
    after(page.by_id("sheet-draw").click)
    after(page.by_id("fold-happens").click)
    _compare(page, seen, "in the warm-up")


def _act(page: NotebookPage, draw: random.Random) -> str:
    """One act; the control that it used."""
    for name, share in RARE.items():
        if draw.random() < share:
            _rarely(page, name, draw)
            return name
    kind = draw.choices(list(KINDS), list(KINDS.values()))[0]
    draws = [draw.random() for _ in range(24)]
    return page.page.evaluate(ACT, [kind, draws, list(SENTENCES), MOST_STEPS])


def _rarely(page: NotebookPage, name: str, draw: random.Random) -> None:
    page.page.evaluate("document.querySelector('dialog[open]')?.close()")
    if name == "theme":
        page.theme(draw.choice(["light", "dark"]))
    elif name == "run again":
        page.run_cell(1)
    else:
        page.save()
        page.reload()
    page.page.wait_for_selector(".styledit-edit-lab")
    page.page.wait_for_timeout(500)


def _compare(page: NotebookPage, seen: Soak, when: str) -> None:
    """Let the lab come to rest, and compare what it shows with what the library makes."""
    if not _rest(page, seen, when):
        return
    found = page.python("right()")
    if found is not None:
        seen.compared += 1
        if not found:
            code = page.python("lab.code")
            seen.missed.append(f"{when}: the picture is not what these calls make:\n{code}")


def _rest(page: NotebookPage, seen: Soak, when: str) -> bool:
    """Let the lab come to rest; whether it does."""
    page.page.evaluate("document.querySelector('dialog[open]')?.close()")  # nothing else can be clicked
    last = time.monotonic() + REST
    while not page.python("rests()"):
        if time.monotonic() > last:
            stop = page.by_id("stop")
            if stop.is_enabled():  # a contact sheet or a guided edit of many iterations
                stop.click()
                last = time.monotonic() + REST
                continue
            seen.missed.append(f"{when}: the lab does not come to rest")
            return False
        page.page.wait_for_timeout(100)
    return True


def _memory(page: NotebookPage, session: Any) -> tuple[float, float]:
    """MB of the page's heap and of the kernel, after collection, and once the worker gave memory back."""
    page.page.wait_for_timeout(1000 * (IDLE + 1))
    session.send("HeapProfiler.collectGarbage")
    return session.send("Runtime.getHeapUsage")["usedSize"] / 2**20, page.python("megabytes()")


def _in_short(seen: Soak) -> str:
    """Where a soak stands, as a line."""
    page, kernel = seen.memory[-1]
    return (
        f"{page:.0f} MB of the page, {kernel:.0f} of the kernel; {seen.compared} compared, "
        f"{len(seen.missed)} missed"
    )


def report(seen: Soak) -> str:
    """What was seen, as lines."""
    growth = "; ".join(
        f"MB of the {name}: {', '.join(f'{each:.0f}' for each in megabytes)}"
        for name, megabytes in zip(("page", "kernel"), zip(*seen.memory, strict=True), strict=True)
    )
    lines = [
        f"{seen.acts.total()} acts on {len(seen.acts)} controls; {seen.compared} states compared; {growth}",
        "most used: " + ", ".join(f"{name} {count}" for name, count in seen.acts.most_common(SAID)),
        *(f"missed: {line}" for line in seen.missed),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--acts", type=int, default=1500)
    parser.add_argument("--kind", choices=("lab", "notebook"), default="lab")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        jupyter(given.kind, Path(folder)) as server,
        open_browser() as browser,
        opener(browser, server) as open_notebook,
    ):
        page = open_notebook(SETUP, SHOW)
        page.run()
        page.until("rests()", REST)
        seen = soak(page, given.acts, given.seed)
    print(report(seen))
    sys.exit(1 if seen.missed else 0)


if __name__ == "__main__":
    main()

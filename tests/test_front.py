"""The browser's half as Python ships it: built from its sources, and in agreement with Python's numbers.

Its own tests are in `tests/front/`; `npm run check` runs them. What needs node is skipped where there is none
(or `npm ci` was not run), and fails where STYLEDIT_NEED_NODE is 1.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from diffusers import StableDiffusionPipeline

import front_fixtures
from styledit.lab.edit.serialising import world_dict
from styledit.lab.edit.widget import EditLab
from styledit.lab.explorer.widget import AttentionExplorer
from styledit.lab.player.widget import InversionPlayer
from styledit.lab.widget import STATIC, LabWidget

ROOT = Path(__file__).parents[1]
FRONT = ROOT / "styledit" / "lab" / "front"
WIDGETS = {"edit": EditLab, "explorer": AttentionExplorer, "player": InversionPlayer}


def need_node() -> str:
    """The path of node, with what `npm ci` installs; skips the test where there is none, or fails it."""
    node = shutil.which("node")
    if node is not None and (ROOT / "node_modules" / "esbuild").is_dir():
        return node
    reason = "no node was found" if node is None else "its tools are not installed: run npm ci"
    if os.environ.get("STYLEDIT_NEED_NODE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def test_the_built_files_are_what_the_sources_give(tmp_path: Path) -> None:
    subprocess.run([need_node(), FRONT / "build.js", tmp_path], check=True, capture_output=True)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    there = {path.name: path.read_bytes() for path in STATIC.iterdir()}
    assert (
        set(built)
        == set(there)
        == {"explorer.html"} | {f"{w}.{kind}" for w in WIDGETS for kind in ("js", "css")}
    )
    stale = [name for name, content in built.items() if content != there[name]]
    assert not stale, f"{', '.join(stale)}: run npm run build, and commit what it writes"


def test_the_browsers_numbers_are_pythons(embedded: StableDiffusionPipeline) -> None:
    """What `tests/front/` compares with is what Python computes today."""
    made = json.loads(json.dumps(front_fixtures.fixtures(embedded)))
    there = json.loads(front_fixtures.PLACE.read_text(encoding="utf-8"))
    assert different(made, there) == [], "run python tests/front_fixtures.py"


def fields_of(widget: str, interface: str) -> set[str]:
    """The fields that an interface of the page's types has."""
    text = (FRONT / widget / "types.d.ts").read_text(encoding="utf-8")
    found = re.search(rf"^export interface {interface} .*?{{\n(.*?)^}}", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    return set(re.findall(r"^  (\w+)\??:", found[1], re.MULTILINE))


@pytest.mark.parametrize("widget", WIDGETS)
def test_the_pages_types_have_pythons_traits(widget: str) -> None:
    own = LabWidget.class_trait_names(sync=True)
    traits = set(WIDGETS[widget].class_trait_names(sync=True)) - set(own) | {"problem", "led"}
    assert fields_of(widget, "Traits") == traits


def test_the_pages_world_is_pythons(embedded: StableDiffusionPipeline) -> None:
    world = world_dict(embedded, {})
    assert fields_of("edit", "World") == set(world)
    assert fields_of("edit", "Method") == set(world["methods"][0])
    assert fields_of("edit", "AxisKind") == set(world["axes"][0])
    (strength, _) = next(each["parameters"] for each in world["methods"] if each["name"] == "SDEdit")
    assert fields_of("edit", "Parameter") == set(strength)
    assert fields_of("edit", "Guiding") == set(world["guiding"])


def different(found: Any, wanted: Any, place: str = "") -> list[str]:
    """Where two JSON values differ; numbers may by rounding."""
    if isinstance(wanted, dict) and isinstance(found, dict) and found.keys() == wanted.keys():
        return [at for key in wanted for at in different(found[key], wanted[key], f"{place}/{key}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(found) == len(wanted):
        pairs = enumerate(zip(found, wanted, strict=True))
        return [at for k, (one, other) in pairs for at in different(one, other, f"{place}/{k}")]
    if isinstance(wanted, float) and isinstance(found, float):
        return [] if abs(found - wanted) < 1e-5 else [place]
    return [] if found == wanted else [place]


def test_nothing_of_npm_is_needed_to_run() -> None:
    """The tools are for work on the front end; their lock file names no registry: any mirror serves."""
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert package["private"] is True and "dependencies" not in package
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    entries = {name: entry for name, entry in lock["packages"].items() if name}
    assert all("integrity" in entry and "resolved" not in entry for entry in entries.values())
    assert {
        name.removeprefix("node_modules/") for name, entry in entries.items() if not entry.get("dev")
    } == set()

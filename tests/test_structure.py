"""The house: arrows point one way, from the first file of one picture's path to what is built on it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "styledit"

# One picture's path, in order: a file imports only those before it.
PATH = (
    "validation", "storage", "perception", "pipeline", "pictures", "previews", "prompts", "ddim",
    "attention", "control", "denoising", "maps", "recording", "inversion", "generation", "metrics",
)  # fmt: skip
# What is built on the path, and what of it each folder may import.
FOLDERS = {
    "objectives": (),
    "values": ("objectives",),
    "editing": ("objectives",),
    "guiding": ("objectives", "editing"),
    "baselines": ("objectives", "values", "editing"),
    "lessons": ("objectives", "values", "editing", "guiding", "baselines", "lab"),
    "lab": ("objectives", "values", "editing", "guiding", "baselines"),
    "commands": ("objectives", "values", "editing", "guiding", "baselines", "lessons"),
}
PRESENTATION = ("matplotlib", "ipywidgets", "anywidget", "IPython")


def rooms() -> list[str]:
    """Every flat file and folder of the package, by name."""
    files = {file.stem for file in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    folders = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file()}
    return sorted(files | folders)


def imports(room: str) -> dict[str, set[str]]:
    """{file: modules that it imports, with their full names}, of a flat file or a folder."""
    folder = PACKAGE / room
    files = folder.rglob("*.py") if folder.is_dir() else [PACKAGE / f"{room}.py"]
    found = {}
    for file in files:
        names: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file} imports relatively"
                names.add(node.module)
                if node.module == "styledit":
                    names |= {f"styledit.{alias.name}" for alias in node.names}
        found[str(file.relative_to(PACKAGE))] = names
    return found


def test_every_room_has_its_place() -> None:
    assert set(rooms()) <= {*PATH, *FOLDERS}
    assert {*PATH, *FOLDERS} - {"lab"} <= set(rooms())


@pytest.mark.parametrize("room", [room for room in rooms() if room in PATH])
def test_the_path_looks_back_only(room: str) -> None:
    before = {room, *PATH[: PATH.index(room)]}
    for file, names in imports(room).items():
        own = {name.split(".")[1] for name in names if name.startswith("styledit.")}
        assert own <= before, f"{file} imports {sorted(own - before)}"


@pytest.mark.parametrize("room", [room for room in rooms() if room in FOLDERS])
def test_folders_know_what_stands_under_them(room: str) -> None:
    for file, names in imports(room).items():
        own = {name.split(".")[1] for name in names if name.startswith("styledit.")} - {room}
        assert own <= {*PATH, *FOLDERS[room]}, f"{file} imports {sorted(own - {*PATH, *FOLDERS[room]})}"


@pytest.mark.parametrize("room", [room for room in rooms() if room not in ("lessons", "lab", "commands")])
def test_the_method_shows_nothing(room: str) -> None:
    for file, names in imports(room).items():
        assert not [name for name in names if name.split(".")[0] in PRESENTATION], file


def test_the_first_impression_takes_no_pyplot() -> None:
    """`import styledit` loads neither pyplot nor widgets."""
    code = "import sys, styledit; print([m for m in sys.modules if m in ('matplotlib.pyplot', 'ipywidgets')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_stands_alone() -> None:
    """Neither what is measured nor the recipe of the model is imported by the package; both import it."""
    for room in rooms():
        for file, names in imports(room).items():
            assert not {name.split(".")[0] for name in names} & {"measure", "recipe"}, file

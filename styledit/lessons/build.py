"""`make lessons`: every notebook of `notebooks/` is run and stored again, with its outputs.

What is stored depends on the code and the model alone: no times, no versions, no counts of anything else. A
lesson fails here where a cell raises or takes too long, or where the whole is too large; its file then stays
as it was.

`make lessons LESSONS=08 MODEL=...` runs lesson 08 with another model, which may be downloaded, and without a
limit of a cell's time: the lesson then stores that model's pictures, and the memory and times that they took.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from styledit.lab.widget import LabWidget
from styledit.lab.worker import clients
from styledit.lessons.progress import VARIABLE
from styledit.lessons.widgets import wait_for
from styledit.storage.data import LESSONS_FOLDER

FOLDER = LESSONS_FOLDER
MOST_BYTES = 1_500_000  # of a lesson
MOST_SECONDS = 30.0  # of a cell
OTHER_MODEL = "08"  # the lesson that runs with any model, by its number
MODEL_VARIABLE = "STYLEDIT_MODEL"  # which model it takes
WIDGET = "application/vnd.jupyter.widget-view+json"
REDRAW = "__import__('importlib').import_module('styledit.lessons.build').redraw_widgets()"
CELL_METADATA = ("tags", "jupyter", "collapsed", "slideshow")  # that is stored
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
}


class LessonError(Exception):
    """A lesson that cannot be stored."""


def build(
    file: Path,
    most_seconds: float | None = MOST_SECONDS,
    most_bytes: int = MOST_BYTES,
    model: str | None = None,
) -> list[float]:
    """Run a notebook in its folder and store it with its outputs; the seconds of each of its cells.

    Args:
        most_seconds: that a cell may take; None for no limit.
        model: of which lesson OTHER_MODEL loads its pipeline; None for the embedded one.

    Raises:
        LessonError: a cell raises or takes longer than `most_seconds`, or the lesson is larger than
            `most_bytes`.
    """
    notebook = nbformat.read(file, as_version=4)
    seconds = _run(notebook, file, most_seconds, model)
    stored = nbformat.writes(tidy(notebook), version=4) + "\n"
    size = len(stored.encode())
    if size > most_bytes:
        raise LessonError(
            f"{file.name} has {size / 1e6:.2f} MB, more than {most_bytes / 1e6:.1f}; show fewer pictures."
        )
    unfinished = file.with_suffix(".part")
    unfinished.write_text(stored, encoding="utf-8")
    unfinished.replace(file)
    print(f"  {sum(seconds):6.1f} s, {size / 1e6:.2f} MB")
    return seconds


def tidy(notebook: Any) -> Any:
    """A notebook without times, versions and counts that a run leaves behind; cells numbered in order."""
    notebook.metadata = nbformat.from_dict(METADATA)
    number = 0
    for k, cell in enumerate(notebook.cells):
        cell.id = f"cell-{k}"
        cell.metadata = nbformat.from_dict(
            {key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata}
        )
        if cell.cell_type != "code":
            continue
        number += 1
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
            if output.output_type == "stream":
                # a progress bar's last state, and no addresses of memory
                output.text = re.sub(r"[^\n]*\r(?!\n)", "", output.text)
            if WIDGET in output.get("data", {}):  # it would need the kernel that made it
                del output.data[WIDGET]
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
    notebook.nbformat_minor = 5
    return notebook


def _run(notebook: Any, file: Path, most_seconds: float | None, model: str | None) -> list[float]:
    """Execute it in place, printing how long each cell took."""
    client = NotebookClient(
        notebook,
        timeout=None if most_seconds is None else int(4 * most_seconds) + 60,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(file.parent)}},
        record_timing=False,
        coalesce_streams=True,
    )
    seconds = []
    with (
        tempfile.TemporaryDirectory() as folder,
        _environment(model, **{VARIABLE: f"{folder}/progress.jsonl"}),
    ):
        with client.setup_kernel():
            for k, cell in enumerate(notebook.cells):
                if cell.cell_type != "code":
                    continue
                start = time.perf_counter()
                try:
                    client.execute_cell(cell, k)
                except CellExecutionError as error:
                    raise LessonError(f"{file.name}, cell {k}: {_plain(str(error))}") from error
                if any(WIDGET in output.get("data", {}) for output in cell.outputs):
                    # The picture that stands for a widget is renewed when its work is done.
                    redrawing = nbformat.v4.new_code_cell(REDRAW)
                    client.execute_cell(redrawing, k, store_history=False)  # it takes the cell's place
                    notebook.cells[k] = cell
                seconds.append(time.perf_counter() - start)
                first = cell.source.strip().splitlines()[:1]
                print(f"  cell {k:3d} {seconds[-1]:6.1f} s  {''.join(first)[:70]}")
                if most_seconds is not None and seconds[-1] > most_seconds:
                    raise LessonError(
                        f"{file.name}, cell {k} took {seconds[-1]:.0f} s, more than {most_seconds:g}; "
                        "let `make results` compute it."
                    )
    return seconds


def redraw_widgets() -> None:
    """In a lesson's kernel: draw the pictures that stand for its widgets anew, once their work is done."""
    for widget in clients():
        if isinstance(widget, LabWidget):
            wait_for(widget).show_snapshot()


class _environment:
    """Variables for the kernel, for the time of a run; without a network, unless a model is named."""

    def __init__(self, model: str | None, **variables: str) -> None:
        quiet = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
        chosen = offline | {MODEL_VARIABLE: ""} if model is None else {MODEL_VARIABLE: model}
        self.variables = quiet | chosen | variables
        self.before: dict[str, str | None] = {}

    def __enter__(self) -> None:
        self.before = {name: os.environ.get(name) for name in self.variables}
        os.environ.update(self.variables)
        os.environ.pop("MPLBACKEND", None)  # the kernel's own shows pictures

    def __exit__(self, *error: object) -> None:
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _plain(text: str) -> str:
    """Without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def lessons(names: list[str]) -> list[Path]:
    """The notebooks whose file names begin like one of these; all of them where none is named."""
    found = [file for file in sorted(FOLDER.glob("*.ipynb")) if file.name.startswith(tuple(names) or "")]
    if not found:
        raise SystemExit(f"There is no lesson {names[0]!r} in {FOLDER.name}/.")
    return found


def main(names: list[str], most_seconds: float = MOST_SECONDS, model: str | None = None) -> None:
    """Build lessons, all of them even where one fails, and exit 1 then.

    Args:
        model: a folder, a file or a hub id; see `build`.
    """
    chosen = lessons(names)
    if model is not None and [file.name[:2] for file in chosen] != [OTHER_MODEL]:
        raise SystemExit(
            f"Only lesson {OTHER_MODEL} runs with another model: LESSONS={OTHER_MODEL} MODEL=..."
        )
    if model is not None and Path(model).exists():
        model = str(Path(model).resolve())  # a lesson runs in its own folder
    failed = []
    for file in chosen:
        print(file.name)
        try:
            build(file, most_seconds if model is None else None, model=model)
        except LessonError as error:
            print(f"  FAILED: {error}")
            failed.append(file.name)
    if failed:
        raise SystemExit(f"Failed: {', '.join(failed)} (see above).")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", help="beginnings of file names (01); all lessons where none is named"
    )
    parser.add_argument("--seconds", type=float, default=MOST_SECONDS, help="of a cell, on a busy machine")
    parser.add_argument(
        "--model", help=f"which model lesson {OTHER_MODEL} runs with: a folder, a file, a hub id"
    )
    given = parser.parse_args()
    main(given.names, given.seconds, given.model)

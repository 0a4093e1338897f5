"""`styledit lab`: the lessons as the reader's own files, opened in JupyterLab."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from styledit.commands.folders import writing_into
from styledit.storage.data import LESSONS_FOLDER
from styledit.storage.versions import need

FIRST = "00_first_edit.ipynb"
SYMBOLS = "symbols.md"  # which the lessons link to
COPIED = ".styledit-lessons.json"  # the sha256 of each file as it was copied


def open_lessons(folder: Path, options: list[str], *, only_copy: bool = False) -> int:
    """Copy the lessons into a folder, and open the first one; JupyterLab's exit code.

    Args:
        folder: the lessons' own folder of a clone is opened as it is.
        options: further arguments of JupyterLab.

    Raises:
        ImportError: JupyterLab is not installed.
        OSError: the folder cannot be written.
    """
    own = folder.resolve() == LESSONS_FOLDER
    if not own:
        with writing_into(folder):
            print(copy_lessons(folder))
    if only_copy:
        return 0
    need("`styledit lab`", "jupyterlab", "ipykernel", "ipywidgets", "anywidget", "matplotlib")
    root, first = (folder.resolve().parent, f"{folder.name}/{FIRST}") if own else (folder, FIRST)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}"]
    command.append(f"--LabApp.default_url=/lab/tree/{first}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    server = subprocess.Popen([*command, *options])
    while True:
        try:
            return server.wait()
        except KeyboardInterrupt:  # JupyterLab gets it too, asks whether to shut down, and ends its kernels
            continue


def copy_lessons(folder: Path) -> str:
    """Copy what is new or was never changed, and leave a reader's own files alone; what was done.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / COPIED
    known = _known(record)
    copied, kept = [], []
    for lesson in sorted(LESSONS_FOLDER.iterdir()):
        if lesson.suffix != ".ipynb" and lesson.name != SYMBOLS:
            continue
        target = folder / lesson.name
        if target.exists() and _hash(target) not in (_hash(lesson), known.get(lesson.name)):
            kept.append(lesson.name)
            continue
        shutil.copyfile(lesson, target)
        known[lesson.name] = _hash(target)
        copied.append(lesson.name)
    record.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    left = f" Kept as you changed them: {', '.join(kept)}." if kept else ""
    return f"{len(copied)} files of the lessons are in {folder}/.{left}"


def _known(record: Path) -> dict[str, str]:
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()

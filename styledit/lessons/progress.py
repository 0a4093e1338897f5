"""What a student has passed: a line for each try in a file of their own, which nothing else can break.

The file is `~/.cache/styledit/progress.jsonl`, or the one that the environment variable `STYLEDIT_PROGRESS`
names. Lines are only ever added, so that two notebooks can write at once; a line that cannot be read is
passed over and stays where it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from styledit.storage.data import cache_folder

VARIABLE = "STYLEDIT_PROGRESS"


@dataclass(frozen=True)
class Entry:
    """How an exercise stands: whether it was ever passed, and after how many tries."""

    name: str
    passed: bool
    tries: int


@dataclass(frozen=True)
class Progress:
    """Every exercise of the lessons, in their order, and the predictions that were made.

    A notebook shows it as a table, `print` as lines.
    """

    exercises: tuple[Entry, ...]
    predictions: tuple[Entry, ...]

    @property
    def passed(self) -> int:
        """How many exercises were passed."""
        return sum(entry.passed for entry in self.exercises)

    def __repr__(self) -> str:
        lines = [self._headline()]
        lines += [f"  {_mark(e)} {e.name}{_tries(e)}" for e in self.exercises]
        if self.predictions:
            lines += ["Predicted before running:"]
            lines += [f"  {_mark(e)} {e.name}" for e in self.predictions]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [f"<li>{_mark(e)} {escape(e.name)}{_tries(e)}</li>" for e in self.exercises]
        more = ""
        if self.predictions:
            guesses = "".join(f"<li>{_mark(e)} {escape(e.name)}</li>" for e in self.predictions)
            more = f"<div>Predicted before running:</div><ul {_LIST}>{guesses}</ul>"
        return (
            f'<div style="font-size:16px"><div><b>{self._headline()}</b></div>'
            f"<ul {_LIST}>{''.join(rows)}</ul>{more}</div>"
        )

    def _headline(self) -> str:
        return f"{self.passed} of {len(self.exercises)} exercises passed"


_LIST = 'style="list-style-type:none;margin:4px 0 8px 0;padding:0"'


def progress_file() -> Path:
    """Where the tries of this user are kept."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else cache_folder() / "progress.jsonl"


def record(name: str, passed: bool, *, prediction: bool = False) -> bool:
    """Add a try to the file; False where it cannot be written, which is no reason to stop a lesson."""
    line = json.dumps({"name": name, "passed": passed, "prediction": prediction}, ensure_ascii=False)
    file = progress_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "ab+") as stream:  # what a kill left without an end must not swallow this line
            stream.seek(0, os.SEEK_END)
            end = stream.tell()
            stream.seek(max(end - 1, 0))
            broken = end > 0 and stream.read(1) != b"\n"
            stream.write((b"\n" if broken else b"") + line.encode() + b"\n")
    except OSError:
        return False
    return True


def read_progress(names: Iterable[str]) -> Progress:
    """How the exercises of these names stand, and every prediction that was made."""
    passed: dict[tuple[bool, str], bool] = {}
    tries: dict[tuple[bool, str], int] = {}
    for tried in _tries_of(progress_file()):
        key = (tried["prediction"], tried["name"])
        if not passed.get(key, False):
            tries[key] = tries.get(key, 0) + 1
            passed[key] = tried["passed"]
    exercises = (Entry(name, passed.get((False, name), False), tries.get((False, name), 0)) for name in names)
    predicted = (Entry(name, passed[True, name], 1) for kind, name in passed if kind)
    return Progress(tuple(exercises), tuple(sorted(predicted, key=lambda entry: entry.name)))


def _tries_of(file: Path) -> list[dict]:
    """The lines that can be read, in order."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            tried = json.loads(line)
        except ValueError:
            continue
        kinds = {"name": str, "passed": bool, "prediction": bool}
        if isinstance(tried, dict) and all(isinstance(tried.get(k), kind) for k, kind in kinds.items()):
            found.append(tried)
    return found


def _mark(entry: Entry) -> str:
    if entry.passed:
        return "✓"
    return "✗" if entry.tries else "·"


def _tries(entry: Entry) -> str:
    if not entry.tries or (entry.passed and entry.tries == 1):
        return ""
    count = "one try" if entry.tries == 1 else f"{entry.tries} tries"
    return f" (after {count})" if entry.passed else f" ({count} so far)"

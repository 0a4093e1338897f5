"""The newest versions that the ranges of `pyproject.toml` allow, as `lock.txt` (`make lock`).

PyTorch stays as it is locked, for each version has a build of its own for each kind of machine; another one
is named: `python -m measure.lock torch==2.14.0`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "lock.txt"
HEAD = "# What `make` installs: written by `make lock` from the ranges in pyproject.toml.\n"


def main(held: list[str]) -> None:
    """Resolve, and write the lock."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "held.txt")
        constraints.write_text("\n".join(held or [_locked("torch")]) + "\n")
        report = Path(folder, "report.json")
        subprocess.run(
            [
                sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed",
                "--constraint", constraints, "--report", report, ".[lab,recipe,test]",
            ],
            cwd=ROOT,
            check=True,
        )  # fmt: skip
        found = [entry["metadata"] for entry in json.loads(report.read_text())["install"]]
    LOCK.write_text(HEAD + "".join(f"{line}\n" for line in sorted(map(_pin, found)) if line))
    print(f"{LOCK.name}: {len(found) - 1} packages")


def _pin(metadata: dict[str, str]) -> str:
    """ "name==version", without what names a build ("+cpu"); empty for the kit itself."""
    name = canonicalize_name(metadata["name"])
    return "" if name == "styledit" else f"{name}=={Version(metadata['version']).public}"


def _locked(name: str) -> str:
    """The line of one package."""
    return next(line for line in LOCK.read_text().splitlines() if line.startswith(f"{name}=="))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Where the kit's own data lie, in a clone and where a wheel was installed, and whether the embedded model's
files are the published ones.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import tempfile
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

_REPAIR = "Run `git checkout -- data/model` in a clone, or install styledit again."


def package_folder(package: str, name: str) -> Path:
    """A folder of a package's own files; one in a zip file is unpacked for as long as Python runs."""
    return _on_disk(resources.files(package) / name)


def _on_disk(folder: Traversable) -> Path:
    if isinstance(folder, Path):
        return folder
    unpacked = Path(tempfile.mkdtemp(prefix="styledit-"))
    atexit.register(shutil.rmtree, unpacked, ignore_errors=True)
    _copy(folder, unpacked)
    return unpacked


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, target / entry.name)
        else:
            (target / entry.name).write_bytes(entry.read_bytes())


def _kit_folder(name: str) -> Path:
    """A folder of the kit: the package's own, or in a clone the one beside the package."""
    own = resources.files("styledit") / name
    return _on_disk(own) if own.is_dir() else Path(__file__).resolve().parents[2] / name


DATA_FOLDER = _kit_folder("data")
EMBEDDED_FOLDER = DATA_FOLDER / "model"
LESSONS_FOLDER = _kit_folder("notebooks")


def cache_folder() -> Path:
    """Where what is kept for a user lies: what STYLEDIT_CACHE names, else `styledit` in the user's cache
    folder; a temporary one for a user who has no home.
    """
    given = os.environ.get("STYLEDIT_CACHE")
    if given:
        return Path(given).expanduser()
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        base = Path(tempfile.gettempdir())
    return base / "styledit"


def check_files(folder: Path) -> None:
    """Compare every file of `folder` with its sha256 in `folder/hashes.json`.

    Raises:
        ValueError: naming the first file that is missing or differs, and what to do.
    """
    listing = folder / "hashes.json"
    if not listing.is_file():
        raise ValueError(f"The embedded model is missing ({listing} does not exist). {_REPAIR}")
    try:
        hashes = json.loads(listing.read_text())
    except ValueError:
        hashes = None
    if not isinstance(hashes, dict) or not hashes or not all(_inside(folder, name) for name in hashes):
        raise ValueError(
            f"The embedded model is damaged: {listing} does not list the folder's files. {_REPAIR}"
        )
    for name, expected in hashes.items():
        file = folder / name
        if not file.is_file():
            raise ValueError(f"The embedded model is incomplete: {file} is missing. {_REPAIR}")
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != expected:
            raise ValueError(
                f"The embedded model is damaged: {file} differs from what was published. {_REPAIR}"
            )


def _inside(folder: Path, name: str) -> bool:
    """Whether a listed name stays in the folder."""
    return (folder / name).resolve().is_relative_to(folder.resolve())

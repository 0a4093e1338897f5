"""Where the kit's own data lie, and whether the embedded model's files are the published ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

DATA_FOLDER = Path(__file__).resolve().parents[2] / "data"
EMBEDDED_FOLDER = DATA_FOLDER / "model"
_REPAIR = "Run `git checkout -- data/model` in the repository, or clone it again."


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

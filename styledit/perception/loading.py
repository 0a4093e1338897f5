"""What loading any network shares: the embedded model's folder, its checksums, and errors in one sentence."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import logging
from transformers import AutoModel, PreTrainedModel
from transformers.utils import logging as transformers_logging

from styledit import validation
from styledit.perception.preprocessing import Preprocessing, read_preprocessing

EMBEDDED_FOLDER = Path(__file__).resolve().parents[2] / "data" / "model"
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


@contextmanager
def loading(model: str | Path, kind: str, called: str | Path | None = None) -> Iterator[dict[str, Any]]:
    """Arguments that name a model for `from_pretrained`; what goes wrong inside becomes one sentence.

    `called`: how messages call the model; None takes its name.
    """
    if not isinstance(model, (str, Path)):
        raise TypeError(f"A model must be a folder, a hub id or None, not {type(model).__name__}.")
    folder = Path(model).expanduser()
    local = os.path.isdir(folder)
    is_hub_id = isinstance(model, str) and model.count("/") == 1 and not model.startswith((".", "/", "~"))
    if not local and not is_hub_id:
        raise ValueError(
            f"There is no folder {str(folder)!r}; give a folder that exists, or a hub id such as "
            "'owner/name'."
        )
    # A folder loads in a moment; downloads do show their progress.
    shown = [log for log in (logging, transformers_logging) if local and log.is_progress_bar_enabled()]
    for log in shown:
        log.disable_progress_bar()
    try:
        yield {"pretrained_model_name_or_path": str(folder if local else model), "local_files_only": local}
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"{str(called or model)!r} could not be loaded as a {kind}: {reason[0]}") from error
    finally:
        for log in shown:
            log.enable_progress_bar()


def load_network(
    model: str | Path, kind: str, device: str | torch.device | None
) -> tuple[PreTrainedModel, Preprocessing]:
    """A network of transformers, frozen, in float32, and how pictures enter it.

    Raises:
        TypeError: `model` is no name of a folder or hub id.
        ValueError: it cannot be read as a `kind` from safetensors, or the device is not there.
    """
    place = validation.device(device)
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # what it would warn of, missing weights, is refused below
    try:
        with loading(model, kind) as source:
            network, report = AutoModel.from_pretrained(
                **source,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
            prepare = read_preprocessing(network, source)
    finally:
        transformers_logging.set_verbosity(verbosity)
    # A pooler is a head that nothing here reads, and DINO has none.
    missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
    if missing:
        raise ValueError(f"{str(model)!r} lacks weights ({missing[0]} for one); get the whole model.")
    return network.eval().requires_grad_(False).to(place), prepare


def _inside(folder: Path, name: str) -> bool:
    """Whether a listed name stays in the folder."""
    return (folder / name).resolve().is_relative_to(folder.resolve())

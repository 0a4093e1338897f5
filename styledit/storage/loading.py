"""How the libraries load a model: its name for `from_pretrained`, errors in one sentence, its JSON tables."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from diffusers.utils import logging as diffusers_logging
from huggingface_hub import constants
from huggingface_hub.utils import get_session
from transformers.utils import logging as transformers_logging

_PATIENCE = 5  # seconds that the hub is given to answer


@contextmanager
def loading(model: str | Path, kind: str, called: str | Path | None = None) -> Iterator[dict[str, Any]]:
    """Arguments that name a model for `from_pretrained`; what goes wrong inside becomes one sentence.

    What the libraries would warn of meanwhile is for their developers, or refused by the caller.

    `called`: how messages call the model; None takes its name.
    """
    if not isinstance(model, (str, Path)):
        raise TypeError(f"A model must be a folder, a hub id or None, not {type(model).__name__}.")
    folder = Path(model).expanduser()
    in_folder = os.path.isdir(folder)
    if not in_folder and not is_hub_id(model):
        raise ValueError(
            f"There is no folder {str(folder)!r}; give a folder that exists, or a hub id such as "
            "'owner/name'."
        )
    from_hub = not in_folder and hub_answers()
    with _quiet(progress=from_hub):
        try:
            name = str(folder if in_folder else model)
            yield {"pretrained_model_name_or_path": name, "local_files_only": not from_hub}
        except Exception as error:
            if not in_folder and not from_hub:
                _ask_hub.cache_clear()  # whoever tries again may have a network now
                raise ValueError(
                    f"{name!r} could not be loaded as a {kind}: the hub cannot be reached, and this machine "
                    "has no whole copy of it; connect to the internet, or give a folder."
                ) from error
            raise ValueError(
                f"{str(called or model)!r} could not be loaded as a {kind}: {_reason(error)}"
            ) from error


def is_hub_id(model: str | Path) -> bool:
    """Whether a name can be that of a model on the hub."""
    return isinstance(model, str) and model.count("/") == 1 and not model.startswith((".", "/", "~"))


def hub_answers() -> bool:
    """Whether the hub can be reached; where it cannot, the libraries would try many times for each file. What
    it answered holds for a minute: a model has several parts.
    """
    return _ask_hub(int(time.monotonic() // 60))


@lru_cache(maxsize=1)
def _ask_hub(minute: int) -> bool:
    try:
        get_session().head(constants.ENDPOINT, timeout=_PATIENCE)
    except Exception:  # no network, a proxy, HF_HUB_OFFLINE
        return False
    return True


def read_table(folder: str | None, name: str) -> Any:
    """What a JSON file of a model's folder holds, without NaN and infinite numbers; None where there is none.

    Raises:
        ValueError: it is a folder, or no JSON.
    """
    file = Path(folder or "") / name
    if not folder or not file.exists():
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse)
    except (ValueError, OSError, RecursionError) as error:
        raise table_is_damaged(folder, name, error) from error


def table_is_damaged(folder: str | None, name: str, reason: object) -> ValueError:
    """The error for a model's JSON file that holds what cannot be."""
    return ValueError(
        f"The model's {str(Path(folder or '') / name)!r} is damaged ({reason}); get that file again, or "
        "remove it."
    )


@contextmanager
def _quiet(progress: bool) -> Iterator[None]:
    """The libraries without warnings, and unless `progress` without bars: a folder loads in a moment."""
    logs = (diffusers_logging, transformers_logging)
    before = [(log.get_verbosity(), log.is_progress_bar_enabled()) for log in logs]
    for log in logs:
        log.set_verbosity_error()
        if not progress:
            log.disable_progress_bar()
    try:
        yield
    finally:
        for log, (verbosity, shown) in zip(logs, before, strict=True):
            log.set_verbosity(verbosity)
            if shown:
                log.enable_progress_bar()


def _reason(error: Exception) -> str:
    """The first sentence of an error, and the line after one that only introduces it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    words = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
    return re.split(r"(?<=[.)\]]) (?=If|Please|You)", words)[0]


def _refuse(constant: str) -> None:
    raise ValueError(f"it has {constant}")

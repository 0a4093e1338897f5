"""How the libraries load a model: what names it for `from_pretrained`, and errors in one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from diffusers.utils import logging
from transformers.utils import logging as transformers_logging


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

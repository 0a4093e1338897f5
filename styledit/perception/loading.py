"""Networks of transformers that look at pictures, loaded with their preprocessing."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModel, PreTrainedModel

from styledit import validation
from styledit.perception.preprocessing import Preprocessing, read_preprocessing
from styledit.storage.loading import loading


def load_network(
    model: str | Path, kind: str, device: str | torch.device | None
) -> tuple[PreTrainedModel, Preprocessing]:
    """A network of transformers, frozen, in float32, and how pictures enter it.

    Raises:
        TypeError: `model` is no name of a folder or hub id.
        ValueError: it cannot be read as a `kind` from safetensors, or the device is not there.
    """
    place = validation.device(device)
    with loading(model, kind) as source:
        network, report = AutoModel.from_pretrained(
            **source,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        prepare = read_preprocessing(network, source)
    # A pooler is a head that nothing here reads, and DINO has none.
    missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
    if missing:
        raise ValueError(f"{str(model)!r} lacks weights ({missing[0]} for one); get the whole model.")
    return network.eval().requires_grad_(False).to(place), prepare

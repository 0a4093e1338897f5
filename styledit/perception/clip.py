"""CLIP: pictures and prompts in one space (Radford et al., 2103.00020)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import CLIPModel, CLIPTokenizer

from styledit.perception.loading import EMBEDDED_FOLDER, check_files, load_network, loading
from styledit.perception.preprocessing import Preprocessing


@dataclass(frozen=True)
class Clip:
    """A CLIP (2103.00020) with all it takes to show it pictures and tell it prompts."""

    model: CLIPModel
    tokenizer: CLIPTokenizer
    prepare: Preprocessing


def load_clip(model: str | Path | None = None, *, device: str | torch.device | None = None) -> Clip:
    """Load a CLIP with its tokenizer, frozen, float32: None for the embedded one, a folder, or a hub id.

    Raises:
        TypeError: `model` is no name of a folder or hub id.
        ValueError: it cannot be read as a CLIP from safetensors, or the device is not there.
    """
    if model is None:
        check_files(EMBEDDED_FOLDER)
        model = EMBEDDED_FOLDER / "clip"
        tokens: str | Path = EMBEDDED_FOLDER / "tokenizer"
    else:
        tokens = model
    network, prepare = load_network(model, "CLIP", device)
    if not isinstance(network, CLIPModel):
        kind = type(network).__name__
        raise ValueError(f"{str(model)!r} is a {kind}; give a CLIP such as 'openai/clip-vit-base-patch16'.")
    with loading(tokens, "tokenizer") as source:
        tokenizer = CLIPTokenizer.from_pretrained(**source)
        if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):  # what comes of missing files
            raise ValueError("it has no vocabulary.")
    return Clip(network, tokenizer, prepare)

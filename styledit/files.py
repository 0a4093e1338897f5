"""Safetensors files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors.torch import save_file


def write_tensors(path: str | os.PathLike, tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    """A safetensors file that is whole or not there: it is written beside its place first."""
    unfinished = Path(path).with_name(Path(path).name + ".tmp")
    if not unfinished.parent.is_dir():
        raise ValueError(f"There is no folder for {os.fspath(path)!r}; create it first.")
    try:
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, unfinished, metadata=about)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)

"""LPIPS with its authors' learned weights (Zhang et al., 1801.03924)."""

from __future__ import annotations

import torch
from torch import nn

from styledit import validation


def load_lpips(net: str, *, device: str | torch.device | None = None) -> nn.Module:
    """LPIPS with the learned weights of its authors, by their package `lpips`, which the kit does not
    install.

    That package fetches its networks and reads them in its own way, which is not safetensors.

    Args:
        net: "alex", "vgg" or "squeeze" (PIE-Bench's).

    Raises:
        TypeError: `net` is no string.
        ValueError: it is another name, the package is not installed or cannot load the network, or the device
            is not there.
    """
    place = validation.device(device)
    validation.choice("lpips", net, ("alex", "vgg", "squeeze"))
    try:
        import lpips
    except ImportError as error:
        raise ValueError(
            "The package lpips is not installed; run `pip install lpips`, or leave lpips=None for the "
            "embedded network."
        ) from error
    try:
        network = lpips.LPIPS(net=net, spatial=True, verbose=False)
    except Exception as error:  # no connection, a damaged file
        raise ValueError(f"The package lpips could not load its network {net!r}: {error}") from error
    return network.eval().requires_grad_(False).to(place)

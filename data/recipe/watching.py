"""What can be seen of a training: its first steps, run anew, and the curve of the committed weights."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import torch

from recipe import folders, loop
from recipe.stages import unet

# Of the committed U-Net: until this step, so many steps were planned, and the rate was to fall over this
# share of them. It was stopped at RESTART, and went on from the average of its last weights.
UNET_PLANS = (
    (4_256, 10_000, 0.3),
    (8_000, 8_000, 0.5),
    (8_254, 16_000, 1.0),
    (unet.STEPS, unet.STEPS, unet.DECAY),
)
RESTART = 2_685


def drawn(step: int, seed: int = 0) -> np.random.Generator:
    """Everything random of a training step, as `loop.train` draws it."""
    rng = np.random.default_rng([seed, step])
    torch.manual_seed(int(rng.integers(2**31)))
    return rng


def first_losses(stage: Callable[..., Any], *arguments: Any, **options: Any) -> list[float]:
    """Run a training stage from its first step, as it is and in silence; the loss of each of its steps."""
    losses: list[float] = []
    train = loop.train

    def watched(
        name: str,
        modules: dict[str, torch.nn.Module],
        loss_of: Callable[[np.random.Generator, int], torch.Tensor],
        **more: Any,
    ) -> None:
        def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
            now = loss_of(rng, step)
            losses.append(now.item())
            return now

        (folders.CACHE / f"{name}.safetensors").unlink(missing_ok=True)  # else it would go on from there
        train(name, modules, loss, **more)

    torch.manual_seed(0)  # the first weights
    with mock.patch.object(loop, "train", watched), contextlib.redirect_stdout(io.StringIO()):
        stage(*arguments, **options)
    return losses


def curve(name: str) -> np.ndarray:
    """The committed curve of a stage, (points, 3): step, mean loss since the last point, seconds a step."""
    with open(folders.CURVES / f"{name}.csv") as file:
        return np.array([[float(x) for x in row.values()] for row in csv.DictReader(file)])


def unet_rate(step: int) -> float:
    """The rate at which the committed U-Net was trained at a step, as a share of its peak."""
    _, planned, share = next(plan for plan in UNET_PLANS if step < plan[0])
    return loop.learning_rate(step, planned, 1.0, start=0 if step < RESTART else RESTART, decay=share)

"""What is kept of a guided edit while it is optimised: curves, filmstrip, cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

Tensors = dict[str, torch.Tensor]
LOSS = "loss"  # the name of the weighted sum among the curves


@dataclass(frozen=True)
class Frame:
    """A picture of the filmstrip.

    `iteration`, `step`: when it was taken; `picture`: the estimate; `heat` (h, w) or None: where the object's
    word looked.
    """

    iteration: int
    step: int
    picture: Image.Image
    heat: torch.Tensor | None


class Log:
    """Curves, frames and evaluations of a guided edit so far.

    `curves`: {"loss", "step" or a term: its number at each iteration}; `evaluations`: network calls a branch,
    a forward counted as 1, a backward as 2.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.curves: dict[str, list[float]] = {name: [] for name in ("step", LOSS, *names)}
        self.frames: list[Frame] = []
        self.evaluations = 0

    @property
    def iterations(self) -> int:
        """How many there were so far."""
        return len(self.curves[LOSS])

    def add(self, step: int, loss: float, parts: Mapping[str, float]) -> None:
        """The numbers of one iteration."""
        for name, value in ({"step": float(step), LOSS: loss} | dict(parts)).items():
            self.curves[name].append(value)

    def state(self) -> Tensors:
        """Everything, as tensors."""
        tensors = {f"curve/{name}": torch.tensor(v, dtype=torch.float64) for name, v in self.curves.items()}
        tensors["evaluations"] = torch.tensor(float(self.evaluations), dtype=torch.float64)
        for k, frame in enumerate(self.frames):
            tensors[f"frame/{k}/when"] = torch.tensor([frame.iteration, frame.step], dtype=torch.float64)
            tensors[f"frame/{k}/picture"] = torch.from_numpy(np.array(frame.picture)).float()
            if frame.heat is not None:
                tensors[f"frame/{k}/heat"] = frame.heat.clone()
        return tensors

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go on from `state`.

        Raises:
            KeyError: it is that of other terms.
        """
        self.curves = {name: tensors[f"curve/{name}"].tolist() for name in self.curves}
        self.evaluations = int(tensors["evaluations"])
        self.frames = []
        while f"frame/{len(self.frames)}/when" in tensors:
            beginning = f"frame/{len(self.frames)}/"
            iteration, step = (int(number) for number in tensors[beginning + "when"])
            pixels = tensors[beginning + "picture"].cpu().byte().numpy()
            heat = tensors.get(beginning + "heat")
            self.frames.append(Frame(iteration, step, Image.fromarray(pixels), heat))

"""What a method costs: evaluations of the network, counted where they are made, and seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass
class Cost:
    """`evaluations`: of the network for one latent, a forward counted as 1 and a backward as 2; `seconds`."""

    evaluations: int = 0
    seconds: float = 0.0


@contextmanager
def counted(network: nn.Module) -> Iterator[Cost]:
    """The cost of a block, complete at its end; the network has no hook then.

    A backward counts where a gradient comes to the network's output, as it does in every fit here; one that
    comes from recorded maps alone would not.
    """
    cost = Cost()

    def went_back(gradient: Tensor) -> None:
        cost.evaluations += 2 * len(gradient)

    def called(module: nn.Module, inputs: tuple, output) -> None:
        sample = output[0]
        cost.evaluations += len(sample)
        if sample.requires_grad:
            sample.register_hook(went_back)

    hook = network.register_forward_hook(called)
    start = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - start
        hook.remove()

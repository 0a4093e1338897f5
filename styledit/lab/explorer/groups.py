"""Which attention maps of a recording travel at once, where they do not all fit.

One rule: the most needed first, each group whole, on the finest of a few grids on which it fits into what is
left, or else not at all. What is left out comes when it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["cross", "self"]
By = Literal["mean", "step", "head", "both"]
Size = tuple[int, int]

FACTORS: dict[Kind, tuple[int, ...]] = {"cross": (1, 2, 4), "self": (1,)}  # of a map's sides


@dataclass(frozen=True)
class Group:
    """The maps of some layers: their mean over steps and heads, or those of each step, head, or head of a
    step; `layers`: entries of `about["layers"]` (see `styledit.lab.explorer.packing`); the sides of the maps
    are divided by `factor`.
    """

    kind: Kind
    by: By
    layers: tuple[dict[str, Any], ...]
    factor: int = 1

    def size(self, layer: dict[str, Any]) -> Size:
        """(h, w) of a layer's maps as they travel."""
        height, width = layer["size"]
        return -(-height // self.factor), -(-width // self.factor)

    def bytes(self, columns: Sequence[int], steps: int) -> int:
        """What the group takes for all runs: one byte a cell, four for each map's scale.

        Args:
            columns: how many each run has.
        """
        total = 0
        for layer in self.layers:
            planes = {"mean": 1, "step": steps, "head": layer["heads"], "both": steps * layer["heads"]}[
                self.by
            ]
            count = sum(columns) if self.kind == "cross" else math.prod(layer["size"]) * len(columns)
            total += planes * count * (math.prod(self.size(layer)) + 4)
        return total


def choose(layers: Sequence[dict[str, Any]], columns: Sequence[int], steps: int, limit: int) -> list[Group]:
    """The groups that travel in `limit` bytes.

    Raises:
        ValueError: not even the coarsest means of cross-attention fit.
    """
    chosen: list[Group] = []
    left = limit
    for kind, by, members in _by_need(layers, steps):
        sizes = [Group(kind, by, members, factor) for factor in FACTORS[kind]]
        fitting = next((group for group in sizes if group.bytes(columns, steps) <= left), None)
        if fitting is not None:
            chosen.append(fitting)
            left -= fitting.bytes(columns, steps)
        elif not chosen:
            raise ValueError(
                f"The means of these maps alone take more than the limit of {limit / 2**20:.1f} MB; "
                "show fewer runs, or record fewer layers."
            )
    return chosen


def _by_need(
    layers: Sequence[dict[str, Any]], steps: int
) -> Iterator[tuple[Kind, By, tuple[dict[str, Any], ...]]]:
    """Means first; cross-attention of all layers together, self-attention of one grid after the other, the
    coarsest first: its finest maps are many times larger.
    """
    cross = tuple(layer for layer in layers if layer["cross"])
    grids: dict[int, list[dict[str, Any]]] = {}
    for layer in layers:
        if layer["self"]:
            grids.setdefault(math.prod(layer["size"]), []).append(layer)
    choices: tuple[By, ...] = ("mean", "head") if steps == 1 else ("mean", "step", "head", "both")
    for by in choices:
        yield "cross", by, cross
        for cells in sorted(grids):
            yield "self", by, tuple(grids[cells])

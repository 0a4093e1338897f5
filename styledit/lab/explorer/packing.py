"""Attention maps as bytes for the browser: whole numbers from 0 to 255, scaled by word, at their own size.

A recording is too large to send whole (Stable Diffusion 1.5 with 50 steps: 0.8 GB), so `pack` sends means:
over steps and heads, over heads at each step, over steps of each head, and each head of each step, as far as
they fit (`styledit.lab.explorer.groups`). A `Table` holds one of these for one layer.

A value is q * scale / 255. The bytes are all scales (little-endian float32), then all q.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F

from styledit.lab.explorer.columns import columns, partners
from styledit.lab.explorer.groups import By, Group, Kind, choose
from styledit.maps import AttentionMaps, resize

Result = TypeVar("Result")

LIMIT = 16 * 2**20  # bytes that travel to a widget
KINDS: tuple[Kind, ...] = ("cross", "self")
TINY = 1e-30  # a map whose peak is below is nothing


@dataclass(frozen=True)
class Table:
    """Maps of one layer: `values` (plane, column, cell), uint8, and `scales` (plane, column), float32.

    Planes are steps, heads, or head + heads * step; columns are those of `columns`, for
    self-attention the pixels that look; cells are h * w.
    """

    run: int
    kind: Kind
    layer: int
    by: By
    size: tuple[int, int]
    values: np.ndarray
    scales: np.ndarray

    def numbers(self, plane: int) -> np.ndarray:
        """The attention that was packed, (column, cell), float32; off by at most scale / 510."""
        scales = self.scales[plane, :, None] / np.float32(255)
        return self.values[plane].astype(np.float32) * scales


@dataclass(frozen=True)
class Packed:
    """Maps of several runs, as they travel: what `about` says is JSON, `data` the numbers."""

    about: dict[str, Any]
    tables: tuple[Table, ...]

    @property
    def data(self) -> bytes:
        """All scales, then all values, in the order of the tables."""
        return join(self.tables)

    def mean(
        self,
        run: int = 0,
        layers: Sequence[int] | None = None,
        row: int | None = None,
        head: int | None = None,
    ) -> np.ndarray:
        """Every column's map, (column, h, w), as the browser shows it: the mean over layers, up-sampled to
        the finest of them.

        Args:
            layers: indices into `about["layers"]`, None for all.
            row, head: a row of the step axis and a head, None for the mean; where that was not sent, the
                nearest that was.
        """
        chosen = [layer for layer in self.about["layers"] if layers is None or layer["index"] in layers]
        chosen = [layer for layer in chosen if layer["cross"] and (head is None or head < layer["heads"])]
        size = max((tuple(layer["size"]) for layer in chosen), key=math.prod)
        planes = []
        for layer in chosen:
            table, plane = self._find(run, layer, row, head)
            maps = torch.from_numpy(table.numbers(plane)).unflatten(1, table.size)
            planes.append(torch.stack([resize(plane, size) for plane in maps]))
        return torch.stack(planes).mean(0).numpy()

    def _find(self, run: int, layer: dict[str, Any], row: int | None, head: int | None) -> tuple[Table, int]:
        """The table that has a step and a head, or the nearest to it, and the plane in it."""
        there = {
            table.by: table
            for table in self.tables
            if (table.run, table.kind, table.layer) == (run, "cross", layer["index"])
        }
        if row is not None and head is not None and "both" in there:
            return there["both"], row * layer["heads"] + head
        if row is not None and "step" in there:
            return there["step"], row
        if head is not None and "head" in there:
            return there["head"], head
        return there["mean"], 0


def pack(runs: Sequence[AttentionMaps], limit: int = LIMIT) -> Packed:
    """The maps of runs of one kind, such as a source and its edits, in at most `limit` bytes.

    Raises:
        ValueError: no cross-attention, runs that were recorded differently, maps with NaN, or a limit below
            the means alone.
    """
    return result_of(packing_of(runs, limit))


def result_of(run: Generator[object, None, Result]) -> Result:
    """What a run returns at its end."""
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value


def packing_of(runs: Sequence[AttentionMaps], limit: int) -> Generator[tuple[int, int], None, Packed]:
    """`pack` as a run: after each layer how many are done, and of how many; its result is that of `pack`."""
    _check_alike(runs)
    layers = _layers(runs[0])
    steps = len(runs[0].steps or next(iter(runs[0].layers.values())))
    chosen = choose(layers, [len(columns(maps)) for maps in runs], steps, limit)
    tables = []
    for run, maps in enumerate(runs):
        for layer in layers:
            for kind in KINDS:
                sent = [group for group in chosen if group.kind == kind and layer in group.layers]
                if sent:
                    tables += _tables(run, kind, maps, layer, sent)
            yield run * len(layers) + layer["index"] + 1, len(runs) * len(layers)
    return Packed(_about(runs, layers, tables), tuple(tables))


def join(tables: Sequence[Table]) -> bytes:
    """All scales of some tables, then all their values."""
    scales = b"".join(table.scales.astype("<f4").tobytes() for table in tables)
    return scales + b"".join(table.values.tobytes() for table in tables)


def entries(tables: Sequence[Table]) -> list[dict[str, Any]]:
    """What the browser needs to know of some tables: `scales` and `values` are where theirs begin, counted
    in numbers.
    """
    listed, scales, values = [], 0, 0
    for table in tables:
        height, width = table.size
        shape = {"planes": table.values.shape[0], "columns": table.values.shape[1], "h": height, "w": width}
        place = {"run": table.run, "kind": table.kind, "layer": table.layer, "by": table.by}
        listed.append({**place, **shape, "scales": scales, "values": values})
        scales += table.scales.size
        values += table.values.size
    return listed


def part(runs: Sequence[AttentionMaps], row: int | None, head: int | None) -> Iterator[Table]:
    """One step or head of every run's cross-attention, or one head of one step, exactly: a table for each
    layer that has it, at its own size.

    Args:
        row, head: a row of the step axis and a head, None for the mean.
    """
    for run, maps in enumerate(runs):
        gather = _gather(maps)
        for layer in _layers(maps):
            if not layer["cross"] or (head is not None and head >= layer["heads"]):
                continue
            recorded = maps.layers[layer["cross"]]
            heads = slice(None) if head is None else slice(head, head + 1)
            rows = range(len(recorded)) if row is None else (row,)
            total = torch.stack([gather(recorded[i, heads]).mean(0) for i in rows]).mean(0)
            yield _table(run, Group("cross", "mean", (layer,)), layer, total[None])


def looks(
    maps: AttentionMaps, layer: dict[str, Any], row: int | None, head: int | None, x: float, y: float
) -> np.ndarray | None:
    """Where the pixel at (x, y) looks in one layer, (h * w,) float32; None where that layer has no such
    head or no self-attention.

    Args:
        layer: an entry of `about["layers"]`.
        x, y: fractions of the picture's width and height, in [0, 1).
    """
    if not layer["self"] or (head is not None and head >= layer["heads"]):
        return None
    recorded = maps.self_layers[layer["self"]]
    height, width = layer["size"]
    place = min(int(y * height), height - 1) * width + min(int(x * width), width - 1)
    chosen = recorded[slice(None) if row is None else slice(row, row + 1)]
    chosen = chosen[:, slice(None) if head is None else slice(head, head + 1), place]
    return chosen.float().mean((0, 1)).cpu().numpy()


def _check_alike(runs: Sequence[AttentionMaps]) -> None:
    """Raise ValueError for runs that cannot be laid over each other."""
    first = runs[0]
    columns(first)  # raises where there is no cross-attention
    shapes = {name: maps.shape for name, maps in {**first.layers, **first.self_layers}.items()}
    for other in runs[1:]:
        theirs = {name: maps.shape for name, maps in {**other.layers, **other.self_layers}.items()}
        if (shapes, first.size, first.steps) != (theirs, other.size, other.steps):
            raise ValueError(
                "Runs that are compared must be recorded alike: the same layers, steps and picture size; "
                "give invert() and edit() the same `record` and compare edits of this inversion."
            )


def _layers(maps: AttentionMaps) -> list[dict[str, Any]]:
    """Every block that was recorded, in the order of the network: its label, its size, and the names of its
    cross- and self-attention ("" where not recorded).
    """
    places: dict[str, dict[str, Any]] = {}
    for kind, recorded in (("cross", maps.layers), ("self", maps.self_layers)):
        for name, tensor in recorded.items():
            block = name.rsplit(".attn", 1)[0]
            entry = places.setdefault(block, {"cross": "", "self": "", "label": _label(block)})
            entry[kind] = name
            entry["size"] = list(maps.map_sizes[name])
            entry["heads"] = tensor.shape[1]
    return [{"index": k, **entry} for k, entry in enumerate(places.values())]


def _label(block: str) -> str:
    """A block's name in short: "up 1.0", "middle"."""
    numbers = [piece for piece in block.split(".") if piece.isdigit()]
    place = block.split("_")[0].split(".")[0]
    numbers = numbers[:-1] if block.endswith("transformer_blocks.0") else numbers
    return "middle" if place == "mid" else " ".join([place, ".".join(numbers)]).strip()


def _gather(maps: AttentionMaps) -> Callable[[torch.Tensor], torch.Tensor]:
    """What sums tokens to columns: (head, pixel, token) to (head, column, pixel)."""
    chosen = columns(maps)
    sums = torch.zeros(len(maps.token_labels()), len(chosen))
    for k, column in enumerate(chosen):
        sums[list(column.positions), k] = 1
    return lambda recorded: (recorded.float().cpu() @ sums).transpose(1, 2)


def _tables(
    run: int, kind: Kind, maps: AttentionMaps, layer: dict[str, Any], sent: Sequence[Group]
) -> list[Table]:
    """The tables of one layer that are sent; one step of it is held at a time."""
    recorded = (maps.layers if kind == "cross" else maps.self_layers)[layer[kind]]
    gather = _gather(maps) if kind == "cross" else lambda step: step.float().cpu()
    steps, heads, pixels = recorded.shape[:3]
    total = torch.zeros(heads, pixels if kind == "self" else len(columns(maps)), pixels)
    planes: dict[By, list[Table]] = {group.by: [] for group in sent}
    for i in range(steps):
        step = gather(recorded[i])  # (head, column, cell)
        total += step / steps
        for group in sent:
            if group.by == "step":
                planes["step"].append(_table(run, group, layer, step.mean(0, keepdim=True)))
            elif group.by == "both":
                planes["both"].append(_table(run, group, layer, step))
    for group in sent:
        if group.by == "mean":
            planes["mean"].append(_table(run, group, layer, total.mean(0, keepdim=True)))
        elif group.by == "head":
            planes["head"].append(_table(run, group, layer, total))
    return [_stack(tables) for tables in planes.values()]


def _table(run: int, group: Group, layer: dict[str, Any], maps: torch.Tensor) -> Table:
    """Maps (plane, column, cell), each cell the mean of those that it covers on a coarser grid, scaled to 255
    at each map's peak and rounded.
    """
    size = group.size(layer)
    if group.factor > 1:
        maps = F.adaptive_avg_pool2d(maps.unflatten(-1, layer["size"]), size).flatten(-2)
    numbers = maps.numpy()
    scales = numbers.max(-1)  # (plane, column)
    if not np.isfinite(scales).all():
        raise ValueError("The maps have NaN or infinite values; record them again.")
    factors = np.divide(255, scales, out=np.zeros_like(scales), where=scales > TINY)
    values = np.rint(numbers * factors[..., None]).astype(np.uint8)
    return Table(run, group.kind, layer["index"], group.by, size, values, scales.astype(np.float32))


def _stack(tables: list[Table]) -> Table:
    """Tables of single steps as one, plane after plane."""
    first = tables[0]
    values = np.concatenate([table.values for table in tables])
    scales = np.concatenate([table.scales for table in tables])
    return Table(first.run, first.kind, first.layer, first.by, first.size, values, scales)


def _about(
    runs: Sequence[AttentionMaps], layers: list[dict[str, Any]], tables: Sequence[Table]
) -> dict[str, Any]:
    """What the browser has to know of the numbers, as JSON."""
    first = runs[0]
    steps = first.steps
    if steps is None:
        steps = tuple(range(len(next(iter(first.layers.values())))))
    return {
        "size": [first.size[1], first.size[0]],  # width, height
        "steps": list(steps),
        "layers": layers,
        "heads": max(layer["heads"] for layer in layers),
        "runs": [
            {
                "columns": [{"text": column.text, "kind": column.kind} for column in columns(maps)],
                "partners": partners(first, maps),
            }
            for maps in runs
        ],
        "tables": entries(tables),
    }

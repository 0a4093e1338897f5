"""What of a recording's attention maps fits a number of bytes: a ladder of plans, the richest first."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["cross", "self"]
Size = tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """What of the maps is sent besides the means over steps and heads.

    `bins`: rows of the step axis that share a plane, empty where single steps are not sent; `heads`: whether
    each head's mean over steps is; `both`: whether each head of each step is; `most`: longest side of these
    maps, None for their own size; `most_mean`: the same of the means; `grids`: sizes of maps that are sent at
    all, None for every one.
    """

    bins: tuple[tuple[int, ...], ...] = ()
    heads: bool = False
    both: bool = False
    most: int | None = None
    most_mean: int | None = None
    grids: frozenset[Size] | None = None


NOTHING = Plan(grids=frozenset())


def choose(
    kind: Kind, words: Sequence[int], layers: Sequence[dict[str, Any]], steps: int, limit: int
) -> Plan:
    """The richest plan that fits `limit` bytes.

    Args:
        words: the number of columns of each run.
        layers: entries of `about["layers"]` (see `styledit.lab.explorer.packing`).

    Raises:
        ValueError: not even the coarsest means of cross-attention fit.
    """
    for plan in _plans(kind, layers, steps):
        if cost(kind, plan, words, layers, steps) <= limit:
            return plan
    raise ValueError(
        f"The means of these maps alone take more than the limit of {limit / 2**20:.1f} MB; "
        "show fewer runs, or record fewer layers."
    )


def cost(kind: Kind, plan: Plan, words: Sequence[int], layers: Sequence[dict[str, Any]], steps: int) -> int:
    """Bytes that a plan takes for all runs: one a cell, four for each map's scale."""
    total = 0
    for layer in layers:
        if not is_sent(kind, plan, layer):
            continue
        size = tuple(layer["size"])
        count = sum(words) if kind == "cross" else math.prod(size) * len(words)
        planes = len(plan.bins) + plan.heads * layer["heads"] + plan.both * steps * layer["heads"]
        total += count * (math.prod(coarse(size, plan.most_mean)) + 4)
        total += count * (math.prod(coarse(size, plan.most)) + 4) * planes
    return total


def is_sent(kind: Kind, plan: Plan, layer: dict[str, Any]) -> bool:
    """Whether a layer's maps are sent."""
    return bool(layer[kind]) and (plan.grids is None or tuple(layer["size"]) in plan.grids)


def coarse(size: Size, most: int | None) -> Size:
    """A map's size with sides of at most `most`."""
    factor = 1 if most is None else -(-max(size) // most)
    return -(-size[0] // factor), -(-size[1] // factor)


def _plans(kind: Kind, layers: Sequence[dict[str, Any]], steps: int) -> Iterator[Plan]:
    """Plans from the richest on. Self-attention gives up its finest maps where even their means do not fit;
    every cross-attention layer is sent, coarser if need be.
    """
    sizes: list[Size] = sorted({tuple(layer["size"]) for layer in layers if layer[kind]}, key=math.prod)
    finest = max(max(size) for size in sizes)
    if kind == "cross":
        yield from _details(steps, [None, -(-finest // 2), -(-finest // 4)])
        yield from (Plan(most_mean=-(-finest // factor)) for factor in (2, 4, 8))
        return
    for count in range(len(sizes), 0, -1):
        grids = frozenset(sizes[:count])
        for plan in _details(steps, [None, -(-finest // 2)]):
            yield replace(plan, grids=grids)
    yield NOTHING


def _details(steps: int, longest: Sequence[int | None]) -> Iterator[Plan]:
    """What is sent besides the means, from everything to nothing; `longest` sides are tried in turn."""
    if steps == 1:
        yield from (Plan(heads=True, most=most) for most in longest)
    else:
        yield Plan(_bins(steps, 1), heads=True, both=True)
        for most in longest:
            yield from (Plan(_bins(steps, share), heads=True, most=most) for share in (1, 2, 3, 4, 6))
        yield from (Plan(_bins(steps, share), most=longest[-1]) for share in (2, 4, 8))
    yield Plan()


def _bins(steps: int, share: int) -> tuple[tuple[int, ...], ...]:
    """Rows of the step axis in bins of about `share` neighbours."""
    count = -(-steps // share)
    edges = [round(k * steps / count) for k in range(count + 1)]
    return tuple(tuple(range(a, b)) for a, b in itertools.pairwise(edges))

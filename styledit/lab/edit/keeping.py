"""How much a lab remembers: bytes, for how many things that is depends on the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

MIB = 2**20
Key = TypeVar("Key")
Value = TypeVar("Value")


def drop_oldest(kept: dict[Key, Value], bytes_of: Callable[[Value], int], most: int) -> None:
    """Remove the first entries until the others take no more than `most` bytes; the last one stays."""
    while len(kept) > 1 and sum(map(bytes_of, kept.values())) > most:
        kept.pop(next(iter(kept)))

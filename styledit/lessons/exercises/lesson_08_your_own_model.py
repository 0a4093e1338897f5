"""Lesson 08, your own model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from styledit.attention import as_choices
from styledit.lessons.exercises.checking import NotYet, call, exercise, number
from styledit.lessons.models import without_weights
from styledit.recording import Record

GIB = 2**30


@exercise("08 What maps weigh", right="every head has a table of places × keys")
def check_map_bytes(count: Callable[[int, int, int, int], Any]) -> None:
    """Check `count(heads, h, w, keys)`: the bytes of one layer's maps of one step in float16."""
    if number(call(count, 8, 64, 64, 77)) == 8 * 64 * 64 * 77:
        raise NotYet("that counts numbers; how many bytes has one of them in float16?")
    if number(call(count, 8, 64, 64, 77)) != 2 * 8 * 64 * 64 * 77:
        raise NotYet("each head, each place of the map and each key has a number of its own.")
    if number(call(count, 4, 16, 8, 20)) != 2 * 4 * 16 * 8 * 20:
        raise NotYet("it is right for a square map; what of 16 × 8?")


@exercise("08 A record that fits", right="self-attention of small maps is cheap, of the largest it is not")
def check_record(record: Record) -> None:
    """Check a Record of self-attention that takes at most 1 GiB at 50 steps of Stable Diffusion 1."""
    if not isinstance(record, Record):
        raise NotYet(f"a styledit.Record is asked for, not a {type(record).__name__}.")
    if not any(layers.kind == "self" for layers in as_choices(record.layers)):
        raise NotYet("it keeps no self-attention; see the argument `kind` of `Layers`.")
    try:
        size = record.bytes(without_weights("sd1"), (64, 64), 50)
    except ValueError as error:
        raise NotYet(str(error)) from error
    if size > GIB:
        raise NotYet(
            f"it takes {size / GIB:.1f} GiB. Which scales have the large maps, and are all steps needed?"
        )

"""The contact sheet: one edit in many variants, previews first."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from styledit.editing import Editor

FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
GUIDANCES = (1.0, 2.0, 3.0, 5.0, 7.5)
AXES = {  # name: (label, what the rows change, what the columns change)
    "tau_c tau_s": ("τ_c × τ_s", ("tau_c", FRACTIONS), ("tau_s", FRACTIONS)),
    "guidance tau_v": ("guidance × τ_v", ("guidance", GUIDANCES), ("tau_v", FRACTIONS)),
    "tau_u tau_s": ("τ_u × τ_s", ("tau_u", FRACTIONS), ("tau_s", FRACTIONS)),
}
PROMPTS = "target prompts"
METHODS = "methods"
MOST_TILES = 36
LOOK = 3  # a preview runs every third step


@dataclass(frozen=True)
class Tile:
    """One variant: what it is made with, its picture once there is one, and, where the true edit is known,
    whether the judge sees the change.
    """

    row: int
    column: int
    prompt: str
    settings: dict[str, Any]
    method: str
    picture: Image.Image | None = None
    exact: bool = False
    happened: bool | None = None


@dataclass(frozen=True)
class Sheet:
    """A grid of variants."""

    label: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    tiles: tuple[Tile, ...]

    @property
    def drawn(self) -> int:
        """How many tiles are exact."""
        return sum(tile.exact for tile in self.tiles)

    def with_tile(self, tile: Tile) -> Sheet:
        """The same with one tile renewed."""
        place = (tile.row, tile.column)
        tiles = tuple(tile if (old.row, old.column) == place else old for old in self.tiles)
        return replace(self, tiles=tiles)


def plan(
    axes: str,
    prompt: str,
    settings: dict[str, Any],
    method: str,
    prompts: Sequence[str],
    methods: Sequence[str],
) -> Sheet:
    """The variants of an edit, none drawn yet.

    Args:
        axes: a name of `AXES`, "target prompts", or "methods".
        settings: of the edit, as keywords of `Settings`; the variants change one or two of them.

    Raises:
        ValueError: no such sheet, no prompts, or too many.
    """
    if axes == PROMPTS:
        wanted = list(dict.fromkeys(text.strip() for text in prompts if text.strip()))
        if not 0 < len(wanted) <= MOST_TILES:
            raise ValueError(f"A sheet of target prompts takes 1 to {MOST_TILES} prompts, one a line.")
        tiles = [Tile(0, k, text, {}, method) for k, text in enumerate(wanted)]
        return Sheet("target prompts", ("",), tuple(wanted), tuple(tiles))
    if axes == METHODS:
        tiles = [Tile(0, k, prompt, settings, name) for k, name in enumerate(methods)]
        return Sheet("methods", ("",), tuple(methods), tuple(tiles))
    if axes not in AXES:
        raise ValueError(f"There is no sheet {axes!r}; choose from {', '.join([*AXES, PROMPTS, METHODS])}.")
    label, (row_name, rows), (column_name, columns) = AXES[axes]
    tiles = [
        Tile(r, c, prompt, settings | {row_name: row, column_name: column}, method)
        for r, row in enumerate(rows)
        for c, column in enumerate(columns)
    ]
    return Sheet(
        label,
        tuple(f"{row_name} {row:g}" for row in rows),
        tuple(f"{column_name} {column:g}" for column in columns),
        tuple(tiles),
    )


def drawing(editor: Editor, sheet: Sheet, exact: bool) -> Generator[Tile | None, None, None]:
    """Draw every tile, in an order in which each goes on from the one before: None after each network call,
    a tile when it is drawn.

    Args:
        exact: whether all steps run, or only every third.
    """
    for tile in sheet.tiles:
        run = editor.editing(tile.prompt, every=1 if exact else LOOK, **tile.settings)
        while True:
            try:
                next(run)
            except StopIteration as end:
                yield replace(tile, picture=end.value.image, exact=exact)
                break
            yield None

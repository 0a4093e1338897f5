"""The contact sheet: one edit in many variants, previews first."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from PIL import Image

from styledit.editing import Edit, Editor, Settings
from styledit.lab.edit.maker import EditMaker
from styledit.lab.edit.requests import EditRequest
from styledit.lab.edit.session import Progress

Failed = Callable[[Exception], None]
Result = TypeVar("Result")

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
PREVIEW_EVERY = 3  # a preview runs every third step


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
    succeeded: bool | None = None


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


@dataclass
class SheetDrawing:
    """A contact sheet on its way. `id`: of the request; `stops`: how often the page had asked to stop when it
    began.
    """

    id: int
    sheet: Sheet
    tiles: Generator[Tile | None, None, None]
    stops: int


def lay_out_sheet(
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
        given = list(dict.fromkeys(text.strip() for text in prompts if text.strip()))
        if not 0 < len(given) <= MOST_TILES:
            raise ValueError(f"A sheet of target prompts takes 1 to {MOST_TILES} prompts, one a line.")
        tiles = [Tile(0, k, text, {}, method) for k, text in enumerate(given)]
        return Sheet("target prompts", ("",), tuple(given), tuple(tiles))
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


def drawing_tiles(maker: EditMaker, sheet: Sheet, failed: Failed) -> Generator[Tile | None, None, None]:
    """Draw every tile: None after each network call, a tile when it is drawn. Where an editor draws them all
    it does so roughly first.

    Args:
        failed: takes the error of a method that leaves its tile empty.
    """
    method = sheet.tiles[0].method
    if sheet.label == METHODS or not maker.has_editor(method):
        for tile in sheet.tiles:
            edit = yield from _in_steps(_alone(maker, tile, failed))
            yield replace(tile, picture=None if edit is None else edit.image, exact=True)
        return
    editor = yield from _in_steps(maker.editor(method))
    for exact in (False, True):
        yield from _one_after_another(editor, sheet, exact)


def _alone(maker: EditMaker, tile: Tile, failed: Failed) -> Generator[Progress, None, Edit | None]:
    """A tile's edit; None of a method that fails."""
    try:
        request = EditRequest(0, False, tile.prompt, tile.settings or None, tile.method)
        settings = Settings.of(**tile.settings) if tile.settings else maker.settings(request)
        return (yield from maker.make(request, settings)).edit
    except Exception as error:
        failed(error)
        return None


def _one_after_another(editor: Editor, sheet: Sheet, exact: bool) -> Generator[Tile | None, None, None]:
    """All tiles in an order in which each goes on from the one before, with all steps or every third."""
    for tile in sheet.tiles:
        run: Generator[Any, None, Any] = editor.editing(
            tile.prompt, every=1 if exact else PREVIEW_EVERY, **tile.settings
        )
        edit = yield from _in_steps(run)
        yield replace(tile, picture=edit.image, exact=exact)


def _in_steps(run: Generator[Any, None, Result]) -> Generator[None, None, Result]:
    """A run that says nothing of its states."""
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value
        yield None

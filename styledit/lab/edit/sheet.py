"""The contact sheet: one edit in many variants, along any two things that can vary; previews first."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.editing import Settings
from styledit.lab.edit import methods, png_recipe
from styledit.lab.edit.maker import EditMaker
from styledit.lab.edit.requests import EditRequest
from styledit.lab.edit.session import Source
from styledit.lab.edit.sheet_axes import METHOD, PROMPT, Axis, Value
from styledit.lab.frames import decode, encode, thumbnail
from styledit.prompts import find_word, positions_of, split_words

Failed = Callable[[Exception], None]
Result = TypeVar("Result")

MOST_TILES = 36
KEPT = 6  # sheets
PREVIEW_EVERY = 3  # a preview runs every third step
SMALL = 256  # pixels of a tile's longer side on the page


@dataclass(frozen=True)
class Tile:
    """One variant: the request and settings that it is made with.

    `request`: without a painted mask, which the settings have and all tiles share;
    `picture`: a PNG file, once it is exact; `small`: what the page shows, roughly at first (WebP); `seconds`:
    of making it, going on from what the tiles before share with it; `psnr`: to the source, in dB; where the
    true edit is known, `truth_psnr`: to that, and whether the judge sees the change.
    """

    row: int
    column: int
    request: EditRequest
    settings: Settings
    picture: bytes | None = None
    small: bytes | None = None
    exact: bool = False
    seconds: float | None = None
    psnr: float | None = None
    truth_psnr: float | None = None
    succeeded: bool | None = None

    @property
    def image(self) -> Image.Image | None:
        """The exact picture."""
        return None if self.picture is None else decode(self.picture)


@dataclass(frozen=True)
class Sheet:
    """A grid of variants of one source's edit, by the number of its request."""

    id: int
    source: Source
    title: str
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

    def tile(self, row: object, column: object) -> Tile:
        """The tile at a place.

        Raises:
            ValueError: there is none.
        """
        for tile in self.tiles:
            if (tile.row, tile.column) == (row, column):
                return tile
        raise ValueError("The grid has no such tile.")


class ContactSheets:
    """The sheets of one lab that are kept, the oldest first."""

    def __init__(self) -> None:
        self.kept: tuple[Sheet, ...] = ()

    def keep(self, sheet: Sheet) -> None:
        """A new sheet, or one with new tiles."""
        if any(known.id == sheet.id for known in self.kept):
            self.kept = tuple(sheet if known.id == sheet.id else known for known in self.kept)
        else:
            self.kept = (*self.kept, sheet)[-KEPT:]

    def of(self, source: Source) -> list[Sheet]:
        """Those of one source."""
        return [sheet for sheet in self.kept if sheet.source == source]

    def newest(self, source: Source) -> Sheet | None:
        """The last one of a source; None where there is none."""
        return next(reversed(self.of(source)), None)

    def find(self, number: object) -> Sheet:
        """A sheet by its number.

        Raises:
            ValueError: it is no longer there.
        """
        for sheet in self.kept:
            if sheet.id == number:
                return sheet
        raise ValueError("This grid is no longer there; draw it again.")


def lay_out_sheet(
    number: int, maker: EditMaker, base: EditRequest, given_rows: Any, given_columns: Any
) -> Sheet:
    """The variants of an edit, none drawn yet.

    Args:
        number: of the request.
        base: the edit; where its settings are the suggested ones, each prompt has its own.
        given_rows, given_columns: the axes, as `Axis.of` takes them; None for one row or column.

    Raises:
        ValueError: axes that cannot be used, too many tiles, or nothing that would change.
    """
    if base.auto:
        base = replace(base, settings=None, suggested=False)
    known = methods.names(maker.own)
    rows, columns = Axis.of(given_rows, known), Axis.of(given_columns, known)
    axes = [axis for axis in (rows, columns) if axis is not None]
    _check_axes(maker.pipe, base, axes)
    painted = maker.settings(base).mask  # of all tiles alike, and large: read once
    if base.settings is not None:
        base = replace(base, settings={**base.settings, "mask": None})
    choices = [[(axis, value) for value in axis.values] if axis else [None] for axis in (rows, columns)]
    tiles = [
        _tile(maker, base, r, c, [change for change in (row, column) if change])
        for r, row in enumerate(choices[0])
        for c, column in enumerate(choices[1])
    ]
    title = " × ".join(axis.title for axis in axes)
    if not any(axis.kind.name == PROMPT for axis in axes):
        title = f"{title}: {base.prompt}"
    return Sheet(
        number,
        maker.prepared.source,
        title,
        rows.labels if rows else ("",),
        columns.labels if columns else ("",),
        tuple(replace(tile, settings=replace(tile.settings, mask=painted)) for tile in tiles),
    )


def _check_axes(pipe: StableDiffusionPipeline, base: EditRequest, axes: Sequence[Axis]) -> None:
    """Whether the axes make a sheet in which something changes.

    Raises:
        ValueError: they do not; the sentence says why.
    """
    if not axes:
        raise ValueError("Choose what the rows or the columns are to vary.")
    if len({(axis.kind.name, axis.word) for axis in axes}) < len(axes):
        raise ValueError("Rows and columns vary the same; choose something else for one of them.")
    number = 1
    for axis in axes:
        number *= len(axis.values)
    if number > MOST_TILES:
        size = " × ".join(str(len(axis.values)) for axis in axes)
        raise ValueError(f"{size} = {number} tiles are too many; give values for at most {MOST_TILES}.")
    by_name = {axis.kind.name: axis for axis in axes}
    used = [str(name) for name in by_name[METHOD].values] if METHOD in by_name else [base.method]
    prompts = [str(text) for text in by_name[PROMPT].values] if PROMPT in by_name else [base.prompt]
    for axis in axes:
        if axis.kind.name in (METHOD, PROMPT):
            continue
        if not any(methods.named(name).reads(axis.kind.name) for name in used):
            who = f"{' and '.join(used)} {'does' if len(used) == 1 else 'do'}"
            raise ValueError(f"{who} not use {axis.title}: all tiles would be alike.")
        if axis.word and not any(positions_of(split_words(pipe, prompt), axis.word) for prompt in prompts):
            find_word(split_words(pipe, prompts[0]), axis.word)


def _tile(
    maker: EditMaker, base: EditRequest, row: int, column: int, changes: Sequence[tuple[Axis, Value]]
) -> Tile:
    """A variant: another prompt, method and parameters, the settings of that, and last those that vary."""
    request = base
    for axis, value in changes:
        request = axis.before_settings(request, value)
    if request.settings is not None:
        request = replace(request, settings=_with_known_words(maker, request.prompt, request.settings))
    plain = png_recipe.as_dict(maker.settings(request))
    varied = plain
    for axis, value in changes:
        varied = axis.changed(varied, value)
    varied = _with_known_words(maker, request.prompt, varied)
    if varied != plain:
        request = replace(request, settings=varied, suggested=False)
    return Tile(row, column, request, maker.settings(request))


def _with_known_words(maker: EditMaker, prompt: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without those of words that are not in the prompt, as the page sends them."""
    target = split_words(maker.pipe, prompt)
    source = split_words(maker.pipe, maker.prepared.source.prompt)
    known = dict(settings)
    for name in ("tau_c_words", "tau_v_words", "reweight"):
        by_word = dict(known.get(name) or {})
        known[name] = {word: value for word, value in by_word.items() if positions_of(target, word)}
    words = known.get("blend") or ()
    known["blend"] = [word for word in words if positions_of(target, word) or positions_of(source, word)]
    return known


def drawing_tiles(maker: EditMaker, sheet: Sheet, failed: Failed) -> Generator[Tile | None, None, None]:
    """Draw every tile: None after each network call, a tile when it is drawn. Where an editor draws them it
    does so roughly first. A method's tiles go on from each other, and tiles of one picture are made once.

    Args:
        failed: takes the error of a tile that stays empty.
    """
    tiles = sorted(sheet.tiles, key=lambda tile: (tile.request.method, str(tile.request.parameters)))
    rough: dict[str, bytes] = {}
    for tile in tiles:
        if maker.has_editor(tile.request.method):
            if tile.request.key not in rough:
                try:
                    rough[tile.request.key] = thumbnail((yield from _previewed(maker, tile)), SMALL)
                except Exception:
                    continue  # the exact one says why
            yield replace(tile, small=rough[tile.request.key])
    made: dict[str, Tile] = {}
    for tile in tiles:
        key = tile.request.key
        if key not in made:
            made[key] = yield from _exactly(maker, tile, failed)
        known = made[key]
        yield replace(known, row=tile.row, column=tile.column, request=tile.request, settings=tile.settings)


def _previewed(maker: EditMaker, tile: Tile) -> Generator[None, None, Image.Image]:
    """A tile in a third of the steps."""
    method = tile.request.method
    own = methods.parameters_of(method, tile.request.parameters)
    editor, _ = yield from _timed(maker.editor(method, own))
    keywords = methods.keywords_of(method, tile.settings)
    run: Generator[Any, None, Any] = editor.editing(tile.request.prompt, every=PREVIEW_EVERY, **keywords)
    edit, _ = yield from _timed(run)
    return edit.image


def _exactly(maker: EditMaker, tile: Tile, failed: Failed) -> Generator[None, None, Tile]:
    """A tile as the lab makes it; without a picture where that fails."""
    try:
        made, seconds = yield from _timed(maker.make(tile.request, tile.settings))
    except Exception as error:
        failed(error)
        return replace(tile, exact=True)
    picture = made.edit.image
    return replace(
        tile, picture=encode(picture), small=thumbnail(picture, SMALL), exact=True, seconds=seconds
    )


def _timed(run: Generator[Any, None, Result]) -> Generator[None, None, tuple[Result, float]]:
    """A run that says nothing of its states, and the seconds that it took without what came in between."""
    seconds = 0.0
    while True:
        start = time.perf_counter()
        try:
            next(run)
        except StopIteration as end:
            return end.value, seconds + time.perf_counter() - start
        seconds += time.perf_counter() - start
        yield None

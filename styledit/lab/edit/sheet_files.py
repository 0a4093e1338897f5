"""A contact sheet as files: one picture with labelled rows and columns, and a table."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

from PIL import Image

from styledit.lab.edit import methods, png_recipe
from styledit.lab.edit.sheet import Sheet, Tile
from styledit.lab.frames import encode, labelled_grid

LEAST_SIDE = 256  # pixels; smaller tiles are enlarged by a whole number


def sheet_png(sheet: Sheet) -> bytes:
    """The drawn tiles below each other and side by side, labelled, as a PNG file.

    Raises:
        ValueError: none is drawn.
    """
    pictures = {(tile.row, tile.column): tile.image for tile in sheet.tiles}
    drawn = {place: _enlarged(picture) for place, picture in pictures.items() if picture is not None}
    if not drawn:
        raise ValueError("No tile of this grid is drawn yet.")
    lines = [f"from: {sheet.source.prompt}", sheet.title.replace("×", "x")]  # which the font lacks
    return encode(labelled_grid(drawn, sheet.rows, sheet.columns, lines))


def sheet_csv(sheet: Sheet) -> bytes:
    """A line for each tile: row, column, prompt, method, every setting and parameter, and what came of it."""
    records = [_record(sheet, tile) for tile in sheet.tiles]
    names = list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def _record(sheet: Sheet, tile: Tile) -> dict[str, Any]:
    """A tile's line; a setting that its method does not read is left empty."""
    request = tile.request
    plain = png_recipe.as_dict(replace(tile.settings, mask=None))
    plain["mask"] = None if tile.settings.mask is None else "painted"
    settings = methods.read_settings(request.method, plain)
    return {
        "row": sheet.rows[tile.row],
        "column": sheet.columns[tile.column],
        "prompt": request.prompt,
        "method": request.method,
        **{name: _plain(value) for name, value in settings.items()},
        **methods.parameters_of(request.method, request.parameters),
        "psnr_to_source_db": _rounded(tile.psnr),
        "psnr_to_truth_db": _rounded(tile.truth_psnr),
        "change_seen": "" if tile.succeeded is None else tile.succeeded,
        "seconds": _rounded(tile.seconds),
    }


def _plain(value: object) -> object:
    """A value as a cell of a table."""
    if isinstance(value, (dict, list)):
        return json.dumps(value) if value else ""
    return "" if value is None else value


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _enlarged(picture: Image.Image) -> Image.Image:
    """A small picture with every pixel as a square."""
    factor = -(-LEAST_SIDE // max(picture.size))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)

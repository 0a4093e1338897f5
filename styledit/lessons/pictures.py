"""Pictures of a lesson: read with their captions, and shown at their own size, enlarged by the browser."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import NamedTuple

import numpy as np
from diffusers import StableDiffusionPipeline
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from styledit import validation as check
from styledit.pictures import read_image
from styledit.storage.data import DATA_FOLDER

FOLDER = DATA_FOLDER / "images"
WIDTH = 256  # of a shown picture in CSS pixels, at most
MANY = 8  # pictures of one figure; more are embedded with loss
SHARP = "image-rendering:pixelated"
SMOOTH = "image-rendering:auto"


class LessonPicture(NamedTuple):
    """A picture of `data/images`: the picture at the model's size, its caption, and a mask.

    `mask` (H, W) is True on the object, of two on the first.
    """

    image: Image.Image
    prompt: str
    mask: np.ndarray


@dataclass(frozen=True)
class Pictures:
    """Pictures in a grid under their titles, which a notebook shows as HTML.

    `width`: of one picture in CSS pixels, where there is room; `legend`: HTML under all of them.
    """

    images: Mapping[str, Image.Image]
    columns: int
    width: int = WIDTH
    legend: str = ""
    lossless: bool = field(default=True, repr=False)

    def _repr_html_(self) -> str:
        share = 100 / self.columns - 1.2
        cells = [
            figure(title, data_uri(image, self.lossless), share, self.width)
            for title, image in self.images.items()
        ]
        rows = [cells[k : k + self.columns] for k in range(0, len(cells), self.columns)]
        lines = "".join(f"<div>{''.join(row)}</div>" for row in rows)
        return f'<div style="margin:0.4em 0">{lines}{self.legend}</div>'

    def __repr__(self) -> str:
        return f"{len(self.images)} pictures: {', '.join(' '.join(title.split()) for title in self.images)}"

    def sheet(self) -> Image.Image:
        """All of it as one picture, without the legend."""
        font = ImageFont.truetype(_font(), max(13, self.width // 15))
        gap, line = self.width // 16, int(font.size * 1.3)
        heights = [round(self.width * image.height / image.width) for image in self.images.values()]
        lines = [_wrapped(title, font, self.width) for title in self.images]
        top = line * max(len(title) for title in lines) + gap // 2
        height = top + max(heights) + gap
        rows = -(-len(self.images) // self.columns)
        size = (gap + self.columns * (self.width + gap), gap + rows * height)
        sheet = Image.new("RGB", size, "white")
        pen = ImageDraw.Draw(sheet)
        for k, image in enumerate(self.images.values()):
            x, y = gap + k % self.columns * (self.width + gap), gap + k // self.columns * height
            pen.multiline_text((x, y), "\n".join(lines[k]), fill="black", font=font)
            larger = image.convert("RGB").resize((self.width, heights[k]), Image.Resampling.NEAREST)
            sheet.paste(larger, (x, y + top))
        return sheet

    def savefig(self, file: str | os.PathLike) -> None:
        """Write `sheet` to a file."""
        self.sheet().save(file)


def lesson_picture(pipe: StableDiffusionPipeline, name: str) -> LessonPicture:
    """A picture of `data/images`, by its object ("fox") or its file ("00_fox.png").

    Raises:
        TypeError: a name that is no string.
        ValueError: there is none of that name; the message lists what there is.
    """
    check.text("name", name)
    lines = (FOLDER / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    records = {record["file_name"]: record for record in map(json.loads, lines)}
    by_object = {record["object"]: record for record in reversed(records.values())}
    record = records.get(name) or by_object.get(name)
    if record is None:
        raise ValueError(f"There is no lesson picture {name!r}; choose from {', '.join(sorted(by_object))}.")
    image = read_image(pipe, FOLDER / record["file_name"])
    mask = Image.open(FOLDER / record["mask"]).resize(image.size, Image.Resampling.NEAREST)
    return LessonPicture(image, record["text"], np.array(mask.convert("L")) > 127)


def show_images(
    images: Mapping[str, Image.Image], *, columns: int | None = None, width: int = WIDTH
) -> Pictures:
    """Pictures in a grid under their titles; put it last in a cell, or give it to `display`.

    Args:
        images: {title: picture}.
        columns: in a row; None takes at most five.
        width: of one picture in CSS pixels, where there is room. Pixels stay sharp.

    Raises:
        TypeError: something that is no picture, or a title that is no string.
        ValueError: there are no pictures, or no columns.
    """
    shown = pictures_by_title("images", images)
    columns, width = grid(columns, width, 5, len(shown))
    return Pictures(shown, columns, width, lossless=len(shown) <= MANY)


def pictures_by_title(name: str, images: object) -> dict[str, Image.Image]:
    """{title: picture}, as a figure takes it.

    Raises:
        TypeError: something else.
        ValueError: there are none.
    """
    shown = dict(check.mapping(name, images))
    if not shown:
        raise ValueError("There are no pictures to show; give {title: picture}.")
    for title, picture in shown.items():
        check.instance(
            f"The picture {title!r}", picture, Image.Image, "edit.image or decode_latents(pipe, z)[0]"
        )
    return shown


def grid(columns: int | None, width: int, most: int, count: int) -> tuple[int, int]:
    """The columns of so many pictures, None being at most `most`, and the width of one in CSS pixels.

    Raises:
        TypeError, ValueError: they are no whole numbers from 1 on.
    """
    columns = most if columns is None else check.whole("columns", columns, least=1)
    return min(columns, count), check.whole("width", width, least=1)


def figure(title: str, source: str, share: float, width: int, style: str = SHARP) -> str:
    """One picture under its title, as HTML that also stands where a notebook's styles are filtered."""
    size = 17 if share * 10 > 180 else 15  # px: 1000 px is a notebook's usual width
    name = escape(" ".join(title.split()), quote=True)
    frame = f"display:inline-block;width:{share:.1f}%;max-width:{width}px;margin:0 1% 10px 0"
    frame += ";vertical-align:bottom"
    words = f"font-size:{size}px;line-height:1.25;margin:0 0 4px;white-space:pre-line"
    return (
        f'<figure style="{frame}"><figcaption style="{words}">{escape(title)}</figcaption>'
        f'<img src="{source}" alt="{name}" width="{width}" style="width:100%;display:block;{style}"></figure>'
    )


def data_uri(image: Image.Image, lossless: bool = True) -> str:
    """A picture as a `data:` URI: PNG, or WebP with a loss that is hard to see."""
    buffer = io.BytesIO()
    if lossless:
        image.save(buffer, "PNG", optimize=True)
        kind = "png"
    else:
        image.save(buffer, "WEBP", quality=88, method=6)
        kind = "webp"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


@lru_cache(maxsize=1)
def _font() -> str:
    """The file of matplotlib's own font, which is there on every machine."""
    return font_manager.findfont("DejaVu Sans")


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """A title in lines that fit a width; a word that does not fit has a line of its own."""
    lines: list[str] = []
    for part in text.split("\n"):
        line = ""
        for word in part.split():
            longer = f"{line} {word}".strip()
            if line and font.getlength(longer) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines

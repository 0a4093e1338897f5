"""What holds on pictures that the embedded model has never seen the like of: photographs and foreign drawings
that packages ship, edited in every kind of change by the plain call (`make results RESULTS=photographs`).

    python -m measure.photographs FILE.png

draws all edits on one sheet, to be looked at. What was seen there stands in `READ`, of the model `READ_OF`:
the judge knows the model's own drawings only, and no number says whether a portrait is still one. The lab's
advice on such pictures follows the stored table (`styledit.lab.edit.advice`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import skimage
from diffusers import StableDiffusionPipeline
from PIL import Image, ImageDraw, ImageFont

import styledit
from measure.bench import STEPS, this_bench
from styledit.lab.frames import sized, tiled
from styledit.metrics import psnr, ssim, structure_distance
from styledit.pictures import as_pixels, read_image
from styledit.pipeline import model_fingerprint

SKIMAGE = Path(skimage.__file__).parent / "data"
MATPLOTLIB = Path(matplotlib.__file__).parent / "mpl-data"
FONT = MATPLOTLIB / "fonts" / "ttf" / "DejaVuSans.ttf"
INK = "#b03020"
SIDE = 256  # of a drawn glyph
TILE = 128

Box = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the picture


@dataclass(frozen=True)
class Foreign:
    """A picture that is none of the model's own: what it shows, as near as the model's words come, where its
    thing is, and another thing that could be there. `file`: a package's, or one character, which is drawn.
    """

    name: str
    file: Path | str
    thing: str
    other: str
    box: Box
    colour: str = ""
    place: str = ""

    @property
    def group(self) -> str:
        """Of GROUPS."""
        return "photograph" if self in PHOTOGRAPHS else "drawing"

    @property
    def prompt(self) -> str:
        return sentence(self.colour, self.thing, self.place)

    @property
    def picture(self) -> Image.Image:
        """On white, where it is transparent; the middle square."""
        if isinstance(self.file, str):
            glyph = Image.new("RGB", (SIDE, SIDE), "white")
            font = ImageFont.truetype(FONT, round(0.75 * SIDE))
            ImageDraw.Draw(glyph).text((SIDE / 2, SIDE / 2), self.file, font=font, fill=INK, anchor="mm")
            return glyph
        opened = Image.open(self.file).convert("RGBA")
        white = Image.new("RGBA", opened.size, "white")
        white.alpha_composite(opened)
        return white.convert("RGB")

    def mask(self, height: int, width: int) -> np.ndarray:
        """Its thing's box, (H, W)."""
        left, top, right, bottom = self.box
        inside = np.zeros((height, width), bool)
        inside[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = (
            True
        )
        return inside


WHITE = "on a white background"
NIGHT = "in the night"
PHOTOGRAPHS = (
    Foreign("cat", SKIMAGE / "chelsea.png", "cat", "dog", (0.1, 0.0, 0.95, 1.0)),
    Foreign("rocket", SKIMAGE / "rocket.jpg", "rocket", "castle", (0.38, 0.25, 0.62, 0.95), place=NIGHT),
    Foreign(
        "stars", SKIMAGE / "hubble_deep_field.jpg", "star", "sunflower", (0.3, 0.3, 0.7, 0.7), place=NIGHT
    ),
    Foreign("motorcycle", SKIMAGE / "motorcycle_left.png", "car", "train", (0.0, 0.15, 1.0, 0.9), "red"),
    Foreign("cup", SKIMAGE / "coffee.png", "cake", "donut", (0.15, 0.0, 0.85, 0.7), "red"),
    Foreign("astronaut", SKIMAGE / "astronaut.png", "dress", "shirt", (0.0, 0.3, 0.75, 1.0), "red"),
    Foreign(
        "officer", MATPLOTLIB / "sample_data" / "grace_hopper.jpg", "shirt", "dress", (0.05, 0.6, 0.95, 1.0)
    ),
)
DRAWINGS = (
    Foreign("silhouette", SKIMAGE / "horse.png", "horse", "elephant", (0.0, 0.0, 1.0, 1.0), place=WHITE),
    Foreign(
        "present",
        MATPLOTLIB / "sample_data" / "Minduka_Present_Blue_Pack.png",
        "book",
        "house",
        (0.05, 0.0, 1.0, 0.95),
        "blue",
        WHITE,
    ),
    Foreign("umbrella", "\N{UMBRELLA}", "umbrella", "mushroom", (0.1, 0.1, 0.9, 0.9), "red", WHITE),
    Foreign("plane", "\N{AIRPLANE}", "plane", "butterfly", (0.1, 0.1, 0.9, 0.9), "red", WHITE),
    Foreign("cat face", "\N{CAT FACE}", "cat", "fox", (0.1, 0.1, 0.9, 0.9), "red", WHITE),
    Foreign("chess castle", "\N{BLACK CHESS ROOK}", "castle", "house", (0.2, 0.1, 0.8, 0.9), "red", WHITE),
)
PICTURES = PHOTOGRAPHS + DRAWINGS
STYLES = {"oil": "an oil painting of", "sketch": "a pencil sketch of"}
GROUPS = ("photograph", "drawing")
KINDS = ("style", "place", "colour", "thing", "masked thing", "added thing")

# Of which pictures each edit, by the model of this fingerprint, was seen to do what was asked for and to
# leave the rest recognisable.
READ_OF = "9804025cc9d6da28"
READ: dict[str, tuple[str, ...]] = {
    "oil": (
        "cat", "rocket", "stars", "motorcycle", "cup", "astronaut",
        "silhouette", "present", "umbrella", "cat face", "chess castle",
    ),
    "sketch": (
        "cat", "rocket", "cup", "officer",
        "silhouette", "present", "umbrella", "cat face", "chess castle",
    ),
    "place": ("silhouette", "present", "umbrella", "plane", "cat face", "chess castle"),
    "colour": ("silhouette", "present", "umbrella", "plane", "chess castle"),
    "thing": ("umbrella", "cat face"),
    "masked thing": ("umbrella", "cat face"),
    "added thing": (),
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One edit of a picture; `changed`: the factors as the judge should name them; `name`: of READ."""

    picture: Foreign
    kind: str
    name: str
    target: str
    changed: dict[str, str]


def sentence(colour: str, thing: str, place: str, *, style: str = "", more: str = "") -> str:
    """A prompt in the model's words."""
    named = " ".join(filter(None, (colour, thing)))
    article = "an" if named[0] in "aeiou" else "a"
    return " ".join(filter(None, (style, article, named, more, place)))


def asked_of(picture: Foreign) -> Iterator[Asked]:
    """The edits of a picture, in the order of KINDS."""
    colour, thing, place = picture.colour, picture.thing, picture.place
    for name, style in STYLES.items():
        yield Asked(picture, "style", name, sentence(colour, thing, place, style=style), {"style": name})
    asked = partial(Asked, picture)
    yield asked("place", "place", sentence(colour, thing, "in the snow"), {"place": "snow"})
    new = "green" if colour == "blue" else "blue"
    yield asked("colour", "colour", sentence(new, thing, place), {"colour": new})
    other = sentence(colour, picture.other, place)
    for kind in ("thing", "masked thing"):
        yield asked(kind, kind, other, {"object": picture.other})
    more = sentence(colour, thing, place, more="and a red balloon")
    yield asked("added thing", "added thing", more, {})


def photographs(pipe: StableDiffusionPipeline) -> dict[str, Any]:
    """What the lab's advice follows: `rows`, one an edit, and `kinds`, the means of each in each group."""
    rows = [row for row, _ in measured(pipe)]
    return {"steps": STEPS, "rows": rows, "kinds": summaries(rows)}


def measured(pipe: StableDiffusionPipeline) -> Iterator[tuple[dict[str, Any], Image.Image]]:
    """Every edit with its numbers: against the source, `psnr` [dB] and `ssim` of the whole, `structure`
    (distance), and `kept` [dB], the PSNR where nothing was to change, None for another style; `success`:
    whether the judge sees the change; `read`: whether it was read as a good edit.
    """
    bench = this_bench()
    read = READ if model_fingerprint(pipe) == READ_OF else {}
    for foreign in PICTURES:
        source = read_image(pipe, foreign.picture)
        inversion = styledit.invert(pipe, source, foreign.prompt, STEPS, progress=False)
        values = styledit.fit_values(pipe, inversion, progress=False)
        editor = styledit.Editor(pipe, inversion, values=values)
        box = foreign.mask(source.height, source.width)
        for asked in asked_of(foreign):
            painted = {"mask": box} if asked.kind == "masked thing" else {}
            edit = editor.edit(asked.target, progress=False, **painted)
            (named,) = bench.judge.name(as_pixels(edit.image))
            changing = {"style": None, "place": ~box}.get(asked.kind, box)
            part = changing is not None and changing.any() and not changing.all()
            seen = all(named[factor] == value for factor, value in asked.changed.items())
            row = {
                "picture": foreign.name,
                "group": foreign.group,
                "kind": asked.kind,
                "source": foreign.prompt,
                "target": asked.target,
                "blend": list(edit.settings.blend),
                "psnr": round(psnr(source, edit.image), 2),
                "ssim": round(ssim(source, edit.image), 3),
                "structure": round(structure_distance(source, edit.image, bench.networks.vit), 4),
                "kept": round(psnr(source, edit.image, changing), 2) if part else None,
                "success": seen if asked.changed else None,
                "read": foreign.name in read[asked.name] if read else None,
            }
            yield row, edit.image


def summaries(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every kind in every group: its means, and whether it holds."""
    return [_summary(group, kind, rows) for group in GROUPS for kind in KINDS]


def _summary(group: str, kind: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The means of one kind, which holds where at least half of its edits were seen to."""
    own = [row for row in rows if (row["group"], row["kind"]) == (group, kind)]

    def mean(name: str) -> float | None:
        found = [float(row[name]) for row in own if row[name] is not None]
        return round(float(np.mean(found)), 3) if found else None

    means = {name: mean(name) for name in ("psnr", "ssim", "structure", "kept", "success", "read")}
    return (
        {"group": group, "kind": kind, "edits": len(own)} | means | {"holds": (means["read"] or 0.0) >= 0.5}
    )


def main(place: str) -> None:
    """All edits on one sheet, a row a picture, with what their numbers say."""
    pipe = styledit.load()
    tiles: list[tuple[str, Image.Image]] = []
    before = ""
    for row, picture in measured(pipe):
        if row["picture"] != before:
            foreign = next(foreign for foreign in PICTURES if foreign.name == row["picture"])
            tiles.append((row["source"], sized(read_image(pipe, foreign.picture), TILE)))
            before = row["picture"]
        said = f"{row['kind']} {row['psnr']:.0f} dB {'seen' if row['success'] else ''}"
        tiles.append((said, sized(picture, TILE)))
        print(row, flush=True)
    tiled(tiles, [], columns=1 + len(list(asked_of(PICTURES[0])))).save(place)


if __name__ == "__main__":
    main(sys.argv[1])

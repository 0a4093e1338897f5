"""Draw the held-out pictures: ``data/images`` for the lessons, ``data/benchmark`` with known true edits.

    python -m recipe.make_data

Only drawings of the held-out artist are used; the same seeds give the same files.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from recipe.edition import COLOURED, COLOURLESS, COLOURS, COMMITTED, Edition
from recipe.folders import DATA
from recipe.samples import NO_COLOUR, NOTHING, factors, side_of
from recipe.world import HELD_OUT_ARTIST, Scene, Thing, allowed, draw, render, sample_scene

PER_KIND = 12  # benchmark cases of each kind of edit
SEED = 2303

# object, colour, place, style and other thing, if any: the lessons' pictures
LESSON_PICTURES = [
    ("fox", None, "meadow", "sticker"),
    ("car", "red", "beach", "sticker"),
    ("cat", None, "snow", "watercolor"),
    ("umbrella", "yellow", "desert", "watercolor"),
    ("rocket", None, "night", "sticker"),
    ("panda", None, "forest", "pixel"),
    ("house", None, "snow", "sketch"),
    ("balloon", "blue", "meadow", "watercolor"),
    ("frog", None, "pink", "sticker"),
    ("butterfly", "purple", "white", "pixel"),
    ("hamburger", None, "beach", "pixel"),
    ("mushroom", None, "forest", "sketch"),
    ("owl", None, "forest", "oil", Thing("balloon", "red")),
    ("sailboat", None, "sea", "swirling"),
    ("castle", None, "night", "glass"),
    ("horse", None, "meadow", "comic", Thing("star", "yellow")),
]


def lesson_scenes() -> list[Scene]:
    """The scenes of the lessons' pictures, in the order of their files."""
    return [
        Scene(name, place, style, HELD_OUT_ARTIST, seed, colour, other=other[0] if other else None)
        for seed, (name, colour, place, style, *other) in enumerate(LESSON_PICTURES, 1000)
    ]


def edit_cases(
    artists: tuple[str, ...], per_kind: int, seed: int | Sequence[int], edition: Edition = COMMITTED
) -> list[tuple[str, Scene, Scene]]:
    """(kind, source scene, true target scene), so many of each kind that the edition has."""
    rng = np.random.default_rng(seed)
    kinds = {kind: change for kind, change in CHANGES.items() if edition.pairs or kind not in FOR_PAIRS}
    return [
        (kind, *_draw(kind, change, artists, edition, rng))
        for kind, change in kinds.items()
        for _ in range(per_kind)
    ]


def _draw(
    kind: str, change, artists: tuple[str, ...], edition: Edition, rng: np.random.Generator
) -> tuple[Scene, Scene]:
    while True:  # until the sampled scene admits the change
        scene = sample_scene(rng, artists, edition)
        if (scene.other is not None) != (kind in FOR_PAIRS):
            continue
        pair = change(scene, edition, rng)
        if pair is not None and pair[0].caption != pair[1].caption:
            return pair


def _pick(rng: np.random.Generator, choices, *but: str | None) -> str:
    return str(rng.choice([choice for choice in choices if choice not in but]))


def _alike(edition: Edition, name: str) -> list[str]:
    """The objects that can take another's place in a caption: with a colour or without."""
    return [word for word in edition.objects if (word in COLOURED) == (name in COLOURED)]


def _change_object(s: Scene, edition: Edition, rng):
    s = replace(s, says_colour=True)
    return s, replace(s, object=_pick(rng, _alike(edition, s.object), s.object))


def _change_colour(s: Scene, edition: Edition, rng):
    if s.colour is None or s.style in COLOURLESS:
        return None
    s = replace(s, says_colour=True)
    return s, replace(s, colour=_pick(rng, COLOURS, s.colour))


def _change_place(s: Scene, edition: Edition, rng):
    s = replace(s, says_colour=True)
    return s, replace(s, place=_pick(rng, [p for p in edition.places if allowed(p, s.style)], s.place))


def _change_style(s: Scene, edition: Edition, rng):
    s = replace(s, says_colour=True)
    return s, replace(s, style=_pick(rng, [t for t in edition.styles if allowed(s.place, t)], s.style))


def _add_word(s: Scene, edition: Edition, rng):
    if s.colour is None or s.style in COLOURLESS:
        return None
    return replace(s, says_colour=False), replace(s, says_colour=True, colour=_pick(rng, COLOURS, s.colour))


def _remove_words(s: Scene, edition: Edition, rng):
    """ "a cat and a red balloon" → "a cat", which stays where it is."""
    return s, replace(s, other=None, room=True)


def _change_one_of_two(s: Scene, edition: Edition, rng):
    """The object or the colour of the first thing or of the second; the other thing stays."""
    which = int(rng.integers(2))
    thing = replace(s.things[which], says_colour=True)
    s = _with_thing(s, which, thing)
    if thing.colour is not None and s.style not in COLOURLESS and rng.random() < 0.5:
        return s, _with_thing(s, which, replace(thing, colour=_pick(rng, COLOURS, thing.colour)))
    names = _alike(edition, thing.object)
    name = _pick(rng, names, *(t.object for t in s.things))
    return s, _with_thing(s, which, replace(thing, object=name))


def _with_thing(s: Scene, which: int, thing: Thing) -> Scene:
    if which == 1:
        return replace(s, other=thing)
    return replace(s, object=thing.object, colour=thing.colour, says_colour=thing.says_colour)


CHANGES = {  # kind of edit → what makes (source, target) of a scene, or None where it does not admit the edit
    "object": _change_object,
    "colour": _change_colour,
    "place": _change_place,
    "style": _change_style,
    "added word": _add_word,
    "word removed": _remove_words,
    "one of two": _change_one_of_two,
}
FOR_PAIRS = ("word removed", "one of two")  # kinds of editions with two things in a scene


@dataclass(frozen=True)
class Drawn:
    """An edit as it is drawn.

    `picture`, `truth` (SIDE, SIDE, 3) uint8; `mask`, `target_mask` (SIDE, SIDE) bool: the thing that changes,
    or the first one, before and after; `things`: its names before and after, the same where it goes;
    `changed`: the factors that change, as the judge should name them, in `half` of the picture ("left",
    "right"; None: all of it).
    """

    picture: np.ndarray
    truth: np.ndarray
    mask: np.ndarray
    target_mask: np.ndarray
    things: tuple[str, str]
    changed: dict[str, str]
    half: str | None


def draw_edit(kind: str, source: Scene, target: Scene) -> Drawn:
    """Both pictures of an edit of a kind, and what happens in it."""
    (picture, masks), (truth, others) = draw(source), draw(target)
    differ = [k for k, thing in enumerate(source.things) if thing not in target.things]
    which = differ[0] if differ else 0
    mask = masks[which]
    half = side_of(mask) if kind in FOR_PAIRS else None
    thing = source.things[which]
    if which >= len(target.things):
        gone = np.zeros_like(mask)
        return Drawn(picture, truth, mask, gone, (thing.object,) * 2, {"object": NOTHING}, half)
    after = target.things[which]
    changed = changed_factors(factors(source, thing), factors(target, after))
    return Drawn(picture, truth, mask, others[which], (thing.object, after.object), changed, half)


def changed_factors(before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """What the judge should name otherwise, from its names of a thing before and after."""
    return {f: name for f, name in after.items() if name not in (before[f], NO_COLOUR)}


def scene_record(scene: Scene) -> dict:
    """What a scene is made of; size, room and second thing only where it has them."""
    record = {k: getattr(scene, k) for k in ("object", "colour", "place", "style", "artist", "seed")}
    if scene.size is not None:
        record["size"] = scene.size
    if scene.room:
        record["room"] = True
    if scene.other is not None:
        record["other"] = {"object": scene.other.object, "colour": scene.other.colour}
    return record


def main() -> None:
    _draw_lessons(_fresh(DATA / "images"))
    _draw_benchmark(_fresh(DATA / "benchmark"))


def _draw_lessons(folder: Path) -> None:
    records = []
    for i, scene in enumerate(lesson_scenes()):
        name = f"{i:02d}_{scene.object}"
        picture, mask = render(scene)
        record = {
            "file_name": _save(folder, f"{name}.png", picture),
            "text": scene.caption,
            "mask": _save(folder, f"{name}_mask.png", mask),
        }
        records.append(record | scene_record(scene))
    _write(folder, records)


def _draw_benchmark(folder: Path) -> None:
    records = []
    for i, (kind, source, target) in enumerate(edit_cases((HELD_OUT_ARTIST,), PER_KIND, SEED)):
        name = f"{i:02d}"
        edit = draw_edit(kind, source, target)
        record = {
            "file_name": _save(folder, f"{name}_source.png", edit.picture),
            "source_prompt": source.caption,
            "target_prompt": target.caption,
            "kind": kind,
            "mask": _save(folder, f"{name}_mask.png", edit.mask),
            "target_mask": _save(folder, f"{name}_target_mask.png", edit.target_mask),
            "truth": _save(folder, f"{name}_truth.png", edit.truth),
            "source": scene_record(source),
            "target": scene_record(target),
        }
        records.append(record | {"things": edit.things, "changed": edit.changed, "half": edit.half})
    _write(folder, records)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _save(folder: Path, name: str, array: np.ndarray) -> str:
    Image.fromarray(array).save(folder / name, optimize=True)
    return name


def _write(folder: Path, records: list[dict]) -> None:
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "metadata.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main()

"""How judges take a hand that they have never seen, on true pictures.

    python -m measure.judges

One line for each author of drawings: the judge that was trained without that one
(`python -m recipe.train judge --without AUTHOR`), on that one's pictures; and the judge of all of them, on
pictures of the artist who is always held out.
"""

from __future__ import annotations

import numpy as np

from measure.report import accuracy, names
from recipe.artwork import AUTHORS, HELD_OUT_ARTIST, artists_of
from recipe.edition import COMMITTED, Edition
from recipe.samples import pictures_of, to_tensor
from recipe.stages.judge import trained_judge
from recipe.world import sample_scene
from styledit.perception.judge import Judge

PICTURES = 600
FACTORS = ("object", "colour", "place", "style")


def main() -> None:
    left_out = []
    for author in AUTHORS:
        named = seen(trained_judge(without=author), artists_of(author))
        left_out.append(named["object"])
        print(line(f"without {author}", named), flush=True)
    print(f"mean of the objects: {np.mean(left_out):.1f} %")
    print(line(f"all, on {HELD_OUT_ARTIST}", seen(trained_judge(), (HELD_OUT_ARTIST,))))


def seen(
    judge: Judge, artists: tuple[str, ...], edition: Edition = COMMITTED, pictures: int = PICTURES
) -> dict[str, float]:
    """Per cent of artists' pictures of one thing whose factors the judge names right."""
    rng = np.random.default_rng(11)
    scenes = []
    while len(scenes) < pictures:
        scene = sample_scene(rng, artists, edition)
        scenes += [scene] if scene.other is None else []
    named = names(judge, to_tensor(pictures_of(scenes), signed=False))
    return {factor: accuracy(named, scenes, factor) for factor in FACTORS}


def line(who: str, named: dict[str, float]) -> str:
    """What a judge got right, for people."""
    return f"{who:24} " + "   ".join(f"{factor} {value:5.1f} %" for factor, value in named.items())


if __name__ == "__main__":
    main()

"""What the prompts of an edit leave open: several true answers, and how near one is to another.

PSNR to one true answer has a ceiling where the prompts leave something open, for instance the hills of a
new place: nobody can know them, and an edit that draws others is as good. The ceiling is the PSNR between two
true answers. (The mean of all answers would be up to 3 dB nearer to each, half of the squared difference of
two, but is no answer itself: a method that blurs what it does not know is ahead in PSNR, and in LPIPS.)
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation

import styledit
from recipe.world import SIDE, Scene, Spot, draw, spots_of

ANSWERS = 8
STREAM = 4  # of a scene's seed; `recipe.world` draws from those before
RIM = 4  # pixels of outline and glow around a thing


def true_answers(kind: str, source: Scene, target: Scene, number: int = ANSWERS) -> list[Image.Image]:
    """Up to so many true answers of an edit that all differ, `draw(target)` first.

    They differ in what neither prompt says: the details of a new place, the grain of a new style, how a new
    thing stands (which way it looks, its size and position by a few per cent), and the style's grain where
    something is new. A new colour and a thing that goes leave nothing open.
    """
    pictures = [draw(target)[0]]
    pictures += [_another(kind, source, target, k) for k in range(1, number)]
    different = {picture.tobytes(): picture for picture in pictures}
    return [Image.fromarray(picture) for picture in different.values()]


def _another(kind: str, source: Scene, target: Scene, k: int) -> np.ndarray:
    """The k-th other answer, (SIDE, SIDE, 3) uint8."""
    rng = np.random.default_rng([target.seed, STREAM, k])
    details, grain = (int(seed) for seed in rng.integers(2**31, size=2))
    if kind == "style":
        return draw(target, grain=grain)[0]
    if kind == "place":
        where = ~draw(target)[1][0]
        return _grained(target, where, grain, details=details)
    before = {thing.object for thing in source.things}
    new = [k for k, thing in enumerate(target.things) if thing.object not in before]
    if not new:
        return draw(target)[0]
    spots = spots_of(target)
    spots[new[0]] = _moved(spots[new[0]], rng)
    things = draw(source)[1][new[0]] | draw(target, spots=spots)[1][new[0]]
    return _grained(target, binary_dilation(things, iterations=RIM), grain, spots=spots)


def _grained(scene: Scene, where: np.ndarray, grain: int, **options: object) -> np.ndarray:
    """A scene's picture with another grain of its style in one part of it, (SIDE, SIDE) bool."""
    kept, _ = draw(scene, **options)
    other, _ = draw(scene, grain=grain, **options)
    return np.where(where[..., None], other, kept)


def _moved(spot: Spot, rng: np.random.Generator) -> Spot:
    """A thing that stands nearly there, and looks either way."""
    side = spot.side * rng.uniform(0.94, 1.06)
    x, y = np.array([spot.x, spot.y]) + (spot.side - side) / 2 + rng.uniform(-3, 3, 2)
    x, y = np.clip([x, y], 0, SIDE - side)
    return replace(spot, side=side, x=x, y=y, mirrored=bool(rng.random() < 0.5))


def between(answers: list[Image.Image]) -> float | None:
    """The mean PSNR of every two answers in dB; None of one alone."""
    pairs = [styledit.psnr(a, b) for a, b in combinations(answers, 2)]
    return float(np.mean(pairs)) if pairs else None


def between_nearest(answers: list[Image.Image]) -> float | None:
    """The mean PSNR of each answer to the nearest of the others in dB; None of one alone."""
    others = ([b for b in answers if b is not a] for a in answers)
    found = [nearest(a, rest) for a, rest in zip(answers, others, strict=True) if rest]
    return float(np.mean(found)) if found else None


def nearest(picture: Image.Image, answers: list[Image.Image]) -> float:
    """A picture's PSNR to the nearest of the answers in dB."""
    return max(styledit.psnr(answer, picture) for answer in answers)

"""The places: backgrounds painted from a few shapes, and plain ones. Each is (SIDE, SIDE, 3) uint8."""

from __future__ import annotations

import cv2
import numpy as np

from recipe.edition import PLAIN

SIDE = 128  # pixels; every scene is SIDE × SIDE
_X = np.arange(SIDE, dtype=np.float32)
_ROWS = np.arange(SIDE, dtype=np.float32)[:, None, None]


def _gradient(top: tuple, bottom: tuple) -> np.ndarray:
    t = _ROWS / (SIDE - 1)
    column = (1 - t) * np.float32(top) + t * np.float32(bottom)
    return np.repeat(column.astype(np.uint8), SIDE, axis=1)


def _hill(rng: np.random.Generator, level: float, height: float, waves: float) -> np.ndarray:
    """A wavy skyline as a polygon that is filled down to the bottom edge."""
    y = level + height * np.sin(_X / SIDE * 2 * np.pi * waves + rng.uniform(0, 2 * np.pi))
    return np.concatenate([np.stack([_X, y], 1), [[SIDE, SIDE], [0, SIDE]]]).astype(np.int32)


def _dots(
    picture: np.ndarray,
    rng: np.random.Generator,
    n: int,
    colour: tuple,
    radius: tuple,
    top: float,
    bottom: float,
) -> None:
    columns = rng.integers(0, SIDE, n)
    rows = rng.uniform(top, bottom, n)
    radii = rng.integers(*radius, n)
    for x, y, r in zip(columns, rows, radii, strict=True):
        cv2.circle(picture, (int(x), int(y)), int(r), colour, -1, cv2.LINE_AA)


def _beach(rng):
    p = _gradient((120, 195, 245), (205, 235, 250))
    sea = int(rng.uniform(44, 60))
    cv2.rectangle(p, (0, sea), (SIDE, SIDE), (40, 130, 190), -1)
    cv2.circle(p, (int(rng.uniform(12, 116)), int(rng.uniform(10, 26))), 9, (255, 235, 130), -1, cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, sea + 26, 4, 1)], (225, 245, 245), cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, sea + 31, 4, 1)], (240, 215, 160), cv2.LINE_AA)
    return p


def _meadow(rng):
    p = _gradient((150, 210, 250), (225, 243, 250))
    level = rng.uniform(50, 66)
    cv2.fillPoly(p, [_hill(rng, level - 6, 8, 0.8)], (150, 205, 95), cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, level + 10, 6, 1.2)], (110, 180, 65), cv2.LINE_AA)
    for colour in ((255, 255, 255), (250, 220, 80), (235, 120, 160)):
        _dots(p, rng, 5, colour, (2, 4), level + 22, SIDE)
    return p


def _snow(rng):
    p = _gradient((175, 195, 220), (215, 225, 238))
    level = rng.uniform(62, 80)
    for x in rng.uniform(4, 124, 4):
        h = rng.uniform(22, 36)
        tree = np.int32([[x, level - h], [x - h / 3, level + 6], [x + h / 3, level + 6]])
        cv2.fillPoly(p, [tree], (95, 130, 135), cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, level, 5, 1)], (246, 250, 254), cv2.LINE_AA)
    _dots(p, rng, 26, (255, 255, 255), (1, 3), 0, SIDE)
    return p


def _night(rng):
    p = _gradient((12, 16, 48), (44, 48, 100))
    _dots(p, rng, 16, (250, 245, 210), (1, 2), 0, 80)
    x = int(rng.uniform(16, 112))
    y = int(rng.uniform(14, 28))
    cv2.circle(p, (x, y), 11, (250, 240, 190), -1, cv2.LINE_AA)
    cv2.circle(p, (x + 6, y - 3), 10, (18, 22, 56), -1, cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, rng.uniform(94, 108), 5, 1)], (16, 30, 40), cv2.LINE_AA)
    return p


def _desert(rng):
    p = _gradient((250, 190, 110), (253, 228, 175))
    cv2.circle(p, (int(rng.uniform(20, 108)), int(rng.uniform(20, 34))), 13, (255, 245, 205), -1, cv2.LINE_AA)
    level = rng.uniform(58, 74)
    cv2.fillPoly(p, [_hill(rng, level, 10, 0.7)], (222, 150, 80), cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, level + 20, 8, 0.9)], (200, 118, 60), cv2.LINE_AA)
    return p


def _forest(rng):
    p = _gradient((60, 105, 75), (110, 150, 100))
    for x in np.linspace(4, 124, 7) + rng.uniform(-6, 6, 7):
        top = rng.uniform(-12, 22)
        width = rng.uniform(11, 16)
        cv2.rectangle(p, (int(x) - 2, 60), (int(x) + 2, 104), (84, 58, 40), -1)
        cv2.fillPoly(p, [np.int32([[x, top], [x - width, 84], [x + width, 84]])], (28, 74, 48), cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, 102, 3, 1)], (74, 84, 44), cv2.LINE_AA)
    return p


def _city(rng):
    p = _gradient((232, 150, 140), (252, 214, 170))
    for colour, count, low, high in (((150, 120, 150), 9, 40, 66), ((84, 78, 116), 6, 56, 84)):
        for x in np.linspace(0, SIDE, count) + rng.uniform(-5, 5, count):
            top = int(rng.uniform(low, high))
            half = rng.uniform(7, 11)
            left = int(x - half)
            right = int(x + half)
            cv2.rectangle(p, (left, top), (right, SIDE), colour, -1)
            if count == 6:
                for row in range(top + 5, 108, 9):
                    cv2.rectangle(p, (left + 4, row), (left + 6, row + 3), (250, 222, 120), -1)
                    cv2.rectangle(p, (right - 6, row), (right - 4, row + 3), (250, 222, 120), -1)
    cv2.rectangle(p, (0, 112), (SIDE, SIDE), (92, 92, 100), -1)
    return p


def _sea(rng):
    p = _gradient((130, 222, 205), (16, 92, 112))
    for x in rng.uniform(8, 120, 4):  # weeds
        y = np.arange(SIDE - rng.uniform(26, 44), SIDE, 4)
        line = np.stack([x + 4 * np.sin(y / 6), y], 1).astype(np.int32)
        cv2.polylines(p, [line], False, (96, 168, 60), 4, cv2.LINE_AA)
    cv2.fillPoly(p, [_hill(rng, 114, 4, 1.2)], (222, 202, 150), cv2.LINE_AA)
    columns = rng.uniform(6, 122, 9)
    rows = rng.uniform(8, 96, 9)
    for x, y, r in zip(columns, rows, rng.integers(2, 5, 9), strict=True):  # bubbles
        cv2.circle(p, (int(x), int(y)), int(r), (205, 240, 250), 1, cv2.LINE_AA)
    return p


_PAINT = {
    "beach": _beach,
    "meadow": _meadow,
    "snow": _snow,
    "night": _night,
    "desert": _desert,
    "forest": _forest,
    "city": _city,
    "sea": _sea,
}


def paint_place(name: str, rng: np.random.Generator) -> np.ndarray:
    """The empty place, (SIDE, SIDE, 3) uint8; a plain background draws nothing from ``rng``."""
    return _PAINT[name](rng) if name in _PAINT else np.full((SIDE, SIDE, 3), PLAIN[name], np.uint8)

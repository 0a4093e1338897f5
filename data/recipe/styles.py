"""The styles: filters over a whole scene, ``FILTERS``, for every style but the plain sticker.

Each takes a picture (SIDE, SIDE, 3) uint8 and the generator of the scene's grain, and gives such a picture.
A filter knows nothing of the scene's factors, so a scene in another style is the true answer to an edit of
the style. Patterns that repeat (dots, cut lines, blocks, grids) lie at the same pixels in every picture, so
that they can be learned.
"""

from __future__ import annotations

import cv2
import numpy as np

from recipe.places import SIDE

_Y, _X = np.mgrid[:SIDE, :SIDE].astype(np.float32)
_PAPER = np.float32((252, 250, 244))
WEAK = 900.0  # squared slope of grey below which a contour does not lead the brush


def _smooth_noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Clouds (SIDE, SIDE) float32 of about unit variance, some ``cells`` of them along a side."""
    coarse = rng.normal(0, 1, (cells, cells)).astype(np.float32)
    return cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def _vivid(picture: np.ndarray, saturation: float, value: float = 1.0) -> np.ndarray:
    """The picture with saturation and value multiplied."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 1:] = np.minimum(hsv[..., 1:] * np.float32((saturation, value)), 255)
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)


def _contours(picture: np.ndarray, low: int, high: int, sigma: float = 1.0) -> np.ndarray:
    """Distance in pixels to the nearest contour, (2 SIDE, 2 SIDE) float32: twice as fine as the picture."""
    soft = cv2.GaussianBlur(cv2.bilateralFilter(picture, 5, 40, 3), (0, 0), sigma)
    fine = cv2.resize(soft, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_CUBIC)
    return cv2.distanceTransform(255 - cv2.Canny(fine, low, high, L2gradient=True), cv2.DIST_L2, 3) / 2


def _line(distance: np.ndarray, width: float) -> np.ndarray:
    """Lines of a width in pixels where ``_contours`` measured from, (SIDE, SIDE, 1) float32 in [0, 1]."""
    sharp = np.clip(width + 0.5 - 2 * distance, 0, 1)
    return cv2.resize(sharp, (SIDE, SIDE), interpolation=cv2.INTER_AREA)[..., None]


def _joints(cells: np.ndarray) -> np.ndarray:
    """Distance in pixels of each pixel to the border of its cell, (SIDE, SIDE) float32."""
    inner = (cells == np.roll(cells, 1, 0)) & (cells == np.roll(cells, 1, 1))
    return cv2.distanceTransform(inner.astype(np.uint8) * 255, cv2.DIST_L2, 5)


def _tangent(picture: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (x, y), each (SIDE, SIDE), along the contours; far from any, across the angle ``rest``."""
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.5)
    gx = cv2.Sobel(grey, cv2.CV_32F, 1, 0)
    gy = cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    doubled = cv2.GaussianBlur(np.dstack([gx * gx - gy * gy, 2 * gx * gy]), (0, 0), 2)
    cosine = doubled[..., 0] - WEAK * np.cos(2 * rest)
    sine = doubled[..., 1] - WEAK * np.sin(2 * rest)
    angle = 0.5 * np.arctan2(sine, cosine)
    return -np.sin(angle), np.cos(angle)


def _stones(picture: np.ndarray, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Voronoi cells (SIDE, SIDE) int of seeds (n, 2) as (x, y), and each cell's mean colour (n, 3)."""
    mark = np.full((SIDE, SIDE), 255, np.uint8)
    x, y = np.clip(seeds, 0, SIDE - 1).astype(int).T
    mark[y, x] = 0
    _, labels = cv2.distanceTransformWithLabels(mark, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    flat = labels.ravel()
    count = np.maximum(np.bincount(flat), 1)
    means = np.stack([np.bincount(flat, picture[..., c].ravel()) / count for c in range(3)], 1)
    return labels, means


def watercolor(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Soft washes with darker rims and blotches, on paper that stays white at the ragged edge."""
    soft = cv2.bilateralFilter(cv2.medianBlur(picture, 5), 7, 60, 5).astype(np.float32)
    rim = cv2.absdiff(soft, cv2.GaussianBlur(soft, (0, 0), 2.5)).max(2, keepdims=True)
    blotch = _smooth_noise(rng, 9)[..., None]
    wash = 255 - (255 - soft) * np.clip(0.72 + 0.12 * blotch, 0.4, 1.0) - 0.8 * rim
    edge = np.minimum(np.minimum(_X, SIDE - 1 - _X), np.minimum(_Y, SIDE - 1 - _Y))
    paper = np.clip((edge + 3 * blotch[..., 0] - 5) / 3, 0, 1)[..., None]
    return np.clip(paper * wash + (1 - paper) * _PAPER, 0, 255).astype(np.uint8)


def sketch(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colour dodge of the grey picture with its own blurred negative, over a light shading."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    dodge = cv2.divide(grey, cv2.GaussianBlur(grey, (0, 0), 3), scale=250).astype(np.float32)
    shaded = 0.72 * dodge * np.clip(dodge / 250, 0, 1) + 0.28 * grey
    return cv2.cvtColor(np.clip(shaded, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)


def pixel(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blocks of 4 × 4 pixels, six levels a channel."""
    small = cv2.resize(picture, (SIDE // 4, SIDE // 4), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = (np.round(small / 51) * 51).astype(np.uint8)
    return cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)


def oil(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Opaque strokes along the contours, broad ones first, fine ones where there is detail, with relief."""
    colours = cv2.bilateralFilter(_vivid(picture, 1.1), 5, 30, 2)
    tx, ty = _tangent(picture, 0.6 + 0.7 * _smooth_noise(rng, 4))
    grey = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    detail = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((5, 5)))
    canvas = colours.copy()
    relief = np.full((SIDE, SIDE), 128, np.uint8)
    for step, reach, width, least in ((6, 6.4, 6, -1), (4, 4.0, 3, 24), (3, 2.0, 2, 30)):
        grid = np.mgrid[0:SIDE:step, 0:SIDE:step].reshape(2, -1).T
        middles = grid + rng.integers(-step // 2, step // 2 + 1, grid.shape)
        middles = rng.permutation(np.clip(middles, 0, SIDE - 1))
        light = rng.normal(0, 9, len(middles))
        there = detail[middles[:, 0], middles[:, 1]] > least
        light = light[there]
        y, x = middles[there].T
        along = np.stack([tx[y, x], ty[y, x]], 1) * reach
        middle = np.stack([x, y], 1)
        starts = np.round((middle - along) * 16).astype(int).tolist()  # in sixteenths of a pixel
        ends = np.round((middle + along) * 16).astype(int).tolist()
        paints = np.clip(colours[y, x] + light[:, None], 0, 255).tolist()
        heights = np.clip(128 + 5 * light, 0, 255).tolist()
        for start, end, paint, height in zip(starts, ends, paints, heights, strict=True):
            cv2.line(canvas, start, end, paint, width, cv2.LINE_AA, 4)
            cv2.line(relief, start, end, height, width, cv2.LINE_AA, 4)
    slope = relief.astype(np.float32) - np.roll(cv2.blur(relief, (2, 2)), (1, 1), (0, 1))
    return np.clip(1.08 * canvas.astype(np.float32) - 6 + 0.3 * slope[..., None], 0, 255).astype(np.uint8)


def swirl(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colour and light drawn out along winding streams (line integral convolution), with dark contours."""
    tx, ty = _tangent(picture, 1.6 * np.pi * _smooth_noise(rng, 3))
    coarse = rng.normal(0, 1, (SIDE // 2, SIDE // 2)).astype(np.float32)
    grain = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    layers = np.dstack([_vivid(picture, 1.45).astype(np.float32), grain])
    total = layers.copy()
    for way in (1, -1):
        x, y = _X, _Y
        dx, dy = way * tx, way * ty
        for _ in range(8):
            x = x + 1.5 * dx
            y = y + 1.5 * dy
            new_x = cv2.remap(tx, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            new_y = cv2.remap(ty, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            turned = new_x * dx + new_y * dy < 0  # a tangent has no sign
            sign = np.where(turned, np.float32(-1), np.float32(1))
            dx = new_x * sign
            dy = new_y * sign
            total += cv2.remap(layers, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    streak = np.tanh(1.2 * total[..., 3:] / (total[..., 3].std() + 1e-3))
    paint = total[..., :3] / 17 * (1 + 0.16 * streak) + 20 * streak
    line = 0.7 * _line(_contours(picture, 35, 75, 1.2), 1.8)
    return np.clip(paint * (1 - line) + np.float32((20, 26, 70)) * line, 0, 255).astype(np.uint8)


def glass(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Panes of strong colour with light behind them; leads along the contours, finer ones between panes."""
    middles = (np.mgrid[0:6, 0:6].reshape(2, -1).T + 0.5) * (SIDE / 6)
    panes, _ = _stones(picture, middles + rng.uniform(-7, 7, middles.shape))
    soft = cv2.medianBlur(_vivid(cv2.bilateralFilter(picture, 9, 70, 6), 1.7, 1.05), 7)
    bright = 255 * (soft / np.float32(255)) ** 0.75
    shine = rng.uniform(0.72, 1.25, panes.max() + 1).astype(np.float32)[panes]
    distance = _joints(panes)
    glow = 0.82 + 0.05 * np.minimum(distance, 6)
    between = np.clip(1.65 - distance, 0, 1)[..., None]
    lead = np.maximum(between, _line(_contours(picture, 30, 75, 1.3), 2.6))
    lit = bright * (shine * glow)[..., None]
    return np.clip(lit * (1 - lead) + 22 * lead, 0, 255).astype(np.uint8)


def neon(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Glowing tubes along the contours in the colours that lie there; they light up a dark wall."""
    colours = cv2.medianBlur(cv2.dilate(_vivid(picture, 1.6), np.ones((5, 5))), 5)
    hue, saturation, value = cv2.split(cv2.cvtColor(colours, cv2.COLOR_RGB2HSV))
    saturation = np.where(saturation > 40, np.maximum(saturation, 190), saturation)
    light = cv2.cvtColor(cv2.merge([hue, saturation, np.full_like(value, 255)]), cv2.COLOR_HSV2RGB)
    contour = _contours(picture, 20, 50, 1.2)
    tube = light * _line(contour, 2.0)
    glow = 0.75 * cv2.GaussianBlur(tube, (0, 0), 2) + 0.9 * cv2.GaussianBlur(tube, (0, 0), 7)
    wall = 0.27 * cv2.GaussianBlur(_vivid(picture, 1.5), (0, 0), 4) + np.float32((6, 4, 14))
    return np.clip(np.maximum(wall + glow, tube) + 110 * _line(contour, 0.7), 0, 255).astype(np.uint8)


def mosaic(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Small stones of one colour each in pale mortar; they keep off the contours."""
    n = 21
    middles = (np.mgrid[0:n, 0:n].reshape(2, -1).T + 0.5) * (SIDE / n)
    middles = middles + rng.uniform(-1.4, 1.4, middles.shape)
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1)
    steep = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3))).astype(np.float32)
    weight = 1 / (1 + 0.05 * steep**1.5).ravel()
    for _ in range(2):  # to the middle of each stone's even part
        cells = _stones(picture, middles)[0].ravel()
        total = np.bincount(cells, weight)[1:]
        middles = np.stack([np.bincount(cells, weight * g.ravel())[1:] / total for g in (_X, _Y)], 1)
    cells, colours = _stones(_vivid(picture, 1.25), middles)
    colours = np.clip(colours + rng.normal(0, 9, (len(colours), 1)), 0, 255)
    distance = _joints(cells)[..., None]
    stone = colours[cells] * (0.9 + 0.05 * np.minimum(distance, 3))
    mortar = 0.85 * np.clip(1.1 - distance, 0, 1)
    pale = 0.35 * stone + 0.65 * np.float32((208, 200, 184))
    return np.clip(stone * (1 - mortar) + pale * mortar, 0, 255).astype(np.uint8)


def woodcut(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Black ink on cream paper: shade is cut as lines that swell and thin out, contours are heavy."""
    grey = cv2.cvtColor(cv2.bilateralFilter(picture, 5, 40, 3), cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    wave = (_Y + 3 * np.sin(_X / SIDE * 4 * np.pi)) / 4
    screen = np.abs(2 * (wave - np.floor(wave)) - 1)  # 0 between two lines, 1 on a line's middle
    dark = np.clip((0.86 - grey) / 0.62, 0, 1)  # how much of the paper is inked
    ink = np.clip((dark - 1 + screen) * 2 + 0.5, 0, 1) * np.clip((dark - 0.12) * 12, 0, 1)
    contour = _contours(picture, 20, 50, 1.0)
    ink = np.maximum(ink[..., None] * (1 - _line(contour, 5.0)), _line(contour, 2.0))
    return (np.float32((247, 240, 222)) * (1 - ink) + np.float32((28, 22, 20)) * ink).astype(np.uint8)


def comic(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Flat strong colours, black outlines, and shade printed as dots."""
    flat = cv2.medianBlur(_vivid(cv2.bilateralFilter(picture, 7, 60, 5), 1.5, 1.1), 5)
    levels = (np.round(flat.astype(np.float32) / 64) * 64).clip(0, 255)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    u, v = ((_X + _Y) % 8) - 4, ((_X - _Y) % 8) - 4
    radius = 3.4 * np.sqrt(np.clip(1 - cv2.GaussianBlur(grey, (0, 0), 2), 0, 1))
    dots = np.clip(radius - np.hypot(u, v) / np.sqrt(2) + 0.5, 0, 1)[..., None]
    printed = np.minimum(255, levels * 0.75 + 72) * (1 - dots) + levels * 0.72 * dots
    line = _line(_contours(picture, 30, 70, 1.2), 2.2)
    return np.clip(printed * (1 - line) + 14 * line, 0, 255).astype(np.uint8)


def blueprint(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White construction lines on blue paper with a grid."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grid = ((_X % 16 == 8) | (_Y % 16 == 8)).astype(np.float32)[..., None]
    shade = (grey[..., None] / 255 - 0.5) * 60
    line = _line(_contours(picture, 9, 25, 0.9), 1.3)
    paper = np.float32((26, 74, 158)) + shade + 26 * grid
    return np.clip(paper * (1 - line) + np.float32((236, 244, 255)) * line, 0, 255).astype(np.uint8)


FILTERS = {
    "watercolor": watercolor,
    "sketch": sketch,
    "pixel": pixel,
    "oil": oil,
    "swirling": swirl,
    "glass": glass,
    "mosaic": mosaic,
    "comic": comic,
    "neon": neon,
    "woodcut": woodcut,
    "blueprint": blueprint,
}

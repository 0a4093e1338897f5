"""A drawing by nobody whom the model has learned from, for lesson 06: a few strokes."""

from __future__ import annotations

from PIL import Image, ImageDraw


def balloon_drawing(side: int = 512) -> Image.Image:
    """A red balloon on the beach, (side, side)."""

    def at(*xy: float) -> list[float]:
        return [side * x for x in xy]

    drawn = Image.new("RGB", (side, side))
    pen = ImageDraw.Draw(drawn)
    for y in range(side):  # the sky grows lighter downwards
        pen.line((0, y, side, y), (110 + 160 * y // side, 190 + 76 * y // side, 235 + 23 * y // side))
    pen.ellipse(at(0.76, 0.08, 0.9, 0.22), "#ffe066")  # the sun
    pen.rectangle(at(0, 0.55, 1, 0.72), "#3d8fc0")  # the sea
    for k in range(6):  # its foam
        pen.ellipse(at(0.2 * k - 0.1, 0.68, 0.2 * k + 0.15, 0.76), "#e8f4f8")
    pen.rectangle(at(0, 0.74, 1, 1), "#e8d3a0")  # the sand
    for rim, colour in ((0.025, "white"), (0, "#e0283a")):  # the balloon, cut from paper
        pen.polygon(at(0.45 - rim, 0.66 + rim, 0.55 + rim, 0.66 + rim, 0.5, 0.57), colour)
        pen.ellipse(at(0.28 - rim, 0.1 - rim, 0.72 + rim, 0.62 + rim), colour)
    pen.ellipse(at(0.36, 0.18, 0.45, 0.31), "#f58a94")
    return drawn

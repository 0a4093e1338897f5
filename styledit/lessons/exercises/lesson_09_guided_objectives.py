"""Lesson 09, guided objectives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from styledit.lab.edit.samples import judged
from styledit.lessons.exercises.checking import NotYet, answer, exercise, kind_of, noise


@exercise("09 A style loss", right="it asks what goes together, and not where")
def check_style_loss(loss: Callable[[list[Tensor], list[Tensor]], Any]) -> None:
    """Check `loss(F, F_hat)` of features (1, C, h, w), one a layer: 0 for the same, the same wherever the
    features of the style picture lie, and larger where other features go together. Any such loss is right.
    """
    F, other = ([maps[:1], maps[1:]] for maps in noise(2, 2, 3, 4, 5))
    if abs(float(answer(loss, F, F))) > 1e-6:
        raise NotYet("a picture held against itself should cost nothing.")
    plain = float(answer(loss, F, other))
    if plain <= 0:
        raise NotYet("features of two different pictures should cost something.")
    moved = [maps.roll(2, -1) for maps in other]
    if abs(float(answer(loss, F, moved)) - plain) > 1e-4 * plain:
        raise NotYet(
            "it changes when the style picture is moved along; what must be summed before comparing?"
        )
    if abs(float(answer(loss, [F[0]], [F[0].flip(1)]))) <= 1e-6:
        raise NotYet(
            "features that changed their parts cost nothing: it does not know which feature is which."
        )
    signs = torch.tensor([1.0, 1.0, -1.0, -1.0, 0.0]).expand(1, 1, 4, 5)
    together, apart = torch.cat([signs, signs], 1), torch.cat([signs, -signs], 1)
    if abs(float(answer(loss, [together], [apart]))) <= 1e-6:
        raise NotYet(
            "features that are strong at the same places, or at others, should differ: look at products."
        )


@exercise("09 Fooling CLIP", right="the number that was optimised is no evidence; another network sees it")
def check_fooled_clip(
    picture: Image.Image, cosine: Callable[[Image.Image], float], most: float, style: str
) -> None:
    """Check a picture whose CLIP cosine with a sentence is above `most`, and whose style the judge does not
    name as the sentence does.
    """
    if not isinstance(picture, Image.Image):
        raise NotYet(
            f"a picture is asked for, not {kind_of(picture)}; the cell above shows how pixels become one."
        )
    reached = cosine(picture.convert("RGB"))
    if reached <= most:
        raise NotYet(
            f"its cosine is {reached:.2f}; no true drawing has more than {most:.2f}, and yours should."
        )
    if judged(picture.convert("RGB"))["style"] == style:
        raise NotYet(
            f"CLIP is pleased ({reached:.2f}), and the judge agrees that it is {style}: an honest picture."
        )

"""The weight of each term, and the presets.

What was tried at every step, with the embedded model's first edition, on scenes of the training artists
(T = 15, rate 0.01, 30 iterations unless said): gain in PSNR to the ground truth over the plain call, and
success rate, the plain call's in brackets. With two to four scenes each, a difference of some tenths of a
decibel tells nothing.

    all tokens                      colour                        style
    l2                              +0.4 dB   75 % (100)  of 4    -1.1 dB   50 % (50)  of 2  (90, rate 0.003)
    perceptual                      -0.7 dB   75 % (100)  of 4
    clip                            +0.5 dB   50 % (100)  of 2    -0.8 dB  100 % (50)  of 2  (60)
    direction                       -1.0 dB   75 % (100)  of 4    +0.2 dB   50 % (50)  of 2  (60)
    brief, last 60 % of the steps   -0.2 dB   50 % (100)  of 2    -0.1 dB   75 % (75)  of 4  (rate 0.003)
    the changed words' tokens
    clip                            +0.2 dB  100 % (100)  of 2    +0.1 dB   50 % (50)  of 2
    direction                       -0.4 dB  100 % (100)  of 2    +0.1 dB   50 % (50)  of 2
    direction, rate 0.03            -0.9 dB  100 % (100)  of 2    +0.4 dB   50 % (50)  of 2
    0.3 perceptual + 0.7 direction  -0.2 dB   50 % (100)  of 2    -0.1 dB   50 % (50)  of 2

L2 and perceptual distance to the source work against the edit. CLIP at the changed words alone lost nothing:
the default.

Another picture's style with an unchanged prompt, style alone, 8 to 16 other scenes: edits that the judge
gives the style of that picture, and still the object; `rest` lowers the taus to 0, 0.4, 0.2, 0.2.

                                                         style  object
    the edit's own taus, all tokens                        0 %    88 %  of 8
    rest, rate 0.03                                       25 %    88 %  of 8
    rest, rate 0.1 (0.3)                                  38 %     0 %  of 8  (75, 0)
    rest, rate 0.1, the perceptual encoder's deep layers too             88 %    25 %  of 8
    rest, rate 0.1, the words "a pencil sketch of" alone  50 %    58 %  of 12
    the same, from step 0.2 T on                          58 %    58 %  of 12
    CLIP cosine to that picture in place of style         17 %    75 %  of 12
    a whole run, 8 iterations, 0.1 perceptual             33 %    67 %  of 12
    CLIP chooses the phrase (`classify_style`), no guiding     88 %   100 %  of 16
    the same and style at its words, rate 0.01 (0.05)     88 %   100 %  of 16  (81, 100)
    rate 0.03                                             94 %    94 %  of 16

Gram matrices find colours sooner than strokes; a style that a phrase has named, they refine.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from styledit import validation as check
from styledit.objectives import Regularisation

TERMS = ("l2", "perceptual", "style", "clip", "direction", "adversarial")


@dataclass(frozen=True)
class Weights:
    """The weights of the terms, each at least 0; a term at 0 costs nothing.

    `l2`, `perceptual`: to the source picture; `style`: Gram matrices of the style picture, or the source's;
    `clip`: 1 - cosine to the target prompt; `direction`: its directional variant, from the source;
    `adversarial`: a patch critic that learns from the style picture, or the source; `attention`: what the
    target's maps should be like, with weights of its own.

    Raises:
        TypeError: a weight that is no number, or `attention` that is no Regularisation.
        ValueError: a weight that is negative or not finite.
    """

    l2: float = 0.0
    perceptual: float = 0.0
    style: float = 0.0
    clip: float = 0.0
    direction: float = 0.0
    adversarial: float = 0.0
    attention: Regularisation = Regularisation()

    def __post_init__(self) -> None:
        for name in TERMS:
            object.__setattr__(self, name, check.number(f"The weight {name}", getattr(self, name), least=0))
        check.instance("attention", self.attention, Regularisation, "Regularisation(...)")

    def __bool__(self) -> bool:
        """Whether any weight is above 0."""
        return bool(self.attention) or any(getattr(self, name) for name in TERMS)

    @classmethod
    def of(cls, given: str | Weights) -> Weights:
        """Weights, or the preset of a name.

        Raises:
            TypeError: something else.
            ValueError: there is none of that name, or every weight is 0.
        """
        if isinstance(given, str) and given not in GUIDES:
            raise ValueError(
                f"There are no weights {given!r}; choose from {', '.join(GUIDES)}, or give Weights."
            )
        weights = GUIDES[given] if isinstance(given, str) else given
        check.instance("weights", weights, cls, "Weights(...) or a name")
        if not weights:
            raise ValueError("Every weight is 0, so there is nothing to minimise; give one above 0.")
        return weights

    def about(self) -> dict[str, Any]:
        """The weights above 0, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}


GUIDES = {
    "brief": Weights(l2=0.1, perceptual=0.5, style=0.2, clip=0.2),
    "default": Weights(clip=1.0),
    "reference": Weights(style=1.0),  # what "default" means where a style picture is given
    "text": Weights(clip=1.0),
}

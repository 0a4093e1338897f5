"""How strongly each term pulls, and the presets."""

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
        """Whether any term pulls."""
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
            raise ValueError("Every weight is 0, so nothing pulls; give one above 0.")
        return weights

    def about(self) -> dict[str, Any]:
        """The weights above 0, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}


GUIDES = {
    "brief": Weights(l2=0.1, perceptual=0.5, style=0.2, clip=0.2),
    "default": Weights(l2=0.1, perceptual=0.5, style=0.2, clip=0.2),
    "text": Weights(clip=1.0),
}

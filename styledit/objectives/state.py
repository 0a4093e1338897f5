"""What an objective is: the layers it needs, and a function of a run's state to a scalar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol, Self, runtime_checkable

import torch
from diffusers import UNet2DConditionModel

from styledit import validation as check
from styledit.attention import Layers, as_choices, select_layers
from styledit.perception.clip import Clip
from styledit.prompts import Word

# Powers of two are exact. Large ones keep a float16 network from rounding small gradients to zero; where one
# makes large gradients overflow there, the next is taken.
GRADIENT_SCALES = (2.0**14, 2.0**7, 1.0)


class HasFeatures(Protocol):
    """What has features of pictures; see `styledit.objectives.pixels.FeatureNetwork`."""

    def features(self, pixels: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """{layer: features} of pictures (B, 3, H, W) in [0, 1]."""


class ObjectiveState:
    """One picture at one step, as objectives see it; everything is differentiable and made when
    it is first asked for.

    `maps`: {layer: A (heads, HW, N)}, one row of the batch; `map_sizes`: {layer: (h, w)}; `words`: the
    prompt's; `targets`: {layer: maps to compare with}, or None; `x0` (1, C, h, w): the clean estimate;
    `pixels` (1, 3, H, W) in [0, 1]: the same, decoded.

    Args:
        scales: {layer: scale}, to choose layers by.
        x0, decode: functions that give the estimate and its pixels.
    """

    def __init__(
        self,
        maps: Mapping[str, torch.Tensor],
        map_sizes: Mapping[str, tuple[int, int]],
        words: Sequence[Word],
        targets: Mapping[str, torch.Tensor] | None = None,
        *,
        scales: Mapping[str, int] | None = None,
        x0: Callable[[], torch.Tensor] | None = None,
        decode: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        self.maps = maps
        self.map_sizes = map_sizes
        self.words = tuple(words)
        self.targets = targets
        self._scales = scales
        self._x0 = x0
        self._decode = decode
        self._seen: dict[int, Mapping[str, torch.Tensor]] = {}  # by the network's id

    @cached_property
    def x0(self) -> torch.Tensor:
        """The clean estimate, (1, C, h, w)."""
        if self._x0 is None:
            raise ValueError("There is no clean estimate here; this objective is for edits, not for fits.")
        return self._x0()

    @cached_property
    def pixels(self) -> torch.Tensor:
        """The clean estimate as a picture, (1, 3, H, W) in [0, 1]."""
        if self._decode is None:
            raise ValueError("There is no decoder here; this objective is for edits, not for fits.")
        return self._decode(self.x0)

    def features(self, network: HasFeatures) -> Mapping[str, torch.Tensor]:
        """{layer: features} of `pixels` as a network sees them, once however many objectives ask."""
        if id(network) not in self._seen:
            self._seen[id(network)] = network.features(self.pixels)
        return self._seen[id(network)]

    def embedding(self, clip: Clip) -> torch.Tensor:
        """The embedding (1, d) of `pixels` in a CLIP's space, once however many objectives ask."""
        if id(clip) not in self._seen:
            self._seen[id(clip)] = {"embedding": clip.embed_pictures(self.pixels)}
        return self._seen[id(clip)]["embedding"]

    def layers(self, objective: Objective) -> list[str]:
        """The recorded layers that an objective asked for; all of them where their scales are not known."""
        if self._scales is None:
            return list(self.maps)
        chosen = as_choices(objective.layers)
        return [
            layer for layer in self.maps if any(choice.takes(layer, self._scales[layer]) for choice in chosen)
        ]


@runtime_checkable
class Objective(Protocol):
    """What a run may minimise: a function of its state to a scalar, the lower the better.

    An objective that is false (`bool`) has nothing to say and costs nothing.
    """

    @property
    def layers(self) -> Layers | tuple[Layers, ...]:
        """Whose cross-attention maps it needs."""

    @property
    def words(self) -> tuple[str, ...]:
        """Of the prompt, that it looks at."""

    @property
    def reads(self) -> frozenset[str]:
        """Which of "maps", "x0" and "pixels"."""

    @property
    def needs_targets(self) -> bool:
        """Whether it compares maps with others."""

    def __call__(self, state: ObjectiveState) -> torch.Tensor:
        """A scalar."""

    def __bool__(self) -> bool:
        """Whether it adds anything to a loss."""

    def for_prompt(self, prompt_words: Sequence[Word], /) -> Objective:
        """The same for a prompt that may have some of its words only."""


@dataclass(frozen=True, eq=False)
class OfThePicture:
    """What objectives that read the decoded picture alone have in common."""

    layers: ClassVar[tuple[Layers, ...]] = ()
    words: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[frozenset[str]] = frozenset({"pixels"})
    needs_targets: ClassVar[bool] = False

    def __bool__(self) -> bool:
        return True

    def for_prompt(self, prompt_words: Sequence[Word]) -> Self:
        """Itself: a picture has no words."""
        return self


@dataclass(frozen=True)
class WeightedSum:
    """A sum of objectives, each with a weight of at least 0; terms of weight 0 cost nothing.

    Raises:
        TypeError: a term is no (weight, objective).
        ValueError: a weight that is negative or not finite.
    """

    terms: tuple[tuple[float, Objective], ...]

    def __post_init__(self) -> None:
        terms = []
        for term in check.several("terms", self.terms):
            if not isinstance(term, tuple) or len(term) != 2:
                raise TypeError(
                    f"A term of a WeightedSum must be (weight, objective), not {check.shown(term)}."
                )
            weight = check.number("A weight", term[0], least=0)
            terms.append((weight, check_objective("A term of a WeightedSum", term[1])))
        object.__setattr__(self, "terms", tuple(terms))

    @property
    def active(self) -> list[tuple[float, Objective]]:
        """The terms that add something."""
        return [(weight, objective) for weight, objective in self.terms if weight and objective]

    @property
    def layers(self) -> tuple[Layers, ...]:
        """Those of all terms."""
        chosen = [choice for _, objective in self.active for choice in as_choices(objective.layers)]
        return tuple(dict.fromkeys(chosen))

    @property
    def words(self) -> tuple[str, ...]:
        """Those of all terms."""
        return tuple(dict.fromkeys(word for _, objective in self.active for word in objective.words))

    @property
    def reads(self) -> frozenset[str]:
        """What any of the terms reads."""
        return frozenset().union(*(objective.reads for _, objective in self.active))

    @property
    def needs_targets(self) -> bool:
        """Whether any of the terms compares maps with others."""
        return any(objective.needs_targets for _, objective in self.active)

    def __bool__(self) -> bool:
        return bool(self.active)

    def __call__(self, state: ObjectiveState) -> torch.Tensor:
        """Sum of weight times objective, a scalar. Raises as its terms."""
        return sum((weight * objective(state) for weight, objective in self.active), torch.zeros(()))

    def for_prompt(self, words: Sequence[Word]) -> WeightedSum:
        """The same for a prompt of these words. Raises as its terms."""
        return WeightedSum(tuple((weight, objective.for_prompt(words)) for weight, objective in self.terms))


def check_objective(name: str, value: object) -> Objective:
    """An objective; TypeError for anything else."""
    if isinstance(value, type) or not isinstance(value, Objective):
        raise TypeError(f"{name} must be an objective, not {check.shown(value)}.")
    return value


def objective_layers(unet: UNet2DConditionModel, objective: Objective) -> dict[str, int]:
    """{layer: scale} of the maps that an objective reads; none where it has nothing to say."""
    if not objective:
        return {}
    chosen = [select_layers(unet, choice) for choice in as_choices(objective.layers)]
    return {layer: scale for layers in chosen for layer, scale in layers.items()}


def gradient(
    loss: torch.Tensor, unknowns: Sequence[torch.Tensor], dtype: torch.dtype = torch.float32
) -> list[torch.Tensor]:
    """The gradient of a scalar with respect to some tensors; the one place where one is taken.

    Args:
        dtype: of the network that it goes through. In float16 it may be taken several times, and the loss's
            graph lives on until the loss does not.

    Raises:
        TypeError: something that is no tensor, or no floating-point dtype.
        ValueError: the loss is no scalar, or nothing here has a gradient.
        FloatingPointError: the loss or its gradient is NaN or infinite.
    """
    check.tensor("The loss", loss)
    if not isinstance(unknowns, (list, tuple)) or not all(isinstance(x, torch.Tensor) for x in unknowns):
        raise TypeError(f"The unknowns must be a list of tensors, not {check.shown(unknowns)}.")
    if not unknowns or not all(tensor.requires_grad for tensor in (loss, *unknowns)):
        raise ValueError("A gradient needs a loss and unknowns that require one; see requires_grad_().")
    if not torch.isfinite(loss):
        raise FloatingPointError("the loss is NaN or infinite")
    half = check.dtype("dtype", dtype) == torch.float16
    scales = GRADIENT_SCALES if half else GRADIENT_SCALES[:1]
    for scale in scales:
        again = scale != scales[-1]
        parts = torch.autograd.grad(scale * loss, list(unknowns), materialize_grads=True, retain_graph=again)
        if all(torch.isfinite(part).all() for part in parts):
            return [part / scale for part in parts]
    raise FloatingPointError("the gradient is NaN or infinite")

"""How a guided edit is optimised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from styledit import validation as check
from styledit.generation import LearnedValues
from styledit.guiding.style_phrases import check_phrases
from styledit.guiding.weights import GUIDES, Weights
from styledit.inversion import Inversion

MOST_ITERATIONS = 1000  # in all
SCHEDULES = {"step": 30, "run": 20, "text": 20}  # iterations in all, where the user gives none
PATIENCE = {"step": 3, "run": 8, "text": 8}
STARTS = ("edit", "fitted", "random")
TOKENS = ("changed", "all")
RATE, STYLE_RATE = 0.01, 0.03
MOST_RATE = 1e37  # Adam divides it by 1 - 0.9 at first, in float32


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class GuidedSettings:
    """How a guided edit is optimised.

    Args:
        schedule: when losses are taken. "step": at every step, on the decoded clean estimate; "run": on the
            picture of a whole run, with gradients through all its steps, each computed again on the way back
            (T should be small); "text": the same for the CLIP cosine alone.
        weights: `Weights`, or a preset: "default", CLIP alone, or with a style picture style alone
            ("reference"); "brief", 0.1 L2 + 0.5 perceptual + 0.2 style + 0.2 CLIP.
        style_phrases: phrases that may name the style of a style picture where the target prompt has the
            source's words: CLIP chooses one, and the prompt begins with it (`classify_style`). None takes the
            model's own, if it has any; () keeps the prompt.
        start: what value inputs start from: "edit", those that an edit without guiding reads; "fitted", the
            learned ones at every step; "random", drawn around 0 with the spread of the prompt's embedding;
            or value inputs (T, N, d), such as the `values` of another guided edit of the inversion: without
            iterations they make that edit again, unless it optimised both branches.
        iterations: of Adam, in all, at most 1000; spread evenly over the steps by "step". None takes 30, or
            20 whole runs.
        rate: Adam's learning rate; None takes 0.01, or 0.03 with a style picture.
        patience: iterations without improvement after which a step ("step") or everything ends; None takes 3,
            or 8 whole runs.
        tolerance: what counts as no improvement, as a fraction of the loss.
        clamp: keep value inputs in [-1, 1], those of tokens that are not optimised too.
        both_branches: whether what the unconditional branch reads is optimised too.
        warm: whether each step ("step") goes on from the offsets of the one before, instead of none.
        since: fraction of the steps before the first that is guided ("step"): early estimates are blurred.
        tokens: whose value inputs are optimised: "changed", those of words that the source prompt does not
            have (of all where there are none), or "all".
        every: iterations between two pictures of the filmstrip; 0 keeps none.
        word: of the target prompt, whose map the filmstrip shows; None takes the kept word that looks most at
            one place.
        low_memory: recompute activations of network, decoder and encoder in the backward pass instead of
            keeping them (gradient checkpointing).
        seed: of random starts and of the critic.

    Raises:
        TypeError: a setting of another type.
        ValueError: one out of range, or a name that does not exist.
    """

    schedule: Literal["step", "run", "text"] = "step"
    weights: str | Weights = "default"
    style_phrases: Sequence[str] | None = None
    start: Literal["edit", "fitted", "random"] | torch.Tensor = "edit"
    iterations: int | None = None
    rate: float | None = None
    patience: int | None = None
    tolerance: float = 1e-3
    clamp: bool = False
    both_branches: bool = False
    warm: bool = True
    since: float = 0.0
    tokens: Literal["changed", "all"] = "changed"
    every: int = 10
    word: str | None = None
    low_memory: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        self._set("schedule", check.choice("schedule", self.schedule, tuple(SCHEDULES)))
        Weights.of(self.weights)
        if self.style_phrases is not None:
            self._set("style_phrases", check_phrases(self.style_phrases))
        if isinstance(self.start, torch.Tensor):
            check.finite(check.tensor("start", self.start, "T", "N", "d"), "start", "take another start")
        else:
            self._set("start", check.choice("start", self.start, STARTS))
        if self.iterations is not None:
            self._set("iterations", check.whole("iterations", self.iterations, least=0, most=MOST_ITERATIONS))
        if self.rate is not None:
            self._set("rate", check.number("rate", self.rate, least=0, most=MOST_RATE))
        if self.patience is not None:
            self._set("patience", check.whole("patience", self.patience, least=1))
        self._set("tolerance", check.number("tolerance", self.tolerance, least=0))
        for name in ("clamp", "both_branches", "warm", "low_memory"):
            self._set(name, check.flag(name, getattr(self, name)))
        self._set("since", check.fraction("since", self.since))
        self._set("tokens", check.choice("tokens", self.tokens, TOKENS))
        self._set("every", check.whole("every", self.every, least=0))
        if self.word is not None:
            check.text("word", self.word)
        self._set("seed", check.seed(self.seed))

    @property
    def iterations_in_all(self) -> int:
        """Those that were given, or the schedule's own."""
        return SCHEDULES[self.schedule] if self.iterations is None else self.iterations

    @property
    def patience_in_use(self) -> int:
        """That which was given, or the schedule's own."""
        return PATIENCE[self.schedule] if self.patience is None else self.patience

    def check_start(self, inversion: Inversion, values: LearnedValues | None) -> None:
        """Raise ValueError where there is nothing to start from, or value inputs of another shape."""
        if isinstance(self.start, torch.Tensor):
            check.tensor("start", self.start, inversion.steps, *inversion.c.shape[1:])
        elif self.start == "fitted" and values is None:
            raise ValueError("A fitted start needs value inputs; give values=fit_values(...).")

    def rate_with(self, has_style: bool) -> float:
        """Adam's learning rate, with or without a style picture."""
        own = STYLE_RATE if has_style else RATE
        return own if self.rate is None else self.rate

    def weights_with(self, has_style: bool) -> Weights:
        """The weights of the terms, with or without a style picture.

        Raises:
            ValueError: no term reads the style picture, or the schedule "text" is given other weights.
        """
        if self.schedule == "text":
            return self._text_weights(has_style)
        weights = Weights.of("reference" if has_style and self.weights == "default" else self.weights)
        if has_style and not weights.style and not weights.adversarial:
            raise ValueError(
                "Nothing reads the style picture: the weights style and adversarial are 0; raise one of them "
                "or leave style_image out."
            )
        return weights

    def _text_weights(self, has_style: bool) -> Weights:
        if has_style:
            raise ValueError(
                'The schedule "text" reads the CLIP term alone, so nothing reads the style picture; leave '
                'that out, or take "run".'
            )
        if self.weights not in ("default", "text"):
            raise ValueError(
                'The schedule "text" reads the CLIP term alone; leave weights out, or take "run".'
            )
        return GUIDES["text"]

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

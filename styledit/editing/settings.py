"""The settings of an edit, and what they say of each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from styledit import validation as check
from styledit.denoising import resolve_guidance
from styledit.editing.blend import blend_start
from styledit.editing.mask import PaintedMask
from styledit.objectives import Objective, Regularisation
from styledit.objectives.state import check_objective
from styledit.prompts import Word, find_word, kept_words, positions_of

FRACTIONS = ("tau_v", "tau_c", "tau_s", "tau_u", "blend_threshold")
GROUPS = ("tau_v_changed", "tau_v_padding")


@dataclass(frozen=True)
class Settings:
    """The settings of an edit; every fraction lies in [0, 1].

    Args:
        guidance: w of the target; None takes the source's (the one its value inputs
            were fitted at, else 7.5).
        tau_v: fraction of the steps at which the target reads c_tgt * s_t + b_t, afterwards plain c_tgt.
        tau_v_changed, tau_v_padding: the same for the words that the source prompt does not have, and for the
            end and padding tokens; None takes `tau_v`.
        tau_v_words: {word of a target prompt: its own tau_v}.
        tau_c: ... at which the source's cross-attention maps replace the target's.
        tau_s: ... at which the source's self-attention maps replace the target's in the conditional branch.
        tau_u: ... the same in the unconditional branch.
        guide_from_source: whether guidance leads the target away from the source prompt instead of the empty
            one (as negative-prompt inversion does, 2305.16807): only what the prompts
            differ in is exaggerated.
        tau_c_words: {word of a target prompt: its own tau_c}.
        reweight: {word of a target prompt: factor on its map}, while its tau_c is on, as in Prompt-to-Prompt.
        blend: words of either prompt. Outside the union of their maps the target stays at the source's latent
            (Prompt-to-Prompt's local blend).
        blend_threshold: fraction of a word map's maximum from which a cell belongs to the mask.
        mask: painted, a picture or an array (h, w) of the edited picture's ratio, up to 4096 x 4096: outside
            it the target stays at the source's latent at every step. It takes the place of `blend`. A mask
            that is finer than the latents (16 x 16 in the embedded model) blends every cell that it touches,
            and in the finished picture each pixel outside it is the source picture's own, not that of its
            reconstruction; its edge is soft on the inside.
        keep_details: whether what the autoencoder loses of the source picture is given back wherever the
            edit leaves the picture as it was (`styledit.editing.details`).
        regularisation: an objective that the target minimises, such as what its own maps should be like:
            before each step the latent moves by -`regularisation_rate` times the gradient of it (as in
            Attend-and-Excite, 2301.13826, equation 2).

    Raises:
        TypeError: a setting of another type.
        ValueError: a number that is not finite or a fraction outside [0, 1].
    """

    guidance: float | None = None
    tau_v: float = 0.5
    tau_v_changed: float | None = None
    tau_v_padding: float | None = None
    tau_v_words: Mapping[str, float] = field(default_factory=dict)
    tau_c: float = 0.6
    tau_s: float = 0.6
    tau_u: float = 0.0
    guide_from_source: bool = False
    tau_c_words: Mapping[str, float] = field(default_factory=dict)
    reweight: Mapping[str, float] = field(default_factory=dict)
    blend: tuple[str, ...] = ()
    blend_threshold: float = 0.3
    mask: PaintedMask | None = None
    keep_details: bool = False
    regularisation: Objective = Regularisation()
    regularisation_rate: float = 1.0

    def __post_init__(self) -> None:
        if self.guidance is not None:
            self._set("guidance", check.number("guidance", self.guidance))
        for name in FRACTIONS:
            self._set(name, check.fraction(name, getattr(self, name)))
        for name in GROUPS:
            if getattr(self, name) is not None:
                self._set(name, check.fraction(name, getattr(self, name)))
        self._set("guide_from_source", check.flag("guide_from_source", self.guide_from_source))
        for name, tau_name in (("tau_c_words", "tau_c"), ("tau_v_words", "tau_v")):
            taus = _by_word(name, getattr(self, name))
            self._set(
                name, {word: check.fraction(f"{tau_name} of {word!r}", tau) for word, tau in taus.items()}
            )
        factors = _by_word("reweight", self.reweight)
        self._set(
            "reweight", {word: check.number(f"The factor of {word!r}", f) for word, f in factors.items()}
        )
        words = () if self.blend is None else check.several("blend", self.blend)
        self._set("blend", tuple(check.text("A word of blend", word) for word in words))
        if self.mask is not None:
            self._set("mask", PaintedMask.of(self.mask))
        self._set("keep_details", check.flag("keep_details", self.keep_details))
        check_objective("regularisation", self.regularisation)
        self._set("regularisation_rate", check.number("regularisation_rate", self.regularisation_rate))

    @classmethod
    def of(cls, **settings: Any) -> Settings:
        """Settings by name; TypeError names an unknown one."""
        known = [f.name for f in fields(cls)]
        for name in settings:
            if name not in known:
                raise TypeError(f"There is no setting {name!r}; choose from {', '.join(known)}.")
        return cls(**settings)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


@dataclass(frozen=True)
class StepPlan:
    """Everything that the settings say of one step; equal plans from equal latents give equal results.

    For each target and token: `read_values`, whether it reads c_tgt * s_t + b_t; `from_source`, whether its
    map is the source's; `reweight`, its factor.
    `blend_threshold`: None before the mask is used; `regularisation_rate`: 0 without regularisation.
    """

    guidance: float
    guide_from_source: bool
    read_values: tuple[tuple[bool, ...], ...]
    self_cond: bool
    self_uncond: bool
    from_source: tuple[tuple[bool, ...], ...]
    reweight: tuple[tuple[float, ...], ...]
    blend: tuple[str, ...]
    blend_threshold: float | None
    mask: PaintedMask | None
    regularisation: Objective
    regularisation_rate: float

    @property
    def needs_source(self) -> bool:
        """Whether the source's attention is used."""
        return bool(self.self_cond or self.self_uncond or self.cross or self.blend or self.regularisation)

    @property
    def cross(self) -> bool:
        """Whether the cross maps are edited."""
        return any(map(any, self.from_source)) or self.reweighted

    @property
    def reweighted(self) -> bool:
        """Whether a factor is other than 1."""
        return any(factor != 1 for row in self.reweight for factor in row)


def plan_steps(
    settings: Settings, steps: int, source: tuple[Word, ...], targets: Sequence[tuple[Word, ...]], length: int
) -> list[StepPlan]:
    """What the settings say of each of `steps` steps, for prompts split into words and
    padded to `length` tokens.

    Raises:
        ValueError: `tau_c_words`, `tau_v_words` or `reweight` names a word that is in no target.
    """
    for word in (*settings.tau_c_words, *settings.tau_v_words, *settings.reweight):
        if not any(positions_of(words, word) for words in targets):
            find_word(targets[0], word)
    taus = [_tau_of_tokens(words, length, settings) for words in targets]
    factors = [_factor_of_tokens(words, length, settings) for words in targets]
    value_taus = [_tau_v_of_tokens(source, words, length, settings) for words in targets]
    return [_plan(settings, i, steps, taus, factors, value_taus) for i in range(steps)]


def _plan(
    settings: Settings,
    i: int,
    steps: int,
    taus: list[list[float]],
    factors: list[list[float]],
    value_taus: list[list[float]],
) -> StepPlan:
    """What the settings say of step i."""
    from_source = _on_by_token(i, taus, steps)
    reweight = tuple(
        tuple(factor if on else 1.0 for factor, on in zip(row, ons, strict=True))
        for row, ons in zip(factors, from_source, strict=True)
    )
    blend = () if settings.mask is not None else settings.blend
    blending = bool(blend) and i >= blend_start(steps)
    return StepPlan(
        guidance=resolve_guidance(settings.guidance),
        guide_from_source=settings.guide_from_source,
        read_values=_on_by_token(i, value_taus, steps),
        self_cond=is_on(i, settings.tau_s, steps),
        self_uncond=is_on(i, settings.tau_u, steps),
        from_source=from_source,
        reweight=reweight,
        blend=blend,
        blend_threshold=settings.blend_threshold if blending else None,
        mask=settings.mask,
        regularisation=settings.regularisation,
        regularisation_rate=settings.regularisation_rate if settings.regularisation else 0.0,
    )


def is_on(i: int, tau: float, steps: int) -> bool:
    """i < tau T, where 0.14 * 50 is 7."""
    return i < round(tau * steps, 6)


def _on_by_token(i: int, taus: list[list[float]], steps: int) -> tuple[tuple[bool, ...], ...]:
    """`is_on` for every target and token."""
    return tuple(tuple(is_on(i, tau, steps) for tau in row) for row in taus)


def _by_word(name: str, given: object) -> dict[str, object]:
    """A setting by word as a dict of its own."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"{name} must be a dict of words, such as {{'fox': 0.5}}, not {check.shown(given)}.")
    for word in given:
        check.text("A word of an edit", word)
    return dict(given)


def _tau_of_tokens(words: tuple[Word, ...], length: int, settings: Settings) -> list[float]:
    """tau_c of each of a target's tokens."""
    taus = [settings.tau_c] * length
    for word, tau in settings.tau_c_words.items():
        for position in positions_of(words, word):
            taus[position] = tau
    return taus


def _factor_of_tokens(words: tuple[Word, ...], length: int, settings: Settings) -> list[float]:
    """The factor of each of a target's tokens."""
    factors = [1.0] * length
    for word, factor in settings.reweight.items():
        for position in positions_of(words, word):
            factors[position] *= factor
    return factors


def _tau_v_of_tokens(
    source: tuple[Word, ...], words: tuple[Word, ...], length: int, settings: Settings
) -> list[float]:
    """tau_v of each of a target's tokens; the start token counts as shared."""
    changed = settings.tau_v if settings.tau_v_changed is None else settings.tau_v_changed
    padding = settings.tau_v if settings.tau_v_padding is None else settings.tau_v_padding
    taus = [padding] * length
    taus[0] = settings.tau_v
    shared = kept_words(source, words)
    for k, word in enumerate(words):
        for position in word.positions:
            taus[position] = settings.tau_v if k in shared else changed
    for text, tau in settings.tau_v_words.items():
        for position in positions_of(words, text):
            taus[position] = tau
    return taus

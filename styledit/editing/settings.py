"""The settings of an edit, and what they say of each step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from styledit.editing.blend import blend_start
from styledit.ddim import check_number
from styledit.objectives.attention import Regularisation
from styledit.prompts import Word, find_word, positions_of


@dataclass(frozen=True)
class Settings:
    """The settings of an edit; every fraction lies in [0, 1].

    Args:
        guidance: w of the target; None takes the source's (the one its value inputs were fitted at, else 7.5).
        tau_v: fraction of the steps at which the target reads c_tgt * s_t + b_t, afterwards plain c_tgt.
        tau_c: ... at which the source's cross-attention maps replace the target's.
        tau_s: ... at which the source's self-attention maps replace the target's in the conditional branch.
        tau_u: ... the same in the unconditional branch.
        tau_words: {word of a target prompt: its own tau_c}.
        reweight: {word of a target prompt: factor on its map}, while its tau_c is on, as in Prompt-to-Prompt.
        blend: words of either prompt. Outside the union of their maps the target stays at the source's latent
            (Prompt-to-Prompt's local blend).
        blend_threshold: fraction of a word map's maximum from which a cell belongs to the mask.
        regularisation: what the target's own maps should be like (method section 3): before each step the latent
            moves by -`rate` times the gradient of it (as in Attend-and-Excite, 2301.13826, equation 2).

    Raises:
        TypeError: a setting that is no number.
        ValueError: a number that is not finite or a fraction outside [0, 1].
    """

    guidance: float | None = None
    tau_v: float = 0.5
    tau_c: float = 0.6
    tau_s: float = 0.6
    tau_u: float = 0.0
    tau_words: Mapping[str, float] = field(default_factory=dict)
    reweight: Mapping[str, float] = field(default_factory=dict)
    blend: tuple[str, ...] = ()
    blend_threshold: float = 0.3
    regularisation: Regularisation = Regularisation()
    rate: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.blend, (str, Iterable, type(None))):
            raise TypeError(f"blend must be a word or several, not {self.blend!r}.")
        words = (self.blend,) if isinstance(self.blend, str) else tuple(self.blend or ())
        object.__setattr__(self, "blend", words)
        for name in ("tau_words", "reweight"):
            by_word = getattr(self, name) or {}
            if not isinstance(by_word, Mapping):
                raise TypeError(f"{name} must be a dict of words, such as {{'fox': 0.5}}, not {by_word!r}.")
            object.__setattr__(self, name, dict(by_word))
            words = (*words, *by_word)
        for word in words:
            if not isinstance(word, str):
                raise TypeError(f"Words of an edit must be strings, not {word!r}.")
        if not isinstance(self.regularisation, Regularisation):
            raise TypeError(f"regularisation must be a Regularisation, not {self.regularisation!r}.")
        if self.guidance is not None:
            check_number("guidance", self.guidance)
        check_number("rate", self.rate)
        for word, factor in self.reweight.items():
            check_number(f"The factor of {word!r}", factor)
        fractions = {name: getattr(self, name) for name in ("tau_v", "tau_c", "tau_s", "tau_u", "blend_threshold")}
        fractions |= {f"tau_c of {word!r}": tau for word, tau in self.tau_words.items()}
        for name, value in fractions.items():
            check_number(name, value)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {value}.")

    @classmethod
    def of(cls, **settings: object) -> Settings:
        """Settings by name; TypeError names an unknown one."""
        known = [f.name for f in fields(cls)]
        for name in settings:
            if name not in known:
                raise TypeError(f"There is no setting {name!r}; choose from {', '.join(known)}.")
        return cls(**settings)


@dataclass(frozen=True)
class StepPlan:
    """Everything that the settings say of one step; equal plans from equal latents give equal results."""

    guidance: float
    read_values: bool
    self_cond: bool
    self_uncond: bool
    taken: tuple[tuple[bool, ...], ...]  # for each target and token: whether its map is the source's
    factors: tuple[tuple[float, ...], ...]
    blend: tuple[str, ...]
    blend_threshold: float | None
    regularisation: Regularisation
    rate: float

    @property
    def needs_source(self) -> bool:
        """Whether the source's attention is used."""
        return bool(self.self_cond or self.self_uncond or self.cross or self.blend or self.regularisation)

    @property
    def cross(self) -> bool:
        """Whether the cross maps are edited."""
        return any(map(any, self.taken)) or any(factor != 1 for row in self.factors for factor in row)


def plan_steps(settings: Settings, steps: int, targets: Sequence[tuple[Word, ...]], length: int) -> list[StepPlan]:
    """What the settings say of each of `steps` steps, for targets split into words and padded to `length` tokens.

    Raises:
        ValueError: `tau_words` or `reweight` names a word that is in no target.
    """
    for word in (*settings.tau_words, *settings.reweight):
        if not any(positions_of(words, word) for words in targets):
            find_word(targets[0], word)
    taus, factors = zip(*(_by_token(words, length, settings) for words in targets))
    plans = []
    for i in range(steps):
        on = [[_on(i, tau, steps) for tau in row] for row in taus]
        plans.append(
            StepPlan(
                guidance=settings.guidance,
                read_values=_on(i, settings.tau_v, steps),
                self_cond=_on(i, settings.tau_s, steps),
                self_uncond=_on(i, settings.tau_u, steps),
                taken=tuple(map(tuple, on)),
                factors=tuple(tuple(f if o else 1.0 for f, o in zip(*pair)) for pair in zip(factors, on)),
                blend=settings.blend,
                blend_threshold=settings.blend_threshold if settings.blend and i >= blend_start(steps) else None,
                regularisation=settings.regularisation,
                rate=settings.rate if settings.regularisation else 0.0,
            )
        )
    return plans


def _on(i: int, tau: float, steps: int) -> bool:
    """i < tau T, where 0.14 * 50 is 7."""
    return i < round(tau * steps, 6)


def _by_token(words: tuple[Word, ...], length: int, settings: Settings) -> tuple[list[float], list[float]]:
    """tau_c and the factor of each of a target's tokens."""
    taus, factors = [settings.tau_c] * length, [1.0] * length
    for word, tau in settings.tau_words.items():
        for position in positions_of(words, word):
            taus[position] = tau
    for word, factor in settings.reweight.items():
        for position in positions_of(words, word):
            factors[position] *= factor
    return taus, factors

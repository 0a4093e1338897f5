"""Settings that follow from what changed between two prompts.

What a good edit may take over from the source depends on what is edited: another style wants other settings
than another thing in the same place. Neither the words nor a list of kinds decides, but where the changed
words look in the source's maps: everywhere, around, at one spot, or together with the word that follows. A
model's own table (`editing.json` in its folder) has the numbers: how to tell these regimes apart, and the
settings of each. (Of the words, only articles and prepositions are known: they name nothing.) Models without
a table get the published settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from diffusers import StableDiffusionPipeline

from styledit import validation as check
from styledit.editing.settings import Settings
from styledit.editing.update import UpdateRule
from styledit.inversion import Inversion
from styledit.maps import AttentionMaps
from styledit.pipeline import editing_numbers
from styledit.prompts import Word, kept_words, split_words
from styledit.storage.loading import table_is_damaged

ADDITION = "addition"  # the regime of words that are added while none goes
REMOVAL = "removal"  # the regime, in tables that have it, of words that go while none comes
TOLD_BY_WORDS = (ADDITION, REMOVAL)
KINDS_OF_CHANGE = {  # of the embedded model's regimes, as a sentence names them
    "thing": "a thing",
    "property": "a property of a thing",
    "surroundings": "the surroundings",
    "everything": "the look of the whole picture",
    ADDITION: "what the picture has beside what it had",
    REMOVAL: "what the picture no longer has",
}
BLENDS = ("changed", "next", None)
FEATURES = (
    "share",
    "peak",
    "share of the next",
    "peak of the next",
    "likeness to the next",
    "likeness to the last",
)
OF = "of"
LINKING = frozenset(("a", "an", "the", "and", "or", "of", "in", "on", "at", "by", "with", "to", "from"))


@dataclass(frozen=True)
class Change:
    """What differs between two prompts: indices of the source's words that go and the target's that come."""

    source: tuple[Word, ...]
    target: tuple[Word, ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]

    @classmethod
    def between(cls, pipe: StableDiffusionPipeline, source: str, target: str) -> Change:
        """Of two prompts, along the longest common sequence of their words."""
        before = split_words(pipe, source)
        after = split_words(pipe, target)
        kept = kept_words(before, after)
        stay = set(kept.values())
        return cls(
            before,
            after,
            tuple(i for i in range(len(before)) if i not in stay),
            tuple(j for j in range(len(after)) if j not in kept),
        )

    @property
    def is_none(self) -> bool:
        """Whether both prompts have the same words."""
        return not self.removed and not self.added

    @property
    def gone(self) -> set[int]:
        """Those of the words that go which name something."""
        return set(self.removed) & set(naming_words(self.source))

    @property
    def come(self) -> set[int]:
        """Those of the words that come which name something."""
        return set(self.added) & set(naming_words(self.target))

    @property
    def is_of_the_picture(self) -> bool:
        """Whether it is said of the picture as a whole, before its "of": "an oil painting *of* a cat"."""
        changed = [pair for pair in ((self.source, self.gone), (self.target, self.come)) if pair[1]]
        return bool(changed) and all(max(places) < _first_of(words) for words, places in changed)

    def words(self, with_next: bool = False) -> tuple[str, ...]:
        """What to blend on: the heads of both prompts, and where wanted the words right after them
        that name something, too.
        """
        found = []
        gone, come = self.gone, self.come
        for words, changed, named in ((self.source, self.removed, gone), (self.target, self.added, come)):
            if not named and (gone or come):
                continue  # an article that changes along
            naming = naming_words(words)
            for k in heads(words, changed):
                reach = (k, k + 1) if with_next and k + 1 in naming else (k,)
                found += [words[j].text for j in reach]
        return tuple(dict.fromkeys(found))


def _first_of(words: Sequence[Word]) -> int:
    """The index of the first "of"; -1 where there is none."""
    return next((k for k, word in enumerate(words) if word.text == OF), -1)


def naming_words(words: Sequence[Word]) -> list[int]:
    """Indices of the words that name something, which articles and prepositions do not."""
    return [k for k, word in enumerate(words) if word.text not in LINKING]


def heads(words: Sequence[Word], changed: Sequence[int]) -> list[int]:
    """Of each run of changed words the last that names something: in English, what the others are said of
    ("and a red *balloon*"). Where none names anything, the last of each run.
    """
    lasts = [k for k in changed if k + 1 not in changed]
    naming = [k for k in naming_words(words) if k in changed]
    runs = [[k for k in naming if k <= last] for last in lasts]
    return sorted({run[-1] for run in runs if run}) or lasts


@dataclass(frozen=True)
class Regime:
    """Settings for one kind of change.

    `blend`: "changed" blends on the heads of the changed words, "next" also on what they are said of
    (`Change.words`), None not at all.
    `weights` (features,) and `bias`: its score for a change is linear in the features of the maps; not read
    where the words alone tell the regime.
    """

    name: str
    settings: Mapping[str, object]
    blend: str | None
    weights: np.ndarray  # (features,)
    bias: float


@dataclass(frozen=True)
class Following:
    """How edits without value inputs follow their source: the `rule`, and by regime the `settings` that are
    others than those of edits with value inputs.
    """

    rule: UpdateRule
    settings: Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class EditingTable:
    """A model's numbers: the maps' scales, the mean and spread of their features (features,), the regimes,
    and how edits without value inputs follow, where it says so.
    """

    scales: tuple[int, ...]
    mean: np.ndarray  # (features,)
    spread: np.ndarray  # (features,)
    regimes: tuple[Regime, ...]
    following: Following | None = None

    def regime(self, change: Change, maps: AttentionMaps | None) -> Regime:
        """The regime of a change; the first of those that maps tell where there are no maps to look at."""
        by_words = {regime.name: regime for regime in self.regimes if regime.name in TOLD_BY_WORDS}
        gone, come = change.gone, change.come
        if not gone and (come or not change.removed):
            return by_words[ADDITION]
        if not come and (gone or not change.added) and REMOVAL in by_words:
            return by_words[REMOVAL]
        scored = [regime for regime in self.regimes if regime.name not in TOLD_BY_WORDS]
        if maps is None or not set(self.scales) <= {maps.scales.get(layer) for layer in maps.layers}:
            return scored[0]
        seen = (features(maps, change, self.scales) - self.mean) / self.spread
        return max(scored, key=lambda regime: float(seen @ regime.weights) + regime.bias)


def suggest(
    pipe: StableDiffusionPipeline, inversion: Inversion, target: str, *, following: bool = False
) -> Settings:
    """Settings for an edit of an inverted picture.

    Args:
        following: whether the edit follows its source by the model's rule.

    Raises:
        ValueError: a prompt that cannot be used, or a damaged table of the model.
    """
    table, change = _table(pipe), Change.between(pipe, inversion.prompt, target)
    if change.is_none:
        same = Settings(tau_v=1.0, tau_c=1.0, tau_s=1.0, tau_u=1.0)
        # guided from the source prompt, a target of the same prompt is the source
        return replace(same, guide_from_source=True, keep_details=True) if following else same
    if table is None:
        return Settings()
    regime = table.regime(change, inversion.maps)
    others = table.following.settings.get(regime.name, {}) if following and table.following else {}
    settings = Settings.of(**{**regime.settings, **others})
    if regime.blend is None or change.is_of_the_picture:  # nothing of it may stay as it was
        return settings
    return replace(settings, blend=change.words(with_next=regime.blend == "next"))


def explain(pipe: StableDiffusionPipeline, inversion: Inversion, target: str) -> str:
    """What kind of change `suggest` takes a target prompt for, and what tells it, in a clause.

    Raises:
        ValueError: as `suggest`.
    """
    table, change = _table(pipe), Change.between(pipe, inversion.prompt, target)
    if change.is_none:
        return "the prompts say the same, so the picture stays as it is"
    if table is None:
        return "the model has no table of settings, so they are the published ones"
    regime = table.regime(change, inversion.maps).name
    kind = KINDS_OF_CHANGE.get(regime, f"what its table calls {regime!r}")
    told = "the words alone say" if regime in TOLD_BY_WORDS else "the maps of the changed words say"
    gone, come = (
        " ".join(words[k].text for k in changed)
        for words, changed in ((change.source, change.removed), (change.target, change.added))
    )
    words = f"{gone!r} to {come!r}" if gone and come else f"{gone!r} taken out" if gone else f"{come!r} added"
    return f"{words} changes {kind}, as {told}"


def suggest_rule(pipe: StableDiffusionPipeline) -> UpdateRule | None:
    """How an edit without value inputs follows its source; None for a model whose table says nothing of it.

    Raises:
        ValueError: a damaged table of the model.
    """
    table = _table(pipe)
    return None if table is None or table.following is None else table.following.rule


def features(maps: AttentionMaps, change: Change, scales: Sequence[int]) -> np.ndarray:
    """Where the words that go look, beside their neighbours: FEATURES at each scale, (len(scales) * 6,).

    A word's share is its part of what all words are read at a place, in [0, 1]; its likeness to a neighbour
    is the correlation of their maps over the picture, in [-1, 1]; 0 where there is no neighbour. Neighbours
    are words that name something: a preposition looks at the thing before it (lesson 02).
    """
    rows = [_features_at(maps.select(layers=scale), change) for scale in scales]
    return np.concatenate(rows)


def _features_at(maps: AttentionMaps, change: Change) -> np.ndarray:
    """FEATURES at one scale, the mean over the heads of the words that go, (6,)."""
    size = next(iter(maps.map_sizes[layer] for layer in maps.layers))
    read = np.stack(
        [maps.tokens(word.positions, size=size).numpy().ravel() for word in change.source]
    )  # (words, HW)
    share = read / read.sum(0).clip(1e-12)
    naming = naming_words(change.source)
    described = []
    for k in heads(change.source, change.removed):
        following = min((j for j in naming if j > k), default=None)
        last = max((j for j in naming if j < k), default=None)
        described.append(
            (
                share[k].mean(),
                share[k].max(),
                0.0 if following is None else share[following].mean(),
                0.0 if following is None else share[following].max(),
                _likeness(read, k, following),
                _likeness(read, k, last),
            )
        )
    return np.mean(described, axis=0)


def _likeness(read: np.ndarray, k: int, other: int | None) -> float:
    """Correlation of two words' maps."""
    if other is None or not read[k].std() or not read[other].std():
        return 0.0
    return float(np.corrcoef(read[k], read[other])[0, 1])


def _table(pipe: StableDiffusionPipeline) -> EditingTable | None:
    """The model's table; None where it has none."""
    stored = editing_numbers(pipe)
    if stored is None:
        return None
    try:
        scales = tuple(check.whole("A scale", scale, least=1) for scale in stored["scales"])
        count = len(scales) * len(FEATURES)
        regimes = tuple(_regime(name, about, count) for name, about in stored["regimes"].items())
        names = {regime.name for regime in regimes}
        if ADDITION not in names or names <= set(TOLD_BY_WORDS):
            raise ValueError("it lacks regimes")
        mean = _numbers("mean", stored["mean"], count)
        spread = _numbers("spread", stored["spread"], count)
        if spread.min() <= 0:
            raise ValueError("a spread is not above 0")
        following = _following(stored["following"], names) if "following" in stored else None
        return EditingTable(scales, mean, spread, regimes, following)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise table_is_damaged(pipe.name_or_path, "editing.json", error) from error


def _following(about: Mapping[str, Any], names: set[str]) -> Following:
    """How edits follow, of a table that has regimes of these names."""
    for name, settings in about["settings"].items():
        if name not in names:
            raise ValueError(f"it has no regime {name!r}")
        Settings.of(**settings)
    return Following(UpdateRule(**about["rule"]), about["settings"])


def _regime(name: str, about: Mapping[str, Any], count: int) -> Regime:
    """One regime of a table for so many features."""
    Settings.of(**about["settings"])
    if about["blend"] not in BLENDS:
        raise ValueError(f"the regime {name!r} has an unknown blend, {check.shown(about['blend'])}")
    count = len(about["weights"]) if name in TOLD_BY_WORDS else count  # these are not read
    weights = _numbers(f"weights of {name!r}", about["weights"], count)
    return Regime(name, about["settings"], about["blend"], weights, check.number("bias", about["bias"]))


def _numbers(name: str, values: object, count: int) -> np.ndarray:
    """So many finite numbers, (count,)."""
    found = np.array(values, float)
    if found.shape != (count,) or not np.isfinite(found).all():
        raise ValueError(f"the {name} must be {count} finite numbers")
    return found

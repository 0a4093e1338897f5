"""What a target takes over of the source's network calls beside the maps of Prompt-to-Prompt."""

from __future__ import annotations

from dataclasses import dataclass

from styledit import validation as check
from styledit.attention import AttentionEdit, SourceAttention
from styledit.editing.settings import is_on


@dataclass(frozen=True)
class Injection:
    """Layers and blocks of a network, by name, and the steps at which they take over the source's.

    Each acts in both branches of the target; step i of T is before a fraction tau while i < tau T.

    `mutual`: self-attention layers whose queries read the source's keys and values, from the fraction
    `mutual_start` on (MasaCtrl, 2304.08465). `self_layers`: those whose maps are the source's, before
    `tau_maps`; `features`: ResNet blocks whose residual is the source's, before `tau_features`
    (Plug-and-Play, 2211.12572). `shared`: whether the unconditional branch, too, takes over what the source's
    conditional one has, so that the source runs without an unconditional branch, at guidance 1, unless the
    rule of an edit has another for it.

    Raises:
        TypeError: a name that is no string, or another type.
        ValueError: a fraction outside [0, 1].
    """

    mutual: frozenset[str] = frozenset()
    mutual_start: float = 0.0
    self_layers: frozenset[str] = frozenset()
    tau_maps: float = 0.0
    features: frozenset[str] = frozenset()
    tau_features: float = 0.0
    shared: bool = False

    def __post_init__(self) -> None:
        for name in ("mutual", "self_layers", "features"):
            names = check.several(name, getattr(self, name))
            object.__setattr__(self, name, frozenset(check.text(f"A name in {name}", each) for each in names))
        for name in ("mutual_start", "tau_maps", "tau_features"):
            object.__setattr__(self, name, check.fraction(name, getattr(self, name)))
        check.flag("shared", self.shared)

    def of(self, attention: SourceAttention, i: int, steps: int) -> AttentionEdit:
        """What step i of `steps` takes over of a source call."""
        nothing: frozenset[str] = frozenset()
        return AttentionEdit(
            attention,
            self_layers=self.self_layers if is_on(i, self.tau_maps, steps) else nothing,
            mutual=nothing if is_on(i, self.mutual_start, steps) else self.mutual,
            features=self.features if is_on(i, self.tau_features, steps) else nothing,
        )

    @property
    def per_branch(self) -> bool:
        """Whether there is anything that each branch takes over of its own of the source's."""
        return not self.shared and bool(self.self_layers or self.mutual or self.features)

    def acts(self, i: int, steps: int) -> bool:
        """Whether step i of `steps` takes over anything."""
        edit = self.of(SourceAttention(), i, steps)
        return bool(edit.self_layers or edit.mutual or edit.features)


NOTHING = Injection()

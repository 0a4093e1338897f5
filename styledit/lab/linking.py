"""Widgets of one edit that follow each other: where a person goes in one, the others go.

A page reports what a person does there; what it shows because another widget leads it, it does not report. So
nothing goes round.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import Any

from styledit import validation as check
from styledit.lab.edit.widget import EditLab
from styledit.lab.explorer.widget import AttentionExplorer
from styledit.lab.place import Place
from styledit.lab.player.widget import InversionPlayer

Linkable = EditLab | AttentionExplorer | InversionPlayer
NAMES = {EditLab: "lab", AttentionExplorer: "explorer", InversionPlayer: "player"}


def link(*widgets: Linkable) -> Link:
    """Let a lab, an explorer and a player of one edit follow each other: a step that is scrubbed in one is
    shown in the others, where they have it, and so is a word that is chosen.

        inversion = styledit.invert(pipe, picture, "a red car on the beach", record=styledit.Layers())
        player = inversion_player(pipe, inversion)
        explorer = attention_explorer(pipe, inversion)
        lab = edit_lab(pipe, inversion)
        together = link(player, explorer, lab)  # then show each: display(player, explorer, lab)
        together.close()  # each for itself again

    The others begin where the first one stands. A widget that is closed leaves; a lab that is given another
    source waits until it is back.

    Returns:
        The `Link`; its `close` ends it.

    Raises:
        TypeError: something that is none of the three.
        ValueError: fewer than two, one twice, a closed one, or widgets whose runs have other prompts or other
            numbers of steps.
    """
    for widget in widgets:
        if not isinstance(widget, Linkable):
            raise TypeError(
                "link() takes an edit_lab, an attention_explorer and an inversion_player, or two of them, "
                f"not {check.shown(widget)}."
            )
        if widget.is_closed:
            raise ValueError(f"This {_name(widget)} is closed; run its cell again, and link the new one.")
    if len(widgets) < 2 or len(set(map(id, widgets))) < len(widgets):
        raise ValueError("link() takes two or more widgets, each once: link(player, explorer).")
    first = widgets[0].run_shown()
    for widget in widgets[1:]:
        if widget.run_shown() != first:
            own, other = (f"{steps} steps of {prompt!r}" for prompt, steps in (first, widget.run_shown()))
            raise ValueError(
                f"The {_name(widgets[0])} shows {own} and the {_name(widget)} {other}; "
                "link widgets that were made of one inversion."
            )
    return Link(widgets)


@dataclass
class _Member:
    """A widget, where it stands, and whether it is being led there now."""

    widget: Linkable
    place: Place
    led: bool = False


class Link:
    """See `link`. Its members' places change in their workers' threads."""

    def __init__(self, widgets: tuple[Linkable, ...]) -> None:
        self._lock = threading.RLock()
        self._run = widgets[0].run_shown()
        self._members = [_Member(widget, widget.place_shown()) for widget in widgets]
        self._place = self._members[0].place
        for member in self._members:
            member.widget.observe(self._moved, member.widget.place_trait)
            member.widget.observe(self._left, "comm")
            self._call(member)

    @property
    def widgets(self) -> tuple[Linkable, ...]:
        """Those that follow each other now."""
        with self._lock:
            return tuple(member.widget for member in self._members)

    def close(self) -> None:
        """Each for itself again."""
        with self._lock:
            members, self._members = self._members, []
        for member in members:
            member.widget.unobserve(self._moved, member.widget.place_trait)
            member.widget.unobserve(self._left, "comm")
            if not member.widget.is_closed:
                member.widget.worker.call(member.widget, member.widget.unlinked)

    def _call(self, member: _Member) -> None:
        """Have a member go where the link is, in its worker's thread."""
        member.widget.worker.call(member.widget, partial(self._lead, member))

    def _lead(self, member: _Member) -> None:
        if member not in self._members or member.widget.run_shown() != self._run:
            return
        member.led = True
        try:
            member.widget.lead(self._place)
        finally:
            member.led = False
            member.place = member.widget.place_shown()

    def _moved(self, change: Any) -> None:
        """A widget stands elsewhere; what a person changed there, the others follow."""
        with self._lock:
            member = next((known for known in self._members if known.widget is change.owner), None)
            if member is None or member.led or member.widget.run_shown() != self._run:
                return
            before, member.place = member.place, member.widget.place_shown()
            place = self._place.moved(before, member.place)
            if place == self._place:
                return
            self._place = place
            others = [other for other in self._members if other is not member]
        for other in others:
            self._call(other)

    def _left(self, change: Any) -> None:
        """A widget is closed."""
        if change.new is not None:
            return
        change.owner.unobserve(self._moved, change.owner.place_trait)
        change.owner.unobserve(self._left, "comm")
        with self._lock:
            self._members = [known for known in self._members if known.widget is not change.owner]
            alone = len(self._members) < 2
        if alone:
            self.close()


def _name(widget: Linkable) -> str:
    return next(name for kind, name in NAMES.items() if isinstance(widget, kind))

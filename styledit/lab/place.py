"""Where a widget stands, in words that another one understands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A step of the run, 0 the noisiest, and a word of a prompt; None where it is none in particular."""

    step: int | None = None
    word: str | None = None

    def moved(self, before: Place, after: Place) -> Place:
        """This place where somebody went from one to another: what changed there changes here."""
        step = self.step if after.step in (None, before.step) else after.step
        word = self.word if after.word in (None, before.word) else after.word
        return Place(step, word)

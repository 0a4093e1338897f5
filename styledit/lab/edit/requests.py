"""What the page asks for, and what it has seen: wishes for an edit, and the history of the granted ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from styledit.lab.edit.guided import GUIDED, Guide
from styledit.lab.edit.methods import OWN
from styledit.lab.edit.session import Source

HISTORY = 60  # entries
LONGEST_NAME = 80


@dataclass(frozen=True)
class EditRequest:
    """An edit that the page asks for; two of the same `key` have the same picture."""

    id: int
    moving: bool
    prompt: str
    settings: Mapping[str, Any] | None  # None: the suggested ones
    method: str
    guide: Guide | None = None  # of a guided edit

    @property
    def key(self) -> str:
        given = None if self.settings is None else sorted((k, repr(v)) for k, v in self.settings.items())
        return repr((self.prompt, given, self.method, self.guide and self.guide.key))

    def for_page(self) -> dict[str, Any]:
        """What the page's controls show of it beside the settings."""
        method = OWN if self.guide is not None else self.method
        return {"method": method, "guided": None if self.guide is None else self.guide.as_dict()}

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Self:
        """What an `edit` message asks for."""
        return cls(
            int(message["id"]),
            bool(message["moving"]),
            str(message["prompt"]),
            None if message.get("auto") else dict(message["settings"]),
            str(message.get("method") or OWN),
        )

    @classmethod
    def guided(cls, message: Mapping[str, Any], guide: Guide) -> Self:
        """What a `guide` message asks for."""
        settings = None if message.get("auto") else dict(message["settings"])
        return cls(int(message["id"]), False, str(message["prompt"]), settings, GUIDED, guide)


@dataclass(frozen=True)
class Entry:
    """A line of the history: enough to make the edit again."""

    id: int
    name: str
    source: Source
    wish: EditRequest
    thumb: bytes


class History:
    """The edits that stood on the page, the oldest first."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._recalled: Entry | None = None

    def add(self, wish: EditRequest, source: Source, thumb: bytes) -> bool:
        """A new line, unless the last one, or the one recalled, is the same; whether there is one."""
        last = self.entries[-1] if self.entries else None
        for entry in (last, self._recalled):
            if entry is not None and entry.wish.key == wish.key and entry.source is source:
                return False
        self._recalled = None
        entry = Entry(1 + (last.id if last else 0), "", source, wish, thumb)
        self.entries = [*self.entries, entry][-HISTORY:]
        return True

    def recall(self, number: object) -> Entry:
        """An entry by its number.

        Raises:
            ValueError: it is no longer there.
        """
        entry = next((entry for entry in self.entries if entry.id == number), None)
        if entry is None:
            raise ValueError("This entry of the history is no longer there.")
        self._recalled = entry
        return entry

    def rename(self, number: object, name: str) -> None:
        """Give an entry a name."""
        self.entries = [
            replace(entry, name=name[:LONGEST_NAME]) if entry.id == number else entry
            for entry in self.entries
        ]

    def as_dicts(self) -> list[dict[str, Any]]:
        """The lines as the page takes them."""
        return [
            {
                "id": entry.id,
                "name": entry.name,
                "prompt": entry.wish.prompt,
                "settings": dict(entry.wish.settings or {}),
                "thumb": entry.thumb,
            }
            | entry.wish.for_page()
            for entry in self.entries
        ]

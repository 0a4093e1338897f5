"""The edits that stood on a page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from styledit.lab.edit.requests import EditRequest
from styledit.lab.edit.session import Source

LONGEST = 60  # entries
LONGEST_NAME = 80


@dataclass(frozen=True)
class Entry:
    """A line of the history: enough to make the edit again."""

    id: int
    name: str
    source: Source
    request: EditRequest
    thumb: bytes


class History:
    """The edits that stood on the page, the oldest first."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._recalled: Entry | None = None

    def add(self, request: EditRequest, source: Source, thumb: bytes) -> bool:
        """A new line, unless the last one, or the one recalled, is the same, which then gets the newer
        picture; whether anything changed.
        """
        last = self.entries[-1] if self.entries else None
        for entry in (last, self._recalled):
            if entry is not None and entry.request.key == request.key and entry.source is source:
                renewed = replace(entry, thumb=thumb)
                self.entries = [renewed if other.id == entry.id else other for other in self.entries]
                return thumb != entry.thumb
        self._recalled = None
        entry = Entry(1 + (last.id if last else 0), "", source, request, thumb)
        self.entries = [*self.entries, entry][-LONGEST:]
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
                "prompt": entry.request.prompt,
                "settings": dict(entry.request.settings or {}),
                "thumb": entry.thumb,
            }
            | entry.request.for_page()
            for entry in self.entries
        ]

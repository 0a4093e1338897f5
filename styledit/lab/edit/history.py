"""The edits that stood on a page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from styledit.lab.edit.requests import EditRequest
from styledit.lab.edit.session import Source

LONGEST = 60  # entries
LARGEST = 64 * 2**20  # bytes of their pictures
LONGEST_NAME = 80


@dataclass(frozen=True)
class Entry:
    """A line of the history: what makes the edit again, and its exact picture (PNG)."""

    id: int
    name: str
    source: Source
    request: EditRequest
    picture: bytes
    thumb: bytes

    def is_of(self, request: EditRequest, source: Source) -> bool:
        """Whether it has the picture of a request."""
        return self.request.key == request.key and self.source.key == source.key


class History:
    """The edits that stood on the page, the oldest first; `present` is the one that stands there."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.present: Entry | None = None
        self._recalled: Entry | None = None

    def stand(self, request: EditRequest, source: Source, picture: bytes, thumb: bytes) -> Entry:
        """The line of an edit that is shown: the last one, or the one recalled, where that is the same; else
        a new one.
        """
        last = self.entries[-1] if self.entries else None
        known = [entry for entry in (self._recalled, last) if entry and entry.is_of(request, source)]
        if known:
            # It may be automatic now, or made anew where it was opened.
            self._renew(replace(known[0], request=request, picture=picture, thumb=thumb))
            self.present = self.entry(known[0].id)
        else:
            number = 1 + (last.id if last else 0)
            self.present = Entry(number, "", source, request, picture, thumb)
            self.entries = _newest([*self.entries, self.present])
            self._recalled = None
        return self.present

    def recall(self, number: object) -> Entry:
        """An entry that is to be shown.

        Raises:
            ValueError: it is no longer there.
        """
        self._recalled = self.entry(number)
        return self._recalled

    def entry(self, number: object) -> Entry:
        """An entry by its number.

        Raises:
            ValueError: it is no longer there.
        """
        entry = next((entry for entry in self.entries if entry.id == number), None)
        if entry is None:
            raise ValueError("This entry of the history is no longer there.")
        return entry

    def rename(self, number: object, name: str) -> None:
        """Give an entry a name.

        Raises:
            ValueError: it is no longer there.
        """
        self._renew(replace(self.entry(number), name=name[:LONGEST_NAME]))

    def _renew(self, entry: Entry) -> None:
        """An entry in the place of the one with its number."""
        self.entries = [entry if old.id == entry.id else old for old in self.entries]
        if self.present is not None and self.present.id == entry.id:
            self.present = entry
        if self._recalled is not None and self._recalled.id == entry.id:
            self._recalled = entry

    def as_dicts(self) -> list[dict[str, Any]]:
        """The lines as the page takes them."""
        return [
            {
                "id": entry.id,
                "name": entry.name,
                "source": entry.source.about(),
                "prompt": entry.request.prompt,
                "settings": dict(entry.request.settings or {}),
                "thumb": entry.thumb,
            }
            | entry.request.for_page()
            for entry in self.entries
        ]


def _newest(entries: list[Entry]) -> list[Entry]:
    """As many as may be kept, one at least."""
    kept = entries[-LONGEST:]
    while len(kept) > 1 and sum(len(entry.picture) for entry in kept) > LARGEST:
        kept = kept[1:]
    return kept

"""The newest wishes of a page: its callbacks leave them here, the worker takes them; newest wins."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from styledit.lab.edit.requests import EditRequest
from styledit.lab.edit.session import Source


@dataclass(frozen=True, eq=False)
class SourceRequest:
    """Another source: the request's number, and what makes it; files are decoded by whoever calls that."""

    id: int
    make: Callable[[], Source]


class RequestQueue:
    """What is still to be done. Every change is made under one lock: a wish that comes while an older one is
    being finished is never lost.

    `source`, `edit`, `sheet`: the newest of each, or None; `commands`: what is done in between, in order;
    `saving`: whether the edit is to be saved when none is on its way; `stops`: how often the page asked to
    stop.
    """

    def __init__(self, source: SourceRequest, edit: EditRequest) -> None:
        self._lock = threading.Lock()
        self.source: SourceRequest | None = source
        self.edit: EditRequest | None = edit
        self.sheet: dict[str, Any] | None = None
        self.commands: deque[Callable[[], None]] = deque()
        self.saving = False
        self.stops = 0

    def __bool__(self) -> bool:
        return (
            bool(self.commands)
            or self.saving
            or any(wish is not None for wish in (self.source, self.edit, self.sheet))
        )

    def ask_source(self, wish: SourceRequest) -> None:
        with self._lock:
            self.source = wish

    def ask_edit(self, wish: EditRequest) -> None:
        with self._lock:
            self.edit = wish

    def ask_sheet(self, message: dict[str, Any]) -> None:
        with self._lock:
            self.sheet = message

    def offer_edit(self, wish: EditRequest) -> None:
        """An edit, unless the page asks for one that is as new, or newer."""
        with self._lock:
            if self.edit is None or self.edit.id < wish.id:
                self.edit = wish

    def stop(self, but: EditRequest | None = None) -> None:
        """Forget all that was asked for up to now, but for one edit that ends by itself."""
        with self._lock:
            self.stops += 1
            self.source = self.sheet = None
            if self.edit is not but:
                self.edit = None

    def take_source(self, wish: SourceRequest) -> bool:
        """A source is ready; whether it is still the one that is wanted."""
        with self._lock:
            if self.source is not wish:
                return False
            self.source = None
            return True

    def drop_source(self, wish: SourceRequest) -> None:
        """A source cannot be had, nor the edit that was asked for with it."""
        with self._lock:
            if self.source is wish:
                self.source = self.edit = None

    def wants(self, key: str) -> bool:
        """Whether the newest edit is the one of a key, and of the source that stands."""
        edit = self.edit
        return self.source is None and edit is not None and edit.key == key

    def take_edit(self, key: str) -> EditRequest | None:
        """An edit is done: the newest wish for it, where it is still wanted."""
        with self._lock:
            wish = self.edit
            if wish is None or wish.key != key:
                return None
            self.edit = None
            return wish

    def take_sheet(self) -> dict[str, Any] | None:
        """The contact sheet that is asked for, which is then taken care of."""
        with self._lock:
            sheet, self.sheet = self.sheet, None
            return sheet

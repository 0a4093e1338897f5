"""What a page asks for and what the worker still has to do: the page's callbacks leave requests here, the
worker takes them. Of sources, edits and sheets the newest wins; what is short is done in order.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from styledit.lab.edit.requests import EditRequest
from styledit.lab.edit.session import Source

Command = Callable[[], None]


@dataclass(frozen=True, eq=False)
class SourceRequest:
    """Another source: the request's number, and what makes it; files are decoded by whoever calls that."""

    id: int
    make: Callable[[], Source]


class RequestQueue:
    """The one thing of a lab that both threads write: every field is private, and every read and write of one
    is made under one lock. A request that comes while an older one is being finished stays until it is
    taken, unless the page stops, or its source cannot be had.
    """

    def __init__(self, source: SourceRequest, edit: EditRequest) -> None:
        self._lock = threading.Lock()
        self._source: SourceRequest | None = source
        self._edit: EditRequest | None = edit
        self._sheet: dict[str, Any] | None = None
        self._word_map: dict[str, Any] | None = None
        self._looks: dict[str, Any] | None = None
        self._commands: deque[Command] = deque()
        self._save = False
        self._stops = 0
        self._protected: EditRequest | None = None
        self._painted = 0

    # The page asks.

    def ask_source(self, request: SourceRequest) -> None:
        with self._lock:
            self._source = request

    def ask_edit(self, request: EditRequest) -> None:
        with self._lock:
            self._edit = request

    def ask_sheet(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._sheet = message

    def ask_word_map(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._word_map = message

    def ask_looks(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._looks = message

    def ask_save(self) -> None:
        with self._lock:
            self._save = True

    def ask(self, command: Command) -> None:
        """Something short, which is done in between, in order."""
        with self._lock:
            self._commands.append(command)

    def stop(self) -> None:
        """Forget all that was asked for up to now, but for a protected edit."""
        with self._lock:
            self._stops += 1
            self._source = self._sheet = self._word_map = self._looks = None
            if self._edit is not self._protected:
                self._edit = None

    def confirm(self, serial: int) -> None:
        """The page has painted the frame of this number."""
        with self._lock:
            self._painted = serial

    # The worker looks, and takes.

    @property
    def source(self) -> SourceRequest | None:
        """The newest source that is asked for."""
        with self._lock:
            return self._source

    @property
    def edit(self) -> EditRequest | None:
        """The newest edit that is asked for."""
        with self._lock:
            return self._edit

    @property
    def word_map(self) -> dict[str, Any] | None:
        """The message that asks where a word looks."""
        with self._lock:
            return self._word_map

    @property
    def looks(self) -> dict[str, Any] | None:
        """The message that asks where all words look."""
        with self._lock:
            return self._looks

    @property
    def stops(self) -> int:
        """How often the page asked to stop."""
        with self._lock:
            return self._stops

    @property
    def painted(self) -> int:
        """The number of the last frame that the page has painted."""
        with self._lock:
            return self._painted

    @property
    def has_protected(self) -> bool:
        """Whether an edit that no stop ends is on its way."""
        with self._lock:
            return self._protected is not None

    @property
    def has_commands(self) -> bool:
        """Whether something short is asked for."""
        with self._lock:
            return bool(self._commands)

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        with self._lock:
            newest = (self._source, self._edit, self._sheet, self._word_map, self._looks)
            return bool(self._commands) or self._save or any(request is not None for request in newest)

    def wants(self, key: str) -> bool:
        """Whether the newest edit is the one of a key, and of the source that stands."""
        with self._lock:
            return self._source is None and self._edit is not None and self._edit.key == key

    def protect(self, request: EditRequest | None) -> None:
        """The edit that ends by itself where the page asks to stop; None where there is none."""
        with self._lock:
            self._protected = request

    def offer_edit(self, request: EditRequest) -> None:
        """An edit, unless the page asks for one that is as new, or newer."""
        with self._lock:
            if self._edit is None or self._edit.id < request.id:
                self._edit = request

    def take_source(self, request: SourceRequest) -> bool:
        """A source is ready; whether it is still the one that is asked for."""
        with self._lock:
            if self._source is not request:
                return False
            self._source = None
            return True

    def drop_source(self, request: SourceRequest) -> None:
        """A source cannot be had, nor the edit that was asked for with it."""
        with self._lock:
            if self._source is request:
                self._source = self._edit = None

    def take_edit(self, key: str) -> EditRequest | None:
        """An edit is done: the newest request for it, where it is still asked for."""
        with self._lock:
            request = self._edit
            if request is None or request.key != key:
                return None
            self._edit = None
            return request

    def drop_edit(self, request: EditRequest) -> None:
        """An edit cannot be made."""
        with self._lock:
            if self._edit is request:
                self._edit = None

    def take_word_map(self, message: dict[str, Any]) -> None:
        """Where a word looks is known, or cannot be."""
        with self._lock:
            if self._word_map is message:
                self._word_map = None

    def take_looks(self) -> None:
        """Where all words look is known, or cannot be; it answers all who asked meanwhile."""
        with self._lock:
            self._looks = None

    def take_sheet(self) -> dict[str, Any] | None:
        """The message that asks for a contact sheet."""
        with self._lock:
            message, self._sheet = self._sheet, None
            return message

    def take_save(self) -> bool:
        """Whether the edit is to be saved."""
        with self._lock:
            save, self._save = self._save, False
            return save

    def take_command(self) -> Command | None:
        """The first of the short things."""
        with self._lock:
            return self._commands.popleft() if self._commands else None

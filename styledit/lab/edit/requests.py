"""The edits that a page asks for, and the one that stands on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from styledit.editing import Edit, Settings
from styledit.lab.edit import methods
from styledit.lab.edit.guided import GUIDED, Guide
from styledit.lab.edit.methods import FOLLOW, VALUES
from styledit.lab.frames import encode


@dataclass(frozen=True)
class EditRequest:
    """An edit that the page asks for; two of the same `key` have the same picture.

    `id`: the number of the message; `moving`: a slider is being dragged; `settings`: as the page has them,
    None for the suggested ones; `guide`: of a guided edit; `parameters`: by name, those that only some
    methods take; `suggested`: that `settings` are what was suggested when the edit was first made, so that
    another prompt gets suggested ones, too.
    """

    id: int
    moving: bool
    prompt: str
    settings: Mapping[str, Any] | None
    method: str
    guide: Guide | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    suggested: bool = False

    @property
    def auto(self) -> bool:
        """Whether nobody chose the settings."""
        return self.settings is None or self.suggested

    @property
    def key(self) -> str:
        given = None
        if self.settings is not None:  # what the method ignores makes no other picture
            read = methods.read_settings(self.method, self.settings)
            given = sorted((k, _said(v)) for k, v in read.items())
        known = methods.named(self.method).parameters
        own = [_said(self.parameters.get(each.name, each.default)) for each in known]
        return repr((self.prompt, given, self.method, self.guide and self.guide.key, own))

    @classmethod
    def first(cls, prompt: str) -> Self:
        """The first edit to a target prompt, with the settings that suit it; asked for by no message."""
        return cls(0, False, prompt, None, FOLLOW)

    @classmethod
    def of(cls, message: Mapping[str, Any], guide: Guide | None = None) -> Self:
        """What an `edit` message asks for, or with a guide a `guide` message."""
        return cls(
            int(message["id"]),
            guide is None and bool(message["moving"]),
            str(message["prompt"]),
            None if message.get("auto") else dict(message["settings"]),
            GUIDED if guide is not None else str(message.get("method") or FOLLOW),
            guide,
            dict(message.get("parameters") or {}),
        )

    def for_page(self) -> dict[str, Any]:
        """What the page's controls show of it beside the settings; a guided edit is one of value inputs."""
        method = VALUES if self.guide is not None else self.method
        return {
            "method": method,
            "parameters": methods.parameters_of(method, self.parameters),
            "guided": None if self.guide is None else self.guide.as_dict(),
            "auto": self.auto,
        }


def _said(value: object) -> str:
    """A value as text; the page sends 1 for 1.0."""
    return repr(float(value) if type(value) is int else value)


@dataclass(frozen=True)
class ShownEdit:
    """An exact edit that stands on the page, with the settings that its request came to. `foreign`: the lab
    could not make it itself.
    """

    request: EditRequest
    settings: Settings
    edit: Edit
    foreign: bool = False

    @cached_property
    def png(self) -> bytes:
        """Its picture, exactly."""
        return encode(self.edit.image)

"""Challenges: how an edit compares with the true one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from styledit.lab.edit import png_recipe
from styledit.lab.edit.methods import FOLLOW
from styledit.lab.edit.requests import ShownEdit
from styledit.lab.edit.samples import Challenge, challenges, score
from styledit.lab.edit.session import Prepared, Source
from styledit.lab.edit.sheet import Tile
from styledit.lab.frames import encode
from styledit.metrics import psnr


class Scores:
    """The challenges by name, what the suggested settings reached of the source that stands, and the best of
    each challenge in which the change is seen.
    """

    def __init__(self) -> None:
        self.challenges = {challenge.name: challenge for challenge in challenges()}
        self._suggested: float | None = None
        self._best: dict[str, dict[str, Any]] = {}

    def begin(self) -> None:
        """Another source."""
        self._suggested = None

    def challenge(self, source: Source) -> Challenge | None:
        """The challenge that a source is of."""
        return self.challenges.get(source.name) if source.kind == "challenge" else None

    def of(self, source: Source, shown: ShownEdit) -> dict[str, Any] | None:
        """The field `score` of a frame; None where the true edit is not known."""
        challenge = self._asked(source, shown.request.prompt)
        if challenge is None:
            return None
        request = shown.request
        reached = score(challenge, shown.edit.image)
        if request.auto and request.method == FOLLOW:
            self._suggested = reached.psnr
        best = self._best.get(challenge.name)
        if reached.succeeded and (best is None or best["psnr"] < reached.psnr):
            settings = png_recipe.as_dict(shown.settings)
            again = {"prompt": request.prompt, "settings": settings} | request.for_page()
            best = self._best[challenge.name] = {"psnr": reached.psnr, "request": again}
        return {
            "psnr": reached.psnr,
            "suggested_psnr": self._suggested,
            "best": best,
            "succeeded": reached.succeeded,
            "verdict": reached.verdict,
            "truth": encode(challenge.truth),
        }

    def judged(self, prepared: Prepared, tile: Tile) -> Tile:
        """A tile of a contact sheet with its distance to the source; where the true edit is known, also with
        that to the truth, and whether the judge sees the change.
        """
        picture = tile.image
        if picture is None:
            return tile
        tile = replace(tile, psnr=psnr(picture, prepared.picture))
        challenge = self._asked(prepared.source, tile.request.prompt)
        if challenge is None:
            return tile
        reached = score(challenge, picture)
        return replace(tile, truth_psnr=reached.psnr, succeeded=reached.succeeded)

    def _asked(self, source: Source, prompt: str) -> Challenge | None:
        """The challenge whose true edit a target prompt asks for."""
        challenge = self.challenge(source)
        return challenge if challenge is not None and challenge.target == prompt else None

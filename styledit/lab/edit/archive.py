"""The edits that a page can come back to: its history, two of it beside each other, and the PNG files that it
saves and opens.

Called by the worker only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from diffusers import StableDiffusionPipeline

from styledit.editing import Settings
from styledit.lab.edit import methods, png_recipe
from styledit.lab.edit.guided import GUIDED, Guiding
from styledit.lab.edit.history import History
from styledit.lab.edit.methods import FOLLOW, VALUES
from styledit.lab.edit.queue import RequestQueue, SourceRequest
from styledit.lab.edit.requests import EditRequest, ShownEdit
from styledit.lab.edit.session import Prepared, Source
from styledit.lab.edit.sheet import ContactSheets
from styledit.lab.edit.sheet_files import sheet_csv, sheet_png
from styledit.lab.edit.traits import EditTraits
from styledit.lab.frames import decode, thumbnail
from styledit.metrics import psnr
from styledit.pictures import read_image
from styledit.pipeline import model_fingerprint


class Archive:
    """History and files of one lab: sets the traits `history`, `present`, `compared`, `saved` and `exported`,
    and asks for what is recalled or opened as the page would.
    """

    def __init__(
        self, pipe: StableDiffusionPipeline, page: EditTraits, queue: RequestQueue, guiding: Guiding
    ) -> None:
        self.pipe = pipe
        self.page = page
        self.queue = queue
        self.guiding = guiding
        self.past = History()

    def remember(self, shown: ShownEdit, source: Source) -> None:
        """The line of the history that the edit on the page has, a new one where it has none."""
        picture = self.page.frame["picture"]
        thumb = thumbnail(shown.edit.image)
        entry = self.past.stand(_settled(shown), source, picture, thumb)
        self.page.history = self.past.as_dicts()
        self.page.present = {"entry": entry.id, "request": shown.request.id}

    def recall(self, message: Mapping[str, Any], source_id: int, present: Prepared | None) -> None:
        """Show an entry of the history again.

        Args:
            source_id, present: the source that stands, which another one may have to replace.

        Raises:
            ValueError: the entry is no longer there.
        """
        entry = self.past.recall(message["id"])
        self.guiding.takes(entry.request.guide)
        another = self.queue.source is not None  # on its way, and no longer wanted
        if another or present is None or entry.source.key != present.source.key:
            self.queue.ask_source(SourceRequest(source_id, lambda: entry.source))
        self.queue.ask_edit(replace(entry.request, id=int(message.get("request", 0)), moving=False))

    def rename(self, message: Mapping[str, Any]) -> None:
        """Name an entry of the history.

        Raises:
            ValueError: the entry is no longer there.
        """
        self.past.rename(message["id"], str(message["name"]))
        self.page.history = self.past.as_dicts()

    def compare(self, message: Mapping[str, Any], shown: ShownEdit | None) -> None:
        """Two pictures that the page puts over each other, and how far they are apart.

        Raises:
            ValueError: one of them is not there.
        """
        sides = message["left"], message["right"]
        if None in sides:
            self.page.compared = {}
            return
        left, right = (self._compared(side, shown) for side in sides)
        decibels = psnr(decode(left), decode(right))
        self.page.compared = {
            "id": int(message["id"]),
            "left": sides[0],
            "right": sides[1],
            "pictures": [
                picture if isinstance(side, int) else None
                for side, picture in zip(sides, (left, right), strict=True)
            ],
            "psnr": decibels if math.isfinite(decibels) else None,
        }

    def _compared(self, side: object, shown: ShownEdit | None) -> bytes:
        """An exact picture (PNG): of an entry, or one that the page names."""
        if isinstance(side, int):
            return self.past.entry(side).picture
        score = self.page.frame.get("score") or {}
        named = {
            "source": self.page.source.get("picture"),
            "reconstruction": self.page.source.get("reconstruction"),
            "edit": None if shown is None else shown.png,
            "truth": score.get("truth"),
        }
        picture = named.get(str(side))
        if picture is None:
            raise ValueError(
                "One of the two pictures is not there yet; choose another, or wait for the edit."
            )
        return picture

    def save(self, shown: ShownEdit | None, prepared: Prepared | None) -> None:
        """The edit as a PNG file that carries its recipe.

        Raises:
            ValueError: there is none, or one that the lab cannot make.
        """
        if shown is None or prepared is None:
            raise ValueError("There is no edit yet that could be saved.")
        if shown.foreign:
            raise ValueError("This edit was opened, not made here; change something, then save.")
        request, source = shown.request, prepared.source
        saved = png_recipe.SavedEdit(
            image=shown.edit.image,
            picture=prepared.picture,
            prompt=source.prompt,
            target=request.prompt,
            steps=source.steps,
            settings=png_recipe.as_dict(shown.settings),
            method=request.method,
            model=prepared.inversion.model,
            given=prepared.given and request.method in (VALUES, GUIDED),
            guide=request.guide,
            parameters=methods.parameters_of(request.method, request.parameters),
            auto=request.auto,
        )
        number = int(self.page.saved.get("id", 0)) + 1
        data = png_recipe.save_png(self.pipe, saved)
        self.page.saved = {"id": number, "name": self.file_name(shown, prepared), "data": data}

    def file_name(self, shown: ShownEdit, prepared: Prepared) -> str:
        """The name under which the edit would be saved now: what it is called in the history, or its prompt,
        and a number that no other edit has.
        """
        request, source, entry = _settled(shown), prepared.source, self.past.present
        named = entry.name if entry is not None and entry.is_of(request, source) else ""
        recipe = repr((source.prompt, source.steps, request.key, prepared.picture.size)).encode()
        return png_recipe.file_name(named or request.prompt, recipe + prepared.picture.tobytes())

    def export(self, message: Mapping[str, Any], sheets: ContactSheets) -> None:
        """A contact sheet as a file: "png" for a picture, "csv" for a table.

        Raises:
            ValueError: it is no longer there, nothing of it is drawn, or another kind.
        """
        makers = {"png": sheet_png, "csv": sheet_csv}
        kind = str(message["kind"])
        if kind not in makers:
            raise ValueError(f"A grid is exported as {' or '.join(makers)}, not as {kind!r}.")
        data = makers[kind](sheets.find(message["sheet"]))
        self.page.exported = {"id": int(message["id"]), "name": f"contact_sheet.{kind}", "data": data}

    def open(self, message: Mapping[str, Any], data: bytes) -> None:
        """Show what such a file holds.

        Raises:
            ValueError: a file that the lab did not save, or a damaged one.
        """
        saved = png_recipe.open_png(data)
        self.guiding.takes(saved.guide)
        number = int(message["id"])
        there = [each["name"] for each in self.page.world["methods"]]
        known = saved.method in there or saved.guide is not None
        method = GUIDED if saved.guide is not None else saved.method if known else FOLLOW
        note = png_recipe.differences(saved, model_fingerprint(self.pipe), known)
        picture = read_image(self.pipe, saved.picture)
        source = Source("upload", "opened.png", saved.prompt, saved.steps, picture, note=note)
        self.queue.ask_source(SourceRequest(number, lambda: source))
        settings = png_recipe.as_dict(Settings.of(**saved.settings))
        self.queue.ask_edit(
            EditRequest(
                number, False, saved.target, settings, method, saved.guide, saved.parameters, saved.auto
            )
        )


def _settled(shown: ShownEdit) -> EditRequest:
    """What was asked for, with the settings that it came to."""
    return replace(shown.request, settings=png_recipe.as_dict(shown.settings), suggested=shown.request.auto)

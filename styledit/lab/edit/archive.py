"""The edits that a page can come back to: its history, and the PNG files that it saves and opens.

Called by the worker only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from diffusers import StableDiffusionPipeline

from styledit.editing import Settings
from styledit.lab.edit import png_recipe
from styledit.lab.edit.guided import GUIDED, Guiding
from styledit.lab.edit.history import History
from styledit.lab.edit.methods import OWN
from styledit.lab.edit.queue import RequestQueue, SourceRequest
from styledit.lab.edit.requests import EditRequest, ShownEdit
from styledit.lab.edit.session import Prepared, Source
from styledit.lab.edit.traits import EditTraits
from styledit.lab.frames import thumbnail
from styledit.pictures import read_image
from styledit.pipeline import model_fingerprint


class Archive:
    """History and files of one lab: sets the traits `history` and `saved`, and asks for what is recalled or
    opened as the page would.
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
        """A line of the history, unless it is there already."""
        request = replace(shown.request, settings=png_recipe.as_dict(shown.settings))
        if self.past.add(request, source, thumbnail(shown.edit.image)):
            self.page.history = self.past.as_dicts()

    def recall(self, message: Mapping[str, Any], source_id: int, present: Prepared | None) -> None:
        """Show an entry of the history again.

        Args:
            source_id, present: the source that stands, which another one may have to replace.

        Raises:
            ValueError: the entry is no longer there.
        """
        entry = self.past.recall(message["id"])
        self.guiding.takes(entry.request.guide)
        if present is None or entry.source is not present.source:
            self.queue.ask_source(SourceRequest(source_id, lambda: entry.source))
        self.queue.ask_edit(replace(entry.request, id=int(message.get("request", 0)), moving=False))

    def rename(self, message: Mapping[str, Any]) -> None:
        """Name an entry of the history."""
        self.past.rename(message["id"], str(message["name"]))
        self.page.history = self.past.as_dicts()

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
            method=shown.method,
            model=prepared.inversion.model,
            given=prepared.given,
            guide=request.guide,
        )
        name = "_".join(request.prompt.split())[:60] or "edit"
        number = int(self.page.saved.get("id", 0)) + 1
        data = png_recipe.save_png(self.pipe, saved)
        self.page.saved = {"id": number, "name": f"{name}.png", "data": data}

    def open(self, message: Mapping[str, Any], data: bytes) -> None:
        """Show what such a file holds.

        Raises:
            ValueError: a file that the lab did not save, or a damaged one.
        """
        saved = png_recipe.open_png(data)
        self.guiding.takes(saved.guide)
        number = int(message["id"])
        known = saved.method in self.page.world["methods"] or saved.guide is not None
        method = GUIDED if saved.guide is not None else saved.method if known else OWN
        note = png_recipe.differences(saved, model_fingerprint(self.pipe), known)
        picture = read_image(self.pipe, saved.picture)
        source = Source("upload", "opened.png", saved.prompt, saved.steps, picture, note=note)
        self.queue.ask_source(SourceRequest(number, lambda: source))
        settings = png_recipe.as_dict(Settings.of(**saved.settings))
        self.queue.ask_edit(EditRequest(number, False, saved.target, settings, method, saved.guide))

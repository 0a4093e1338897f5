"""The EditLab: source and target prompt, a slider for every switch, and the edit that follows while you drag.

`PROTOCOL.md` in the folder above says what the two halves tell each other. The page's thread leaves what it
asks for in a `RequestQueue`; the worker's thread does everything else:

- `EditMaker` makes the edits of one source; a new source gets a new one;
- `Display` sets the traits of what is shown, `Archive` those of history and files;
- `Guiding` keeps the guided edits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, TypeVar

from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit import validation as check
from styledit.editing import Edit, Settings
from styledit.lab.edit import png_recipe, serialising
from styledit.lab.edit.archive import Archive
from styledit.lab.edit.cache import FitCache
from styledit.lab.edit.display import Display, snapshot
from styledit.lab.edit.guided import Guiding
from styledit.lab.edit.maker import PREVIEWED, EditMaker, Made
from styledit.lab.edit.methods import VALUES, MethodFunction
from styledit.lab.edit.queue import RequestQueue, SourceRequest
from styledit.lab.edit.requests import EditRequest, ShownEdit
from styledit.lab.edit.session import (
    Prepared,
    Progress,
    Ready,
    Source,
    domain_warning,
    drawing,
    first_signs,
    is_over,
    last_sign,
    preparing,
)
from styledit.lab.edit.sheet import Sheet, drawing_tiles, lay_out_sheet
from styledit.lab.edit.sources import picture_of, source_of
from styledit.lab.edit.step_pictures import Pictures, picturing_steps
from styledit.lab.edit.traits import EditTraits
from styledit.lab.edit.word_maps import looking, looking_around, looks_dict, recording, records, word_map_dict
from styledit.lab.explorer.packing import result_of
from styledit.lab.place import Place
from styledit.lab.widget import Work, sentence

PROGRESS_EVERY = 0.1  # seconds between two lines of progress
SHEET_EVERY = 0.3  # and between two states of a contact sheet
STEPS_EVERY = 0.5  # and of the steps' pictures
Result = TypeVar("Result")

# Which fields each thread may write. The page's thread writes those of the queue only, under its lock;
# the worker's writes those, under the same lock, and all the others.
PAGE_FIELDS = {
    "RequestQueue": frozenset(
        {"_source", "_edit", "_sheet", "_word_map", "_looks", "_commands", "_save", "_stops"}
        | {"_protected", "_painted"}
    ),
}
WORKER_FIELDS = PAGE_FIELDS | {
    "EditLab": frozenset({"maker", "shown", "_checking", "_drawing", "_warm_up", "problem"})
    | {"source", "target", "frame", "progress", "history", "present", "compared", "guided", "code", "saved"}
    | {"sheet", "sheets", "tile", "exported", "steps_shown", "_steps_open", "_pictured"}
    | {"word_map", "looks", "place", "led"},
    "EditMaker": frozenset({"prepared", "_editors", "_nulls", "_fit"}),
    "Display": frozenset({"source_id", "_serial", "_stood"}),
    "Scores": frozenset({"_suggested", "_best"}),
    "History": frozenset({"entries", "present", "_recalled"}),
    "Guiding": frozenset({"last_upload", "_kept"}),
    "ContactSheets": frozenset({"kept"}),
}


class EditLab(EditTraits):
    """The lab for one pipeline; made by `styledit.lab.edit_lab`.

    Args:
        first, ready: the source that it opens with, and what is known of it.
        request: the first edit; None takes another style.
        own: the user's own methods.
    """

    messages: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "source": ("id", "kind", "prompt", "steps"),
        "edit": ("id", "moving", "prompt", "settings"),
        "guide": ("id", "prompt", "settings", "weights", "iterations", "start"),
        "shown": ("serial",),
        "stop": (),
        "sheet": ("id", "rows", "columns"),
        "show_sheet": ("id",),
        "tile": ("sheet", "row", "column"),
        "export": ("id", "sheet", "kind"),
        "steps": ("open",),
        "word_map": ("id", "word"),
        "looks": ("id",),
        "place": ("step", "word"),
        "recall": ("id",),
        "rename": ("id", "name"),
        "compare": ("id", "left", "right"),
        "save": (),
        "open": ("id",),
    }

    maker: EditMaker | None = None  # a closed lab has none
    shown: ShownEdit | None = None

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        first: Source,
        request: EditRequest | None = None,
        ready: Ready | None = None,
        own: Mapping[str, MethodFunction] | None = None,
    ) -> None:
        super().__init__(pipe, world=serialising.world_dict(pipe, own or {}))
        opened = SourceRequest(0, lambda: first)
        self._first = first
        self.own = dict(own or {})
        self.cache = FitCache()
        self.queue = RequestQueue(opened, request or self._first_edit(first.prompt))
        self.display = Display(pipe, self, self.queue)
        self.guiding = Guiding(pipe, self.display.publish_guided)
        self.archive = Archive(pipe, self, self.queue, self.guiding)
        self.maker = None
        self.shown = None
        self._opened_with = None if ready is None else (opened, first, ready)
        self._checking: Generator[Progress, None, None] | None = None  # a picture of the user's
        self._drawing: Generator[Progress, None, None] | None = None  # a contact sheet's
        self._steps_open = False  # whether the page shows the steps' pictures
        self._pictured: ShownEdit | None = None  # whose they are
        self._warm_up = False  # whether the next preview is to be made ready
        self.wake()

    @property
    def prepared(self) -> Prepared | None:
        """The source that stands."""
        return None if self.maker is None else self.maker.prepared

    def snapshot(self) -> Image.Image | None:
        prepared, shown = self.prepared, self.shown
        if prepared is None or shown is None:
            return None
        return snapshot(prepared, shown)

    # The page's thread: requests are stored. Nothing is decoded or computed here.

    def received(self, message: dict[str, Any], buffers: list[memoryview]) -> None:
        kind = message.get("type")
        data = bytes(buffers[0]) if buffers else b""
        if kind == "shown":
            self.queue.confirm(int(message["serial"]))
            return
        if kind == "stop":
            self.queue.stop()
        elif kind == "edit":
            self.queue.ask_edit(EditRequest.of(message))
        elif kind == "source":
            self.queue.ask_source(SourceRequest(int(message["id"]), partial(self._source, message, data)))
        elif kind == "sheet":
            self.queue.ask_sheet(message)
        elif kind == "show_sheet":
            self.queue.ask(partial(self._show_sheet, message))
        elif kind == "tile":
            self.queue.ask(partial(self.display.publish_tile, message))
        elif kind == "export":
            self.queue.ask(partial(self.archive.export, message, self.display.sheets))
        elif kind == "word_map":
            self.queue.ask_word_map(message)
        elif kind == "looks":
            self.queue.ask_looks(message)
        elif kind == "place":
            self.queue.ask(partial(self._stand, message))
        elif kind == "save":
            self.queue.ask_save()
        elif kind == "guide":
            self.queue.ask(partial(self._guide, message, data))
        elif kind == "recall":
            self.queue.ask(partial(self._recall, message))
        elif kind == "steps":
            self.queue.ask(partial(self._open_steps, message))
        elif kind == "rename":
            self.queue.ask(partial(self._rename, message))
        elif kind == "compare":
            self.queue.ask(partial(self._compare, message))
        elif kind == "open":
            self.queue.ask(partial(self.archive.open, message, data))
        self.wake()

    # The worker's thread.

    def work(self) -> Work:
        changed = False
        queue = self.queue
        while not self._closed:
            self._run_commands()
            if queue.source is None:
                self.display.withdraw()
            if queue.source is not None:
                yield from self._guarded(self._prepare())
            elif queue.edit is not None and self.maker is not None:
                yield from self._guarded(self._edit(self.maker))
                changed = True
            elif queue.take_save():
                self._save()
            elif (asked := queue.word_map) is not None:
                yield from self._guarded(self._word_map(asked))
            elif (wanted := queue.looks) is not None:
                yield from self._guarded(self._look(wanted))
            elif (message := queue.take_sheet()) is not None:
                self._try(partial(self._begin_sheet, message))
            elif self._checking is not None and not is_over(self._checking):
                yield from self._guarded(self._going_on(self._checking, lambda: bool(queue)))
            elif self._drawing is not None and not is_over(self._drawing):
                yield from self._guarded(self._going_on(self._drawing, lambda: bool(queue)))
            elif self._warm_up and self.maker is not None and self.shown is not None:
                self._warm_up = False
                warming_up = self.maker.warming_up(self.shown.request.method)
                yield from self._guarded(self._driven(warming_up, lambda: bool(queue)))
            elif (shown := self._to_picture()) is not None and self.prepared is not None:
                yield from self._guarded(self._picture_steps(shown, self.prepared))
            elif not queue.has_commands:
                break
        self.display.publish_progress()
        if changed:
            self.show_snapshot()

    def _guarded(self, run: Generator[None, None, Any]) -> Work:
        """A run whose error becomes a sentence; what is shown stays."""
        try:
            yield from run
        except Exception as error:
            self._failed(error)
            self.display.publish_progress()

    def _try(self, command: Callable[[], None]) -> None:
        try:
            command()
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.display.publish_problem(sentence(error))

    def _driven(
        self, run: Generator[Any, None, Result], outdated: Callable[[], bool]
    ) -> Generator[None, None, Result | None]:
        """A run to its end, which is closed where it is outdated."""
        try:
            return (yield from self._going_on(run, outdated))
        finally:
            run.close()

    def _going_on(
        self, run: Generator[Any, None, Result], outdated: Callable[[], bool]
    ) -> Generator[None, None, Result | None]:
        """A run with its progress, and its result at its end; None where it was outdated, at most one call
        later. Files, names and the like are seen to in between.
        """
        published = time.perf_counter()
        while True:
            try:
                state = next(run)
            except StopIteration as end:
                return end.value
            now = time.perf_counter()
            if isinstance(state, Progress) and now - published > PROGRESS_EVERY:
                self.display.publish_progress(state)
                published = now
            yield
            self._run_commands()
            if outdated():
                return None

    # A source.

    def _source(self, message: Mapping[str, Any], data: bytes) -> Source:
        return source_of(self.pipe, message, data, self.prepared)

    def _prepare(self) -> Work:
        """The newest source: its picture on the page, then inverted, so that it can be edited."""
        queue = self.queue
        request = queue.source
        if request is None:
            return
        self.display.publish_problem("")
        taken = False
        try:
            source = request.make()
            ready = self._ready_for(request, source)
            run = self._inverted(request, source, ready)
            prepared = yield from self._driven(run, lambda: queue.source is not request)
            taken = prepared is not None and queue.take_source(request)
        except Exception:
            queue.drop_source(request)
            raise
        finally:
            if not taken and queue.source is None:
                self.display.withdraw()
        if prepared is None or not taken:
            return
        edit = queue.edit
        foreign = ready is not None and ready.edit is not None and edit is not None
        self._begin(request.id, prepared, source.kind == "upload" and not foreign)
        if ready is not None and ready.edit is not None and edit is not None:
            self.shown = ShownEdit(edit, ready.edit.settings, ready.edit, foreign=True)
        if queue.edit is None:
            challenge = self.display.scores.challenge(source)
            first = EditRequest.first(challenge.target) if challenge else self._first_edit(source.prompt)
            queue.offer_edit(first)

    def _ready_for(self, request: SourceRequest, source: Source) -> Ready | None:
        """What the lab was opened with, where that is of this source; its edit stands the first time only."""
        if self._opened_with is None:
            return None
        opened, first, ready = self._opened_with
        if opened is request:
            return ready
        return replace(ready, edit=None) if first.key == source.key else None

    def _inverted(
        self, request: SourceRequest, source: Source, ready: Ready | None
    ) -> Generator[Progress, None, Prepared]:
        """A source that can be edited; its picture is shown on the way, where it is another one."""
        if ready is not None:
            given = ready.values is not None
            return Prepared.of(self.pipe, source, ready.inversion, ready.values, found=True, given=given)
        picture = yield from drawing(self.pipe, source)
        if self.prepared is None or picture != self.prepared.picture:
            self.display.announce(request.id, source, picture)
        return (yield from preparing(self.pipe, source, picture, self.cache))

    def _begin(self, number: int, prepared: Prepared, check: bool) -> None:
        """Another source, of the request of this number. `check`: it may be none of the model's world."""
        self.maker = EditMaker(self.pipe, prepared, self.own, self.guiding, self.cache)
        self.shown = None
        self._drawing = None
        self._checking = None
        self.display.begin(number, prepared)
        if check:
            signs = first_signs(self.pipe, prepared.inversion)
            self._warn(prepared, signs)
            self._checking = self._check(prepared, signs, self.queue.stops)

    def _warn(self, prepared: Prepared, signs: list[str]) -> None:
        """Say what to expect of a picture with such signs."""
        note = f"{prepared.source.note} {domain_warning(self.pipe, signs)}".strip()
        self.display.publish_source(note=note)

    def _check(self, prepared: Prepared, signs: list[str], stops: int) -> Generator[Progress, None, None]:
        """The last sign that a picture is none of the model's world, unless the page asks to stop again.

        Args:
            signs: those that were seen at once.
            stops: how often it had asked before.
        """
        run = last_sign(self.pipe, prepared.inversion)
        while self.queue.stops == stops:
            try:
                progress = next(run)
            except StopIteration as end:
                self._warn(prepared, signs + end.value)
                return
            yield progress

    def _first_edit(self, prompt: str) -> EditRequest:
        """What to show of a new source: another style."""
        return EditRequest.first(serialising.first_target(self.pipe, prompt))

    # An edit.

    def _edit(self, maker: EditMaker) -> Work:
        """The newest edit: a preview while something moves, then the exact one."""
        asked = self.queue.edit
        if asked is None:
            return
        display, before = self.display, self.shown
        display.publish_problem("")
        start = time.perf_counter()
        try:
            if asked.guide is not None and not (yield from self._fitted(maker, asked)):
                return
            request, settings, made = yield from self._make(maker, asked)
        except Exception:
            self.queue.drop_edit(asked)
            if before is not None:  # what is in use is what is on the page
                display.publish_target(maker, before.request, before.settings)
            raise
        finally:
            self.queue.protect(None)
        newest = None if made is None else self.queue.take_edit(asked.key)
        if made is None or newest is None:
            return
        newest = replace(newest, guide=made.guide, prompt=request.prompt)
        foreign = before is not None and before.edit is made.edit and before.foreign
        self.shown = ShownEdit(newest, settings, made.edit, foreign)
        self._warm_up = newest.method in PREVIEWED
        display.publish_exact(maker.prepared, self.shown, before, time.perf_counter() - start)
        display.publish_target(maker, newest, settings)  # of what is shown, whatever was said on the way
        if not newest.moving:
            self.archive.remember(self.shown, maker.prepared.source)
        self._publish_code()
        display.publish_progress()

    def _fitted(self, maker: EditMaker, asked: EditRequest) -> Generator[None, None, bool]:
        """The value inputs, with which a guided edit begins; whether it is still asked for."""

        def outdated() -> bool:
            return not self.queue.wants(asked.key)

        yield from self._driven(maker.fitting(), outdated)
        return not outdated()

    def _make(
        self, maker: EditMaker, asked: EditRequest
    ) -> Generator[None, None, tuple[EditRequest, Settings, Made | None]]:
        """The request with the prompt that its style picture gives it, its settings, and the edit; None where
        it was outdated before it was done.
        """
        queue, display, shown = self.queue, self.display, self.shown
        stops = queue.stops
        queue.protect(None if asked.guide is None else asked)
        prompt = self.guiding.prompt_of(maker.prepared, asked.prompt, asked.guide)
        request = replace(asked, prompt=prompt)
        settings = maker.settings(request)
        if not request.moving:
            display.publish_target(maker, request, settings)
        if shown is not None and shown.request.key == asked.key:
            return request, settings, Made(shown.edit, asked.guide)

        def outdated() -> bool:
            return not queue.wants(asked.key)

        show = partial(display.publish_preview, maker.prepared, request)
        if request.moving:
            by = request.method
            if shown is not None and by == shown.request.method and by in PREVIEWED:
                preview = yield from self._driven(maker.preview(request, settings, shown), outdated)
                if preview is not None:
                    show(preview)
            display.publish_target(maker, request, settings)
        if request.method in self.own:  # which takes its time at once
            display.publish_progress(Progress("editing", 0, 1))
        run = maker.make(request, settings, lambda: queue.stops != stops, show)
        made = yield from self._driven(run, outdated)
        if made is not None and made.problem:
            display.publish_problem(made.problem)
        return request, settings, made

    def _guide(self, message: Mapping[str, Any], data: bytes) -> None:
        """Ask for a guided edit, once its style picture is read."""
        guide = self.guiding.asked(
            message, bool(data), lambda kind, name: picture_of(self.pipe, kind, name, data, self.prepared)
        )
        self.queue.offer_edit(EditRequest.of(message, guide))

    def _word_map(self, message: dict[str, Any]) -> Work:
        """Where a word looks; a newer edit goes first."""
        queue = self.queue
        try:
            if self.shown is None or self.maker is None:
                raise ValueError("There is no edit yet whose words could be looked at.")
            word = check.text("word", message["word"])
            run = looking(self.maker, self.shown, word)

            def outdated() -> bool:
                return queue.word_map is not message or queue.edit is not None or queue.source is not None

            values = yield from self._driven(run, outdated)
        except Exception:
            queue.take_word_map(message)
            raise
        if values is not None:
            self.display.publish_word_map(word_map_dict(int(message["id"]), word, values))
            queue.take_word_map(message)

    def _look(self, message: dict[str, Any]) -> Work:
        """Where all words of the shown edit look; what is newer goes first."""
        queue = self.queue
        try:
            if self.shown is None or self.maker is None:
                raise ValueError("There is no edit yet whose words could be looked at.")

            def outdated() -> bool:
                others = (queue.edit, queue.source, queue.word_map)
                return queue.looks is None or any(other is not None for other in others)

            looks = yield from self._driven(looking_around(self.maker, self.shown), outdated)
        except Exception:
            queue.take_looks()
            raise
        if looks is not None:
            queue.take_looks()
            self.display.publish_looks(looks_dict(int(message["id"]), looks))

    def recorded_edit(self) -> Edit:
        """The edit that is shown with its attention maps. Where they are missing, it is made again, here and
        at once, in 2 T network calls.

        Raises:
            ValueError: there is no edit, or one that cannot be made again with its maps.
        """
        shown, maker = self.shown, self.maker
        if shown is None or maker is None:
            raise ValueError("This lab has no edit to explore: wait until it shows one, or open another lab.")
        if shown.edit.maps is None and not records(maker, shown):
            how = "an opened file" if shown.foreign else f"the method {shown.request.method!r}"
            raise ValueError(
                f"The edit of {how} has no attention maps; choose another method in the lab, then explore."
            )
        of = maker.prepared  # the worker goes on with its editors, this has its own
        own = Prepared.of(self.pipe, of.source, of.inversion, of.values, of.found, of.given)
        maker = EditMaker(self.pipe, own, self.own, self.guiding, self.cache)
        return result_of(recording(maker, shown))[1]

    # What a link asks: see `styledit.lab.linking`.

    place_trait: ClassVar[str] = "place"

    def run_shown(self) -> tuple[str, int]:
        """The prompt of the source on the page, and T; before there is one, those that it opens with."""
        source = self.source or self._first.about()
        return source["prompt"], source["steps"]

    def place_shown(self) -> Place:
        return Place(self.place["step"], self.place["word"])

    def lead(self, place: Place) -> None:
        """Mark a step and a word; called by the worker."""
        self.place = {"step": place.step, "word": place.word}
        self.was_led()

    def _stand(self, message: Mapping[str, Any]) -> None:
        """Where the page stands."""
        step, word = message["step"], message["word"]
        step = None if step is None else check.whole("step", step, least=0, most=self.run_shown()[1] - 1)
        self.place = {"step": step, "word": None if word is None else check.text("word", word)}

    # The contact sheet.

    def _begin_sheet(self, message: Mapping[str, Any]) -> None:
        """Begin a contact sheet around the edit that is shown."""
        if self.shown is None or self.maker is None:
            raise ValueError("There is no edit yet to draw variants of.")
        base = self.shown.request
        if base.guide is not None:
            settings = png_recipe.as_dict(self.shown.settings)
            base = replace(base, settings=settings, method=VALUES, guide=None)
        planned = lay_out_sheet(int(message["id"]), self.maker, base, message["rows"], message["columns"])
        self._drawing = self._draw_sheet(self.maker, planned, self.queue.stops)
        self.display.publish_problem("")
        self.display.keep_sheet(planned, looked_at=True)

    def _show_sheet(self, message: Mapping[str, Any]) -> None:
        """Look at an earlier contact sheet."""
        self.display.publish_sheet(self.display.sheets.find(message["id"]))

    def _draw_sheet(self, maker: EditMaker, sheet: Sheet, stops: int) -> Generator[Progress, None, None]:
        """The tiles of a contact sheet, until the page asks to stop again.

        Args:
            stops: how often it had asked before.
        """
        display, queue = self.display, self.queue
        published = time.perf_counter()
        try:
            for tile in drawing_tiles(maker, sheet, self._failed):
                if tile is not None:
                    sheet = sheet.with_tile(display.scores.judged(maker.prepared, tile))
                    if time.perf_counter() - published > SHEET_EVERY:
                        display.keep_sheet(sheet)
                        published = time.perf_counter()
                yield Progress("sheet", sheet.drawn, len(sheet.tiles))
                if queue.stops != stops:
                    return
        finally:
            display.keep_sheet(sheet)

    # The steps as pictures.

    def _open_steps(self, message: Mapping[str, Any]) -> None:
        self._steps_open = bool(message["open"])

    def _to_picture(self) -> ShownEdit | None:
        """The edit whose steps are to be drawn now: nothing moves, and nothing else is to be done."""
        shown = self.shown
        wanted = self._steps_open and shown is not None and not shown.request.moving
        return shown if wanted and shown is not self._pictured else None

    def _picture_steps(self, shown: ShownEdit, prepared: Prepared) -> Work:
        """Pictures of both runs, until something else is asked for."""
        self._pictured = shown  # also where it fails: once is enough
        published = -STEPS_EVERY
        pictures: Pictures = {}
        for pictures in picturing_steps(self.pipe, shown.edit, prepared.inversion.levels):
            if pictures["edit"] and time.perf_counter() - published > STEPS_EVERY:
                self.display.publish_steps(shown, pictures)
                published = time.perf_counter()
            yield
            if self.queue:
                self._pictured = None
                return
        self.display.publish_steps(shown, pictures)

    # History and files.

    def _run_commands(self) -> None:
        """What is short, in between."""
        while (command := self.queue.take_command()) is not None:
            self._try(command)
        if self.queue.has_protected and self.queue.take_save():  # that takes long: save what is shown
            self._save()

    def _save(self) -> None:
        self._try(lambda: self.archive.save(self.shown, self.prepared))

    def _publish_code(self) -> None:
        if self.shown is not None and self.prepared is not None:
            file = self.archive.file_name(self.shown, self.prepared)
            self.display.publish_code(self.prepared, self.shown, file)

    def _rename(self, message: Mapping[str, Any]) -> None:
        self.archive.rename(message)
        self._publish_code()  # it says the name of the file

    def _compare(self, message: Mapping[str, Any]) -> None:
        self.archive.compare(message, self.shown)

    def _recall(self, message: Mapping[str, Any]) -> None:
        self.archive.recall(message, self.display.source_id, self.prepared)

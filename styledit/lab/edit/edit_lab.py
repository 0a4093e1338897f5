"""The EditLab: source and target prompt, a slider for every switch, and the edit that follows while you drag.

`PROTOCOL.md` beside this file says what the two halves tell each other. Python's half is a table of wishes
(`RequestQueue`) that messages fill and the worker empties.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import traitlets
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit import validation as check
from styledit.baselines.sdedit import sdediting
from styledit.denoising import State
from styledit.editing import Edit, Editor, Settings
from styledit.lab.edit import methods, png_recipe, serialising
from styledit.lab.edit import sheet as sheets
from styledit.lab.edit.cache import FitCache
from styledit.lab.edit.code import as_code
from styledit.lab.edit.guided import GUIDED, Guide, Guiding
from styledit.lab.edit.methods import OWN, SDEDIT, Method
from styledit.lab.edit.queue import RequestQueue, SourceRequest
from styledit.lab.edit.requests import EditRequest, History
from styledit.lab.edit.samples import Challenge, challenges, samples, score
from styledit.lab.edit.session import (
    MOST_STEPS,
    Prepared,
    Progress,
    Ready,
    Source,
    domain_warning,
    going_on,
    preparing,
    watched,
)
from styledit.lab.frames import encode, encode_mask, sized, thumbnail, tiled
from styledit.lab.widget import STATIC, LabWidget, sentence
from styledit.pictures import decode_latents, read_image
from styledit.pipeline import model_fingerprint
from styledit.previews import preview_change
from styledit.prompts import split_words

UNCONFIRMED = 2  # frames on their way to the page
TOLD_EVERY = 0.1  # seconds between two lines of progress
SHEET_EVERY = 0.3  # and between two states of a contact sheet
TILE = 144  # pixels of a picture's longer side in a snapshot
FOREIGN = "# This edit was opened, not made here. Change something, and the calls that make it stand here."
Result = TypeVar("Result")


@dataclass(frozen=True)
class Shown:
    """An exact edit that stands on the page. `foreign`: the lab could not make it itself."""

    wish: EditRequest
    settings: Settings
    edit: Edit
    foreign: bool = False


class EditLab(LabWidget):
    """The lab for one pipeline; made by `styledit.lab.edit.edit_lab`."""

    world = traitlets.Dict().tag(sync=True)
    source = traitlets.Dict().tag(sync=True)
    target = traitlets.Dict().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)
    progress = traitlets.Dict({"stage": "", "done": 0, "total": 0}).tag(sync=True)
    history = traitlets.List().tag(sync=True)
    sheet = traitlets.Dict().tag(sync=True)
    guided = traitlets.Dict().tag(sync=True)
    code = traitlets.Unicode("").tag(sync=True)
    saved = traitlets.Dict().tag(sync=True)

    _esm: ClassVar[Path] = STATIC / "edit.js"
    _css: ClassVar[Path] = STATIC / "edit.css"

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        first: Source,
        wish: EditRequest | None = None,
        ready: Ready | None = None,
        own: Mapping[str, Method] | None = None,
    ) -> None:
        super().__init__(pipe, world=serialising.world_dict(pipe, methods.names(own or {})))
        self.own = dict(own or {})
        self.cache = FitCache()
        self.guiding = Guiding(pipe, self._tell_guided)
        self.challenges = {challenge.name: challenge for challenge in challenges()}
        self.prepared: Prepared | None = None
        self.shown: Shown | None = None
        opened = SourceRequest(0, lambda: first)
        self._ready = None if ready is None else (opened, ready)
        self._source_id = 0
        self._wanted = RequestQueue(
            opened, wish or EditRequest(0, False, serialising.first_target(pipe, first.prompt), None, OWN)
        )
        self._drawing: Generator[sheets.Tile | None, None, None] | None = None
        self._sheet: sheets.Sheet | None = None
        self._sheet_id = 0
        self._stops_before_sheet = 0
        self._stops_before_guiding = 0
        self._editors: dict[str, Editor] = {}
        self._past = History()
        self._serial = 0
        self._confirmed = 0
        self._guiding_now: EditRequest | None = None
        self._reached: Guide | None = None  # what the last guided edit came to
        self._expects = False  # whether the next preview is to be made ready
        self._suggested_score: float | None = None
        self._best: dict[str, dict[str, Any]] = {}  # by challenge: {"psnr", "wish"}
        self.wake()

    # What the page asks for: stored, newest wins. Nothing is decoded or computed here.

    def received(self, message: dict[str, Any], buffers: list[memoryview]) -> None:
        kind = message.get("type")
        data = bytes(buffers[0]) if buffers else b""
        if kind == "shown":
            self._confirmed = int(message["serial"])
            return
        if kind == "stop":
            self._wanted.stop(but=self._guiding_now)
        elif kind == "edit":
            self._wanted.ask_edit(EditRequest.of(message))
        elif kind == "source":
            self._wanted.ask_source(
                SourceRequest(int(message["id"]), partial(self._source_of, message, data))
            )
        elif kind == "sheet":
            self._wanted.ask_sheet(message)
        elif kind == "save":
            self._wanted.saving = True
        elif kind in _COMMANDS:
            self._wanted.commands.append(partial(_COMMANDS[kind], self, message, data))
        self.wake()

    # What the worker does.

    def _source_of(self, message: Mapping[str, Any], data: bytes) -> Source:
        kind = message["kind"]
        name = str(message.get("name", ""))
        steps = check.whole("steps", message["steps"], least=1, most=MOST_STEPS)
        prompt = str(message["prompt"])
        if kind == "seed":
            return Source("seed", "", prompt, steps, None, check.seed(int(message.get("seed") or 0)))
        return Source(kind, name, prompt, steps, self._picture_of(kind, name, data))

    def _picture_of(self, kind: str, name: str, data: bytes) -> Image.Image:
        if kind == "upload":
            if data:
                return read_image(self.pipe, serialising.opened(data))
            if self.prepared is None:
                raise ValueError("There is no picture; choose or drop one.")
            return self.prepared.picture  # only its prompt or steps are new
        known = {
            entry.name: entry for entry in (self.challenges.values() if kind == "challenge" else samples())
        }
        if name not in known:
            raise ValueError(f"There is no picture {name!r} here; choose another.")
        return read_image(self.pipe, known[name].picture)

    def work(self) -> Generator[None, None, None]:
        changed = False
        wanted = self._wanted
        while not self._closed:
            self._run_commands()
            if wanted.source is not None:
                yield from self._guarded(self._prepare())
            elif wanted.edit is not None and self.prepared is not None:
                yield from self._guarded(self._edit())
                changed = True
            elif wanted.saving:
                self._save_now()
            elif wanted.sheet is not None:
                self._try(self._plan_sheet)
            elif self._drawing is not None:
                yield from self._guarded(self._draw_sheet())
            elif self._expects and self.prepared is not None:
                self._expects = False
                expecting = self.prepared.editor.warming_up()
                yield from self._guarded(self._driven(expecting, lambda: bool(wanted)))
            elif not wanted.commands:
                break
        self._told("", 0, 0)
        if changed:
            self.show_snapshot()

    def _run_commands(self) -> None:
        while self._wanted.commands:
            self._try(self._wanted.commands.popleft())
        if self._wanted.saving and self._guiding_now is not None:  # that takes long: what is shown
            self._save_now()

    def _save_now(self) -> None:
        self._wanted.saving = False
        self._try(self._save)

    def _guarded(self, run: Generator[None, None, Any]) -> Generator[None, None, None]:
        """A run whose error becomes a sentence; what is shown stays."""
        try:
            yield from run
        except Exception as error:
            self.problem = sentence(error)
            self._told("", 0, 0)

    def _try(self, command: Callable[[], None]) -> None:
        try:
            command()
        except Exception as error:
            self.problem = sentence(error)

    def _driven(
        self, run: Generator[Any, None, Result], outdated: Callable[[], bool]
    ) -> Generator[None, None, Result | None]:
        """A run to its end, with progress; None where it was outdated, at most one call later. Files, names
        and the like are seen to in between.
        """
        told = time.perf_counter()
        try:
            while True:
                try:
                    state = next(run)
                except StopIteration as end:
                    return end.value
                now = time.perf_counter()
                if isinstance(state, Progress) and now - told > TOLD_EVERY:
                    self._told(state.stage, state.done, state.total)
                    told = now
                yield
                self._run_commands()
                if outdated():
                    return None
        finally:
            run.close()

    # A source.

    def _prepare(self) -> Generator[None, None, None]:
        """The newest source, inverted and fitted."""
        wanted = self._wanted
        wish = wanted.source
        if wish is None:
            return
        self.problem = ""
        try:
            source = wish.make()
            ready = self._ready[1] if self._ready is not None and self._ready[0] is wish else None
            run = (
                preparing(self.pipe, source, self.cache)
                if ready is None
                else going_on(self.pipe, source, ready)
            )
            prepared = yield from self._driven(run, lambda: wanted.source is not wish)
        except Exception:
            wanted.drop_source(wish)
            raise
        if prepared is None or not wanted.take_source(wish):
            return
        stops = wanted.stops
        self._begin(wish.id, prepared)
        if ready is not None and ready.edit is not None and wanted.edit is not None:
            self.shown = Shown(wanted.edit, ready.edit.settings, ready.edit, foreign=True)
        elif source.kind == "upload":
            note = yield from self._driven(
                domain_warning(self.pipe, prepared),
                lambda: wanted.source is not None or wanted.stops != stops,
            )
            if note:
                self._tell_source(f"{source.note} {note}".strip())
        if wanted.edit is None and wanted.stops == stops:
            wanted.offer_edit(self._first_wish(source))

    def _begin(self, number: int, prepared: Prepared) -> None:
        """Another source: nothing on the page is of it yet."""
        self.prepared = prepared
        self.shown = None
        self._editors = {}
        self._drawing = self._sheet = None
        self._suggested_score = None
        self._source_id = number
        self._tell_source(prepared.source.note)
        self._tell_frame({"id": number, "exact": False, "picture": None})
        self._confirmed = self._serial  # nothing of it is painted
        self.sheet = {}
        self.code = ""
        self.guiding.forget()

    def _first_wish(self, source: Source) -> EditRequest:
        """What to show of a new source: the challenge's edit, or another style."""
        if source.kind == "challenge" and source.name in self.challenges:
            return EditRequest(0, False, self.challenges[source.name].target, None, OWN)
        return EditRequest(0, False, serialising.first_target(self.pipe, source.prompt), None, OWN)

    # An edit.

    def _edit(self) -> Generator[None, None, None]:
        """The newest edit: a first look while something moves, then the exact one."""
        wanted = self._wanted
        wish = wanted.edit
        if wish is None:
            return
        key = wish.key
        self.problem = ""
        self._reached = wish.guide
        self._stops_before_guiding = wanted.stops
        self._guiding_now = None if wish.guide is None else wish
        start = time.perf_counter()
        before = self.shown
        try:
            assert self.prepared is not None
            prompt = self.guiding.prompt_of(self.prepared, wish.prompt, wish.guide)
            wish = replace(wish, prompt=prompt)
            settings = self._settings(wish)
            if not wish.moving:
                self._tell_target(wish, settings)
            if before is not None and before.wish.key == key:
                edit: Edit | None = before.edit
            else:
                if wish.moving:
                    yield from self._glance(wish, settings)
                    self._tell_target(wish, settings)
                edit = yield from self._exact(wish, settings, lambda: not wanted.wants(key))
        except Exception:
            wanted.take_edit(key)
            if before is not None:  # what is in use is what is on the page
                self._tell_target(before.wish, before.settings)
            raise
        finally:
            self._guiding_now = None
        newest = None if edit is None else wanted.take_edit(key)
        if edit is None or newest is None:
            return
        newest = replace(newest, guide=self._reached, prompt=prompt)
        foreign = before is not None and before.edit is edit and before.foreign
        self.shown = Shown(newest, settings, edit, foreign)
        self._expects = newest.method == OWN
        self._tell_exact(before, time.perf_counter() - start)
        self._tell_target(newest, settings)  # of what is shown, whatever was told on the way
        if not newest.moving:
            self._remember(newest)
        self._told("", 0, 0)

    def _settings(self, wish: EditRequest) -> Settings:
        """What a wish amounts to."""
        assert self.prepared is not None
        split_words(self.pipe, wish.prompt)
        if wish.settings is None:
            given = self.guiding.settings_of(self.prepared, wish.prompt, wish.guide)
        else:
            given = png_recipe.from_dict(wish.settings)
        return self._with_guidance(self.prepared.editor.suggest(wish.prompt, **given))

    def _with_guidance(self, settings: Settings) -> Settings:
        """Settings whose guidance, where none is said, is that of the fit."""
        assert self.prepared is not None
        if settings.guidance is not None:
            return settings
        return replace(settings, guidance=self.prepared.values.guidance)

    def _glance(self, wish: EditRequest, settings: Settings) -> Generator[None, None, None]:
        """Show roughly what is coming, where the exact edit takes much longer."""
        assert self.prepared is not None
        shown = self.shown
        if wish.method != OWN or shown is None or shown.wish.method != OWN:
            return
        previewing = self.prepared.editor.previewing(wish.prompt, **png_recipe.keywords(settings))
        preview = yield from self._driven(previewing, lambda: not self._wanted.wants(wish.key))
        if preview is None:
            return
        if preview.change is not None:
            self._show_roughly(wish, preview_change(self.pipe, shown.edit.image, preview.change))
        else:
            self._show_roughly(wish, decode_latents(self.pipe, preview.z)[0])

    def _show_roughly(self, wish: EditRequest, picture: Image.Image) -> None:
        """A picture on the way to the exact one, where the page keeps up."""
        if self._serial - self._confirmed < UNCONFIRMED:
            self._tell_frame({"id": wish.id, "exact": False, "picture": encode(picture, moving=True)})

    def _exact(
        self, wish: EditRequest, settings: Settings, outdated: Callable[[], bool]
    ) -> Generator[None, None, Edit | None]:
        """The edit itself; None where it was outdated before it was done."""
        assert self.prepared is not None
        prepared = self.prepared
        steps = prepared.inversion.steps
        if wish.guide is not None:
            return (yield from self._driven(self._guide_run(wish, settings), outdated))
        if wish.method in self.own:
            self._told("editing", 0, 1)
            yield
            return methods.run_function(self.own[wish.method], self.pipe, prepared, wish.prompt, settings)
        if wish.method == SDEDIT:
            run = sdediting(self.pipe, prepared.inversion, wish.prompt, guidance=settings.guidance or 1.0)
            return (yield from self._driven(watched(run, "editing", steps), outdated))
        editor = yield from self._driven(self._editor(wish.method), outdated)
        if editor is None:
            return None
        editing: Generator[State, None, Any] = editor.editing(wish.prompt, **png_recipe.keywords(settings))
        return (yield from self._driven(watched(editing, "editing", steps), outdated))

    def _editor(self, name: str) -> Generator[Progress, None, Editor]:
        """The editor of a method, made once a source."""
        assert self.prepared is not None
        if name not in self._editors:
            run = methods.preparing(name, self.pipe, self.prepared)
            editor = yield from watched(run, "fitting", self.prepared.inversion.steps)
            if editor is None:
                raise ValueError(
                    f"There is no method {name!r}; choose from {', '.join(self.world['methods'])}."
                )
            self._editors[name] = editor
        return self._editors[name]

    def _guide_run(self, wish: EditRequest, settings: Settings) -> Generator[Progress, None, Edit]:
        """A guided edit; a stop keeps the best."""
        assert self.prepared is not None and wish.guide is not None
        stops = self._stops_before_guiding
        given = png_recipe.keywords(settings)
        edit, self._reached, self.problem = yield from self.guiding.running(
            wish.id,
            self.prepared,
            wish.prompt,
            given,
            wish.guide,
            lambda: self._wanted.stops != stops,
            partial(self._show_roughly, wish),
        )
        return edit

    # The contact sheet.

    def _plan_sheet(self) -> None:
        asked = self._wanted.take_sheet()
        if asked is None:
            return
        if self.shown is None:
            raise ValueError("There is no edit yet to draw variants of.")
        shown = self.shown
        self._sheet = sheets.plan(
            str(asked.get("axes")),
            shown.wish.prompt,
            png_recipe.keywords(shown.settings),
            OWN if shown.wish.guide else shown.wish.method,
            [str(prompt) for prompt in asked.get("prompts") or ()],
            self.world["methods"],
        )
        self._sheet_id = int(asked.get("id", 0))
        self._stops_before_sheet = self._wanted.stops
        self._drawing = self._all_tiles(self._sheet)
        self._tell_sheet()

    def _all_tiles(self, planned: sheets.Sheet) -> Generator[sheets.Tile | None, None, None]:
        """First looks at all tiles, then each exactly; methods that are none of the editor's at once."""
        method = planned.tiles[0].method
        if planned.label == sheets.METHODS or method in self.own or method == SDEDIT:
            for tile in planned.tiles:
                edit = yield from self._quietly(tile)
                yield replace(tile, picture=None if edit is None else edit.image, exact=True)
            return
        editor = yield from self._driven(self._editor(method), lambda: False)
        assert editor is not None
        yield from sheets.drawing(editor, planned, exact=False)
        yield from sheets.drawing(editor, planned, exact=True)

    def _quietly(self, tile: sheets.Tile) -> Generator[None, None, Edit | None]:
        """A tile's edit; a method that fails leaves it empty, and a sentence."""
        try:
            wish = EditRequest(0, False, tile.prompt, tile.settings or None, tile.method)
            settings = self._settings(wish) if not tile.settings else Settings.of(**tile.settings)
            return (yield from self._exact(wish, settings, lambda: False))
        except Exception as error:
            self.problem = sentence(error)
            return None

    def _draw_sheet(self) -> Generator[None, None, None]:
        """Go on with the tiles until something else is wished for; a stop ends them."""
        assert self._drawing is not None and self._sheet is not None
        told = time.perf_counter()
        dirty = False
        try:
            for tile in self._drawing:
                if tile is not None:
                    self._sheet = self._sheet.with_tile(self._judged(tile))
                    dirty = True
                    if time.perf_counter() - told > SHEET_EVERY:
                        self._tell_sheet()
                        told, dirty = time.perf_counter(), False
                self._told("sheet", self._sheet.drawn, len(self._sheet.tiles))
                yield
                if self._wanted or self._wanted.stops != self._stops_before_sheet:
                    break
            else:
                self._drawing = None
        except Exception:
            self._drawing = None
            raise
        finally:
            if dirty:
                self._tell_sheet()
        if self._wanted.stops != self._stops_before_sheet:
            self._drawing = None

    def _judged(self, tile: sheets.Tile) -> sheets.Tile:
        """In truth mode, with whether the judge sees the change."""
        challenge = self._challenge(tile.prompt)
        if challenge is None or tile.picture is None or not tile.exact:
            return tile
        return replace(tile, happened=score(challenge, tile.picture).happened)

    # What the page is told; by the worker only.

    def _tell_guided(self, about: dict[str, Any]) -> None:
        self.guided = about

    def _told(self, stage: str, done: int, total: int) -> None:
        self.progress = {"stage": stage, "done": done, "total": total}

    def _tell_source(self, note: str) -> None:
        assert self.prepared is not None
        self.source = serialising.source_dict(self.pipe, self._source_id, self.prepared, note)

    def _tell_target(self, wish: EditRequest, settings: Settings) -> None:
        assert self.prepared is not None
        suggested = self._with_guidance(self.prepared.editor.suggest(wish.prompt))
        told = serialising.words_dict(self.pipe, self.prepared.source.prompt, wish.prompt) | {
            "id": wish.id,
            "settings": png_recipe.as_dict(settings),
            "suggested": png_recipe.as_dict(suggested),
            "auto": wish.settings is None,
        }
        told |= wish.for_page()
        if told != self.target:
            self.target = told

    def _tell_frame(self, about: dict[str, Any]) -> None:
        self._serial += 1
        blank: dict[str, Any] = {
            "mask": None,
            "seconds": 0.0,
            "first_step": 0,
            "strip": [],
            "before": None,
            "score": None,
        }
        steps = 0 if self.prepared is None else self.prepared.inversion.steps
        self.frame = blank | {"steps": steps, "serial": self._serial} | about

    def _tell_exact(self, before: Shown | None, seconds: float) -> None:
        assert self.shown is not None and self.prepared is not None
        shown, edit = self.shown, self.shown.edit
        replaced = None if before is None else encode(before.edit.image)
        if before is not None and before.edit is edit:
            replaced = self.frame.get("before")
        self._tell_frame(
            {
                "id": shown.wish.id,
                "exact": True,
                "picture": encode(edit.image),
                "mask": None if edit.mask is None else encode_mask(edit.mask),
                "seconds": seconds,
                "first_step": edit.first_step,
                "strip": serialising.strip(edit, shown.settings, self.prepared.inversion.steps),
                "before": replaced,
                "score": self._score(edit, shown.wish),
            }
        )
        if not self.source.get("reconstruction"):
            self.source = self.source | {"reconstruction": encode(edit.reconstruction)}
        self.code = FOREIGN if shown.foreign else self._code()

    def _challenge(self, prompt: str) -> Challenge | None:
        """The challenge whose true edit a target prompt asks for, in truth mode."""
        assert self.prepared is not None
        source = self.prepared.source
        challenge = self.challenges.get(source.name) if source.kind == "challenge" else None
        return challenge if challenge is not None and challenge.target == prompt else None

    def _score(self, edit: Edit, wish: EditRequest) -> dict[str, Any] | None:
        """In truth mode: how the edit compares with the true one, what the suggested settings reached, and
        the best in which the change is seen.
        """
        challenge = self._challenge(wish.prompt)
        if challenge is None:
            return None
        reached = score(challenge, edit.image)
        if wish.settings is None and wish.method == OWN:
            self._suggested_score = reached.psnr
        best = self._best.get(challenge.name)
        if reached.happened and (best is None or best["psnr"] < reached.psnr):
            assert self.shown is not None
            settings = png_recipe.as_dict(self.shown.settings)
            best = {
                "psnr": reached.psnr,
                "wish": {"prompt": wish.prompt, "settings": settings, "auto": False},
            }
            best["wish"] |= wish.for_page()
            self._best[challenge.name] = best
        return {
            "psnr": reached.psnr,
            "suggested_psnr": self._suggested_score,
            "best": best,
            "happened": reached.happened,
            "verdict": reached.verdict,
            "truth": encode(challenge.truth),
        }

    def _tell_sheet(self) -> None:
        assert self._sheet is not None
        self.sheet = serialising.sheet_dict(self._sheet_id, self._sheet)

    # History, files, code.

    def _guide(self, message: Mapping[str, Any], data: bytes) -> None:
        guide = self.guiding.asked(message, bool(data), lambda kind, name: self._picture_of(kind, name, data))
        self._wanted.offer_edit(EditRequest.guided(message, guide))

    def _remember(self, wish: EditRequest) -> None:
        """A line of the history, unless it is there already."""
        assert self.prepared is not None and self.shown is not None
        kept = replace(wish, settings=png_recipe.as_dict(self.shown.settings))
        if self._past.add(kept, self.prepared.source, thumbnail(self.shown.edit.image)):
            self.history = self._past.as_dicts()

    def _recall(self, message: Mapping[str, Any], _: bytes) -> None:
        entry = self._past.recall(message["id"])
        self.guiding.takes(entry.wish.guide)
        if self.prepared is None or entry.source is not self.prepared.source:
            self._wanted.ask_source(SourceRequest(self._source_id, lambda: entry.source))
        self._wanted.ask_edit(replace(entry.wish, id=int(message.get("request", 0)), moving=False))

    def _rename(self, message: Mapping[str, Any], _: bytes) -> None:
        self._past.rename(message["id"], str(message["name"]))
        self.history = self._past.as_dicts()

    def _save(self) -> None:
        if self.shown is None or self.prepared is None:
            raise ValueError("There is no edit yet that could be saved.")
        if self.shown.foreign:
            raise ValueError("This edit was opened, not made here; change something, then save.")
        shown, source = self.shown, self.prepared.source
        kept = png_recipe.SavedEdit(
            shown.edit.image,
            self.prepared.picture,
            source.prompt,
            shown.wish.prompt,
            source.steps,
            png_recipe.as_dict(shown.settings),
            shown.wish.method,
            self.prepared.inversion.model,
            self.prepared.given,
            shown.wish.guide,
        )
        name = "_".join(shown.wish.prompt.split())[:60] or "edit"
        number = int(self.saved.get("id", 0)) + 1
        self.saved = {"id": number, "name": f"{name}.png", "data": png_recipe.save_png(self.pipe, kept)}

    def _open(self, message: Mapping[str, Any], data: bytes) -> None:
        kept = png_recipe.open_png(data)
        self.guiding.takes(kept.guide)
        number = int(message.get("id", 0))
        picture = read_image(self.pipe, kept.picture)
        known = kept.method in self.world["methods"] or kept.guide is not None
        method = GUIDED if kept.guide is not None else kept.method if known else OWN
        note = png_recipe.differences(kept, model_fingerprint(self.pipe), known)
        source = Source("upload", "opened.png", kept.prompt, kept.steps, picture, note=note)
        self._wanted.ask_source(SourceRequest(number, lambda: source))
        given = png_recipe.as_dict(Settings.of(**kept.settings))
        self._wanted.ask_edit(EditRequest(number, False, kept.target, given, method, kept.guide))

    def _code(self) -> str:
        """Calls that make the shown edit again."""
        assert self.shown is not None and self.prepared is not None
        wish = self.shown.wish
        return as_code(self.pipe, self.prepared, wish.prompt, self.shown.settings, wish.method, wish.guide)

    def snapshot(self) -> Image.Image | None:
        if self.prepared is None or self.shown is None:
            return None
        edit = self.shown.edit
        s = self.shown.settings
        guidance = "" if s.guidance is None else f"w = {s.guidance:g}, "
        taus = f"tau_v = {s.tau_v:g}, tau_c = {s.tau_c:g}, tau_s = {s.tau_s:g}, tau_u = {s.tau_u:g}"
        pictures = {
            "the picture": self.prepared.picture,
            "its reconstruction": edit.reconstruction,
            "the edit": edit.image,
        }
        tiles = [(name, sized(picture, TILE)) for name, picture in pictures.items()]
        lines = [f"from: {edit.source_prompt}", f"to: {edit.target_prompt}", guidance + taus]
        return tiled(tiles, lines, columns=len(tiles))


_COMMANDS: dict[str, Callable[[EditLab, Mapping[str, Any], bytes], None]] = {
    "guide": EditLab._guide,
    "recall": EditLab._recall,
    "rename": EditLab._rename,
    "open": EditLab._open,
}

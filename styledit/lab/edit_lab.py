"""The EditLab: source and target prompt, a slider for every switch, and the edit that follows while you drag.

`PROTOCOL.md` beside this file says what the two halves tell each other. Python's half is a table of wishes,
newest wins, that messages fill and the worker empties.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, TypeVar

import traitlets
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit import validation as check
from styledit.editing import Edit, Settings
from styledit.inversion import Inversion
from styledit.lab import keeping, telling
from styledit.lab import sheet as sheets
from styledit.lab.cache import FitCache
from styledit.lab.frames import encode, encode_mask, side_by_side, thumbnail
from styledit.lab.guided import GUIDED, Guide, Guiding
from styledit.lab.methods import OWN, SDEDIT, Method, editors, names, run_function, sdedit
from styledit.lab.samples import Challenge, challenges, samples, score
from styledit.lab.session import Prepared, Progress, Source, outlook, preparing
from styledit.lab.widget import LabWidget, front_end, sentence, styles
from styledit.lab.wishes import History, Wish
from styledit.pictures import decode_latents, read_image
from styledit.previews import preview_change
from styledit.prompts import split_words
from styledit.values import ValueInputs

STEPS = 15  # T where nothing else is said
MOST_STEPS = 100
UNCONFIRMED = 2  # frames on their way to the page
FIRST_TARGETS = (
    ("plain sticker of", "watercolor painting of"),
    ("watercolor painting of", "pencil sketch of"),
)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Shown:
    """An exact edit that stands on the page."""

    wish: Wish
    settings: Settings
    edit: Edit


class EditLab(LabWidget):
    """The lab for one pipeline; made by `styledit.lab.edit_lab`."""

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

    _esm: ClassVar[str] = front_end("edit_lab.js")
    _css: ClassVar[str] = styles("common.css", "edit_lab.css", "edit_guided.css")

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        first: Source,
        wish: Wish | None = None,
        ready: tuple[Inversion, ValueInputs | None] | None = None,
        own: Mapping[str, Method] | None = None,
        pipe_code: str = "styledit.load()",
    ) -> None:
        super().__init__(pipe, world=telling.world_dict(pipe, names(own or {})))
        self.own = dict(own or {})
        self.pipe_code = pipe_code
        self.cache = FitCache()
        self.guiding = Guiding(pipe, self._tell_guided)
        self.challenges = {challenge.name: challenge for challenge in challenges()}
        self.prepared: Prepared | None = None
        self.shown: Shown | None = None
        self._ready = ready
        self._source_id = 0
        self._wanted_source: tuple[int, Source] | None = (0, first)
        self._wanted: Wish | None = wish or Wish(
            0, False, telling.first_target(pipe, first.prompt), None, OWN
        )
        self._wanted_sheet: dict[str, Any] | None = None
        self._commands: list[Callable[[], None]] = []
        self._drawing: Generator[sheets.Tile | None, None, None] | None = None
        self._sheet: sheets.Sheet | None = None
        self._editors: dict[str, Any] = {}
        self._past = History()
        self._serial = 0
        self._confirmed = 0
        self._stop = False
        self._reached: Guide | None = None  # what the last guided edit came to
        self._expects = False  # whether the next glance is to be made ready
        self._suggested_score: float | None = None
        self.wake()

    # What the page asks for: stored, newest wins.

    def received(self, message: dict[str, Any], buffers: list[memoryview]) -> None:
        kind = message.get("type")
        if kind == "shown":
            self._confirmed = int(message["serial"])
            return
        if kind == "stop":
            self._stop = True
        elif kind == "edit":
            self._wanted = Wish.of(message)
        elif kind == "guide":
            open_picture = partial(self._picture_of, buffers=buffers)
            guide = self.guiding.asked(message, bool(buffers), open_picture)
            self._wanted = Wish.guided(message, guide)
        elif kind == "source":
            wanted = self._source_of(message, buffers)
            self._wanted_source = (int(message["id"]), wanted)
        elif kind == "sheet":
            self._wanted_sheet = message
        elif kind in _COMMANDS:
            data = bytes(buffers[0]) if buffers else b""
            self._commands.append(lambda: _COMMANDS[kind](self, message, data))
        self.wake()

    def _source_of(self, message: Mapping[str, Any], buffers: list[memoryview]) -> Source:
        kind = message["kind"]
        name = str(message.get("name", ""))
        steps = check.whole("steps", message["steps"], least=1, most=MOST_STEPS)
        prompt = str(message["prompt"])
        seed = int(message.get("seed") or 0)
        if kind == "seed":
            return Source("seed", "", prompt, steps, None, check.seed(seed))
        picture = self._picture_of(kind, name, buffers)
        return Source(kind, name, prompt, steps, picture)

    def _picture_of(self, kind: str, name: str, buffers: list[memoryview]) -> Image.Image:
        if kind == "upload":
            if buffers:
                return read_image(self.pipe, telling.opened(bytes(buffers[0])))
            if self.prepared is None:
                raise ValueError("There is no picture; choose or drop one.")
            return self.prepared.picture  # only its prompt or steps are new
        known = {
            entry.name: entry for entry in (self.challenges.values() if kind == "challenge" else samples())
        }
        if name not in known:
            raise ValueError(f"There is no picture {name!r} here; choose another.")
        return read_image(self.pipe, known[name].picture)

    # What the worker does.

    def work(self) -> Generator[None, None, None]:
        self._stop = False
        changed = False
        while not self._closed:
            if self._commands:
                self._try(self._commands.pop(0))
            elif self._wanted_source is not None:
                yield from self._guarded(self._prepare())
            elif self._wanted is not None and self.prepared is not None:
                yield from self._guarded(self._edit())
                changed = True
            elif self._wanted_sheet is not None and self.shown is not None:
                self._try(self._plan_sheet)
            elif self._drawing is not None:
                yield from self._guarded(self._draw_sheet())
            elif self._expects and self.prepared is not None:
                self._expects = False
                yield from self._guarded(
                    self._driven(self.prepared.editor.expecting(), self._wanted_anything)
                )
            else:
                break
            if self._stop:
                self._forget_wishes()
        self._told("", 0, 0)
        if changed:
            self.show_snapshot()

    def _wanted_anything(self) -> bool:
        """Whether there is something to do that does not wait."""
        newest = (self._wanted, self._wanted_source, self._wanted_sheet)
        return self._stop or bool(self._commands) or any(wish is not None for wish in newest)

    def _guarded(self, run: Generator[None, None, None]) -> Generator[None, None, None]:
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

    def _forget_wishes(self) -> None:
        """After a stop: what is shown stays, and nothing more is done."""
        self._stop = False
        self._wanted = None
        self._wanted_source = None
        self._wanted_sheet = None
        self._drawing = None

    def _prepare(self) -> Generator[None, None, None]:
        """The newest source, inverted and fitted."""
        assert self._wanted_source is not None
        wanted = self._wanted_source
        number, source = wanted
        self.problem = ""

        def outdated() -> bool:
            return self._stop or self._wanted_source is not wanted

        try:
            if self._ready is not None:
                prepared = yield from self._driven(self._from_ready(source), outdated)
            else:
                prepared = yield from self._driven(preparing(self.pipe, source, self.cache), outdated)
        except Exception:
            if self._wanted_source is wanted:
                self._wanted_source = None
                self._wanted = None  # it was meant for this source
            raise
        if prepared is None:
            return
        self._ready = None
        self.prepared = prepared
        self.shown = None
        self._editors = {}
        self._drawing = None
        self._suggested_score = None
        self._source_id = number
        self._wanted_source = None
        self.guiding.forget()
        self._tell_source("")
        if source.kind in ("upload", "seed") and not outdated():
            note = yield from self._driven(outlook(self.pipe, prepared), outdated)
            if note:
                self._tell_source(note)
        if self._wanted is None:
            self._wanted = self._first_wish(source)

    def _from_ready(self, source: Source) -> Generator[Progress, None, Prepared]:
        """An inversion that exists already; its values are fitted where they are missing."""
        from styledit.editing import Editor
        from styledit.values.fitting import ValueFit

        assert self._ready is not None
        inversion, values = self._ready
        if values is None:
            run = ValueFit(self.pipe, inversion).run()
            while True:
                try:
                    state = next(run)
                except StopIteration as end:
                    values = end.value
                    break
                yield Progress("fitting", state.step, inversion.steps)
        assert isinstance(values, ValueInputs)
        editor = Editor(self.pipe, inversion, values=values)
        return Prepared(source, inversion.image, inversion, values, editor, True)

    def _first_wish(self, source: Source) -> Wish:
        """What to show of a new source: the challenge's edit, or another style."""
        if source.kind == "challenge" and source.name in self.challenges:
            return Wish(0, False, self.challenges[source.name].target, None, OWN)
        return Wish(0, False, telling.first_target(self.pipe, source.prompt), None, OWN)

    def _edit(self) -> Generator[None, None, None]:
        """The newest edit: a first look while something moves, then the exact one."""
        assert self._wanted is not None and self.prepared is not None
        wish = self._wanted
        key = wish.key

        def outdated() -> bool:
            newest = self._wanted
            return (
                self._stop
                or self._wanted_source is not None
                or bool(self._commands)
                or newest is None
                or newest.key != key
            )

        self.problem = ""
        self._reached = wish.guide
        start = time.perf_counter()
        try:
            settings = self._settings(wish)
            if not wish.moving:
                self._tell_target(wish, settings)
            if self.shown is not None and self.shown.wish.key == key:
                edit: Edit | None = self.shown.edit
            else:
                if wish.moving:
                    yield from self._glance(wish, settings, outdated)
                    self._tell_target(wish, settings)
                edit = yield from self._exact(wish, settings, outdated)
        except Exception:
            if self._wanted is not None and self._wanted.key == key:
                self._wanted = None
            raise
        newest = self._wanted
        if edit is None or newest is None or newest.key != key:
            return
        self._wanted = None
        newest = replace(newest, guide=self._reached)
        before = self.shown
        self.shown = Shown(newest, settings, edit)
        self._expects = newest.method == OWN
        self._tell_exact(newest, before, time.perf_counter() - start)
        if newest.guide is not None:
            self._tell_target(newest, settings)  # with where it was stopped
        if not newest.moving:
            self._remember(newest)

    def _settings(self, wish: Wish) -> Settings:
        """What a wish amounts to."""
        assert self.prepared is not None
        split_words(self.pipe, wish.prompt)
        given = {} if wish.settings is None else keeping.from_dict(wish.settings)
        chosen = self.prepared.editor.suggest(wish.prompt, **given)
        if chosen.guidance is None:
            chosen = replace(chosen, guidance=self.prepared.values.guidance)
        return chosen

    def _glance(
        self, wish: Wish, settings: Settings, outdated: Callable[[], bool]
    ) -> Generator[None, None, None]:
        """Show roughly what is coming, where the exact edit takes much longer."""
        assert self.prepared is not None
        shown = self.shown
        if wish.method != OWN or shown is None or shown.wish.method != OWN:
            return
        glance = yield from self._driven(
            self.prepared.editor.glancing(wish.prompt, **keeping.keywords(settings)), outdated
        )
        if glance is None or self._serial - self._confirmed >= UNCONFIRMED:
            return
        if glance.change is not None:
            picture = preview_change(self.pipe, shown.edit.image, glance.change)
        else:
            picture = decode_latents(self.pipe, glance.z)[0]
        self._tell_frame({"id": wish.id, "exact": False, "picture": encode(picture, moving=True)})

    def _exact(
        self, wish: Wish, settings: Settings, outdated: Callable[[], bool]
    ) -> Generator[None, None, Edit | None]:
        """The edit itself; None where it was outdated before it was done."""
        assert self.prepared is not None
        prepared = self.prepared
        steps = prepared.inversion.steps
        if wish.guide is not None:
            return (yield from self._driven(self._guided(wish, settings), lambda: self._is_old(wish)))
        if wish.method in self.own or wish.method == SDEDIT:
            self._told("editing", 0, 1)
            yield
            function = self.own.get(wish.method, sdedit)
            return run_function(function, self.pipe, prepared, wish.prompt, settings)
        editor = self._editor(wish.method)

        def watched() -> Generator[Progress, None, Any]:
            run = editor.editing(wish.prompt, **keeping.keywords(settings))
            while True:
                try:
                    state = next(run)
                except StopIteration as end:
                    return end.value
                yield Progress("editing", state.step + state.finished, steps)

        return (yield from self._driven(watched(), outdated))

    def _guided(self, wish: Wish, settings: Settings) -> Generator[Progress, None, Edit]:
        """A guided edit; a stop keeps the best, and names, files and the like do not disturb it."""
        assert self.prepared is not None and wish.guide is not None
        run = self.guiding.running(
            wish.id,
            self.prepared,
            wish.prompt,
            keeping.keywords(settings),
            wish.guide,
            self._stopped,
            lambda picture: self._show_roughly(wish, picture),
        )
        while True:
            try:
                state = next(run)
            except StopIteration as end:
                edit, self._reached, self.problem = end.value
                return edit
            while self._commands:
                self._try(self._commands.pop(0))
            yield state

    def _is_old(self, wish: Wish) -> bool:
        """Whether something newer is wished for; a stop is nothing newer."""
        return self._wanted_source is not None or self._wanted is None or self._wanted.key != wish.key

    def _stopped(self) -> bool:
        """Whether a stop was asked for, which is then done with."""
        stop, self._stop = self._stop, False
        return stop

    def _show_roughly(self, wish: Wish, picture: Image.Image) -> None:
        """A picture on the way to the exact one, where the page keeps up."""
        if self._serial - self._confirmed < UNCONFIRMED:
            self._tell_frame({"id": wish.id, "exact": False, "picture": encode(picture, moving=True)})

    def _editor(self, name: str) -> Any:
        """The editor of a method, made once a source."""
        assert self.prepared is not None
        known = editors(self.pipe, self.prepared)
        if name not in known:
            raise ValueError(f"There is no method {name!r}; choose from {', '.join(self.world['methods'])}.")
        if name not in self._editors:
            if name != OWN:
                self._told("fitting", 0, 1)
            self._editors[name] = known[name]()
        return self._editors[name]

    def _driven(
        self, run: Generator[Any, None, Result], outdated: Callable[[], bool]
    ) -> Generator[None, None, Result | None]:
        """A run to its end, with progress; None where it was outdated, at most one call later."""
        told = time.perf_counter()
        try:
            while True:
                try:
                    state = next(run)
                except StopIteration as end:
                    return end.value
                now = time.perf_counter()
                if isinstance(state, Progress) and now - told > 0.1:
                    self._told(state.stage, state.done, state.total)
                    told = now
                yield
                if outdated():
                    return None
        finally:
            run.close()

    # The contact sheet.

    def _plan_sheet(self) -> None:
        assert self._wanted_sheet is not None and self.shown is not None
        asked, self._wanted_sheet = self._wanted_sheet, None
        shown = self.shown
        self._sheet = sheets.plan(
            str(asked.get("axes")),
            shown.wish.prompt,
            keeping.keywords(shown.settings),
            OWN if shown.wish.guide else shown.wish.method,
            [str(prompt) for prompt in asked.get("prompts") or ()],
            self.world["methods"],
        )
        self._sheet_id = int(asked.get("id", 0))
        self._drawing = self._all_tiles(self._sheet)
        self._tell_sheet()

    def _all_tiles(self, planned: sheets.Sheet) -> Generator[sheets.Tile | None, None, None]:
        """First looks at all tiles, then each exactly; methods at once."""
        if planned.label == sheets.METHODS:
            for tile in planned.tiles:
                wish = Wish(0, False, tile.prompt, keeping.as_dict(Settings.of(**tile.settings)), tile.method)
                edit = yield from self._quietly(
                    self._exact(wish, Settings.of(**tile.settings), lambda: False)
                )
                yield replace(tile, picture=None if edit is None else edit.image, exact=True)
            return
        method = planned.tiles[0].method
        editor = self._editor(method if method not in (*self.own, SDEDIT) else OWN)
        yield from sheets.drawing(editor, planned, exact=False)
        yield from sheets.drawing(editor, planned, exact=True)

    def _quietly(self, run: Generator[None, None, Edit | None]) -> Generator[None, None, Edit | None]:
        """A method's edit; a method that fails leaves its tile empty and its sentence."""
        try:
            return (yield from run)
        except Exception as error:
            self.problem = sentence(error)
            return None

    def _draw_sheet(self) -> Generator[None, None, None]:
        """Go on with the tiles until something else is wished for."""
        assert self._drawing is not None and self._sheet is not None
        drawn = time.perf_counter()
        dirty = False
        try:
            for tile in self._drawing:
                if tile is not None:
                    self._sheet = self._sheet.with_tile(tile)
                    dirty = True
                    if time.perf_counter() - drawn > 0.3:
                        self._tell_sheet()
                        drawn, dirty = time.perf_counter(), False
                yield
                if self._wanted_anything():
                    break
            else:
                self._drawing = None
        except Exception:
            self._drawing = None
            raise
        finally:
            if dirty:
                self._tell_sheet()

    # What the page is told; by the worker only.

    def _tell_guided(self, about: dict[str, Any]) -> None:
        self.guided = about

    def _told(self, stage: str, done: int, total: int) -> None:
        self.progress = {"stage": stage, "done": done, "total": total}

    def _tell_source(self, note: str) -> None:
        assert self.prepared is not None
        self.source = telling.source_dict(self.pipe, self._source_id, self.prepared, note)

    def _tell_target(self, wish: Wish, settings: Settings) -> None:
        assert self.prepared is not None
        suggested = self.prepared.editor.suggest(wish.prompt)
        if suggested.guidance is None:
            suggested = replace(suggested, guidance=self.prepared.values.guidance)
        told = telling.words_dict(self.pipe, self.prepared.source.prompt, wish.prompt) | {
            "id": wish.id,
            "settings": keeping.as_dict(settings),
            "suggested": keeping.as_dict(suggested),
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

    def _tell_exact(self, wish: Wish, before: Shown | None, seconds: float) -> None:
        assert self.shown is not None and self.prepared is not None
        edit = self.shown.edit
        replaced = None if before is None or before.edit is edit else encode(before.edit.image)
        if before is not None and before.edit is edit:
            replaced = self.frame.get("before")
        self._tell_frame(
            {
                "id": wish.id,
                "exact": True,
                "picture": encode(edit.image),
                "mask": None if edit.mask is None else encode_mask(edit.mask),
                "seconds": seconds,
                "first_step": edit.first_step,
                "strip": telling.strip(edit, self.shown.settings, self.prepared.inversion.steps),
                "before": replaced,
                "score": self._score(edit, wish),
            }
        )
        if not self.source.get("reconstruction"):
            self.source = self.source | {"reconstruction": encode(edit.reconstruction)}
        self.code = self._code()

    def _score(self, edit: Edit, wish: Wish) -> dict[str, Any] | None:
        """In truth mode: how the edit compares with the true one, and what the suggested settings reached."""
        assert self.prepared is not None
        source = self.prepared.source
        challenge: Challenge | None = self.challenges.get(source.name) if source.kind == "challenge" else None
        if challenge is None or wish.prompt != challenge.target:
            return None
        reached = score(challenge, edit.image)
        if wish.settings is None and wish.method == OWN:
            self._suggested_score = reached.psnr
        return {
            "psnr": reached.psnr,
            "suggested_psnr": self._suggested_score,
            "happened": reached.happened,
            "verdict": reached.verdict,
            "truth": encode(challenge.truth),
        }

    def _tell_sheet(self) -> None:
        assert self._sheet is not None
        self.sheet = telling.sheet_dict(self._sheet_id, self._sheet)

    # History, files, code.

    def _remember(self, wish: Wish) -> None:
        """A line of the history, unless it is there already."""
        assert self.prepared is not None and self.shown is not None
        kept = replace(wish, settings=keeping.as_dict(self.shown.settings))
        if self._past.add(kept, self.prepared.source, thumbnail(self.shown.edit.image)):
            self.history = self._past.as_dicts()

    def _recall(self, message: Mapping[str, Any], _: bytes) -> None:
        entry = self._past.recall(message["id"])
        if self.prepared is None or entry.source is not self.prepared.source:
            self._wanted_source = (self._source_id, entry.source)
        self._wanted = replace(entry.wish, id=int(message.get("request", 0)), moving=False)

    def _rename(self, message: Mapping[str, Any], _: bytes) -> None:
        self._past.rename(message["id"], str(message["name"]))
        self.history = self._past.as_dicts()

    def _save(self, message: Mapping[str, Any], _: bytes) -> None:
        if self.shown is None or self.prepared is None:
            raise ValueError("There is no edit yet that could be saved.")
        name = "_".join(self.shown.wish.prompt.split())[:60] or "edit"
        number = int(self.saved.get("id", 0)) + 1
        self.saved = {"id": number, "name": f"{name}.png", "data": keeping.save_png(self.pipe, self._kept())}

    def _kept(self) -> keeping.Kept:
        assert self.shown is not None and self.prepared is not None
        source = self.prepared.source
        return keeping.Kept(
            self.shown.edit.image,
            self.prepared.picture,
            source.prompt,
            self.shown.wish.prompt,
            source.steps,
            keeping.as_dict(self.shown.settings),
            self.shown.wish.method,
            self.prepared.inversion.model,
            self.shown.wish.guide,
        )

    def _open(self, message: Mapping[str, Any], data: bytes) -> None:
        kept = keeping.open_png(data)
        picture = read_image(self.pipe, kept.picture)
        method = kept.method if kept.method in self.world["methods"] else OWN
        method = method if kept.guide is None else GUIDED
        self._wanted_source = (
            int(message.get("id", 0)),
            Source("upload", "opened.png", kept.prompt, kept.steps, picture),
        )
        self._wanted = Wish(
            int(message.get("id", 0)),
            False,
            kept.target,
            keeping.as_dict(Settings.of(**kept.settings)),
            method,
            kept.guide,
        )

    def _code(self) -> str:
        """Calls that make the shown edit again."""
        assert self.shown is not None and self.prepared is not None
        source = self.prepared.source
        if source.kind in ("sample", "challenge"):
            picture = f"styledit.lab.picture(pipe, {source.name!r})"
        elif source.kind == "seed":
            picture = f"styledit.generate(pipe, {source.prompt!r}, seed={source.seed}).image"
        else:
            picture = 'styledit.lab.open_png("edit.png").picture  # save the edit as this file first'
        method = self.shown.wish.method
        return keeping.as_code(
            self.pipe_code,
            picture,
            source.prompt,
            self.shown.wish.prompt,
            source.steps,
            self.shown.settings,
            "" if method in (OWN, GUIDED) else f"... # {method}",
            self.shown.wish.guide,
        )

    def snapshot(self) -> Image.Image | None:
        if self.prepared is None or self.shown is None:
            return None
        edit = self.shown.edit
        return side_by_side([self.prepared.picture, edit.reconstruction, edit.image])


_COMMANDS: dict[str, Callable[[EditLab, Mapping[str, Any], bytes], None]] = {
    "recall": EditLab._recall,
    "rename": EditLab._rename,
    "save": EditLab._save,
    "open": EditLab._open,
}

"""Attention that answers to the mouse: hover a word and see where it is read, hover a pixel and see what it
reads.

The maps travel once (`styledit.lab.explorer.packing`) and are coloured in the browser, so that a hover never
asks Python; `PROTOCOL.md` in the folder above has the messages and the traits.
"""

from __future__ import annotations

import base64
import html
import io
import json
import os
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import traitlets
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit import validation as check
from styledit.editing import Edit
from styledit.generation import Denoised
from styledit.inversion import Inversion
from styledit.lab import palettes
from styledit.lab.edit.widget import EditLab
from styledit.lab.explorer import packing
from styledit.lab.explorer.columns import named_column, sinks
from styledit.lab.explorer.packing import LIMIT, Packed, pack, packing_of
from styledit.lab.place import Place
from styledit.lab.widget import STATIC, LabWidget, Work, built
from styledit.maps import AttentionMaps
from styledit.prompts import prompt_slots

Shown = Inversion | Denoised | Edit | EditLab
Answer = Callable[[dict[str, Any]], Work]
MOST_RUNS = 8
PAGE = 5_000_000  # bytes of a saved page, at most
LONGEST = 768  # side of the picture under the maps, in pixels


def attention_explorer(
    pipe: StableDiffusionPipeline, shown: Shown | Sequence[Shown], *, limit: int = LIMIT
) -> AttentionExplorer:
    """Explore the attention maps of a run, or of several: with a source and its edits, "target minus source"
    compares each with the first.

    Args:
        shown: an `Inversion`, a `Denoised` or an `Edit` whose maps were recorded, or several that were
            recorded alike; an `EditLab` stands for the edit that it shows, which is made again with its maps
            where they are missing. Maps of self-attention, where they were recorded too, show which pixels a
            pixel looks at: `record=Record((Layers(), Layers(kind="self", scales=1)))`.
        limit: bytes of maps that travel to the browser; the rest comes when it is asked for.

    Raises:
        TypeError: `pipe` is no pipeline, or something else is to be shown.
        ValueError: a run without cross-attention maps, a lab without an edit, runs that were recorded
            differently, or a limit that is too small for the means over steps and heads.
    """
    return AttentionExplorer(pipe, shown, limit=limit)


@dataclass(frozen=True)
class ShownRun:
    """What is shown of one run; `kind` is "source", "generated" or "edit"; `source`: the prompt of what it
    was made from; `steps`: T.
    """

    kind: str
    prompt: str
    source: str
    steps: int
    picture: Image.Image
    maps: AttentionMaps


class AttentionExplorer(LabWidget):
    """The widget; see `attention_explorer`.

    `about`: what the browser has to know of the numbers (see `packing`), with the runs' pictures as WebP;
    `data`: the numbers; `part`, `looks`: the last answers; `chosen`: the controls as they stand; `saved`: a
    page that was asked for, until the browser has it.

    The page's thread writes `_requests`, under `_lock`; all else is the worker's.
    """

    _esm = built("explorer.js")
    _css = built("explorer.css")

    messages: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "part": ("id", "row", "head"),
        "looks": ("id", "row", "head", "layers", "x", "y"),
        "chosen": ("chosen",),
        "save": ("id", "chosen"),
        "taken": ("id",),
    }

    about = traitlets.Dict().tag(sync=True)
    data = traitlets.Bytes().tag(sync=True)
    part = traitlets.Dict().tag(sync=True)
    looks = traitlets.Dict().tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)
    saved = traitlets.Dict().tag(sync=True)

    def __init__(
        self, pipe: StableDiffusionPipeline, shown: Shown | Sequence[Shown], *, limit: int = LIMIT
    ) -> None:
        limit = check.whole("limit", limit, least=1)
        self._runs = _read(shown)
        self._packed = pack([run.maps for run in self._runs], limit)
        self._requests: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        check.pipeline(pipe)
        self._slots = prompt_slots(pipe)
        about = self._about(self._packed) | {"live": True}
        super().__init__(pipe, about=about, data=self._packed.data)

    def received(self, message: dict[str, Any], buffers: list[memoryview]) -> None:
        """Store the newest request of each type."""
        kind = check.choice("type", message.get("type"), tuple(self.messages))
        with self._lock:
            self._requests[kind] = message
        self.wake()

    def work(self) -> Work:
        """Answer the newest requests, what is quick first; one that cannot be answered leaves the others."""
        quick = {
            "looks": self._look,
            "part": self._send_part,
            "chosen": self._keep,
            "taken": self._page_taken,
        }
        while self._requests:
            yield from self._answer(quick)
            yield from self._answer({"save": partial(self._send_page, quick)})

    def _answer(self, answers: Mapping[str, Answer]) -> Work:
        """Answer what was asked for of some types of requests, once each."""
        for kind, answer in answers.items():
            with self._lock:
                request = self._requests.pop(kind, None)
            if request is None:
                continue
            try:
                yield from answer(request)
                self.problem = ""
            except Exception as error:
                self.failed(error)
            yield

    # What a link asks: see `styledit.lab.linking`.

    place_trait: ClassVar[str] = "chosen"

    def run_shown(self) -> tuple[str, int]:
        """The source's prompt, and T."""
        return self._runs[0].source, self._runs[0].steps

    def place_shown(self) -> Place:
        """The step and the word that are chosen on the page."""
        row, word = self.chosen.get("row", -1), self.chosen.get("word")
        columns = self._columns_shown()
        named = word is not None and word < len(columns) and columns[word]["kind"] == "word"
        return Place(
            self.about["steps"][row] if 0 <= row < len(self.about["steps"]) else None,
            columns[word]["text"] if named else None,
        )

    def lead(self, place: Place) -> None:
        """Choose a step, where it was recorded, and a word, where the prompt has it; called by the worker."""
        chosen = dict(self.chosen)
        if place.step in self.about["steps"]:
            chosen["row"] = self.about["steps"].index(place.step)
        texts = [column["text"] if column["kind"] == "word" else None for column in self._columns_shown()]
        if place.word in texts and place.word is not None:
            chosen["word"] = texts.index(place.word)
        self.chosen = chosen
        self.was_led()

    def _columns_shown(self) -> list[dict[str, Any]]:
        """The columns of the run that is chosen."""
        run = min(int(self.chosen.get("run", 0)), len(self._runs) - 1)
        return self.about["runs"][run]["columns"]

    def save(self, path: str | os.PathLike) -> None:
        """Write one page of at most 5 MB that shows the maps in a browser without Jupyter or a network.

        It opens with the controls as they stand. The button "Save as a page" downloads the same.

        Raises:
            TypeError: `path` is neither a string nor a path.
            ValueError: there is no folder for it, it cannot be written, or the maps do not fit.
        """
        place = check.path_to_write("path", path)
        text = packing.result_of(self._making_page(self.chosen))
        draft = place.with_name(f".{place.name}.{os.getpid()}.part")
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(place)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise ValueError(
                f"{str(place)!r} could not be written ({error.strerror}); make room or choose another place."
            ) from error

    def snapshot(self) -> Image.Image:
        """The word maps as the controls stand."""
        chosen = self.chosen
        run = min(int(chosen.get("run", 0)), len(self._runs) - 1)
        view = chosen.get("view", "raw")
        if view == "difference":
            run = max(run, 1)
        maps = self._maps(run, chosen)
        texts = [column["text"] for column in self.about["runs"][run]["columns"]]
        kinds = [column["kind"] for column in self.about["runs"][run]["columns"]]
        pairs: list[int | None] = list(range(len(maps)))
        if view == "difference":
            source = self._maps(0, chosen)
            pairs = self.about["runs"][run]["partners"]
            maps = [np.zeros_like(maps[k]) if i is None else maps[k] - source[i] for k, i in enumerate(pairs)]
        elif view == "share":
            total = sum(values for values, kind in zip(maps, kinds, strict=True) if kind == "word")
            maps = [values / np.maximum(total, 1e-12) for values in maps]
        there = [k for k in range(len(maps)) if kinds[k] == "word" and pairs[k] is not None]
        shown = [(texts[k], maps[k]) for k in there]
        of = self._runs[run]
        title = f"{of.kind}: {of.prompt}{_VIEWS.get(view, '')}"
        own = set(range(len(there)))
        if chosen.get("scale", "each") != "each":
            taking = sinks([float(values.mean()) for values in self._maps(run, chosen)], kinds)
            own = {i for i, k in enumerate(there) if k in taking}
        return palettes.draw_word_maps(of.picture, shown, title, own, signed=view == "difference")

    def _maps(self, run: int, chosen: dict[str, Any]) -> list[np.ndarray]:
        """Every column's map at the layer, step and head that are chosen."""
        row, head = (None if chosen.get(name, -1) < 0 else chosen[name] for name in ("row", "head"))
        layers = chosen_layers(self.about["layers"], chosen.get("layer", "all"))
        return list(self._packed.mean(run, layers, row, head))

    def _send_part(self, request: dict[str, Any]) -> Work:
        """One step or head of the cross-attention of all runs; a newer request ends it."""
        row, head = self._row_and_head(request)
        tables = []
        for table in packing.part([run.maps for run in self._runs], row, head):
            tables.append(table)
            yield
            if "part" in self._requests:
                return
        answer = {name: request[name] for name in ("id", "row", "head")}
        self.part = {**answer, "tables": packing.entries(tables), "data": packing.join(tables)}

    def _look(self, request: dict[str, Any]) -> Work:
        """Where one pixel looks, in the chosen layers of all runs."""
        row, head = self._row_and_head(request)
        x, y = (check.fraction(name, request.get(name)) for name in ("x", "y"))
        chosen = check.indices("layers", request.get("layers"))
        rows = []
        for k, run in enumerate(self._runs):
            for layer in self.about["layers"]:
                found = packing.looks(run.maps, layer, row, head, x, y) if layer["index"] in chosen else None
                if found is not None:
                    rows.append({"run": k, "layer": layer["index"], "data": found.astype("<f4").tobytes()})
                yield
                if "looks" in self._requests:
                    return
        self.looks = {name: request.get(name) for name in ("id", "row", "head", "x", "y")} | {"rows": rows}

    def _keep(self, request: dict[str, Any]) -> Work:
        """The controls as they stand, for a reloaded page and for the snapshot."""
        self.chosen = dict(check.mapping("chosen", request.get("chosen")))
        yield
        if "chosen" not in self._requests:
            self.show_snapshot()

    def _row_and_head(self, request: dict[str, Any]) -> tuple[int | None, int | None]:
        """A row of the step axis and a head, None for all."""
        row = check.whole("row", request.get("row"), least=-1, most=len(self.about["steps"]) - 1)
        head = check.whole("head", request.get("head"), least=-1, most=self.about["heads"] - 1)
        return (None if row < 0 else row), (None if head < 0 else head)

    def _send_page(self, quick: Mapping[str, Answer], request: dict[str, Any]) -> Work:
        """The page for the browser to download; what is quick is answered meanwhile."""
        number = check.whole("id", request.get("id"))
        chosen = dict(check.mapping("chosen", request.get("chosen")))
        self.saved = {"id": number, "done": 0, "total": 1}
        making = self._making_page(chosen)
        while True:
            try:
                done, total = next(making)
            except StopIteration as end:
                page = end.value.encode()
                break
            self.saved = {"id": number, "done": done, "total": total}
            yield
            yield from self._answer(quick)
            if "save" in self._requests:
                return
        words = "_".join(self._runs[0].prompt.split())[:60]
        self.saved = {"id": number, "name": f"attention_{words}.html", "data": page}

    def _page_taken(self, request: dict[str, Any]) -> Work:
        """The browser has its page: a notebook that is saved need not hold it."""
        if self.saved.get("id") == request["id"]:
            self.saved = {}
        yield

    def _making_page(self, chosen: Mapping[str, Any]) -> Generator[tuple[int, int], None, str]:
        """The saved page: everything that the widget has, in one file; yields as `packing_of`.

        Args:
            chosen: the controls, as the page opens with them.
        """
        page = (STATIC / "explorer.html").read_text(encoding="utf-8")
        title = html.escape("Attention: " + " → ".join(dict.fromkeys(run.prompt for run in self._runs)))
        frame = len(page.encode()) + 2 * len(title.encode())
        packed = self._packed
        text = _json(self._about(packed))
        controls = _json(chosen)
        for _ in range(3):  # what is said about the numbers grows with the number of tables, a little
            room = (PAGE - frame - len(text) - len(controls) - 1024) * 3 // 4
            if len(packed.data) <= room:
                break
            packed = yield from packing_of([run.maps for run in self._runs], room)
            text = _json(self._about(packed))
        data = base64.b64encode(packed.data).decode()
        parts = {"TITLE": title, "ABOUT": text, "CHOSEN": controls, "DATA": data}
        for name, content in parts.items():
            page = page.replace(f"<!--{name}-->", content)
        return page

    def _about(self, packed: Packed) -> dict[str, Any]:
        """What the browser has to know, pictures included."""
        shown = [
            {
                **about,
                "kind": run.kind,
                "prompt": run.prompt,
                "picture": _webp(run.picture),
                "named": named_column(run.maps.words, self._slots),
            }
            for about, run in zip(packed.about["runs"], self._runs, strict=True)
        ]
        scales = {"sequential": palettes.SEQUENTIAL, "diverging": palettes.DIVERGING}
        return {
            **packed.about,
            "runs": shown,
            "palettes": scales,
            "live": False,
            "advice": _advice(self._runs[0].maps),
        }


_VIEWS = {"share": " (share among words)", "difference": " (target minus source)"}


def chosen_layers(layers: list[dict[str, Any]], choice: str) -> list[int]:
    """The layers that a choice of the browser names: "all", "grid:16x16" or "layer:3"."""
    kind, _, rest = str(choice).partition(":")
    found = [
        layer["index"]
        for layer in layers
        if kind == "all"
        or (kind == "grid" and "x".join(map(str, layer["size"])) == rest)
        or (kind == "layer" and str(layer["index"]) == rest)
    ]
    return found or [layer["index"] for layer in layers]


def _read(shown: Shown | Sequence[Shown]) -> list[ShownRun]:
    """What is to be shown of each run."""
    entries = check.several("shown", shown)
    if not entries or len(entries) > MOST_RUNS:
        raise ValueError(f"Between 1 and {MOST_RUNS} runs can be shown, not {len(entries)}.")
    return [_read_one(entry) for entry in entries]


def _read_one(shown: object) -> ShownRun:
    if isinstance(shown, EditLab):
        shown = shown.recorded_edit()
    if isinstance(shown, Inversion):
        kind, prompt, call = "source", shown.prompt, "invert(..., record=Layers())"
        source, steps = shown.prompt, shown.steps
    elif isinstance(shown, Denoised):
        kind, prompt, call = "generated", shown.prompt, "generate(..., record=Layers())"
        source, steps = shown.prompt, len(shown.latents) - 1
    elif isinstance(shown, Edit):
        kind, prompt, call = "edit", shown.target_prompt, "edit(..., record=Layers())"
        source, steps = shown.source_prompt, len(shown.source_latents) - 1
    else:
        raise TypeError(
            "An Inversion, a Denoised, an Edit or an EditLab can be explored, or several, not "
            f"{check.shown(shown)}."
        )
    if shown.maps is None or not shown.maps.layers:
        raise ValueError(f"This run has no maps of cross-attention; record them with {call}.")
    return ShownRun(kind, prompt, source, steps, shown.image, shown.maps)


def _advice(maps: AttentionMaps) -> str:
    """How to record self-attention, on the grid that is nearest to 16 × 16."""
    scales = {scale: maps.map_sizes[layer] for layer, scale in maps.scales.items()}
    if maps.self_layers or not scales:
        return ""
    best = min(scales, key=lambda scale: abs(max(scales[scale]) - 16))
    return f'record=Record((Layers(), Layers(scales={best}, kind="self")))'


def _webp(picture: Image.Image) -> bytes:
    small = picture.convert("RGB")
    small.thumbnail((LONGEST, LONGEST))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=85)
    return buffer.getvalue()


def _json(about: Mapping[str, Any]) -> str:
    """JSON that can stand in a page; bytes as base64."""
    text = json.dumps(about, default=lambda data: base64.b64encode(data).decode(), separators=(",", ":"))
    return text.replace("<", "\\u003c")

"""What a page shows of a lab: progress, the source, the settings in use, rough and exact pictures.

All traits but `world`, `problem` and those of `Archive` are set here, and only by the worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.editing import Edit, Settings
from styledit.lab.edit import methods, png_recipe, serialising
from styledit.lab.edit.code import as_code
from styledit.lab.edit.guided import GUIDED
from styledit.lab.edit.maker import EditMaker
from styledit.lab.edit.methods import FOLLOW
from styledit.lab.edit.queue import RequestQueue
from styledit.lab.edit.requests import EditRequest, ShownEdit
from styledit.lab.edit.scores import Scores
from styledit.lab.edit.session import Prepared, Progress, Source
from styledit.lab.edit.sheet import ContactSheets, Sheet
from styledit.lab.edit.step_pictures import Pictures, steps_dict
from styledit.lab.edit.traits import EditTraits
from styledit.lab.frames import encode, encode_mask, sized, tiled

UNCONFIRMED = 2  # frames on their way to the page
TILE = 144  # pixels of a picture's longer side in a snapshot
FOREIGN = "# This edit was opened, not made here. Change something, and the calls that make it stand here."
IDLE = Progress("", 0, 0)
BLANK: dict[str, Any] = {
    "method": "",
    "mask": None,
    "seconds": 0.0,
    "first_step": 0,
    "step_states": [],
    "before": None,
    "score": None,
}


class Display:
    """The page of one lab.

    Args:
        page: its traits.
        queue: knows which frames it has painted.
    """

    def __init__(self, pipe: StableDiffusionPipeline, page: EditTraits, queue: RequestQueue) -> None:
        self.pipe = pipe
        self.page = page
        self.queue = queue
        self.scores = Scores()
        self.sheets = ContactSheets()
        self.source_id = 0
        self._serial = 0
        # Source and frame that stand while another source is on its way.
        self._stood: tuple[dict[str, Any], dict[str, Any]] | None = None

    def announce(self, number: int, source: Source, picture: Image.Image) -> None:
        """The picture of another source, which is being inverted; `begin` or `withdraw` comes next."""
        if self._stood is None:
            self._stood = self.page.source, self.page.frame
        self.page.source = serialising.source_dict(self.pipe, number, source, picture, "inverting")
        self._publish_frame(source.steps, {"id": number, "exact": False, "picture": None})

    def withdraw(self) -> None:
        """The source that was announced will not come: back to the one that stands."""
        if self._stood is None:
            return
        self.page.source, frame = self._stood
        self._stood = None
        self._serial += 1
        self.page.frame = frame and frame | {"serial": self._serial}

    def begin(self, number: int, prepared: Prepared) -> None:
        """Another source, whose request has this number: nothing but its picture is on the page yet."""
        self.source_id = number
        self._stood = None
        self.scores.begin()
        source = prepared.source
        self.page.source = serialising.source_dict(self.pipe, number, source, prepared.picture, "inverted")
        self._publish_frame(source.steps, {"id": number, "exact": False, "picture": None})
        self.queue.confirm(self._serial)  # nothing of it is painted
        self.publish_sheet(self.sheets.newest(prepared.source))
        self.publish_sheets(prepared.source)
        self.page.steps_shown = {}
        self.page.code = ""
        self.publish_guided({})
        self.publish_word_map({})
        self.publish_looks({})

    def publish_problem(self, problem: str) -> None:
        self.page.problem = problem

    def publish_progress(self, progress: Progress = IDLE) -> None:
        self.page.progress = {"stage": progress.stage, "done": progress.done, "total": progress.total}

    def publish_source(self, **about: Any) -> None:
        """Some fields of the source that stands."""
        if any(self.page.source.get(name) != value for name, value in about.items()):
            self.page.source = self.page.source | about

    def publish_target(self, maker: EditMaker, request: EditRequest, settings: Settings) -> None:
        """The target prompt and the settings in use."""
        source = maker.prepared.source
        target = serialising.words_dict(self.pipe, source.prompt, request.prompt) | {
            "id": request.id,
            "settings": png_recipe.as_dict(settings),
            "suggested": png_recipe.as_dict(maker.suggested(request.method, request.prompt)),
        }
        target |= request.for_page()
        if target != self.page.target:
            self.page.target = target

    def publish_preview(self, prepared: Prepared, request: EditRequest, picture: Image.Image) -> None:
        """A picture on the way to the exact one, where the page keeps up."""
        if self._serial - self.queue.painted < UNCONFIRMED:
            picture_bytes = encode(picture, moving=True)
            about = {"id": request.id, "exact": False, "picture": picture_bytes}
            self._publish_frame(prepared.inversion.steps, about)

    def publish_exact(
        self, prepared: Prepared, shown: ShownEdit, before: ShownEdit | None, seconds: float
    ) -> None:
        """The exact edit that stands now, and the one that it replaced."""
        edit, method = shown.edit, shown.request.method
        if before is not None and before.edit is not edit:
            self.publish_looks({})
        replaced = None if before is None else before.png
        if before is not None and before.edit is edit:
            replaced = self.page.frame.get("before")
        self._publish_frame(
            prepared.inversion.steps,
            {
                "id": shown.request.id,
                "exact": True,
                "picture": shown.png,
                "method": method,
                "mask": _mask_bytes(edit),
                "seconds": seconds,
                "first_step": edit.first_step,
                "step_states": serialising.step_states(
                    edit, shown.settings, prepared.inversion.steps, method
                ),
                "before": replaced,
                "score": self.scores.of(prepared.source, shown),
            },
        )
        self.publish_source(reconstruction=encode(edit.reconstruction))

    def publish_code(self, prepared: Prepared, shown: ShownEdit, file: str) -> None:
        """The calls that make the edit. `file`: the name under which it is saved."""
        self.page.code = FOREIGN if shown.foreign else as_code(self.pipe, prepared, shown, file)

    def publish_sheet(self, sheet: Sheet | None) -> None:
        """The contact sheet that is looked at; None where there is none."""
        self.page.sheet = {} if sheet is None else serialising.sheet_dict(sheet)

    def keep_sheet(self, sheet: Sheet, looked_at: bool = False) -> None:
        """A contact sheet with what is drawn of it, which the page gets where it is looked at."""
        self.sheets.keep(sheet)
        if looked_at:
            self.publish_sheets(sheet.source)
        if looked_at or self.page.sheet.get("id") == sheet.id:
            self.publish_sheet(sheet)

    def publish_tile(self, message: Mapping[str, Any]) -> None:
        """One tile exactly."""
        place = {name: message[name] for name in ("sheet", "row", "column")}
        tile = self.sheets.find(place["sheet"]).tile(place["row"], place["column"])
        if tile.picture is not None:
            self.page.tile = place | {"picture": tile.picture}

    def publish_sheets(self, source: Source) -> None:
        """The choice of a source's sheets."""
        self.page.sheets = [{"id": sheet.id, "title": sheet.title} for sheet in self.sheets.of(source)]

    def publish_steps(self, shown: ShownEdit, pictures: Pictures) -> None:
        self.page.steps_shown = steps_dict(shown.request.id, pictures)

    def publish_word_map(self, about: dict[str, Any]) -> None:
        self.page.word_map = about

    def publish_looks(self, about: dict[str, Any]) -> None:
        """Where the words of the shown edit look; {} until it is known of this one."""
        self.page.looks = about

    def publish_guided(self, about: dict[str, Any]) -> None:
        self.page.guided = about

    def _publish_frame(self, steps: int, about: dict[str, Any]) -> None:
        self._serial += 1
        self.page.frame = BLANK | {"steps": steps, "serial": self._serial} | about


def _mask_bytes(edit: Edit) -> bytes | None:
    """The mask that an edit used: as it was painted, else on the latents."""
    if edit.mask is None:
        return None
    painted = edit.settings.mask
    return encode_mask(edit.mask if painted is None else painted.array)


def snapshot(prepared: Prepared, shown: ShownEdit) -> Image.Image:
    """Picture, reconstruction and edit side by side, below both prompts and the settings."""
    edit = shown.edit
    pictures = {
        "the picture": prepared.picture,
        "its reconstruction": edit.reconstruction,
        "the edit": edit.image,
    }
    tiles = [(name, sized(picture, TILE)) for name, picture in pictures.items()]
    lines = [
        f"from: {edit.source_prompt}",
        f"to: {edit.target_prompt}",
        in_short(shown.request, shown.settings),
    ]
    return tiled(tiles, lines, columns=len(tiles))


def in_short(request: EditRequest, settings: Settings) -> str:
    """The numbers that a method reads in one line, after its name where it is not the first of them."""
    method = methods.named(request.method)
    numbers = {name: getattr(settings, name) for name in ("guidance", "tau_v", "tau_c", "tau_s", "tau_u")}
    said = {
        "w" if name == "guidance" else name: value for name, value in numbers.items() if method.reads(name)
    }
    said |= methods.parameters_of(request.method, request.parameters)
    values = ", ".join(f"{name} = {value:g}" for name, value in said.items() if value is not None)
    return values if request.method in (FOLLOW, GUIDED) else f"{request.method}: {values}"
